import { type Command, Option } from 'commander';
import { graphSegmentationSchema, LiftscopeError, samSegmentationSchema } from '../../contract/index.ts';
import { type MaskExportReport, type MaskFormat, type MaskImportReport, maskFormatSchema } from '../masks/index.ts';
import { parsePairs } from './bench.ts';
import { type Invocation, showEvent } from './common.ts';
import { formatBytes, formatDuration } from './output.ts';
import { formatTable } from './table.ts';
import { threadCount } from './values.ts';

interface SegmentFlags {
  readonly method: 'graph' | 'sam';
  readonly model?: string;
  readonly name?: string;
  readonly set?: string[];
  readonly splats: boolean;
  readonly threads?: number;
}

/** `segment DIR`. */
export function addSegment(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  verb('segment <dir>', 'Segment every photo in 2D, each by itself, into a mask set to lift')
    .addOption(
      new Option('--method <name>', 'graph: built in, needs no weights; sam: a Segment Anything model in ONNX')
        .choices(['graph', 'sam'])
        .default('graph'),
    )
    .option('--model <name>', 'sam: name of an installed model (liftscope models list), or the path of its folder')
    .option('--name <name>', 'name of the mask set (default: the method)')
    .option('--set <pairs...>', 'parameters of the method as NAME=VALUE; listed below')
    .option('--no-splats', 'graph: do not use the depth of the trained splats')
    .option('--threads <n>', 'threads (default: one per core)', threadCount)
    .addHelpText('after', parametersHelp())
    .action(async (dir: string, options: SegmentFlags) => {
      const { openProject } = await import('../project/index.ts');
      const { segmentProject } = await import('../jobs/index.ts');
      using project = await openProject(dir);
      const { result, set, depth } = await segmentProject(project, {
        method: options.method,
        model: options.model,
        name: options.name,
        parameters: parsePairs(options.set ?? []),
        useSplats: options.splats,
        threads: options.threads,
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
        onEvent: (event) => showEvent(output, event),
      });
      output.endProgress();
      output.result(
        { ...result, set, depth, project: project.folder },
        [
          `Segmented ${result.frames} frames into ${result.segments} segments (${(result.segments / result.frames).toFixed(1)} a frame) in ${formatDuration(result.seconds)}: mask set "${set.name}"`,
          `  ${Math.round(result.medianFrameMs)} ms for the median frame, peak memory ${formatBytes(result.peakMemoryBytes)}${options.method === 'graph' ? `, ${depth ? 'with' : 'without'} depth of splats` : ''}`,
          ...(result.emptyFrameCount === 0
            ? []
            : [
                `  nothing found in ${result.emptyFrameCount} frames: ${listed(result.emptyFrames, result.emptyFrameCount)}`,
              ]),
        ].join('\n'),
      );
    });
}

function parametersHelp(): string {
  const lines = Object.entries({ graph: graphSegmentationSchema, sam: samSegmentationSchema }).flatMap(
    ([method, schema]) => {
      const defaults: Readonly<Record<string, unknown>> = schema.parse({});
      const rows = Object.entries(schema.shape).map(([name, field]) => [
        `  ${name}=${String(defaults[name])}`,
        field.description ?? '',
      ]);
      return ['', `Parameters of ${method}, with their defaults:`, ...formatTable(rows)];
    },
  );
  return lines.join('\n');
}

interface ImportFlags {
  readonly format?: MaskFormat;
  readonly name?: string;
  readonly images?: string;
  readonly consistent?: boolean;
  readonly human?: boolean;
}

/** `masks import`, `masks export`, `masks list`. */
export function addMasks(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const masks = verb('masks', 'Mask sets of a project: read them from other programs, write them, list them');
  const sub = (usage: string, description: string): Command =>
    masks
      .command(usage)
      .description(description)
      .option('--json', 'print one JSON document on stdout and nothing else there');
  masks.action(() => {
    throw new LiftscopeError({
      code: 'usage',
      message: 'masks needs one of: import, export, list.',
      hint: 'See masks --help.',
    });
  });

  sub('import <dir> <path>', 'Read masks for the frames of the current capture')
    .addOption(new Option('--format <name>', 'default: told by the path').choices(maskFormatSchema.options))
    .option('--name <name>', 'name of the mask set (default: that of the file or folder)')
    .option('--images <folder>', 'coco-panoptic: folder of the PNG files, when it is not beside the JSON')
    .option('--consistent', 'an id is the same object in all frames (MOTS promises it by itself)')
    .option('--human', 'a person made them: jobs will not replace them')
    .action(async (dir: string, path: string, options: ImportFlags) => {
      const { openProject } = await import('../project/index.ts');
      const { importProjectMasks } = await import('../masks/index.ts');
      using project = await openProject(dir);
      const { set, report } = await importProjectMasks(project, path, {
        name: options.name,
        format: options.format,
        pngFolder: options.images,
        consistentIds: options.consistent,
        madeBy: options.human === true ? 'human' : 'model',
        signal: interrupts.signal,
        onProgress: (done, total) => output.progress({ label: 'masks', done, total }),
      });
      output.endProgress();
      for (const note of report.notes.slice(0, 20)) output.note(`Warning: ${note.message}`);
      if (report.notes.length > 20) output.note(`… and ${report.notes.length - 20} more warnings (--json lists them).`);
      output.result({ set, ...report, project: project.folder }, formatImport(set.name, report));
    });

  sub('export <dir>', 'Write a mask set in the format of another program')
    .addOption(new Option('--format <name>', 'what to write').choices(maskFormatSchema.options).makeOptionMandatory())
    .requiredOption('--out <path>', 'a folder for PNG formats, a file for the others')
    .option('--name <name>', 'which mask set, where there are several')
    .action(async (dir: string, options: { format: MaskFormat; out: string; name?: string }) => {
      const { openProject } = await import('../project/index.ts');
      const { exportProjectMasks } = await import('../masks/index.ts');
      using project = await openProject(dir);
      const report = await exportProjectMasks(project, options.name, {
        format: options.format,
        outputPath: options.out,
        signal: interrupts.signal,
      });
      output.result(report, formatExport(report));
    });

  sub('list <dir>', 'The mask sets of the current capture').action(async (dir: string) => {
    const { openProject } = await import('../project/index.ts');
    using project = await openProject(dir);
    const sets = project.maskSets.list(project.captures.current().id);
    const rows = sets.map(({ info, frames }) => [
      info.name,
      `${frames} frames`,
      info.consistentIds ? 'consistent ids' : 'ids by frame',
      info.provenance.kind,
      info.provenance.source,
    ]);
    output.result(
      { sets: sets.map(({ info, frames, createdAt }) => ({ ...info, frames, createdAt })) },
      rows.length === 0 ? 'No mask sets.' : formatTable(rows).join('\n'),
    );
  });
}

function listed(names: readonly string[], count: number): string {
  return names.slice(0, 5).join(', ') + (count > 5 ? ', …' : '');
}

function formatImport(name: string, report: MaskImportReport): string {
  const { framesWithoutMasks, masksWithoutFrames, emptyFrames } = report;
  const line = (count: number, text: string, names: readonly string[]): string[] =>
    count === 0 ? [] : [`  ${count} ${text}: ${listed(names, count)}`];
  return [
    `Imported ${report.segments} segments in ${report.frames} frames (${report.format}): mask set "${name}"`,
    ...line(framesWithoutMasks.count, 'frames without masks', framesWithoutMasks.names),
    ...line(masksWithoutFrames.count, 'masks without a frame', masksWithoutFrames.names),
    ...line(emptyFrames.count, 'frames whose masks hold no segment', emptyFrames.names),
    ...Object.entries(report.noteCounts).map(([code, count]) => `  ${count} x ${code}`),
  ].join('\n');
}

function formatExport(report: MaskExportReport): string {
  const lost: [number, string][] = [
    [report.overlapPx, 'pixels of overlap show the smaller segment only'],
    [report.hiddenSegments, 'segments are hidden by smaller ones and not in the files'],
    [report.changedIds, 'segments got another id, which the format asks for'],
    [report.omittedEmptyFrames, 'frames without segments have no place in the format'],
  ];
  return [
    `Wrote ${report.segments} segments of ${report.frames} frames as ${report.format} to ${report.outputPath}`,
    ...lost.filter(([count]) => count > 0).map(([count, text]) => `  ${count} ${text}`),
  ].join('\n');
}
