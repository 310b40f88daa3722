/** Backend on WGSL kernels through Dawn. Kernels are recorded and submitted in batches; nothing waits but reads. */
import { totalmem } from 'node:os';
import {
  type Backend,
  type DeviceBuffer,
  DeviceLostError,
  type Kernel,
  KernelError,
  type MemoryUse,
  OutOfMemoryError,
} from '../backend.ts';
import { type AdapterOptions, type FoundAdapter, findAdapter } from './adapter.ts';
import { LaunchClock, type LaunchTime } from './launch-clock.ts';
import { type BufferTypes, bindingsOf, type ParameterTypes, type Program, packParameters } from './program.ts';

export interface WebgpuBackendOptions extends AdapterOptions {
  /** Budget for buffers; default the machine's memory. What the GPU itself does not hold is told as out of memory. */
  readonly memoryBudgetBytes?: number;
  /**
   * For tests: `least` is what WebGPU promises everywhere, without subgroups and with eight storage buffers per kernel; `all` works with
   * subgroups even where they are too small to be worth it. Default `worthwhile`.
   */
  readonly use?: 'least' | 'worthwhile' | 'all';
  /** For tests: bind no more than this at once, whatever the adapter can. */
  readonly bindingBytes?: number;
}

/** Parameters of one launch: the alignment that every adapter accepts, and room for as many numbers. */
const PARAMETER_BYTES = 256;
/** Launches recorded before they are submitted. */
const BATCH_LAUNCHES = 256;
/** Batches that the device may be behind the program in {@link WebgpuBackend.pace}. */
const BATCHES_AHEAD = 3;
const MAX_GROUPS = 65_535;
/** Smaller subgroups save too little: sums take almost as many steps as through workgroup memory. */
const WORTHWHILE_SUBGROUP = 16;
/** Bind groups kept; far more than a training uses. */
const MAX_BIND_GROUPS = 4096;
/** Every buffer has at least this size, so that empty ones can be bound. */
const MIN_BUFFER_BYTES = 16;

// GPUBufferUsage and GPUMapMode as numbers (WebGPU, 5.1.2 and 5.2): Dawn's globals are not installed in this process.
const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;
const MAP_READ = 1;
const COMPUTE_STAGE = 4;

/** Limits that kernels can use more of than WebGPU promises everywhere. */
const LARGE_BUFFERS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;
const WANTED_LIMITS = [...LARGE_BUFFERS, 'maxComputeWorkgroupStorageSize', 'maxStorageBuffersPerShaderStage'] as const;

let buffersMade = 0;

export class WebgpuBuffer implements DeviceBuffer {
  readonly label: string;
  readonly sizeBytes: number;
  readonly id = ++buffersMade;
  readonly gpu: GPUBuffer;
  alive = true;
  constructor(label: string, sizeBytes: number, gpu: GPUBuffer) {
    this.label = label;
    this.sizeBytes = sizeBytes;
    this.gpu = gpu;
  }
}

/** Part of a buffer; the offset is a multiple of 256. */
export interface BufferSlice {
  readonly buffer: DeviceBuffer;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

interface Launch<P extends ParameterTypes, B extends BufferTypes> {
  readonly params: Readonly<Record<keyof P, number>>;
  readonly buffers: Readonly<Record<keyof B, DeviceBuffer | BufferSlice>>;
  /** Workgroups; not for programs with one invocation per item. */
  readonly groups?: number | readonly [number, number];
}

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly id: number;
}

export class WebgpuBackend implements Backend {
  readonly kind = 'webgpu';
  readonly threads = 1;
  readonly description: string;
  readonly isSoftware: boolean;
  readonly limits: Readonly<Record<(typeof WANTED_LIMITS)[number], number>>;
  readonly features: readonly string[];
  /** Whether programs may work with subgroups. */
  readonly hasSubgroups: boolean;
  readonly #device: GPUDevice;
  readonly #limitBytes: number;
  readonly #alive = new Set<WebgpuBuffer>();
  /** Buffers of the backend itself: parameters, and those that reads go through. */
  readonly #internal = new Set<GPUBuffer>();
  readonly #programs = new Map<Program, Compiled>();
  readonly #groups = new Map<string, { readonly group: GPUBindGroup; readonly buffers: readonly number[] }>();
  readonly #parameters: GPUBuffer;
  readonly #staged = new DataView(new ArrayBuffer(PARAMETER_BYTES * BATCH_LAUNCHES));
  readonly #checks = new Set<Promise<void>>();
  readonly #arrivals = new Set<Promise<void>>();
  readonly #submitted: Promise<unknown>[] = [];
  #clock: LaunchClock | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #launches: string[] = [];
  #usedBytes = 0;
  #peakBytes = 0;
  #failure: Error | undefined;
  #disposed = false;

  private constructor(device: GPUDevice, { name, isSoftware }: FoundAdapter, limitBytes: number, bindingBytes: number) {
    this.#device = device;
    this.isSoftware = isSoftware;
    this.#limitBytes = limitBytes;
    const { maxBufferSize } = device.limits;
    const maxStorageBufferBindingSize = Math.min(device.limits.maxStorageBufferBindingSize, bindingBytes);
    const { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } = device.limits;
    this.limits = {
      ...{ maxBufferSize, maxStorageBufferBindingSize },
      ...{ maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage },
    };
    this.features = [...device.features].sort();
    this.hasSubgroups = device.features.has('subgroups');
    const binding = `${Math.floor(maxStorageBufferBindingSize / 2 ** 20)} MiB per binding`;
    this.description = `webgpu, ${name}, ${binding}${isSoftware ? ', software' : ''}`;
    this.#parameters = this.#internalBuffer('parameters', this.#staged.byteLength, USAGE.uniform | USAGE.copyTarget);
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#fail(this.#errorOf(event.error, this.#launches));
    });
    void device.lost.then(({ message }) => {
      if (!this.#disposed) this.#fail(new DeviceLostError(name, message));
    });
  }

  /** @throws NoAdapterError when no adapter answers, or only software that was not asked for. */
  static async create(options: WebgpuBackendOptions = {}): Promise<WebgpuBackend> {
    const found = await findAdapter(options);
    const { use = 'worthwhile' } = options;
    const least = use === 'least';
    const limits = least ? LARGE_BUFFERS : WANTED_LIMITS;
    const requiredLimits = Object.fromEntries(limits.map((name) => [name, found.adapter.limits[name]]));
    const requiredFeatures: GPUFeatureName[] = [];
    const { subgroupMinSize } = found.adapter.info;
    const unwanted = use === 'all' || (subgroupMinSize ?? 0) >= WORTHWHILE_SUBGROUP ? [] : ['subgroups'];
    for (const feature of ['subgroups', 'timestamp-query'] as const) {
      if (!least && !unwanted.includes(feature) && found.adapter.features.has(feature)) requiredFeatures.push(feature);
    }
    const device = await found.adapter.requestDevice({ label: 'liftscope', requiredLimits, requiredFeatures });
    const { memoryBudgetBytes = totalmem(), bindingBytes = Infinity } = options;
    return new WebgpuBackend(device, found, memoryBudgetBytes, bindingBytes);
  }

  get memory(): MemoryUse {
    return { usedBytes: this.#usedBytes, peakBytes: this.#peakBytes, limitBytes: this.#limitBytes };
  }

  createBuffer(label: string, sizeBytes: number): WebgpuBuffer {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0)
      throw new RangeError(`${label}: buffer size ${sizeBytes} is not a byte count`);
    this.#throwIfFailed();
    if (this.#usedBytes + sizeBytes > this.#limitBytes || sizeBytes > this.limits.maxBufferSize)
      throw new OutOfMemoryError(label, sizeBytes, this.memory);
    const usage = USAGE.storage | USAGE.copySource | USAGE.copyTarget;
    this.#device.pushErrorScope('out-of-memory');
    const gpu = this.#device.createBuffer({ label, size: Math.max(MIN_BUFFER_BYTES, roundUp(sizeBytes)), usage });
    const { memory } = this;
    this.#check(() => new OutOfMemoryError(label, sizeBytes, memory));
    const buffer = new WebgpuBuffer(label, sizeBytes, gpu);
    this.#alive.add(buffer);
    this.#usedBytes += sizeBytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
    return buffer;
  }

  destroyBuffer(buffer: DeviceBuffer): void {
    const own = this.#own(buffer);
    // What was recorded may still use it.
    this.#flush();
    own.alive = false;
    own.gpu.destroy();
    this.#alive.delete(own);
    this.#usedBytes -= own.sizeBytes;
    for (const [key, { buffers }] of this.#groups) if (buffers.includes(own.id)) this.#groups.delete(key);
  }

  /** Offsets, and lengths that do not reach the end, are multiples of 4. */
  write(buffer: DeviceBuffer, data: ArrayBufferView, offsetBytes = 0): void {
    const own = this.#own(buffer);
    const end = offsetBytes + data.byteLength;
    requireRange(own, offsetBytes, data.byteLength);
    if (offsetBytes % 4 !== 0 || (end % 4 !== 0 && end !== own.sizeBytes))
      throw new RangeError(`${own.label}: bytes ${offsetBytes}..${end} are no whole words`);
    this.#throwIfFailed();
    if (data.byteLength === 0) return;
    this.#flush();
    let bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.length % 4 !== 0) {
      const padded = new Uint8Array(roundUp(bytes.length));
      padded.set(bytes);
      bytes = padded;
    }
    this.#device.queue.writeBuffer(own.gpu, offsetBytes, bytes);
  }

  async read(buffer: DeviceBuffer, offsetBytes = 0, sizeBytes = buffer.sizeBytes - offsetBytes): Promise<ArrayBuffer> {
    const own = this.#own(buffer);
    requireRange(own, offsetBytes, sizeBytes);
    const { promise } = this.#startRead(own, offsetBytes, sizeBytes);
    this.#flush();
    return promise;
  }

  /** A read that the program goes on without: it sees what was recorded so far, and the bytes come when the device is there. */
  readLater(
    buffer: DeviceBuffer,
    sizeBytes: number,
    { receive, reject }: { receive: (bytes: ArrayBuffer) => void; reject: (error: unknown) => void },
  ): void {
    const arrival = this.#startRead(this.#own(buffer), 0, sizeBytes).promise.then(receive, reject);
    this.#arrivals.add(arrival);
    void arrival.finally(() => this.#arrivals.delete(arrival));
  }

  run<Args>(kernel: Kernel<Args>, args: Args): void {
    if (kernel.webgpu === undefined)
      throw new KernelError(kernel.name, 'it has no WebGPU implementation; use --backend wasm');
    this.#throwIfFailed();
    kernel.webgpu(this, args);
  }

  /** The device runs behind the program whatever is asked for. */
  ahead = true;

  async synchronise(): Promise<void> {
    this.#flush();
    await this.#device.queue.onSubmittedWorkDone().catch(() => undefined);
    await Promise.all(this.#arrivals);
    await this.#settleChecks();
    this.#throwIfFailed();
  }

  async pace(): Promise<void> {
    this.#flush();
    this.#submitted.push(this.#device.queue.onSubmittedWorkDone().catch(() => undefined));
    while (this.#submitted.length > BATCHES_AHEAD) await this.#submitted.shift();
    this.#throwIfFailed();
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pass = undefined;
    this.#encoder = undefined;
    await this.#settleChecks();
    await Promise.all(this.#arrivals);
    for (const buffer of this.#alive) {
      buffer.alive = false;
      buffer.gpu.destroy();
    }
    for (const buffer of this.#internal) buffer.destroy();
    this.#clock?.destroy();
    this.#clock = undefined;
    this.#alive.clear();
    this.#internal.clear();
    this.#groups.clear();
    this.#programs.clear();
    this.#usedBytes = 0;
    this.#device.destroy();
    await this.#device.lost;
  }

  // ---- for kernels and tests only ----

  /** Live buffers of callers, and of the backend itself. */
  get bufferCounts(): { readonly callers: number; readonly internal: number; readonly bindGroups: number } {
    const internal = this.#internal.size + (this.#clock?.bufferCount ?? 0);
    return { callers: this.#alive.size, internal, bindGroups: this.#groups.size };
  }

  /**
   * Times every launch from now on by the device's clock, until {@link stopClock}. Launches then run one by one.
   * @returns false where the adapter has no timestamp queries
   */
  startClock(): boolean {
    this.#throwIfFailed();
    this.#flush();
    if (!this.#device.features.has('timestamp-query')) return false;
    this.#clock ??= new LaunchClock(this.#device, BATCH_LAUNCHES);
    return true;
  }

  /** Seconds on the device by program, of the launches since {@link startClock}. */
  async stopClock(): Promise<ReadonlyMap<string, LaunchTime>> {
    await this.synchronise();
    const clock = this.#clock;
    this.#clock = undefined;
    const times = (await clock?.times()) ?? new Map<string, LaunchTime>();
    clock?.destroy();
    return times;
  }

  /** What a driver does that fails: everything on the device is gone. */
  loseDevice(): void {
    this.#device.destroy();
  }

  /** Records one launch of a program. Launches run in the order they were recorded, each after the one before it. */
  launch<P extends ParameterTypes, B extends BufferTypes>(program: Program<P, B>, launch: Launch<P, B>): void {
    this.#throwIfFailed();
    const values = launch.params as Readonly<Record<string, number>>;
    const groups = program.perItem ? Math.ceil(values.items! / program.workgroup) : launch.groups!;
    const [x, y] = typeof groups === 'number' ? gridOf(groups) : groups;
    if (x === 0 || y === 0) return;
    if (this.#launches.length === BATCH_LAUNCHES) this.#flush();
    // A timed launch has a pass to itself.
    if (this.#clock !== undefined) this.#closePass();
    const pass = this.#openPass();
    const compiled = this.#compile(program as unknown as Program);
    const slot = this.#launches.length * PARAMETER_BYTES;
    packParameters(program, values, this.#staged, slot);
    const group = this.#bindGroup(compiled, program as unknown as Program, launch.buffers);
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, group, [slot]);
    pass.dispatchWorkgroups(x, y);
    this.#launches.push(program.name);
  }

  /** Records the zeroing of a buffer's first bytes, a multiple of 4. */
  clear(buffer: DeviceBuffer, sizeBytes = buffer.sizeBytes): void {
    const own = this.#own(buffer);
    if (sizeBytes === 0) return;
    this.#closePass();
    this.#openEncoder().clearBuffer(own.gpu, 0, roundUp(sizeBytes));
  }

  /** Records a copy of whole words. */
  copy(from: DeviceBuffer, to: DeviceBuffer, sizeBytes: number): void {
    if (sizeBytes === 0) return;
    const [source, target] = [this.#own(from), this.#own(to)];
    requireRange(source, 0, sizeBytes);
    requireRange(target, 0, sizeBytes);
    this.#closePass();
    this.#openEncoder().copyBufferToBuffer(source.gpu, 0, target.gpu, 0, roundUp(sizeBytes));
  }

  #openEncoder(): GPUCommandEncoder {
    if (this.#encoder === undefined) {
      this.#device.pushErrorScope('validation');
      this.#encoder = this.#device.createCommandEncoder({ label: 'kernels' });
    }
    return this.#encoder;
  }

  #openPass(): GPUComputePassEncoder {
    this.#pass ??= this.#openEncoder().beginComputePass(
      this.#clock?.passOf(this.#launches.length) ?? { label: 'kernels' },
    );
    return this.#pass;
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  /** Submits what was recorded. */
  #flush(): void {
    if (this.#encoder === undefined) return;
    const launches = this.#launches;
    this.#closePass();
    this.#clock?.record(this.#encoder, launches);
    const commands = this.#encoder.finish();
    this.#encoder = undefined;
    this.#launches = [];
    const { queue } = this.#device;
    if (launches.length > 0) {
      queue.writeBuffer(this.#parameters, 0, this.#staged.buffer, 0, launches.length * PARAMETER_BYTES);
    }
    queue.submit([commands]);
    this.#clock?.submitted();
    this.#check((error) => this.#errorOf(error, launches));
  }

  /** Ends the innermost error scope; an error in it fails the backend. */
  #check(describe: (error: GPUError) => Error): void {
    const check = this.#device.popErrorScope().then(
      (error) => {
        if (error !== null) this.#fail(describe(error));
      },
      // The device is gone, which is told on its own.
      () => undefined,
    );
    this.#checks.add(check);
    void check.finally(() => this.#checks.delete(check));
  }

  async #settleChecks(): Promise<void> {
    await Promise.all(this.#checks);
    // The news of a lost device comes a turn after the errors it causes.
    await Promise.resolve();
  }

  #startRead(own: WebgpuBuffer, offsetBytes: number, sizeBytes: number): { promise: Promise<ArrayBuffer> } {
    this.#throwIfFailed();
    const first = offsetBytes - (offsetBytes % 4);
    const size = Math.max(4, roundUp(offsetBytes + sizeBytes) - first);
    const staging = this.#internalBuffer(`read ${own.label}`, size, USAGE.mapRead | USAGE.copyTarget);
    this.#closePass();
    this.#openEncoder().copyBufferToBuffer(own.gpu, first, staging, 0, size);
    const finish = async () => {
      try {
        // In a later turn than the recording, when the batch has been submitted.
        await Promise.resolve();
        this.#flush();
        await staging.mapAsync(MAP_READ).catch((error: unknown) => {
          this.#failure ??= new KernelError(`read ${own.label}`, String(error));
        });
        await this.#settleChecks();
        this.#throwIfFailed();
        const skipped = offsetBytes - first;
        return staging.getMappedRange().slice(skipped, skipped + sizeBytes);
      } finally {
        if (this.#internal.delete(staging)) staging.destroy();
      }
    };
    return { promise: finish() };
  }

  #compile(program: Program): Compiled {
    const known = this.#programs.get(program);
    if (known !== undefined) return known;
    const { name: label, code } = program;
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label, code });
    const layout = this.#device.createBindGroupLayout({
      label,
      entries: [
        { binding: 0, visibility: COMPUTE_STAGE, buffer: { type: 'uniform', hasDynamicOffset: true } },
        ...bindingsOf(program.buffers).map(({ writes }, index) => ({
          binding: index + 1,
          visibility: COMPUTE_STAGE,
          buffer: { type: writes ? 'storage' : 'read-only-storage' } as const,
        })),
      ],
    });
    const pipeline = this.#device.createComputePipeline({
      label,
      layout: this.#device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    this.#check((error) => new KernelError(label, error.message));
    const compiled = { pipeline, layout, id: this.#programs.size };
    this.#programs.set(program, compiled);
    return compiled;
  }

  #bindGroup(
    { layout, id }: Compiled,
    { name: label, buffers: types }: Program,
    buffers: Readonly<Record<string, DeviceBuffer | BufferSlice>>,
  ): GPUBindGroup {
    const slices = Object.keys(types).map((name) => this.#slice(label, name, buffers[name]!));
    const key = `${id}|${slices.map(({ own, offset, size }) => `${own.id}:${offset}:${size}`).join('|')}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known.group;
    const group = this.#device.createBindGroup({
      label,
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.#parameters, offset: 0, size: PARAMETER_BYTES } },
        ...slices.map(({ own, offset, size }, index) => ({
          binding: index + 1,
          resource: { buffer: own.gpu, offset, size },
        })),
      ],
    });
    if (this.#groups.size >= MAX_BIND_GROUPS) this.#groups.clear();
    this.#groups.set(key, { group, buffers: slices.map(({ own }) => own.id) });
    return group;
  }

  #slice(program: string, name: string, given: DeviceBuffer | BufferSlice) {
    const whole = !('buffer' in given);
    const own = this.#own(whole ? given : given.buffer);
    const offset = whole ? 0 : given.offsetBytes;
    const size = whole ? own.gpu.size : Math.max(4, roundUp(given.sizeBytes));
    if (offset + size > own.gpu.size) throw new RangeError(`${program}: ${name} (${own.label}) is too small`);
    if (size > this.limits.maxStorageBufferBindingSize) {
      const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
      throw new OutOfMemoryError(`${program}: ${name} (${own.label})`, size, {
        ...this.memory,
        note: `This adapter binds at most ${mib(this.limits.maxStorageBufferBindingSize)} MiB at once.`,
      });
    }
    return { own, offset, size };
  }

  #errorOf(error: GPUError, launches: readonly string[]): Error {
    // Dawn names the pipeline, bind group or module concerned by its label, which is the program's name.
    const named = [...new Set(launches)].find((name) => error.message.includes(`"${name}"`));
    return new KernelError(named ?? [...new Set(launches)].join(', '), error.message);
  }

  #fail(error: Error): void {
    // A lost device explains every error that follows from it.
    if (this.#failure === undefined || error instanceof DeviceLostError) this.#failure = error;
  }

  #throwIfFailed(): void {
    if (this.#disposed) throw new TypeError('the webgpu backend was used after it was disposed');
    if (this.#failure !== undefined) throw this.#failure;
  }

  #internalBuffer(label: string, size: number, usage: number): GPUBuffer {
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#internal.add(buffer);
    return buffer;
  }

  #own(buffer: DeviceBuffer): WebgpuBuffer {
    if (!(buffer instanceof WebgpuBuffer)) throw new TypeError(`${buffer.label}: not a buffer of the webgpu backend`);
    if (!buffer.alive) throw new TypeError(`${buffer.label}: used after it was destroyed`);
    return buffer;
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / 4) * 4;

function gridOf(groups: number): readonly [number, number] {
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / Math.max(1, y)), y];
}

function requireRange({ label, sizeBytes }: WebgpuBuffer, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= sizeBytes) return;
  throw new RangeError(`${label}: bytes ${offset}..${offset + length} lie outside its ${sizeBytes}`);
}
