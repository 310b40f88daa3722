import { type Command, Option } from 'commander';
import { type LiftingRecipe, type LiftQuality, LiftscopeError, liftingRecipes } from '../../contract/index.ts';
import { parsePairs } from './bench.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { formatBytes, formatDuration } from './output.ts';
import { formatTable } from './table.ts';
import { naturalNumber, positiveNumber } from './values.ts';

interface LiftFlags extends ComputeFlags {
  readonly recipe: LiftingRecipe;
  readonly masks?: string;
  readonly seed?: number;
  readonly memoryBudget?: number;
  readonly set?: readonly string[];
  readonly clustering?: readonly string[];
}

/** Objects listed on a terminal; `--json` has all. */
const LISTED = 40;

/** `lift DIR --recipe NAME [--masks NAME]` */
export function addLift(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const lift = verb('lift <dir>', 'Lift inconsistent 2D masks into consistent 3D objects on the newest splats')
    .addOption(new Option('--recipe <name>', 'how').choices(liftingRecipes).default('closed-form'))
    .option(
      '--masks <name>',
      'mask set of the project, or simulated[:none|:default|:harsh] for a generated scene (default: the set made last)',
    )
    .option('--seed <n>', 'seed of every random choice', naturalNumber)
    .option('--memory-budget <megabytes>', 'do not use more memory than this', positiveNumber)
    .option('--set <key=value...>', "the recipe's own parameters")
    .option('--clustering <key=value...>', 'from embeddings to objects: method, minSamples, sweepFrom …');
  addComputeOptions(lift);
  lift.action(async (dir: string, options: LiftFlags) => {
    const { openProject } = await import('../project/index.ts');
    const { liftProject } = await import('../jobs/index.ts');
    using project = await openProject(dir);
    const { result, jobId, fieldId } = await liftProject(project, {
      recipe: options.recipe,
      ...present({
        masks: options.masks,
        seed: options.seed,
        backend: options.backend,
        threads: options.threads,
        memoryBudgetBytes: options.memoryBudget === undefined ? undefined : Math.round(options.memoryBudget * 1e6),
      }),
      parameters: parsePairs(options.set ?? []),
      clustering: clusteringOf(options.clustering ?? []),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      onEvent: (event) => showEvent(output, event),
    });
    output.endProgress();
    const rows = result.objects
      .slice(0, LISTED)
      .map((object) => [
        `object ${object.id}`,
        `${object.gaussians} Gaussians`,
        `${object.frames} frames`,
        `confidence ${object.confidence.toFixed(2)}`,
        object.bestFrames[0] === undefined ? '' : `best seen in ${object.bestFrames[0].frame}`,
      ]);
    const more = result.objects.length - LISTED;
    output.result(
      { ...result, jobId, fieldId, project: project.folder },
      [
        ...formatTable(rows),
        ...(more > 0 ? [`… and ${more} more objects (--json lists them).`] : []),
        `Lifted ${result.segments} segments of ${result.framesLifted} frames into ${result.objects.length} objects by ${result.recipe} in ${formatDuration(result.seconds.total ?? 0)}; peak memory ${formatBytes(result.peakMemoryBytes)}; seed ${result.seed}`,
        ...(result.quality === undefined ? [] : formatLiftQuality(result.quality)),
      ].join('\n'),
    );
  });
}

/** @throws LiftscopeError `bad-input` */
function clusteringOf(pairs: readonly string[]): Record<string, never> {
  const parsed = parsePairs(pairs);
  for (const [key, value] of Object.entries(parsed)) {
    if (value !== null) continue;
    throw new LiftscopeError({ code: 'bad-input', message: `--clustering ${key} has no value.` });
  }
  // The request's schema checks names and values.
  return parsed as Record<string, never>;
}

/** Figures of the `messy-rooms` protocol. */
export function formatLiftQuality({ things, twoClass, perFrame, allOneInstance, frames }: LiftQuality): string[] {
  const figure = (value: number | null) => (value === null ? 'unknown' : value.toFixed(1));
  return [
    `Objects on ${frames} held-out frames: PQ_things ${figure(things.pq)} (SQ ${figure(things.sq)}, RQ ${figure(things.rq)}), ` +
      `${things.truePositives} found, ${things.falseNegatives} missed, ${things.falsePositives} wrong; ` +
      `two-class mean ${figure(twoClass.pq)}; per frame ${figure(perFrame.before)} before, ${figure(perFrame.after)} after; ` +
      `all one instance ${figure(allOneInstance.pq)} (two-class ${figure(allOneInstance.twoClassPq)})`,
  ];
}
