import { describe, expect, it, vi } from 'vitest';
import { LiftscopeError, type StudioMessage } from '../../contract/index.ts';
import { type EventHandlers, readEvents } from './event-reader.ts';
import type { EventPosition, Transport } from './transport.ts';

const notice = (text: string) => ({ type: 'notice', level: 'info', text }) as const;
const event = (sequence: number): StudioMessage => ({ lane: 'event', sequence, event: notice(`n${sequence}`) });
const hello = (sequence: number, epoch = 'e1'): StudioMessage => ({ lane: 'hello', epoch, sequence });

/** A host that answers one list of messages per connection, then closes it; the reader is stopped after the last. */
function host(connections: (StudioMessage[] | 'refused' | 'silent')[]) {
  const controller = new AbortController();
  const positions: (EventPosition | null)[] = [];
  const transport = {
    async *events(position: EventPosition | null, signal: AbortSignal) {
      const next = connections.shift();
      positions.push(position);
      if (connections.length === 0) queueMicrotask(() => setTimeout(() => controller.abort(), 30));
      if (next === undefined || next === 'refused') throw new Error('refused');
      if (next === 'silent') {
        yield hello(0);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return;
      }
      yield* next;
    },
  } as unknown as Transport;
  const log: string[] = [];
  const handlers: EventHandlers = {
    connection: (state) => log.push(state),
    refetch: () => log.push('refetch'),
    event: (received) => log.push(received.type === 'notice' ? received.text : received.type),
    snapshot: (key) => log.push(`snapshot ${key}`),
  };
  const run = () => readEvents(transport, handlers, controller.signal, { retryMs: 1, maxRetryMs: 2, silenceMs: 10 });
  return { run, log, positions };
}

describe('event reader', () => {
  it('fetches the state once, applies events in order, and resumes after the last one', async () => {
    const { run, log, positions } = host([
      [hello(7), event(8), event(9)],
      [hello(9), event(10)],
    ]);
    await run();
    expect(log.filter((entry) => entry !== 'connecting').slice(0, 7)).toEqual([
      'refetch',
      'live',
      'n8',
      'n9',
      'lost',
      'live',
      'n10',
    ]);
    expect(positions[0]).toBeNull();
    expect(positions[1]).toEqual({ epoch: 'e1', after: 9 });
    expect(log.filter((entry) => entry === 'refetch')).toHaveLength(1);
  });

  it('ignores what it has already applied', async () => {
    const { run, log } = host([[hello(3), event(3), event(4), event(4)]]);
    await run();
    expect(log.filter((entry) => entry.startsWith('n'))).toEqual(['n4']);
  });

  it.each([
    ['a reset', [{ lane: 'reset', epoch: 'e1', sequence: 50 } as StudioMessage, event(51)]],
    ['another run of the host', [hello(0, 'e2'), event(1)]],
    ['a gap', [hello(1), event(9)]],
  ])('fetches the state anew after %s', async (_, second) => {
    const { run, log } = host([[hello(0), event(1)], second]);
    await run();
    expect(log.filter((entry) => entry === 'refetch')).toHaveLength(2);
    expect(log.filter((entry) => /^n\d/.test(entry))).toHaveLength(2);
  });

  it('says that the connection is lost and keeps trying', async () => {
    const { run, log } = host(['refused', 'refused', [hello(0)]]);
    await run();
    expect(log.filter((entry) => entry === 'lost').length).toBeGreaterThanOrEqual(2);
    expect(log).toContain('live');
  });

  it('says why, where the host does', async () => {
    const controller = new AbortController();
    const problems: unknown[] = [];
    // biome-ignore lint/correctness/useYield: it fails before the first message
    const events = async function* () {
      throw new LiftscopeError({ code: 'usage', message: 'no token' });
    };
    const handlers: EventHandlers = {
      connection(state, problem) {
        if (state !== 'lost') return;
        problems.push(problem);
        controller.abort();
      },
      refetch() {},
      event() {},
      snapshot() {},
    };
    await readEvents({ events } as unknown as Transport, handlers, controller.signal, { retryMs: 1 });
    expect(problems).toEqual([{ code: 'usage', message: 'no token' }]);
  });

  it('takes a silent stream for dead', async () => {
    vi.useRealTimers();
    const { run, log } = host(['silent', [hello(0), event(1)]]);
    await run();
    expect(log).toContain('lost');
    expect(log).toContain('n1');
  });
});
