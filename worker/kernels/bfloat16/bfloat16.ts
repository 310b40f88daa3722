import type { DeviceBuffer, Kernel } from '../../compute/index.ts';
import { widenOnWebgpu } from './kernel.wgsl.ts';

export interface WidenArgs {
  /** [count] bfloat16, two in a word, the first in its lower half. */
  readonly input: DeviceBuffer;
  readonly count: number;
  /** [count] float32 out. */
  readonly output: DeviceBuffer;
}

/** Rows that are kept at half their size become rows that kernels read; widenReference is the definition. Exact. */
export const widenBfloat16: Kernel<WidenArgs> = {
  name: 'widenBfloat16',
  wasm(backend, args) {
    requireArrays(args);
    const { input, count, output } = args;
    backend.dispatch('bfloat16.widen', backend.address(input), count, backend.address(output));
  },
  webgpu(backend, args) {
    requireArrays(args);
    widenOnWebgpu(backend, args);
  },
};

function requireArrays({ input, count, output }: WidenArgs): void {
  if (!Number.isInteger(count) || count < 0) throw new RangeError(`bfloat16: ${count} is not a number of values`);
  requireBytes('input', input, Math.ceil(count / 2) * 4);
  requireBytes('output', output, count * 4);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`bfloat16: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
