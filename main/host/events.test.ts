import { describe, expect, it, vi } from 'vitest';
import type { StudioMessage } from '../../contract/index.ts';
import { EventHub } from './events.ts';
import { readMessages } from './testing.ts';

const removed = (jobId: number) => ({ type: 'job-removed', jobId }) as const;
const saved = (revision: number) => ({ type: 'saved', revision, savedAt: 0 }) as const;

/** Reads until `last` messages have come. */
async function take(stream: ReadableStream<Uint8Array>, last: number): Promise<StudioMessage[]> {
  const messages: StudioMessage[] = [];
  for await (const message of readMessages(stream)) {
    messages.push(message);
    if (messages.length === last) break;
  }
  return messages;
}

function sequences(messages: readonly StudioMessage[]): number[] {
  return messages.flatMap((message) => (message.lane === 'event' ? [message.sequence] : []));
}

describe('event stream', () => {
  it('gives every event once and in order, whatever the pace of reading', async () => {
    const hub = new EventHub();
    const stream = hub.stream();
    const reading = take(stream, 1001);
    for (let i = 1; i <= 1000; i++) {
      hub.emit(removed(i));
      if (i % 97 === 0) await new Promise((done) => setTimeout(done, 0));
    }
    const messages = await reading;
    expect(messages[0]).toEqual({ lane: 'hello', epoch: hub.epoch, sequence: 0 });
    expect(sequences(messages)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  });

  it('resumes after what the reader had, without a gap and without repeating', async () => {
    const hub = new EventHub();
    for (let i = 1; i <= 10; i++) hub.emit(removed(i));
    const messages = await take(hub.stream({ epoch: hub.epoch, after: 6 }), 5);
    expect(messages[0]).toEqual({ lane: 'hello', epoch: hub.epoch, sequence: 6 });
    expect(sequences(messages)).toEqual([7, 8, 9, 10]);
  });

  it.each([
    ['of another run', (hub: EventHub) => ({ epoch: 'other', after: hub.readerCount })],
    ['older than the ring', (hub: EventHub) => ({ epoch: hub.epoch, after: 2 })],
    ['of the future', (hub: EventHub) => ({ epoch: hub.epoch, after: 99 })],
    ['that is no number', (hub: EventHub) => ({ epoch: hub.epoch, after: -1 })],
  ])('resets a position %s', async (_name, from) => {
    const hub = new EventHub({ ringSize: 4 });
    for (let i = 1; i <= 10; i++) hub.emit(removed(i));
    const stream = hub.stream(from(hub));
    hub.emit(removed(11));
    const messages = await take(stream, 2);
    expect(messages[0]).toEqual({ lane: 'reset', epoch: hub.epoch, sequence: 10 });
    expect(sequences(messages)).toEqual([11]);
  });

  it('resets a reader that is slower than the ring, and goes on from there', async () => {
    const hub = new EventHub({ ringSize: 8 });
    const iterator = readMessages(hub.stream());
    expect((await iterator.next()).value).toMatchObject({ lane: 'hello', sequence: 0 });
    for (let i = 1; i <= 100; i++) hub.emit(removed(i));
    expect((await iterator.next()).value).toEqual({ lane: 'reset', epoch: hub.epoch, sequence: 100 });
    hub.emit(removed(101));
    expect((await iterator.next()).value).toMatchObject({ lane: 'event', sequence: 101 });
    await iterator.return(undefined);
    expect(hub.readerCount).toBe(0);
  });

  it('gives a slow reader only the newest snapshot of a key, after the events before it', async () => {
    const hub = new EventHub();
    const stream = hub.stream();
    const iterator = readMessages(stream);
    await iterator.next();
    for (let i = 1; i <= 500; i++) hub.snapshot('saved', saved(i));
    hub.snapshot('other', saved(7));
    hub.emit(removed(1));
    const rest = [await iterator.next(), await iterator.next(), await iterator.next()].map(({ value }) => value);
    expect(rest).toEqual([
      { lane: 'event', sequence: 1, event: removed(1) },
      { lane: 'snapshot', key: 'saved', snapshot: saved(500) },
      { lane: 'snapshot', key: 'other', snapshot: saved(7) },
    ]);
    await iterator.return(undefined);
  });

  it('drops a snapshot that an event supersedes, for readers now and later', async () => {
    const hub = new EventHub();
    const now = hub.stream();
    hub.snapshot('job-progress:1', saved(1));
    hub.emit(removed(1), ['job-progress:1']);
    hub.snapshot('last', saved(2));
    const later = hub.stream();
    expect((await take(now, 3)).map((message) => message.lane)).toEqual(['hello', 'event', 'snapshot']);
    expect(await take(later, 2)).toMatchObject([{ lane: 'hello' }, { lane: 'snapshot', key: 'last' }]);
  });

  it('pings a silent stream, forgets a reader that cancels, and ends on close', async () => {
    vi.useFakeTimers();
    try {
      const hub = new EventHub({ pingMs: 50 });
      const iterator = readMessages(hub.stream());
      await iterator.next();
      const ping = iterator.next();
      await vi.advanceTimersByTimeAsync(60);
      expect((await ping).value).toEqual({ lane: 'ping' });

      const gone = hub.stream();
      const reader = gone.getReader();
      await reader.read();
      expect(hub.readerCount).toBe(2);
      await reader.cancel();
      expect(hub.readerCount).toBe(1);

      const end = iterator.next();
      hub.emit(removed(1));
      hub.close();
      expect((await end).value).toMatchObject({ lane: 'event', sequence: 1 });
      expect((await iterator.next()).done).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
