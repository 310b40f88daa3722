import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssignmentError, linearAssignment } from './index.ts';

const GOLDEN = join(process.env.LIFTSCOPE_GOLDEN ?? '../shared/golden', 'assignment.json');

interface GoldenCase {
  readonly seed: number;
  readonly rows: number;
  readonly cols: number;
  readonly cost: number[];
  readonly total: number;
}

/** Tries every injection of the shorter side into the longer one. */
function bruteForce(cost: Float64Array, rows: number, columns: number): number {
  const isTall = rows > columns;
  const short = Math.min(rows, columns);
  const long = Math.max(rows, columns);
  const isUsed = new Array<boolean>(long).fill(false);
  const search = (index: number): number => {
    if (index === short) return 0;
    let best = Infinity;
    for (let other = 0; other < long; other++) {
      if (isUsed[other]) continue;
      isUsed[other] = true;
      best = Math.min(best, cost[isTall ? other * columns + index : index * columns + other]! + search(index + 1));
      isUsed[other] = false;
    }
    return best;
  };
  return search(0);
}

function expectValid(cost: Float64Array, rows: number, columns: number): number {
  const { columnOfRow, rowOfColumn, total } = linearAssignment(cost, rows, columns);
  let sum = 0;
  let pairs = 0;
  for (let row = 0; row < rows; row++) {
    const column = columnOfRow[row]!;
    if (column < 0) continue;
    expect(rowOfColumn[column]).toBe(row);
    sum += cost[row * columns + column]!;
    pairs++;
  }
  expect(pairs).toBe(Math.min(rows, columns));
  expect(total).toBeCloseTo(sum, 9);
  return total;
}

describe('linear assignment', () => {
  it('gives each worker the task that is cheapest for all together', () => {
    // Row 0 wants column 1 (cost 1), but then row 1 pays 5 and row 2 pays 2 or 6: 1 + 2 + 2 = 5 with
    // 0 -> 1, 1 -> 0 (2), 2 -> 2 (2). Any other choice: 4+0+2 = 6, 4+5+2 = 11, 3+2+2 = 7, 3+0+3 = 6, 1+5+3 = 9.
    const cost = Float64Array.from([4, 1, 3, 2, 0, 5, 3, 2, 2]);
    const { columnOfRow, total } = linearAssignment(cost, 3, 3);
    expect(total).toBe(5);
    expect([...columnOfRow]).toEqual([1, 0, 2]);
  });

  it('leaves rows without a column when there are more of them', () => {
    // One column: the row with the least cost gets it.
    const { columnOfRow, rowOfColumn, total } = linearAssignment(Float64Array.from([3, 1, 2]), 3, 1);
    expect([...columnOfRow]).toEqual([-1, 0, -1]);
    expect([...rowOfColumn]).toEqual([1]);
    expect(total).toBe(1);
  });

  it('maximises on request', () => {
    // 1 + 4 = 5 against 2 + 3 = 5 + 1 when the last is 4: [[1, 3], [4, 2]] -> 3 + 4 = 7.
    expect(linearAssignment(Float64Array.from([1, 3, 4, 2]), 2, 2, { maximise: true }).total).toBe(7);
  });

  it('never uses a forbidden pair, and says when it would have to', () => {
    const open = Float64Array.from([Infinity, 1, 1, Infinity]);
    expect(linearAssignment(open, 2, 2).total).toBe(2);
    // Both rows may only use column 0.
    const closed = Float64Array.from([1, Infinity, 1, Infinity]);
    expect(() => linearAssignment(closed, 2, 2)).toThrow(expect.objectContaining({ code: 'infeasible' }));
    expect(() => linearAssignment(new Float64Array(200 * 200).fill(Infinity), 200, 200)).toThrow(AssignmentError);
  });

  it('names the bad cost', () => {
    expect(() => linearAssignment(Float64Array.from([1, 2, Number.NaN, 3]), 2, 2)).toThrow(/row 1, column 0 is NaN/);
    expect(() => linearAssignment(Float64Array.from([1, -Infinity]), 1, 2)).toThrow(/row 0, column 1 is -Infinity/);
    expect(() => linearAssignment(new Float64Array(5), 2, 3)).toThrow(/5 costs do not fill/);
  });

  it('returns an empty assignment for an empty side', () => {
    expect(linearAssignment(new Float64Array(0), 0, 3).total).toBe(0);
    expect([...linearAssignment(new Float64Array(0), 2, 0).columnOfRow]).toEqual([-1, -1]);
  });

  it('agrees with brute force up to 7 x 7, with ties and forbidden pairs', () => {
    const matrix = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })).chain(([rows, columns]) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        cost: fc.array(
          fc.oneof(fc.integer({ min: -4, max: 4 }), fc.double({ min: -1, max: 1, noNaN: true }), fc.constant(Infinity)),
          {
            minLength: rows * columns,
            maxLength: rows * columns,
          },
        ),
      }),
    );
    fc.assert(
      fc.property(matrix, ({ rows, columns, cost }) => {
        const flat = Float64Array.from(cost);
        const best = bruteForce(flat, rows, columns);
        if (best === Infinity) {
          expect(() => linearAssignment(flat, rows, columns)).toThrow(AssignmentError);
        } else {
          expect(Math.abs(expectValid(flat, rows, columns) - best)).toBeLessThan(1e-9);
        }
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('is optimal on large matrices: no reduced cost is negative', () => {
    // Searches over lists of cheap columns take over here. Optimality is checked by the absence of an improving
    // cycle in the residual graph (Bellman-Ford over rows), which needs nothing from the solver.
    for (const [rows, columns, levels] of [
      [180, 180, 0],
      [170, 230, 0],
      [180, 180, 6],
      [200, 200, 1],
    ] as const) {
      const random = fc.sample(fc.double({ min: 0, max: 1, noNaN: true }), {
        numRuns: rows * columns,
        seed: rows + levels,
      });
      const cost = Float64Array.from(random, (value) => (levels > 0 ? Math.floor(value * levels) : value));
      const { columnOfRow, rowOfColumn } = linearAssignment(cost, rows, columns);
      const pay = (row: number) => cost[row * columns + columnOfRow[row]!]!;
      // Moving row r to a free column must not pay, directly or along a chain of evictions.
      const gain = new Float64Array(rows).fill(Infinity);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          if (rowOfColumn[column]! < 0) gain[row] = Math.min(gain[row]!, cost[row * columns + column]! - pay(row));
        }
      }
      const potential = new Float64Array(rows);
      let isChanging = true;
      for (let pass = 0; pass <= rows && isChanging; pass++) {
        isChanging = false;
        for (let row = 0; row < rows; row++) {
          for (let other = 0; other < rows; other++) {
            const step = cost[row * columns + columnOfRow[other]!]! - pay(row);
            if (potential[row]! + step < potential[other]! - 1e-9) {
              potential[other] = potential[row]! + step;
              isChanging = true;
            }
            if (gain[other]! + step < gain[row]! - 1e-9) {
              gain[row] = gain[other]! + step;
              isChanging = true;
            }
          }
        }
      }
      expect(isChanging).toBe(false);
      expect(Math.min(...gain)).toBeGreaterThan(-1e-9);
    }
  });

  it.skipIf(!existsSync(GOLDEN))('matches the golden totals', () => {
    const { cases } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { cases: GoldenCase[] };
    expect(cases.length).toBeGreaterThan(0);
    for (const { rows, cols, cost, total } of cases) {
      expect(Math.abs(expectValid(Float64Array.from(cost), rows, cols) - total)).toBeLessThan(1e-6);
    }
  });
});
