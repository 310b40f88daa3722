/** All ways in which one field can answer, scored in all views: composite, explicit searches, oracle scale, both orders. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import { NestedEmbeddings, nestedScales, type PinholeView, relevancyOfRows } from '../../kernels/index.ts';
import {
  type LanguageFile,
  openQueryField,
  type QueryField,
  type QueryVectors,
  RenderedRows,
  splattedMaps,
  type TextEncoder,
} from '../../language/index.ts';
import type { WeightReader } from '../../objects/index.ts';
import { median } from '../random.ts';
import { oracle, SEARCHES, searched, searchName, searchScales } from './modes.ts';
import type { QueryTruth } from './queries.ts';
import { type MapScore, ModeScores, scoreMap } from './scores.ts';

export interface HeldView {
  readonly view: PinholeView;
  readonly instance: Uint16Array;
  readonly part: Uint16Array;
  readonly width: number;
}

export interface AskedQuery {
  readonly vectors: QueryVectors;
  /** By view; undefined where it is not scored. */
  readonly truths: readonly (QueryTruth | undefined)[];
}

interface Scene {
  readonly backend: Backend;
  readonly reader: WeightReader;
}

interface Options {
  readonly canonical: readonly Float32Array[];
  readonly temperatures: readonly number[];
  readonly rendered: boolean;
}

type Summaries = Record<string, ReturnType<ModeScores['summary']>>;

const compositeName = (temperature: number, order: string): string => `composite, T = ${temperature}, ${order}`;

const TIMED = { width: 320, height: 240, repeats: 8 };

export class FieldModes {
  readonly #scene: Scene;
  readonly #file: LanguageFile;
  readonly #options: Options;
  /** By temperature; the first has all scales. */
  readonly #fields: readonly QueryField[];

  static async open(scene: Scene, file: LanguageFile, options: Options): Promise<FieldModes> {
    const fields: QueryField[] = [];
    const temperatures = file.field.kind === 'nested' ? options.temperatures : options.temperatures.slice(0, 1);
    for (const temperature of temperatures) {
      fields.push(await openQueryField(scene.backend, file, { canonical: options.canonical, temperature }));
    }
    return new FieldModes(scene, file, options, fields);
  }

  private constructor(scene: Scene, file: LanguageFile, options: Options, fields: readonly QueryField[]) {
    this.#scene = scene;
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
    for (const [q, query] of queries.entries()) {
      onProgress(q, total);
      await this.#splatted(query, views, (mode, score) => add(q, mode, score));
    }
    for (const [v, held] of (this.#options.rendered ? views : []).entries()) {
      onProgress(queries.length + v, total);
      await this.#rendered(queries, v, held, add);
    }
    return modes.map((own) => Object.fromEntries([...own].map(([mode, scores]) => [mode, scores.summary()])));
  }

  /** Relevancy of Gaussians at every scale as channels of one picture. */
  async #splatted(
    { vectors, truths }: AskedQuery,
    views: readonly HeldView[],
    add: (mode: string, score: MapScore) => void,
  ): Promise<void> {
    const [first] = this.#fields;
    const columns: Float32Array[] = [];
    for (const scale of first!.scales.keys()) columns.push(await first!.relevancy(vectors, scale));
    const composites: string[] = [];
    if (first!.automatic === 'composite') {
      for (const [i, field] of this.#fields.entries()) {
        columns.push(await field.relevancy(vectors, 'composite'));
        composites.push(compositeName(this.#options.temperatures[i]!, 'splatted'));
      }
    }
    const buffer = this.#interleaved(columns);
    try {
      for (const [v, { view, width }] of views.entries()) {
        const truth = truths[v];
        if (truth === undefined) continue;
        const maps = await splattedMaps(this.#scene.reader, view, buffer, columns.length);
        const scores = maps.map(({ values }) => scoreMap(values, truth, width));
        const scales = scores.slice(0, first!.scales.length);
        for (const [i, mode] of composites.entries()) add(mode, scores[scales.length + i]!);
        addScales(scales, 'splatted', add);
      }
    } finally {
      this.#scene.backend.destroyBuffer(buffer);
    }
  }

  /** [N, channels] */
  #interleaved(columns: readonly Float32Array[]): DeviceBuffer {
    const count = columns[0]!.length;
    const values = new Float32Array(count * columns.length);
    for (const [c, column] of columns.entries()) {
      for (let i = 0; i < count; i++) values[i * columns.length + c] = column[i]!;
    }
    const buffer = this.#scene.backend.createBuffer('relevancy at all scales', values.byteLength);
    this.#scene.backend.write(buffer, values);
    return buffer;
  }

  /** The published order: rows are rendered once a view, then every query is compared with them. */
  async #rendered(
    queries: readonly AskedQuery[],
    v: number,
    { view, width }: HeldView,
    add: (query: number, mode: string, score: MapScore) => void,
  ): Promise<void> {
    const { backend, reader } = this.#scene;
    const asked = queries.flatMap(({ vectors, truths }, q) => {
      const truth = truths[v];
      return truth === undefined ? [] : [{ q, vectors, truth }];
    });
    if (this.#fields[0]!.automatic === 'composite') {
      for (const [i, field] of this.#fields.entries()) {
        const rows = await RenderedRows.render(backend, reader, view, field.renderable('composite'));
        const mode = compositeName(this.#options.temperatures[i]!, 'rendered');
        for (const { q, vectors, truth } of asked)
          add(q, mode, scoreMap((await rows.map(vectors)).values, truth, width));
        rows.dispose();
      }
    }
    const scores = new Map<number, MapScore[]>(asked.map(({ q }) => [q, []]));
    const { field } = this.#file;
    if (field.kind === 'nested') {
      const scales = nestedScales(field.dimensions, field.step);
      const renderable = this.#fields[0]!.renderable(scales.length - 1);
      const rows = await RenderedRows.render(backend, reader, view, renderable, scales);
      for (const { q, vectors, truth } of asked) {
        const values = await rows.all(vectors);
        for (const s of scales.keys()) scores.get(q)!.push(scoreMap(values, truth, width, scales.length, s));
      }
      rows.dispose();
    } else {
      for (const level of field.levels.keys()) {
        const renderable = this.#fields[0]!.renderable(level);
        const rows = await RenderedRows.render(backend, reader, view, renderable);
        for (const { q, vectors, truth } of asked) {
          scores.get(q)!.push(scoreMap((await rows.map(vectors)).values, truth, width));
        }
        rows.dispose();
        renderable.dispose();
      }
    }
    for (const [q, own] of scores) addScales(own, 'rendered', (mode, score) => add(q, mode, score));
  }

  /**
   * Milliseconds of one query in a view of 320x240 that nobody has looked at: the text is encoded (the negatives are known), Gaussians
   * are compared, relevancy is rendered.
   */
  async times(view: PinholeView, encoder: TextEncoder, texts: readonly string[]) {
    const { field } = this.#file;
    if (field.kind !== 'nested') return null;
    const scale = TIMED.width / view.widthPixels;
    const large: PinholeView = {
      ...{ ...view, widthPixels: TIMED.width, heightPixels: TIMED.height },
      ...{ fx: view.fx * scale, fy: view.fy * scale, cx: TIMED.width / 2, cy: TIMED.height / 2 },
    };
    const negatives = this.#options.canonical;
    const vectorsOf = async (text: string): Promise<QueryVectors> => {
      return { query: await encoder.encodeTexts([text]), negatives, sharpness: 1 };
    };
    const measure = async (ask: (vectors: QueryVectors) => Promise<void>): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i <= TIMED.repeats; i++) {
        const began = performance.now();
        await ask(await vectorsOf(texts[i % texts.length]!));
        // The first one grows the working memory.
        if (i > 0) times.push(performance.now() - began);
      }
      return median(times);
    };
    const encodeMs = await measure(async () => undefined);
    const compositeMs = await measure(async (vectors) => {
      const buffer = this.#interleaved([await this.#fields[0]!.relevancy(vectors, 'composite')]);
      await splattedMaps(this.#scene.reader, large, buffer, 1);
      this.#scene.backend.destroyBuffer(buffer);
    });
    const explicit: { scales: number; ms: number }[] = [];
    for (const wanted of SEARCHES) {
      const scales = searchScales(field.dimensions, field.step, wanted);
      explicit.push({ scales: scales.length, ms: await measure((vectors) => this.#search(vectors, scales, large)) });
    }
    return { ...TIMED, encodeMs, compositeMs, explicit };
  }

  readonly #searches = new Map<string, { embeddings: NestedEmbeddings; output: DeviceBuffer }>();

  /** The scale with the highest maximum in this view: relevancy at all of them in one pass, then a picture of as many channels. */
  async #search(vectors: QueryVectors, scales: Uint32Array, view: PinholeView): Promise<void> {
    const { backend, reader } = this.#scene;
    const { field } = this.#file;
    if (field.kind !== 'nested') return;
    const key = scales.join();
    let known = this.#searches.get(key);
    if (known === undefined) {
      const { rows, dimensions, projection } = this.#fields[0]!.renderable(
        nestedScales(field.dimensions, field.step).length - 1,
      );
      const count = this.#file.header.gaussians;
      const embeddings = new NestedEmbeddings(backend, {
        ...{ rows, count, dimensions, scales },
        ...(projection !== undefined && { projection }),
      });
      known = { embeddings, output: backend.createBuffer('relevancy at scales', 4 * count * scales.length) };
      this.#searches.set(key, known);
    }
    const phrases = known.embeddings.contrast(vectors.query, vectors.negatives, vectors.sharpness);
    backend.run(relevancyOfRows, { embeddings: known.embeddings, phrases, output: known.output });
    phrases.dispose();
    const maps = await splattedMaps(reader, view, known.output, scales.length);
    let best = 0;
    for (const { values } of maps) for (let i = 0; i < values.length; i++) best = Math.max(best, values[i]!);
  }

  dispose(): void {
    for (const { embeddings, output } of this.#searches.values()) {
      embeddings.dispose();
      this.#scene.backend.destroyBuffer(output);
    }
    this.#searches.clear();
    for (const field of this.#fields) field.dispose();
  }
}

/** Searches over the scales of one view, and the best scale of all. */
function addScales(scores: readonly MapScore[], order: string, add: (mode: string, score: MapScore) => void): void {
  for (const wanted of SEARCHES) add(searchName(wanted, order), searched(scores, wanted));
  add(`oracle scale, ${order}`, oracle(scores));
}
