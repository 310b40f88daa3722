/**
 * The event stream (contract/studio/events.ts). Readers share one ring of ordered events and hold only a position in it, so
 * a reader that does not read costs nothing; one that falls behind the ring is told to fetch the state anew.
 */
import { randomUUID } from 'node:crypto';
import type { StudioEvent, StudioMessage, StudioSnapshot } from '../../contract/index.ts';

/** Ordered events kept for readers that come back or are slow. */
const EVENT_RING = 4096;
/** Keys of the snapshot lane; beyond it the one that has been silent longest is forgotten. */
const SNAPSHOT_KEYS = 1024;
const PING_MS = 5000;
/** Messages per chunk: one slow consumer must not make the host build a string of the whole ring. */
const MESSAGES_PER_CHUNK = 256;

interface Reader {
  /** Sequence number of the last event it was given. */
  position: number;
  /** Snapshots that it has not been given; the newest of each key. */
  readonly snapshots: Map<string, StudioSnapshot>;
  wake: () => void;
}

export interface EventHubOptions {
  readonly ringSize?: number;
  readonly pingMs?: number;
}

export class EventHub {
  /** One run of the host. */
  readonly epoch: string = randomUUID();
  private readonly ringSize: number;
  private readonly pingMs: number;
  /** Events `sequence - ring.length + 1` to `sequence`. */
  private readonly ring: string[] = [];
  private sequence = 0;
  private readonly latest = new Map<string, StudioSnapshot>();
  private readonly readers = new Set<Reader>();
  private closed = false;

  constructor(options: EventHubOptions = {}) {
    this.ringSize = options.ringSize ?? EVENT_RING;
    this.pingMs = options.pingMs ?? PING_MS;
  }

  /** @param supersedes keys of snapshots that are older than this event and must not arrive after it */
  emit(event: StudioEvent, supersedes: readonly string[] = []): void {
    this.sequence += 1;
    this.ring.push(lineOf({ lane: 'event', sequence: this.sequence, event }));
    if (this.ring.length > this.ringSize) this.ring.shift();
    for (const key of supersedes) this.latest.delete(key);
    for (const reader of this.readers) {
      for (const key of supersedes) reader.snapshots.delete(key);
      reader.wake();
    }
  }

  snapshot(key: string, snapshot: StudioSnapshot): void {
    keepNewest(this.latest, key, snapshot);
    for (const reader of this.readers) {
      keepNewest(reader.snapshots, key, snapshot);
      reader.wake();
    }
  }

  /** Readers at this moment. */
  get readerCount(): number {
    return this.readers.size;
  }

  /** Ends every stream; later ones end at once. */
  close(): void {
    this.closed = true;
    for (const reader of this.readers) reader.wake();
  }

  /** The stream of one reader, which lives until it is cancelled or the hub is closed. */
  stream(from?: { readonly epoch: string; readonly after: number }): ReadableStream<Uint8Array<ArrayBuffer>> {
    const encoder = new TextEncoder();
    let waiting: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    const reader: Reader = {
      position: this.sequence,
      snapshots: new Map(this.latest),
      wake: () => waiting?.(),
    };
    const oldest = this.sequence - this.ring.length;
    const resumes =
      from !== undefined && from.epoch === this.epoch && from.after >= oldest && from.after <= this.sequence;
    if (resumes) reader.position = from.after;
    const first: StudioMessage = {
      lane: from === undefined || resumes ? 'hello' : 'reset',
      epoch: this.epoch,
      sequence: reader.position,
    };
    let pending = lineOf(first);
    const end = (): void => {
      this.readers.delete(reader);
      clearTimeout(timer);
      waiting?.();
    };
    return new ReadableStream(
      {
        start: () => {
          this.readers.add(reader);
        },
        pull: async (controller) => {
          if (pending === '') pending = this.take(reader);
          if (pending === '' && !this.closed && this.readers.has(reader)) {
            await new Promise<void>((resolve) => {
              waiting = resolve;
              timer = setTimeout(resolve, this.pingMs);
            });
            waiting = undefined;
            clearTimeout(timer);
            if (!this.readers.has(reader)) return;
            pending = this.take(reader);
            if (pending === '' && !this.closed) pending = lineOf({ lane: 'ping' });
          }
          if (pending !== '') controller.enqueue(encoder.encode(pending));
          pending = '';
          if (this.closed && reader.position === this.sequence) {
            end();
            controller.close();
          }
        },
        cancel: end,
      },
      // Nothing is taken before somebody reads: what is not taken stays replaceable.
      { highWaterMark: 0 },
    );
  }

  /** What the reader has not seen, up to one chunk: ordered events first, so that a snapshot never runs ahead of them. */
  private take(reader: Reader): string {
    const lines: string[] = [];
    const oldest = this.sequence - this.ring.length;
    if (reader.position < oldest) {
      reader.position = this.sequence;
      reader.snapshots.clear();
      for (const [key, snapshot] of this.latest) reader.snapshots.set(key, snapshot);
      lines.push(lineOf({ lane: 'reset', epoch: this.epoch, sequence: this.sequence }));
    }
    const from = reader.position - oldest;
    const events = this.ring.slice(from, from + MESSAGES_PER_CHUNK);
    lines.push(...events);
    reader.position += events.length;
    if (reader.position === this.sequence) {
      for (const [key, snapshot] of reader.snapshots) {
        if (lines.length >= MESSAGES_PER_CHUNK) break;
        reader.snapshots.delete(key);
        lines.push(lineOf({ lane: 'snapshot', key, snapshot }));
      }
    }
    return lines.join('');
  }
}

function keepNewest(snapshots: Map<string, StudioSnapshot>, key: string, snapshot: StudioSnapshot): void {
  snapshots.delete(key);
  snapshots.set(key, snapshot);
  if (snapshots.size <= SNAPSHOT_KEYS) return;
  for (const oldest of snapshots.keys()) {
    snapshots.delete(oldest);
    return;
  }
}

function lineOf(message: StudioMessage): string {
  return `${JSON.stringify(message)}\n`;
}
