/** A language field ready for queries: relevancy of every Gaussian at any scale (methods section 3). */
import { LiftscopeError } from '../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { bestScale, compositeRows, NestedEmbeddings, nestedScales, relevancyOfRows } from '../kernels/index.ts';
import type { LanguageFile, StoredField } from './artifact.ts';
import { type Bfloat16Rows, fromBfloat16, toBfloat16 } from './bfloat16.ts';
import { PackedRows, type QueryVectors } from './rows.ts';

/** `composite`: all scales weighed once; or the index of one. */
export type ChosenScale = 'composite' | number;

/** Rows above this stay packed on the host: then there is the composite alone. */
const RESIDENT_BYTES = 600_000_000;

/** What the composite of a nested field is made with: unit embeddings [E] of the canonical phrases. */
export interface QueryFieldOptions {
  readonly canonical: readonly ArrayLike<number>[];
  /** Dimensions of the scales to choose from; default all that training used. */
  readonly scales?: ArrayLike<number>;
  /** Default the field's own. */
  readonly temperature?: number;
  readonly residentBytes?: number;
}

/** Features that can be rendered: rows on the device, and what turns a rendered row into an embedding. */
export interface RenderableRows {
  /** [N, stride] */
  readonly rows: DeviceBuffer;
  readonly dimensions: number;
  readonly stride: number;
  /** W [E, D]; none: rows are embeddings. */
  readonly projection?: Float32Array;
  dispose(): void;
}

export interface QueryField {
  readonly gaussians: number;
  /** Names of the scales or levels. */
  readonly scales: readonly string[];
  /** What `auto` means. */
  readonly automatic: 'composite' | 'best';
  /** Raw relevancy [N]. @throws LiftscopeError `bad-input` for a scale that there is not */
  relevancy(vectors: QueryVectors, scale: ChosenScale): Promise<Float32Array>;
  /** The highest raw relevancy at each scale, and the first scale with the highest of them. */
  maxima(vectors: QueryVectors): Promise<{ maxima: Float32Array; best: number }>;
  /** For the published order. */
  renderable(scale: ChosenScale): RenderableRows;
  dispose(): void;
}

/** @throws LiftscopeError `bad-input`, OutOfMemoryError */
export async function openQueryField(
  backend: Backend,
  { field, visibility, header }: LanguageFile,
  options: QueryFieldOptions,
): Promise<QueryField> {
  const { gaussians, model } = header;
  if (field.kind === 'levels') {
    const levels = field.levels.map(({ name, embeddings }) => {
      return { name, embeddings: silenced(embeddings, visibility, model.dimensions) };
    });
    return new LevelsQueryField(backend, gaussians, model.dimensions, levels);
  }
  const silent = { ...field, theta: silenced(field.theta, visibility, field.dimensions) };
  const bytes = 2 * 4 * gaussians * field.dimensions;
  return bytes <= (options.residentBytes ?? RESIDENT_BYTES)
    ? new NestedQueryField(backend, gaussians, silent, options)
    : PackedQueryField.create(backend, gaussians, silent, options);
}

/** Gaussians that no segment said anything about get no direction: their relevancy is 0.5 exactly, no better than a negative's. */
function silenced(rows: Bfloat16Rows, visibility: Float32Array, dimensions: number): Bfloat16Rows {
  for (let i = 0; i < visibility.length; i++) {
    if (visibility[i] === 0) rows.fill(0, i * dimensions, (i + 1) * dimensions);
  }
  return rows;
}

type NestedRows = Extract<StoredField, { kind: 'nested' }>;

/** All scales and the composite on the device. */
class NestedQueryField implements QueryField {
  readonly automatic = 'composite';
  readonly gaussians: number;
  readonly scales: readonly string[];
  readonly #backend: Backend;
  readonly #field: NestedRows;
  readonly #scales: Uint32Array;
  readonly #rows: DeviceBuffer;
  readonly #composite: DeviceBuffer;
  readonly #all: NestedEmbeddings;
  readonly #weighed: NestedEmbeddings;
  readonly #output: DeviceBuffer;

  constructor(backend: Backend, gaussians: number, field: NestedRows, options: QueryFieldOptions) {
    const { dimensions, step, projection, theta, temperature } = field;
    this.#backend = backend;
    this.#field = field;
    this.gaussians = gaussians;
    this.#scales = Uint32Array.from(options.scales ?? nestedScales(dimensions, step));
    this.scales = Array.from(this.#scales, (used) => `${used} dimensions`);
    const stride = Math.ceil(dimensions / 4) * 4;
    this.#rows = backend.createBuffer('language rows', 4 * gaussians * stride);
    this.#composite = backend.createBuffer('composite rows', 4 * gaussians * stride);
    backend.write(this.#rows, padded(theta, dimensions, stride));
    const shared = { count: gaussians, dimensions, projection };
    this.#all = new NestedEmbeddings(backend, { ...shared, rows: this.#rows, scales: this.#scales });
    const phrases = this.#all.canonical(options.canonical, options.temperature ?? temperature);
    backend.run(compositeRows, { embeddings: this.#all, phrases, output: this.#composite });
    phrases.dispose();
    this.#weighed = new NestedEmbeddings(backend, { ...shared, rows: this.#composite });
    this.#output = backend.createBuffer('relevancy', 4 * gaussians);
  }

  async relevancy(vectors: QueryVectors, scale: ChosenScale): Promise<Float32Array> {
    const embeddings = scale === 'composite' ? this.#weighed : this.#all;
    if (scale !== 'composite') requireScale(this.scales, scale);
    const phrases = embeddings.contrast(vectors.query, vectors.negatives, vectors.sharpness);
    try {
      const index = scale === 'composite' ? 0 : scale;
      this.#backend.run(relevancyOfRows, { embeddings, phrases, scale: index, output: this.#output });
      return new Float32Array(await this.#backend.read(this.#output, 0, 4 * this.gaussians));
    } finally {
      phrases.dispose();
    }
  }

  async maxima({ query, negatives, sharpness }: QueryVectors) {
    const count = this.#scales.length;
    const maxima = this.#backend.createBuffer('maxima of scales', 4 * count);
    const best = this.#backend.createBuffer('best scale', 4);
    const phrases = this.#all.contrast(query, negatives, sharpness);
    try {
      this.#backend.run(bestScale, { embeddings: this.#all, phrases, maxima, best });
      const [values, index] = await Promise.all([this.#backend.read(maxima), this.#backend.read(best)]);
      return { maxima: new Float32Array(values), best: new Uint32Array(index)[0]! };
    } finally {
      phrases.dispose();
      this.#backend.destroyBuffer(maxima);
      this.#backend.destroyBuffer(best);
    }
  }

  renderable(scale: ChosenScale): RenderableRows {
    const { stride } = this.#all;
    const { dimensions, projection } = this.#field;
    const shared = { stride, projection, dispose: () => undefined };
    if (scale === 'composite') return { ...shared, rows: this.#composite, dimensions };
    requireScale(this.scales, scale);
    return { ...shared, ...firstColumns(this.#rows, projection, dimensions, this.#scales[scale]!) };
  }

  dispose(): void {
    this.#all.dispose();
    this.#weighed.dispose();
    for (const buffer of [this.#rows, this.#composite, this.#output]) this.#backend.destroyBuffer(buffer);
  }
}

/** Dimensions beyond the scale's are rendered too, and count for nothing: their columns of W are 0. */
function firstColumns(rows: DeviceBuffer, projection: Float32Array, dimensions: number, used: number) {
  return { rows, dimensions, projection: projection.map((value, i) => (i % dimensions < used ? value : 0)) };
}

/** @returns [N, stride] */
function padded(values: Bfloat16Rows, dimensions: number, stride: number): Float32Array {
  if (stride === dimensions) return fromBfloat16(values);
  const count = values.length / dimensions;
  const rows = new Float32Array(count * stride);
  for (let i = 0; i < count; i++) {
    const own = values.subarray(i * dimensions, (i + 1) * dimensions);
    fromBfloat16(own, rows.subarray(i * stride, i * stride + dimensions));
  }
  return rows;
}

/** Too many values for the device: the composite alone, packed on the host in place of what it is made of. */
class PackedQueryField implements QueryField {
  readonly automatic = 'composite';
  readonly gaussians: number;
  readonly scales: readonly string[] = [];
  readonly #rows: PackedRows;

  static async create(
    backend: Backend,
    gaussians: number,
    field: NestedRows,
    options: QueryFieldOptions,
  ): Promise<PackedQueryField> {
    await weighInPlace(backend, field, options);
    const rows = await PackedRows.create(backend, field.theta, field.dimensions, field.projection);
    return new PackedQueryField(gaussians, rows);
  }

  private constructor(gaussians: number, rows: PackedRows) {
    this.gaussians = gaussians;
    this.#rows = rows;
  }

  relevancy(vectors: QueryVectors, scale: ChosenScale): Promise<Float32Array> {
    return scale === 'composite' ? this.#rows.relevancy(vectors) : Promise.reject(compositeOnly());
  }

  async maxima(): Promise<{ maxima: Float32Array; best: number }> {
    return { maxima: new Float32Array(0), best: 0 };
  }

  renderable(): RenderableRows {
    throw compositeOnly();
  }

  dispose(): void {
    this.#rows.dispose();
  }
}

function compositeOnly(): LiftscopeError {
  return new LiftscopeError({
    code: 'unsupported',
    message: 'This field is too large for its single scales to be kept in memory; it answers through its composite.',
  });
}

const WEIGH_VALUES = 1 << 22;

/** θ becomes c ⊙ θ, piece by piece. */
async function weighInPlace(backend: Backend, field: NestedRows, options: QueryFieldOptions): Promise<void> {
  const { theta, dimensions, projection, step, temperature } = field;
  const stride = Math.ceil(dimensions / 4) * 4;
  const total = theta.length / dimensions;
  const piece = Math.max(1, Math.min(total, Math.floor(WEIGH_VALUES / stride)));
  const rows = backend.createBuffer('language rows, a piece', 4 * piece * stride);
  const output = backend.createBuffer('composite rows, a piece', 4 * piece * stride);
  const scales = options.scales ?? nestedScales(dimensions, step);
  for (let first = 0; first < total; first += piece) {
    const count = Math.min(piece, total - first);
    const part = theta.subarray(first * dimensions, (first + count) * dimensions);
    backend.write(rows, padded(part, dimensions, stride));
    const embeddings = new NestedEmbeddings(backend, { rows, count, dimensions, projection, scales });
    const phrases = embeddings.canonical(options.canonical, options.temperature ?? temperature);
    backend.run(compositeRows, { embeddings, phrases, output });
    phrases.dispose();
    embeddings.dispose();
    const weighed = new Float32Array(await backend.read(output, 0, 4 * count * stride));
    for (let i = 0; i < count; i++) {
      part.set(toBfloat16(weighed.subarray(i * stride, i * stride + dimensions)), i * dimensions);
    }
  }
  backend.destroyBuffer(rows);
  backend.destroyBuffer(output);
}

/** Embeddings of some levels, each packed: LERF-style fields have dozens. */
class LevelsQueryField implements QueryField {
  readonly automatic = 'best';
  readonly gaussians: number;
  readonly scales: readonly string[];
  readonly #backend: Backend;
  readonly #dimensions: number;
  readonly #levels: readonly { readonly name: string; readonly embeddings: Bfloat16Rows }[];
  readonly #packed: (PackedRows | undefined)[] = [];

  constructor(
    backend: Backend,
    gaussians: number,
    dimensions: number,
    levels: readonly { readonly name: string; readonly embeddings: Bfloat16Rows }[],
  ) {
    this.#backend = backend;
    this.gaussians = gaussians;
    this.#dimensions = dimensions;
    this.#levels = levels;
    this.scales = levels.map(({ name }) => name);
  }

  async relevancy(vectors: QueryVectors, scale: ChosenScale): Promise<Float32Array> {
    const index = this.#index(scale);
    this.#packed[index] ??= await PackedRows.create(this.#backend, this.#levels[index]!.embeddings, this.#dimensions);
    return this.#packed[index].relevancy(vectors);
  }

  async maxima(vectors: QueryVectors): Promise<{ maxima: Float32Array; best: number }> {
    const maxima = new Float32Array(this.scales.length);
    for (const level of this.scales.keys()) {
      for (const value of await this.relevancy(vectors, level)) maxima[level] = Math.max(maxima[level]!, value);
    }
    return { maxima, best: maxima.indexOf(Math.max(...maxima)) };
  }

  renderable(scale: ChosenScale): RenderableRows {
    const { embeddings } = this.#levels[this.#index(scale)]!;
    const stride = Math.ceil(this.#dimensions / 4) * 4;
    const rows = this.#backend.createBuffer('embeddings of a level', 4 * this.gaussians * stride);
    this.#backend.write(rows, padded(embeddings, this.#dimensions, stride));
    return { rows, stride, dimensions: this.#dimensions, dispose: () => this.#backend.destroyBuffer(rows) };
  }

  #index(scale: ChosenScale): number {
    if (scale === 'composite') {
      throw new LiftscopeError({
        code: 'bad-input',
        message: 'This field is not nested: it has no composite of its levels.',
        hint: 'Let it choose (auto, best), or name a level.',
      });
    }
    requireScale(this.scales, scale);
    return scale;
  }

  dispose(): void {
    for (const rows of this.#packed) rows?.dispose();
    this.#packed.length = 0;
  }
}

function requireScale(scales: readonly string[], scale: number): void {
  if (scales[scale] !== undefined) return;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `The field has no scale ${scale}.`,
    hint: `It has ${scales.length}, counted from 0.`,
  });
}
