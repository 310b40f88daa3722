/** Outlines to masks. */
import { RunCollector } from '../../contract/index.ts';

/** Crossings of outlines with rows: bounds time and memory for hostile outlines. */
const maxCrossings = 20_000_000;

/**
 * Pixels whose centre lies inside one of the polygons, each by the even-odd rule, on rows of pixel centres at +0.5. COCO's own
 * rasteriser rounds outlines to a fifth of a pixel; along the outline the two differ by single pixels.
 * @param polygons each `[x0, y0, x1, y1, …]` in pixels
 * @returns counts along the rows; undefined when the outlines are too long for the image
 */
export function countsOfPolygons(
  polygons: readonly (readonly number[])[],
  width: number,
  height: number,
): number[] | undefined {
  /** By row, flat pairs of first and end column. */
  const spans = new Map<number, number[]>();
  let total = 0;
  for (const polygon of polygons) {
    const crossings = new Map<number, number[]>();
    const corners = polygon.length >> 1;
    for (let k = 0; k < corners; k++) {
      const next = (k + 1) % corners;
      const [x0, y0, x1, y1] = [polygon[2 * k]!, polygon[2 * k + 1]!, polygon[2 * next]!, polygon[2 * next + 1]!];
      if (y0 === y1) continue;
      // Rows whose centre lies in [upper, lower): a corner belongs to one of its two edges.
      const first = Math.max(0, Math.ceil(Math.min(y0, y1) - 0.5));
      const last = Math.min(height - 1, Math.ceil(Math.max(y0, y1) - 0.5) - 1);
      total += Math.max(0, last - first + 1);
      if (total > maxCrossings) return undefined;
      for (let y = first; y <= last; y++) {
        const x = x0 + ((y + 0.5 - y0) / (y1 - y0)) * (x1 - x0);
        const row = crossings.get(y);
        if (row === undefined) crossings.set(y, [x]);
        else row.push(x);
      }
    }
    for (const [y, xs] of crossings) {
      xs.sort((a, b) => a - b);
      let row = spans.get(y);
      if (row === undefined) {
        row = [];
        spans.set(y, row);
      }
      for (let k = 0; k + 1 < xs.length; k += 2) {
        const start = Math.max(0, Math.ceil(xs[k]! - 0.5));
        const end = Math.min(width, Math.ceil(xs[k + 1]! - 0.5));
        if (end > start) row.push(start, end);
      }
    }
  }
  const runs = new RunCollector();
  for (const y of [...spans.keys()].sort((a, b) => a - b)) {
    const row = spans.get(y)!;
    const pairs = Array.from({ length: row.length / 2 }, (_, k) => [row[2 * k]!, row[2 * k + 1]!] as const);
    pairs.sort((a, b) => a[0] - b[0]);
    let at = 0;
    for (const [start, end] of pairs) {
      const from = Math.max(at, start);
      runs.add(y * width + from, y * width + end);
      at = Math.max(at, end);
    }
  }
  return runs.finish(width * height);
}
