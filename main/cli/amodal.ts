import { type Command, InvalidArgumentError } from 'commander';
import { AMODAL_FIT_DEFAULTS } from '../../contract/index.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { formatBytes, formatDuration } from './output.ts';
import { naturalNumber, seedNumber } from './values.ts';

interface AmodalFlags extends ComputeFlags {
  readonly objects?: readonly number[];
  readonly frames?: readonly string[];
  readonly depth?: string;
  readonly iterations?: number;
  readonly seed?: number;
}

/** `amodal DIR [--objects IDS] [--frames NAMES]` */
export function addAmodal(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const amodal = verb(
    'amodal <dir>',
    'Whole silhouettes of tracked objects, hidden parts included: the mask set "amodal" takes the place of an earlier one',
  )
    .option(
      '--objects <ids>',
      'ids with commas between (default: all that stand still and are occluded in some frame)',
      idList,
    )
    .option('--frames <names>', 'names with commas between (default: all)', nameList)
    .option(
      '--depth <source>',
      'simulated, splats, or an installed depth model (default: simulated for a generated scene, else the newest splats)',
    )
    .option(
      '--iterations <n>',
      `steps that each model is fitted for (default: ${AMODAL_FIT_DEFAULTS.iterations})`,
      objectId,
    )
    .option('--seed <n>', 'of the fit', seedNumber);
  addComputeOptions(amodal);
  amodal.action(async (dir: string, { objects, frames, depth, iterations, seed, backend, threads }: AmodalFlags) => {
    const { openProject } = await import('../project/index.ts');
    const { makeAmodal } = await import('../jobs/index.ts');
    using project = await openProject(dir);
    const outcome = await makeAmodal(project, {
      ...present({ objects, frames, depth, backend, threads }),
      fit: present({ iterations, seed }),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      onEvent: (event) => showEvent(output, event),
    });
    output.endProgress();
    const { result } = outcome;
    const names = new Map(project.objects.list(project.captures.current().id).map(({ id, name }) => [id, name]));
    output.result(
      { ...outcome, project: project.folder },
      [
        `${result.masks} amodal masks of ${result.objects.length} objects in ${result.frames} frames: mask set "${outcome.masks}"`,
        ...result.objects.map(
          ({ id, masks, unseenMasks, intervals }) =>
            `  ${id} ${names.get(id) ?? ''}: ${masks} masks, ${unseenMasks} of them where nothing of it is seen; ${intervals.length} places`,
        ),
        `  ${formatDuration(result.seconds.total)}; peak memory ${formatBytes(result.peakMemoryBytes)}`,
        ...result.objects
          .slice(0, 1)
          .map(({ id }) => `Next: liftscope export ${dir} --format ply --object ${id} --out object-${id}.ply`),
      ].join('\n'),
    );
  });
}

/** 1 and above. */
export function objectId(text: string): number {
  const value = naturalNumber(text);
  if (value < 1) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return value;
}

function idList(text: string): number[] {
  return text.split(',').map((part) => objectId(part.trim()));
}

function nameList(text: string): string[] {
  const names = text.split(',').map((part) => part.trim());
  if (names.includes('')) throw new InvalidArgumentError('It must be names with commas between.');
  return names;
}
