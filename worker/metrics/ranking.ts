/** Average precision and recall of ranked lists. */
import { MetricInputError } from './errors.ts';

/**
 * Σ (R_k − R_{k−1}) P_k over descending scores; equal scores are one threshold.
 * @param scores [items] finite; higher is better. @param isRelevant [items], 0 = not.
 * @returns NaN when nothing is relevant: there is no recall to integrate over.
 * @throws MetricInputError on different lengths or a score that is not finite.
 */
export function averagePrecision(scores: ArrayLike<number>, isRelevant: ArrayLike<number | boolean>): number {
  const order = descending(scores, isRelevant.length);
  let relevant = 0;
  for (let i = 0; i < isRelevant.length; i++) relevant += isRelevant[i] ? 1 : 0;
  if (relevant === 0) return Number.NaN;
  let hits = 0;
  let sum = 0;
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i]!]!;
    const before = hits;
    while (i < order.length && scores[order[i]!] === score) hits += isRelevant[order[i++]!] ? 1 : 0;
    sum += ((hits - before) / relevant) * (hits / i);
  }
  return sum;
}

export interface RankedQuery {
  /** [items] */
  readonly scores: ArrayLike<number>;
  /** [items] */
  readonly isRelevant: ArrayLike<number | boolean>;
}

export interface MeanOverQueries {
  readonly value: number;
  /** Queries with something relevant; only they count, and without any the value is NaN. */
  readonly queries: number;
}

/** Mean of {@link averagePrecision} over the queries that have something relevant. @throws MetricInputError */
export function meanAveragePrecision(queries: readonly RankedQuery[]): MeanOverQueries {
  return meanOver(queries, ({ scores, isRelevant }) => averagePrecision(scores, isRelevant));
}

/**
 * Share of the queries that have something relevant among their k best items (retrieval's R@K). Items of equal score
 * keep their order, so that the figure is defined; shuffle the gallery if it is sorted by label.
 * @throws MetricInputError
 */
export function recallAtK(queries: readonly RankedQuery[], k: number): MeanOverQueries {
  if (!Number.isInteger(k) || k < 1) throw new MetricInputError(`k must be a positive integer, not ${k}`);
  return meanOver(queries, ({ scores, isRelevant }) => {
    const order = descending(scores, isRelevant.length);
    let relevant = 0;
    for (let i = 0; i < isRelevant.length; i++) relevant += isRelevant[i] ? 1 : 0;
    if (relevant === 0) return Number.NaN;
    return order.slice(0, k).some((item) => Boolean(isRelevant[item])) ? 1 : 0;
  });
}

function meanOver(queries: readonly RankedQuery[], measure: (query: RankedQuery) => number): MeanOverQueries {
  const values = queries.map(measure).filter((value) => !Number.isNaN(value));
  return { value: values.reduce((sum, value) => sum + value, 0) / values.length, queries: values.length };
}

function descending(scores: ArrayLike<number>, items: number): number[] {
  if (scores.length !== items) throw new MetricInputError(`${scores.length} scores for ${items} relevance flags`);
  for (let i = 0; i < items; i++) {
    if (!Number.isFinite(scores[i])) throw new MetricInputError(`the score of item ${i} is ${scores[i]}`);
  }
  return Array.from({ length: items }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
}
