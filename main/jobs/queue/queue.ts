import {
  type BackendChoice,
  type CurvePoint,
  type Failure,
  type JobLogLine,
  type JobSpec,
  type JobView,
  LiftscopeError,
  type OrderedEvent,
  type SnapshotEvent,
  type StudioEvent,
  type StudioSnapshot,
  studioJobKindSchema,
} from '../../../contract/index.ts';
import { failureOf } from '../../failures.ts';
import { type JobRow, lockForQueue, type Project } from '../../project/index.ts';
import { newestCheckpoint } from '../abandoned.ts';
import { explainReported } from '../explain-exit.ts';
import { savedTraining } from '../saved-training.ts';
import { dropCheckpoints, TRAINING_KIND } from '../train.ts';
import { curveOf, curvePointOf } from './curve.ts';
import { JobLog } from './job-log.ts';
import { recover } from './recover.ts';
import {
  type ComputeChoice,
  type Progress,
  type RunnerTable,
  runnerOf,
  type StoredTable,
  type WorkerOptions,
} from './runner.ts';
import { deviceOfBackend, runners as standardRunners } from './runners.ts';
import { deviceWords, isResumable, type LiveJob, specOf, type UnsavedEnd, viewOf } from './view.ts';
import { interruptedFailure, logLineOf, progressOf } from './words.ts';

export type QueueMessage =
  | {
      readonly lane: 'event';
      readonly event: Extract<StudioEvent, { type: 'job-changed' | 'job-removed' | 'job-curve' | 'job-log' }>;
    }
  | {
      readonly lane: 'snapshot';
      /** Latest-wins by this. */
      readonly key: string;
      readonly snapshot: Extract<StudioSnapshot, { type: 'job-progress' | 'job-preview' }>;
    };

export interface JobQueueOptions {
  /** Called in order, while the queue is at work: must return soon. What it throws is ignored. */
  readonly listener: (message: QueueMessage) => void;
  /** Called before the `job-changed` of a finished job that changed these tables. */
  readonly onStored?: (tables: readonly StoredTable[]) => void;
  /** Name of the device that a backend computes on; jobs of one device run one after another. Default: by backend. */
  readonly deviceOf?: (backend: BackendChoice) => string;
  /** For jobs that leave it open. Default: auto, one thread per core. */
  readonly compute?: Partial<ComputeChoice>;
  /** The Node binary of workers; the desktop passes the one it ships. */
  readonly nodePath?: string;
  /** Stand-ins for tests. */
  readonly worker?: WorkerOptions;
  readonly runners?: RunnerTable;
}

/** Jobs in one answer of `list`; older ones stay in the project. */
const MAX_LISTED = 500;
const PROGRESS_INTERVAL_MS = 250;
/** Of jobs that have ended, only the newest few keep their last preview image in memory. */
const MAX_PREVIEWS = 20;
/** When the project is closed, a training gets this long for its last checkpoint. */
const CLOSE_WAIT_MS = 10_000;

interface Preview {
  readonly preview: number;
  readonly iteration: number;
  readonly png: Uint8Array;
}

/** A job at work. */
interface Running {
  readonly id: number;
  readonly needs: readonly string[];
  readonly abort: AbortController;
  readonly kill: AbortController;
  readonly log: JobLog;
  live: LiveJob;
  progressTimer: NodeJS.Timeout | undefined;
  lastProgressAt: number;
  done: Promise<void>;
}

/**
 * Takes over the jobs of an open project: what a studio that died left running is ended in words, what waited is started.
 * @throws LiftscopeError `bad-input` when another studio has the project open
 */
export function openJobQueue(project: Project, options: JobQueueOptions): JobQueue {
  return new JobQueue(project, lockForQueue(project.folder), options);
}

/**
 * The jobs of one project. They run in the order of their priorities, equal ones in the order they were queued, one at a
 * time on each device. Everything that outlives the studio is in the project before anyone hears of it.
 */
export class JobQueue {
  private readonly project: Project;
  private readonly lock: Disposable;
  private readonly options: JobQueueOptions;
  private readonly runners: RunnerTable;
  private readonly compute: ComputeChoice;
  private readonly worker: WorkerOptions;
  private readonly running = new Map<number, Running>();
  private readonly previews = new Map<number, Preview>();
  private readonly unsaved = new Map<number, UnsavedEnd>();
  /** Workers of a dead studio may still be writing: nothing is started until they have ended. */
  private readonly orphans: Set<number>;
  private readonly recovered: Promise<void>;
  private idle: PromiseWithResolvers<void> | undefined;
  private scheduled = false;
  private closing: Promise<void> | undefined;

  constructor(project: Project, lock: Disposable, options: JobQueueOptions) {
    this.project = project;
    this.lock = lock;
    this.options = options;
    this.runners = options.runners ?? standardRunners;
    this.compute = { backend: options.compute?.backend ?? 'auto', threads: options.compute?.threads ?? 0 };
    this.worker = {
      ...(options.nodePath !== undefined && { nodePath: options.nodePath }),
      audience: 'studio',
      backgroundPriority: true,
      ...options.worker,
    };
    const { orphans, ended } = recover(project, (job, failure) => this.end(job.id, failure));
    this.orphans = new Set(orphans);
    this.recovered = ended(() => this.closing !== undefined).then(() => {
      this.orphans.clear();
      if (this.closing !== undefined) return;
      for (const id of orphans) this.changed(id);
      this.schedule();
    });
    this.schedule();
  }

  /** @throws LiftscopeError when the spec names something that the project has not */
  start(spec: JobSpec, priority = 0): JobView {
    this.requireOpen();
    const runner = runnerOf(this.runners, spec);
    const { captureId, options } = runner.prepare(spec, this.project, this.compute);
    const row = this.project.jobs.create({
      kind: spec.kind,
      captureId,
      options,
      checkpointDir: null,
      resumedFrom: null,
      priority,
    });
    return this.queued(row);
  }

  /** Newest first; trainings that commands have run are among them. */
  list(): JobView[] {
    return this.project.jobs.listed(MAX_LISTED).flatMap((row) => this.viewOf(row) ?? []);
  }

  /** @throws LiftscopeError `not-found` */
  get(jobId: number): JobView {
    const view = this.viewOf(this.row(jobId));
    if (view !== undefined) return view;
    throw notFound(jobId);
  }

  /** A waiting job ends at once, one at work as soon as it can; one that has ended stays as it is. */
  cancel(jobId: number): JobView {
    const row = this.row(jobId);
    const job = this.running.get(jobId);
    if (job !== undefined && !job.abort.signal.aborted) {
      this.project.jobs.cancelling(jobId);
      job.log.write('info', 'Cancelling.');
      job.abort.abort(new LiftscopeError({ code: 'cancelled', message: 'The job was cancelled.' }));
      this.changed(jobId);
    } else if (job === undefined && row.state === 'queued' && row.priority !== null) {
      this.end(jobId, { code: 'cancelled', message: 'Cancelled before it had started.' });
      this.changed(jobId);
      this.schedule();
    }
    return this.get(jobId);
  }

  /**
   * Queues a new job that goes on from an interrupted one's newest checkpoint, with its choices.
   * @throws LiftscopeError `bad-input` when there is nothing to go on from, or this version cannot
   */
  resume(jobId: number): JobView {
    this.requireOpen();
    const row = this.row(jobId);
    const successor = this.project.jobs.successorOf(jobId);
    if (successor !== undefined) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Job ${jobId} was resumed already, by job ${successor}.`,
      });
    }
    if (row.finishedAt === null || !isResumable(this.project, row, this.runners)) {
      throw new LiftscopeError({
        code: 'bad-input',
        message:
          row.finishedAt === null
            ? `Job ${jobId} has not ended: there is nothing to resume.`
            : `Job ${jobId} has no checkpoint to go on from.`,
        ...(row.finishedAt !== null && { hint: 'Start it again.' }),
      });
    }
    // Told before it waits behind others: a version that cannot go on with it never will.
    if (row.kind === TRAINING_KIND) savedTraining(row);
    const { kind, captureId, options, checkpointDir, priority } = row;
    const next = { kind, captureId, options, checkpointDir, resumedFrom: jobId, priority: priority ?? 0 };
    const view = this.queued(this.project.jobs.create(next));
    this.changed(jobId);
    return view;
  }

  /** @throws LiftscopeError `bad-input` for a job that waits no longer */
  setPriority(jobId: number, priority: number): JobView {
    const row = this.row(jobId);
    if (row.priority === null || !this.project.jobs.setPriority(jobId, priority)) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Job ${jobId} is not waiting: only a waiting job has a place in the queue.`,
      });
    }
    this.changed(jobId);
    this.schedule();
    return this.get(jobId);
  }

  /**
   * Takes an ended job off the list. Its checkpoints go with the last job that shares them.
   * @throws LiftscopeError `bad-input` for a job that has not ended
   */
  async remove(jobId: number): Promise<void> {
    const row = this.row(jobId);
    if (this.running.has(jobId) || (row.finishedAt === null && !this.unsaved.has(jobId))) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Job ${jobId} has not ended.`,
        hint: 'Cancel it first.',
      });
    }
    const { checkpointDir } = row;
    const sharing = checkpointDir === null ? [] : this.project.jobs.sharing(checkpointDir);
    if (sharing.length === 1) await dropCheckpoints(this.project, sharing);
    this.project.jobs.remove(jobId);
    this.previews.delete(jobId);
    this.unsaved.delete(jobId);
    this.emit({ type: 'job-removed', jobId });
    if (row.resumedFrom !== null && this.project.jobs.find(row.resumedFrom) !== undefined)
      this.changed(row.resumedFrom);
  }

  /** At most 2000 points; a resumed job begins with those of the jobs before it. */
  curve(jobId: number): CurvePoint[] {
    return curveOf(this.project, this.row(jobId));
  }

  log(jobId: number): JobLogLine[] {
    return this.project.jobs.log(this.row(jobId).id);
  }

  /** The newest preview image of a job; undefined for an older number. */
  preview(jobId: number, preview?: number): Preview | undefined {
    const newest = this.previews.get(jobId);
    return preview === undefined || newest?.preview === preview ? newest : undefined;
  }

  /** Something waits or runs. */
  get busy(): boolean {
    return this.running.size > 0 || this.orphans.size > 0 || this.project.jobs.waiting().length > 0;
  }

  /** Resolves when nothing waits and nothing runs. */
  async whenIdle(): Promise<void> {
    if (this.closing !== undefined || !this.busy) return;
    this.idle ??= Promise.withResolvers();
    return this.idle.promise;
  }

  /**
   * Stops what runs, with a checkpoint where there are any, leaves what waits for the next time, and lets go of the
   * project, which may be closed then.
   */
  close(): Promise<void> {
    this.closing ??= this.stop();
    return this.closing;
  }

  private async stop(): Promise<void> {
    const jobs = [...this.running.values()];
    for (const { abort } of jobs)
      abort.abort(new LiftscopeError({ code: 'cancelled', message: 'The studio was closed.' }));
    const deadline = setTimeout(() => {
      for (const { kill } of jobs) kill.abort();
    }, CLOSE_WAIT_MS);
    await Promise.all([this.recovered, ...jobs.map(({ done }) => done)]);
    clearTimeout(deadline);
    this.lock[Symbol.dispose]();
    this.idle?.resolve();
  }

  private requireOpen(): void {
    if (this.closing === undefined) return;
    throw new LiftscopeError({ code: 'bad-input', message: 'The project is being closed: no job can be started.' });
  }

  private row(jobId: number): JobRow {
    const row = this.project.jobs.find(jobId);
    if (row === undefined || !studioJobKindSchema.safeParse(row.kind).success) throw notFound(jobId);
    return row;
  }

  private queued(row: JobRow): JobView {
    this.changed(row.id);
    this.schedule();
    return this.get(row.id);
  }

  /** Starts what can be started, after the caller has said what it has to say. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (this.closing === undefined) this.startWaiting();
      if (!this.busyUnlessClosed()) {
        this.idle?.resolve();
        this.idle = undefined;
      }
    });
  }

  private busyUnlessClosed(): boolean {
    return this.closing !== undefined || this.busy;
  }

  private startWaiting(): void {
    if (this.orphans.size > 0) return;
    const taken = new Set([...this.running.values()].flatMap(({ needs }) => needs));
    for (const row of this.project.jobs.waiting()) {
      const spec = specOf(row);
      if (spec === undefined) {
        this.end(row.id, notUnderstood(row));
        this.changed(row.id);
        continue;
      }
      const deviceOf = this.options.deviceOf ?? deviceOfBackend;
      const runner = runnerOf(this.runners, spec);
      const needs = runner.needs(spec, (backend) =>
        deviceOf(backend === undefined || backend === 'auto' ? this.compute.backend : backend),
      );
      const free = needs.every((need) => !taken.has(need));
      // Also what a job waits for is taken: one behind it in the queue must not overtake it for ever.
      for (const need of needs) taken.add(need);
      if (free) this.begin(row, spec, needs);
    }
  }

  private begin(row: JobRow, spec: JobSpec, needs: readonly string[]): void {
    const { id } = row;
    const job: Running = {
      id,
      needs,
      abort: new AbortController(),
      kill: new AbortController(),
      log: new JobLog(this.project, id, (lines) => this.emit({ type: 'job-log', jobId: id, lines })),
      live: {
        progress: { progress: null, detail: 'Starting', secondsLeft: null },
        device: null,
        memoryBytes: null,
      },
      progressTimer: undefined,
      lastProgressAt: Number.NEGATIVE_INFINITY,
      done: Promise.resolve(),
    };
    this.running.set(id, job);
    this.project.jobs.started(id, null);
    this.changed(id);
    job.done = this.work(row, spec, job);
  }

  private async work(row: JobRow, spec: JobSpec, job: Running): Promise<void> {
    const { id } = row;
    let stored: readonly StoredTable[] = [];
    let error: unknown;
    try {
      const outcome = await runnerOf(this.runners, spec).run(spec, {
        project: this.project,
        job: row,
        signal: job.abort.signal,
        killSignal: job.kill.signal,
        worker: this.worker,
        compute: this.compute,
        report: {
          spawned: (pid) => this.project.jobs.started(id, pid),
          memory: (bytes) => this.update(job, { memoryBytes: bytes }),
          event: (event) => this.event(job, event),
          snapshot: (event) => this.snapshot(job, event),
          progress: (progress) => this.update(job, { progress }),
          log: (level, text) => job.log.write(level, text),
          output: (text) => job.log.output(text),
        },
      });
      this.project.jobs.finished(id, outcome.result);
      stored = outcome.stored;
    } catch (caught) {
      error = caught;
    }
    clearTimeout(job.progressTimer);
    this.running.delete(id);
    job.log.close();
    if (error !== undefined) {
      const failure = this.failureOf(id, error);
      job.log.write(failure.code === 'cancelled' ? 'info' : 'error', failure.message);
      this.end(id, failure);
    }
    if (stored.length > 0) this.guard(() => this.options.onStored?.(stored));
    this.changed(id);
    this.schedule();
  }

  private failureOf(jobId: number, error: unknown): Failure {
    const failure = explainReported(failureOf(error));
    const row = this.project.jobs.find(jobId);
    const checkpoint = row === undefined ? undefined : newestCheckpoint(this.project, row);
    if (this.closing === undefined || failure.code !== 'cancelled') return interruptedFailure(failure, checkpoint);
    const closed = { code: 'cancelled', message: 'The studio was closed while this job ran.' } as const;
    if (checkpoint === undefined) return { ...closed, hint: 'Start it again.' };
    return {
      code: 'cancelled',
      message: `The studio was closed while this job ran; its last checkpoint is at iteration ${checkpoint}.`,
      hint: `Resume continues from iteration ${checkpoint}.`,
    };
  }

  /** Keeps how a job has ended; where the disk is full, for as long as the studio runs. */
  private end(jobId: number, failure: Failure): void {
    try {
      this.project.jobs.failed(jobId, failure);
    } catch {
      this.unsaved.set(jobId, { failure, finishedAt: Date.now() });
    }
  }

  private event(job: Running, event: OrderedEvent): void {
    if (event.type === 'started') {
      this.update(job, { device: deviceWords(event), progress: progressOf(event) ?? job.live.progress });
      this.changed(job.id);
    } else {
      const progress = progressOf(event);
      if (progress !== undefined) this.update(job, { progress });
    }
    const point = curvePointOf(event);
    if (point !== undefined) this.emit({ type: 'job-curve', jobId: job.id, points: [point] });
    const line = logLineOf(event);
    if (line !== undefined) job.log.write(line.level, line.text);
  }

  private snapshot(job: Running, { iteration, png }: SnapshotEvent): void {
    const preview = (this.previews.get(job.id)?.preview ?? 0) + 1;
    this.previews.delete(job.id);
    this.previews.set(job.id, { preview, iteration, png });
    for (const id of this.previews.keys()) {
      if (this.previews.size <= MAX_PREVIEWS) break;
      if (!this.running.has(id)) this.previews.delete(id);
    }
    this.send({
      lane: 'snapshot',
      key: `job-preview:${job.id}`,
      snapshot: { type: 'job-preview', jobId: job.id, preview, iteration },
    });
  }

  /** Tells of progress at once, then at most once per interval, the last state always. */
  private update(job: Running, change: { progress?: Progress; device?: string; memoryBytes?: number }): void {
    job.live = { ...job.live, ...change };
    if (job.progressTimer !== undefined || !this.running.has(job.id)) return;
    const waitMs = Math.max(0, job.lastProgressAt + PROGRESS_INTERVAL_MS - performance.now());
    job.progressTimer = setTimeout(() => {
      job.progressTimer = undefined;
      job.lastProgressAt = performance.now();
      this.guard(() => {
        const snapshot = { type: 'job-progress', job: this.get(job.id) } as const;
        this.send({ lane: 'snapshot', key: `job-progress:${job.id}`, snapshot });
      });
    }, waitMs);
  }

  private changed(jobId: number): void {
    this.guard(() => this.emit({ type: 'job-changed', job: this.get(jobId) }));
  }

  private emit(event: Extract<QueueMessage, { lane: 'event' }>['event']): void {
    this.send({ lane: 'event', event });
  }

  private send(message: QueueMessage): void {
    this.guard(() => this.options.listener(message));
  }

  /** What the host does with news must never end a training. */
  private guard(tell: () => void): void {
    try {
      tell();
    } catch {
      // Said where it is called: ignored.
    }
  }

  private viewOf(row: JobRow): JobView | undefined {
    const orphan = this.orphans.has(row.id)
      ? {
          progress: { progress: null, detail: 'Its worker is ending', secondsLeft: null },
          device: null,
          memoryBytes: null,
        }
      : undefined;
    return viewOf(row, {
      project: this.project,
      runners: this.runners,
      live: this.running.get(row.id)?.live ?? orphan,
      unsaved: this.unsaved.get(row.id),
      preview: this.previews.get(row.id)?.preview ?? 0,
    });
  }
}

function notFound(jobId: number): LiftscopeError {
  return new LiftscopeError({ code: 'not-found', message: `This project has no job ${jobId}.` });
}

/** Why a waiting job of another version cannot be run by this one. */
function notUnderstood(row: JobRow): Failure {
  try {
    if (row.kind === TRAINING_KIND) savedTraining(row);
  } catch (error) {
    return failureOf(error);
  }
  return {
    code: 'bad-input',
    message: `This job was queued by another version of Liftscope, whose "${row.kind}" this one does not understand.`,
    hint: 'Start it again.',
  };
}
