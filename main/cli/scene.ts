import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import {
  LiftscopeError,
  noisePresetSchema,
  type SceneName,
  type SceneResult,
  sceneKindSchema,
  sceneObjectsSchema,
  sceneSizeSchema,
  sceneViewsSchema,
  type TeacherNoise,
} from '../../contract/index.ts';
import { type Invocation, present, showEvent } from './common.ts';
import { formatBytes, formatDuration } from './output.ts';
import { formatTable } from './table.ts';
import { seedNumber, threadCount } from './values.ts';

interface SceneFlags {
  readonly out?: string;
  readonly sheet?: string;
  readonly seed?: number;
  readonly objects?: number;
  readonly views?: number;
  readonly size?: number;
  readonly threads?: number;
  readonly noise: TeacherNoise;
}

/** `scene NAME`. */
export function addScene(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  verb('scene', 'Generate a scene with its ground truth: a capture to import, a contact sheet to look at, or both')
    .addArgument(new Argument('<name>', 'which scene').choices(sceneKindSchema.options))
    .option('--out <dir>', 'folder of the capture; new or empty')
    .option('--sheet <file>', 'PNG to write: rows of RGB, depth, instances, parts')
    .option('--seed <n>', 'seed of everything (default: 0)', seedNumber)
    .option('--objects <n>', 'number of objects (default: 25, kitchen and turntable 20)', fieldOf(sceneObjectsSchema))
    .option(
      '--views <n>',
      'number of images (default: 60·√(objects/25), kitchen 300, turntable 5 of each object)',
      fieldOf(sceneViewsSchema),
    )
    .option('--size <px>', 'image width (default: 160, turntable 128)', fieldOf(sceneSizeSchema))
    .option('--threads <n>', 'render threads (default: one per core)', threadCount)
    .addOption(
      new Option('--noise <preset>', 'error rates of the simulated segmenter, tracker and depth')
        .choices(noisePresetSchema.options)
        .default('default'),
    )
    .action(async (scene: SceneName, options: SceneFlags) => {
      if (options.out === undefined && options.sheet === undefined) {
        const hint = 'Give --out DIR for a capture, --sheet FILE for a picture of it, or both.';
        throw new LiftscopeError({ code: 'usage', message: 'Nothing would be written.', hint });
      }
      const { generateScene } = await import('../jobs/index.ts');
      const { out, sheet, seed, objects, views, size, threads, noise } = options;
      const result = await generateScene({
        scene,
        noise,
        ...present({ outputDir: out, sheetPath: sheet, seed, objects, views, size, threads }),
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
        onEvent: (event) => showEvent(output, event),
      });
      output.result(result, formatScene(result, out));
    });
}

/** Checked by the contract's own schema of the field. */
function fieldOf(schema: z.ZodType<number>): (text: string) => number {
  return (text) => {
    const parsed = schema.safeParse(text.trim() === '' ? Number.NaN : Number(text));
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? 'not valid');
  };
}

/** `out` as the user wrote it, for commands to copy. */
function formatScene(result: SceneResult, out: string | undefined): string {
  const { capture, seconds } = result;
  const head = `${result.scene}, seed ${result.seed}: ${result.objects} objects, ${result.width}x${result.height}`;
  const lines = [head];
  if (capture !== null) {
    const { checks, teachers, frames, testFrames, points } = capture;
    lines.push(
      `Wrote ${frames} images (${testFrames} of them the test split), ${points} sparse points and the truth to ${capture.path}`,
      `  ${formatDuration(seconds.layout + seconds.capture)} for scene and images, ${formatDuration(seconds.teachers)} for the teachers, peak memory ${formatBytes(result.peakMemoryBytes)}`,
      '',
      ...formatTable(
        checks.map((check) => [check.met ? 'met' : 'MISSED', check.name, figure(check.value), check.target]),
      ),
      '',
      ...formatTeachers(teachers),
    );
  }
  if (result.sheetPath !== null) lines.push(`Wrote the contact sheet ${result.sheetPath}`);
  if (out !== undefined) lines.push(`Next: liftscope import ${out} --project ${out}.liftscope`);
  return lines.join('\n');
}

function formatTeachers({
  noise,
  segmenter,
  tracker,
  depth,
}: NonNullable<SceneResult['capture']>['teachers']): string[] {
  const percent = (share: number | null): string =>
    share === null ? 'nothing to score' : `${(100 * share).toFixed(1)} %`;
  const pq = segmenter.pq === null ? null : segmenter.pq / 100;
  return [
    `Simulated teachers at noise "${noise}":`,
    `  segmenter  PQ ${percent(pq)} (mean of ${segmenter.framesScored} frames)`,
    tracker === null
      ? '  tracker    nothing to score'
      : `  tracker    HOTA ${percent(tracker.hota)}, DetA ${percent(tracker.detA)}, AssA ${percent(tracker.assA)}, IDF1 ${percent(tracker.idf1)}, ${tracker.idSwitches} id switches`,
    `  depth      abs-rel ${depth.absoluteRelative === null ? 'nothing to score' : depth.absoluteRelative.toFixed(4)}, within 25 % ${percent(depth.delta125)}`,
  ];
}

const figure = (value: number): string => String(Number(value.toPrecision(4)));
