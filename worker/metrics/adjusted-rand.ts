import { MetricInputError } from './errors.ts';

/**
 * Adjusted Rand index of two labellings (Hubert, Arabie 1985): 1 = equal up to renaming, 0 = as expected by chance.
 * Noise (−1) is a label like any other. Two labellings that are both all in one group, or both all apart, agree: 1.
 * Fewer than two points: 1.
 * @throws MetricInputError when the lengths differ.
 */
export function adjustedRandIndex(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new MetricInputError(`${a.length} labels cannot be compared with ${b.length}`);
  const rows = new Map<number, number>();
  const columns = new Map<number, number>();
  const cells = new Map<number, Map<number, number>>();
  for (let i = 0; i < a.length; i++) {
    const row = a[i]!;
    const column = b[i]!;
    rows.set(row, (rows.get(row) ?? 0) + 1);
    columns.set(column, (columns.get(column) ?? 0) + 1);
    let cell = cells.get(row);
    if (cell === undefined) {
      cell = new Map();
      cells.set(row, cell);
    }
    cell.set(column, (cell.get(column) ?? 0) + 1);
  }
  const pairs = (count: number) => (count * (count - 1)) / 2;
  const total = (counts: Iterable<number>) => {
    let sum = 0;
    for (const count of counts) sum += pairs(count);
    return sum;
  };
  let together = 0;
  for (const cell of cells.values()) together += total(cell.values());
  const inA = total(rows.values());
  const inB = total(columns.values());
  const all = pairs(a.length);
  if (inA === inB && (inA === 0 || inA === all)) return 1;
  const expected = (inA * inB) / all;
  return (together - expected) / ((inA + inB) / 2 - expected);
}
