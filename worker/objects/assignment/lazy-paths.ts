/**
 * Shortest augmenting paths over the few cheap columns of each row, exact nonetheless.
 *
 * Every row reached by a search lists its cheapest columns at the prices of that moment, and a floor below which no
 * other column of it lies. Prices only fall, so reduced costs only rise and the floor holds for good. A search treats
 * the floor as one more destination: should it be the nearest, the row lists more columns and the search goes on. In a
 * matrix of random costs that almost never happens, and whole rows need not be read (compare Volgenant 1996, LAPMOD).
 */
const FIRST_COLUMNS = 16;
const GROWTH = 4;

export class LazyPaths {
  readonly #cost: Float64Array;
  readonly #columns: number;
  readonly #prices: Float64Array;
  readonly #rowOfColumn: Int32Array;
  readonly #columnOfRow: Int32Array;
  readonly #listed: Int32Array[];
  readonly #floors: Float64Array;
  readonly #width: number;
  /** By how much each row's list grows next time. */
  readonly #widths: Float64Array;
  readonly #found: Int32Array;
  readonly #distances: Float64Array;
  readonly #previous: Int32Array;
  readonly #isDone: Uint8Array;
  readonly #touched: Int32Array;
  #touchedCount = 0;
  /** Binary heap of columns, and of rows whose floor is a destination as -1 - row. */
  #keys = new Float64Array(1024);
  #items = new Int32Array(1024);
  #size = 0;
  /** Where each row's reduced cost starts in the current search: distance to column = cost - price - this. */
  readonly #offsets: Float64Array;

  constructor(
    cost: Float64Array,
    rows: number,
    columns: number,
    prices: Float64Array,
    rowOfColumn: Int32Array,
    columnOfRow: Int32Array,
  ) {
    this.#cost = cost;
    this.#columns = columns;
    this.#prices = prices.length === columns ? prices : prices.subarray(0, columns);
    this.#rowOfColumn = rowOfColumn;
    this.#columnOfRow = columnOfRow;
    this.#listed = new Array<Int32Array>(rows);
    this.#floors = new Float64Array(rows);
    this.#offsets = new Float64Array(rows);
    this.#distances = new Float64Array(columns).fill(Infinity);
    this.#previous = new Int32Array(columns);
    this.#isDone = new Uint8Array(columns);
    this.#touched = new Int32Array(columns);
    this.#found = new Int32Array(columns);
    this.#widths = new Float64Array(rows);
    this.#width = this.#typicalWidth(rows);
  }

  /** Assigns `start`, moving others as needed. @returns false when no path avoids the forbidden pairs. */
  augment(start: number): boolean {
    let least = 0;
    let end = -1;
    this.#size = 0;
    this.#offsets[start] = 0;
    this.#relax(start, -Infinity);
    while (end < 0 && this.#size > 0) {
      const key = this.#keys[0]!;
      const item = this.#items[0]!;
      this.#pop();
      if (key === Infinity) break;
      if (item < 0) {
        const row = -1 - item;
        this.#list(row, this.#floors[row]! + this.#widths[row]!);
        this.#widths[row]! *= GROWTH;
        this.#relax(row, least);
        continue;
      }
      if (this.#isDone[item] === 1) continue;
      this.#isDone[item] = 1;
      least = key;
      const row = this.#rowOfColumn[item]!;
      if (row < 0) {
        end = item;
        break;
      }
      this.#offsets[row] = this.#cost[row * this.#columns + item]! - this.#prices[item]! - least;
      this.#relax(row, least);
    }
    if (end >= 0) this.#flip(start, end, least);
    for (let i = 0; i < this.#touchedCount; i++) {
      const column = this.#touched[i]!;
      this.#distances[column] = Infinity;
      this.#isDone[column] = 0;
    }
    this.#touchedCount = 0;
    return end >= 0;
  }

  #flip(start: number, end: number, least: number): void {
    for (let i = 0; i < this.#touchedCount; i++) {
      const column = this.#touched[i]!;
      if (this.#isDone[column] === 1) this.#prices[column]! += this.#distances[column]! - least;
    }
    let column = end;
    for (let row = -1; row !== start; ) {
      row = this.#previous[column]!;
      this.#rowOfColumn[column] = row;
      const next = this.#columnOfRow[row]!;
      this.#columnOfRow[row] = column;
      column = next;
    }
  }

  #relax(row: number, least: number): void {
    if (this.#listed[row] === undefined) this.#listFirst(row);
    const listed = this.#listed[row]!;
    const offset = this.#offsets[row]!;
    const at = row * this.#columns;
    for (let i = 0; i < listed.length; i++) {
      const column = listed[i]!;
      // Rounding may put it a hair below the least; it is then as near as the nearest.
      const distance = Math.max(least, this.#cost[at + column]! - this.#prices[column]! - offset);
      if (!(distance < this.#distances[column]!)) continue;
      if (this.#distances[column] === Infinity) this.#touched[this.#touchedCount++] = column;
      this.#distances[column] = distance;
      this.#previous[column] = row;
      this.#push(distance, column);
    }
    if (this.#floors[row]! < Infinity) this.#push(Math.max(least, this.#floors[row]! - offset), -1 - row);
  }

  #listFirst(row: number): void {
    const at = row * this.#columns;
    const own = this.#columnOfRow[row]!;
    let lowest = own >= 0 ? this.#cost[at + own]! - this.#prices[own]! : Infinity;
    if (own < 0) {
      for (let column = 0; column < this.#columns; column++) {
        lowest = Math.min(lowest, this.#cost[at + column]! - this.#prices[column]!);
      }
    }
    this.#widths[row] = this.#width;
    this.#list(row, lowest + this.#width);
  }

  /** Lists all columns of reduced cost up to `limit`; the floor is the next one's. */
  #list(row: number, limit: number): void {
    const at = row * this.#columns;
    const found = this.#found;
    const cost = this.#cost;
    const prices = this.#prices;
    let count = 0;
    let floor = Infinity;
    for (let column = 0; column < this.#columns; column++) {
      const reduced = cost[at + column]! - prices[column]!;
      if (reduced <= limit) found[count++] = column;
      else if (reduced < floor) floor = reduced;
    }
    this.#listed[row] = found.slice(0, count);
    this.#floors[row] = floor;
  }

  /** The range of reduced cost that holds FIRST_COLUMNS columns in a typical row. */
  #typicalWidth(rows: number): number {
    const widths: number[] = [];
    for (let i = 0; i < Math.min(rows, 5); i++) {
      const at = Math.floor((i * rows) / 5) * this.#columns;
      const sorted = Float64Array.from(this.#prices, (price, column) => this.#cost[at + column]! - price).sort();
      const width = sorted[Math.min(FIRST_COLUMNS, sorted.length) - 1]! - sorted[0]!;
      if (width < Infinity) widths.push(width);
    }
    return widths.sort((a, b) => a - b)[widths.length >> 1] ?? 0;
  }

  #push(key: number, item: number): void {
    if (this.#size === this.#keys.length) {
      const keys = new Float64Array(this.#size * 2);
      const items = new Int32Array(this.#size * 2);
      keys.set(this.#keys);
      items.set(this.#items);
      this.#keys = keys;
      this.#items = items;
    }
    const keys = this.#keys;
    const items = this.#items;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      items[at] = items[parent]!;
      at = parent;
    }
    keys[at] = key;
    items[at] = item;
  }

  #pop(): void {
    const keys = this.#keys;
    const items = this.#items;
    const size = --this.#size;
    const key = keys[size]!;
    const item = items[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[at] = keys[child]!;
      items[at] = items[child]!;
      at = child;
    }
    keys[at] = key;
    items[at] = item;
  }
}
