/** A field that can be trained: features at Gaussians, rendered at the pixels of a batch. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import {
  type BatchRows,
  FeatureTable,
  gatherFeatures,
  scatterGradients,
  TouchedRows,
  updateFeatures,
} from '../kernels/index.ts';

/** Rows of W with the same list in host memory. */
export interface FieldBatch extends BatchRows {
  readonly hostRows: Uint32Array;
}

/** Operations of one step run in this order: forward (slow and fast), backward, update. Steps count from 1. */
export interface TrainableField {
  readonly dimensions: number;
  /** Floats per row of what is rendered: `dimensions` rounded up to whole vectors. */
  readonly stride: number;
  /** output [rowCount, stride] = W f. */
  forward(batch: FieldBatch, output: DeviceBuffer): Promise<void>;
  /** The same of the slow field as of `step`. */
  forwardSlow(batch: FieldBatch, step: number, output: DeviceBuffer): Promise<void>;
  /** Adds the gradient for upstream [rowCount, stride] of the batch that was last given to `forward`. */
  backward(batch: FieldBatch, upstream: DeviceBuffer, step: number): Promise<void>;
  update(step: number, rate: number): void;
  /** [N, dimensions] of all Gaussians. */
  features(): Promise<Float32Array>;
  dispose(): void;
}

/** One row of features per Gaussian. */
export class TableField implements TrainableField {
  readonly dimensions: number;
  readonly stride: number;
  readonly #backend: Backend;
  readonly #table: FeatureTable;
  readonly #touched: TouchedRows;

  /** @param initial [N, dimensions] */
  constructor(
    backend: Backend,
    initial: Float32Array,
    dimensions: number,
    options: { readonly slowDecay?: number; readonly softmax?: boolean },
  ) {
    this.#backend = backend;
    this.#table = new FeatureTable(backend, initial, dimensions, options);
    this.#touched = new TouchedRows(backend);
    this.dimensions = dimensions;
    this.stride = this.#table.stride;
  }

  async forward(batch: FieldBatch, output: DeviceBuffer): Promise<void> {
    this.#backend.run(gatherFeatures, { table: this.#table, batch, output });
  }

  async forwardSlow(batch: FieldBatch, step: number, output: DeviceBuffer): Promise<void> {
    this.#backend.run(gatherFeatures, { table: this.#table, batch, output, slowAtStep: step });
  }

  async backward(batch: FieldBatch, upstream: DeviceBuffer, step: number): Promise<void> {
    this.#backend.run(scatterGradients, { table: this.#table, touched: this.#touched, batch, upstream, step });
  }

  update(step: number, rate: number): void {
    this.#backend.run(updateFeatures, { table: this.#table, touched: this.#touched, step, rate });
  }

  features(): Promise<Float32Array> {
    return this.#table.features();
  }

  dispose(): void {
    this.#table.dispose();
    this.#touched.dispose();
  }
}
