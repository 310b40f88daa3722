import type { DeviceBuffer, Kernel } from '../../compute/index.ts';
import { lossOnWebgpu, projectionGradientsOnWebgpu, projectOnWebgpu } from './kernel.wgsl.ts';
import { COSINE_EPSILON } from './reference.ts';

interface NestedArgs {
  /** [count, stride] float32 θ. */
  readonly rows: DeviceBuffer;
  /** [count] uint32: dimensions of each row in use, 1 … stride. */
  readonly used: DeviceBuffer;
  readonly count: number;
  /** D rounded up to a multiple of 4. */
  readonly stride: number;
  /** [outputs, stride] float32 W, padded with zeros on both sides. */
  readonly projection: DeviceBuffer;
  /** E rounded up to a multiple of 4. */
  readonly outputs: number;
}

export interface NestedProjectionArgs extends NestedArgs {
  /** [count, outputs] float32 out. */
  readonly embeddings: DeviceBuffer;
}

/** φ = W[:, 1:M] θ[1:M]; what of `rows` is not in use is set to 0. nestedProjectionReference is the definition. */
export const nestedProjection: Kernel<NestedProjectionArgs> = {
  name: 'nestedProjection',
  wasm(backend, args) {
    requireNested(args);
    requireBytes('embeddings', args.embeddings, args.count * args.outputs * 4);
    const { rows, used, count, stride, projection, outputs, embeddings } = args;
    backend.dispatch(
      'embedding-loss.project',
      ...[backend.address(rows), backend.address(used), count, stride * 4, backend.address(projection), outputs],
      backend.address(embeddings),
    );
  },
  webgpu(backend, args) {
    requireNested(args);
    requireBytes('embeddings', args.embeddings, args.count * args.outputs * 4);
    projectOnWebgpu(backend, args);
  },
};

/** `rows` as {@link nestedProjection} has left them. */
export interface NestedProjectionGradientsArgs extends NestedArgs {
  /** [count, outputs] gradient by the embeddings; padding 0. */
  readonly upstream: DeviceBuffer;
  /** [count, stride] out, 0 beyond the dimensions in use. */
  readonly rowGradients: DeviceBuffer;
  /** [outputs, stride]; added to. */
  readonly projectionGradients: DeviceBuffer;
}

/** Gradients of Σ upstream·φ; nestedProjectionGradientsReference is the definition. */
export const nestedProjectionGradients: Kernel<NestedProjectionGradientsArgs> = {
  name: 'nestedProjectionGradients',
  wasm(backend, args) {
    requireGradients(args);
    const { rows, used, count, stride, projection, outputs, upstream, rowGradients, projectionGradients } = args;
    const at = (buffer: DeviceBuffer) => backend.address(buffer);
    backend.dispatch(
      'embedding-loss.rowGradients',
      ...[at(used), count, stride * 4, at(projection), outputs, at(upstream), at(rowGradients)],
    );
    backend.dispatch(
      'embedding-loss.projectionGradients',
      ...[at(rows), at(used), count, stride * 4, outputs, at(upstream), at(projectionGradients)],
    );
  },
  webgpu(backend, args) {
    requireGradients(args);
    projectionGradientsOnWebgpu(backend, args);
  },
};

export interface EmbeddingLossArgs {
  /** [count, stride] float32 φ, padding 0. */
  readonly rows: DeviceBuffer;
  readonly count: number;
  readonly stride: number;
  /** [targets, stride] float32, padding 0. */
  readonly targets: DeviceBuffer;
  /** [count] uint32 target, and float32 weight, of each row. */
  readonly ids: DeviceBuffer;
  readonly weights: DeviceBuffer;
  /** Weights of ‖φ − φ_gt‖² and of 1 − cos. */
  readonly squared: number;
  readonly cosine: number;
  /** [count] out. */
  readonly losses: DeviceBuffer;
  /** [count, stride] out: gradient of the sum of losses by the rows. */
  readonly gradients: DeviceBuffer;
}

/** Rows against their targets; embeddingLossReference is the definition. */
export const embeddingLoss: Kernel<EmbeddingLossArgs> = {
  name: 'embeddingLoss',
  wasm(backend, args) {
    requireLoss(args);
    const { rows, count, stride, targets, ids, weights, squared, cosine, losses, gradients } = args;
    backend.dispatch(
      'embedding-loss.loss',
      ...[backend.address(rows), count, stride * 4],
      ...[targets, ids, weights].map((buffer) => backend.address(buffer)),
      ...[squared, cosine, COSINE_EPSILON, backend.address(losses), backend.address(gradients)],
    );
  },
  webgpu(backend, args) {
    requireLoss(args);
    lossOnWebgpu(backend, args);
  },
};

/** Projection, loss and both gradients of `rows` rows that use `used` dimensions on average, everything moved once. */
export function nestedLossCost(shape: { rows: number; used: number; dimensions: number; embedding: number }): {
  flops: number;
  bytes: number;
} {
  const { rows, used, dimensions, embedding } = shape;
  return {
    flops: rows * embedding * (6 * used + 12),
    bytes: 4 * (rows * (2 * used + 2 * embedding) + 2 * dimensions * embedding),
  };
}

function requireNested({ rows, used, count, stride, projection, outputs }: NestedArgs): void {
  requireVectors('row', stride);
  requireVectors('embedding', outputs);
  requireBytes('rows', rows, count * stride * 4);
  requireBytes('used', used, count * 4);
  requireBytes('projection', projection, outputs * stride * 4);
}

function requireGradients(args: NestedProjectionGradientsArgs): void {
  requireNested(args);
  requireBytes('upstream', args.upstream, args.count * args.outputs * 4);
  requireBytes('gradients of rows', args.rowGradients, args.count * args.stride * 4);
  requireBytes('gradients of the projection', args.projectionGradients, args.outputs * args.stride * 4);
}

function requireLoss({ rows, count, stride, ids, weights, losses, gradients }: EmbeddingLossArgs): void {
  requireVectors('row', stride);
  requireBytes('rows', rows, count * stride * 4);
  for (const [name, buffer] of Object.entries({ ids, weights, losses })) requireBytes(name, buffer, count * 4);
  requireBytes('gradients', gradients, count * stride * 4);
}

function requireVectors(name: string, floats: number): void {
  if (Number.isInteger(floats) && floats > 0 && floats % 4 === 0) return;
  throw new RangeError(`embedding loss: a ${name} of ${floats} floats is not made of whole vectors of 4`);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(
    `embedding loss: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`,
  );
}
