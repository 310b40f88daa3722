// Sparse matrix (rows of {column, weight}) times a dense matrix, and the transposition that turns W^T into such a matrix.
// A row of the result is one thread's work in the order of its entries: nothing depends on the number of threads.

import { fma } from "../shared/math.as";

/** First row of a thread, such that entries plus rows are shared evenly. */
function firstRow(rowStart: usize, rows: i32, thread: i32, threads: i32): i32 {
  if (thread >= threads) return rows;
  const total = <i64>load<u32>(rowStart + (<usize>rows << 2)) + <i64>rows;
  const wanted = (total * <i64>thread) / <i64>threads;
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (<i64>load<u32>(rowStart + (<usize>middle << 2)) + <i64>middle < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Up to 3 floats, the rest 0, without touching the memory behind them.
// @ts-ignore: decorator
@inline
function loadFew(p: usize, lanes: i32): v128 {
  if (lanes == 1) return v128.load32_zero(p);
  const two = v128.load64_zero(p);
  return lanes == 2 ? two : v128.load_lane<f32>(p, two, 2, 8);
}

/** output [rows, channels] = (or, when accumulating, +=) W input [columns, channels]. */
export function product(
  thread: i32, threads: i32, rowStart: usize, columns: usize, weights: usize, rows: i32,
  input: usize, output: usize, channels: i32, accumulate: i32,
): void {
  const begin = firstRow(rowStart, rows, thread, threads);
  const end = firstRow(rowStart, rows, thread + 1, threads);
  const rowBytes = <usize>channels << 2;
  for (let r = begin; r < end; r++) {
    const e0 = <usize>load<u32>(rowStart + (<usize>r << 2)) << 2;
    const e1 = <usize>load<u32>(rowStart + (<usize>r << 2), 4) << 2;
    const out = output + <usize>r * rowBytes;
    let c: usize = 0;
    for (; c + 64 <= rowBytes; c += 64) {
      let a = f32x4.splat(0.0);
      let b = a;
      let d = a;
      let f = a;
      if (accumulate) {
        a = v128.load(out + c);
        b = v128.load(out + c, 16);
        d = v128.load(out + c, 32);
        f = v128.load(out + c, 48);
      }
      for (let e = e0; e < e1; e += 4) {
        const w = v128.load32_splat(weights + e);
        const p = input + c + <usize>load<u32>(columns + e) * rowBytes;
        a = fma(w, v128.load(p), a);
        b = fma(w, v128.load(p, 16), b);
        d = fma(w, v128.load(p, 32), d);
        f = fma(w, v128.load(p, 48), f);
      }
      v128.store(out + c, a);
      v128.store(out + c, b, 16);
      v128.store(out + c, d, 32);
      v128.store(out + c, f, 48);
    }
    for (; c + 32 <= rowBytes; c += 32) {
      let a = f32x4.splat(0.0);
      let b = a;
      if (accumulate) {
        a = v128.load(out + c);
        b = v128.load(out + c, 16);
      }
      for (let e = e0; e < e1; e += 4) {
        const w = v128.load32_splat(weights + e);
        const p = input + c + <usize>load<u32>(columns + e) * rowBytes;
        a = fma(w, v128.load(p), a);
        b = fma(w, v128.load(p, 16), b);
      }
      v128.store(out + c, a);
      v128.store(out + c, b, 16);
    }
    for (; c + 16 <= rowBytes; c += 16) {
      let a = accumulate ? v128.load(out + c) : f32x4.splat(0.0);
      for (let e = e0; e < e1; e += 4) {
        const w = v128.load32_splat(weights + e);
        a = fma(w, v128.load(input + c + <usize>load<u32>(columns + e) * rowBytes), a);
      }
      v128.store(out + c, a);
    }
    const lanes = <i32>((rowBytes - c) >> 2);
    if (lanes == 0) continue;
    let a = accumulate ? loadFew(out + c, lanes) : f32x4.splat(0.0);
    for (let e = e0; e < e1; e += 4) {
      const w = v128.load32_splat(weights + e);
      a = fma(w, loadFew(input + c + <usize>load<u32>(columns + e) * rowBytes, lanes), a);
    }
    store<f32>(out + c, f32x4.extract_lane(a, 0));
    if (lanes > 1) store<f32>(out + c, f32x4.extract_lane(a, 1), 4);
    if (lanes > 2) store<f32>(out + c, f32x4.extract_lane(a, 2), 8);
  }
}

// @ts-ignore: decorator
@inline
function firstEntry(thread: i32, threads: i32, entries: u32): u32 {
  return <u32>((<u64>entries * <u64>thread) / <u64>threads);
}

/** counts [threads][columnCount + 1]: entries per column in the thread's range, and last those with a column too large. */
export function countColumns(
  thread: i32, threads: i32, columns: usize, entries: u32, columnCount: u32, counts: usize,
): void {
  const own = counts + <usize>thread * ((<usize>columnCount + 1) << 2);
  memory.fill(own, 0, (<usize>columnCount + 1) << 2);
  const end = firstEntry(thread + 1, threads, entries);
  for (let e = firstEntry(thread, threads, entries); e < end; e++) {
    const p = own + (<usize>min(load<u32>(columns + (<usize>e << 2)), columnCount) << 2);
    store<u32>(p, load<u32>(p) + 1);
  }
}

/** Turns counts into the place of each thread's first entry per column, and writes columnStart [columnCount + 1]. */
export function columnPlaces(thread: i32, threads: i32, columnCount: u32, counts: usize, columnStart: usize): void {
  if (thread != 0) return;
  const stride = (<usize>columnCount + 1) << 2;
  let place: u32 = 0;
  for (let n: u32 = 0; n < columnCount; n++) {
    let p = counts + (<usize>n << 2);
    store<u32>(columnStart + (<usize>n << 2), place);
    for (let t = 0; t < threads; t++, p += stride) {
      const count = load<u32>(p);
      store<u32>(p, place);
      place += count;
    }
  }
  store<u32>(columnStart + (<usize>columnCount << 2), place);
}

/** Entries by column, rows ascending within one: thread ranges are in entry order, and entries in row order. */
export function scatterColumns(
  thread: i32, threads: i32, rowStart: usize, columns: usize, weights: usize, rows: i32, entries: u32,
  columnCount: u32, places: usize, rowsOut: usize, weightsOut: usize,
): void {
  const own = places + <usize>thread * ((<usize>columnCount + 1) << 2);
  const begin = firstEntry(thread, threads, entries);
  const end = firstEntry(thread + 1, threads, entries);
  if (begin >= end) return;
  // The row of entry `begin`: the last one that starts at or before it.
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u32>(rowStart + (<usize>middle << 2), 4) <= begin) low = middle + 1;
    else high = middle;
  }
  let row = low;
  for (let e = begin; e < end; e++) {
    while (load<u32>(rowStart + (<usize>row << 2), 4) <= e) row++;
    const p = own + (<usize>load<u32>(columns + (<usize>e << 2)) << 2);
    const place = <usize>load<u32>(p) << 2;
    store<u32>(p, load<u32>(p) + 1);
    store<u32>(rowsOut + place, <u32>row);
    store<f32>(weightsOut + place, load<f32>(weights + (<usize>e << 2)));
  }
}
