// Relevancy of nested embeddings. A row's products with all phrases are prefix sums over its dimensions, so that all
// scales cost one pass. Four rows at a time; the lanes of a vector are four phrases. inverseNorms [ceil(N / 4)][S][4].

import { expx4, fma, sigmoidx4, splat, transpose0, transpose1, transpose2, transpose3 } from "../shared/math.as";

/** Blocks of four rows of one thread. */
// @ts-ignore: decorator
@inline
function firstBlock(count: i32, thread: i32, threads: i32): i32 {
  return <i32>((<i64>((count + 3) >> 2) * <i64>thread) / <i64>threads);
}

/** The address of a row; rows beyond the last are the last. */
// @ts-ignore: decorator
@inline
function rowAt(rows: usize, row: i32, count: i32, strideBytes: usize): usize {
  return rows + <usize>min(row, count - 1) * strideBytes;
}

/**
 * 1 / norm of every row's embedding at every scale, 0 where it has no direction: n(M) = sum over d <= M of
 * t_d (sum over e <= d of g[d][e] t_e), g [D, stride] the lower triangle of W^T W, off the diagonal doubled (0: W is 1).
 */
export function norms(
  thread: i32, threads: i32, rows: usize, count: i32, strideBytes: usize, gram: usize, scales: usize, scaleCount: i32,
  shortest: f32, inverseNorms: usize,
): void {
  const end = firstBlock(count, thread + 1, threads);
  const least = f32x4.splat(shortest * shortest);
  for (let block = firstBlock(count, thread, threads); block < end; block++) {
    const p0 = rowAt(rows, block * 4, count, strideBytes);
    const p1 = rowAt(rows, block * 4 + 1, count, strideBytes);
    const p2 = rowAt(rows, block * 4 + 2, count, strideBytes);
    const p3 = rowAt(rows, block * 4 + 3, count, strideBytes);
    let out = inverseNorms + ((<usize>block * <usize>scaleCount) << 4);
    let norm = splat(0.0);
    let d: usize = 0;
    for (let s = 0; s < scaleCount; s++, out += 16) {
      const last = <usize>load<u32>(scales + (<usize>s << 2)) << 2;
      for (; d < last; d += 4) {
        let t = v128.load32_zero(p0 + d);
        t = v128.load_lane<f32>(p1 + d, t, 1);
        t = v128.load_lane<f32>(p2 + d, t, 2);
        t = v128.load_lane<f32>(p3 + d, t, 3);
        let sum = t;
        if (gram != 0) {
          const g = gram + (d >> 2) * strideBytes;
          let a0 = splat(0.0);
          let a1 = a0;
          let a2 = a0;
          let a3 = a0;
          for (let e: usize = 0; e <= d; e += 16) {
            const w = v128.load(g + e);
            a0 = fma(w, v128.load(p0 + e), a0);
            a1 = fma(w, v128.load(p1 + e), a1);
            a2 = fma(w, v128.load(p2 + e), a2);
            a3 = fma(w, v128.load(p3 + e), a3);
          }
          sum = f32x4.add(
            f32x4.add(transpose0(a0, a1, a2, a3), transpose1(a0, a1, a2, a3)),
            f32x4.add(transpose2(a0, a1, a2, a3), transpose3(a0, a1, a2, a3)),
          );
        }
        norm = fma(t, sum, norm);
      }
      const long = f32x4.gt(norm, least);
      v128.store(out, v128.and(long, f32x4.div(splat(1.0), f32x4.sqrt(v128.bitselect(norm, splat(1.0), long)))));
    }
  }
}

/** scratch [scaleCount][4 rows] = least product of each row up to each scale with any of 4 * vectors directions. */
// @ts-ignore: decorator
@inline
function margins(
  p0: usize, p1: usize, p2: usize, p3: usize, directions: usize, vectors: i32, scales: usize, scaleCount: i32,
  scratch: usize,
): void {
  const step = <usize>vectors << 4;
  for (let v = 0; v < vectors; v++) {
    let q = directions + (<usize>v << 4);
    let a0 = splat(0.0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let d: usize = 0;
    for (let s = 0; s < scaleCount; s++) {
      const last = <usize>load<u32>(scales + (<usize>s << 2)) << 2;
      for (; d < last; d += 4, q += step) {
        const w = v128.load(q);
        a0 = fma(v128.load32_splat(p0 + d), w, a0);
        a1 = fma(v128.load32_splat(p1 + d), w, a1);
        a2 = fma(v128.load32_splat(p2 + d), w, a2);
        a3 = fma(v128.load32_splat(p3 + d), w, a3);
      }
      const least = f32x4.min(
        f32x4.min(transpose0(a0, a1, a2, a3), transpose1(a0, a1, a2, a3)),
        f32x4.min(transpose2(a0, a1, a2, a3), transpose3(a0, a1, a2, a3)),
      );
      const to = scratch + (<usize>s << 4);
      v128.store(to, v == 0 ? least : f32x4.min(v128.load(to), least));
    }
  }
}

// @ts-ignore: decorator
@inline
function storeLanes(value: v128, out: usize, bytesApart: usize, lanes: i32): void {
  store<f32>(out, f32x4.extract_lane(value, 0));
  if (lanes > 1) store<f32>(out + bytesApart, f32x4.extract_lane(value, 1));
  if (lanes > 2) store<f32>(out + 2 * bytesApart, f32x4.extract_lane(value, 2));
  if (lanes > 3) store<f32>(out + 3 * bytesApart, f32x4.extract_lane(value, 3));
}

/** output [count, used] of the scales from `first` on (or from that which `chosen` holds). scratch [threads][used][4]. */
export function relevancy(
  thread: i32, threads: i32, rows: usize, count: i32, strideBytes: usize, inverseNorms: usize, scales: usize,
  scaleCount: i32, directions: usize, vectors: i32, scratch: usize, chosen: usize, first: i32, used: i32, output: usize,
): void {
  const own = scratch + ((<usize>thread * <usize>used) << 4);
  const from = chosen == 0 ? first : load<i32>(chosen);
  const end = firstBlock(count, thread + 1, threads);
  const rowBytes = <usize>used << 2;
  for (let block = firstBlock(count, thread, threads); block < end; block++) {
    const row = block * 4;
    margins(
      rowAt(rows, row, count, strideBytes), rowAt(rows, row + 1, count, strideBytes),
      rowAt(rows, row + 2, count, strideBytes), rowAt(rows, row + 3, count, strideBytes),
      directions, vectors, scales + (<usize>from << 2), used, own,
    );
    for (let s = 0; s < used; s++) {
      const inverse = v128.load(inverseNorms + ((<usize>block * <usize>scaleCount + <usize>(from + s)) << 4));
      const value = sigmoidx4(f32x4.mul(v128.load(own + (<usize>s << 4)), inverse));
      storeLanes(value, output + <usize>row * rowBytes + (<usize>s << 2), rowBytes, min(4, count - row));
    }
  }
}

/** maxima [threads][scaleCount][4]: the largest margin of the thread's rows, before the sigmoid. */
export function maxima(
  thread: i32, threads: i32, rows: usize, count: i32, strideBytes: usize, inverseNorms: usize, scales: usize,
  scaleCount: i32, directions: usize, vectors: i32, scratch: usize, maxima: usize,
): void {
  const own = scratch + ((<usize>thread * <usize>scaleCount) << 4);
  const most = maxima + ((<usize>thread * <usize>scaleCount) << 4);
  for (let s = 0; s < scaleCount; s++) v128.store(most + (<usize>s << 4), splat(-1e30));
  const end = firstBlock(count, thread + 1, threads);
  for (let block = firstBlock(count, thread, threads); block < end; block++) {
    const row = block * 4;
    margins(
      rowAt(rows, row, count, strideBytes), rowAt(rows, row + 1, count, strideBytes),
      rowAt(rows, row + 2, count, strideBytes), rowAt(rows, row + 3, count, strideBytes),
      directions, vectors, scales, scaleCount, own,
    );
    let inverse = inverseNorms + ((<usize>block * <usize>scaleCount) << 4);
    for (let s: usize = 0; s < <usize>scaleCount << 4; s += 16, inverse += 16) {
      v128.store(most + s, f32x4.max(v128.load(most + s), f32x4.mul(v128.load(own + s), v128.load(inverse))));
    }
  }
}

/** out [scaleCount] = largest relevancy of any row at each scale; best [1] = the first scale that reaches the most. */
export function bestOf(
  thread: i32, threads: i32, maxima: usize, count: i32, scaleCount: i32, out: usize, best: usize,
): void {
  if (thread != 0) return;
  let winner = 0;
  let highest: f32 = 0.0;
  for (let s = 0; s < scaleCount; s++) {
    let most = splat(-1e30);
    for (let t = 0; t < threads; t++) {
      most = f32x4.max(most, v128.load(maxima + (<usize>(t * scaleCount + s) << 4)));
    }
    const pairs = f32x4.max(most, v128.shuffle<f32>(most, most, 1, 0, 3, 2));
    const value = sigmoidx4(f32x4.max(pairs, v128.shuffle<f32>(pairs, pairs, 2, 3, 0, 1)));
    const relevancy: f32 = count == 0 ? <f32>0.0 : f32x4.extract_lane(value, 0);
    store<f32>(out + (<usize>s << 2), relevancy);
    if (relevancy > highest) {
      highest = relevancy;
      winner = s;
    }
  }
  store<i32>(best, winner);
}

// @ts-ignore: decorator
@inline
function exponential(x: f32): f32 {
  return f32x4.extract_lane(expx4(f32x4.splat(x)), 0);
}

/**
 * output [count, stride] = c * rows. A row's output holds the score of each scale at the scale's last dimension until
 * the sums, from the last dimension down, take its place.
 */
export function composite(
  thread: i32, threads: i32, rows: usize, count: i32, strideBytes: usize, scales: usize, scaleCount: i32,
  directions: usize, vectors: i32, output: usize,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const step = <usize>vectors << 4;
  for (let row = begin; row < end; row++) {
    const p = rows + <usize>row * strideBytes;
    const out = output + <usize>row * strideBytes;
    memory.fill(out, 0, strideBytes);
    for (let v = 0; v < vectors; v++) {
      let q = directions + (<usize>v << 4);
      let sum = splat(0.0);
      let d: usize = 0;
      for (let s = 0; s < scaleCount; s++) {
        const last = <usize>load<u32>(scales + (<usize>s << 2)) << 2;
        for (; d < last; d += 4, q += step) sum = fma(v128.load32_splat(p + d), v128.load(q), sum);
        const pairs = f32x4.max(sum, v128.shuffle<f32>(sum, sum, 1, 0, 3, 2));
        const score = max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 2));
        store<f32>(out + last - 4, v == 0 ? score : max(load<f32>(out + last - 4), score));
      }
    }
    let largest = load<f32>(out + (<usize>load<u32>(scales) << 2) - 4);
    for (let s = 1; s < scaleCount; s++) {
      largest = max(largest, load<f32>(out + (<usize>load<u32>(scales + (<usize>s << 2)) << 2) - 4));
    }
    let total: f32 = 0.0;
    for (let s = 0; s < scaleCount; s++) {
      const at = out + (<usize>load<u32>(scales + (<usize>s << 2)) << 2) - 4;
      const weight = exponential(load<f32>(at) - largest);
      store<f32>(at, weight);
      total += weight;
    }
    let tail: f32 = 0.0;
    for (let s = scaleCount - 1; s >= 0; s--) {
      const last = <usize>load<u32>(scales + (<usize>s << 2)) << 2;
      const first: usize = s == 0 ? 0 : <usize>load<u32>(scales + (<usize>(s - 1) << 2)) << 2;
      tail += load<f32>(out + last - 4);
      const c = tail / total;
      for (let d = first; d < last; d += 4) store<f32>(out + d, c * load<f32>(p + d));
    }
  }
}
