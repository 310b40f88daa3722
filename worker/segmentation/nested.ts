/** Overlapping segments of fine regions, as masks. */
import { encodeCounts, type FrameMasks, RunCollector } from '../../contract/index.ts';
import type { GraphSegment } from './graph-segmenter.ts';

/** Ids from 1 in the order of the segments. @param fine [H, W] fine regions, 0 … fineCount − 1 */
export function nestedSegments(
  fine: Int32Array,
  fineCount: number,
  segments: readonly GraphSegment[],
): FrameMasks['segments'] {
  const holders: number[][] = Array.from({ length: fineCount }, () => []);
  segments.forEach(({ leaves }, index) => {
    for (const leaf of leaves) holders[leaf]!.push(index);
  });
  const runs = segments.map(() => new RunCollector());
  for (let i = 0; i < fine.length; ) {
    const leaf = fine[i]!;
    const start = i;
    while (i < fine.length && fine[i] === leaf) i++;
    for (const index of holders[leaf]!) runs[index]!.add(start, i);
  }
  return segments.map(({ confidence }, index) => ({
    id: index + 1,
    confidence,
    rle: encodeCounts(runs[index]!.finish(fine.length)),
  }));
}
