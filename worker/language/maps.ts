/** Where an answer is in a view: maps of raw relevancy in both orders, masks, the best pixel. */
import { RELEVANCY_GATE } from '../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { NestedEmbeddings, type PinholeView, relevancyOfRows } from '../kernels/index.ts';
import type { WeightReader } from '../objects/index.ts';
import type { RenderableRows } from './query-field.ts';
import type { QueryVectors } from './rows.ts';

/** Pixels that are covered less than this show nothing; their relevancy is 0. */
export const LEAST_ALPHA = 0.5;

export interface RelevancyMap {
  readonly width: number;
  readonly height: number;
  /** [H, W] raw. */
  readonly values: Float32Array;
}

/**
 * The fast order: values of Gaussians are rendered and divided by the coverage.
 * @param buffer [N, channels]
 * @returns one map for each channel
 */
export async function splattedMaps(
  reader: WeightReader,
  view: PinholeView,
  buffer: DeviceBuffer,
  channels: number,
): Promise<RelevancyMap[]> {
  const { width, height, alpha, features } = await reader.render(view, buffer, channels);
  const pixels = width * height;
  return Array.from({ length: channels }, (_, channel) => {
    const values = features.subarray(channel * pixels, (channel + 1) * pixels);
    for (let i = 0; i < pixels; i++) values[i] = alpha[i]! >= LEAST_ALPHA ? values[i]! / alpha[i]! : 0;
    return { width, height, values };
  });
}

/** Rows of one rendered view on the device: what the published order compares with texts. */
export class RenderedRows {
  readonly #backend: Backend;
  readonly #rows: DeviceBuffer;
  readonly #output: DeviceBuffer;
  readonly #embeddings: NestedEmbeddings;
  readonly #alpha: Float32Array;
  readonly #size: { readonly width: number; readonly height: number };

  /** @param scales dimensions of scales to choose from; default one scale of all */
  static async render(
    backend: Backend,
    reader: WeightReader,
    view: PinholeView,
    renderable: RenderableRows,
    scales?: ArrayLike<number>,
  ): Promise<RenderedRows> {
    const { stride } = renderable;
    const { width, height, alpha, features } = await reader.render(view, renderable.rows, stride);
    const rows = backend.createBuffer('rendered rows', 4 * width * height * stride);
    backend.write(rows, interleaved(features, width * height, stride));
    return new RenderedRows(backend, renderable, { width, height, alpha, rows }, scales);
  }

  /** Takes over `rows` [H·W, stride], of any length: it is their directions that are compared. */
  constructor(
    backend: Backend,
    { dimensions, projection }: Pick<RenderableRows, 'dimensions' | 'projection'>,
    rendered: {
      readonly width: number;
      readonly height: number;
      readonly alpha: Float32Array;
      readonly rows: DeviceBuffer;
    },
    scales?: ArrayLike<number>,
  ) {
    const { width, height, alpha, rows } = rendered;
    const count = width * height;
    this.#backend = backend;
    this.#size = { width, height };
    this.#alpha = alpha;
    this.#rows = rows;
    this.#output = backend.createBuffer('relevancy of pixels', 4 * count);
    this.#embeddings = new NestedEmbeddings(backend, {
      ...{ rows: this.#rows, count, dimensions },
      ...(projection !== undefined && { projection }),
      ...(scales !== undefined && { scales }),
    });
  }

  /** [P, S] raw relevancy at all scales side by side. */
  async all({ query, negatives, sharpness }: QueryVectors): Promise<Float32Array> {
    const { scaleCount } = this.#embeddings;
    const bytes = 4 * this.#alpha.length * scaleCount;
    const output = this.#backend.createBuffer('relevancy of pixels at all scales', bytes);
    const phrases = this.#embeddings.contrast(query, negatives, sharpness);
    try {
      this.#backend.run(relevancyOfRows, { embeddings: this.#embeddings, phrases, output });
      const values = new Float32Array(await this.#backend.read(output, 0, bytes));
      for (let i = 0; i < this.#alpha.length; i++) {
        if (!(this.#alpha[i]! >= LEAST_ALPHA)) values.fill(0, i * scaleCount, (i + 1) * scaleCount);
      }
      return values;
    } finally {
      phrases.dispose();
      this.#backend.destroyBuffer(output);
    }
  }

  /** @param scale index of one of the scales */
  async map({ query, negatives, sharpness }: QueryVectors, scale = 0): Promise<RelevancyMap> {
    const phrases = this.#embeddings.contrast(query, negatives, sharpness);
    try {
      this.#backend.run(relevancyOfRows, { embeddings: this.#embeddings, phrases, scale, output: this.#output });
      const values = new Float32Array(await this.#backend.read(this.#output, 0, 4 * this.#alpha.length));
      for (let i = 0; i < values.length; i++) if (!(this.#alpha[i]! >= LEAST_ALPHA)) values[i] = 0;
      return { ...this.#size, values };
    } finally {
      phrases.dispose();
    }
  }

  dispose(): void {
    this.#embeddings.dispose();
    this.#backend.destroyBuffer(this.#rows);
    this.#backend.destroyBuffer(this.#output);
  }
}

/** [D, P] to [P, D], in squares that caches hold. */
export function interleaved(planar: Float32Array, pixels: number, dimensions: number): Float32Array {
  const rows = new Float32Array(pixels * dimensions);
  const side = 16;
  for (let first = 0; first < pixels; first += side) {
    const last = Math.min(pixels, first + side);
    for (let d = 0; d < dimensions; d++) {
      for (let i = first; i < last; i++) rows[i * dimensions + d] = planar[d * pixels + i]!;
    }
  }
  return rows;
}

/** What rounding adds where everything is exactly at the gate: cosines that differ by less say nothing. */
const ROUNDING = 1e-5;

/** Whether raw relevancy is above the gate; the published one is what beats every negative. */
export function passesGate(relevancy: number, gate = RELEVANCY_GATE): boolean {
  return relevancy > gate + ROUNDING;
}

/**
 * A gate on raw relevancy was measured with products as they are; this is the same margin above the negatives where they are multiplied
 * by a factor.
 */
export function sharpenedGate(gate: number, sharpness: number): number {
  return 1 / (1 + ((1 - gate) / gate) ** sharpness);
}

export interface ViewAnswer {
  /** Highest raw relevancy of a pixel. */
  readonly maximum: number;
  /** That pixel, row-major; -1 where nothing passes the gate. */
  readonly best: number;
  /** From here on a pixel is in the mask; above 1 where nothing passes the gate. */
  readonly level: number;
}

/**
 * First the gate on raw relevancy; only then is what beats the negatives normalised, so that the mask begins `threshold` of the way from
 * there to the maximum.
 */
export function answerOfMap(
  { values }: Pick<RelevancyMap, 'values'>,
  threshold: number,
  gate = RELEVANCY_GATE,
): ViewAnswer {
  let best = -1;
  let maximum = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > maximum) {
      maximum = values[i]!;
      best = i;
    }
  }
  if (!passesGate(maximum, gate)) return { maximum, best: -1, level: Number.POSITIVE_INFINITY };
  // At 0 the mask is what beats every negative.
  const level = Math.max(RELEVANCY_GATE + threshold * (maximum - RELEVANCY_GATE), RELEVANCY_GATE + ROUNDING);
  return { maximum, best, level };
}
