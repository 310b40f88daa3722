import { describe, expect, test, vi } from 'vitest';
import {
  type HostMessage,
  type JobRequest,
  LiftscopeError,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from '../../contract/index.ts';
import { describeError, type HostPort, type JobRunner, runSession } from './session.ts';

const job: JobRequest = { kind: 'inspect', request: { probe: 'wasm' } };

/** A host in memory: keeps what the worker sends, sends what the test says. */
class FakeHost implements HostPort {
  readonly sent: WorkerMessage[] = [];
  private readonly messageListeners: ((message: unknown) => void)[] = [];
  private readonly disconnectListeners: (() => void)[] = [];
  async send(message: WorkerMessage): Promise<void> {
    if (message.type === 'result' && message.result === 'unsendable') throw new Error('cannot be cloned');
    this.sent.push(message);
  }
  onMessage(listener: (message: unknown) => void): void {
    this.messageListeners.push(listener);
  }
  onDisconnect(listener: () => void): void {
    this.disconnectListeners.push(listener);
  }
  memoryBytes(): number {
    return 1;
  }
  say(message: HostMessage | { type: 'nonsense' }): void {
    for (const listener of this.messageListeners) listener(message);
  }
  vanish(): void {
    for (const listener of this.disconnectListeners) listener();
  }
  of<T extends WorkerMessage['type']>(type: T): Extract<WorkerMessage, { type: T }>[] {
    return this.sent.filter((message): message is Extract<WorkerMessage, { type: T }> => message.type === type);
  }
}

function begin(runner: JobRunner): { host: FakeHost; exit: Promise<number> } {
  const host = new FakeHost();
  const exit = runSession(host, runner);
  host.say({ type: 'start', protocol: PROTOCOL_VERSION, job });
  return { host, exit };
}

/** Ends when the job is aborted, as a job with a safe point does. */
const untilCancelled: JobRunner = (_job, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('runSession', () => {
  test('ready first, events numbered without a gap, one result, exit code 0', async () => {
    const { host, exit } = begin(async (_job, { emit }) => {
      emit({ type: 'warning', message: 'a' });
      emit({ type: 'warning', message: 'b' });
      return { lines: [] };
    });
    expect(await exit).toBe(0);
    expect(host.sent[0]).toMatchObject({ type: 'ready', protocol: PROTOCOL_VERSION });
    expect(host.of('event').map((message) => message.sequence)).toEqual([0, 1]);
    expect(host.of('result')).toEqual([{ type: 'result', result: { lines: [] } }]);
  });

  test('of the snapshots only the newest waits for the host', async () => {
    const release = Promise.withResolvers<void>();
    const { host, exit } = begin(async (_job, { emit }) => {
      for (let iteration = 0; iteration < 10; iteration++) {
        emit({ type: 'preview', iteration, frame: 'a', width: 1, height: 1, png: new Uint8Array(1) });
      }
      await release.promise;
      return { lines: [] };
    });
    const iterations = () => host.of('snapshot').map(({ event }) => (event.type === 'preview' ? event.iteration : -1));
    expect(iterations()).toEqual([0]);
    host.say({ type: 'snapshot-taken' });
    expect(iterations()).toEqual([0, 9]);
    host.say({ type: 'snapshot-taken' });
    expect(iterations()).toEqual([0, 9]);
    release.resolve();
    expect(await exit).toBe(0);
  });

  test('calls wait for the job to answer them, and each gets its answer or the reason why not', async () => {
    const ready = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const { host, exit } = begin(async (_job, { answerCalls, signal }) => {
      await ready.promise;
      answerCalls(async (call, callSignal) => {
        if (call === 'refuse') throw new LiftscopeError({ code: 'bad-input', message: 'no such thing' });
        if (call === 'wait') {
          await new Promise((_resolve, reject) =>
            callSignal.addEventListener('abort', () => reject(callSignal.reason), { once: true }),
          );
        }
        return `answer to ${String(call)}`;
      });
      await release.promise;
      expect(signal.aborted).toBe(false);
      return { lines: [] };
    });
    host.say({ type: 'call', id: 0, call: 'early' });
    host.say({ type: 'call', id: 1, call: 'early and given up' });
    host.say({ type: 'abandon', id: 1 });
    await Promise.resolve();
    expect(host.of('answer')).toEqual([]);
    expect(host.of('refusal')).toMatchObject([{ id: 1, failure: { code: 'cancelled' } }]);
    ready.resolve();
    host.say({ type: 'call', id: 2, call: 'wait' });
    host.say({ type: 'call', id: 3, call: 'refuse' });
    await vi.waitFor(() => expect(host.of('refusal')).toHaveLength(2));
    host.say({ type: 'abandon', id: 2 });
    host.say({ type: 'abandon', id: 99 });
    host.say({ type: 'call', id: 4, call: 'late' });
    await vi.waitFor(() => expect(host.of('refusal')).toHaveLength(3));
    release.resolve();
    expect(await exit).toBe(0);
    expect(host.of('answer')).toEqual([
      { type: 'answer', id: 0, answer: 'answer to early' },
      { type: 'answer', id: 4, answer: 'answer to late' },
    ]);
    expect(host.of('refusal')).toMatchObject([
      { id: 1, failure: { code: 'cancelled' } },
      { id: 3, failure: { code: 'bad-input', message: 'no such thing' } },
      { id: 2, failure: { code: 'cancelled' } },
    ]);
  });

  test('cancel aborts the signal; the failure is "cancelled"', async () => {
    const { host, exit } = begin(untilCancelled);
    host.say({ type: 'cancel' });
    expect(await exit).toBe(1);
    expect(host.of('error')).toMatchObject([{ failure: { code: 'cancelled' } }]);
  });

  test('the loss of the host aborts the job as well', async () => {
    const { host, exit } = begin(untilCancelled);
    host.vanish();
    expect(await exit).toBe(1);
  });

  test('a host that vanishes before it sent a job leaves no process behind', async () => {
    const host = new FakeHost();
    const exit = runSession(host, untilCancelled);
    host.vanish();
    expect(await exit).toBe(2);
  });

  test('what is no message is refused by name', async () => {
    const { host, exit } = begin(untilCancelled);
    host.say({ type: 'nonsense' });
    expect(await exit).toBe(1);
    expect(host.of('error')).toMatchObject([{ failure: { code: 'protocol' } }]);
  });

  test('a second job is refused', async () => {
    const { host, exit } = begin(untilCancelled);
    host.say({ type: 'start', protocol: PROTOCOL_VERSION, job });
    expect(await exit).toBe(1);
  });

  test('a result that cannot be sent is reported', async () => {
    const { host, exit } = begin(async () => 'unsendable');
    expect(await exit).toBe(2);
    expect(host.of('error')).toMatchObject([
      { failure: { code: 'internal', message: expect.stringMatching(/cannot be cloned/) } },
    ]);
  });

  test('ping is answered with its number', async () => {
    const { host, exit } = begin(untilCancelled);
    host.say({ type: 'ping', sequence: 7 });
    expect(host.of('pong')).toEqual([{ type: 'pong', sequence: 7 }]);
    host.say({ type: 'cancel' });
    await exit;
  });
});

describe('describeError', () => {
  test('keeps the code, message and hint of our own errors', () => {
    const failure = { code: 'bad-input', message: 'no images', hint: 'add some' } as const;
    expect(describeError(new LiftscopeError(failure))).toEqual(failure);
  });

  test('keeps a failure code that a foreign error carries', () => {
    const error = Object.assign(new Error('4 GiB are not enough'), { code: 'out-of-memory' });
    expect(describeError(error)).toEqual({ code: 'out-of-memory', message: '4 GiB are not enough' });
    expect(describeError(Object.assign(new Error('x'), { code: 'image-file' })).code).toBe('bad-input');
    expect(describeError(Object.assign(new Error('x'), { code: 'ENOENT' })).code).toBe('internal');
  });

  test('an array too large to allocate is a lack of memory', () => {
    expect(describeError(new RangeError('Array buffer allocation failed')).code).toBe('out-of-memory');
  });

  test('what is not an error is still reported', () => {
    expect(describeError(7)).toEqual({ code: 'internal', message: 'The job threw 7' });
  });
});
