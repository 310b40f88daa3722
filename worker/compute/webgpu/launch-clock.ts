/** Times of single launches by the device's own clock (timestamp queries): for benchmarks, since it keeps launches apart. */

/** What the launches of one program took together. */
export interface LaunchTime {
  readonly launches: number;
  readonly seconds: number;
}

// GPUBufferUsage and GPUMapMode as numbers (WebGPU, 5.1.2 and 5.2).
const QUERY_RESOLVE = 0x200;
const [MAP_READ, COPY_SOURCE, COPY_TARGET] = [0x1, 0x4, 0x8];
const READ = 1;
const TIMESTAMP_BYTES = 8;

export class LaunchClock {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #times = new Map<string, LaunchTime>();
  readonly #pending = new Set<Promise<void>>();
  readonly #staging = new Set<GPUBuffer>();
  #read: { readonly staging: GPUBuffer; readonly names: readonly string[] } | undefined;

  /** @param batch launches that are submitted at once, at most */
  constructor(device: GPUDevice, batch: number) {
    this.#device = device;
    this.#queries = device.createQuerySet({ label: 'launch clock', type: 'timestamp', count: 2 * batch });
    this.#resolved = device.createBuffer({
      ...{ label: 'launch clock', size: 2 * batch * TIMESTAMP_BYTES },
      usage: QUERY_RESOLVE | COPY_SOURCE,
    });
  }

  /** What a pass that holds one launch is begun with. @param launch its number in the batch */
  passOf(launch: number): GPUComputePassDescriptor {
    const at = { beginningOfPassWriteIndex: 2 * launch, endOfPassWriteIndex: 2 * launch + 1 };
    return { label: 'timed kernel', timestampWrites: { querySet: this.#queries, ...at } };
  }

  /** Records how the times of a batch come back; {@link submitted} must follow its submission. */
  record(encoder: GPUCommandEncoder, names: readonly string[]): void {
    if (names.length === 0) return;
    const size = 2 * names.length * TIMESTAMP_BYTES;
    const staging = this.#device.createBuffer({ label: 'launch clock', size, usage: MAP_READ | COPY_TARGET });
    this.#staging.add(staging);
    encoder.resolveQuerySet(this.#queries, 0, 2 * names.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, size);
    this.#read = { staging, names };
  }

  submitted(): void {
    const read = this.#read;
    this.#read = undefined;
    if (read === undefined) return;
    const arrival = this.#receive(read.staging, read.names);
    this.#pending.add(arrival);
    void arrival.finally(() => this.#pending.delete(arrival));
  }

  async #receive(staging: GPUBuffer, names: readonly string[]): Promise<void> {
    try {
      await staging.mapAsync(READ);
      const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
      for (const [i, name] of names.entries()) {
        const { launches, seconds } = this.#times.get(name) ?? { launches: 0, seconds: 0 };
        const nanoseconds = Number(stamps[2 * i + 1]! - stamps[2 * i]!);
        this.#times.set(name, { launches: launches + 1, seconds: seconds + Math.max(0, nanoseconds) / 1e9 });
      }
    } catch {
      // The device is gone, which is told on its own.
    } finally {
      this.#staging.delete(staging);
      staging.destroy();
    }
  }

  /** By program, when all that was submitted has run. */
  async times(): Promise<ReadonlyMap<string, LaunchTime>> {
    await Promise.all(this.#pending);
    return this.#times;
  }

  get bufferCount(): number {
    return 1 + this.#staging.size;
  }

  destroy(): void {
    for (const staging of this.#staging) staging.destroy();
    this.#resolved.destroy();
    this.#queries.destroy();
  }
}
