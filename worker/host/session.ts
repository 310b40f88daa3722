import { isNativeError } from 'node:util/types';
import {
  type Failure,
  failureCodeSchema,
  HEARTBEAT_MS,
  hostMessageSchema,
  isSnapshot,
  type JobEvent,
  type JobRequest,
  LiftscopeError,
  PROTOCOL_VERSION,
  type SnapshotEvent,
  type WorkerMessage,
} from '../../contract/index.ts';

/** What a handler gets beside its request. */
export interface JobContext {
  /** Aborts when the host asks the job to stop, and when the host is gone. */
  readonly signal: AbortSignal;
  /** Ordered events go out at once; of the snapshots (`preview`) only the newest waits for the host. */
  readonly emit: (event: JobEvent) => void;
  /**
   * Answers the host's calls from now on, in the order they came in and several at once if `answer` waits; calls that came
   * before wait for this. A job that never calls this refuses every call when it ends. The signal aborts when the host has
   * lost interest in the answer.
   */
  readonly answerCalls: (answer: CallAnswerer) => void;
}

export type CallAnswerer = (call: unknown, signal: AbortSignal) => Promise<unknown>;

export type JobRunner = (job: JobRequest, context: JobContext) => Promise<unknown>;

/** The process's side of the channel to the host; `process` itself, or a stand-in under test. */
export interface HostPort {
  /** Resolves when the message has left this process. */
  send(message: WorkerMessage): Promise<void>;
  onMessage(listener: (message: unknown) => void): void;
  onDisconnect(listener: () => void): void;
  memoryBytes(): number;
}

/** Ordered messages that may wait in the channel. Reached only when the host has stopped reading. */
const MAX_PENDING_EVENTS = 10_000;

/** A job that does not notice its lost host within this time is ended, so that a new process may take over its files. */
const ORPHAN_GRACE_MS = 8000;

/**
 * Runs the one job of this process. Resolves with the exit code once the last message has left.
 *
 * 0: the result was sent. 1: an error was sent. 2: there is no host left to tell.
 */
export async function runSession(port: HostPort, runner: JobRunner): Promise<number> {
  const abort = new AbortController();
  const outbox = new Outbox(port, (error) => abort.abort(error));
  const session = Promise.withResolvers<number>();
  const calls = new CallDesk(port);
  let started = false;

  const finish = async (message: WorkerMessage, exitCode: number): Promise<void> => {
    clearInterval(heartbeat);
    try {
      await port.send(message);
      session.resolve(exitCode);
    } catch (error) {
      // A result that cannot be serialised is the job's fault and the host should hear of it; a closed channel fails again.
      const failure: Failure = { code: 'internal', message: `The result could not be sent: ${String(error)}` };
      await port.send({ type: 'error', failure }).catch(() => undefined);
      session.resolve(2);
    }
  };
  const heartbeat = setInterval(() => {
    port.send({ type: 'heartbeat', memoryBytes: port.memoryBytes() }).catch(() => undefined);
  }, HEARTBEAT_MS);

  const start = async (job: JobRequest): Promise<void> => {
    try {
      const result = await runner(job, {
        signal: abort.signal,
        emit: (event) => outbox.emit(event),
        answerCalls: (answer) => calls.open(answer),
      });
      await finish({ type: 'result', result }, 0);
    } catch (error) {
      await finish({ type: 'error', failure: describeError(error, abort.signal) }, 1);
    }
  };

  port.onDisconnect(() => {
    abort.abort(new LiftscopeError({ code: 'cancelled', message: 'The host process is gone.' }));
    const orphaned = setTimeout(() => session.resolve(2), started ? ORPHAN_GRACE_MS : 0);
    orphaned.unref?.();
  });

  port.onMessage((raw) => {
    const parsed = hostMessageSchema.safeParse(raw);
    if (!parsed.success) {
      const failure: Failure = {
        code: 'protocol',
        message: `The worker did not understand the host: ${explainIssues(parsed.error.issues)}`,
        hint: 'Host and worker must come from the same version of Liftscope.',
      };
      void finish({ type: 'error', failure }, 1);
      return;
    }
    const message = parsed.data;
    switch (message.type) {
      case 'start':
        if (started) {
          const failure: Failure = { code: 'protocol', message: 'A worker process runs one job, a second was sent.' };
          void finish({ type: 'error', failure }, 1);
          return;
        }
        started = true;
        void start(message.job);
        return;
      case 'cancel':
        abort.abort(new LiftscopeError({ code: 'cancelled', message: 'The job was cancelled.' }));
        return;
      case 'ping':
        port.send({ type: 'pong', sequence: message.sequence }).catch(() => undefined);
        return;
      case 'snapshot-taken':
        outbox.snapshotTaken();
        return;
      case 'call':
        calls.take(message.id, message.call);
        return;
      case 'abandon':
        calls.abandon(message.id);
        return;
      default:
        message satisfies never;
    }
  });

  port
    .send({ type: 'ready', protocol: PROTOCOL_VERSION, node: process.version, pid: process.pid })
    .catch(() => session.resolve(2));
  return session.promise;
}

/** Two lanes over one channel: ordered events in full, snapshots latest-wins with one in flight. */
class Outbox {
  private readonly port: HostPort;
  private readonly overflow: (error: LiftscopeError) => void;
  private sequence = 0;
  private pending = 0;
  private snapshotInFlight = false;
  private nextSnapshot: SnapshotEvent | undefined;

  constructor(port: HostPort, overflow: (error: LiftscopeError) => void) {
    this.port = port;
    this.overflow = overflow;
  }

  emit(event: JobEvent): void {
    if (isSnapshot(event)) {
      this.nextSnapshot = event;
      this.sendSnapshot();
      return;
    }
    this.pending += 1;
    if (this.pending > MAX_PENDING_EVENTS) {
      this.overflow(
        new LiftscopeError({
          code: 'not-responding',
          message: `${MAX_PENDING_EVENTS} events wait for a host that reads none.`,
        }),
      );
    }
    const settled = (): void => {
      this.pending -= 1;
    };
    this.port.send({ type: 'event', sequence: this.sequence, event }).then(settled, settled);
    this.sequence += 1;
  }

  snapshotTaken(): void {
    this.snapshotInFlight = false;
    this.sendSnapshot();
  }

  private sendSnapshot(): void {
    if (this.snapshotInFlight || this.nextSnapshot === undefined) return;
    const event = this.nextSnapshot;
    this.nextSnapshot = undefined;
    this.snapshotInFlight = true;
    this.port.send({ type: 'snapshot', event }).catch(() => undefined);
  }
}

/** Calls that may wait for a job that does not answer yet. */
const MAX_WAITING_CALLS = 1000;

/** The call lane: every call is answered once, by what the job returns or by what it throws. */
class CallDesk {
  private readonly port: HostPort;
  private answerer: CallAnswerer | undefined;
  private waiting: { id: number; call: unknown }[] = [];
  private readonly aborts = new Map<number, AbortController>();

  constructor(port: HostPort) {
    this.port = port;
  }

  open(answerer: CallAnswerer): void {
    this.answerer = answerer;
    for (const { id, call } of this.waiting.splice(0)) void this.answer(answerer, id, call);
  }

  take(id: number, call: unknown): void {
    if (this.answerer !== undefined) {
      void this.answer(this.answerer, id, call);
    } else if (this.waiting.length < MAX_WAITING_CALLS) {
      this.waiting.push({ id, call });
    } else {
      this.refuse(id, { code: 'not-responding', message: 'The job does not answer calls.' });
    }
  }

  abandon(id: number): void {
    const reason = new LiftscopeError({ code: 'cancelled', message: 'The call was cancelled.' });
    this.aborts.get(id)?.abort(reason);
    if (this.waiting.some((waiting) => waiting.id === id)) {
      this.waiting = this.waiting.filter((waiting) => waiting.id !== id);
      this.refuse(id, reason.toFailure());
    }
  }

  private async answer(answerer: CallAnswerer, id: number, call: unknown): Promise<void> {
    const abort = new AbortController();
    this.aborts.set(id, abort);
    try {
      const answer = await answerer(call, abort.signal);
      await this.port.send({ type: 'answer', id, answer });
    } catch (error) {
      this.refuse(id, describeError(error, abort.signal));
    } finally {
      this.aborts.delete(id);
    }
  }

  private refuse(id: number, failure: Failure): void {
    this.port.send({ type: 'refusal', id, failure }).catch(() => undefined);
  }
}

/** Codes of the worker's own errors that mean something else outside. */
const CODES_OF_THE_WORKER: { readonly [code: string]: string } = {
  'image-file': 'bad-input',
};

/** What went wrong, as the host shows it. Errors that carry a failure code of the contract keep it. */
export function describeError(error: unknown, signal?: AbortSignal): Failure {
  if (error instanceof LiftscopeError) return error.toFailure();
  if (signal?.aborted === true && (error === signal.reason || (isError(error) && error.name === 'AbortError'))) {
    return signal.reason instanceof LiftscopeError
      ? signal.reason.toFailure()
      : { code: 'cancelled', message: 'The job was cancelled.' };
  }
  if (!isError(error)) return { code: 'internal', message: `The job threw ${String(error)}` };
  const ownCode = 'code' in error ? String(error.code) : '';
  const code = failureCodeSchema.safeParse(CODES_OF_THE_WORKER[ownCode] ?? ownCode);
  if (code.success) return { code: code.data, message: error.message };
  if (error instanceof RangeError && /allocation|Invalid (array|typed array) length/i.test(error.message)) {
    return {
      code: 'out-of-memory',
      message: `The worker could not get the memory it asked for: ${error.message}`,
      hint: 'Use fewer Gaussians (--max-gaussians) or import the images at a smaller --scale.',
    };
  }
  return { code: 'internal', message: error.stack ?? `${error.name}: ${error.message}` };
}

function isError(value: unknown): value is Error {
  return value instanceof Error || isNativeError(value);
}

function explainIssues(issues: readonly { path: readonly PropertyKey[]; message: string }[]): string {
  return issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'message'}: ${issue.message}`)
    .join('; ');
}
