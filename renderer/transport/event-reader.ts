import { type Failure, LiftscopeError, type StudioEvent, type StudioSnapshot } from '../../contract/index.ts';
import type { EventPosition, Transport } from './transport.ts';

export type ConnectionState = 'connecting' | 'live' | 'lost';

export interface EventHandlers {
  /** `problem`: why it is lost, where more is known than that nobody answers. */
  connection(state: ConnectionState, problem: Failure | null): void;
  /** The state on this side may be stale: fetch it anew. Called on the first connection and whenever events were missed. */
  refetch(): void;
  event(event: StudioEvent): void;
  snapshot(key: string, snapshot: StudioSnapshot): void;
}

export interface EventReaderOptions {
  /** A stream that is silent for longer is taken for dead; the host pings every few seconds. */
  silenceMs?: number;
  retryMs?: number;
  maxRetryMs?: number;
}

/**
 * Reads the event stream until `signal` aborts: reconnects with growing pauses, resumes after the last event it applied, and
 * asks for a refetch when the host says `reset`, when it is another run of the host, or when a sequence number is missing.
 */
export async function readEvents(
  transport: Transport,
  handlers: EventHandlers,
  signal: AbortSignal,
  { silenceMs = 20_000, retryMs = 250, maxRetryMs = 4000 }: EventReaderOptions = {},
): Promise<void> {
  let position = null as EventPosition | null;
  let pauseMs = retryMs;
  handlers.connection('connecting', null);
  while (!signal.aborted) {
    let problem: Failure | null = null;
    const connection = new AbortController();
    const stop = () => connection.abort();
    signal.addEventListener('abort', stop, { once: true });
    let silence = setTimeout(stop, silenceMs);
    try {
      for await (const message of transport.events(position, connection.signal)) {
        if (signal.aborted) return;
        clearTimeout(silence);
        silence = setTimeout(stop, silenceMs);
        switch (message.lane) {
          case 'hello':
            if (position?.epoch !== message.epoch) {
              position = { epoch: message.epoch, after: message.sequence };
              handlers.refetch();
            }
            pauseMs = retryMs;
            handlers.connection('live', null);
            break;
          case 'reset':
            position = { epoch: message.epoch, after: message.sequence };
            handlers.connection('live', null);
            handlers.refetch();
            break;
          case 'event':
            if (position === null || message.sequence <= position.after) break;
            if (message.sequence > position.after + 1) handlers.refetch();
            position = { epoch: position.epoch, after: message.sequence };
            handlers.event(message.event);
            break;
          case 'snapshot':
            handlers.snapshot(message.key, message.snapshot);
            break;
          case 'ping':
            break;
          default:
            message satisfies never;
        }
      }
    } catch (error) {
      // Whatever broke it, the remedy is the same: say so and connect again.
      if (error instanceof LiftscopeError && error.code !== 'not-responding') problem = error.toFailure();
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', stop);
      connection.abort();
    }
    if (signal.aborted) return;
    handlers.connection('lost', problem);
    await pause(pauseMs, signal);
    pauseMs = Math.min(maxRetryMs, pauseMs * 2);
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener('abort', done);
  });
}
