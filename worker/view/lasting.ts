/** A view that outlives its GPU. */
import type { ViewAnswer, ViewSplatsRequest } from '../../contract/index.ts';
import { type Backend, DeviceLostError } from '../compute/index.ts';
import { startBackend } from '../splats/index.ts';
import { ViewService } from './service.ts';

/** Lost devices after which the CPU answers. */
const MAX_DEVICE_LOSSES = 2;

/**
 * Answers calls one at a time. Calls name the files they are about, so nothing is lost with a device but the time to load them again: the
 * call that found it lost is answered by a new device, and after the second loss on wasm.
 */
export class LastingView {
  readonly #request: ViewSplatsRequest;
  readonly #warn: (message: string) => void;
  #backend: Backend;
  #service: ViewService;
  #losses = 0;
  #earlierCalls = 0;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(request: ViewSplatsRequest, backend: Backend, warn: (message: string) => void) {
    this.#request = request;
    this.#warn = warn;
    this.#backend = backend;
    this.#service = new ViewService(backend, request.modelBudgetBytes);
  }

  /** @param warn is told of a lost device. @throws LiftscopeError when the backend cannot be started */
  static async start(request: ViewSplatsRequest, warn: (message: string) => void): Promise<LastingView> {
    return new LastingView(request, await startBackend(request), warn);
  }

  get calls(): number {
    return this.#earlierCalls + this.#service.calls;
  }

  /** @throws LiftscopeError, ImageFileError */
  answer(call: unknown, signal: AbortSignal): Promise<ViewAnswer> {
    const answer = this.#queue.then(() => this.#answer(call, signal));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  async #answer(call: unknown, signal: AbortSignal): Promise<ViewAnswer> {
    try {
      return await this.#service.answer(call, signal);
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      await this.#replace(error);
      return this.#answer(call, signal);
    }
  }

  async #replace(error: DeviceLostError): Promise<void> {
    this.#losses += 1;
    const backend = this.#losses < MAX_DEVICE_LOSSES ? this.#request.backend : 'wasm';
    this.#warn(`${error.message}. The view goes on on ${backend === 'wasm' ? 'wasm' : 'a new device'}.`);
    await this.#backend.dispose();
    this.#backend = await startBackend({ ...this.#request, backend });
    this.#earlierCalls += this.#service.calls;
    this.#service = new ViewService(this.#backend, this.#request.modelBudgetBytes);
  }

  async dispose(): Promise<void> {
    await this.#queue;
    await this.#backend.dispose();
  }
}
