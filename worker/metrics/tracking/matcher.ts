/** One maximum-score assignment per frame, without allocation. */
import { AssignmentSolver } from '../../objects/index.ts';

export class FrameMatcher {
  /** After {@link match}: matched rows and their columns. */
  readonly rows: number[] = [];
  readonly columns: number[] = [];
  readonly #solver = new AssignmentSolver();
  /** Scores of the current frame, to be filled by the caller. */
  #scores = new Float64Array(0);
  #costs = new Float64Array(0);

  /** Room for rows x columns scores, row-major. */
  scores(rows: number, columns: number): Float64Array {
    if (this.#scores.length < rows * columns) {
      this.#scores = new Float64Array(rows * columns);
      this.#costs = new Float64Array(rows * columns);
    }
    return this.#scores;
  }

  /** Matches min(rows, columns) pairs with the greatest total of {@link scores}. */
  match(rows: number, columns: number): number {
    const scores = this.#scores;
    const costs = this.#costs;
    const isTall = rows > columns;
    if (isTall) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) costs[column * rows + row] = -scores[row * columns + column]!;
      }
    } else {
      for (let i = 0; i < rows * columns; i++) costs[i] = -scores[i]!;
    }
    const pairs = Math.min(rows, columns);
    this.#solver.solve(costs, pairs, Math.max(rows, columns));
    for (let i = 0; i < pairs; i++) {
      const other = this.#solver.columnOfRow[i]!;
      this.rows[i] = isTall ? other : i;
      this.columns[i] = isTall ? i : other;
    }
    return pairs;
  }
}
