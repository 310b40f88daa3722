/**
 * What a compute backend is. Kernels are written once per backend and looked up by {@link Backend.run};
 * everything above (trainer, fields, queries) sees only this file.
 */
import type { WasmBackend } from './wasm/index.ts';
import type { WebgpuBackend } from './webgpu/index.ts';

export type BackendKind = 'wasm' | 'webgpu';

/** A range of device memory. Freed by its backend only; using it afterwards is a programming error and throws. */
export interface DeviceBuffer {
  readonly label: string;
  readonly sizeBytes: number;
}

export interface MemoryUse {
  /** Bytes held by live buffers now. */
  readonly usedBytes: number;
  /** The most that was ever held at once. */
  readonly peakBytes: number;
  /** Budget; a buffer that would pass it is refused with {@link OutOfMemoryError}. */
  readonly limitBytes: number;
}

/**
 * One operation with one implementation per backend. Results go to buffers named in `args`, so that a backend
 * whose device runs behind the program need not wait for it.
 */
export interface Kernel<Args> {
  readonly name: string;
  readonly wasm: (backend: WasmBackend, args: Args) => void;
  /** Records launches. A kernel without it is refused by name on that backend. */
  readonly webgpu?: (backend: WebgpuBackend, args: Args) => void;
}

export interface Backend {
  readonly kind: BackendKind;
  /** What runs it, in words: "wasm, 2 threads, relaxed SIMD". */
  readonly description: string;
  /** Threads of this process that compute; 1 where a GPU does. */
  readonly threads: number;
  readonly memory: MemoryUse;
  /** @param sizeBytes 0 is allowed. Contents are undefined until written. @throws OutOfMemoryError */
  createBuffer(label: string, sizeBytes: number): DeviceBuffer;
  destroyBuffer(buffer: DeviceBuffer): void;
  write(buffer: DeviceBuffer, data: ArrayBufferView, offsetBytes?: number): void;
  /** A copy of `sizeBytes` bytes from `offsetBytes`, after every kernel enqueued before. */
  read(buffer: DeviceBuffer, offsetBytes?: number, sizeBytes?: number): Promise<ArrayBuffer>;
  run<Args>(kernel: Kernel<Args>, args: Args): void;
  synchronise(): Promise<void>;
  /**
   * True: `run` may return while its kernels are still to be finished, and whoever reads or writes a buffer waits for them. A
   * processor's threads then need not wait for what the program does between two kernels. Setting it to false waits for what is
   * running. A GPU is always ahead.
   */
  ahead: boolean;
  /** For loops that never read: waits while the device is too many calls of this behind the program. */
  pace(): Promise<void>;
  dispose(): Promise<void>;
}

/** The memory budget, or the 4 GiB a 32-bit backend can address, does not hold what was asked for. */
export class OutOfMemoryError extends Error {
  readonly code = 'out-of-memory';
  readonly requestedBytes: number;
  constructor(label: string, requestedBytes: number, memory: MemoryUse & { readonly note?: string }) {
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    super(
      `Not enough memory for ${label}: ${mib(requestedBytes)} asked, ${mib(memory.usedBytes)} of ${mib(memory.limitBytes)} in use. ` +
        `${memory.note === undefined ? '' : `${memory.note} `}` +
        'Use fewer Gaussians or a smaller image scale, or raise the memory budget.',
    );
    this.name = 'OutOfMemoryError';
    this.requestedBytes = requestedBytes;
  }
}

/** A kernel trapped. The backend is unusable afterwards. */
export class KernelError extends Error {
  readonly code = 'kernel-failed';
  constructor(kernel: string, cause: string) {
    super(`Kernel ${kernel} failed: ${cause}`);
    this.name = 'KernelError';
  }
}

/** The device is gone (driver reset, unplugged, destroyed), and all that was on it. A new backend may work. */
export class DeviceLostError extends Error {
  readonly code = 'device-lost';
  constructor(device: string, cause: string) {
    super(`The GPU was lost (${device}): ${cause.trim() || 'no reason given'}`);
    this.name = 'DeviceLostError';
  }
}
