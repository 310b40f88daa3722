/** What all trained language fields compare rows with: embeddings of segments on the device, and the loss of a batch. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import { embeddingLoss } from '../../kernels/index.ts';
import type { EmbeddingLossWeights } from './parameters.ts';
import type { SegmentIndex } from './segment-index.ts';

/** Buffers that live as long as a training. */
export class OwnedBuffers {
  readonly #backend: Backend;
  readonly #owned: DeviceBuffer[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  create(label: string, floats: number): DeviceBuffer {
    const buffer = this.#backend.createBuffer(`language field: ${label}`, floats * 4);
    this.#owned.push(buffer);
    return buffer;
  }

  upload(label: string, data: Float32Array | Uint32Array): DeviceBuffer {
    const buffer = this.create(label, data.length);
    this.#backend.write(buffer, data);
    return buffer;
  }

  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#backend.destroyBuffer(buffer);
  }
}

/** [rows, columns] to [rows, stride], padding 0. */
export function paddedRows(values: Float32Array, columns: number, stride: number): Float32Array {
  if (columns === stride) return values;
  const rows = new Float32Array((values.length / columns) * stride);
  for (let from = 0, to = 0; from < values.length; from += columns, to += stride) {
    rows.set(values.subarray(from, from + columns), to);
  }
  return rows;
}

/** Rows of a batch against a target per segment, weighted by confidence: a mean over the batch. */
export class SegmentLoss {
  /** [capacity, stride] gradient by the rows. */
  readonly gradients: DeviceBuffer;
  readonly #backend: Backend;
  readonly #stride: number;
  readonly #confidences: Float32Array;
  readonly #terms: EmbeddingLossWeights;
  readonly #buffers: Record<'targets' | 'ids' | 'weights' | 'losses', DeviceBuffer>;

  /** @param targets [S, columns] */
  constructor(
    backend: Backend,
    owned: OwnedBuffers,
    index: Pick<SegmentIndex, 'confidences'>,
    shape: {
      readonly targets: Float32Array;
      readonly columns: number;
      readonly stride: number;
      readonly capacity: number;
    },
    terms: EmbeddingLossWeights,
  ) {
    const { targets, columns, stride, capacity } = shape;
    this.#backend = backend;
    this.#stride = stride;
    this.#confidences = index.confidences;
    this.#terms = terms;
    this.#buffers = {
      targets: owned.upload('targets', paddedRows(targets, columns, stride)),
      ids: owned.create('targets of rows', capacity),
      weights: owned.create('weights of rows', capacity),
      losses: owned.create('losses', capacity),
    };
    this.gradients = owned.create('gradients of embeddings', capacity * stride);
  }

  /** @param rows [segments.length, stride]; fills {@link gradients} */
  run(rows: DeviceBuffer, segments: Uint32Array): void {
    const weights = Float32Array.from(segments, (segment) => this.#confidences[segment]!);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let i = 0; i < weights.length; i++) weights[i]! /= Math.max(total, 1e-12);
    const { targets, ids, losses } = this.#buffers;
    this.#backend.write(ids, segments);
    this.#backend.write(this.#buffers.weights, weights);
    this.#backend.run(embeddingLoss, {
      ...{ rows, count: segments.length, stride: this.#stride, targets, ids, weights: this.#buffers.weights },
      ...this.#terms,
      ...{ losses, gradients: this.gradients },
    });
  }

  /** Mean of the batch that was last given to {@link run}. */
  async value(count: number): Promise<number> {
    const losses = new Float32Array(await this.#backend.read(this.#buffers.losses, 0, count * 4));
    return losses.reduce((sum, value) => sum + value, 0);
  }
}
