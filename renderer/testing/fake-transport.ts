/** A host in memory, for tests and for looking at panels without one. Answers what it is given; pushes what it is told to. */
import {
  LiftscopeError,
  type ProcedureInput,
  type ProcedureName,
  type ProcedureOutput,
  type StudioEvent,
  type StudioMessage,
  type StudioSnapshot,
} from '../../contract/index.ts';
import type { EventPosition, Transport } from '../transport/index.ts';

type Answers = {
  [N in ProcedureName]?: (input: ProcedureInput<N>) => ProcedureOutput<N> | Promise<ProcedureOutput<N>>;
};

export class FakeTransport implements Transport {
  readonly calls: { name: ProcedureName; input: unknown }[] = [];
  readonly answers: Answers;
  fetchBinary: (url: string, init?: RequestInit) => Promise<Response> = async () => new Response(null, { status: 404 });
  readonly #epoch = 'fake';
  #sequence = 0;
  #listeners = new Set<(message: StudioMessage | null) => void>();

  constructor(answers: Answers = {}) {
    this.answers = answers;
  }

  async call<N extends ProcedureName>(name: N, input: ProcedureInput<N>): Promise<ProcedureOutput<N>> {
    this.calls.push({ name, input });
    const answer = this.answers[name] as ((input: ProcedureInput<N>) => ProcedureOutput<N>) | undefined;
    if (answer === undefined) throw new LiftscopeError({ code: 'unsupported', message: `${name} has no answer here.` });
    return answer(input);
  }

  async *events(_position: EventPosition | null, signal: AbortSignal): AsyncGenerator<StudioMessage> {
    const waiting: (StudioMessage | null)[] = [{ lane: 'hello', epoch: this.#epoch, sequence: this.#sequence }];
    let wake: () => void = () => {};
    const listener = (message: StudioMessage | null) => {
      waiting.push(message);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => listener(null), { once: true });
    try {
      for (;;) {
        const message = waiting.shift();
        if (message === null) return;
        if (message !== undefined) yield message;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  fetch(url: string, init?: RequestInit): Promise<Response> {
    return this.fetchBinary(url, init);
  }

  push(event: StudioEvent): void {
    this.#sequence += 1;
    for (const listener of this.#listeners) listener({ lane: 'event', sequence: this.#sequence, event });
  }

  show(key: string, snapshot: StudioSnapshot): void {
    for (const listener of this.#listeners) listener({ lane: 'snapshot', key, snapshot });
  }

  /** Breaks every open event stream; readers come back by themselves. */
  disconnect(): void {
    for (const listener of this.#listeners) listener(null);
  }
}
