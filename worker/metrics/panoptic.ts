/** Panoptic quality per frame and over a scene (Kirillov et al. 2019; Siddiqui et al. 2023 for PQ^scene). */
import { MetricInputError } from './errors.ts';
import { checkSize } from './masks.ts';

type LabelImage = Uint32Array | Int32Array;

/** Four label images [height, width]. */
export interface PanopticFrame {
  readonly height: number;
  readonly width: number;
  readonly targetClasses: LabelImage;
  readonly targetInstances: LabelImage;
  readonly predictedClasses: LabelImage;
  readonly predictedInstances: LabelImage;
}

export interface PanopticOptions {
  /** Classes whose segments are (class, instance id). */
  readonly things: readonly number[];
  /** Classes that are one segment each. */
  readonly stuff: readonly number[];
  /** A class that covers more than 0 but less than this share of either image becomes void; default 0.005. */
  readonly minClassShare?: number;
}

export interface PanopticClass {
  readonly id: number;
  readonly isThing: boolean;
  readonly pq: number;
  readonly sq: number;
  readonly rq: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

export interface PanopticQuality {
  /** Plain mean over the scored classes; NaN when there is none (an empty frame, or one that is all void). */
  readonly pq: number;
  readonly sq: number;
  readonly rq: number;
  /** Classes present in prediction or target and not made void, in ascending order of id. */
  readonly classes: readonly PanopticClass[];
}

/** Largest instance id: the key (class, instance) must stay an exact integer. */
const MAX_INSTANCE = 2 ** 32;
const MAX_CLASS = 2 ** 20;
const VOID = -1;

/** Segments of one side, numbered from 0, and their areas. */
class Segments {
  readonly numbers = new Map<number, number>();
  readonly classes: number[] = [];
  readonly areas: number[] = [];
  /** Part of the segment under void of the other side. */
  readonly underVoid: number[] = [];
  #lastKey = -2;
  #last = VOID;

  numberOf(classId: number, instance: number): number {
    const key = classId * MAX_INSTANCE + instance;
    if (key === this.#lastKey) return this.#last;
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.areas.length;
      this.numbers.set(key, number);
      this.classes.push(classId);
      this.areas.push(0);
      this.underVoid.push(0);
    }
    this.#lastKey = key;
    this.#last = number;
    return number;
  }
}

/**
 * PQ^scene: the pixels of all frames are pooled first, so that a segment is a (class, instance id) over the whole
 * scene and an id that changes between frames costs. One frame gives that frame's PQ.
 *
 * Other classes than things and stuff are void in target and prediction. Pixels that are void on the other side are
 * left out of the union; an unmatched segment more than half under void of the other side counts neither as a false
 * positive nor as a false negative. A class without a true positive has sq 0.
 * @throws MetricInputError on a wrong image size, a class or instance id out of range, a class listed twice.
 */
export function panopticQuality(frames: readonly PanopticFrame[], options: PanopticOptions): PanopticQuality {
  const kinds = kindsOf(options);
  for (const [index, frame] of frames.entries()) checkFrame(frame, index);
  const scored = scoredClasses(frames, kinds, options.minClassShare ?? 0.005);
  const targets = new Segments();
  const predictions = new Segments();
  const overlaps = new Map<number, number>();
  for (const frame of frames) pool(frame, kinds, scored, targets, predictions, overlaps);
  return summarise(kinds, scored, targets, predictions, overlaps);
}

function kindsOf({ things, stuff }: PanopticOptions): Map<number, boolean> {
  const kinds = new Map<number, boolean>();
  for (const [ids, isThing] of [
    [things, true],
    [stuff, false],
  ] as const) {
    for (const id of ids) {
      if (!Number.isInteger(id) || id < 0 || id >= MAX_CLASS) {
        throw new MetricInputError(`class id ${id} is not an integer from 0 to ${MAX_CLASS - 1}`);
      }
      if (kinds.has(id)) throw new MetricInputError(`class ${id} is listed twice among things and stuff`);
      kinds.set(id, isThing);
    }
  }
  return kinds;
}

function checkFrame(frame: PanopticFrame, index: number): void {
  const { height, width } = frame;
  for (const name of ['targetClasses', 'targetInstances', 'predictedClasses', 'predictedInstances'] as const) {
    const image = frame[name];
    checkSize(image.length, height, width, `frame ${index}: ${name}`);
    if (image instanceof Uint32Array) continue;
    const bad = image.findIndex((id) => id < 0);
    if (bad >= 0) {
      throw new MetricInputError(`frame ${index}: ${name} has the id ${image[bad]} at pixel ${bad}; ids start at 0`);
    }
  }
}

function scoredClasses(
  frames: readonly PanopticFrame[],
  kinds: ReadonlyMap<number, boolean>,
  minShare: number,
): Set<number> {
  let pixels = 0;
  const inTarget = new Map<number, number>();
  const inPrediction = new Map<number, number>();
  const count = (image: LabelImage, counts: Map<number, number>) => {
    for (let i = 0; i < image.length; ) {
      const id = image[i]!;
      let end = i + 1;
      while (end < image.length && image[end] === id) end++;
      counts.set(id, (counts.get(id) ?? 0) + end - i);
      i = end;
    }
  };
  for (const frame of frames) {
    pixels += frame.height * frame.width;
    count(frame.targetClasses, inTarget);
    count(frame.predictedClasses, inPrediction);
  }
  const scored = new Set<number>();
  for (const id of [...kinds.keys()].sort((a, b) => a - b)) {
    const shares = [(inTarget.get(id) ?? 0) / pixels, (inPrediction.get(id) ?? 0) / pixels];
    if (!shares.some((share) => share > 0)) continue;
    if (shares.some((share) => share > 0 && share < minShare)) continue;
    scored.add(id);
  }
  return scored;
}

function pool(
  frame: PanopticFrame,
  kinds: ReadonlyMap<number, boolean>,
  scored: ReadonlySet<number>,
  targets: Segments,
  predictions: Segments,
  overlaps: Map<number, number>,
): void {
  const { targetClasses, targetInstances, predictedClasses, predictedInstances } = frame;
  const numberOf = (segments: Segments, classId: number, instance: number) =>
    scored.has(classId) ? segments.numberOf(classId, kinds.get(classId) ? instance : 0) : VOID;
  for (let i = 0; i < targetClasses.length; ) {
    const targetClass = targetClasses[i]!;
    const targetInstance = targetInstances[i]!;
    const predictedClass = predictedClasses[i]!;
    const predictedInstance = predictedInstances[i]!;
    let end = i + 1;
    while (
      end < targetClasses.length &&
      targetClasses[end] === targetClass &&
      targetInstances[end] === targetInstance &&
      predictedClasses[end] === predictedClass &&
      predictedInstances[end] === predictedInstance
    ) {
      end++;
    }
    const length = end - i;
    i = end;
    const target = numberOf(targets, targetClass, targetInstance);
    const prediction = numberOf(predictions, predictedClass, predictedInstance);
    if (target >= 0) targets.areas[target]! += length;
    if (prediction >= 0) predictions.areas[prediction]! += length;
    if (target >= 0 && prediction >= 0) {
      const key = target * MAX_INSTANCE + prediction;
      overlaps.set(key, (overlaps.get(key) ?? 0) + length);
    } else if (target >= 0) {
      targets.underVoid[target]! += length;
    } else if (prediction >= 0) {
      predictions.underVoid[prediction]! += length;
    }
  }
}

function summarise(
  kinds: ReadonlyMap<number, boolean>,
  scored: ReadonlySet<number>,
  targets: Segments,
  predictions: Segments,
  overlaps: ReadonlyMap<number, number>,
): PanopticQuality {
  const sums = new Map([...scored].map((id) => [id, { iou: 0, tp: 0, fp: 0, fn: 0 }]));
  const isMatched = { target: new Set<number>(), prediction: new Set<number>() };
  for (const [key, overlap] of overlaps) {
    const target = Math.floor(key / MAX_INSTANCE);
    const prediction = key % MAX_INSTANCE;
    if (targets.classes[target] !== predictions.classes[prediction]) continue;
    const union =
      predictions.areas[prediction]! -
      predictions.underVoid[prediction]! +
      targets.areas[target]! -
      targets.underVoid[target]! -
      overlap;
    const iou = overlap / union;
    if (!(iou > 0.5)) continue;
    const sum = sums.get(targets.classes[target]!)!;
    sum.iou += iou;
    sum.tp++;
    isMatched.target.add(target);
    isMatched.prediction.add(prediction);
  }
  for (let i = 0; i < targets.areas.length; i++) {
    if (isMatched.target.has(i) || targets.underVoid[i]! > targets.areas[i]! / 2) continue;
    sums.get(targets.classes[i]!)!.fn++;
  }
  for (let i = 0; i < predictions.areas.length; i++) {
    if (isMatched.prediction.has(i) || predictions.underVoid[i]! > predictions.areas[i]! / 2) continue;
    sums.get(predictions.classes[i]!)!.fp++;
  }
  const classes = [...sums].map(([id, { iou, tp, fp, fn }]): PanopticClass => {
    const sq = tp === 0 ? 0 : iou / tp;
    const rq = tp === 0 ? 0 : tp / (tp + fp / 2 + fn / 2);
    return {
      ...{ id, isThing: kinds.get(id)!, pq: sq * rq, sq, rq },
      ...{ truePositives: tp, falsePositives: fp, falseNegatives: fn },
    };
  });
  const mean = (figure: 'pq' | 'sq' | 'rq') => classes.reduce((sum, entry) => sum + entry[figure], 0) / classes.length;
  return { pq: mean('pq'), sq: mean('sq'), rq: mean('rq'), classes };
}
