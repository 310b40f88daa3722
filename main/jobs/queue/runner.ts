/** What the queue knows about a kind of job; one entry of the table in `runners.ts` each. */
import type { z } from 'zod';
import type {
  BackendChoice,
  JobLogLine,
  JobSpec,
  OrderedEvent,
  SnapshotEvent,
  StudioJobKind,
} from '../../../contract/index.ts';
import type { JobOptions, JobRow, Project } from '../../project/index.ts';
import type { RunJobOptions } from '../run-job.ts';

export type SpecOf<K extends StudioJobKind> = Extract<JobSpec, { kind: K }>;

/** Tables of the project that a finished job has changed. */
export type StoredTable = 'captures' | 'splats' | 'metrics' | 'fields' | 'objects' | 'observations' | 'masks';

export interface Progress {
  /** 0 to 1; null where it is not known. */
  readonly progress: number | null;
  readonly detail: string;
  readonly secondsLeft: number | null;
}

/** What a runner tells while it works. All of it ends with the runner's promise. */
export interface JobReport {
  /** A worker process was started for the job. */
  readonly spawned: (pid: number) => void;
  readonly memory: (bytes: number) => void;
  /** An event that the runner has already put into the project. */
  readonly event: (event: OrderedEvent) => void;
  readonly snapshot: (event: SnapshotEvent) => void;
  readonly progress: (progress: Progress) => void;
  readonly log: (level: JobLogLine['level'], text: string) => void;
  /** What the worker printed. */
  readonly output: (text: string) => void;
}

/** How the queue starts workers, for every runner. */
export type WorkerOptions = Pick<
  RunJobOptions,
  'workerPath' | 'nodePath' | 'ladder' | 'silenceMs' | 'audience' | 'backgroundPriority'
>;

export interface ComputeChoice {
  readonly backend: BackendChoice;
  /** 0: one per core. */
  readonly threads: number;
}

export interface JobRun {
  readonly project: Project;
  readonly job: JobRow;
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
  readonly worker: WorkerOptions;
  /** For kinds whose spec does not choose. */
  readonly compute: ComputeChoice;
  readonly report: JobReport;
}

export interface JobOutcome {
  /** Kept with the job. */
  readonly result: z.core.util.JSONType;
  readonly stored: readonly StoredTable[];
}

export interface JobRunner<K extends StudioJobKind> {
  /** For people. `captureName` is null where the job has none (any more). */
  readonly title: (spec: SpecOf<K>, captureName: string | null) => string;
  /**
   * Checks that what the spec names is there, before the job is queued. The options are kept with the job; with its kind and
   * its capture they must parse as its spec again.
   * @throws LiftscopeError
   */
  readonly prepare: (
    spec: SpecOf<K>,
    project: Project,
    compute: ComputeChoice,
  ) => { captureId: number | null; options: JobOptions };
  /** Names of what the job has to itself while it runs: the device that a backend computes on, and others. */
  readonly needs: (spec: SpecOf<K>, deviceOf: (backend?: BackendChoice) => string) => readonly string[];
  /** It writes checkpoints, and `run` goes on from the newest of a job whose row continues another. */
  readonly resumable: boolean;
  /** @throws LiftscopeError, or any error, which the queue puts into words */
  readonly run: (spec: SpecOf<K>, run: JobRun) => Promise<JobOutcome>;
}

export type RunnerTable = { readonly [K in StudioJobKind]: JobRunner<K> };

/** The runner of a spec's kind. The table holds for each kind one that takes that kind's specs, which its type cannot say. */
export function runnerOf(runners: RunnerTable, spec: JobSpec): JobRunner<StudioJobKind> {
  return runners[spec.kind] as unknown as JobRunner<StudioJobKind>;
}
