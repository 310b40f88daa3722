import type { Backend, DeviceBuffer, Kernel } from '../../compute/index.ts';
import { bestScaleOnWebgpu, compositeOnWebgpu, normsOnWebgpu, relevancyOnWebgpu } from './kernel.wgsl.ts';
import { SHORTEST_NORM } from './reference.ts';

/** Phrases of one query: what stays in registers. */
const MOST_PHRASES = 32;

/** Dimensions of the scales of step k: k, 2k, … ⌊D / k⌋ k. */
export function nestedScales(dimensions: number, step: number): Uint32Array {
  if (!(Number.isInteger(step) && step >= 1 && step <= dimensions)) {
    throw new RangeError(`scales: a step of ${step} in ${dimensions} dimensions`);
  }
  return Uint32Array.from({ length: Math.floor(dimensions / step) }, (_, s) => (s + 1) * step);
}

export interface NestedEmbeddingsOptions {
  /** [count, stride] float32, stride = dimensions rounded up to a multiple of 4, padding 0. Stays the caller's. */
  readonly rows: DeviceBuffer;
  readonly count: number;
  /** D */
  readonly dimensions: number;
  /** W [E, D]: embedding of a row at M dimensions is W[:, 1:M] θ[1:M]. Default: rows are embeddings themselves, E = D. */
  readonly projection?: Float32Array;
  /** [S] dimensions of each scale, ascending; default one scale of all. See {@link nestedScales}. */
  readonly scales?: ArrayLike<number>;
}

/**
 * Embeddings of N rows (Gaussians, or pixels of a rendered map) at S scales, with the norms that no query changes. The
 * embeddings are never formed: products with a phrase q are prefix sums of (qᵀW)_d θ_d, and norms need WᵀW alone.
 */
export class NestedEmbeddings {
  readonly rows: DeviceBuffer;
  readonly count: number;
  readonly dimensions: number;
  readonly stride: number;
  readonly scaleCount: number;
  /** [S] uint32 */
  readonly scales: DeviceBuffer;
  /** [D, stride] float32: lower triangle of WᵀW, doubled off the diagonal. */
  readonly gram: DeviceBuffer | undefined;
  /** [⌈N / 4⌉, S, 4] float32: 1 / norm, 0 for what has no direction. */
  readonly inverseNorms: DeviceBuffer;
  readonly #projection: Float32Array | undefined;
  readonly #backend: Backend;
  readonly #owned: DeviceBuffer[] = [];

  /** Computes the norms. @throws RangeError on shapes that do not fit, OutOfMemoryError */
  constructor(backend: Backend, options: NestedEmbeddingsOptions) {
    const { rows, count, dimensions, projection, scales = [dimensions] } = options;
    requireShapes(options);
    this.#backend = backend;
    this.rows = rows;
    this.count = count;
    this.dimensions = dimensions;
    this.stride = Math.ceil(dimensions / 4) * 4;
    this.scaleCount = scales.length;
    this.#projection = projection;
    requireBytes('rows', rows, count * this.stride * 4);
    try {
      this.scales = this.#create('scales', scales.length * 4);
      backend.write(this.scales, Uint32Array.from(scales));
      if (projection !== undefined) {
        const gram = gramOf(projection, dimensions, this.stride);
        this.gram = this.#create('products of dimensions', gram.byteLength);
        backend.write(this.gram, gram);
      }
      this.inverseNorms = this.#create('norms', Math.ceil(count / 4) * scales.length * 16);
      backend.run(nestedNorms, { embeddings: this });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * A query against its negatives.
   * @param query [E], of any length @param negatives at least one @param sharpness factor of the products, published 1
   */
  contrast(query: ArrayLike<number>, negatives: readonly ArrayLike<number>[], sharpness = 1): PhraseDirections {
    const [own, ...others] = this.#projectUnits([query, ...negatives]);
    requireCount('negatives', others.length);
    return this.#directions(others.map((other) => own!.map((value, d) => sharpness * (value - other[d]!))));
  }

  /** The canonical phrases of {@link compositeRows}; scores are divided by the temperature, published 1. */
  canonical(phrases: readonly ArrayLike<number>[], temperature = 1): PhraseDirections {
    requireCount('canonical phrases', phrases.length);
    if (!(temperature > 0)) throw new RangeError(`relevancy: temperature ${temperature} is not above 0`);
    return this.#directions(this.#projectUnits(phrases).map((phrase) => phrase.map((value) => value / temperature)));
  }

  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#backend.destroyBuffer(buffer);
  }

  /** Wᵀ of every phrase, made a unit vector first. */
  #projectUnits(phrases: readonly ArrayLike<number>[]): Float64Array[] {
    const { dimensions } = this;
    const projection = this.#projection;
    const length = projection === undefined ? dimensions : projection.length / dimensions;
    return phrases.map((phrase, i) => {
      if (phrase.length !== length) {
        throw new RangeError(`relevancy: phrase ${i} has ${phrase.length} values, embeddings have ${length}`);
      }
      const norm = Math.hypot(...Array.from(phrase));
      if (!(norm > SHORTEST_NORM && Number.isFinite(norm))) {
        throw new RangeError(`relevancy: phrase ${i} has length ${norm} and so no direction`);
      }
      const unit = Float64Array.from(phrase, (value) => value / norm);
      if (projection === undefined) return unit;
      const projected = new Float64Array(dimensions);
      for (let e = 0, at = 0; e < length; e++) {
        for (let d = 0; d < dimensions; d++, at++) projected[d]! += projection[at]! * unit[e]!;
      }
      return projected;
    });
  }

  /** [D, vectors, 4]; the last direction fills the last vector, which changes neither least nor largest product. */
  #directions(rows: readonly Float64Array[]): PhraseDirections {
    const vectors = Math.ceil(rows.length / 4);
    const values = new Float32Array(this.dimensions * vectors * 4);
    for (let i = 0; i < values.length; i++) {
      const phrase = Math.min(i % (vectors * 4), rows.length - 1);
      values[i] = rows[phrase]![Math.floor(i / (vectors * 4))]!;
    }
    const directions = this.#backend.createBuffer('relevancy: directions', values.byteLength);
    this.#backend.write(directions, values);
    return { directions, vectors, dispose: () => this.#backend.destroyBuffer(directions) };
  }

  #create(label: string, sizeBytes: number): DeviceBuffer {
    const buffer = this.#backend.createBuffer(`nested embeddings: ${label}`, sizeBytes);
    this.#owned.push(buffer);
    return buffer;
  }
}

/** Phrases in the dimensions of the rows. */
export interface PhraseDirections {
  /** [D, vectors, 4] float32 */
  readonly directions: DeviceBuffer;
  readonly vectors: number;
  dispose(): void;
}

function gramOf(projection: Float32Array, dimensions: number, stride: number): Float32Array {
  const gram = new Float64Array(dimensions * stride);
  for (let first = 0; first < projection.length; first += dimensions) {
    for (let d = 0; d < dimensions; d++) {
      const value = projection[first + d]!;
      for (let e = 0; e < d; e++) gram[d * stride + e]! += 2 * value * projection[first + e]!;
      gram[d * stride + d]! += value * value;
    }
  }
  return Float32Array.from(gram);
}

/** To run after the rows have changed. */
export const nestedNorms: Kernel<{ readonly embeddings: NestedEmbeddings }> = {
  name: 'nestedNorms',
  wasm(backend, { embeddings }) {
    const { rows, count, stride, gram, scales, scaleCount, inverseNorms } = embeddings;
    backend.dispatch(
      'relevancy.norms',
      ...[backend.address(rows), count, stride * 4, gram === undefined ? 0 : backend.address(gram)],
      ...[backend.address(scales), scaleCount, SHORTEST_NORM, backend.address(inverseNorms)],
    );
  },
  webgpu(backend, { embeddings }) {
    normsOnWebgpu(backend, embeddings);
  },
};

interface QueryArgs {
  readonly embeddings: NestedEmbeddings;
  /** From {@link NestedEmbeddings.contrast} of the same embeddings. */
  readonly phrases: PhraseDirections;
}

export interface RelevancyArgs extends QueryArgs {
  /** One scale, by index or by the buffer [1] uint32 that {@link bestScale} wrote; default all. */
  readonly scale?: number | DeviceBuffer;
  /** Out: [N] of one scale, which can be splatted as it is; [N, S] of all. */
  readonly output: DeviceBuffer;
}

/**
 * Relevancy of every row; relevancyReference is the definition. Least traffic: the dimensions in use once, the norm and
 * the result of every scale: N (4 M + 8 S) bytes, whatever the number of phrases.
 */
export const relevancyOfRows: Kernel<RelevancyArgs> = {
  name: 'relevancyOfRows',
  wasm(backend, args) {
    requireRelevancy(args);
    const { embeddings, scale, output } = args;
    const used = scale === undefined ? embeddings.scaleCount : 1;
    const scratch = backend.createBuffer('relevancy: products', backend.threads * used * 16);
    try {
      backend.dispatch(
        'relevancy.relevancy',
        ...queryArguments((buffer) => backend.address(buffer), args),
        backend.address(scratch),
        ...(typeof scale === 'object' ? [backend.address(scale), 0] : [0, scale ?? 0]),
        ...[used, backend.address(output)],
      );
    } finally {
      backend.destroyBuffer(scratch);
    }
  },
  webgpu(backend, args) {
    requireRelevancy(args);
    relevancyOnWebgpu(backend, args);
  },
};

export interface BestScaleArgs extends QueryArgs {
  /** [S] float32 out: the largest relevancy of any row at each scale; 0 without rows. */
  readonly maxima: DeviceBuffer;
  /** [1] uint32 out: the first scale with the largest of them. */
  readonly best: DeviceBuffer;
}

/** Explicit scale search, methods section 3, without writing the relevancies; bestScaleReference is the definition. */
export const bestScale: Kernel<BestScaleArgs> = {
  name: 'bestScale',
  wasm(backend, args) {
    requireBest(args);
    const { scaleCount, count } = args.embeddings;
    const bytes = backend.threads * scaleCount * 16;
    const scratch = backend.createBuffer('relevancy: products and maxima', 2 * bytes);
    try {
      const at = backend.address(scratch);
      backend.dispatch(
        'relevancy.maxima',
        ...queryArguments((buffer) => backend.address(buffer), args),
        at,
        at + bytes,
      );
      const out = [backend.address(args.maxima), backend.address(args.best)];
      backend.dispatch('relevancy.bestOf', at + bytes, count, scaleCount, ...out);
    } finally {
      backend.destroyBuffer(scratch);
    }
  },
  webgpu(backend, args) {
    requireBest(args);
    bestScaleOnWebgpu(backend, args);
  },
};

export interface CompositeArgs extends QueryArgs {
  /** [N, stride] out, not the buffer of the rows; padding 0. */
  readonly output: DeviceBuffer;
}

/**
 * Rows c ⊙ θ of the composite embedding, once per field; compositeReference is the definition. Then NestedEmbeddings
 * over them with one scale answers queries. `phrases` come from {@link NestedEmbeddings.canonical}.
 */
export const compositeRows: Kernel<CompositeArgs> = {
  name: 'compositeRows',
  wasm(backend, args) {
    requireComposite(args);
    const { embeddings, phrases, output } = args;
    const { rows, count, stride, scales, scaleCount } = embeddings;
    backend.dispatch(
      'relevancy.composite',
      ...[backend.address(rows), count, stride * 4, backend.address(scales), scaleCount],
      ...[backend.address(phrases.directions), phrases.vectors, backend.address(output)],
    );
  },
  webgpu(backend, args) {
    requireComposite(args);
    compositeOnWebgpu(backend, args);
  },
};

/** One query over rows of which `dimensions` are used; see {@link relevancyOfRows}. */
export function relevancyCost(shape: { rows: number; dimensions: number; scales: number; negatives: number }): {
  flops: number;
  bytes: number;
} {
  const { rows, dimensions, scales, negatives } = shape;
  return { flops: 2 * rows * dimensions * negatives, bytes: rows * (4 * dimensions + 8 * scales) };
}

function queryArguments(address: (buffer: DeviceBuffer) => number, { embeddings, phrases }: QueryArgs): number[] {
  const { rows, count, stride, inverseNorms, scales, scaleCount } = embeddings;
  return [
    ...[address(rows), count, stride * 4, address(inverseNorms), address(scales), scaleCount],
    ...[address(phrases.directions), phrases.vectors],
  ];
}

function requireShapes({ count, dimensions, projection, scales = [dimensions] }: NestedEmbeddingsOptions): void {
  if (!(Number.isInteger(count) && count >= 0)) throw new RangeError(`relevancy: ${count} is not a number of rows`);
  if (!(Number.isInteger(dimensions) && dimensions >= 1)) throw new RangeError(`relevancy: ${dimensions} dimensions`);
  if (projection !== undefined && (projection.length === 0 || projection.length % dimensions !== 0)) {
    throw new RangeError(`relevancy: a projection of ${projection.length} values has no rows of ${dimensions}`);
  }
  if (scales.length === 0) throw new RangeError('relevancy: no scales');
  Array.from(scales).forEach((used, s) => {
    const least = s === 0 ? 1 : scales[s - 1]! + 1;
    if (!(Number.isInteger(used) && used >= least && used <= dimensions)) {
      throw new RangeError(`relevancy: scale ${s} has ${used} dimensions; they ascend within 1 … ${dimensions}`);
    }
  });
}

function requireCount(name: string, count: number): void {
  if (count >= 1 && count <= MOST_PHRASES) return;
  throw new RangeError(`relevancy: ${count} ${name}; there must be 1 … ${MOST_PHRASES}`);
}

function requirePhrases({ embeddings, phrases }: QueryArgs): void {
  requireBytes('directions', phrases.directions, embeddings.dimensions * phrases.vectors * 16);
}

function requireRelevancy(args: RelevancyArgs): void {
  requirePhrases(args);
  const { scale, output, embeddings } = args;
  const { scaleCount, count } = embeddings;
  if (typeof scale === 'number' && !(Number.isInteger(scale) && scale >= 0 && scale < scaleCount)) {
    throw new RangeError(`relevancy: scale ${scale} of ${scaleCount}`);
  }
  if (typeof scale === 'object') requireBytes('scale', scale, 4);
  requireBytes('output', output, count * (scale === undefined ? scaleCount : 1) * 4);
}

function requireBest(args: BestScaleArgs): void {
  requirePhrases(args);
  requireBytes('maxima', args.maxima, args.embeddings.scaleCount * 4);
  requireBytes('best', args.best, 4);
}

function requireComposite(args: CompositeArgs): void {
  requirePhrases(args);
  if (args.output === args.embeddings.rows) throw new RangeError('relevancy: a composite cannot replace its rows');
  requireBytes('output', args.output, args.embeddings.count * args.embeddings.stride * 4);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`relevancy: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
