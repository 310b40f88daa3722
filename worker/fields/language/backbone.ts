/** What language networks see: features of Gaussians, rendered at the pixels of a batch before the network (deferred). */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import {
  createSparseMatrix,
  FeatureTable,
  gatherFeatures,
  locateTexel,
  type OwnedSparseMatrix,
  PLANE_AXES,
  scatterGradients,
  sparseProduct,
  TouchedRows,
  type TriplaneGrid,
  transposeSparse,
  updateFeatures,
} from '../../kernels/index.ts';
import { fieldRandom, normals } from '../frames.ts';
import { encodePositions } from '../mlp-field.ts';
import type { HostWeights, WeightCache } from '../weight-cache.ts';
import type { LanguageBackbone } from './parameters.ts';

export interface Backbone {
  /** C */
  readonly channels: number;
  /** Floats per rendered row: C rounded up to a multiple of 8, as networks take them; padding 0. */
  readonly stride: number;
  /** output [rows, stride] = W f at rows of a view's W. */
  forward(view: number, rows: Uint32Array, output: DeviceBuffer): Promise<void>;
  /** Adds the gradient for upstream [rows, stride] of the batch that was last given to `forward`. Steps count from 1. */
  backward(upstream: DeviceBuffer, step: number): void;
  update(step: number, rate: number): void;
  /** [N, C] of all Gaussians. */
  features(): Promise<Float32Array>;
  dispose(): void;
}

/** @param means [N, 3] */
export function createBackbone(
  backend: Backend,
  cache: WeightCache,
  means: Float32Array,
  shape: LanguageBackbone,
  seed: number,
): Backbone {
  return shape.kind === 'triplane'
    ? new TriplaneBackbone(backend, cache, means, shape, seed)
    : new PositionBackbone(backend, cache, means, shape.frequencies);
}

const wholePanels = (channels: number) => Math.ceil(channels / 8) * 8;

/** Share of the Gaussians on either side of an axis that lie outside the planes' box, clamped to it: strays lie far off. */
const STRAY_SHARE = 0.005;
/** Copies of W in host memory; beyond it a view is read anew for each batch. */
const HOST_COPIES_BYTES = 256 * 2 ** 20;

/**
 * Three planes at Gaussian centres, summed (EG3D, section 3). A frozen centre is a fixed weighted sum of twelve texels, so
 * planes are a table of texels: only texels near what a batch shows cost anything, forward, backward and in the update.
 */
class TriplaneBackbone implements Backbone {
  readonly channels: number;
  readonly stride: number;
  readonly #backend: Backend;
  readonly #cache: WeightCache;
  readonly #table: FeatureTable;
  readonly #touched: TouchedRows;
  /** [N, texels] */
  readonly #texels: OwnedSparseMatrix;
  readonly #hosts = new Map<number, HostWeights>();
  #hostBytes = 0;
  readonly #position: Int32Array;
  #batch:
    | {
        readonly matrix: OwnedSparseMatrix;
        readonly ids: DeviceBuffer;
        readonly features: DeviceBuffer;
        readonly count: number;
      }
    | undefined;

  constructor(
    backend: Backend,
    cache: WeightCache,
    means: Float32Array,
    { resolution, channels, sigma }: Extract<LanguageBackbone, { kind: 'triplane' }>,
    seed: number,
  ) {
    this.#backend = backend;
    this.#cache = cache;
    this.channels = channels;
    this.stride = wholePanels(channels);
    const texels = 3 * resolution ** 2;
    const initial = new Float32Array(texels * this.stride);
    const drawn = normals(texels * channels, sigma, fieldRandom(seed, 'initial', 0));
    for (let t = 0; t < texels; t++) initial.set(drawn.subarray(t * channels, (t + 1) * channels), t * this.stride);
    this.#table = new FeatureTable(backend, initial, this.stride);
    this.#touched = new TouchedRows(backend);
    this.#texels = createSparseMatrix(backend, texelWeights(means, gridAround(means, resolution)));
    this.#position = new Int32Array(cache.gaussians).fill(-1);
  }

  async forward(view: number, rows: Uint32Array, output: DeviceBuffer): Promise<void> {
    this.#endBatch();
    const { ids, ...local } = contributorsOf(await this.#host(view), rows, this.#position);
    const backend = this.#backend;
    const idBuffer = backend.createBuffer('backbone: contributors', ids.byteLength);
    backend.write(idBuffer, ids);
    const features = backend.createBuffer('backbone: features', ids.length * this.stride * 4);
    const matrix = createSparseMatrix(backend, { ...local, columnCount: ids.length });
    this.#batch = { matrix, ids: idBuffer, features, count: ids.length };
    const batch = { matrix: this.#texels, rows: idBuffer, rowCount: ids.length };
    backend.run(gatherFeatures, { table: this.#table, batch, output: features });
    backend.run(sparseProduct, { matrix, input: features, output, channels: this.stride });
  }

  backward(upstream: DeviceBuffer, step: number): void {
    const own = this.#batch;
    if (own === undefined) throw new RangeError('backbone: backward without forward');
    const backend = this.#backend;
    const transposed = transposeSparse(backend, own.matrix, own.count);
    try {
      // The features are not needed any more: their memory takes their gradient.
      backend.run(sparseProduct, {
        ...{ matrix: transposed, input: upstream, output: own.features, channels: this.stride },
      });
      const batch = { matrix: this.#texels, rows: own.ids, rowCount: own.count };
      backend.run(scatterGradients, {
        ...{ table: this.#table, touched: this.#touched, batch, upstream: own.features, step },
      });
    } finally {
      transposed.dispose();
    }
  }

  update(step: number, rate: number): void {
    this.#backend.run(updateFeatures, { table: this.#table, touched: this.#touched, step, rate });
  }

  async features(): Promise<Float32Array> {
    const { gaussians } = this.#cache;
    const output = this.#backend.createBuffer('backbone: all features', gaussians * this.stride * 4);
    try {
      this.#backend.run(sparseProduct, {
        ...{ matrix: this.#texels, input: this.#table.table, output, channels: this.stride },
      });
      return columnsOf(new Float32Array(await this.#backend.read(output)), this.channels, this.stride);
    } finally {
      this.#backend.destroyBuffer(output);
    }
  }

  async #host(view: number): Promise<HostWeights> {
    const known = this.#hosts.get(view);
    if (known !== undefined) return known;
    const host = await this.#cache.host(view);
    const bytes = host.rowStart.byteLength + 2 * host.weights.byteLength;
    if (this.#hostBytes + bytes <= HOST_COPIES_BYTES) {
      this.#hostBytes += bytes;
      this.#hosts.set(view, host);
    }
    return host;
  }

  #endBatch(): void {
    if (this.#batch === undefined) return;
    this.#batch.matrix.dispose();
    this.#backend.destroyBuffer(this.#batch.ids);
    this.#backend.destroyBuffer(this.#batch.features);
    this.#batch = undefined;
  }

  dispose(): void {
    this.#endBatch();
    this.#texels.dispose();
    this.#table.dispose();
    this.#touched.dispose();
  }
}

/** Ablation without planes: the position and its sines and cosines, rendered as they are. Nothing to train. */
class PositionBackbone implements Backbone {
  readonly channels: number;
  readonly stride: number;
  readonly #backend: Backend;
  readonly #cache: WeightCache;
  readonly #table: FeatureTable;

  constructor(backend: Backend, cache: WeightCache, means: Float32Array, frequencies: number) {
    this.#backend = backend;
    this.#cache = cache;
    this.channels = 3 + 6 * frequencies;
    this.stride = wholePanels(this.channels);
    const encoded = encodePositions(means, frequencies);
    const from = encoded.length / cache.gaussians;
    const rows = new Float32Array(cache.gaussians * this.stride);
    for (let g = 0; g < cache.gaussians; g++) rows.set(encoded.subarray(g * from, (g + 1) * from), g * this.stride);
    this.#table = new FeatureTable(backend, rows, this.stride);
  }

  async forward(view: number, rows: Uint32Array, output: DeviceBuffer): Promise<void> {
    const buffer = this.#backend.createBuffer('backbone: rows', rows.byteLength);
    try {
      this.#backend.write(buffer, rows);
      const batch = { matrix: this.#cache.views[view]!.matrix, rows: buffer, rowCount: rows.length };
      this.#backend.run(gatherFeatures, { table: this.#table, batch, output });
    } finally {
      this.#backend.destroyBuffer(buffer);
    }
  }

  backward(): void {}
  update(): void {}

  async features(): Promise<Float32Array> {
    return columnsOf(await this.#table.features(), this.channels, this.stride);
  }

  dispose(): void {
    this.#table.dispose();
  }
}

/** The first `columns` of rows of `stride`. */
export function columnsOf(rows: Float32Array, columns: number, stride: number): Float32Array {
  if (columns === stride) return rows;
  const out = new Float32Array((rows.length / stride) * columns);
  for (let from = 0, to = 0; from < rows.length; from += stride, to += columns) {
    out.set(rows.subarray(from, from + columns), to);
  }
  return out;
}

/** A box around all but strays. */
function gridAround(means: Float32Array, resolution: number): TriplaneGrid {
  const count = means.length / 3;
  const bounds = [0, 1, 2].map((axis) => {
    const sorted = Float32Array.from({ length: count }, (_, i) => means[3 * i + axis]!).sort();
    const low = sorted[Math.floor(STRAY_SHARE * (count - 1))] ?? 0;
    const high = sorted[Math.ceil((1 - STRAY_SHARE) * (count - 1))] ?? 0;
    const margin = Math.max(1e-6, 1e-3 * (high - low));
    return [low - margin, high + margin] as const;
  });
  return { resolution, lower: bounds.map(([low]) => low), upper: bounds.map(([, high]) => high) };
}

/** [N, 3 R²] bilinear weights: the sum of the three samples of each point, as a matrix (triplaneReference, 'sum'). */
export function texelWeights(means: Float32Array, grid: TriplaneGrid) {
  const count = means.length / 3;
  const { resolution } = grid;
  const columns = new Uint32Array(12 * count);
  const weights = new Float32Array(12 * count);
  for (let i = 0, at = 0; i < count; i++) {
    const located = [0, 1, 2].map((axis) => locateTexel(means[3 * i + axis]!, axis, grid));
    for (const [plane, [columnAxis, rowAxis]] of PLANE_AXES.entries()) {
      const [column, row] = [located[columnAxis]!, located[rowAxis]!];
      for (let corner = 0; corner < 4; corner++, at++) {
        const [dx, dy] = [corner & 1, corner >> 1];
        columns[at] = (plane * resolution + row.cell + dy) * resolution + column.cell + dx;
        weights[at] = (dx === 1 ? column.fraction : 1 - column.fraction) * (dy === 1 ? row.fraction : 1 - row.fraction);
      }
    }
  }
  const rowStart = Uint32Array.from({ length: count + 1 }, (_, i) => 12 * i);
  return { rowStart, columns, weights, columnCount: 3 * resolution ** 2 };
}

/** W of a batch over the Gaussians that contribute, in the order in which the batch meets them. `position`: [N] of −1. */
function contributorsOf(host: HostWeights, rows: Uint32Array, position: Int32Array) {
  const rowStart = new Uint32Array(rows.length + 1);
  for (let b = 0; b < rows.length; b++) {
    rowStart[b + 1] = rowStart[b]! + host.rowStart[rows[b]! + 1]! - host.rowStart[rows[b]!]!;
  }
  const columns = new Uint32Array(rowStart[rows.length]!);
  const weights = new Float32Array(columns.length);
  const ids = new Uint32Array(Math.min(position.length, columns.length));
  let [count, to] = [0, 0];
  for (let b = 0; b < rows.length; b++) {
    for (let e = host.rowStart[rows[b]!]!; e < host.rowStart[rows[b]! + 1]!; e++, to++) {
      const gaussian = host.columns[e]!;
      if (position[gaussian]! < 0) {
        position[gaussian] = count;
        ids[count++] = gaussian;
      }
      columns[to] = position[gaussian]!;
      weights[to] = host.weights[e]!;
    }
  }
  for (let i = 0; i < count; i++) position[ids[i]!] = -1;
  return { ids: ids.slice(0, count), rowStart, columns, weights };
}
