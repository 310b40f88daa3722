import { type Command, Option } from 'commander';
import { LiftscopeError, type TrackingFigures, type TrackingRecipe, trackingRecipes } from '../../contract/index.ts';
import { parsePairs } from './bench.ts';
import { type Invocation, present, showEvent } from './common.ts';
import { formatBytes, formatDuration } from './output.ts';
import { formatTable } from './table.ts';
import { naturalNumber } from './values.ts';

interface TrackFlags {
  readonly recipe: TrackingRecipe;
  readonly masks?: string;
  readonly depth?: string;
  readonly features?: string;
  readonly seed?: number;
  readonly set?: readonly string[];
}

/** `track DIR --recipe NAME` */
export function addTrack(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  verb('track <dir>', 'Refine 2D tracks in 3D: objects keep their identity through occlusion and out of view')
    .addOption(new Option('--recipe <name>', 'how').choices(trackingRecipes).default('spatial'))
    .option(
      '--masks <name>',
      'mask set whose ids go on over frames, or simulated[:none|:default|:harsh] for a generated scene (default: the newest such set)',
    )
    .option(
      '--depth <source>',
      'simulated, splats, none, or an installed depth model (default: simulated for a generated scene, else the newest splats)',
    )
    .option(
      '--features <source>',
      'what segments look like: gradients, or an installed model of visual features (default: the first such model, else gradients)',
    )
    .option('--seed <n>', 'seed of the simulated tracker and depth', naturalNumber)
    .option('--set <key=value...>', "the recipe's own parameters: gamma, alphaLocation, useVisual …")
    .action(async (dir: string, options: TrackFlags) => {
      const { openProject } = await import('../project/index.ts');
      const { trackProject } = await import('../jobs/index.ts');
      using project = await openProject(dir);
      const outcome = await trackProject(project, {
        recipe: options.recipe,
        ...present({ masks: options.masks, depth: options.depth, features: options.features, seed: options.seed }),
        parameters: parsePairs(options.set ?? []),
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
        onEvent: (event) => showEvent(output, event),
      });
      output.endProgress();
      const { result, stored } = outcome;
      const { depth } = result;
      output.result(
        { ...outcome, project: project.folder },
        [
          `Tracked ${result.segments} segments of ${result.framesWithSegments} frames into ${result.objects} objects by ${result.recipe}: ${result.initialTracks} initial tracks came in`,
          `  ${stored.observations} observations of ${stored.tracks} tracks stored, ${stored.skipped} left as a person made them; ${result.ambiguities} ambiguous returns`,
          `  depth of ${depth.fitted} frames aligned, ${depth.previous} by the previous frame, ${depth.none} without`,
          `  ${formatDuration(result.seconds.total ?? 0)}, of it ${formatDuration(result.seconds.tracking ?? 0)} tracking; peak memory ${formatBytes(result.peakMemoryBytes)}`,
          ...(result.quality === undefined ? [] : formatTrackingQuality(result.quality)),
        ].join('\n'),
      );
    });
}

/** `eval DIR --tracks` */
export async function showTrackFigures(dir: string, { output, interrupts }: Invocation): Promise<void> {
  const { openProject } = await import('../project/index.ts');
  const { evaluateTracksOf } = await import('../jobs/index.ts');
  using project = await openProject(dir);
  const { signal, killSignal } = interrupts;
  const figures = await evaluateTracksOf(project, { signal, killSignal });
  output.result(
    { ...figures, project: project.folder },
    [
      ...formatTable([FIGURE_HEADINGS, figureRow('tracks', figures)]),
      `${figures.segments} segments of ${figures.truths} visible objects in ${figures.frames} frames`,
    ].join('\n'),
  );
}

/** `tracks import` */
export function addTracks(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const tracks = verb('tracks', 'Tracks of other programs: read them (export writes them)');
  tracks.action(() => {
    throw new LiftscopeError({ code: 'usage', message: 'tracks needs a verb: import.', hint: 'See tracks --help.' });
  });
  tracks
    .command('import <dir> <path>')
    .description(
      'Read MOT (boxes become rectangles) or VISOR JSON; MOTS and COCO come in by: masks import --consistent',
    )
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .addOption(new Option('--format <name>', 'default: told by the path').choices(['mot', 'visor']))
    .option('--name <name>', 'name of the mask set (default: that of the file)')
    .action(async (dir: string, path: string, options: { format?: 'mot' | 'visor'; name?: string }) => {
      const { openProject } = await import('../project/index.ts');
      const { importProjectTracks } = await import('../tracks/index.ts');
      using project = await openProject(dir);
      const imported = await importProjectTracks(project, path, {
        ...{ format: options.format, name: options.name },
        signal: interrupts.signal,
      });
      for (const note of imported.notes) output.note(`Warning: ${note}`);
      output.result(
        { ...imported, project: project.folder },
        [
          `Imported ${imported.tracks} tracks, ${imported.segments} segments in ${imported.frames} frames (${imported.format}): mask set "${imported.name}"`,
          ...(imported.skipped === 0 ? [] : [`  ${imported.skipped} left out`]),
          `Next: liftscope track ${dir} --masks "${imported.name}"`,
        ].join('\n'),
      );
    });
}

function formatTrackingQuality(quality: {
  readonly input: TrackingFigures;
  readonly output: TrackingFigures;
  readonly stateAccuracy: number | null;
}): string[] {
  return [
    '',
    ...formatTable([FIGURE_HEADINGS, figureRow('input', quality.input), figureRow('output', quality.output)]),
    ...(quality.stateAccuracy === null ? [] : [`states right: ${percent(quality.stateAccuracy)} % of object-frames`]),
  ];
}

const FIGURE_HEADINGS = ['', 'HOTA', 'DetA', 'AssA', 'IDF1', 'id switches', 'merged pairs', 'tracks'];

function figureRow(name: string, figures: TrackingFigures): string[] {
  return [
    name,
    ...[figures.hota, figures.detA, figures.assA, figures.idf1].map(percent),
    String(figures.idSwitches),
    String(figures.mergedPairs),
    String(figures.tracks),
  ];
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
