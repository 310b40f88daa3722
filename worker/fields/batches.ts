/** Which pixels each step looks at. */
import { LiftscopeError } from '../../contract/index.ts';
import { drawWithoutRepetition, fieldRandom, type LiftFrame } from './frames.ts';
import type { WeightCache } from './weight-cache.ts';

/** Random pixels of one image; each part in the order of its segments. */
export interface PixelBatch {
  readonly view: number;
  /** [count] rows of the view's W. */
  readonly rows: Uint32Array;
  /** [count] segment, class and confidence of each; segment 0 only where all pixels may be drawn. */
  readonly labels: Int32Array;
  readonly classes: Int32Array;
  readonly confidences: Float32Array;
  /** Rows of the view that could have been drawn. */
  readonly available: number;
}

interface Eligible {
  readonly view: number;
  readonly rows: Uint32Array;
  readonly labels: Int32Array;
  readonly classes: Int32Array;
  readonly confidences: Float32Array;
  /** Positions in these arrays, segment by segment, and the place of each position among them. */
  readonly bySegment: Uint32Array;
  readonly rank: Uint32Array;
}

/** Draws a batch per step: every image once per round, in random order, and random pixels of it. */
export class BatchSampler {
  readonly #views: readonly Eligible[];
  readonly #batchPixels: number;
  readonly #seed: number;
  #round = -1;
  #order: Uint32Array = new Uint32Array(0);

  /**
   * @param which `instances`: only pixels inside a segment, of images with at least two; `all`: every cached pixel.
   * @throws LiftscopeError 'bad-input' when no image has any.
   */
  constructor(
    cache: WeightCache,
    frames: readonly LiftFrame[],
    batchPixels: number,
    seed: number,
    which: 'instances' | 'all',
  ) {
    this.#views = cache.views
      .map(({ pixels }, view) => eligible(frames[view]!, pixels, view, which))
      .filter(({ rows }) => rows.length >= 2);
    if (this.#views.length === 0) {
      throw new LiftscopeError({
        code: 'bad-input',
        message:
          which === 'instances'
            ? `None of the ${frames.length} frames has an instance segment: there is nothing to lift.`
            : 'No pixel was chosen in any frame: there is nothing to learn from.',
        hint: 'Add masks to the training frames.',
      });
    }
    this.#batchPixels = batchPixels;
    this.#seed = seed;
  }

  /**
   * @param step from 1. The result depends on the seed, the step and the number of parts alone.
   * @param parts random parts of equal size, the first one larger by one where they cannot be
   */
  draw(step: number, parts: 1 | 2 = 1): PixelBatch {
    const round = Math.floor((step - 1) / this.#views.length);
    if (round !== this.#round) {
      const count = this.#views.length;
      this.#order = drawWithoutRepetition(count, count, fieldRandom(this.#seed, 'batches', -1 - round));
      this.#round = round;
    }
    const own = this.#views[this.#order[(step - 1) % this.#views.length]!]!;
    const available = own.rows.length;
    const random = fieldRandom(this.#seed, 'batches', step);
    const drawn = drawWithoutRepetition(available, Math.min(available, this.#batchPixels), random);
    // Pixels of one segment stand together: pair losses pass over whole blocks of those that are far (pairwise/kernel.as.ts).
    const half = parts === 1 ? drawn.length : Math.ceil(drawn.length / 2);
    for (let i = 0; i < drawn.length; i++) drawn[i] = own.rank[drawn[i]!]!;
    drawn.subarray(0, half).sort();
    drawn.subarray(half).sort();
    for (let i = 0; i < drawn.length; i++) drawn[i] = own.bySegment[drawn[i]!]!;
    const batch = {
      ...{ view: own.view, available, rows: new Uint32Array(drawn.length) },
      ...{ labels: new Int32Array(drawn.length), classes: new Int32Array(drawn.length) },
      confidences: new Float32Array(drawn.length),
    };
    // A plain loop: `from` with a callback takes as long as the gather on the device.
    for (let i = 0; i < drawn.length; i++) {
      const position = drawn[i]!;
      batch.rows[i] = own.rows[position]!;
      batch.labels[i] = own.labels[position]!;
      batch.classes[i] = own.classes[position]!;
      batch.confidences[i] = own.confidences[position]!;
    }
    return batch;
  }
}

function eligible(frame: LiftFrame, pixels: Uint32Array, view: number, which: 'instances' | 'all'): Eligible {
  const positions = Uint32Array.from(pixels.keys());
  const rows = which === 'all' ? positions : positions.filter((row) => frame.segments[pixels[row]!] !== 0);
  const labels = Int32Array.from(rows, (row) => frame.segments[pixels[row]!]!);
  const positionsOf = new Map<number, number[]>();
  for (const [position, label] of labels.entries()) {
    const own = positionsOf.get(label);
    if (own === undefined) positionsOf.set(label, [position]);
    else own.push(position);
  }
  const bySegment = Uint32Array.from([...positionsOf.values()].flat());
  const rank = new Uint32Array(bySegment.length);
  for (const [place, position] of bySegment.entries()) rank[position] = place;
  return {
    ...{ view, rows, labels, bySegment, rank },
    classes: Int32Array.from(labels, (label) => (label === 0 ? 0 : (frame.classes?.get(label) ?? 1))),
    confidences: Float32Array.from(labels, (label) => (label === 0 ? 1 : (frame.confidences?.get(label) ?? 1))),
  };
}

/** The part of a batch from `begin` to `end`. */
export function partOf(batch: PixelBatch, begin: number, end: number): PixelBatch {
  return {
    ...batch,
    rows: batch.rows.subarray(begin, end),
    labels: batch.labels.subarray(begin, end),
    classes: batch.classes.subarray(begin, end),
    confidences: batch.confidences.subarray(begin, end),
  };
}
