/** Scores of relevancy maps for all thresholds at once. */
import { RELEVANCY_GATE } from '../../../contract/index.ts';
import { passesGate } from '../../language/index.ts';
import type { QueryTruth } from './queries.ts';

/** Thresholds b / BINS, b = 0 … BINS - 1. */
export const BINS = 20;

export interface MapScore {
  /** Highest raw relevancy. */
  readonly maximum: number;
  /** It passes the gate: there is an answer. */
  readonly answered: boolean;
  /** [BINS] IoU of the mask that begins at each threshold; 0 where nothing passes the gate. */
  readonly iou: Float64Array;
  /** The most relevant pixel lies in a box, and in the mask, of what was asked for; false where there is no answer. */
  readonly inBox: boolean;
  readonly inMask: boolean;
}

/**
 * @param values [H·W] raw relevancy
 * @param truth absent queries have an empty one
 */
export function scoreMap(values: Float32Array, truth: QueryTruth, width: number): MapScore {
  const pixels = truth.mask.length;
  let [maximum, best] = [0, 0];
  for (let i = 0; i < pixels; i++) {
    const value = values[i]!;
    if (value > maximum) {
      maximum = value;
      best = i;
    }
  }
  const iou = new Float64Array(BINS);
  const answered = passesGate(maximum);
  if (!answered) return { maximum, answered, iou, inBox: false, inMask: false };
  const inside = new Float64Array(BINS);
  const outside = new Float64Array(BINS);
  const scale = BINS / (maximum - RELEVANCY_GATE);
  for (let i = 0; i < pixels; i++) {
    const above = values[i]! - RELEVANCY_GATE;
    if (!(above > 0)) continue;
    const bin = Math.min(BINS - 1, Math.floor(above * scale));
    if (truth.mask[i] === 1) inside[bin]!++;
    else outside[bin]!++;
  }
  for (let bin = BINS - 1, hit = 0, wrong = 0; bin >= 0; bin--) {
    hit += inside[bin]!;
    wrong += outside[bin]!;
    iou[bin] = truth.areaPx + wrong === 0 ? 0 : hit / (truth.areaPx + wrong);
  }
  const [x, y] = [best % width, Math.floor(best / width)];
  const inBox = truth.boxes.some(([left, top, right, bottom]) => x >= left && x < right && y >= top && y < bottom);
  return { maximum, answered, iou, inBox, inMask: truth.mask[best] === 1 };
}

/** One way of answering, over the views of one query. */
export class ModeScores {
  readonly #views: MapScore[] = [];

  add(score: MapScore): void {
    this.#views.push(score);
  }

  /** Shares of the views; IoU in percent by threshold; what each view says, to gate it in another way. */
  summary() {
    const share = (of: (score: MapScore) => number): number =>
      this.#views.reduce((sum, score) => sum + of(score), 0) / Math.max(1, this.#views.length);
    const percent = (iou: (b: number) => number): number[] =>
      Array.from({ length: BINS }, (_, b) => Number((100 * iou(b)).toFixed(3)));
    return {
      views: this.#views.length,
      answered: share(({ answered }) => Number(answered)),
      inBox: share(({ inBox }) => Number(inBox)),
      inMask: share(({ inMask }) => Number(inMask)),
      iou: percent((b) => share(({ iou }) => iou[b]!)),
      byView: this.#views.map(({ maximum, iou }) => {
        return { maximum: Number(maximum.toFixed(5)), iou: percent((b) => iou[b]!) };
      }),
    };
  }
}
