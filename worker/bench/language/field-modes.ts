/** All ways in which one field can answer, scored in all views: composite, explicit searches, oracle scale, both orders. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import type { DecodedField } from '../../fields/index.ts';
import { NestedEmbeddings, nestedScales, relevancyOfRows, sparseProduct } from '../../kernels/index.ts';
import {
  interleaved,
  type LanguageFile,
  openQueryField,
  type QueryField,
  type QueryVectors,
  type RenderableRows,
  RenderedRows,
} from '../../language/index.ts';
import { decodedRows, uploadCodes } from './decoded-rows.ts';
import type { HeldView } from './held-views.ts';
import { CLOSED_VOCABULARY, oracle, SEARCHES, searched, searchName } from './modes.ts';
import type { QueryTruth } from './queries.ts';
import { type MapScore, ModeScores, scoreMap } from './scores.ts';

export interface AskedQuery {
  readonly vectors: QueryVectors;
  /** What it is compared with besides, in a mode of its own. */
  readonly alternatives?: readonly Float32Array[];
  /** By view; undefined where it is not scored. */
  readonly truths: readonly (QueryTruth | undefined)[];
}

interface Options {
  readonly canonical: readonly Float32Array[];
  readonly temperatures: readonly number[];
  readonly rendered: boolean;
  /** Of a nested field also every scale by itself: explicit searches and the oracle. Default true. */
  readonly searches?: boolean;
  /** The field with its codes, for the published order. */
  readonly decoded?: DecodedField;
}

type Summaries = Record<string, ReturnType<ModeScores['summary']>>;

/** Phrases of one pass over rows. */
const PHRASES_AT_ONCE = 28;

const compositeName = (temperature: number, order: string): string => `composite, T = ${temperature}, ${order}`;

export class FieldModes {
  readonly #backend: Backend;
  readonly #file: LanguageFile;
  readonly #options: Options;
  /** By temperature; the first has all scales. */
  readonly #fields: readonly QueryField[];

  static async open(backend: Backend, file: LanguageFile, options: Options): Promise<FieldModes> {
    const fields: QueryField[] = [];
    const temperatures = file.field.kind === 'nested' ? options.temperatures : options.temperatures.slice(0, 1);
    for (const temperature of temperatures) {
      fields.push(await openQueryField(backend, file, { canonical: options.canonical, temperature }));
    }
    return new FieldModes(backend, file, options, fields);
  }

  private constructor(backend: Backend, file: LanguageFile, options: Options, fields: readonly QueryField[]) {
    this.#backend = backend;
    this.#file = file;
    this.#options = options;
    this.#fields = fields;
  }

  /** @returns by query, by mode */
  async score(
    queries: readonly AskedQuery[],
    views: readonly HeldView[],
    onProgress: (done: number, total: number) => void,
  ): Promise<Summaries[]> {
    const modes = queries.map(() => new Map<string, ModeScores>());
    const add = (query: number, mode: string, score: MapScore): void => {
      const own = modes[query]!.get(mode) ?? new ModeScores();
      modes[query]!.set(mode, own);
      own.add(score);
    };
    const total = queries.length + (this.#options.rendered ? views.length : 0);
    const all = this.#allScales();
    try {
      for (const [q, query] of queries.entries()) {
        onProgress(q, total);
        await this.#splatted(query, views, all, (mode, score) => add(q, mode, score));
      }
    } finally {
      all?.dispose();
    }
    for (const [v, held] of (this.#options.rendered ? views : []).entries()) {
      onProgress(queries.length + v, total);
      await this.#rendered(queries, v, held, add);
    }
    return modes.map((own) => Object.fromEntries([...own].map(([mode, scores]) => [mode, scores.summary()])));
  }

  /** Every scale of a nested field in one pass. */
  #allScales(): NestedEmbeddings | undefined {
    const { field, header } = this.#file;
    if (field.kind !== 'nested' || this.#options.searches === false) return undefined;
    const scales = nestedScales(field.dimensions, field.step);
    const { rows, dimensions, projection } = this.#fields[0]!.renderable(scales.length - 1);
    return new NestedEmbeddings(this.#backend, {
      ...{ rows, count: header.gaussians, dimensions, scales },
      ...(projection !== undefined && { projection }),
    });
  }

  /** Relevancy of Gaussians at every scale as channels of one picture. */
  async #splatted(
    { vectors, truths, alternatives = [] }: AskedQuery,
    views: readonly HeldView[],
    all: NestedEmbeddings | undefined,
    add: (mode: string, score: MapScore) => void,
  ): Promise<void> {
    const [first] = this.#fields;
    const isNested = first!.automatic === 'composite';
    const ofScales =
      all !== undefined ? this.#scales(all, vectors) : isNested ? undefined : await this.#levels(vectors);
    const composites: Float32Array[] = [];
    if (isNested) {
      for (const field of this.#fields) composites.push(await field.relevancy(vectors, 'composite'));
    }
    const ofComposites = this.#interleaved(composites);
    const against = alternatives.length === 0 ? undefined : await this.#against(vectors, alternatives);
    try {
      for (const [v, held] of views.entries()) {
        const truth = truths[v];
        if (truth === undefined) continue;
        const channels = first!.scales.length;
        if (ofScales !== undefined) {
          const maps = await this.#maps(held, ofScales, channels);
          addScales(scoreAll(maps, channels, truth, held.width), 'splatted', add);
        }
        if (against !== undefined) {
          const maps = await this.#maps(held, against.buffer, against.names.length);
          const scores = scoreAll(maps, against.names.length, truth, held.width);
          if (isNested) for (const [i, score] of scores.entries()) add(against.names[i]!, score);
          else add(searchName(0, CLOSED_VOCABULARY), searched(scores, 0));
        }
        if (composites.length === 0) continue;
        const weighed = await this.#maps(held, ofComposites, composites.length);
        for (const [i, score] of scoreAll(weighed, composites.length, truth, held.width).entries()) {
          add(compositeName(this.#options.temperatures[i]!, 'splatted'), score);
        }
      }
    } finally {
      if (ofScales !== undefined) this.#backend.destroyBuffer(ofScales);
      this.#backend.destroyBuffer(ofComposites);
      if (against !== undefined) this.#backend.destroyBuffer(against.buffer);
    }
  }

  /** [N, composites or levels] relevancy that also beats the alternatives: the least over passes with some of them. */
  async #against({ query, negatives, sharpness }: QueryVectors, alternatives: readonly Float32Array[]) {
    const [first] = this.#fields;
    const isNested = first!.automatic === 'composite';
    const asked = isNested
      ? this.#fields.map((field) => ({ field, scale: 'composite' as const }))
      : Array.from(first!.scales, (_, scale) => ({ field: first!, scale }));
    const columns: Float32Array[] = [];
    for (const { field, scale } of asked) {
      let least: Float32Array | undefined;
      for (let from = 0; from < alternatives.length; from += PHRASES_AT_ONCE) {
        const some = [...negatives, ...alternatives.slice(from, from + PHRASES_AT_ONCE)];
        const own = await field.relevancy({ query, negatives: some, sharpness }, scale);
        least = least?.map((value, i) => Math.min(value, own[i]!)) ?? own;
      }
      columns.push(least!);
    }
    const names = isNested
      ? this.#options.temperatures.map((one) => compositeName(one, CLOSED_VOCABULARY))
      : first!.scales;
    return { names, buffer: this.#interleaved(columns) };
  }

  /** [N, S] relevancy at all scales. */
  #scales(embeddings: NestedEmbeddings, { query, negatives, sharpness }: QueryVectors): DeviceBuffer {
    const bytes = 4 * embeddings.count * embeddings.scaleCount;
    const output = this.#backend.createBuffer('relevancy at all scales', bytes);
    const phrases = embeddings.contrast(query, negatives, sharpness);
    this.#backend.run(relevancyOfRows, { embeddings, phrases, output });
    phrases.dispose();
    return output;
  }

  /** [N, L] relevancy at all levels. */
  async #levels(vectors: QueryVectors): Promise<DeviceBuffer> {
    const columns: Float32Array[] = [];
    const [first] = this.#fields;
    for (const level of first!.scales.keys()) columns.push(await first!.relevancy(vectors, level));
    return this.#interleaved(columns);
  }

  /** [N, channels] */
  #interleaved(columns: readonly Float32Array[]): DeviceBuffer {
    const count = this.#file.header.gaussians;
    const values = new Float32Array(count * columns.length);
    for (const [c, column] of columns.entries()) {
      for (let i = 0; i < count; i++) values[i * columns.length + c] = column[i]!;
    }
    const buffer = this.#backend.createBuffer('relevancy of Gaussians', values.byteLength);
    this.#backend.write(buffer, values);
    return buffer;
  }

  /** [H·W, channels] of values [N, channels]. */
  async #maps(held: HeldView, input: DeviceBuffer, channels: number): Promise<Float32Array> {
    const output = this.#render(held, input, channels);
    try {
      return new Float32Array(await this.#backend.read(output));
    } finally {
      this.#backend.destroyBuffer(output);
    }
  }

  #render({ weights }: HeldView, input: DeviceBuffer, channels: number): DeviceBuffer {
    const output = this.#backend.createBuffer('rendered values', 4 * weights.rowCount * channels);
    this.#backend.run(sparseProduct, { matrix: weights, input, output, channels });
    return output;
  }

  #renderedRows(held: HeldView, renderable: RenderableRows, scales?: ArrayLike<number>): RenderedRows {
    const { width, height, alpha } = held;
    const rows = this.#render(held, renderable.rows, renderable.stride);
    return new RenderedRows(this.#backend, renderable, { width, height, alpha, rows }, scales);
  }

  /** The published order: rows are rendered once a view, then every query is compared with them. */
  async #rendered(
    queries: readonly AskedQuery[],
    v: number,
    held: HeldView,
    add: (query: number, mode: string, score: MapScore) => void,
  ): Promise<void> {
    const { width } = held;
    const asked = queries.flatMap(({ vectors, truths }, q) => {
      const truth = truths[v];
      return truth === undefined ? [] : [{ q, vectors, truth }];
    });
    if (this.#fields[0]!.automatic === 'composite') {
      for (const [i, field] of this.#fields.entries()) {
        const rows = this.#renderedRows(held, field.renderable('composite'));
        const mode = compositeName(this.#options.temperatures[i]!, 'rendered');
        for (const { q, vectors, truth } of asked)
          add(q, mode, scoreMap((await rows.map(vectors)).values, truth, width));
        rows.dispose();
      }
    }
    const scores = new Map<number, MapScore[]>(asked.map(({ q }) => [q, []]));
    const { field } = this.#file;
    if (field.kind === 'nested' && this.#options.searches === false) return;
    if (field.kind === 'nested') {
      const scales = nestedScales(field.dimensions, field.step);
      const renderable = this.#fields[0]!.renderable(scales.length - 1);
      const rows = this.#renderedRows(held, renderable, scales);
      for (const { q, vectors, truth } of asked) {
        const values = await rows.all(vectors);
        scores.get(q)!.push(...scoreAll(values, scales.length, truth, width));
      }
      rows.dispose();
    } else {
      for (const level of field.levels.keys()) {
        const rows = await this.#levelRows(held, level);
        for (const { q, vectors, truth } of asked) {
          scores.get(q)!.push(scoreMap((await rows.map(vectors)).values, truth, width));
        }
        rows.dispose();
      }
    }
    for (const [q, own] of scores) addScales(own, 'rendered', (mode, score) => add(q, mode, score));
  }

  /** Embeddings of one level at the pixels of a view; those of a field with codes are decoded there. */
  async #levelRows(held: HeldView, level: number): Promise<RenderedRows> {
    const { decoded } = this.#options;
    if (decoded === undefined) {
      const renderable = this.#fields[0]!.renderable(level);
      const rows = this.#renderedRows(held, renderable);
      renderable.dispose();
      return rows;
    }
    const codes = uploadCodes(this.#backend, decoded, level, this.#file.visibility);
    const rows = await decodedRows(this.#backend, decoded, level, codes, held);
    this.#backend.destroyBuffer(codes);
    const { width, height, alpha } = held;
    return new RenderedRows(this.#backend, { dimensions: decoded.embeddingDimensions }, { width, height, alpha, rows });
  }

  dispose(): void {
    for (const field of this.#fields) field.dispose();
  }
}

/** Scores of maps that lie side by side [H·W, channels]; each is read as a whole, since pixels of one map lie far apart there. */
function scoreAll(values: Float32Array, channels: number, truth: QueryTruth, width: number): MapScore[] {
  const pixels = values.length / channels;
  const planar = interleaved(values, channels, pixels);
  return Array.from({ length: channels }, (_, c) =>
    scoreMap(planar.subarray(c * pixels, (c + 1) * pixels), truth, width),
  );
}

/** Searches over the scales of one view, and the best scale of all. */
function addScales(scores: readonly MapScore[], order: string, add: (mode: string, score: MapScore) => void): void {
  for (const wanted of SEARCHES) add(searchName(wanted, order), searched(scores, wanted));
  add(`oracle scale, ${order}`, oracle(scores));
}
