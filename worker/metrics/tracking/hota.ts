/** Higher order tracking accuracy (Luiten et al. 2021). */
import { FrameMatcher } from './matcher.ts';
import { EPSILON, type IndexedSequence, indexSequence, type TrackingSequence } from './sequence.ts';

/** Localisation thresholds 0.05, 0.10 … 0.95. */
export const HOTA_ALPHAS: readonly number[] = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

export interface HotaFigures {
  readonly hota: number;
  readonly detA: number;
  readonly assA: number;
  readonly detRecall: number;
  readonly detPrecision: number;
  readonly assRecall: number;
  readonly assPrecision: number;
  /** 1 at an alpha without a true positive. */
  readonly locA: number;
}

export interface HotaAtAlpha extends HotaFigures {
  readonly alpha: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** The means over {@link HOTA_ALPHAS}, and each of them. */
export interface Hota extends HotaFigures {
  readonly perAlpha: readonly HotaAtAlpha[];
}

/**
 * One assignment per frame maximises (global alignment x similarity); its pairs of similarity >= alpha are the true
 * positives at alpha. A sequence without any truth and prediction scores 0 (and locA 1).
 * @throws MetricInputError, see {@link indexSequence}.
 */
export function hota(sequence: TrackingSequence): Hota {
  return hotaOf(indexSequence(sequence));
}

/** Matches of one pair of ids: how many reach each alpha but not the next. */
interface PairMatches {
  readonly counts: Int32Array;
}

function hotaOf(sequence: IndexedSequence): Hota {
  const alignment = globalAlignment(sequence);
  const predictedIds = sequence.predictedIds.length;
  const matcher = new FrameMatcher();
  const alphas = HOTA_ALPHAS.length;
  const matches = new Float64Array(alphas);
  const similarities = new Float64Array(alphas);
  const pairs = new Map<number, PairMatches>();
  for (const { truths, predictions, similarity } of sequence.frames) {
    const rows = truths.length;
    const columns = predictions.length;
    if (rows === 0 || columns === 0) continue;
    const scores = matcher.scores(rows, columns);
    for (let row = 0, at = 0; row < rows; row++) {
      const base = truths[row]! * predictedIds;
      for (let column = 0; column < columns; column++, at++) {
        const value = similarity[at]!;
        scores[at] = value === 0 ? 0 : value * alignment.get(base + predictions[column]!);
      }
    }
    const found = matcher.match(rows, columns);
    for (let i = 0; i < found; i++) {
      const row = matcher.rows[i]!;
      const column = matcher.columns[i]!;
      const value = similarity[row * columns + column]!;
      const level = lastAlpha(value);
      if (level < 0) continue;
      for (let alpha = 0; alpha <= level; alpha++) {
        matches[alpha]!++;
        similarities[alpha]! += value;
      }
      const key = truths[row]! * predictedIds + predictions[column]!;
      let pair = pairs.get(key);
      if (pair === undefined) {
        pair = { counts: new Int32Array(alphas) };
        pairs.set(key, pair);
      }
      pair.counts[level]!++;
    }
  }
  return summarise(sequence, matches, similarities, pairs);
}

/** Index of the highest alpha that the similarity reaches, −1 = none. */
function lastAlpha(similarity: number): number {
  let level = Math.min(HOTA_ALPHAS.length - 1, Math.floor(similarity * 20));
  while (level >= 0 && !(similarity >= HOTA_ALPHAS[level]! - EPSILON)) level--;
  return level;
}

/** Sparse or dense by size: ids of a long sequence can be many while few pairs ever overlap. */
class PairTable {
  readonly #dense: Float64Array | undefined;
  readonly #sparse = new Map<number, number>();

  constructor(cells: number) {
    this.#dense = cells <= 1 << 22 ? new Float64Array(cells) : undefined;
  }

  add(key: number, value: number): void {
    if (this.#dense !== undefined) this.#dense[key]! += value;
    else this.#sparse.set(key, (this.#sparse.get(key) ?? 0) + value);
  }

  get(key: number): number {
    return this.#dense !== undefined ? this.#dense[key]! : (this.#sparse.get(key) ?? 0);
  }

  /** Replaces every non-zero value. */
  update(change: (value: number, key: number) => number): void {
    if (this.#dense === undefined) {
      for (const [key, value] of this.#sparse) this.#sparse.set(key, change(value, key));
      return;
    }
    for (let key = 0; key < this.#dense.length; key++) {
      if (this.#dense[key] !== 0) this.#dense[key] = change(this.#dense[key]!, key);
    }
  }
}

/** A(g, p) = pot / (n_g + n_p − pot), pot = Σ over frames of IoU / (row sum + column sum − IoU). */
function globalAlignment(sequence: IndexedSequence): PairTable {
  const predictedIds = sequence.predictedIds.length;
  const table = new PairTable(sequence.truthIds.length * predictedIds);
  let columnSums = new Float64Array(64);
  for (const { truths, predictions, similarity } of sequence.frames) {
    const columns = predictions.length;
    if (columnSums.length < columns) columnSums = new Float64Array(columns);
    columnSums.fill(0, 0, columns);
    for (let row = 0, at = 0; row < truths.length; row++) {
      for (let column = 0; column < columns; column++, at++) columnSums[column]! += similarity[at]!;
    }
    for (let row = 0; row < truths.length; row++) {
      const at = row * columns;
      let rowSum = 0;
      for (let column = 0; column < columns; column++) rowSum += similarity[at + column]!;
      for (let column = 0; column < columns; column++) {
        const value = similarity[at + column]!;
        if (value === 0) continue;
        const union = rowSum + columnSums[column]! - value;
        if (union > EPSILON) table.add(truths[row]! * predictedIds + predictions[column]!, value / union);
      }
    }
  }
  const { truthCounts, predictedCounts } = sequence;
  table.update((potential, key) => {
    const truth = Math.floor(key / predictedIds);
    return potential / (truthCounts[truth]! + predictedCounts[key - truth * predictedIds]! - potential);
  });
  return table;
}

function summarise(
  sequence: IndexedSequence,
  matches: Float64Array,
  similarities: Float64Array,
  pairs: ReadonlyMap<number, PairMatches>,
): Hota {
  const { truthCounts, predictedCounts } = sequence;
  const predictedIds = sequence.predictedIds.length;
  const truths = truthCounts.reduce((sum, count) => sum + count, 0);
  const predictions = predictedCounts.reduce((sum, count) => sum + count, 0);
  const association = new Float64Array(matches.length);
  const recall = new Float64Array(matches.length);
  const precision = new Float64Array(matches.length);
  for (const [key, { counts }] of pairs) {
    const truth = Math.floor(key / predictedIds);
    const inTruth = truthCounts[truth]!;
    const inPrediction = predictedCounts[key - truth * predictedIds]!;
    let count = 0;
    for (let alpha = counts.length - 1; alpha >= 0; alpha--) {
      count += counts[alpha]!;
      association[alpha]! += (count * count) / Math.max(1, inTruth + inPrediction - count);
      recall[alpha]! += (count * count) / Math.max(1, inTruth);
      precision[alpha]! += (count * count) / Math.max(1, inPrediction);
    }
  }
  const perAlpha = HOTA_ALPHAS.map((alpha, i): HotaAtAlpha => {
    const truePositives = matches[i]!;
    const falseNegatives = truths - truePositives;
    const falsePositives = predictions - truePositives;
    const detA = truePositives / Math.max(1, truePositives + falseNegatives + falsePositives);
    const assA = association[i]! / Math.max(1, truePositives);
    return {
      ...{ alpha, truePositives, falsePositives, falseNegatives, detA, assA, hota: Math.sqrt(detA * assA) },
      detRecall: truePositives / Math.max(1, truths),
      detPrecision: truePositives / Math.max(1, predictions),
      assRecall: recall[i]! / Math.max(1, truePositives),
      assPrecision: precision[i]! / Math.max(1, truePositives),
      locA: truePositives === 0 ? 1 : similarities[i]! / truePositives,
    };
  });
  const mean = (figure: keyof HotaFigures) => perAlpha.reduce((sum, at) => sum + at[figure], 0) / perAlpha.length;
  return {
    ...{ hota: mean('hota'), detA: mean('detA'), assA: mean('assA'), locA: mean('locA') },
    ...{ detRecall: mean('detRecall'), detPrecision: mean('detPrecision') },
    ...{ assRecall: mean('assRecall'), assPrecision: mean('assPrecision') },
    perAlpha,
  };
}
