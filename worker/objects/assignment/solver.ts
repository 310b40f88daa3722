/**
 * Minimum-cost assignment of rows to columns, rows <= columns, by column reduction (square matrices), augmenting row
 * reduction and shortest augmenting paths (Jonker, Volgenant 1987). Where some columns stay free, prices start at 0 and
 * only fall: a free column keeps the price 0, which makes the result optimal.
 */
import { LazyPaths } from './lazy-paths.ts';

/** From here on reading whole rows in every search costs more than a heap. */
const LAZY_COLUMNS = 160;

export class AssignmentSolver {
  /** Column of each row after {@link solve}. */
  columnOfRow = new Int32Array(0);
  #rowOfColumn = new Int32Array(0);
  #prices = new Float64Array(0);
  #distances = new Float64Array(0);
  #previous = new Int32Array(0);
  /** Columns in three parts: scanned, at the least distance, the rest. */
  #columns = new Int32Array(0);
  #free = new Int32Array(0);
  readonly #choice = { first: -1, second: -1, lowest: 0.5, next: 0.5 };

  /**
   * @param cost [rows, columns], may be longer; Infinity forbids a pair. Reused buffers: results last until the next call.
   * @returns false when no complete assignment avoids the forbidden pairs.
   */
  solve(cost: Float64Array, rows: number, columns: number): boolean {
    this.#reserve(rows, columns);
    this.#prices.fill(0, 0, columns);
    this.#rowOfColumn.fill(-1, 0, columns);
    this.columnOfRow.fill(-1, 0, rows);
    let free = rows === columns ? this.#reduceColumns(cost, rows) : rows;
    if (free === rows) for (let row = 0; row < rows; row++) this.#free[row] = row;
    free = this.#reduce(cost, rows, columns, free);
    if (free > 0) free = this.#reduce(cost, rows, columns, free);
    if (free > 0 && columns >= LAZY_COLUMNS) {
      const paths = new LazyPaths(cost, rows, columns, this.#prices, this.#rowOfColumn, this.columnOfRow);
      for (let i = 0; i < free; i++) if (!paths.augment(this.#free[i]!)) return false;
      return true;
    }
    for (let i = 0; i < free; i++) {
      if (!this.#augment(cost, columns, this.#free[i]!)) return false;
    }
    return true;
  }

  /** Prices every column of a square matrix at its least cost and gives it to the row of that cost, if still free. */
  #reduceColumns(cost: Float64Array, size: number): number {
    const { columnOfRow } = this;
    const prices = this.#prices;
    const rowOfColumn = this.#rowOfColumn;
    const cheapest = this.#previous;
    prices.fill(Infinity, 0, size);
    for (let row = 0, at = 0; row < size; row++) {
      for (let column = 0; column < size; column++, at++) {
        if (cost[at]! >= prices[column]!) continue;
        prices[column] = cost[at]!;
        cheapest[column] = row;
      }
    }
    for (let column = 0; column < size; column++) {
      if (prices[column] === Infinity) prices[column] = 0;
      else if (columnOfRow[cheapest[column]!] === -1) {
        rowOfColumn[column] = cheapest[column]!;
        columnOfRow[cheapest[column]!] = column;
      }
    }
    let free = 0;
    for (let row = 0; row < size; row++) if (columnOfRow[row] === -1) this.#free[free++] = row;
    return free;
  }

  /** Each free row takes its cheapest column and lowers its price as far as its second choice allows. */
  #reduce(cost: Float64Array, rows: number, columns: number, count: number): number {
    const { columnOfRow } = this;
    const free = this.#free;
    const prices = this.#prices;
    const rowOfColumn = this.#rowOfColumn;
    let left = 0;
    // A chain of evictions whose price steps are tiny would crawl; what it does not finish is augmented instead.
    let steps = 2 * rows + 64;
    for (let i = 0; i < count; ) {
      const row = free[i++]!;
      this.#scan(cost, row * columns, columns);
      const { first: cheapest, second, lowest, next } = this.#choice;
      let first = cheapest;
      if (first < 0) {
        free[left++] = row;
        continue;
      }
      let taken = rowOfColumn[first]!;
      const strict = lowest < next && next < Infinity;
      if (strict) prices[first]! -= next - lowest;
      else if (taken >= 0 && second >= 0) {
        first = second;
        taken = rowOfColumn[first]!;
      }
      if (taken >= 0 && !(next < Infinity)) {
        // Its only column is taken: a path has to be found.
        free[left++] = row;
        continue;
      }
      rowOfColumn[first] = row;
      columnOfRow[row] = first;
      if (taken < 0) continue;
      columnOfRow[taken] = -1;
      if (strict && steps-- > 0) free[--i] = taken;
      else free[left++] = taken;
    }
    return left;
  }

  /** The two cheapest columns of a row. A function of its own, so that it is compiled within the first few rows. */
  #scan(cost: Float64Array, at: number, columns: number): void {
    const prices = this.#prices;
    let first = -1;
    let second = -1;
    let lowest = Infinity;
    let next = Infinity;
    for (let column = 0; column < columns; column++) {
      const reduced = cost[at + column]! - prices[column]!;
      if (reduced >= next) continue;
      if (reduced < lowest) {
        next = lowest;
        second = first;
        lowest = reduced;
        first = column;
      } else {
        next = reduced;
        second = column;
      }
    }
    const choice = this.#choice;
    choice.first = first;
    choice.second = second;
    choice.lowest = lowest;
    choice.next = next;
  }

  #augment(cost: Float64Array, columns: number, start: number): boolean {
    const { columnOfRow } = this;
    const prices = this.#prices;
    const rowOfColumn = this.#rowOfColumn;
    const distances = this.#distances;
    const previous = this.#previous;
    const order = this.#columns;
    const from = start * columns;
    for (let column = 0; column < columns; column++) {
      distances[column] = cost[from + column]! - prices[column]!;
      previous[column] = start;
      order[column] = column;
    }
    let low = 0;
    let up = 0;
    let scanned = 0;
    let least = 0;
    let end = -1;
    while (end < 0) {
      if (low === up) {
        scanned = low;
        least = Infinity;
        for (let k = low; k < columns; k++) {
          const column = order[k]!;
          const distance = distances[column]!;
          if (distance > least) continue;
          if (distance < least) {
            least = distance;
            up = low;
          }
          order[k] = order[up]!;
          order[up++] = column;
        }
        if (least === Infinity) return false;
        for (let k = low; k < up && end < 0; k++) if (rowOfColumn[order[k]!]! < 0) end = order[k]!;
        if (end >= 0) break;
      }
      const column = order[low++]!;
      const row = rowOfColumn[column]!;
      const at = row * columns;
      const through = cost[at + column]! - prices[column]! - least;
      for (let k = up; k < columns; k++) {
        const other = order[k]!;
        const distance = cost[at + other]! - prices[other]! - through;
        if (distance >= distances[other]!) continue;
        distances[other] = distance;
        previous[other] = row;
        // Rounding may put it a hair below the least; it is then as near as the nearest.
        if (distance <= least) {
          if (rowOfColumn[other]! < 0) {
            end = other;
            break;
          }
          order[k] = order[up]!;
          order[up++] = other;
        }
      }
    }
    for (let k = 0; k < scanned; k++) {
      const column = order[k]!;
      prices[column]! += distances[column]! - least;
    }
    for (let row = -1; row !== start; ) {
      row = previous[end]!;
      rowOfColumn[end] = row;
      const next = columnOfRow[row]!;
      columnOfRow[row] = end;
      end = next;
    }
    return true;
  }

  #reserve(rows: number, columns: number): void {
    if (this.columnOfRow.length < rows) {
      this.columnOfRow = new Int32Array(rows);
      this.#free = new Int32Array(rows);
    }
    if (this.#prices.length < columns) {
      this.#prices = new Float64Array(columns);
      this.#distances = new Float64Array(columns);
      this.#rowOfColumn = new Int32Array(columns);
      this.#previous = new Int32Array(columns);
      this.#columns = new Int32Array(columns);
    }
  }
}
