// A table of per-Gaussian features trained on chosen rows of a cached W: gather (rendered = W f), scatter (gradient =
// W^T upstream) and an Adam step over the rows that were touched. A Gaussian belongs to one thread, which adds its
// entries in the order of the batch: nothing depends on the number of threads. Rows are padded to whole vectors.

import { expx4, fma, horizontalSum, splat } from "../shared/math.as";

/** Beyond it, gathering in passes of 64 bytes would fetch every row again and again. */
const WIDE_ROW_BYTES: usize = 256;

// @ts-ignore: decorator
@inline
function power(table: usize, last: i32, exponent: i32): f32 {
  return load<f32>(table + (<usize>min(exponent, last) << 2));
}

/** output [rowCount, stride] = the rows of W named in `rows`, times the table [N, stride]. */
export function gather(
  thread: i32, threads: i32, rowStart: usize, columns: usize, weights: usize, rows: usize, rowCount: i32,
  table: usize, output: usize, stride: i32,
): void {
  const begin = <i32>((<i64>rowCount * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>rowCount * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = <usize>stride << 2;
  for (let b = begin; b < end; b++) {
    const r = rowStart + (<usize>load<u32>(rows + (<usize>b << 2)) << 2);
    const e0 = <usize>load<u32>(r) << 2;
    const e1 = <usize>load<u32>(r, 4) << 2;
    const out = output + <usize>b * rowBytes;
    let c: usize = 0;
    if (rowBytes > WIDE_ROW_BYTES) {
      // A wide row is read front to back once; the sums stay in the cache. The order of additions is the same.
      for (; c < rowBytes; c += 16) v128.store(out + c, splat(0.0));
      for (let e = e0; e < e1; e += 4) {
        const w = v128.load32_splat(weights + e);
        const p = table + <usize>load<u32>(columns + e) * rowBytes;
        for (let i: usize = 0; i < rowBytes; i += 16) {
          v128.store(out + i, fma(w, v128.load(p + i), v128.load(out + i)));
        }
      }
      continue;
    }
    for (; c + 64 <= rowBytes; c += 64) {
      let a0 = splat(0.0);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      for (let e = e0; e < e1; e += 4) {
        const w = v128.load32_splat(weights + e);
        const p = table + c + <usize>load<u32>(columns + e) * rowBytes;
        a0 = fma(w, v128.load(p), a0);
        a1 = fma(w, v128.load(p, 16), a1);
        a2 = fma(w, v128.load(p, 32), a2);
        a3 = fma(w, v128.load(p, 48), a3);
      }
      v128.store(out + c, a0);
      v128.store(out + c, a1, 16);
      v128.store(out + c, a2, 32);
      v128.store(out + c, a3, 48);
    }
    for (; c < rowBytes; c += 16) {
      let a = splat(0.0);
      for (let e = e0; e < e1; e += 4) {
        a = fma(v128.load32_splat(weights + e), v128.load(table + c + <usize>load<u32>(columns + e) * rowBytes), a);
      }
      v128.store(out + c, a);
    }
  }
}

/**
 * The same for the slow copy, whose rows are brought up to `step` as they are read: since lastStep the fast row has not
 * changed, so n averaging steps leave fast + (slow - fast) * decay^n. decayPowers [decayLast + 1].
 */
export function gatherSlow(
  thread: i32, threads: i32, rowStart: usize, columns: usize, weights: usize, rows: usize, rowCount: i32,
  table: usize, slow: usize, lastStep: usize, decayPowers: usize, decayLast: i32, step: i32, output: usize, stride: i32,
): void {
  const begin = <i32>((<i64>rowCount * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>rowCount * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = <usize>stride << 2;
  for (let b = begin; b < end; b++) {
    const r = rowStart + (<usize>load<u32>(rows + (<usize>b << 2)) << 2);
    const e0 = <usize>load<u32>(r) << 2;
    const e1 = <usize>load<u32>(r, 4) << 2;
    const out = output + <usize>b * rowBytes;
    for (let c: usize = 0; c < rowBytes; c += 16) {
      let a = splat(0.0);
      for (let e = e0; e < e1; e += 4) {
        const g = <usize>load<u32>(columns + e);
        const fast = v128.load(table + c + g * rowBytes);
        const keep = f32x4.splat(power(decayPowers, decayLast, step - load<i32>(lastStep + (g << 2))));
        const value = fma(keep, f32x4.sub(v128.load(slow + c + g * rowBytes), fast), fast);
        a = fma(v128.load32_splat(weights + e), value, a);
      }
      v128.store(out + c, a);
    }
  }
}

/** Gaussians in the blocks of 16 that go to one thread after the other. */
// @ts-ignore: decorator
@inline
function owned(gaussian: usize, thread: i32, threads: i32): bool {
  return <i32>((gaussian >> 4) % <usize>threads) == thread;
}

/**
 * gradients [N, stride] += W^T upstream over the rows named. A row whose stamp is not `step` starts from zero and is put
 * on its thread's list: touched [threads][capacity], counts [threads * 16] (one cache line each).
 */
export function scatter(
  thread: i32, threads: i32, rowStart: usize, columns: usize, weights: usize, rows: usize, rowCount: i32,
  upstream: usize, gradients: usize, stamps: usize, touched: usize, capacity: i32, counts: usize, step: i32, stride: i32,
): void {
  const rowBytes = <usize>stride << 2;
  const list = touched + ((<usize>thread * <usize>capacity) << 2);
  const counter = counts + (<usize>thread << 6);
  let count = load<i32>(counter);
  for (let b = 0; b < rowCount; b++) {
    const r = rowStart + (<usize>load<u32>(rows + (<usize>b << 2)) << 2);
    const e0 = <usize>load<u32>(r) << 2;
    const e1 = <usize>load<u32>(r, 4) << 2;
    const up = upstream + <usize>b * rowBytes;
    for (let e = e0; e < e1; e += 4) {
      const g = <usize>load<u32>(columns + e);
      if (!owned(g, thread, threads)) continue;
      const target = gradients + g * rowBytes;
      const w = v128.load32_splat(weights + e);
      if (load<i32>(stamps + (g << 2)) != step) {
        store<i32>(stamps + (g << 2), step);
        store<u32>(list + (<usize>count << 2), <u32>g);
        count++;
        for (let c: usize = 0; c < rowBytes; c += 16) v128.store(target + c, f32x4.mul(w, v128.load(up + c)));
      } else {
        for (let c: usize = 0; c < rowBytes; c += 16) {
          v128.store(target + c, fma(w, v128.load(up + c), v128.load(target + c)));
        }
      }
    }
  }
  store<i32>(counter, count);
}

/** probabilities = softmax(logits) over the first `channels` of a row; padding 0. */
// @ts-ignore: decorator
@inline
function softmaxRow(logits: usize, probabilities: usize, channels: i32, stride: i32): void {
  const bytes = <usize>channels << 2;
  let largest: f32 = load<f32>(logits);
  for (let c: usize = 4; c < bytes; c += 4) largest = max(largest, load<f32>(logits + c));
  let sum: f32 = 0.0;
  for (let c: usize = 0; c < <usize>stride << 2; c += 16) {
    v128.store(probabilities + c, expx4(f32x4.sub(v128.load(logits + c), f32x4.splat(largest))));
  }
  for (let c: usize = bytes; c < <usize>stride << 2; c += 4) store<f32>(probabilities + c, 0.0);
  for (let c: usize = 0; c < bytes; c += 4) sum += load<f32>(probabilities + c);
  for (let c: usize = 0; c < bytes; c += 4) store<f32>(probabilities + c, load<f32>(probabilities + c) / sum);
}

/** activated [N, stride] = softmax of every row of the table. */
export function activate(
  thread: i32, threads: i32, table: usize, activated: usize, count: i32, channels: i32, stride: i32,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = <usize>stride << 2;
  for (let g = begin; g < end; g++) {
    softmaxRow(table + <usize>g * rowBytes, activated + <usize>g * rowBytes, channels, stride);
  }
}

/**
 * Adam on the rows of the lists, each with its own count of steps (updates [N]); corrections [2][correctionLast + 1] are
 * 1 / (1 - beta^n). `slow` (or 0) is brought up to `step` first; `activated` (or 0) is the softmax of the row, through
 * which the gradient passes. Counts end at 0.
 */
export function update(
  thread: i32, threads: i32, table: usize, gradients: usize, first: usize, second: usize, updates: usize,
  touched: usize, capacity: i32, counts: usize, corrections: usize, correctionLast: i32,
  slow: usize, lastStep: usize, decayPowers: usize, decayLast: i32, activated: usize,
  step: i32, channels: i32, stride: i32, rate: f32, beta1: f32, beta2: f32, epsilon: f32,
): void {
  const rowBytes = <usize>stride << 2;
  const list = touched + ((<usize>thread * <usize>capacity) << 2);
  const counter = counts + (<usize>thread << 6);
  const count = load<i32>(counter);
  const keep1 = f32x4.splat(beta1);
  const take1 = f32x4.splat(<f32>1.0 - beta1);
  const keep2 = f32x4.splat(beta2);
  const take2 = f32x4.splat(<f32>1.0 - beta2);
  const vEpsilon = f32x4.splat(epsilon);
  for (let i = 0; i < count; i++) {
    const g = <usize>load<u32>(list + (<usize>i << 2));
    const at = g * rowBytes;
    const n = load<i32>(updates + (g << 2)) + 1;
    store<i32>(updates + (g << 2), n);
    const vRate = f32x4.splat(rate * power(corrections, correctionLast, n));
    const vCorrection2 = f32x4.splat(power(corrections + (<usize>(correctionLast + 1) << 2), correctionLast, n));
    let inner = splat(0.0);
    if (activated != 0) {
      for (let c: usize = 0; c < rowBytes; c += 16) {
        inner = fma(v128.load(gradients + at + c), v128.load(activated + at + c), inner);
      }
      inner = f32x4.splat(horizontalSum(inner));
    }
    let keep = splat(0.0);
    if (slow != 0) {
      keep = f32x4.splat(power(decayPowers, decayLast, step - load<i32>(lastStep + (g << 2))));
      store<i32>(lastStep + (g << 2), step);
    }
    for (let c: usize = 0; c < rowBytes; c += 16) {
      const p = v128.load(table + at + c);
      let gradient = v128.load(gradients + at + c);
      if (activated != 0) gradient = f32x4.mul(v128.load(activated + at + c), f32x4.sub(gradient, inner));
      if (slow != 0) v128.store(slow + at + c, fma(keep, f32x4.sub(v128.load(slow + at + c), p), p));
      const m = fma(keep1, v128.load(first + at + c), f32x4.mul(take1, gradient));
      const v = fma(keep2, v128.load(second + at + c), f32x4.mul(take2, f32x4.mul(gradient, gradient)));
      v128.store(first + at + c, m);
      v128.store(second + at + c, v);
      const scale = f32x4.add(f32x4.sqrt(f32x4.mul(v, vCorrection2)), vEpsilon);
      v128.store(table + at + c, f32x4.sub(p, f32x4.div(f32x4.mul(vRate, m), scale)));
    }
    if (activated != 0) softmaxRow(table + at, activated + at, channels, stride);
  }
  store<i32>(counter, 0);
}
