import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import {
  type BackendChoice,
  backendChoiceSchema,
  LiftscopeError,
  type OrderedEvent,
  type SnapshotEvent,
  type TrainingParameters,
  type TrainingResult,
  trainingParametersSchema,
} from '../../contract/index.ts';
import { type JobOptions, type JobRow, lockForTraining, type Project, type SplatsRow } from '../project/index.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';

export interface TrainOptions {
  /** Absent fields take the trainer's defaults, or with `resume` those of the interrupted training. */
  readonly parameters?: Partial<TrainingParameters>;
  readonly backend?: BackendChoice;
  /** 0: one per core. */
  readonly threads?: number;
  readonly memoryBudgetBytes?: number;
  /** Continue the training that was interrupted last. */
  readonly resume?: boolean;
  readonly checkpointEvery?: number;
  readonly evaluateEvery?: number;
  readonly evaluateAt?: readonly number[];
  readonly previewEvery?: number;
  readonly signal?: AbortSignal;
  readonly killSignal?: AbortSignal;
  readonly onEvent?: (event: OrderedEvent) => void;
  readonly onSnapshot?: (event: SnapshotEvent) => void | Promise<void>;
  readonly onLog?: (text: string) => void;
  /** Stand-ins for tests. */
  readonly worker?: Pick<RunJobOptions, 'workerPath' | 'nodePath' | 'ladder' | 'silenceMs'>;
}

export interface TrainOutcome {
  readonly jobId: number;
  readonly result: TrainingResult;
  readonly splats: SplatsRow;
}

const KIND = 'train-splats';

/** What of a training's choices a later `--resume` must repeat. */
const savedOptionsSchema = z.object({
  parameters: trainingParametersSchema,
  backend: backendChoiceSchema,
  threads: z.number().int(),
});

/** A worker that lost its host ends itself within 8 s; whoever still has its process id after this is somebody else. */
const ORPHAN_WAIT_MS = 12_000;

/**
 * Trains splats on the project's current capture. The job, its events, its result and the splats are in the project when
 * this resolves; a training that failed or was cancelled is there as such, with its checkpoints.
 *
 * @throws LiftscopeError
 */
export async function trainProject(project: Project, options: TrainOptions = {}): Promise<TrainOutcome> {
  using _lock = lockForTraining(project.folder);
  await endAbandonedJobs(project);

  const stored = project.captures.current();
  const frames = await framesForWorker(stored.capture);
  const interrupted = options.resume === true ? findInterrupted(project, stored.id) : undefined;
  const saved = interrupted === undefined ? undefined : savedOptionsSchema.parse(interrupted.options);
  const parameters = mergeParameters(options.parameters ?? {}, saved?.parameters);
  const backend = options.backend ?? saved?.backend ?? 'auto';
  const threads = options.threads ?? saved?.threads ?? 0;

  const job = project.jobs.create({
    kind: KIND,
    captureId: stored.id,
    options: { parameters, backend, threads } satisfies JobOptions,
    checkpointDir: interrupted?.checkpointDir ?? null,
    resumedFrom: interrupted?.id ?? null,
  });
  const checkpointDir = job.checkpointDir ?? `checkpoints/${job.id}`;
  project.jobs.setCheckpointDir(job.id, checkpointDir);

  let lastCheckpoint: number | undefined;
  try {
    await mkdir(project.insidePath(checkpointDir), { recursive: true });
    const outputPath = await project.artifacts.temporaryPath('splats');
    const onAbort = (): void => project.jobs.cancelling(job.id);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const result = await runJob(
      KIND,
      {
        frames,
        ...(stored.pointsArtifact !== undefined && {
          points: { path: project.artifacts.path(stored.pointsArtifact), count: stored.capture.points.count },
        }),
        parameters,
        backend,
        // Resolved here, so that the result and the events name a number.
        threads: threads === 0 ? availableParallelism() : threads,
        memoryBudgetBytes: options.memoryBudgetBytes,
        checkpointDir: project.insidePath(checkpointDir),
        resume: interrupted !== undefined,
        checkpointEvery: options.checkpointEvery,
        evaluateEvery: options.evaluateEvery,
        evaluateAt: options.evaluateAt === undefined ? undefined : [...options.evaluateAt],
        previewEvery: options.previewEvery,
        outputPath,
      },
      {
        ...options.worker,
        ...pick(options, 'signal', 'killSignal', 'onSnapshot', 'onLog'),
        onSpawn: (pid) => project.jobs.started(job.id, pid),
        onEvent: (event) => {
          if (event.type === 'checkpoint') lastCheckpoint = event.iteration;
          project.jobs.appendEvent(job.id, event);
          options.onEvent?.(event);
        },
      },
    ).finally(() => options.signal?.removeEventListener('abort', onAbort));

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
    await dropCheckpoints(project, stored.id);
    return { jobId: job.id, result: final, splats };
  } catch (error) {
    const failure = describeFailure(error, lastCheckpoint);
    project.jobs.failed(job.id, failure.toFailure());
    throw failure;
  }
}

/** Whoever holds the project's lock may end what dead processes left running. */
async function endAbandonedJobs(project: Project): Promise<void> {
  for (const job of project.jobs.unfinished()) {
    const deadline = performance.now() + ORPHAN_WAIT_MS;
    while (job.workerPid !== null && isAlive(job.workerPid) && performance.now() < deadline) await sleep(50);
    project.jobs.failed(job.id, {
      code: 'crashed',
      message: 'The program ended while this training was running.',
      hint: 'Continue it with --resume.',
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The newest training of the capture, when it was interrupted. */
function findInterrupted(project: Project, captureId: number): JobRow {
  const job = project.jobs.list(KIND, captureId)[0];
  if (job === undefined || job.checkpointDir === null || job.state === 'finished') {
    throw new LiftscopeError({
      code: 'bad-input',
      message:
        job === undefined
          ? 'There is no interrupted training to resume: nothing has been trained on this capture yet.'
          : 'There is no interrupted training to resume: the last one has finished.',
      hint: 'Leave out --resume to start a new training.',
    });
  }
  return job;
}

/** @throws LiftscopeError when a resumed training is asked to go on with other parameters than it began with */
function mergeParameters(
  asked: Partial<TrainingParameters>,
  saved: TrainingParameters | undefined,
): TrainingParameters {
  if (saved === undefined) return trainingParametersSchema.parse(asked);
  for (const [name, value] of Object.entries(asked)) {
    const before: unknown = saved[name as keyof TrainingParameters];
    if (JSON.stringify(value) !== JSON.stringify(before)) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `The interrupted training has ${name} ${String(before)}; it cannot go on with ${String(value)}.`,
        hint: 'Leave the option out to resume, or leave out --resume to start a new training.',
      });
    }
  }
  return saved;
}

/** Checkpoints have served once a training of the capture has finished. */
async function dropCheckpoints(project: Project, captureId: number): Promise<void> {
  for (const job of project.jobs.list(KIND, captureId)) {
    if (job.checkpointDir === null) continue;
    await rm(project.insidePath(job.checkpointDir), { recursive: true, force: true });
    project.jobs.setCheckpointDir(job.id, null);
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
