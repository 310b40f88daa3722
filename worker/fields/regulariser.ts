/** The spatial regulariser of Contrastive Gaussian Clustering as part of a step: it looks at Gaussians, not at pixels. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { createSparseMatrix, type OwnedSparseMatrix, padded, unpadded } from '../kernels/index.ts';
import type { FieldBatch, TrainableField } from './field.ts';
import { drawWithoutRepetition, fieldRandom } from './frames.ts';
import { spatialRegulariser } from './losses/index.ts';

export class RegulariserStep {
  readonly #backend: Backend;
  readonly #means: Float32Array;
  readonly #count: number;
  readonly #seed: number;
  readonly #identity: OwnedSparseMatrix;
  readonly #rows: DeviceBuffer;
  readonly #features: DeviceBuffer;

  /** @param means [N, 3] @param drawn Gaussians per step. */
  constructor(backend: Backend, means: Float32Array, drawn: number, stride: number, seed: number) {
    const gaussians = means.length / 3;
    this.#backend = backend;
    this.#means = means;
    this.#count = Math.min(drawn, gaussians);
    this.#seed = seed;
    this.#identity = createSparseMatrix(backend, {
      rowStart: Uint32Array.from({ length: gaussians + 1 }, (_, i) => i),
      columns: Uint32Array.from({ length: gaussians }, (_, i) => i),
      weights: new Float32Array(gaussians).fill(1),
      columnCount: gaussians,
    });
    this.#rows = backend.createBuffer('regulariser: rows', this.#count * 4);
    this.#features = backend.createBuffer('regulariser: features', this.#count * stride * 4);
  }

  /** Adds the gradient of the regulariser to the field's step. @returns its value. */
  async add(field: TrainableField, step: number): Promise<number> {
    const { dimensions, stride } = field;
    const gaussians = this.#means.length / 3;
    const hostRows = drawWithoutRepetition(gaussians, this.#count, fieldRandom(this.#seed, 'regulariser', step));
    this.#backend.write(this.#rows, hostRows);
    const batch: FieldBatch = { matrix: this.#identity, rows: this.#rows, rowCount: this.#count, hostRows };
    await field.forward(batch, this.#features);
    const features = unpadded(new Float32Array(await this.#backend.read(this.#features)), dimensions, stride);
    const positions = Float32Array.from({ length: 3 * this.#count }, (_, i) => {
      return this.#means[3 * hostRows[Math.floor(i / 3)]! + (i % 3)]!;
    });
    const { value, gradient } = spatialRegulariser(positions, features, dimensions);
    this.#backend.write(this.#features, padded(Float32Array.from(gradient), dimensions, stride));
    await field.backward(batch, this.#features, step);
    return value;
  }

  dispose(): void {
    this.#identity.dispose();
    this.#backend.destroyBuffer(this.#rows);
    this.#backend.destroyBuffer(this.#features);
  }
}
