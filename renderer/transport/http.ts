import {
  type Failure,
  failureSchema,
  LiftscopeError,
  type ProcedureInput,
  type ProcedureName,
  type ProcedureOutput,
  procedures,
  routes,
  type StudioMessage,
  studioMessageSchema,
} from '../../contract/index.ts';
import { readJsonLines } from './ndjson.ts';
import type { CallOptions, EventPosition, Transport } from './transport.ts';

const UNREACHABLE: Failure = {
  code: 'not-responding',
  message: 'The studio does not answer.',
  hint: 'If it was closed, start it again; this page reconnects by itself.',
};

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** The host behind the page's own origin, in either shell. Authority is the cookie or the scheme, never a header. */
export class HttpTransport implements Transport {
  readonly #fetch: typeof globalThis.fetch;

  constructor(fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init)) {
    this.#fetch = fetch;
  }

  async call<N extends ProcedureName>(
    name: N,
    input: ProcedureInput<N>,
    options: CallOptions = {},
  ): Promise<ProcedureOutput<N>> {
    const response = await this.fetch(routes.procedure(name), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      // One buffer: a streamed body does not pass the desktop's own scheme.
      body: JSON.stringify(input),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const parsed = procedures[name].output.safeParse(await this.#json(response, name));
    if (!parsed.success)
      throw new LiftscopeError({
        code: 'protocol',
        message: `The studio's answer to ${name} was not understood.`,
        hint: 'Reload the window: page and studio may be of different versions.',
      });
    return parsed.data as ProcedureOutput<N>;
  }

  async *events(position: EventPosition | null, signal: AbortSignal): AsyncGenerator<StudioMessage> {
    const url = position === null ? routes.events() : routes.events(position.epoch, position.after);
    const response = await this.fetch(url, { signal, cache: 'no-store' });
    if (response.body === null) throw new LiftscopeError(UNREACHABLE);
    for await (const line of readJsonLines(response.body)) {
      const message = studioMessageSchema.safeParse(line);
      // A newer host may say things this page does not know; it is told in words it does know as well.
      if (message.success) yield message.data;
    }
  }

  async fetch(url: string, init?: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(url, { credentials: 'same-origin', ...init });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new LiftscopeError(UNREACHABLE, { cause: error });
    }
    if (response.ok) return response;
    throw new LiftscopeError(await this.#failure(response, url));
  }

  async #json(response: Response, name: string): Promise<unknown> {
    try {
      return await response.json();
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new LiftscopeError({ code: 'protocol', message: `The studio's answer to ${name} broke off.` });
    }
  }

  async #failure(response: Response, url: string): Promise<Failure> {
    const body: unknown = await response.json().catch(() => null);
    const failure = failureSchema.safeParse(body);
    if (failure.success) return failure.data;
    if (response.status === 401 || response.status === 403)
      return {
        code: 'usage',
        message: 'This page may not talk to the studio (any more).',
        hint: 'Open the address that the studio printed when it started; it carries a fresh token.',
      };
    if (response.status === 404) return { code: 'not-found', message: `Nothing at ${url.split('?')[0]}.` };
    return { code: 'internal', message: `The studio answered with status ${response.status}.` };
  }
}
