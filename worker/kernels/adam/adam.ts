import type { DeviceBuffer, Kernel } from '../../compute/index.ts';
import { adamOnWebgpu } from './kernel.wgsl.ts';

export interface AdamArgs {
  /** float32, updated in place, as are both moments; all four buffers have the same layout. */
  readonly parameters: DeviceBuffer;
  readonly gradients: DeviceBuffer;
  readonly firstMoments: DeviceBuffer;
  readonly secondMoments: DeviceBuffer;
  /** Floats to update, from the start of the buffers. With `visible`: whole lane blocks. */
  readonly count: number;
  /** Learning rate of this group of parameters. */
  readonly rate: number;
  /** Defaults 0.9, 0.999 and 1e-15 (Kerbl et al. 2023). */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Number of this step, from 1. */
  readonly step: number;
  /** Leaves rows that were not seen alone, moments included, as a sparse Adam does. */
  readonly visible?: {
    /** [rows] uint8, 0 = leave alone; padded to whole lane blocks of 4 rows. */
    readonly mask: DeviceBuffer;
    /** K of the lane-block layout [rows / 4][K][4] (packLanes). */
    readonly components: number;
  };
}

/** One Adam step over a flat array; adamReference is the definition. */
export const adam: Kernel<AdamArgs> = {
  name: 'adam',
  wasm(backend, args) {
    const { blocks, components } = requireArrays(args);
    const { count, rate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-15, step, visible } = args;
    const { parameters, gradients, firstMoments, secondMoments } = args;
    const blockFloats = 4 * components;
    backend.dispatch(
      'adam.update',
      ...[parameters, gradients, firstMoments, secondMoments].map((buffer) => backend.address(buffer)),
      ...[blocks, components, count - blocks * blockFloats],
      ...[rate / (1 - beta1 ** step), beta1, 1 - beta1, beta2, 1 - beta2, 1 / (1 - beta2 ** step), epsilon],
      visible === undefined ? 0 : backend.address(visible.mask),
    );
  },
  webgpu(backend, args) {
    requireArrays(args);
    adamOnWebgpu(backend, args);
  },
};

/** @throws RangeError on a bad step or count, or buffers too small for it */
function requireArrays(args: AdamArgs): { blocks: number; components: number } {
  const { count, step, visible } = args;
  if (!Number.isInteger(step) || step < 1) throw new RangeError(`Adam's step counts from 1, got ${step}`);
  if (!Number.isInteger(count) || count < 0) throw new RangeError(`Adam: ${count} is not a number of floats`);
  const components = visible?.components ?? 1;
  if (!Number.isInteger(components) || components < 1) {
    throw new RangeError(`Adam: ${components} is not a number of components`);
  }
  const blockFloats = 4 * components;
  if (visible !== undefined && count % blockFloats !== 0) {
    throw new RangeError(`Adam: ${count} floats are not whole blocks of ${components} components of 4 rows`);
  }
  const blocks = Math.floor(count / blockFloats);
  const { parameters, gradients, firstMoments, secondMoments } = args;
  for (const [name, buffer] of Object.entries({ parameters, gradients, firstMoments, secondMoments })) {
    requireBytes(name, buffer, count * 4);
  }
  if (visible !== undefined) requireBytes('visible.mask', visible.mask, blocks * 4);
  return { blocks, components };
}

/** Least work and traffic: four arrays read, three written. */
export function adamCost({ count }: { count: number }): { flops: number; bytes: number } {
  return { flops: 13 * count, bytes: 28 * count };
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`Adam: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
