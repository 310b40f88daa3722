/** Masks as outlines without loss. */
import { forEachRun } from '../../contract/index.ts';

interface Piece {
  /** Of each row: first and end column. */
  readonly rows: [number, number][];
  readonly top: number;
}

/**
 * Polygons along pixel edges that cover exactly the pixels inside, none of which has a hole: the mask is cut wherever runs of one row
 * meet several of the next. Filling each and taking all together gives the mask again, by any rule that goes by pixel centres.
 * @param counts along the rows of an image so wide
 * @returns each `[[x, y], …]` in pixels
 */
export function outlinesOfCounts(counts: ArrayLike<number>, width: number): [number, number][][] {
  const rows = new Map<number, [number, number][]>();
  forEachRun(counts, (start, end) => {
    for (let at = start; at < end; ) {
      const y = Math.floor(at / width);
      const stop = Math.min(end, (y + 1) * width);
      const run: [number, number] = [at - y * width, stop - y * width];
      const known = rows.get(y);
      if (known === undefined) rows.set(y, [run]);
      else known.push(run);
      at = stop;
    }
  });
  const done: Piece[] = [];
  let open: Piece[] = [];
  let previous = Number.NaN;
  for (const [y, runs] of [...rows].sort(([a], [b]) => a - b)) {
    if (y !== previous + 1) {
      done.push(...open);
      open = [];
    }
    const meets = (piece: Piece, [from, to]: [number, number]): boolean => {
      const [left, right] = piece.rows.at(-1)!;
      return left < to && from < right;
    };
    const next: Piece[] = [];
    const kept = new Set<Piece>();
    for (const run of runs) {
      const above = open.filter((piece) => meets(piece, run));
      const [only] = above;
      const goesOn = above.length === 1 && runs.filter((other) => meets(only!, other)).length === 1;
      if (goesOn) {
        only!.rows.push(run);
        kept.add(only!);
        next.push(only!);
      } else next.push({ rows: [run], top: y });
    }
    done.push(...open.filter((piece) => !kept.has(piece)));
    open = next;
    previous = y;
  }
  return [...done, ...open].map(outlineOf);
}

/** Down the right side, up the left one; corners only. */
function outlineOf({ rows, top }: Piece): [number, number][] {
  const points: [number, number][] = [];
  rows.forEach(([, right], i) => {
    points.push([right, top + i], [right, top + i + 1]);
  });
  for (let i = rows.length - 1; i >= 0; i--) points.push([rows[i]![0], top + i + 1], [rows[i]![0], top + i]);
  return points.filter((point, i) => {
    const [before, after] = [points.at(i - 1)!, points[(i + 1) % points.length]!];
    const same = before[0] === point[0] && before[1] === point[1];
    return !same && !(before[0] === point[0] && after[0] === point[0]);
  });
}
