/** Identity metrics (Ristani et al. 2016). */
import { linearAssignment } from '../../objects/index.ts';
import { type IndexedSequence, indexSequence, type TrackingSequence } from './sequence.ts';

export interface Identity {
  /** IDTP / (IDTP + IDFP / 2 + IDFN / 2). */
  readonly idf1: number;
  readonly idPrecision: number;
  readonly idRecall: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

export interface IdentityOptions {
  /** Pairs below this similarity never match; default 0.5. */
  readonly threshold?: number;
}

/**
 * One assignment of true to predicted tracks over the whole sequence minimises false positives plus false negatives,
 * which is to maximise the number of frames in which assigned tracks overlap.
 * @throws MetricInputError, see {@link indexSequence}.
 */
export function identity(sequence: TrackingSequence, options: IdentityOptions = {}): Identity {
  return identityOf(indexSequence(sequence), options);
}

function identityOf(sequence: IndexedSequence, options: IdentityOptions): Identity {
  const { threshold = 0.5 } = options;
  const rows = sequence.truthIds.length;
  const columns = sequence.predictedIds.length;
  const overlaps = new Map<number, number>();
  for (const { truths, predictions, similarity } of sequence.frames) {
    for (let row = 0, at = 0; row < truths.length; row++) {
      for (let column = 0; column < predictions.length; column++, at++) {
        if (!(similarity[at]! >= threshold)) continue;
        const key = truths[row]! * columns + predictions[column]!;
        overlaps.set(key, (overlaps.get(key) ?? 0) + 1);
      }
    }
  }
  let truePositives = 0;
  for (const group of connectedTracks(overlaps, rows, columns)) truePositives += mostOverlap(group, columns);
  const falseNegatives = sequence.truthCounts.reduce((sum, count) => sum + count, 0) - truePositives;
  const falsePositives = sequence.predictedCounts.reduce((sum, count) => sum + count, 0) - truePositives;
  return {
    ...{ truePositives, falsePositives, falseNegatives },
    idf1: truePositives / Math.max(1, truePositives + falsePositives / 2 + falseNegatives / 2),
    idPrecision: truePositives / Math.max(1, truePositives + falsePositives),
    idRecall: truePositives / Math.max(1, truePositives + falseNegatives),
  };
}

/** Pairs of overlapping tracks as [key, frames], in groups that share no track: a long sequence has many small ones. */
function connectedTracks(overlaps: ReadonlyMap<number, number>, rows: number, columns: number): [number, number][][] {
  const parents = Int32Array.from({ length: rows + columns }, (_, i) => i);
  const root = (track: number): number => {
    let top = track;
    while (parents[top] !== top) {
      parents[top] = parents[parents[top]!]!;
      top = parents[top]!;
    }
    return top;
  };
  for (const key of overlaps.keys()) parents[root(Math.floor(key / columns))] = root(rows + (key % columns));
  const groups = new Map<number, [number, number][]>();
  for (const entry of overlaps) {
    const group = root(Math.floor(entry[0] / columns));
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [entry]);
    else members.push(entry);
  }
  return [...groups.values()];
}

function mostOverlap(pairs: readonly [number, number][], columns: number): number {
  const numbersOf = (ids: Iterable<number>) => new Map([...new Set(ids)].map((id, number) => [id, number]));
  const truths = numbersOf(pairs.map(([key]) => Math.floor(key / columns)));
  const predictions = numbersOf(pairs.map(([key]) => key % columns));
  const frames = new Float64Array(truths.size * predictions.size);
  for (const [key, count] of pairs) {
    frames[truths.get(Math.floor(key / columns))! * predictions.size + predictions.get(key % columns)!] = count;
  }
  return linearAssignment(frames, truths.size, predictions.size, { maximise: true }).total;
}
