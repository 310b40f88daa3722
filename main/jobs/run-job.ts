import { type ChildProcess, fork } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  HEARTBEAT_MS,
  type HostMessage,
  isSnapshot,
  type JobInputOf,
  type JobKind,
  type JobRequestOf,
  type JobResultOf,
  jobSchemas,
  LiftscopeError,
  type OrderedEvent,
  PROTOCOL_VERSION,
  type SnapshotEvent,
  type WorkerMessage,
  workerMessageSchema,
} from '../../contract/index.ts';
import { unpacked } from '../unpacked.ts';
import { type Audience, explainExit, explainReported } from './explain-exit.ts';
import { countOomKills } from './oom-kills.ts';

/** How long each step of the cancel ladder waits before the next: ask, SIGTERM, SIGKILL. */
export interface CancelLadder {
  /** For the job to reach a safe point and write its checkpoint. */
  readonly askMs: number;
  /** For SIGTERM, and for the exit of a worker that has answered. */
  readonly terminateMs: number;
}

export interface RunJobOptions {
  /** Cancels: ask → wait → SIGTERM → wait → SIGKILL. The result rejects with `cancelled` in every case. */
  readonly signal?: AbortSignal;
  /** SIGKILL at once: the second Ctrl-C. */
  readonly killSignal?: AbortSignal;
  /** Ordered lane: called for every event in the order the worker emitted it. An exception here ends the job. */
  readonly onEvent?: (event: OrderedEvent) => void;
  /**
   * Latest-wins lane: called with the newest snapshot once the previous call has settled. An exception or rejection is
   * ignored: a preview nobody could show is no reason to lose a training.
   */
  readonly onSnapshot?: (event: SnapshotEvent) => void | Promise<void>;
  /** Called once with the process id of the worker. */
  readonly onSpawn?: (pid: number) => void;
  /** Lines the worker printed; native libraries write there. Absent: kept only for the report of a crash. */
  readonly onLog?: (text: string) => void;
  /** No message of any kind for this long: the worker is taken for hung and killed. */
  readonly silenceMs?: number;
  readonly ladder?: CancelLadder;
  /** Resident set of the worker, about once a second. */
  readonly onMemory?: (bytes: number) => void;
  /** Whom failures advise: with options of commands, or without. Default `terminal`. */
  readonly audience?: Audience;
  /** Every other process goes first: a studio on the same cores stays smooth. Default false. */
  readonly backgroundPriority?: boolean;
  /** The Node binary; the desktop shell, whose own binary is Electron's, passes the one it ships. */
  readonly nodePath?: string;
  readonly workerPath?: string;
}

/** What whoever starts a job may say about its process and hear of it, whatever the job. */
export type JobSupervision = Omit<RunJobOptions, 'silenceMs' | 'onSnapshot'>;

/** A worker at work. */
export interface RunningJob<K extends JobKind> {
  /** Settles exactly once, whatever happens to the worker. Rejects with a `LiftscopeError`. */
  readonly result: Promise<JobResultOf<K>>;
  /**
   * Asks a job that answers calls. Rejects with the job's refusal, with `cancelled` as soon as `signal` aborts, and with the
   * reason of the job's end when it ends first. The answer is not checked.
   */
  call(call: unknown, signal?: AbortSignal): Promise<unknown>;
  /** First step of the ladder; later calls change nothing. */
  cancel(): void;
  /** SIGKILL now. */
  kill(): void;
}

/** A single iteration may take seconds on a slow machine under swap; a hang is longer than this. */
const DEFAULT_SILENCE_MS = 180_000;
/** Only a training has something to save before it stops. */
const LADDERS: { readonly [K in JobKind]: CancelLadder } = {
  'train-splats': { askMs: 60_000, terminateMs: 3000 },
  'evaluate-splats': { askMs: 3000, terminateMs: 3000 },
  'render-splats': { askMs: 3000, terminateMs: 3000 },
  'lift-objects': { askMs: 5000, terminateMs: 3000 },
  'evaluate-lift': { askMs: 3000, terminateMs: 3000 },
  // Removes what it has half written.
  'generate-scene': { askMs: 10_000, terminateMs: 3000 },
  'view-splats': { askMs: 3000, terminateMs: 3000 },
  // Reads messages between frames; a prompt of a large model takes seconds.
  'segment-frames': { askMs: 10_000, terminateMs: 3000 },
  'track-objects': { askMs: 10_000, terminateMs: 3000 },
  'evaluate-tracks': { askMs: 2_000, terminateMs: 2_000 },
  'amodal-masks': { askMs: 10_000, terminateMs: 3000 },
  'train-language': { askMs: 10_000, terminateMs: 3000 },
  // Removes what it has half copied.
  models: { askMs: 5000, terminateMs: 3000 },
  bench: { askMs: 3000, terminateMs: 3000 },
  inspect: { askMs: 3000, terminateMs: 3000 },
};
/** After the process has exited, its last messages may still be in the channel; a grandchild may hold the pipes for ever. */
const DRAIN_MS = 2000;
/** What is kept of the worker's stderr for the report of a crash. */
const LOG_TAIL_CHARS = 16_384;

const WORKER_ENTRY = unpacked(fileURLToPath(new URL('../../worker/host/main.ts', import.meta.url)));

/** {@link startJob} for callers that need only its result. */
export function runJob<K extends JobKind>(
  kind: K,
  request: JobInputOf<K>,
  options: RunJobOptions = {},
): Promise<JobResultOf<K>> {
  return startJob(kind, request, options).result;
}

/** Checks the request, starts a worker process for it and supervises it to its end. */
export function startJob<K extends JobKind>(
  kind: K,
  request: JobInputOf<K>,
  options: RunJobOptions = {},
): RunningJob<K> {
  const parsed = jobSchemas[kind].request.safeParse(request);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const failure = new LiftscopeError({
      code: 'bad-input',
      message: `The request for ${kind} is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`,
    });
    return neverStarted(failure);
  }
  if (options.signal?.aborted === true) return neverStarted(cancelled());
  return new Supervisor(kind, parsed.data as JobRequestOf<K>, options);
}

function neverStarted<K extends JobKind>(failure: LiftscopeError): RunningJob<K> {
  const refuse = (): Promise<never> => Promise.reject(failure);
  return { result: refuse(), call: refuse, cancel: () => undefined, kill: () => undefined };
}

function cancelled(): LiftscopeError {
  return new LiftscopeError({ code: 'cancelled', message: 'The job was cancelled.' });
}

class Supervisor<K extends JobKind> implements RunningJob<K> {
  readonly result: Promise<JobResultOf<K>>;
  private readonly kind: K;
  private readonly options: RunJobOptions;
  private readonly child: ChildProcess;
  private readonly settle: PromiseWithResolvers<JobResultOf<K>>;
  private outcome: { result: JobResultOf<K> } | { error: LiftscopeError } | undefined;
  private settled = false;
  private cancelling = false;
  private lastMessageAt = performance.now();
  private lastMemoryBytes: number | undefined;
  private nextSequence = 0;
  private nextCall = 0;
  private readonly calls = new Map<number, PromiseWithResolvers<unknown>>();
  private log = '';
  private readonly oomKillsBefore = countOomKills();
  private ladderTimer: NodeJS.Timeout | undefined;
  private drainTimer: NodeJS.Timeout | undefined;
  private exitTimer: NodeJS.Timeout | undefined;
  private readonly silenceTimer: NodeJS.Timeout;
  private readonly onAbort = (): void => this.cancel();
  private readonly onKill = (): void => this.kill();

  constructor(kind: K, request: JobRequestOf<K>, options: RunJobOptions) {
    this.kind = kind;
    this.options = options;
    this.settle = Promise.withResolvers();
    this.result = this.settle.promise;
    const silenceMs = options.silenceMs ?? DEFAULT_SILENCE_MS;
    this.silenceTimer = setInterval(() => this.checkSilence(silenceMs), Math.min(silenceMs, HEARTBEAT_MS));

    this.child = fork(options.workerPath ?? WORKER_ENTRY, [], {
      execPath: options.nodePath ?? process.execPath,
      // Flags of the host (a debugger's port, a test runner's loader) are not the worker's.
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    if (this.child.pid !== undefined) {
      // Before its threads exist, which inherit it.
      if (options.backgroundPriority === true) lowerPriority(this.child.pid);
      options.onSpawn?.(this.child.pid);
    }
    this.child.on('message', (raw) => this.receive(raw));
    this.child.stdout?.on('data', (chunk: Buffer) => this.keepLog(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.keepLog(chunk));
    this.child.on('error', (error) => {
      if (this.child.pid !== undefined) return; // The channel broke; `exit` says why.
      this.fail(
        new LiftscopeError({
          code: 'crashed',
          message: `The worker process could not be started: ${error.message}`,
          hint: `Is ${options.nodePath ?? process.execPath} a Node 24 binary that can be run?`,
        }),
      );
      this.finish();
    });
    this.child.on('exit', (code, signal) => {
      this.drainTimer = setTimeout(() => this.ended(code, signal), DRAIN_MS);
    });
    this.child.on('close', (code, signal) => this.ended(code, signal));

    options.signal?.addEventListener('abort', this.onAbort, { once: true });
    options.killSignal?.addEventListener('abort', this.onKill, { once: true });
    const job = { kind, request } as Extract<HostMessage, { type: 'start' }>['job'];
    this.send({ type: 'start', protocol: PROTOCOL_VERSION, job });
  }

  call(call: unknown, signal?: AbortSignal): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(callCancelled());
    if (this.settled) return Promise.reject(this.reasonOfEnd());
    const id = this.nextCall++;
    const answer = Promise.withResolvers<unknown>();
    this.calls.set(id, answer);
    this.send({ type: 'call', id, call });
    const abandon = (): void => {
      this.send({ type: 'abandon', id });
      this.calls.delete(id);
      answer.reject(callCancelled());
    };
    signal?.addEventListener('abort', abandon, { once: true });
    return answer.promise.finally(() => signal?.removeEventListener('abort', abandon));
  }

  cancel(): void {
    if (this.cancelling || this.outcome !== undefined) return;
    this.cancelling = true;
    const ladder = this.options.ladder ?? LADDERS[this.kind];
    this.send({ type: 'cancel' });
    this.ladderTimer = setTimeout(() => {
      this.child.kill('SIGTERM');
      this.ladderTimer = setTimeout(() => this.child.kill('SIGKILL'), ladder.terminateMs);
    }, ladder.askMs);
  }

  kill(): void {
    this.cancelling = true;
    this.child.kill('SIGKILL');
  }

  private send(message: HostMessage): void {
    if (!this.child.connected) return;
    // A worker that dies while we write is reported by its exit.
    this.child.send(message, () => undefined);
  }

  private receive(raw: unknown): void {
    this.lastMessageAt = performance.now();
    if (this.outcome !== undefined) return;
    const parsed = workerMessageSchema.safeParse(raw);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      this.protocolError(`a message it does not know (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`);
      return;
    }
    this.handle(parsed.data);
  }

  private handle(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        if (message.protocol !== PROTOCOL_VERSION) this.protocolError(`protocol ${message.protocol}`);
        return;
      case 'heartbeat':
        this.lastMemoryBytes = message.memoryBytes;
        this.options.onMemory?.(message.memoryBytes);
        return;
      case 'pong':
        return;
      // An answer to a call that was given up meanwhile has nobody waiting for it.
      case 'answer':
        this.calls.get(message.id)?.resolve(message.answer);
        this.calls.delete(message.id);
        return;
      case 'refusal':
        this.calls.get(message.id)?.reject(new LiftscopeError(message.failure));
        this.calls.delete(message.id);
        return;
      case 'event':
        if (message.sequence !== this.nextSequence || isSnapshot(message.event)) {
          this.protocolError(`event ${message.sequence} where ${this.nextSequence} was due`);
          return;
        }
        this.nextSequence += 1;
        try {
          this.options.onEvent?.(message.event);
        } catch (error) {
          this.fail(asFailure(error));
          this.child.kill('SIGKILL');
        }
        return;
      case 'snapshot':
        if (isSnapshot(message.event)) void this.deliver(message.event);
        else this.protocolError(`a snapshot of type ${message.event.type}`);
        return;
      case 'result': {
        const result = jobSchemas[this.kind].result.safeParse(message.result);
        if (result.success) {
          this.outcome = { result: result.data as JobResultOf<K> };
          this.expectExit();
        } else {
          const issue = result.error.issues[0];
          this.protocolError(`a result that is not one (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`);
        }
        return;
      }
      case 'error':
        this.fail(new LiftscopeError(explainReported(message.failure)));
        this.expectExit();
        return;
      default:
        message satisfies never;
    }
  }

  /** A worker that has said its last word and still runs is ended; its answer stands. */
  private expectExit(): void {
    const { terminateMs } = this.options.ladder ?? LADDERS[this.kind];
    this.exitTimer = setTimeout(() => this.child.kill('SIGKILL'), terminateMs);
  }

  private async deliver(event: SnapshotEvent): Promise<void> {
    try {
      await this.options.onSnapshot?.(event);
    } catch {
      // Documented: a snapshot is never worth the job.
    }
    this.send({ type: 'snapshot-taken' });
  }

  private protocolError(what: string): void {
    this.fail(
      new LiftscopeError({
        code: 'protocol',
        message: `The worker sent ${what}.`,
        hint: 'Host and worker must come from the same version of Liftscope.',
      }),
    );
    this.child.kill('SIGKILL');
  }

  private checkSilence(silenceMs: number): void {
    if (performance.now() - this.lastMessageAt < silenceMs || this.outcome !== undefined) return;
    this.fail(
      new LiftscopeError({
        code: 'not-responding',
        message: `The worker gave no sign of life for ${Math.round(silenceMs / 1000)} s and was ended.`,
        hint:
          this.options.audience === 'studio'
            ? 'If it happens again, import the capture at a smaller scale.'
            : 'Start again with --resume; if it happens again, use fewer threads (--threads) or a smaller --scale.',
      }),
    );
    this.child.kill('SIGKILL');
  }

  private keepLog(chunk: Buffer): void {
    const text = chunk.toString('utf8');
    this.log = (this.log + text).slice(-LOG_TAIL_CHARS);
    this.options.onLog?.(text);
  }

  /** What a call is told that the job did not live to answer. */
  private reasonOfEnd(): LiftscopeError {
    if (this.outcome !== undefined && 'error' in this.outcome) return this.outcome.error;
    return new LiftscopeError({ code: 'cancelled', message: 'The worker has ended.' });
  }

  /** The first failure wins: what follows it is its consequence. */
  private fail(error: LiftscopeError): void {
    this.outcome ??= { error };
  }

  private ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.outcome === undefined) {
      this.fail(
        this.cancelling
          ? new LiftscopeError({
              code: 'cancelled',
              message: 'The job was cancelled; its worker was ended before it could stop by itself.',
              ...(this.kind === 'train-splats' && {
                hint: 'Earlier checkpoints are intact: --resume continues from the newest.',
              }),
            })
          : explainExit({
              code,
              signal,
              log: this.log,
              lastMemoryBytes: this.lastMemoryBytes,
              ...this.oomKillsMeanwhile(),
              audience: this.options.audience ?? 'terminal',
              resumable: this.kind === 'train-splats',
            }),
      );
    }
    this.finish();
  }

  private oomKillsMeanwhile(): { oomKills?: number } {
    const now = countOomKills();
    if (now === undefined || this.oomKillsBefore === undefined) return {};
    return { oomKills: now - this.oomKillsBefore };
  }

  private finish(): void {
    if (this.settled) return;
    this.settled = true;
    clearInterval(this.silenceTimer);
    clearTimeout(this.ladderTimer);
    clearTimeout(this.drainTimer);
    clearTimeout(this.exitTimer);
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.options.killSignal?.removeEventListener('abort', this.onKill);
    for (const { reject } of this.calls.values()) reject(this.reasonOfEnd());
    this.calls.clear();
    if (this.outcome === undefined) this.settle.reject(cancelled());
    else if ('result' in this.outcome) this.settle.resolve(this.outcome.result);
    else this.settle.reject(this.outcome.error);
  }
}

function callCancelled(): LiftscopeError {
  return new LiftscopeError({ code: 'cancelled', message: 'The call was cancelled.' });
}

function lowerPriority(pid: number): void {
  try {
    // A host that is itself at a lower one must not lift its worker above it.
    setPriority(pid, Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // Not allowed here, or it has exited already: the job runs as well without.
  }
}

function asFailure(error: unknown): LiftscopeError {
  if (error instanceof LiftscopeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const failure = { code: 'internal', message: `The host failed while handling an event: ${message}` } as const;
  return new LiftscopeError(explainReported(failure), { cause: error });
}
