import type { Backend, DeviceBuffer } from './backend.ts';

/** Named buffers that grow to the largest size ever asked for: working memory of operations that run once per view. */
export class GrowingBuffers {
  readonly #backend: Backend;
  readonly #label: string;
  readonly #buffers = new Map<string, DeviceBuffer>();

  constructor(backend: Backend, label: string) {
    this.#backend = backend;
    this.#label = label;
  }

  /** A buffer of at least `sizeBytes`; contents are lost when it grows. @throws OutOfMemoryError */
  ensure(name: string, sizeBytes: number): DeviceBuffer {
    const current = this.#buffers.get(name);
    if (current !== undefined && current.sizeBytes >= sizeBytes) return current;
    if (current !== undefined) this.#backend.destroyBuffer(current);
    this.#buffers.delete(name);
    // A quarter more than asked: needs drift from view to view and must not reallocate at each new maximum.
    const size = current === undefined ? sizeBytes : Math.ceil(sizeBytes * 1.25);
    const buffer = this.#backend.createBuffer(`${this.#label}: ${name}`, size);
    this.#buffers.set(name, buffer);
    return buffer;
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) this.#backend.destroyBuffer(buffer);
    this.#buffers.clear();
  }
}
