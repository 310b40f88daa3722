/**
 * Run-length encoded masks. The counts of a mask alternate between pixels outside and inside, beginning with outside
 * (0 when the first pixel is inside), and add up to its number of pixels. Canonical counts have no other zero, so that equal
 * masks have equal counts. Ours run along the rows; COCO's and MOTS' run down the columns ({@link columnCounts}).
 */
import { LiftscopeError } from './events.ts';

/** Largest mask: a 32768 x 32768 image, whose counts and their differences still are 32-bit integers. */
const maxMaskPixels = 2 ** 30;

function damaged(problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `The run-length code of a mask ${problem}.`,
    hint: 'The file is damaged or of another image: export the masks again.',
  });
}

/** Collects runs in pixel order into canonical counts. */
export class RunCollector {
  readonly counts: number[] = [0];
  #end = 0;

  /** Pixels `start` … `end` − 1 are inside; `start` is not before the last run's end. */
  add(start: number, end: number): void {
    if (end <= start) return;
    const { counts } = this;
    if (start === this.#end && counts.length % 2 === 0) counts[counts.length - 1]! += end - start;
    else if (start === this.#end && counts.length === 1) counts.push(end - start);
    else {
      if (counts.length === 1) counts[0] = start;
      else counts.push(start - this.#end);
      counts.push(end - start);
    }
    this.#end = end;
  }

  /** The counts of a mask of so many pixels; the collector is used up. */
  finish(pixels: number): number[] {
    const { counts } = this;
    if (counts.length === 1) counts[0] = pixels;
    else if (pixels > this.#end) counts.push(pixels - this.#end);
    return counts;
  }
}

/** Counts of a mask, non-zero = inside. @param mask [pixels] in the order of the counts */
export function countsOfMask(mask: ArrayLike<number>): number[] {
  const runs = new RunCollector();
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    const start = i;
    while (i < mask.length && mask[i] !== 0) i++;
    runs.add(start, i);
  }
  return runs.finish(mask.length);
}

/** Counts of every label but 0, by ascending label. One pass, whatever their number. @param labels [pixels] */
export function countsByLabel(
  labels: Uint8Array | Uint16Array | Uint32Array | Int32Array,
): { readonly label: number; readonly counts: number[] }[] {
  const runs = new Map<number, RunCollector>();
  for (let i = 0; i < labels.length; ) {
    const label = labels[i]!;
    const start = i;
    while (i < labels.length && labels[i] === label) i++;
    if (label === 0) continue;
    let collector = runs.get(label);
    if (collector === undefined) {
      collector = new RunCollector();
      runs.set(label, collector);
    }
    collector.add(start, i);
  }
  return [...runs]
    .sort(([a], [b]) => a - b)
    .map(([label, collector]) => ({ label, counts: collector.finish(labels.length) }));
}

/** [pixels] 0 outside, 1 inside. */
export function maskOfCounts(counts: ArrayLike<number>, pixels: number): Uint8Array {
  const mask = new Uint8Array(pixels);
  forEachRun(counts, (start, end) => mask.fill(1, start, end));
  return mask;
}

/** Calls `visit` with start and end (exclusive) of every run inside, in order. */
export function forEachRun(counts: ArrayLike<number>, visit: (start: number, end: number) => void): void {
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = at + counts[i]!;
    if (i % 2 === 1 && end > at) visit(at, end);
    at = end;
  }
}

/** Pixels inside. */
export function areaOfCounts(counts: ArrayLike<number>): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i]!;
  return area;
}

/** Pixels inside both masks; both in the same order. */
export function intersectionOfCounts(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [i, j, endA, endB, at, both] = [0, 0, a[0] ?? 0, b[0] ?? 0, 0, 0];
  while (i < a.length && j < b.length) {
    const end = Math.min(endA, endB);
    if (i % 2 === 1 && j % 2 === 1) both += end - at;
    at = end;
    if (endA === end) endA += a[++i] ?? 0;
    if (endB === end) endB += b[++j] ?? 0;
  }
  return both;
}

/** Pixel box, upper bounds exclusive. */
export interface PixelBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Smallest box around the pixels inside; undefined for an empty mask. @param counts along the rows */
export function boundsOfCounts(counts: ArrayLike<number>, width: number): PixelBox | undefined {
  let [left, right, top, bottom] = [width, 0, -1, -1];
  forEachRun(counts, (start, end) => {
    const row = Math.floor(start / width);
    const lastRow = Math.floor((end - 1) / width);
    if (top < 0) top = row;
    bottom = lastRow + 1;
    left = lastRow > row ? 0 : Math.min(left, start - row * width);
    right = lastRow > row ? width : Math.max(right, end - row * width);
  });
  return top < 0 ? undefined : { left, top, right, bottom };
}

/** From counts along the rows to counts down the columns, the order of COCO and MOTS. */
export function columnCounts(counts: ArrayLike<number>, width: number, height: number): number[] {
  const box = boundsOfCounts(counts, width);
  const runs = new RunCollector();
  if (box !== undefined) {
    const [wide, high] = [box.right - box.left, box.bottom - box.top];
    // [wide, high]: transposed, so that the second pass reads in order.
    const inside = new Uint8Array(wide * high);
    forEachRun(counts, (start, end) => {
      for (let i = start; i < end; i++) {
        const y = Math.floor(i / width);
        inside[(i - y * width - box.left) * high + y - box.top] = 1;
      }
    });
    for (let x = 0; x < wide; x++) {
      const base = (x + box.left) * height + box.top;
      for (let y = 0; y < high; y++) {
        if (inside[x * high + y] === 0) continue;
        const start = y;
        while (y < high && inside[x * high + y] !== 0) y++;
        runs.add(base + start, base + y);
      }
    }
  }
  return runs.finish(width * height);
}

/** From counts down the columns to counts along the rows. */
export function rowCounts(counts: ArrayLike<number>, width: number, height: number): number[] {
  // A mask down the columns is the transposed mask along the rows.
  return columnCounts(counts, height, width);
}

/**
 * COCO's compressed string (maskApi.c, rleToString): from the fourth on, a count is replaced by its difference to the one
 * two before; five bits per character, least significant first, the sixth says whether more follow; characters 48 to 111.
 */
export function encodeCounts(counts: ArrayLike<number>): string {
  const characters: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let value = counts[i]! - (i > 2 ? counts[i - 2]! : 0);
    for (;;) {
      const five = value & 0x1f;
      value >>= 5;
      const last = (five & 0x10) === 0 ? value === 0 : value === -1;
      characters.push((last ? five : five | 0x20) + 48);
      if (last) break;
    }
  }
  let text = '';
  // In pieces: a call takes a bounded number of arguments.
  for (let i = 0; i < characters.length; i += 4096) text += String.fromCharCode(...characters.slice(i, i + 4096));
  return text;
}

/**
 * Canonical counts of a compressed string.
 * @throws LiftscopeError `bad-input` when it is no such code or not of a mask of `pixels` pixels
 */
export function decodeCounts(text: string, pixels: number): number[] {
  if (!(pixels >= 0 && pixels <= maxMaskPixels)) throw damaged(`is of a mask with ${pixels} pixels`);
  const raw: number[] = [];
  let total = 0;
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; shift += 5) {
      const code = text.charCodeAt(at++) - 48;
      if (!(code >= 0 && code < 64)) {
        throw damaged(at > text.length ? 'ends in the middle of a count' : `has a character that is none of its own`);
      }
      if (shift > 30) throw damaged('has a count of more than 32 bits');
      value |= (code & 0x1f) << shift;
      more = (code & 0x20) !== 0;
      if (!more && (code & 0x10) !== 0 && shift < 25) value |= -1 << (shift + 5);
    }
    if (raw.length > 2) value += raw[raw.length - 2]!;
    if (!(value >= 0)) throw damaged('has a count below 0');
    total += value;
    if (total > pixels) throw damaged(`covers more than the ${pixels} pixels of its image`);
    raw.push(value);
  }
  return checkedCounts(raw, pixels);
}

/**
 * Canonical form of counts from elsewhere, runs of no pixels removed.
 * @throws LiftscopeError `bad-input` when they are no counts of a mask of `pixels` pixels
 */
export function checkedCounts(counts: ArrayLike<number>, pixels: number): number[] {
  const runs = new RunCollector();
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (!(Number.isInteger(count) && count >= 0)) throw damaged(`has the count ${String(count).slice(0, 40)}`);
    if (i % 2 === 1) runs.add(at, at + count);
    at += count;
    if (at > pixels) throw damaged(`covers more than the ${pixels} pixels of its image`);
  }
  if (at !== pixels) throw damaged(`covers ${at} pixels; its image has ${pixels}`);
  return runs.finish(pixels);
}
