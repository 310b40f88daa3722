/** The host's side of the view worker: one process that keeps splat models in memory and draws them on request. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { z } from 'zod';
import {
  type BackendChoice,
  LiftscopeError,
  type ViewAnswer,
  type ViewCall,
  type ViewEmbeddingAnswer,
  type ViewInfoAnswer,
  type ViewPickAnswer,
  type ViewQueryAnswer,
  type ViewRenderAnswer,
  type ViewSegmentAnswer,
  viewAnswerSchemas,
  viewCallSchema,
  type viewEmbeddingCallSchema,
  type viewPickCallSchema,
  type viewQueryCallSchema,
  type viewRenderCallSchema,
  type viewSegmentCallSchema,
  type viewThumbnailCallSchema,
} from '../../contract/index.ts';
import { type RunJobOptions, type RunningJob, startJob } from './run-job.ts';

export interface ViewClientOptions extends Pick<RunJobOptions, 'onLog' | 'nodePath' | 'workerPath'> {
  readonly backend?: BackendChoice;
  /** 0: one per core. */
  readonly threads?: number;
  /** Models beyond this are dropped from memory, least recently shown first. */
  readonly modelBudgetBytes?: number;
  /** With no call for this long the process is ended; the next call starts it again. */
  readonly idleMs?: number;
  /** For people: that the process died, and that it is back. */
  readonly onNotice?: (level: 'info' | 'warning', text: string) => void;
  /** Pause before the process is started again after it died; doubles while it keeps dying without an answer. */
  readonly restartMs?: number;
}

/** What to draw, defaults left out. */
export type ViewRenderInput = Omit<z.input<typeof viewRenderCallSchema>, 'kind'>;
export type ViewPickInput = Omit<z.input<typeof viewPickCallSchema>, 'kind'>;
export type ViewSegmentInput = Omit<z.input<typeof viewSegmentCallSchema>, 'kind'>;
export type ViewEmbeddingInput = Omit<z.input<typeof viewEmbeddingCallSchema>, 'kind'>;
export type ViewQueryInput = Omit<z.input<typeof viewQueryCallSchema>, 'kind'>;
export type ViewThumbnailInput = Omit<z.input<typeof viewThumbnailCallSchema>, 'kind'>;

/** A newer call of the stream has replaced this one: no picture, and no error. */
export type ViewRenderOutcome =
  | { readonly status: 'done'; readonly image: ViewRenderAnswer }
  | { readonly status: 'superseded' };

export interface ViewCallOptions {
  /** Rejects with `cancelled` at once. */
  readonly signal?: AbortSignal | undefined;
}

export interface ViewRenderOptions extends ViewCallOptions {
  /**
   * Calls of one stream replace one another: the newest takes the place of one that has not begun, and an exact picture
   * (`rest`) in the making is given up. A `moving` one in the making is finished, or a steady movement would show nothing.
   */
  readonly streamId?: string | undefined;
}

const DEFAULT_IDLE_MS = 120_000;
const DEFAULT_RESTART_MS = 250;
const MAX_RESTART_MS = 30_000;
/** Calls that may wait; streams replace theirs, so that only a runaway caller gets here. */
const MAX_WAITING = 1000;

interface Pending {
  readonly call: ViewCall;
  readonly streamId: string | undefined;
  /** Aborts the call in the worker. */
  readonly abort: AbortController;
  readonly settle: PromiseWithResolvers<ViewAnswer | typeof SUPERSEDED>;
}

const SUPERSEDED = Symbol('superseded');

/** One view process, started by the first call. Calls are drawn one at a time: picks first, then in the order they came. */
export class ViewClient {
  readonly #options: ViewClientOptions;
  readonly #waiting: Pending[] = [];
  #running: Pending | undefined;
  #job: RunningJob<'view-splats'> | undefined;
  /** Ends without an answer in between. */
  #deaths = 0;
  #startNotBefore = 0;
  #startTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(options: ViewClientOptions = {}) {
    this.#options = options;
  }

  /** Starts the process, so that the first call need not wait for it. */
  warm(): void {
    if (this.#disposed || this.#job !== undefined || this.#pauseMs() > 0) return;
    this.#start();
    this.#restOrIdle();
  }

  /** @throws LiftscopeError `cancelled`, `bad-input` with the file's name, or why the process ended */
  async render(input: ViewRenderInput, { streamId, signal }: ViewRenderOptions = {}): Promise<ViewRenderOutcome> {
    const image = await this.#ask('render', { kind: 'render', ...input }, signal, streamId);
    return image === SUPERSEDED ? { status: 'superseded' } : { status: 'done', image };
  }

  /** What lies under a pixel; null where nothing is drawn. @throws LiftscopeError */
  async pick(input: ViewPickInput, { signal }: ViewCallOptions = {}): Promise<ViewPickAnswer> {
    return unreplaced(await this.#ask('pick', { kind: 'pick', ...input }, signal));
  }

  /** Loads the model when it is not in memory. @throws LiftscopeError */
  async info(splatsPath: string, { signal }: ViewCallOptions = {}): Promise<ViewInfoAnswer> {
    return unreplaced(await this.#ask('info', { kind: 'info', splatsPath }, signal));
  }

  /** @throws LiftscopeError */
  async thumbnail(input: ViewThumbnailInput, { signal }: ViewCallOptions = {}): Promise<ViewRenderAnswer> {
    return unreplaced(await this.#ask('thumbnail', { kind: 'thumbnail', ...input }, signal));
  }

  /** What clicks select, on the features of a lift. @throws LiftscopeError */
  async segment(input: ViewSegmentInput, { signal }: ViewCallOptions = {}): Promise<ViewSegmentAnswer> {
    return unreplaced(await this.#ask('segment', { kind: 'segment', ...input }, signal));
  }

  /** @throws LiftscopeError */
  async embedding(input: ViewEmbeddingInput, { signal }: ViewCallOptions = {}): Promise<ViewEmbeddingAnswer> {
    return unreplaced(await this.#ask('embedding', { kind: 'embedding', ...input }, signal));
  }

  /** What a text means on a language field: objects, and where in the given views. @throws LiftscopeError */
  async query(input: ViewQueryInput, { signal }: ViewCallOptions = {}): Promise<ViewQueryAnswer> {
    return unreplaced(await this.#ask('query', { kind: 'query', ...input }, signal));
  }

  /** Ends the process; what waits is rejected as `cancelled`. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#startTimer);
    clearTimeout(this.#idleTimer);
    this.#rejectAll(cancelled('The view was closed.'));
    await this.#stop();
  }

  async #ask<K extends ViewCall['kind']>(
    kind: K,
    input: z.input<typeof viewCallSchema> & { kind: K },
    signal: AbortSignal | undefined,
    streamId?: string,
  ): Promise<ViewAnswer<K> | typeof SUPERSEDED> {
    if (this.#disposed) throw cancelled('The view was closed.');
    if (signal?.aborted === true) throw cancelled();
    const parsed = viewCallSchema.safeParse(input);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const message = `The ${kind} request is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`;
      throw new LiftscopeError({ code: 'bad-input', message });
    }
    const pending: Pending = {
      call: parsed.data,
      streamId,
      abort: new AbortController(),
      settle: Promise.withResolvers(),
    };
    this.#enqueue(pending);
    const onAbort = (): void => this.#drop(pending, cancelled());
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#pump();
      const answer = await pending.settle.promise;
      return answer === SUPERSEDED ? SUPERSEDED : parseAnswer(kind, answer);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #enqueue(pending: Pending): void {
    const { streamId } = pending;
    if (streamId !== undefined) {
      const running = this.#running;
      if (running?.streamId === streamId && running.call.kind === 'render' && running.call.quality === 'rest') {
        running.settle.resolve(SUPERSEDED);
        running.abort.abort();
      }
      const before = this.#waiting.findIndex((other) => other.streamId === streamId);
      if (before >= 0) {
        // In its place, so that a stream that never rests does not wait for ever behind another.
        const [replaced] = this.#waiting.splice(before, 1, pending);
        replaced?.settle.resolve(SUPERSEDED);
        return;
      }
    }
    if (this.#waiting.length >= MAX_WAITING) {
      const message = `${MAX_WAITING} view requests are waiting already.`;
      pending.settle.reject(new LiftscopeError({ code: 'not-responding', message }));
      return;
    }
    this.#waiting.push(pending);
  }

  #drop(pending: Pending, reason: LiftscopeError): void {
    const at = this.#waiting.indexOf(pending);
    if (at >= 0) this.#waiting.splice(at, 1);
    pending.settle.reject(reason);
    pending.abort.abort();
  }

  #pump(): void {
    if (this.#running !== undefined || this.#waiting.length === 0 || this.#disposed) return;
    clearTimeout(this.#idleTimer);
    if (this.#job === undefined) {
      const pauseMs = this.#pauseMs();
      if (pauseMs > 0) {
        clearTimeout(this.#startTimer);
        this.#startTimer = setTimeout(() => this.#pump(), pauseMs);
        return;
      }
      this.#start();
    }
    // A person waits for the answer of a click; pictures follow.
    const pick = this.#waiting.findIndex(({ call }) => call.kind === 'pick' || call.kind === 'segment');
    const [next] = this.#waiting.splice(Math.max(0, pick), 1);
    if (next === undefined) return;
    this.#running = next;
    void this.#run(this.#job!, next).finally(() => {
      this.#running = undefined;
      this.#pump();
      this.#restOrIdle();
    });
  }

  async #run(job: RunningJob<'view-splats'>, { call, abort, settle }: Pending): Promise<void> {
    try {
      settle.resolve((await job.call(call, abort.signal)) as ViewAnswer);
      this.#deaths = 0;
    } catch (error) {
      // The end of a process rejects its calls first and says so next: give it the turn to.
      await nextTurn();
      settle.reject(this.#job === job || abort.signal.aborted ? error : this.#endOf(error));
    }
  }

  #start(): void {
    const { backend, threads, modelBudgetBytes, onLog, nodePath, workerPath } = this.#options;
    const job = startJob(
      'view-splats',
      {
        ...(backend !== undefined && { backend }),
        ...(threads !== undefined && { threads }),
        ...(modelBudgetBytes !== undefined && { modelBudgetBytes }),
      },
      {
        ...(onLog !== undefined && { onLog }),
        ...(nodePath !== undefined && { nodePath }),
        ...(workerPath !== undefined && { workerPath }),
      },
    );
    this.#job = job;
    if (this.#deaths > 0) this.#options.onNotice?.('info', 'The process that draws the splats was started again.');
    job.result.then(
      () => this.#ended(job, undefined),
      (error: unknown) => this.#ended(job, error),
    );
  }

  /** Whoever asked for the end has cleared `#job` before. */
  #ended(job: RunningJob<'view-splats'>, error: unknown): void {
    if (this.#job !== job) return;
    this.#job = undefined;
    const pauseMs = (this.#options.restartMs ?? DEFAULT_RESTART_MS) * 2 ** this.#deaths;
    this.#deaths += 1;
    this.#startNotBefore = performance.now() + Math.min(MAX_RESTART_MS, pauseMs);
    const reason = this.#endOf(error);
    this.#options.onNotice?.('warning', reason.message);
    for (const pending of this.#waiting.splice(0)) pending.settle.reject(reason);
  }

  #endOf(error: unknown): LiftscopeError {
    const { code, message } =
      error instanceof LiftscopeError ? error : { code: 'crashed' as const, message: 'It ended without a reason.' };
    return new LiftscopeError({
      code: code === 'cancelled' ? 'crashed' : code,
      message: `The process that draws the splats has ended. ${message}`,
      hint: 'It is started again with the next picture.',
    });
  }

  #pauseMs(): number {
    return this.#startNotBefore - performance.now();
  }

  #restOrIdle(): void {
    if (this.#running !== undefined || this.#waiting.length > 0 || this.#disposed) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#stop(), this.#options.idleMs ?? DEFAULT_IDLE_MS);
    this.#idleTimer.unref();
  }

  async #stop(): Promise<void> {
    const job = this.#job;
    this.#job = undefined;
    job?.cancel();
    await job?.result.catch(() => undefined);
  }

  #rejectAll(reason: LiftscopeError): void {
    for (const pending of [...this.#waiting, ...(this.#running === undefined ? [] : [this.#running])]) {
      this.#drop(pending, reason);
    }
  }
}

function parseAnswer<K extends ViewCall['kind']>(kind: K, answer: unknown): ViewAnswer<K> {
  const parsed = viewAnswerSchemas[kind].safeParse(answer);
  if (parsed.success) return parsed.data as ViewAnswer<K>;
  const issue = parsed.error.issues[0];
  const message = `The view process sent an answer that is not one (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}).`;
  throw new LiftscopeError({ code: 'protocol', message });
}

/** Only a stream's calls are ever replaced. */
function unreplaced<T>(answer: T | typeof SUPERSEDED): T {
  if (answer === SUPERSEDED) throw cancelled();
  return answer;
}

function cancelled(message = 'The request was cancelled.'): LiftscopeError {
  return new LiftscopeError({ code: 'cancelled', message });
}
