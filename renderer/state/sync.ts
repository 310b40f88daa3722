/** Keeps the stores in step with the host: the one place that reads the event stream and refetches. */
import type { JobView } from '../../contract/index.ts';
import { readEvents } from '../transport/index.ts';
import { failureOf, IDLE, LOADING, type Loadable, ready } from './loadable.ts';
import { withExistingObjects, withFrameCount } from './selection.ts';
import { applyEvent, applySnapshot, isActive, mergeCurve, mergeLog } from './session.ts';
import type { Studio } from './studio.ts';

/** Pause before a failed fetch of the whole state is tried again. */
const REFETCH_AFTER_MS = 2000;

/** Reads the host's state and follows its events until the returned function is called. */
export function followHost(studio: Studio): () => void {
  const { transport, session, records, selection } = studio;
  const controller = new AbortController();
  const { signal } = controller;
  /** Grows with every fetch of a record, so that a slow answer never overwrites a newer one. */
  const asked = { app: 0, frames: 0, metrics: 0, objects: 0, queries: 0, language: 0 };

  /** The last fetch of the whole state failed: what is shown may be old, whatever the event stream says. */
  let stale = false;

  async function refetch(): Promise<void> {
    asked.app += 1;
    const ticket = asked.app;
    try {
      const { project, jobs, ...app } = await transport.call('app.state', {}, { signal });
      if (ticket !== asked.app) return;
      session.setState({ app, project, jobs: [...jobs].sort((a, b) => b.id - a.id), failure: null });
      syncRecords(true);
      for (const jobId of Object.keys(session.getState().curves)) void loadJob(studio, Number(jobId));
      stale = false;
    } catch (error) {
      if (signal.aborted || ticket !== asked.app) return;
      stale = true;
      session.setState({ failure: failureOf(error) });
      setTimeout(() => {
        if (stale && !signal.aborted && ticket === asked.app) void refetch();
      }, REFETCH_AFTER_MS);
    }
  }

  /** Fetches into one record. What is shown stays until the answer is there, unless it belongs to something else. */
  async function load<K extends 'frames' | 'metrics' | 'objects' | 'queries' | 'language'>(
    key: K,
    keep: boolean,
    fetch: () => Promise<unknown>,
    apply?: () => void,
  ): Promise<void> {
    asked[key] += 1;
    const ticket = asked[key];
    if (!keep || records.getState()[key].status !== 'ready') records.setState({ [key]: LOADING });
    let next: Loadable<unknown>;
    try {
      next = ready(await fetch());
    } catch (error) {
      next = { status: 'error', failure: failureOf(error) };
    }
    if (signal.aborted || ticket !== asked[key]) return;
    records.setState({ [key]: next });
    apply?.();
  }

  let shown: { folder: string | null; captureId: number | null; splatsId: number | null; missing: number } = {
    folder: null,
    captureId: null,
    splatsId: null,
    missing: 0,
  };

  function loadObjects(keep: boolean): void {
    void load(
      'objects',
      keep,
      () => transport.call('objects.list', {}, { signal }),
      () => {
        const { objects } = records.getState();
        if (objects.status !== 'ready') return;
        const existing = new Set(objects.value.objects.map(({ id }) => id));
        selection.setState((state) => withExistingObjects(state, existing), true);
      },
    );
  }

  function loadQueries(captureId: number, keep: boolean): void {
    void load('queries', keep, async () => (await transport.call('queries.list', { captureId }, { signal })).queries);
  }

  function loadLanguage(splatsId: number, keep: boolean): void {
    void load('language', keep, async () => (await transport.call('queries.fields', { splatsId }, { signal })).fields);
  }

  /** Fetches what belongs to another capture, model or project than the one shown; all of it when `force`. */
  function syncRecords(force: boolean): void {
    const { project } = session.getState();
    const next = {
      folder: project?.folder ?? null,
      captureId: project?.currentCaptureId ?? null,
      splatsId: project?.currentSplatsId ?? null,
      missing: project?.captures.find(({ id }) => id === project.currentCaptureId)?.missingCount ?? 0,
    };
    // Photos that were found again, or are gone: whoever shows them must ask for them once more.
    const otherPhotos = next.missing !== shown.missing;
    const other = next.folder !== shown.folder;
    const otherCapture = other || next.captureId !== shown.captureId;
    const otherSplats = other || next.splatsId !== shown.splatsId;
    shown = next;
    const { captureId, splatsId } = next;

    if (captureId === null) {
      asked.frames += 1;
      asked.queries += 1;
      records.setState({ frames: IDLE, queries: IDLE });
      selection.setState((state) => withFrameCount(state, 0), true);
    } else if (otherCapture || otherPhotos || force) {
      void load(
        'frames',
        !otherCapture,
        () => transport.call('capture.frames', { captureId }, { signal }),
        () => {
          const { frames } = records.getState();
          const count = frames.status === 'ready' ? frames.value.ids.length : 0;
          selection.setState((state) => withFrameCount(other ? { ...state, frame: 0 } : state, count), true);
        },
      );
    }
    if (captureId !== null && (otherCapture || force)) loadQueries(captureId, !otherCapture);
    if (splatsId === null) {
      asked.metrics += 1;
      asked.language += 1;
      records.setState({ metrics: IDLE, language: IDLE });
    } else if (otherSplats || force) {
      void load('metrics', !otherSplats, () => transport.call('splats.metrics', { splatsId }, { signal }));
      loadLanguage(splatsId, !otherSplats);
    }
    if (next.folder === null) {
      asked.objects += 1;
      records.setState({ objects: IDLE });
      selection.setState({ objects: [], point: null, hoveredObject: null, subject: 'frame' });
    } else if (other || force) loadObjects(!other);
  }

  void readEvents(
    transport,
    {
      connection(connection, connectionProblem) {
        session.setState({ connection, connectionProblem });
        if (connection === 'live' && stale) void refetch();
      },
      refetch: () => void refetch(),
      event(event) {
        if (event.type === 'job-changed') tellEnd(studio, event.job);
        session.setState((state) => applyEvent(state, event), true);
        if (event.type === 'project-changed') syncRecords(false);
        if (event.type === 'records-changed') {
          const { tables } = event;
          if (tables.some((table) => ['objects', 'observations', 'tracks', 'masks'].includes(table))) loadObjects(true);
          const { currentSplatsId: splatsId = null, currentCaptureId: captureId = null } =
            session.getState().project ?? {};
          if (tables.includes('queries') && captureId !== null) loadQueries(captureId, true);
          if (tables.includes('fields') && splatsId !== null) loadLanguage(splatsId, true);
          if (tables.includes('metrics') && splatsId !== null)
            void load('metrics', true, () => transport.call('splats.metrics', { splatsId }, { signal }));
        }
        if (event.type === 'notice') studio.toast(event.level, event.text);
      },
      snapshot: (_key, snapshot) => session.setState((state) => applySnapshot(state, snapshot), true),
    },
    signal,
  );
  // The first state does not wait for the event stream; the stream's own refetch follows and wins.
  void refetch();
  return () => controller.abort();
}

/** Says that a job has ended, unless the panel that shows it is being looked at or the user ended it. */
function tellEnd(studio: Studio, job: JobView): void {
  const before = studio.session.getState().jobs.find(({ id }) => id === job.id);
  if (before === undefined || !isActive(before) || studio.ui.getState().activePanel === 'jobs') return;
  if (job.state === 'finished') studio.toast('success', `${job.title}: done.`);
  if (job.state === 'failed') studio.toastFailure(job.failure ?? { code: 'internal', message: `${job.title} failed.` });
}

/** Fetches a job's curve and log and joins them with what has arrived live. */
export async function loadJob(studio: Studio, jobId: number): Promise<void> {
  const [curve, log] = await Promise.allSettled([
    studio.transport.call('jobs.curve', { jobId }),
    studio.transport.call('jobs.log', { jobId }),
  ]);
  studio.session.setState((state) => ({
    curves:
      curve.status === 'fulfilled'
        ? { ...state.curves, [jobId]: mergeCurve(curve.value.points, state.curves[jobId] ?? []) }
        : state.curves,
    logs:
      log.status === 'fulfilled'
        ? { ...state.logs, [jobId]: mergeLog(log.value.lines, state.logs[jobId] ?? []) }
        : state.logs,
  }));
}
