import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import {
  type BackendChoice,
  LiftscopeError,
  type OrderedEvent,
  type SnapshotEvent,
  type TrainingFrame,
  type TrainingParameters,
  type TrainingResult,
} from '../../contract/index.ts';
import { type JobOptions, type JobRow, lockForTraining, type Project, type SplatsRow } from '../project/index.ts';
import { endAbandonedTrainings, newestCheckpoint } from './abandoned.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';
import { mergeParameters, type SavedTraining, savedTraining } from './saved-training.ts';

/** How a training is watched and steered; nothing in here decides its outcome. */
interface TrainingRunOptions {
  readonly checkpointEvery?: number;
  readonly evaluateEvery?: number;
  readonly evaluateAt?: readonly number[];
  readonly previewEvery?: number;
  /** Time between preview images; the first comes before the first iteration. 0 or absent: by `previewEvery` alone. */
  readonly previewIntervalMs?: number;
  readonly signal?: AbortSignal;
  readonly killSignal?: AbortSignal;
  readonly onEvent?: (event: OrderedEvent) => void;
  readonly onSnapshot?: (event: SnapshotEvent) => void | Promise<void>;
  readonly onLog?: (text: string) => void;
  readonly onMemory?: (bytes: number) => void;
  /** The worker, with stand-ins for tests. */
  readonly worker?: Pick<
    RunJobOptions,
    'workerPath' | 'nodePath' | 'ladder' | 'silenceMs' | 'audience' | 'backgroundPriority'
  >;
}

export interface TrainOptions extends TrainingRunOptions {
  /** Absent fields take the trainer's defaults, or with `resume` those of the interrupted training. */
  readonly parameters?: Partial<TrainingParameters>;
  readonly backend?: BackendChoice;
  /** 0: one per core. */
  readonly threads?: number;
  readonly memoryBudgetBytes?: number;
  /** Continue the training that was interrupted last. */
  readonly resume?: boolean;
}

export interface TrainOutcome {
  readonly jobId: number;
  readonly result: TrainingResult;
  readonly splats: SplatsRow;
}

export const TRAINING_KIND = 'train-splats';

/**
 * Trains splats on the project's current capture. The job, its events, its result and the splats are in the project when
 * this resolves; a training that failed or was cancelled is there as such, with its checkpoints.
 *
 * @throws LiftscopeError
 */
export async function trainProject(project: Project, options: TrainOptions = {}): Promise<TrainOutcome> {
  using _lock = lockForTraining(project.folder);
  await endAbandonedTrainings(project, TRAINING_KIND);

  const stored = project.captures.current();
  const frames = await framesForWorker(stored.capture);
  const interrupted = options.resume === true ? findInterrupted(project, stored.id) : undefined;
  const saved = interrupted === undefined ? undefined : savedTraining(interrupted);
  const job = project.jobs.create({
    kind: TRAINING_KIND,
    captureId: stored.id,
    options: trainingOptions({
      parameters: mergeParameters(options.parameters ?? {}, saved?.parameters),
      backend: options.backend ?? saved?.backend ?? 'auto',
      threads: options.threads ?? saved?.threads ?? 0,
      memoryBudgetBytes: options.memoryBudgetBytes ?? saved?.memoryBudgetBytes,
    }),
    checkpointDir: interrupted?.checkpointDir ?? null,
    resumedFrom: interrupted?.id ?? null,
  });
  const onAbort = (): void => project.jobs.cancelling(job.id);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const outcome = await runTraining(project, job, { ...options, frames, resume: interrupted !== undefined });
    // A command resumes the newest training alone: older ones of commands can no longer be reached. The studio lists its own.
    const ofCommands = project.jobs.list(TRAINING_KIND, stored.id).filter(({ priority }) => priority === null);
    await dropCheckpoints(project, ofCommands);
    return outcome;
  } catch (error) {
    const failure = describeFailure(error, newestCheckpoint(project, project.jobs.get(job.id)));
    project.jobs.failed(job.id, failure.toFailure());
    throw failure;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** A training's choices as its row keeps them. */
export function trainingOptions({ memoryBudgetBytes, ...choices }: SavedTraining): JobOptions {
  return { ...choices, ...(memoryBudgetBytes !== undefined && { memoryBudgetBytes }) };
}

interface RunTrainingOptions extends TrainingRunOptions {
  readonly frames: TrainingFrame[];
  /** Go on from the newest checkpoint of the job's folder, where there is one. */
  readonly resume: boolean;
}

/**
 * Runs the training that a row of the project describes, to its end. The caller holds the training lock, and says in the
 * row when this rejects; when it resolves, the row is finished and its checkpoints, which have served, are gone.
 *
 * @throws LiftscopeError
 */
export async function runTraining(
  project: Project,
  job: Pick<JobRow, 'id' | 'captureId' | 'options' | 'checkpointDir'>,
  options: RunTrainingOptions,
): Promise<TrainOutcome> {
  const { parameters, backend, threads, memoryBudgetBytes } = savedTraining(job);
  const stored = job.captureId === null ? undefined : project.captures.get(job.captureId);
  if (stored === undefined) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'The capture of this training is no longer in the project.',
    });
  }
  const checkpointDir = job.checkpointDir ?? `checkpoints/${job.id}`;
  project.jobs.setCheckpointDir(job.id, checkpointDir);
  await mkdir(project.insidePath(checkpointDir), { recursive: true });
  const outputPath = await project.artifacts.temporaryPath('splats');
  const result = await runJob(
    TRAINING_KIND,
    {
      frames: options.frames,
      ...(stored.pointsArtifact !== undefined && {
        points: { path: project.artifacts.path(stored.pointsArtifact), count: stored.capture.points.count },
      }),
      parameters,
      backend,
      // Resolved here, so that the result and the events name a number.
      threads: threads === 0 ? availableParallelism() : threads,
      memoryBudgetBytes,
      checkpointDir: project.insidePath(checkpointDir),
      resume: options.resume,
      // Whoever asks to go on does not want to begin again because a photo has changed.
      refuseOtherCheckpoints: options.resume,
      checkpointEvery: options.checkpointEvery,
      evaluateEvery: options.evaluateEvery,
      evaluateAt: options.evaluateAt === undefined ? undefined : [...options.evaluateAt],
      previewEvery: options.previewEvery,
      previewIntervalMs: options.previewIntervalMs,
      outputPath,
    },
    {
      ...options.worker,
      ...pick(options, 'signal', 'killSignal', 'onSnapshot', 'onLog', 'onMemory'),
      onSpawn: (pid) => project.jobs.started(job.id, pid),
      onEvent: (event) => {
        project.jobs.appendEvent(job.id, event);
        options.onEvent?.(event);
      },
    },
  );
  const artifact = await project.artifacts.adopt(result.splatsPath, 'splats');
  const splats = project.splats.add({
    captureId: stored.id,
    jobId: job.id,
    artifact,
    gaussians: result.gaussians,
    shDegree: parameters.shDegree,
  });
  project.splats.recordQuality(splats.id, job.id, result.iterations, result);
  const final = { ...result, splatsPath: project.artifacts.path(artifact) };
  project.jobs.finished(job.id, z.json().parse(JSON.parse(JSON.stringify(final))));
  await dropCheckpoints(project, project.jobs.sharing(checkpointDir));
  return { jobId: job.id, result: final, splats };
}

/** The newest training of the capture, when it was interrupted. */
function findInterrupted(project: Project, captureId: number): JobRow {
  // One that waits in a studio's queue is the studio's to run.
  const job = project.jobs.list(TRAINING_KIND, captureId).find(({ state }) => state !== 'queued');
  if (job === undefined || job.checkpointDir === null || job.state === 'finished') {
    throw new LiftscopeError({
      code: 'bad-input',
      message:
        job === undefined
          ? 'There is no interrupted training to resume: nothing has been trained on this capture yet.'
          : `There is no interrupted training to resume: the last one ${job.state === 'finished' ? 'has finished' : 'has no checkpoints any more'}.`,
      hint: 'Leave out --resume to start a new training.',
    });
  }
  return job;
}

/** Removes the checkpoints of jobs that have ended; those of a job that waits or runs, and of whom it shares them with, stay. */
export async function dropCheckpoints(project: Project, jobs: readonly JobRow[]): Promise<void> {
  const needed = new Set(project.jobs.unfinished().map((job) => job.checkpointDir));
  for (const { id, checkpointDir } of jobs) {
    if (checkpointDir === null || needed.has(checkpointDir)) continue;
    await rm(project.insidePath(checkpointDir), { recursive: true, force: true });
    project.jobs.setCheckpointDir(id, null);
  }
}

function describeFailure(error: unknown, lastCheckpoint: number | undefined): LiftscopeError {
  if (!(error instanceof LiftscopeError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new LiftscopeError({ code: 'internal', message: `Training failed: ${message}` }, { cause: error });
  }
  if (error.code !== 'cancelled' || lastCheckpoint === undefined) return error;
  return new LiftscopeError({
    code: 'cancelled',
    message: `Training was cancelled; the last checkpoint is at iteration ${lastCheckpoint}.`,
    hint: 'Continue it with --resume.',
  });
}

function pick<T extends object, K extends keyof T>(from: T, ...keys: K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Partial<
    Pick<T, K>
  >;
}
