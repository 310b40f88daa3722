import { type DeviceBuffer, GrowingBuffers, type Kernel, type WasmBackend } from '../../compute/index.ts';
import { marginOnWebgpu, slowFastOnWebgpu, vanillaOnWebgpu } from './kernel.wgsl.ts';
import type { Similarity } from './reference.ts';

/** Embeddings of one batch on a device. */
export interface EmbeddingRows {
  /** [count, stride] float32; `stride` is `dimensions` rounded up to whole vectors of 4, padding ignored. */
  readonly features: DeviceBuffer;
  /** [count] segment of each, 0 or more. */
  readonly labels: Int32Array;
}

interface PairLossArgs {
  readonly dimensions: number;
  readonly stride: number;
  /** Factor on the gradient. */
  readonly weight: number;
  /** [anchors] out: loss of each anchor, 0 for one that does not count. */
  readonly losses: DeviceBuffer;
  /** [anchors, stride] out: weight times the derivative of the mean loss. */
  readonly gradients: DeviceBuffer;
}

export interface SlowFastArgs extends PairLossArgs {
  readonly fast: EmbeddingRows;
  readonly slow: EmbeddingRows;
  readonly gamma: number;
  readonly similarity: Similarity;
}

/** Bytes of scratch per thread and dimension, and per thread and block of partners (scratchOf of kernel.as.ts). */
const SCRATCH_BYTES_PER_DIMENSION = 48;
const WEIGHT_BYTES = 16;
/** 4096 pixels of one field with each other. */
const MOST_PRODUCT_BYTES = 64 << 20;
const workspaces = new WeakMap<WasmBackend, GrowingBuffers>();

function workspaceOf(backend: WasmBackend): GrowingBuffers {
  let buffers = workspaces.get(backend);
  if (buffers === undefined) {
    buffers = new GrowingBuffers(backend, 'pair losses');
    workspaces.set(backend, buffers);
  }
  return buffers;
}

/** Anchors that have a positive: another pixel of their segment, or, given `partners`, any of those. */
export function anchorsWithPositive(labels: Int32Array, partners?: Int32Array): number {
  const sizes = new Map<number, number>();
  for (const label of partners ?? labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const least = partners === undefined ? 2 : 1;
  let count = 0;
  for (const label of labels) if ((sizes.get(label) ?? 0) >= least) count++;
  return count;
}

/** L_sf; slowFastReference is the definition. Its value is the sum of `losses` over {@link anchorsWithPositive}. */
export const slowFastLoss: Kernel<SlowFastArgs> = {
  name: 'slowFastLoss',
  wasm(backend, args) {
    const { fast, slow, dimensions, stride, gamma, similarity, weight, losses, gradients } = args;
    const pairs = prepare(backend, fast, slow, args);
    const scale = weight / Math.max(1, anchorsWithPositive(fast.labels, slow.labels));
    backend.dispatch(
      'pairwise.slowFast',
      ...[backend.address(fast.features), pairs.labels, fast.labels.length, stride, dimensions],
      ...[pairs.lanes, pairs.laneLabels, pairs.blocks, gamma, similarity === 'released' ? 1 : 0, scale],
      ...[backend.address(losses), backend.address(gradients), pairs.scratch],
    );
  },
  webgpu(backend, args) {
    requireArrays(args.fast, args.slow, args);
    slowFastOnWebgpu(backend, args, anchorsWithPositive(args.fast.labels, args.slow.labels));
  },
};

export interface VanillaArgs extends PairLossArgs {
  readonly pixels: EmbeddingRows;
  readonly gamma: number;
}

/** The contrastive loss of one field; vanillaReference is the definition. Value as for {@link slowFastLoss}. */
export const vanillaLoss: Kernel<VanillaArgs> = {
  name: 'vanillaLoss',
  wasm(backend, args) {
    const { pixels, dimensions, stride, gamma, weight, losses, gradients } = args;
    const count = pixels.labels.length;
    const inverses = workspaceOf(backend).ensure('inverses', Math.ceil(count / 4) * 32);
    const pairs = prepare(backend, pixels, pixels, args);
    backend.floats(inverses).fill(0);
    const common = [backend.address(pixels.features), pairs.labels, count, stride, dimensions];
    const partners = [pairs.lanes, pairs.laneLabels, pairs.blocks, gamma];
    const at = backend.address(inverses);
    // Exponentials are most of the work: those of every pair are kept from one pass to the next where that takes no more than this.
    const productBytes = count * pairs.blocks * 16;
    const kept = productBytes <= MOST_PRODUCT_BYTES ? workspaceOf(backend).ensure('products', productBytes) : undefined;
    const products = kept === undefined ? 0 : backend.address(kept);
    backend.dispatch(
      'pairwise.vanillaSums',
      ...[...common, ...partners, backend.address(losses), at, products, pairs.scratch],
    );
    const scale = weight / Math.max(1, anchorsWithPositive(pixels.labels));
    backend.dispatch(
      'pairwise.vanillaGradients',
      ...[...common, ...partners, scale, at, products, backend.address(gradients), pairs.scratch],
    );
  },
  webgpu(backend, args) {
    requireArrays(args.pixels, args.pixels, args);
    vanillaOnWebgpu(backend, args, anchorsWithPositive(args.pixels.labels));
  },
};

export interface MarginArgs extends PairLossArgs {
  readonly pixels: EmbeddingRows;
  readonly margin: number;
}

/** marginReference is the definition. Its value is the sum of `losses` over the count·(count − 1) ordered pairs. */
export const marginLoss: Kernel<MarginArgs> = {
  name: 'marginLoss',
  wasm(backend, args) {
    const { pixels, dimensions, stride, margin, weight, losses, gradients } = args;
    const count = pixels.labels.length;
    const pairs = prepare(backend, pixels, pixels, args);
    backend.dispatch(
      'pairwise.margin',
      ...[backend.address(pixels.features), pairs.labels, count, stride, dimensions],
      ...[pairs.lanes, pairs.laneLabels, pairs.blocks, margin, weight / Math.max(1, count * (count - 1))],
      ...[backend.address(losses), backend.address(gradients), pairs.scratch],
    );
  },
  webgpu(backend, args) {
    requireArrays(args.pixels, args.pixels, args);
    marginOnWebgpu(backend, args);
  },
};

/** Partners in lane blocks, labels of both sides, scratch: what every pair kernel reads. */
function prepare(
  backend: WasmBackend,
  anchors: EmbeddingRows,
  partners: EmbeddingRows,
  args: PairLossArgs,
): { lanes: number; laneLabels: number; labels: number; blocks: number; scratch: number } {
  const { dimensions, stride } = args;
  requireArrays(anchors, partners, args);
  const count = partners.labels.length;
  const blocks = Math.ceil(count / 4);
  const buffers = workspaceOf(backend);
  const lanes = buffers.ensure('lanes', blocks * dimensions * 16);
  const laneLabels = buffers.ensure('labels of lanes', blocks * 16);
  const labels = buffers.ensure('labels', anchors.labels.byteLength);
  const scratch = buffers.ensure(
    'scratch',
    backend.threads * (dimensions * SCRATCH_BYTES_PER_DIMENSION + blocks * WEIGHT_BYTES),
  );
  backend.write(labels, anchors.labels);
  const padded = new Int32Array(blocks * 4).fill(-1);
  padded.set(partners.labels);
  backend.write(laneLabels, padded);
  const to = backend.address(lanes);
  backend.dispatch('pairwise.toLanes', backend.address(partners.features), count, stride, dimensions, to);
  return {
    ...{ lanes: to, laneLabels: backend.address(laneLabels), labels: backend.address(labels), blocks },
    scratch: backend.address(scratch),
  };
}

function requireArrays(
  anchors: EmbeddingRows,
  partners: EmbeddingRows,
  { dimensions, stride, losses, gradients }: PairLossArgs,
): void {
  if (!Number.isInteger(dimensions) || dimensions < 1 || stride < dimensions || stride % 4 !== 0) {
    throw new RangeError(`pair loss: ${dimensions} dimensions in rows of ${stride} floats`);
  }
  requireBytes('anchors', anchors.features, anchors.labels.length * stride * 4);
  requireBytes('partners', partners.features, partners.labels.length * stride * 4);
  requireBytes('losses', losses, anchors.labels.length * 4);
  requireBytes('gradients', gradients, anchors.labels.length * stride * 4);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`pair loss: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
