import { rm } from 'node:fs/promises';
import type { z } from 'zod';
import {
  type BackendChoice,
  type ClusteringParameters,
  type LiftEvaluationResult,
  type LiftingRecipe,
  type LiftingResult,
  LiftscopeError,
  liftingResultSchema,
  MASKS_EXTENSION,
  type MaskSource,
  type TeacherNoise,
} from '../../contract/index.ts';
import { LIFTED_MASKS, storeLift } from '../instances/index.ts';
import type { ArtifactName, Project, SplatsRow } from '../project/index.ts';
import { latestSplats } from './evaluate.ts';
import { framesForWorker } from './frames.ts';
import { type JobSupervision, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';
import { segmentProject } from './segment.ts';

type Json = z.core.util.JSONType;

export interface LiftOptions extends JobSupervision {
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
  /** Objects that were there before and were found again, and records of people that were left as they are. */
  readonly found: number;
  readonly kept: number;
}

const LIFTING_KIND = 'lift-objects';
/** A clustering or a step of a wide field may take this long between two looks at its messages. */
const LIFT_SILENCE_MS = 10 * 60_000;

/**
 * Lifts masks of the project's current capture to objects on its newest splats. The job, its events, its result, the lift
 * (as an instance field), its objects with their observations, and its instance maps (as a mask set) are in the project when
 * this resolves. A capture without any masks is segmented first.
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
  if (name === undefined && truthDir === undefined && givenSets(project, captureId).length === 0) {
    const { signal, killSignal, onEvent, onLog, onSpawn, workerPath, nodePath, ladder } = run;
    const steering = { signal, killSignal, onEvent, onLog, onSpawn, workerPath, nodePath, ladder };
    await segmentProject(project, { captureId, method: 'graph', threads, ...definedOf(steering) });
  }
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
  const temporaries: string[] = [];
  try {
    const outputPath = await project.artifacts.temporaryPath('lift');
    const masksPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
    temporaries.push(masksPath, `${outputPath}.observations`);
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
        instances: { masksPath, setName: LIFTED_MASKS, observationsPath: `${outputPath}.observations` },
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
    const { field, found, kept } = await storeLift(project, {
      ...{ captureId, splats, jobId: job.id, result: final, artifact, masks: masks.name },
      maps: await project.artifacts.adopt(masksPath, MASKS_EXTENSION),
      observationsPath: `${outputPath}.observations`,
    });
    project.jobs.finished(job.id, JSON.parse(JSON.stringify(final)));
    return { jobId: job.id, fieldId: field.id, result: final, found, kept };
  } catch (error) {
    const failure =
      error instanceof LiftscopeError
        ? error
        : new LiftscopeError({ code: 'internal', message: `Lifting failed: ${String(error)}` }, { cause: error });
    if (jobId === undefined) project.jobs.failed(job.id, failure.toFailure());
    throw failure;
  } finally {
    run.signal?.removeEventListener('abort', onAbort);
    for (const path of temporaries) await rm(path, { force: true });
  }
}

/** Sets that did not come out of a lift themselves. */
function givenSets(project: Project, captureId: number) {
  return project.maskSets.list(captureId).filter(({ info }) => info.provenance.kind !== 'lifted');
}

function definedOf<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
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
  const wanted = name ?? givenSets(project, captureId).at(-1)?.info.name ?? 'simulated';
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
