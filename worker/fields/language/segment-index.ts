/** Which segments hold which cached pixel, and which of them a step looks at. */
import { LiftscopeError } from '../../../contract/index.ts';
import { drawWithoutRepetition, fieldRandom } from '../frames.ts';
import type { WeightCache } from '../weight-cache.ts';
import type { LanguageFrame } from './types.ts';

/** Segments of the rows of one view. */
export interface ViewSegments {
  /** [rows + 1]; the segments of row r are those from rowStart[r], by physical scale, small ones first. */
  readonly rowStart: Uint32Array;
  /** Segments of all frames, numbered through. */
  readonly segments: Uint32Array;
  /** Rows inside at least one segment. */
  readonly labelled: Uint32Array;
}

/** All segments of all frames, and where they are. */
export interface SegmentIndex {
  /** S */
  readonly segmentCount: number;
  /** E */
  readonly dimensions: number;
  /** [S, E] unit rows. */
  readonly embeddings: Float32Array;
  /** [S] physical scale and confidence. */
  readonly scales: Float64Array;
  readonly confidences: Float32Array;
  /** [S] 1 / log(max(area in pixels, 3)): how likely a pixel of several segments picks this one. */
  readonly preferences: Float64Array;
  readonly views: readonly ViewSegments[];
}

/** @throws LiftscopeError 'bad-input' when no frame has a segment, or one has embeddings of another length or no direction. */
export function indexSegments(cache: WeightCache, frames: readonly LanguageFrame[]): SegmentIndex {
  if (cache.views.length !== frames.length) {
    throw new RangeError(`${frames.length} frames for the weights of ${cache.views.length} views`);
  }
  const all = frames.flatMap(({ segments }) => segments);
  const dimensions = all[0]?.embedding.length ?? 0;
  const embeddings = new Float32Array(all.length * dimensions);
  let firstOfFrame = 0;
  const views = frames.map((frame, v) => {
    const first = firstOfFrame;
    firstOfFrame += frame.segments.length;
    for (const [i, { embedding }] of frame.segments.entries()) {
      embeddings.set(unitEmbedding(frame, i, embedding, dimensions), (first + i) * dimensions);
    }
    return segmentsOfRows(frame, first, cache.views[v]!.pixels);
  });
  if (!views.some(({ labelled }) => labelled.length > 0)) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `None of the ${frames.length} frames has a segment: there is nothing that text could name.`,
      hint: 'Segment the training frames first.',
    });
  }
  return {
    ...{ segmentCount: all.length, dimensions, embeddings, views },
    scales: Float64Array.from(all, ({ scale }) => scale),
    confidences: Float32Array.from(all, ({ confidence }) => confidence),
    preferences: Float64Array.from(all, ({ pixels }) => 1 / Math.log(Math.max(pixels.length, 3))),
  };
}

/** Pixels inside a segment, all that language losses look at; of an image with more than `limit`, a random part. */
export function languagePixels(
  frames: readonly LanguageFrame[],
  limit = Number.POSITIVE_INFINITY,
  seed = 0,
): (view: number) => Uint32Array {
  return (index) => {
    const { view, segments } = frames[index]!;
    const inside = new Uint8Array(view.widthPixels * view.heightPixels);
    for (const { pixels } of segments) for (const pixel of pixels) inside[pixel] = 1;
    const labelled = Uint32Array.from(inside.keys()).filter((pixel) => inside[pixel] === 1);
    if (labelled.length <= limit) return labelled;
    return drawWithoutRepetition(labelled.length, limit, fieldRandom(seed, 'pixels', index))
      .map((position) => labelled[position]!)
      .sort();
  };
}

function unitEmbedding(frame: LanguageFrame, segment: number, embedding: Float32Array, dimensions: number) {
  const where = `Segment ${segment} of frame ${frame.name}`;
  if (embedding.length !== dimensions) {
    throw badSegment(`${where} has an embedding of ${embedding.length} values, others have ${dimensions}.`);
  }
  const norm = Math.hypot(...embedding);
  if (!(norm > 0 && Number.isFinite(norm))) throw badSegment(`The embedding of ${where} has no direction.`);
  return embedding.map((value) => value / norm);
}

const badSegment = (message: string) =>
  new LiftscopeError({ code: 'bad-input', message, hint: 'Embed the segments again, all with the same model.' });

function segmentsOfRows({ name, view, segments }: LanguageFrame, first: number, pixels: Uint32Array): ViewSegments {
  const rowOf = new Int32Array(view.widthPixels * view.heightPixels).fill(-1);
  for (let row = 0; row < pixels.length; row++) rowOf[pixels[row]!] = row;
  const rowStart = new Uint32Array(pixels.length + 1);
  for (const [i, segment] of segments.entries()) {
    for (const pixel of segment.pixels) {
      const row = rowOf[pixel];
      if (row === undefined) {
        throw badSegment(`Segment ${i} of frame ${name} has pixel ${pixel} of an image of ${rowOf.length}.`);
      }
      if (row >= 0) rowStart[row + 1]!++;
    }
  }
  for (let row = 0; row < pixels.length; row++) rowStart[row + 1]! += rowStart[row]!;
  const next = rowStart.slice();
  const listed = new Uint32Array(rowStart[pixels.length]!);
  // Small ones first in every row, because that is the order in which they are written.
  const order = [...segments.keys()].sort((a, b) => segments[a]!.scale - segments[b]!.scale || a - b);
  for (const i of order) {
    for (const pixel of segments[i]!.pixels) {
      const row = rowOf[pixel]!;
      if (row >= 0) listed[next[row]!++] = first + i;
    }
  }
  const labelled = Uint32Array.from(pixels.keys()).filter((row) => rowStart[row + 1]! > rowStart[row]!);
  return { rowStart, segments: listed, labelled };
}

/** Pixels of one image, and the segment that each is compared with. */
export interface LanguageBatch {
  readonly view: number;
  /** [count] rows of the view's W. */
  readonly rows: Uint32Array;
  /** [count] */
  readonly segments: Uint32Array;
}

/** `area`: one with probability ∝ 1 / log(max(area, 3)); a number in [0, 1]: that place in the order of physical scale. */
export type SegmentChoice = 'area' | number;

/** Draws a batch per step: every image once per round, in random order, and random pixels of it. */
export class LanguageSampler {
  readonly #index: SegmentIndex;
  readonly #views: readonly number[];
  readonly #batchPixels: number;
  readonly #seed: number;
  readonly #choice: SegmentChoice;
  #round = -1;
  #order: Uint32Array = new Uint32Array(0);

  constructor(index: SegmentIndex, batchPixels: number, seed: number, choice: SegmentChoice = 'area') {
    this.#index = index;
    this.#views = [...index.views.keys()].filter((view) => index.views[view]!.labelled.length > 0);
    this.#batchPixels = batchPixels;
    this.#seed = seed;
    this.#choice = choice;
  }

  /** @param step from 1. The result depends on the seed and the step alone. */
  draw(step: number): LanguageBatch {
    const round = Math.floor((step - 1) / this.#views.length);
    if (round !== this.#round) {
      const count = this.#views.length;
      this.#order = drawWithoutRepetition(count, count, fieldRandom(this.#seed, 'batches', -1 - round));
      this.#round = round;
    }
    const view = this.#views[this.#order[(step - 1) % this.#views.length]!]!;
    const { labelled, rowStart, segments } = this.#index.views[view]!;
    const random = fieldRandom(this.#seed, 'batches', step);
    const drawn = drawWithoutRepetition(labelled.length, Math.min(labelled.length, this.#batchPixels), random);
    const rows = new Uint32Array(drawn.length);
    const chosen = new Uint32Array(drawn.length);
    for (let i = 0; i < drawn.length; i++) {
      const row = labelled[drawn[i]!]!;
      rows[i] = row;
      chosen[i] = segments[this.#choose(segments, rowStart[row]!, rowStart[row + 1]!, random)]!;
    }
    return { view, rows, segments: chosen };
  }

  /** A position from `begin` to `end` − 1. */
  #choose(segments: Uint32Array, begin: number, end: number, random: () => number): number {
    if (typeof this.#choice === 'number') return placeInOrder(begin, end, this.#choice);
    if (end - begin === 1) return begin;
    const { preferences } = this.#index;
    let total = 0;
    for (let i = begin; i < end; i++) total += preferences[segments[i]!]!;
    let left = random() * total;
    for (let i = begin; i < end - 1; i++) {
      left -= preferences[segments[i]!]!;
      if (left < 0) return i;
    }
    return end - 1;
  }
}

/** The position that is `place` of the way from the first to the last. */
export function placeInOrder(begin: number, end: number, place: number): number {
  return begin + Math.round(place * (end - 1 - begin));
}
