/**
 * The control block at the start of the shared memory: how thread 0 hands a kernel to the others.
 * Kept to plain integers and floats so that a dispatch costs a few atomic operations and no message.
 */
export const CONTROL = {
  /** Int32 indices. */
  generation: 0,
  finished: 16,
  functionIndex: 32,
  argumentCount: 33,
  failed: 34,
  /** Threads that sleep until the generation changes; waking nobody is a system call saved. */
  asleep: 48,
  /** 1 while the caller sleeps until `finished` changes. */
  callerAsleep: 64,
  /** Float64 index and capacity of the arguments. */
  arguments: 40,
  maxArguments: 48,
  /** End of what is said here in bytes; behind it a line of counters per thread (see COUNTER_BYTES), then buffers. */
  endBytes: 1024,
} as const;

/**
 * One cache line per thread for what kernels count while they share out work (kernels/shared/shares.as.ts). Its first
 * {@link COUNTERS} int32 are 0 whenever a kernel starts.
 */
export const COUNTER_BYTES = 64;
export const COUNTERS = 3;

/** Function index that ends a thread. */
export const STOP = -1;

/** What a thread needs to take part. Every thread numbers the functions of `modules` the same way. */
export interface ThreadStart {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  readonly thread: number;
  readonly threads: number;
  /** Looks at the control block before a thread sleeps. */
  readonly mostSpins: number;
}

export type KernelFunction = (thread: number, threads: number, ...args: number[]) => void;

/** One instance per thread of every module, flattened in module and export order. */
export function instantiate(memory: WebAssembly.Memory, modules: readonly WebAssembly.Module[]): KernelFunction[] {
  const functions: KernelFunction[] = [];
  for (const module of modules) {
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    for (const { name, kind } of WebAssembly.Module.exports(module)) {
      if (kind === 'function') functions.push(instance.exports[name] as KernelFunction);
    }
  }
  return functions;
}
