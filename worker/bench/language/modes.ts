/** Ways of answering a query in one view, each scored for all thresholds. */
import { nestedScales } from '../../kernels/index.ts';
import type { MapScore } from './scores.ts';

/** Indices into D / k scales that lie evenly, the finest one always among them. */
function evenIndices(count: number, wanted: number): number[] {
  const used = Math.min(count, wanted);
  return [...new Set(Array.from({ length: used }, (_, i) => Math.round(((i + 1) * count) / used) - 1))];
}

/** How many scales an explicit search looks at; 0 is all of them. */
export const SEARCHES = [3, 30, 0] as const;
/** In place of an order: also against the same question about everything else that can be named. */
export const CLOSED_VOCABULARY = 'closed vocabulary';
export const searchName = (wanted: number, order: string): string =>
  `explicit, S = ${wanted === 0 ? 'D' : wanted}, ${order}`;

/** The scale with the highest maximum, the first of equals: what an explicit search answers with. */
export function searched(scores: readonly MapScore[], wanted: number): MapScore {
  const indices = evenIndices(scores.length, wanted === 0 ? scores.length : wanted);
  return indices.map((index) => scores[index]!).reduce((best, score) => (score.maximum > best.maximum ? score : best));
}

/** The scale that is best at each threshold: evaluation alone knows it. */
export function oracle(scores: readonly MapScore[]): MapScore {
  const first = scores[0]!;
  const iou = first.iou.map((_, b) => Math.max(...scores.map((score) => score.iou[b]!)));
  return {
    iou,
    maximum: Math.max(...scores.map(({ maximum }) => maximum)),
    answered: scores.some(({ answered }) => answered),
    inBox: scores.some(({ inBox }) => inBox),
    inMask: scores.some(({ inMask }) => inMask),
  };
}

/** Dimensions of {@link SEARCHES} among a field's scales. */
export function searchScales(dimensions: number, step: number, wanted: number): Uint32Array {
  const all = nestedScales(dimensions, step);
  return Uint32Array.from(evenIndices(all.length, wanted === 0 ? all.length : wanted), (index) => all[index]!);
}
