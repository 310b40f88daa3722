/** Backend on AssemblyScript kernels: one shared memory, one instance of every module per thread, the caller as thread 0. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  type Backend,
  type DeviceBuffer,
  type Kernel,
  KernelError,
  type MemoryUse,
  OutOfMemoryError,
} from '../backend.ts';
import { Allocator } from './allocator.ts';
import { loadModules } from './modules.ts';
import {
  CONTROL,
  COUNTER_BYTES,
  COUNTERS,
  instantiate,
  type KernelFunction,
  STOP,
  type ThreadStart,
} from './protocol.ts';

const PAGE_BYTES = 65_536;
const MAX_PAGES = 65_536;
/** The last page stays unused: an address just past a buffer at 4 GiB would wrap to 0. */
const ADDRESSABLE_BYTES = (MAX_PAGES - 1) * PAGE_BYTES;

export interface WasmBackendOptions {
  /** Threads including the caller; default all cores. */
  readonly threads?: number;
  /** Budget for buffers; default the whole 4 GiB address range. */
  readonly memoryBudgetBytes?: number;
}

export class WasmBuffer implements DeviceBuffer {
  readonly label: string;
  readonly sizeBytes: number;
  /** Byte address in the shared memory: what kernels take as a pointer. */
  readonly address: number;
  alive = true;
  /** Views of the whole buffer, made when first asked for: shared memory stays where it is when it grows. */
  integers: Int32Array<ArrayBufferLike> | undefined;
  floats: Float32Array<ArrayBufferLike> | undefined;
  constructor(label: string, sizeBytes: number, address: number) {
    this.label = label;
    this.sizeBytes = sizeBytes;
    this.address = address;
  }
}

/**
 * Some thirty microseconds, as long as pauses between the kernels of a training; hardly any where the threads outnumber the
 * cores, and one that spins keeps another from work.
 */
function mostSpins(threads: number): number {
  return threads > availableParallelism() ? 100 : 30_000;
}

export class WasmBackend implements Backend {
  readonly kind = 'wasm';
  readonly threads: number;
  readonly description: string;
  readonly #memory: WebAssembly.Memory;
  readonly #functions: KernelFunction[];
  readonly #names: Map<string, number>;
  readonly #workers: Worker[];
  readonly #allocator: Allocator;
  readonly #limitBytes: number;
  readonly #mostSpins: number;
  #usedBytes = 0;
  #peakBytes = 0;
  #failure: string | undefined;
  readonly #control: Int32Array<ArrayBufferLike>;
  readonly #values: Float64Array<ArrayBufferLike>;
  readonly #counters: Int32Array<ArrayBufferLike>;
  #ahead = false;
  /** The kernel that other threads are running and this one has yet to take its part in. */
  #pending: { readonly name: string; readonly index: number; readonly args: readonly number[] } | undefined;

  private constructor(
    memory: WebAssembly.Memory,
    functions: KernelFunction[],
    names: Map<string, number>,
    workers: Worker[],
    limitBytes: number,
  ) {
    this.#memory = memory;
    this.#functions = functions;
    this.#names = names;
    this.#workers = workers;
    this.threads = workers.length + 1;
    this.description = `wasm, ${this.threads} thread${this.threads === 1 ? '' : 's'}, relaxed SIMD`;
    this.#limitBytes = limitBytes;
    this.#mostSpins = mostSpins(this.threads);
    const countersBytes = this.threads * COUNTER_BYTES;
    this.#allocator = new Allocator(CONTROL.endBytes + countersBytes, ADDRESSABLE_BYTES, (endBytes) => {
      const missing = endBytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    });
    this.#control = new Int32Array(memory.buffer, 0, CONTROL.endBytes / 4);
    this.#values = new Float64Array(memory.buffer, 0, CONTROL.endBytes / 8);
    this.#counters = new Int32Array(memory.buffer, CONTROL.endBytes, countersBytes / 4);
    for (const worker of workers) {
      worker.on('message', (message: string) => {
        this.#failure = message;
      });
    }
  }

  /** Starts the threads. @throws when the kernels have not been built (`npm run build:kernels`). */
  static async create(options: WasmBackendOptions = {}): Promise<WasmBackend> {
    const threads = Math.max(1, Math.floor(options.threads ?? availableParallelism()));
    const { modules, names } = await loadModules();
    const memory = new WebAssembly.Memory({ initial: 16, maximum: MAX_PAGES, shared: true });
    const workers = await Promise.all(
      Array.from({ length: threads - 1 }, (_, index) => {
        const workerData: ThreadStart = { memory, modules, thread: index + 1, threads, mostSpins: mostSpins(threads) };
        const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData });
        // A pool that is not disposed must not keep the process alive.
        worker.unref();
        return new Promise<Worker>((resolve, reject) => {
          worker.once('message', () => resolve(worker));
          worker.once('error', reject);
        });
      }),
    );
    const limitBytes = Math.min(options.memoryBudgetBytes ?? ADDRESSABLE_BYTES, ADDRESSABLE_BYTES);
    return new WasmBackend(memory, instantiate(memory, modules), names, workers, limitBytes);
  }

  get memory(): MemoryUse {
    return { usedBytes: this.#usedBytes, peakBytes: this.#peakBytes, limitBytes: this.#limitBytes };
  }

  createBuffer(label: string, sizeBytes: number): WasmBuffer {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0)
      throw new RangeError(`${label}: buffer size ${sizeBytes} is not a byte count`);
    const address = this.#usedBytes + sizeBytes > this.#limitBytes ? undefined : this.#allocator.allocate(sizeBytes);
    if (address === undefined) throw new OutOfMemoryError(label, sizeBytes, this.memory);
    this.#usedBytes += sizeBytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
    return new WasmBuffer(label, sizeBytes, address);
  }

  destroyBuffer(buffer: DeviceBuffer): void {
    const own = this.#own(buffer);
    this.#settle();
    own.alive = false;
    this.#usedBytes -= own.sizeBytes;
    this.#allocator.release(own.address, own.sizeBytes);
  }

  write(buffer: DeviceBuffer, data: ArrayBufferView, offsetBytes = 0): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.bytes(buffer, offsetBytes, bytes.length).set(bytes);
  }

  async read(buffer: DeviceBuffer, offsetBytes = 0, sizeBytes = buffer.sizeBytes - offsetBytes): Promise<ArrayBuffer> {
    const copy = new Uint8Array(sizeBytes);
    copy.set(this.bytes(buffer, offsetBytes, sizeBytes));
    return copy.buffer;
  }

  run<Args>(kernel: Kernel<Args>, args: Args): void {
    kernel.wasm(this, args);
  }

  async synchronise(): Promise<void> {
    this.#settle();
  }

  /** At most one kernel is behind. */
  async pace(): Promise<void> {}

  get ahead(): boolean {
    return this.#ahead;
  }
  set ahead(ahead: boolean) {
    if (!ahead) this.#settle();
    this.#ahead = ahead;
  }

  async dispose(): Promise<void> {
    this.#settle();
    this.#start(STOP, []);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  // ---- for kernels only ----

  /** Live bytes of a buffer, for as long as it is. */
  bytes(
    buffer: DeviceBuffer,
    offsetBytes = 0,
    sizeBytes = buffer.sizeBytes - offsetBytes,
  ): Uint8Array<ArrayBufferLike> {
    const own = this.#own(buffer);
    this.#settle();
    if (offsetBytes < 0 || sizeBytes < 0 || offsetBytes + sizeBytes > own.sizeBytes) {
      throw new RangeError(
        `${own.label}: bytes ${offsetBytes}..${offsetBytes + sizeBytes} lie outside its ${own.sizeBytes}`,
      );
    }
    return new Uint8Array(this.#memory.buffer, own.address + offsetBytes, sizeBytes);
  }

  floats(buffer: DeviceBuffer): Float32Array<ArrayBufferLike> {
    const own = this.#own(buffer);
    this.#settle();
    own.floats ??= new Float32Array(this.#memory.buffer, own.address, own.sizeBytes >> 2);
    return own.floats;
  }

  integers(buffer: DeviceBuffer): Int32Array<ArrayBufferLike> {
    const own = this.#own(buffer);
    this.#settle();
    own.integers ??= new Int32Array(this.#memory.buffer, own.address, own.sizeBytes >> 2);
    return own.integers;
  }

  /** As `write`, into floats that no kernel reads which may still be running. */
  writeAside(buffer: DeviceBuffer, data: Float32Array): void {
    const own = this.#own(buffer);
    own.floats ??= new Float32Array(this.#memory.buffer, own.address, own.sizeBytes >> 2);
    own.floats.set(data);
  }

  /** Byte address of the counters of thread 0; those of the next are a line later. See {@link COUNTER_BYTES}. */
  readonly counters = CONTROL.endBytes;

  /** What the threads of the last kernel counted in int32 `index` of their lines, added up. */
  counted(index: number): number {
    this.#settle();
    let sum = 0;
    for (let t = 0; t < this.threads; t++) sum += this.#counters[(t * COUNTER_BYTES) / 4 + index]!;
    return sum;
  }

  /** Byte address of a live buffer. */
  address(buffer: DeviceBuffer): number {
    return this.#own(buffer).address;
  }

  /**
   * Runs `name` ("module.export") on every thread as `(thread, threads, ...args)` and returns when all have finished; with
   * {@link ahead} when the others have started. The kernel divides the work itself; two dispatches never overlap.
   */
  dispatch(name: string, ...args: number[]): void {
    const index = this.#names.get(name);
    if (index === undefined) throw new KernelError(name, 'no such export; run npm run build:kernels');
    if (args.length > CONTROL.maxArguments) throw new KernelError(name, `more than ${CONTROL.maxArguments} arguments`);
    this.#settle();
    for (let line = 0; line < this.#counters.length; line += COUNTER_BYTES / 4) {
      for (let k = 0; k < COUNTERS; k++) this.#counters[line + k] = 0;
    }
    this.#pending = { name, index, args };
    if (this.threads > 1) {
      Atomics.store(this.#control, CONTROL.finished, 0);
      this.#start(index, args);
      // What the caller prepares for the next kernel it prepares while the others are at work on this one, and whoever is late
      // finds less to do. Alone there is nothing to be gained by it.
      if (this.#ahead) return;
    }
    this.#settle();
  }

  /** Takes part in the kernel that the others were started on, and waits for them. @throws KernelError */
  #settle(): void {
    if (this.#pending === undefined) return;
    const { name, index, args } = this.#pending;
    this.#pending = undefined;
    const others = this.threads - 1;
    let failure: string | undefined;
    try {
      this.#functions[index]!(0, this.threads, ...args);
    } catch (error) {
      failure = String(error);
    }
    for (let spins = 0; others > 0; ) {
      const finished = Atomics.load(this.#control, CONTROL.finished);
      if (finished === others) break;
      if (++spins <= this.#mostSpins) continue;
      Atomics.store(this.#control, CONTROL.callerAsleep, 1);
      Atomics.wait(this.#control, CONTROL.finished, finished, 1000);
      Atomics.store(this.#control, CONTROL.callerAsleep, 0);
    }
    if (failure !== undefined || Atomics.load(this.#control, CONTROL.failed) !== 0) {
      throw new KernelError(name, failure ?? this.#failure ?? 'a pool thread trapped');
    }
  }

  #start(index: number, args: readonly number[]): void {
    this.#control[CONTROL.functionIndex] = index;
    this.#control[CONTROL.argumentCount] = args.length;
    for (let i = 0; i < args.length; i++) this.#values[CONTROL.arguments + i] = args[i]!;
    Atomics.add(this.#control, CONTROL.generation, 1);
    if (Atomics.load(this.#control, CONTROL.asleep) > 0) Atomics.notify(this.#control, CONTROL.generation);
  }

  #own(buffer: DeviceBuffer): WasmBuffer {
    if (!(buffer instanceof WasmBuffer)) throw new TypeError(`${buffer.label}: not a buffer of the wasm backend`);
    if (!buffer.alive) throw new TypeError(`${buffer.label}: used after it was destroyed`);
    return buffer;
  }
}
