import type { z } from 'zod';
import {
  type BackendChoice,
  type ClusteringParameters,
  type LiftEvaluationResult,
  type LiftingRecipe,
  type LiftingResult,
  LiftscopeError,
  liftingResultSchema,
  type MaskSource,
  type TeacherNoise,
} from '../../contract/index.ts';
import type { ArtifactName, Project, SplatsRow } from '../project/index.ts';
import { latestSplats } from './evaluate.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';

type Json = z.core.util.JSONType;

export interface LiftOptions
  extends Pick<
    RunJobOptions,
    | 'signal'
    | 'killSignal'
    | 'onEvent'
    | 'onLog'
    | 'onSpawn'
    | 'onMemory'
    | 'workerPath'
    | 'nodePath'
    | 'ladder'
    | 'audience'
    | 'backgroundPriority'
  > {
  readonly recipe: LiftingRecipe;
  /**
   * Name of a mask set of the project, or `simulated`, `simulated:none`, `simulated:harsh` for a generated scene. Default: the
   * set made last, else the simulated one.
   */
  readonly masks?: string;
  /** Overrides of the recipe's parameters. */
  readonly parameters?: Readonly<Record<string, Json>>;
  readonly clustering?: Partial<ClusteringParameters>;
  readonly seed?: number;
  readonly backend?: BackendChoice;
  readonly threads?: number;
  readonly memoryBudgetBytes?: number;
  /** A job that is in the project already and that the caller ends where this rejects; absent: one is made. */
  readonly jobId?: number;
}

export interface LiftOutcome {
  readonly jobId: number;
  readonly fieldId: number;
  readonly result: LiftingResult;
}

const LIFTING_KIND = 'lift-objects';
/** A clustering or a step of a wide field may take this long between two looks at its messages. */
const LIFT_SILENCE_MS = 10 * 60_000;

/**
 * Lifts masks of the project's current capture to objects on its newest splats. The job, its events, its result and the lift
 * (as an instance field) are in the project when this resolves.
 * @throws LiftscopeError
 */
export async function liftProject(project: Project, options: LiftOptions): Promise<LiftOutcome> {
  const capture = project.captures.current();
  return liftSplats(project, capture.id, latestSplats(project, capture.id), options);
}

/** As {@link liftProject}, for any splats of any capture. @throws LiftscopeError */
export async function liftSplats(
  project: Project,
  captureId: number,
  splats: SplatsRow,
  options: LiftOptions,
): Promise<LiftOutcome> {
  const {
    recipe,
    masks: name,
    parameters,
    clustering,
    seed,
    backend,
    threads,
    memoryBudgetBytes,
    jobId,
    ...run
  } = options;
  const stored = project.captures.get(captureId);
  if (stored === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `The project has no capture ${captureId}.` });
  }
  const frames = await framesForWorker(stored.capture);
  const truthDir = await findSceneTruth(stored.capture);
  const masks = chooseMasks(project, captureId, name, truthDir !== undefined, seed ?? 0);
  const chosen = {
    recipe,
    masks: masks.name,
    parameters: { ...parameters },
    clustering: { ...clustering },
    seed: seed ?? 0,
  };
  const job =
    jobId !== undefined
      ? { id: jobId }
      : project.jobs.create({
          kind: LIFTING_KIND,
          captureId,
          options: JSON.parse(JSON.stringify(chosen)),
          checkpointDir: null,
          resumedFrom: null,
        });
  const onAbort = (): void => project.jobs.cancelling(job.id);
  run.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const outputPath = await project.artifacts.temporaryPath('lift');
    const result = await runJob(
      LIFTING_KIND,
      {
        splatsPath: project.artifacts.path(splats.artifact),
        frames,
        masks: masks.source,
        recipe,
        parameters: chosen.parameters,
        clustering: chosen.clustering,
        seed: chosen.seed,
        backend,
        threads,
        memoryBudgetBytes,
        ...(truthDir !== undefined && { truthDir }),
        outputPath,
      },
      {
        silenceMs: LIFT_SILENCE_MS,
        ...run,
        onSpawn: (pid) => {
          project.jobs.started(job.id, pid);
          run.onSpawn?.(pid);
        },
        onEvent: (event) => {
          project.jobs.appendEvent(job.id, event);
          run.onEvent?.(event);
        },
      },
    );
    const artifact = await project.artifacts.adopt(result.liftPath, 'lift');
    const final = { ...result, liftPath: project.artifacts.path(artifact) };
    const field = project.fields.add({
      splatsId: splats.id,
      jobId: job.id,
      kind: 'instance',
      recipe,
      dimensions: Math.max(1, result.objects.length),
      artifact,
      options: { masks: masks.name, parameters: result.parameters, seed: result.seed },
    });
    project.jobs.finished(job.id, JSON.parse(JSON.stringify(final)));
    return { jobId: job.id, fieldId: field.id, result: final };
  } catch (error) {
    const failure =
      error instanceof LiftscopeError
        ? error
        : new LiftscopeError({ code: 'internal', message: `Lifting failed: ${String(error)}` }, { cause: error });
    if (jobId === undefined) project.jobs.failed(job.id, failure.toFailure());
    throw failure;
  } finally {
    run.signal?.removeEventListener('abort', onAbort);
  }
}

/** @throws LiftscopeError `not-found` naming the sets that there are */
function chooseMasks(
  project: Project,
  captureId: number,
  name: string | undefined,
  hasTruth: boolean,
  seed: number,
): { name: string; source: MaskSource } {
  const sets = project.maskSets.list(captureId);
  const wanted = name ?? sets.at(-1)?.info.name ?? 'simulated';
  const set = project.maskSets.get(captureId, wanted);
  if (set !== undefined) return { name: wanted, source: fileOf(project, set.artifact) };
  const noise = /^simulated(?::(none|default|harsh))?$/.exec(wanted);
  if (noise !== null && hasTruth) {
    return { name: wanted, source: { kind: 'simulated', noise: (noise[1] ?? 'default') as TeacherNoise, seed } };
  }
  const known = [...sets.map(({ info }) => info.name), ...(hasTruth ? ['simulated'] : [])];
  throw new LiftscopeError({
    code: 'not-found',
    message: name === undefined ? 'The capture has no masks yet.' : `The capture has no masks named "${name}".`,
    hint: known.length === 0 ? 'Import masks or segment the frames first.' : `Known: ${known.join(', ')}.`,
  });
}

function fileOf(project: Project, artifact: ArtifactName): MaskSource {
  return { kind: 'file', path: project.artifacts.path(artifact) };
}

/** What `eval` says about objects. */
export interface LiftEvaluation extends LiftEvaluationResult {
  readonly recipe: string;
  readonly objects: number | null;
}

/**
 * The newest lift of the splats, scored against the generated scene's truth on the held-out frames. Undefined when nothing
 * has been lifted or the capture has no truth.
 * @throws LiftscopeError
 */
export async function evaluateNewestLift(
  project: Project,
  splats: SplatsRow,
  options: Pick<LiftOptions, 'backend' | 'threads' | 'signal' | 'killSignal' | 'onEvent' | 'onLog' | 'workerPath'> = {},
): Promise<LiftEvaluation | undefined> {
  const field = project.fields.list(splats.id, 'instance').at(0);
  const stored = splats.captureId === null ? undefined : project.captures.get(splats.captureId);
  if (field === undefined || stored === undefined) return undefined;
  const truthDir = await findSceneTruth(stored.capture);
  const frames = (await framesForWorker(stored.capture)).filter(({ role }) => role === 'holdout');
  if (truthDir === undefined || frames.length === 0) return undefined;
  const { backend, threads, ...run } = options;
  const lifted = field.jobId === null ? undefined : project.jobs.result(field.jobId, liftingResultSchema);
  const { masks: name } = field.options;
  const masks =
    typeof name === 'string' ? chooseMasks(project, stored.id, name, true, lifted?.seed ?? 0).source : undefined;
  const result = await runJob(
    'evaluate-lift',
    {
      splatsPath: project.artifacts.path(splats.artifact),
      liftPath: project.artifacts.path(field.artifact),
      frames,
      ...(masks !== undefined && { masks }),
      truthDir,
      backend,
      threads,
    },
    run,
  );
  return { ...result, recipe: field.recipe, objects: lifted?.objects.length ?? null };
}
