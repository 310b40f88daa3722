/** First-fit allocator over a growing address range. Addresses are multiples of 64 (one cache line). */
export class Allocator {
  /** Free ranges [start, end), sorted by start, never touching one another. */
  #free: { start: number; end: number }[] = [];
  #top: number;
  readonly #limit: number;
  readonly #grow: (endBytes: number) => void;

  /** @param grow called with the new end of the used range before an address beyond it is handed out. */
  constructor(startBytes: number, limitBytes: number, grow: (endBytes: number) => void) {
    this.#top = startBytes;
    this.#limit = limitBytes;
    this.#grow = grow;
  }

  /** @returns the address, or undefined when the range is exhausted. */
  allocate(sizeBytes: number): number | undefined {
    const size = roundUp(Math.max(1, sizeBytes));
    const index = this.#free.findIndex((range) => range.end - range.start >= size);
    if (index >= 0) {
      const range = this.#free[index]!;
      const address = range.start;
      range.start += size;
      if (range.start === range.end) this.#free.splice(index, 1);
      return address;
    }
    if (this.#top + size > this.#limit) return undefined;
    const address = this.#top;
    this.#grow(address + size);
    this.#top += size;
    return address;
  }

  release(address: number, sizeBytes: number): void {
    const range = { start: address, end: address + roundUp(Math.max(1, sizeBytes)) };
    let index = this.#free.findIndex((other) => other.start > range.start);
    if (index < 0) index = this.#free.length;
    this.#free.splice(index, 0, range);
    const next = this.#free[index + 1];
    if (next !== undefined && next.start === range.end) {
      range.end = next.end;
      this.#free.splice(index + 1, 1);
    }
    const previous = this.#free[index - 1];
    if (previous !== undefined && previous.end === range.start) {
      previous.end = range.end;
      this.#free.splice(index, 1);
    }
    const last = this.#free.at(-1);
    if (last !== undefined && last.end === this.#top) {
      this.#top = last.start;
      this.#free.pop();
    }
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / 64) * 64;
