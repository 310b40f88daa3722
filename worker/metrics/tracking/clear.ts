/** CLEAR MOT metrics (Bernardin, Stiefelhagen 2008), with the conventions of TrackEval. */
import { FrameMatcher } from './matcher.ts';
import { EPSILON, type IndexedSequence, indexSequence, type TrackingSequence } from './sequence.ts';

export interface ClearCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  /** Matches to another id than the object's last ever matched one. */
  readonly idSwitches: number;
  /** Times an object becomes matched again after having been unmatched. */
  readonly fragmentations: number;
  /** Objects matched in more than 80 %, in 20-80 % and in less than 20 % of their frames. */
  readonly mostlyTracked: number;
  readonly partlyTracked: number;
  readonly mostlyLost: number;
}

export interface Clear extends ClearCounts {
  /** (TP − FP − IDSW) / (TP + FN); 0 / 0 counts as over 1. */
  readonly mota: number;
  /** (TP − FP) / (TP + FN). */
  readonly moda: number;
  /** Mean similarity of the true positives. */
  readonly motp: number;
  readonly recall: number;
  readonly precision: number;
}

export interface ClearOptions {
  /** Pairs below this similarity never match; default 0.5. */
  readonly threshold?: number;
  /** Classes by track id: adds figures per class. */
  readonly classes?: TrackClasses;
}

export interface TrackClasses {
  /** Class of a true track id. */
  readonly ofTruth: (id: number) => number;
  /** Class of a predicted track id; undefined = in none, its false positives appear only in the total. */
  readonly ofPrediction: (id: number) => number | undefined;
}

export interface ClearResult extends Clear {
  /**
   * With {@link ClearOptions.classes}: matches are made regardless of class; matches, misses, switches and fragments
   * belong to the true track's class, false positives to the predicted track's.
   */
  readonly perClass: ReadonlyMap<number, Clear>;
}

interface Totals {
  tp: number;
  fp: number;
  fn: number;
  similarity: number;
  switches: number;
  fragments: number;
  mostly: number;
  partly: number;
  lost: number;
}

/**
 * The assignment of a frame maximises similarity, but keeps a pair matched in the last processed frame. A frame with an
 * empty side adds only false positives or negatives and changes no state.
 * @throws MetricInputError, see {@link indexSequence}.
 */
export function clear(sequence: TrackingSequence, options: ClearOptions = {}): ClearResult {
  return clearOf(indexSequence(sequence), options);
}

function clearOf(sequence: IndexedSequence, options: ClearOptions): ClearResult {
  const { threshold = 0.5, classes } = options;
  const objects = sequence.truthIds.length;
  const lastEver = new Int32Array(objects).fill(-1);
  let lastFrame = new Int32Array(objects).fill(-1);
  let thisFrame = new Int32Array(objects).fill(-1);
  const perObject = {
    matched: new Float64Array(objects),
    similarity: new Float64Array(objects),
    switches: new Float64Array(objects),
    starts: new Float64Array(objects),
  };
  const falsePositives = Float64Array.from(sequence.predictedCounts);
  const matcher = new FrameMatcher();
  for (const { truths, predictions, similarity } of sequence.frames) {
    const rows = truths.length;
    const columns = predictions.length;
    if (rows === 0 || columns === 0) continue;
    const scores = matcher.scores(rows, columns);
    for (let row = 0, at = 0; row < rows; row++) {
      const kept = lastFrame[truths[row]!]!;
      for (let column = 0; column < columns; column++, at++) {
        const value = similarity[at]!;
        scores[at] = value < threshold - EPSILON ? 0 : value + (predictions[column] === kept ? 1000 : 0);
      }
    }
    const found = matcher.match(rows, columns);
    thisFrame.fill(-1);
    for (let i = 0; i < found; i++) {
      const row = matcher.rows[i]!;
      const column = matcher.columns[i]!;
      if (!(scores[row * columns + column]! > EPSILON)) continue;
      const truth = truths[row]!;
      const prediction = predictions[column]!;
      thisFrame[truth] = prediction;
      perObject.matched[truth]!++;
      perObject.similarity[truth]! += similarity[row * columns + column]!;
      if (lastEver[truth]! >= 0 && lastEver[truth] !== prediction) perObject.switches[truth]!++;
      if (lastFrame[truth]! < 0) perObject.starts[truth]!++;
      lastEver[truth] = prediction;
      falsePositives[prediction]!--;
    }
    [lastFrame, thisFrame] = [thisFrame, lastFrame];
  }
  const total = emptyTotals();
  const byClass = new Map<number, Totals>();
  const totalsOf = (id: number | undefined): Totals[] => {
    if (id === undefined) return [total];
    let totals = byClass.get(id);
    if (totals === undefined) {
      totals = emptyTotals();
      byClass.set(id, totals);
    }
    return [total, totals];
  };
  for (let truth = 0; truth < objects; truth++) {
    const frames = sequence.truthCounts[truth]!;
    const matched = perObject.matched[truth]!;
    const ratio = matched / frames;
    for (const totals of totalsOf(classes?.ofTruth(sequence.truthIds[truth]!))) {
      totals.tp += matched;
      totals.fn += frames - matched;
      totals.similarity += perObject.similarity[truth]!;
      totals.switches += perObject.switches[truth]!;
      totals.fragments += Math.max(0, perObject.starts[truth]! - 1);
      if (ratio > 0.8) totals.mostly++;
      else if (ratio >= 0.2) totals.partly++;
      else totals.lost++;
    }
  }
  for (let prediction = 0; prediction < falsePositives.length; prediction++) {
    for (const totals of totalsOf(classes?.ofPrediction(sequence.predictedIds[prediction]!))) {
      totals.fp += falsePositives[prediction]!;
    }
  }
  return { ...figures(total), perClass: new Map([...byClass].map(([id, totals]) => [id, figures(totals)])) };
}

function emptyTotals(): Totals {
  return { tp: 0, fp: 0, fn: 0, similarity: 0, switches: 0, fragments: 0, mostly: 0, partly: 0, lost: 0 };
}

function figures({ tp, fp, fn, similarity, switches, fragments, mostly, partly, lost }: Totals): Clear {
  const truths = Math.max(1, tp + fn);
  return {
    ...{ truePositives: tp, falsePositives: fp, falseNegatives: fn, idSwitches: switches, fragmentations: fragments },
    ...{ mostlyTracked: mostly, partlyTracked: partly, mostlyLost: lost },
    mota: (tp - fp - switches) / truths,
    moda: (tp - fp) / truths,
    motp: similarity / Math.max(1, tp),
    recall: tp / truths,
    precision: tp / Math.max(1, tp + fp),
  };
}
