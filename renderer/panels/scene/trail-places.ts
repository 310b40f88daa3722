import type { TrackTrail } from '../../../contract/index.ts';

/** Where an object was in a frame: measured when it is seen, else where it was seen last; null before its first sighting. */
export function placeAt(
  { positions, points }: Pick<TrackTrail, 'positions' | 'points'>,
  frame: number,
): { readonly point: readonly [number, number, number]; readonly seen: boolean } | null {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle]! <= frame) low = middle + 1;
    else high = middle;
  }
  const at = low - 1;
  if (at < 0) return null;
  return { point: [points[3 * at]!, points[3 * at + 1]!, points[3 * at + 2]!], seen: positions[at] === frame };
}
