/** Linear assignment. */
import { AssignmentSolver } from './solver.ts';

export class AssignmentError extends Error {
  readonly code: 'bad-cost' | 'infeasible';
  constructor(code: 'bad-cost' | 'infeasible', message: string) {
    super(message);
    this.name = 'AssignmentError';
    this.code = code;
  }
}

export interface AssignmentOptions {
  /** Maximise the total instead; default false. */
  readonly maximise?: boolean;
}

export interface Assignment {
  /** Column of each row, −1 when there are more rows than columns and this one got none. [rows] */
  readonly columnOfRow: Int32Array;
  /** Row of each column, −1 = none. [columns] */
  readonly rowOfColumn: Int32Array;
  /** Sum of the costs of the min(rows, columns) pairs. */
  readonly total: number;
}

/**
 * The assignment of min(rows, columns) pairs with the least total cost.
 * @param cost [rows, columns] row-major. Infinity (−Infinity when maximising) forbids a pair.
 * @throws AssignmentError `bad-cost` for NaN, an infinity of the other sign or a wrong length; `infeasible` when every
 *   complete assignment uses a forbidden pair.
 * @public
 */
export function linearAssignment(
  cost: Float64Array,
  rows: number,
  columns: number,
  options: AssignmentOptions = {},
): Assignment {
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows < 0 || columns < 0) {
    throw new AssignmentError('bad-cost', `${rows} rows and ${columns} columns are not a matrix size`);
  }
  if (cost.length !== rows * columns) {
    throw new AssignmentError('bad-cost', `${cost.length} costs do not fill ${rows} rows x ${columns} columns`);
  }
  const maximise = options.maximise ?? false;
  const impossible = maximise ? Infinity : -Infinity;
  for (let i = 0; i < cost.length; i++) {
    if (Number.isNaN(cost[i]!) || cost[i] === impossible) {
      throw new AssignmentError(
        'bad-cost',
        `the cost of row ${Math.floor(i / columns)}, column ${i % columns} is ${cost[i]}`,
      );
    }
  }
  const columnOfRow = new Int32Array(rows).fill(-1);
  const rowOfColumn = new Int32Array(columns).fill(-1);
  const isTall = rows > columns;
  const solver = new AssignmentSolver();
  const prepared = isTall ? transposed(cost, rows, columns, maximise) : maximise ? cost.map((value) => -value) : cost;
  if (!solver.solve(prepared, Math.min(rows, columns), Math.max(rows, columns))) {
    throw new AssignmentError('infeasible', 'every complete assignment uses a forbidden pair; allow more pairs');
  }
  let total = 0;
  for (let i = 0; i < Math.min(rows, columns); i++) {
    const row = isTall ? solver.columnOfRow[i]! : i;
    const column = isTall ? i : solver.columnOfRow[i]!;
    columnOfRow[row] = column;
    rowOfColumn[column] = row;
    total += cost[row * columns + column]!;
  }
  return { columnOfRow, rowOfColumn, total };
}

function transposed(cost: Float64Array, rows: number, columns: number, negate: boolean): Float64Array {
  const result = new Float64Array(cost.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = cost[row * columns + column]!;
      result[column * rows + row] = negate ? -value : value;
    }
  }
  return result;
}
