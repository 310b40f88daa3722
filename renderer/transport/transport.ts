/** What the page needs from a host, whatever carries it: HTTP in both shells, memory in tests. */
import type { ProcedureInput, ProcedureName, ProcedureOutput, StudioMessage } from '../../contract/index.ts';

/** Where a reader of the event stream left off. */
export interface EventPosition {
  readonly epoch: string;
  /** Sequence number of the last event that was applied. */
  readonly after: number;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface Transport {
  /** Calls a procedure. Rejects with a `LiftscopeError` whatever went wrong, except `AbortError` for its own signal. */
  call<N extends ProcedureName>(name: N, input: ProcedureInput<N>, options?: CallOptions): Promise<ProcedureOutput<N>>;
  /** One connection to the event stream; ends or throws when the connection does. */
  events(position: EventPosition | null, signal: AbortSignal): AsyncIterable<StudioMessage>;
  /** A binary route (`routes`). Rejects with a `LiftscopeError` unless the status is a success. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
}
