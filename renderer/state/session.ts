/** What the host told: project, jobs, connection. Written by `sync.ts` alone; panels read. */
import type {
  CurvePoint,
  Failure,
  JobLogLine,
  JobView,
  ProcedureOutput,
  ProjectState,
  StudioEvent,
  StudioSnapshot,
} from '../../contract/index.ts';
import type { ConnectionState } from '../transport/index.ts';

type AppState = ProcedureOutput<'app.state'>;

export interface SessionState {
  readonly connection: ConnectionState;
  /** Why the connection is lost, where more is known than that nobody answers. */
  readonly connectionProblem: Failure | null;
  /** Null until the host has answered for the first time. */
  readonly app: Omit<AppState, 'project' | 'jobs'> | null;
  /** Why the first answer did not come. */
  readonly failure: Failure | null;
  readonly project: ProjectState | null;
  /** Newest first. */
  readonly jobs: readonly JobView[];
  /** Newest preview image of a running job, by job id. */
  readonly previews: Readonly<Record<number, { readonly preview: number; readonly iteration: number }>>;
  /** By job id, ascending iteration. Absent until the Jobs panel asked or the job ran while we looked. */
  readonly curves: Readonly<Record<number, readonly CurvePoint[]>>;
  readonly logs: Readonly<Record<number, readonly JobLogLine[]>>;
}

export const initialSession: SessionState = {
  connection: 'connecting',
  connectionProblem: null,
  app: null,
  failure: null,
  project: null,
  jobs: [],
  previews: {},
  curves: {},
  logs: {},
};

/** Most log lines kept per job on this side; the host keeps them all. */
const MAX_LOG_LINES = 2000;

export function isActive(job: JobView): boolean {
  return job.state === 'queued' || job.state === 'running' || job.state === 'cancelling';
}

export function replaceJob(jobs: readonly JobView[], job: JobView): readonly JobView[] {
  const known = jobs.some(({ id }) => id === job.id);
  return known ? jobs.map((other) => (other.id === job.id ? job : other)) : [job, ...jobs].sort((a, b) => b.id - a.id);
}

/** Both ascending by iteration; where both have an iteration, the fields of `added` that are not null win. */
export function mergeCurve(known: readonly CurvePoint[], added: readonly CurvePoint[]): readonly CurvePoint[] {
  const byIteration = new Map(known.map((point) => [point.iteration, point]));
  for (const point of added) {
    const old = byIteration.get(point.iteration);
    byIteration.set(
      point.iteration,
      old === undefined
        ? point
        : {
            iteration: point.iteration,
            loss: point.loss ?? old.loss,
            gaussians: point.gaussians ?? old.gaussians,
            iterationsPerSecond: point.iterationsPerSecond ?? old.iterationsPerSecond,
            psnr: point.psnr ?? old.psnr,
            ssim: point.ssim ?? old.ssim,
          },
    );
  }
  return [...byIteration.values()].sort((a, b) => a.iteration - b.iteration);
}

/** The log as fetched joined with what arrived meanwhile: lines carry no number, so equal time and text are one line. */
export function mergeLog(known: readonly JobLogLine[], added: readonly JobLogLine[]): readonly JobLogLine[] {
  const seen = new Set(known.map((line) => `${line.at} ${line.text}`));
  return [...known, ...added.filter((line) => !seen.has(`${line.at} ${line.text}`))].slice(-MAX_LOG_LINES);
}

function without<T>(record: Readonly<Record<number, T>>, key: number): Readonly<Record<number, T>> {
  const { [key]: _, ...rest } = record;
  return rest;
}

/** The session after an ordered event. `notice` and `records-changed` do not touch it. */
export function applyEvent(state: SessionState, event: StudioEvent): SessionState {
  switch (event.type) {
    case 'project-changed':
      return { ...state, project: event.project };
    case 'job-changed':
      return { ...state, jobs: replaceJob(state.jobs, event.job) };
    case 'job-removed':
      return {
        ...state,
        jobs: state.jobs.filter(({ id }) => id !== event.jobId),
        previews: without(state.previews, event.jobId),
        curves: without(state.curves, event.jobId),
        logs: without(state.logs, event.jobId),
      };
    case 'job-curve':
      return {
        ...state,
        curves: { ...state.curves, [event.jobId]: mergeCurve(state.curves[event.jobId] ?? [], event.points) },
      };
    case 'job-log':
      return {
        ...state,
        logs: {
          ...state.logs,
          [event.jobId]: [...(state.logs[event.jobId] ?? []), ...event.lines].slice(-MAX_LOG_LINES),
        },
      };
    case 'records-changed':
    case 'notice':
      return state;
    default:
      return event satisfies never;
  }
}

/** The session after a latest-wins snapshot. Late ones (an older preview, progress of an ended job) change nothing. */
export function applySnapshot(state: SessionState, snapshot: StudioSnapshot): SessionState {
  switch (snapshot.type) {
    case 'job-progress': {
      const known = state.jobs.find(({ id }) => id === snapshot.job.id);
      return known === undefined || !isActive(known) ? state : { ...state, jobs: replaceJob(state.jobs, snapshot.job) };
    }
    case 'job-preview': {
      const known = state.previews[snapshot.jobId];
      if (known !== undefined && known.preview >= snapshot.preview) return state;
      const { preview, iteration } = snapshot;
      return { ...state, previews: { ...state.previews, [snapshot.jobId]: { preview, iteration } } };
    }
    case 'saved':
      return state.project === null || state.project.revision > snapshot.revision
        ? state
        : { ...state, project: { ...state.project, revision: snapshot.revision, savedAt: snapshot.savedAt } };
    default:
      return snapshot satisfies never;
  }
}
