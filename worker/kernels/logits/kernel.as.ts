// Softmax, sums over segments and cross entropy of many logits per pixel. Rows [count, stride], stride a multiple of 4,
// of which the first `classes` are logits. A row, or a range of channels, is one thread's work: nothing depends on the
// number of threads.

import { expx4, horizontalSum, logx4, splat } from "../shared/math.as";

/** probabilities [count, stride] = softmax of each row; padding 0. */
export function softmax(
  thread: i32, threads: i32, logits: usize, probabilities: usize, count: i32, classes: i32, stride: i32,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = <usize>stride << 2;
  const bytes = <usize>classes << 2;
  const whole = bytes & ~(<usize>15);
  for (let u = begin; u < end; u++) {
    const from = logits + <usize>u * rowBytes;
    const to = probabilities + <usize>u * rowBytes;
    let largest: f32 = load<f32>(from);
    let largest4 = f32x4.splat(largest);
    for (let c: usize = 0; c < whole; c += 16) largest4 = f32x4.pmax(largest4, v128.load(from + c));
    for (let lane = 0; lane < 4; lane++) {
      largest = max(largest, f32x4.extract_lane(largest4, 0));
      largest4 = v128.shuffle<f32>(largest4, largest4, 1, 2, 3, 0);
    }
    for (let c = whole; c < bytes; c += 4) largest = max(largest, load<f32>(from + c));
    const shift = f32x4.splat(largest);
    let sum = splat(0.0);
    for (let c: usize = 0; c < whole; c += 16) {
      const e = expx4(f32x4.sub(v128.load(from + c), shift));
      v128.store(to + c, e);
      sum = f32x4.add(sum, e);
    }
    let total = horizontalSum(sum);
    for (let c = whole; c < rowBytes; c += 4) {
      const e: f32 = c < bytes ? f32x4.extract_lane(expx4(f32x4.splat(load<f32>(from + c) - largest)), 0) : <f32>0.0;
      store<f32>(to + c, e);
      total += e;
    }
    const scale = f32x4.splat(<f32>1.0 / total);
    for (let c: usize = 0; c < rowBytes; c += 16) v128.store(to + c, f32x4.mul(v128.load(to + c), scale));
  }
}

/** sums [segments, stride] of rows [count, stride] by segmentOf [count]; rows in order. */
export function segmentSums(
  thread: i32, threads: i32, rows: usize, segmentOf: usize, count: i32, segments: i32, stride: i32, sums: usize,
): void {
  const vectors = stride >> 2;
  const begin = <usize>((<i64>vectors * <i64>thread) / <i64>threads) << 4;
  const end = <usize>((<i64>vectors * <i64>(thread + 1)) / <i64>threads) << 4;
  const rowBytes = <usize>stride << 2;
  for (let s: usize = 0; s < <usize>segments; s++) {
    for (let c = begin; c < end; c += 16) v128.store(sums + s * rowBytes + c, splat(0.0));
  }
  for (let u: usize = 0; u < <usize>count; u++) {
    const from = rows + u * rowBytes;
    const to = sums + <usize>load<u32>(segmentOf + (u << 2)) * rowBytes;
    for (let c = begin; c < end; c += 16) v128.store(to + c, f32x4.add(v128.load(to + c), v128.load(from + c)));
  }
}

/**
 * losses[u] = -weights[u] log p[target]; gradients [count, stride] = weights[u] (p - onehot(target)), may be the same
 * memory as the probabilities. A row of weight 0 costs nothing and gets zeros.
 */
export function crossEntropy(
  thread: i32, threads: i32, probabilities: usize, targets: usize, weights: usize, count: i32, stride: i32,
  losses: usize, gradients: usize,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = <usize>stride << 2;
  for (let u = begin; u < end; u++) {
    const from = probabilities + <usize>u * rowBytes;
    const to = gradients + <usize>u * rowBytes;
    const weight = load<f32>(weights + (<usize>u << 2));
    const target = <usize>load<u32>(targets + (<usize>u << 2)) << 2;
    // The floor is the least normal number: its logarithm is finite.
    const p = max(load<f32>(from + target), <f32>1.1754944e-38);
    const scale = f32x4.splat(weight);
    for (let c: usize = 0; c < rowBytes; c += 16) v128.store(to + c, f32x4.mul(scale, v128.load(from + c)));
    store<f32>(to + target, load<f32>(to + target) - weight);
    store<f32>(losses + (<usize>u << 2), -weight * f32x4.extract_lane(logx4(f32x4.splat(p)), 0));
  }
}
