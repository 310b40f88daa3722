import type { Backend, DeviceBuffer, Kernel } from '../../compute/index.ts';
import type { SparseMatrix } from '../sparse-product/index.ts';
import { activateOnWebgpu, gatherOnWebgpu, scatterOnWebgpu, updateOnWebgpu } from './kernel.wgsl.ts';

/** Rows of a sparse matrix W [pixels, N]: what one batch consists of. */
export interface BatchRows {
  readonly matrix: SparseMatrix;
  /** [rowCount] uint32 rows of the matrix. */
  readonly rows: DeviceBuffer;
  readonly rowCount: number;
}

export interface FeatureTableOptions {
  /** Adam's decay rates and epsilon; defaults 0.9, 0.999, 1e-8. */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Keep a slow copy with this decay per step; default none. */
  readonly slowDecay?: number;
  /** What is rendered is the softmax of each row; default false. */
  readonly softmax?: boolean;
}

/** Below this the slow copy is the fast one in float32. */
const NEGLIGIBLE = 1e-12;
/** Steps of one row after which its bias corrections are those of the last entry: 0.999^20000 is 2e-9. */
const CORRECTIONS = 20_000;

/**
 * Features [count, stride] of the contributors of W, trained row by row (featureStepReference is the definition): what a
 * batch does not touch costs nothing. Steps count from 1 and are told to every operation.
 */
export class FeatureTable {
  readonly count: number;
  readonly channels: number;
  /** Channels rounded up to whole vectors; padding is 0. */
  readonly stride: number;
  readonly options: Required<Omit<FeatureTableOptions, 'slowDecay'>> & { readonly slowDecay: number | undefined };
  readonly table: DeviceBuffer;
  readonly gradients: DeviceBuffer;
  readonly firstMoments: DeviceBuffer;
  readonly secondMoments: DeviceBuffer;
  /** [count] int32: steps of each row; step of its last gradient; step to which its slow copy is brought up. */
  readonly updates: DeviceBuffer;
  readonly stamps: DeviceBuffer;
  readonly lastStep: DeviceBuffer;
  readonly slow: DeviceBuffer | undefined;
  readonly activated: DeviceBuffer | undefined;
  readonly decayPowers: DeviceBuffer;
  readonly decayLast: number;
  readonly corrections: DeviceBuffer;
  readonly correctionLast = CORRECTIONS;
  readonly #backend: Backend;
  readonly #owned: DeviceBuffer[] = [];

  /** @param initial [count, channels]; the slow copy starts equal. @throws OutOfMemoryError */
  constructor(backend: Backend, initial: Float32Array, channels: number, options: FeatureTableOptions = {}) {
    if (!Number.isInteger(channels) || channels < 1 || initial.length % channels !== 0) {
      throw new RangeError(`feature table: ${initial.length} values are not rows of ${channels}`);
    }
    this.#backend = backend;
    this.count = initial.length / channels;
    this.channels = channels;
    this.stride = Math.ceil(channels / 4) * 4;
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, softmax = false, slowDecay } = options;
    this.options = { beta1, beta2, epsilon, softmax, slowDecay };
    try {
      const rows = padded(initial, channels, this.stride);
      const zeros = new Float32Array(rows.length);
      this.table = this.#create('features', rows);
      this.gradients = this.#create('gradients', zeros);
      this.firstMoments = this.#create('first moments', zeros);
      this.secondMoments = this.#create('second moments', zeros);
      this.updates = this.#create('updates', new Int32Array(this.count));
      this.stamps = this.#create('stamps', new Int32Array(this.count));
      this.lastStep = this.#create('last step', new Int32Array(this.count));
      this.slow = slowDecay === undefined ? undefined : this.#create('slow features', rows);
      this.activated = softmax ? this.#create('probabilities', zeros) : undefined;
      const powers = powersUntilNegligible(slowDecay ?? 0);
      this.decayPowers = this.#create('powers of the decay', powers);
      this.decayLast = powers.length - 1;
      this.corrections = this.#create('bias corrections', biasCorrections(beta1, beta2));
    } catch (error) {
      this.dispose();
      throw error;
    }
    if (softmax) backend.run(activateFeatures, { table: this });
  }

  /** [count, channels]: the fast features, or their softmax where that is what is rendered. */
  async features(): Promise<Float32Array> {
    const rows = new Float32Array(await this.#backend.read(this.activated ?? this.table));
    return unpadded(rows, this.channels, this.stride);
  }

  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#backend.destroyBuffer(buffer);
  }

  #create(label: string, data: ArrayBufferView): DeviceBuffer {
    const buffer = this.#backend.createBuffer(`feature table: ${label}`, data.byteLength);
    this.#owned.push(buffer);
    this.#backend.write(buffer, data);
    return buffer;
  }
}

/** [rows, channels] to [rows, stride], padding 0. */
export function padded(values: Float32Array, channels: number, stride: number): Float32Array {
  if (channels === stride) return values;
  const rows = new Float32Array((values.length / channels) * stride);
  for (let from = 0, to = 0; from < values.length; from += channels, to += stride) {
    rows.set(values.subarray(from, from + channels), to);
  }
  return rows;
}

/** The inverse of {@link padded}. */
export function unpadded(rows: Float32Array, channels: number, stride: number): Float32Array {
  if (channels === stride) return rows;
  const values = new Float32Array((rows.length / stride) * channels);
  for (let from = 0, to = 0; from < rows.length; from += stride, to += channels) {
    values.set(rows.subarray(from, from + channels), to);
  }
  return values;
}

function powersUntilNegligible(decay: number): Float32Array {
  const powers = [1];
  while (powers.at(-1)! > NEGLIGIBLE && powers.length < 100_000) powers.push(powers.at(-1)! * decay);
  powers[powers.length - 1] = 0;
  return Float32Array.from(powers);
}

/** [2][CORRECTIONS + 1]: 1 / (1 − beta1^n), then 1 / (1 − beta2^n); entry 0 is unused. */
function biasCorrections(beta1: number, beta2: number): Float32Array {
  const values = new Float32Array(2 * (CORRECTIONS + 1));
  for (let n = 1; n <= CORRECTIONS; n++) {
    values[n] = 1 / (1 - beta1 ** n);
    values[CORRECTIONS + 1 + n] = 1 / (1 - beta2 ** n);
  }
  return values;
}

const activateFeatures: Kernel<{ readonly table: FeatureTable }> = {
  name: 'activateFeatures',
  wasm(backend, { table }) {
    if (table.activated === undefined) throw new RangeError('feature table: it has no softmax');
    const at = [table.table, table.activated].map((buffer) => backend.address(buffer));
    backend.dispatch('feature-table.activate', ...at, table.count, table.channels, table.stride);
  },
  webgpu(backend, { table }) {
    if (table.activated === undefined) throw new RangeError('feature table: it has no softmax');
    activateOnWebgpu(backend, table, table.activated);
  },
};

export interface GatherArgs {
  readonly table: FeatureTable;
  readonly batch: BatchRows;
  /** [rowCount, stride] out: W f. */
  readonly output: DeviceBuffer;
  /** The slow copy as of this step, in place of the features. */
  readonly slowAtStep?: number;
}

/** Renders the features at the pixels of a batch. */
export const gatherFeatures: Kernel<GatherArgs> = {
  name: 'gatherFeatures',
  wasm(backend, { table, batch, output, slowAtStep }) {
    requireBytes('output', output, batch.rowCount * table.stride * 4);
    const w = batchAddresses((buffer) => backend.address(buffer), batch);
    if (slowAtStep === undefined) {
      const from = backend.address(table.activated ?? table.table);
      backend.dispatch('feature-table.gather', ...w, from, backend.address(output), table.stride);
      return;
    }
    if (table.slow === undefined) throw new RangeError('feature table: it has no slow copy');
    backend.dispatch(
      'feature-table.gatherSlow',
      ...w,
      ...[table.table, table.slow, table.lastStep, table.decayPowers].map((buffer) => backend.address(buffer)),
      ...[table.decayLast, slowAtStep, backend.address(output), table.stride],
    );
  },
  webgpu(backend, args) {
    const { table, batch, output, slowAtStep } = args;
    requireBytes('output', output, batch.rowCount * table.stride * 4);
    requireBytes('rows', batch.rows, batch.rowCount * 4);
    if (slowAtStep !== undefined && table.slow === undefined)
      throw new RangeError('feature table: it has no slow copy');
    gatherOnWebgpu(backend, args);
  },
};

/** Per-thread lists of the rows that have a gradient. */
export class TouchedRows {
  readonly #backend: Backend;
  readonly #owned: DeviceBuffer[] = [];
  #lists: { lists: DeviceBuffer; counts: DeviceBuffer; capacity: number } | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Room for every row of `count` that a thread of `threads` may own. */
  ensure(count: number, threads: number): { lists: DeviceBuffer; counts: DeviceBuffer; capacity: number } {
    const capacity = 16 * Math.ceil(Math.ceil(count / 16) / threads);
    if (this.#lists === undefined || this.#lists.capacity < capacity) {
      this.dispose();
      const lists = this.#create('touched rows', threads * capacity * 4);
      const counts = this.#create('numbers of touched rows', threads * 64);
      this.#backend.write(counts, new Int32Array(threads * 16));
      this.#lists = { lists, counts, capacity };
    }
    return this.#lists;
  }

  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#backend.destroyBuffer(buffer);
    this.#lists = undefined;
  }

  #create(label: string, sizeBytes: number): DeviceBuffer {
    const buffer = this.#backend.createBuffer(label, sizeBytes);
    this.#owned.push(buffer);
    return buffer;
  }
}

export interface ScatterArgs {
  readonly table: FeatureTable;
  readonly touched: TouchedRows;
  readonly batch: BatchRows;
  /** [rowCount, stride] dL/d(W f). */
  readonly upstream: DeviceBuffer;
  readonly step: number;
}

/** Adds Wᵀ·upstream to the gradients of this step; any number of batches before {@link updateFeatures}. */
export const scatterGradients: Kernel<ScatterArgs> = {
  name: 'scatterGradients',
  wasm(backend, { table, touched, batch, upstream, step }) {
    requireBytes('upstream', upstream, batch.rowCount * table.stride * 4);
    const { lists, counts, capacity } = touched.ensure(table.count, backend.threads);
    const at = (buffer: DeviceBuffer) => backend.address(buffer);
    backend.dispatch(
      'feature-table.scatter',
      ...batchAddresses(at, batch),
      ...[at(upstream), at(table.gradients), at(table.stamps), at(lists), capacity, at(counts), step, table.stride],
    );
  },
  webgpu(backend, args) {
    const { table, batch, upstream } = args;
    requireBytes('upstream', upstream, batch.rowCount * table.stride * 4);
    requireBytes('rows', batch.rows, batch.rowCount * 4);
    scatterOnWebgpu(backend, args);
  },
};

export interface UpdateFeaturesArgs {
  readonly table: FeatureTable;
  readonly touched: TouchedRows;
  readonly step: number;
  readonly rate: number;
}

/** One Adam step of the rows with a gradient. */
export const updateFeatures: Kernel<UpdateFeaturesArgs> = {
  name: 'updateFeatures',
  wasm(backend, { table, touched, step, rate }) {
    const { lists, counts, capacity } = touched.ensure(table.count, backend.threads);
    const at = (buffer: DeviceBuffer) => backend.address(buffer);
    const { beta1, beta2, epsilon } = table.options;
    backend.dispatch(
      'feature-table.update',
      ...[table.table, table.gradients, table.firstMoments, table.secondMoments, table.updates].map(at),
      ...[at(lists), capacity, at(counts), at(table.corrections), table.correctionLast],
      ...[table.slow === undefined ? 0 : at(table.slow), at(table.lastStep), at(table.decayPowers), table.decayLast],
      ...[table.activated === undefined ? 0 : at(table.activated), step, table.channels, table.stride],
      ...[rate, beta1, beta2, epsilon],
    );
  },
  webgpu: updateOnWebgpu,
};

function batchAddresses(at: (buffer: DeviceBuffer) => number, { matrix, rows, rowCount }: BatchRows): number[] {
  requireBytes('rows', rows, rowCount * 4);
  return [at(matrix.rowStart), at(matrix.columns), at(matrix.weights), at(rows), rowCount];
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`feature table: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
