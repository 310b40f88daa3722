/** What tracking metrics compare, and its check. */
import { MetricInputError } from '../errors.ts';

export interface TrackingFrame {
  /** Track ids of the true objects in the frame, any non-negative integers, each at most once. [truths] */
  readonly truthIds: ArrayLike<number>;
  /** The same for the tracker under test. [predictions] */
  readonly predictedIds: ArrayLike<number>;
  /** Similarity (IoU) in [0, 1] of each pair, row-major. [truths, predictions] */
  readonly similarity: Float64Array;
}

export interface TrackingSequence {
  readonly frames: readonly TrackingFrame[];
}

/** Ids renumbered from 0 in order of appearance; frames flattened. */
export interface IndexedSequence {
  readonly frames: readonly IndexedFrame[];
  /** Original ids. */
  readonly truthIds: readonly number[];
  readonly predictedIds: readonly number[];
  /** Frames in which each id appears. */
  readonly truthCounts: Float64Array;
  readonly predictedCounts: Float64Array;
}

export interface IndexedFrame {
  readonly truths: Int32Array;
  readonly predictions: Int32Array;
  readonly similarity: Float64Array;
}

/** So that an IoU computed as 0.7 − 1 ulp still passes 0.7. */
export const EPSILON = 2 ** -52;

/**
 * @throws MetricInputError naming the frame, for a similarity matrix of the wrong size, a similarity that is NaN or
 *   outside [0, 1], an id that is negative, not an integer or twice in a frame.
 */
export function indexSequence(sequence: TrackingSequence): IndexedSequence {
  const truths = new Index('truth');
  const predictions = new Index('predicted');
  const frames = sequence.frames.map((frame, number): IndexedFrame => {
    const expected = frame.truthIds.length * frame.predictedIds.length;
    if (frame.similarity.length !== expected) {
      throw new MetricInputError(
        `frame ${number}: ${frame.similarity.length} similarities for ${frame.truthIds.length} truths x ${frame.predictedIds.length} predictions`,
      );
    }
    for (let i = 0; i < expected; i++) {
      const value = frame.similarity[i]!;
      if (!(value >= 0 && value <= 1 + 1e-9)) {
        throw new MetricInputError(`frame ${number}: similarity ${i} is ${value}; it must lie in [0, 1]`);
      }
    }
    return {
      truths: truths.add(frame.truthIds, number),
      predictions: predictions.add(frame.predictedIds, number),
      similarity: frame.similarity,
    };
  });
  return {
    frames,
    truthIds: truths.ids,
    predictedIds: predictions.ids,
    truthCounts: Float64Array.from(truths.counts),
    predictedCounts: Float64Array.from(predictions.counts),
  };
}

class Index {
  readonly ids: number[] = [];
  readonly counts: number[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #lastFrame: number[] = [];
  readonly #side: string;

  constructor(side: string) {
    this.#side = side;
  }

  add(ids: ArrayLike<number>, frame: number): Int32Array {
    const numbers = new Int32Array(ids.length);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (!Number.isInteger(id) || id < 0) {
        throw new MetricInputError(`frame ${frame}: ${this.#side} id ${id} is not a non-negative integer`);
      }
      let number = this.#numbers.get(id);
      if (number === undefined) {
        number = this.ids.length;
        this.#numbers.set(id, number);
        this.ids.push(id);
        this.counts.push(0);
        this.#lastFrame.push(-1);
      }
      if (this.#lastFrame[number] === frame) {
        throw new MetricInputError(`frame ${frame}: ${this.#side} id ${id} appears twice`);
      }
      this.#lastFrame[number] = frame;
      this.counts[number]!++;
      numbers[i] = number;
    }
    return numbers;
  }
}
