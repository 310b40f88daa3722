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
    this.#prices = prices;
    this.#rowOfColumn = rowOfColumn;
    this.#columnOfRow = columnOfRow;
    this.#listed = new Array<Int32Array>(rows);
    this.#floors = new Float64Array(rows);
    this.#offsets = new Float64Array(rows);
    this.#distances = new Float64Array(columns).fill(Infinity);
    this.#previous = new Int32Array(columns);
    this.#isDone = new Uint8Array(columns);
    this.#touched = new Int32Array(columns);
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
        this.#list(row, this.#listed[row]!.length * GROWTH);
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
    if (this.#listed[row] === undefined) this.#list(row, FIRST_COLUMNS);
    const listed = this.#listed[row]!;
    const offset = this.#offsets[row]!;
    const at = row * this.#columns;
    for (const column of listed) {
      // Rounding may put it a hair below the least; it is then as near as the nearest.
      const distance = Math.max(least, this.#cost[at + column]! - this.#prices[column]! - offset);
      if (!(distance < this.#distances[column]!)) continue;
      if (this.#distances[column] === Infinity) this.#touched[this.#touchedCount++] = column;
      this.#distances[column] = distance;
      this.#previous[column] = row;
      this.#push(distance, column);
    }
    if (listed.length < this.#columns) this.#push(Math.max(least, this.#floors[row]! - offset), -1 - row);
  }

  /** The `wanted` columns of least reduced cost, and the floor of all others. */
  #list(row: number, wanted: number): void {
    const count = Math.min(wanted, this.#columns);
    const at = row * this.#columns;
    if (count === this.#columns) {
      this.#listed[row] = Int32Array.from({ length: count }, (_, column) => column);
      return;
    }
    if (count > 4 * FIRST_COLUMNS) {
      const order = Float64Array.from({ length: this.#columns }, (_, j) => this.#cost[at + j]! - this.#prices[j]!);
      const limit = order.slice().sort()[count - 1]!;
      const listed: number[] = [];
      for (let column = 0; column < this.#columns; column++) if (order[column]! <= limit) listed.push(column);
      this.#listed[row] = Int32Array.from(listed);
      this.#floors[row] = limit;
      return;
    }
    const values = new Float64Array(count).fill(Infinity);
    const listed = new Int32Array(count);
    let held = 0;
    let worst = Infinity;
    for (let column = 0; column < this.#columns; column++) {
      const reduced = this.#cost[at + column]! - this.#prices[column]!;
      if (reduced >= worst && held === count) continue;
      let place = held < count ? held++ : count - 1;
      while (place > 0 && values[place - 1]! > reduced) {
        values[place] = values[place - 1]!;
        listed[place] = listed[place - 1]!;
        place--;
      }
      values[place] = reduced;
      listed[place] = column;
      worst = values[count - 1]!;
    }
    this.#listed[row] = listed;
    this.#floors[row] = worst;
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
