// Nested embeddings W[:, 1:M] theta[1:M], the loss that compares embeddings with targets, and their gradients. Rows are
// padded to whole vectors with zeros. Rows belong to threads; gradients of W too, row by row of W, summed over the batch
// in order: nothing depends on the number of threads.

import { fma, horizontalSum, splat } from "../shared/math.as";

// @ts-ignore: decorator
@inline
function part(count: i32, thread: i32, threads: i32): usize {
  return <usize>((<i64>count * <i64>thread) / <i64>threads);
}

/** Bytes of the vectors that hold the first `used` floats. */
// @ts-ignore: decorator
@inline
function vectorBytes(used: u32): usize {
  return (<usize>used + 3) >> 2 << 4;
}

/**
 * embeddings [count, outputBytes / 4] = W [outputs, rowBytes / 4] times the first used[r] floats of each row; the others
 * are set to 0 in place. `outputs` is padded to a multiple of 4 in W as well.
 */
export function project(
  thread: i32, threads: i32, rows: usize, used: usize, count: i32, rowBytes: usize, projection: usize, outputs: i32,
  embeddings: usize,
): void {
  const begin = part(count, thread, threads);
  const end = part(count, thread + 1, threads);
  const outputBytes = <usize>outputs << 2;
  for (let r = begin; r < end; r++) {
    const row = rows + r * rowBytes;
    const dimensions = load<u32>(used + (r << 2));
    memory.fill(row + (<usize>dimensions << 2), 0, rowBytes - (<usize>dimensions << 2));
    const bytes = vectorBytes(dimensions);
    const out = embeddings + r * outputBytes;
    for (let e: usize = 0; e < <usize>outputs; e += 4) {
      const w = projection + e * rowBytes;
      let a0 = splat(0.0);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      for (let d: usize = 0; d < bytes; d += 16) {
        const x = v128.load(row + d);
        a0 = fma(x, v128.load(w + d), a0);
        a1 = fma(x, v128.load(w + rowBytes + d), a1);
        a2 = fma(x, v128.load(w + 2 * rowBytes + d), a2);
        a3 = fma(x, v128.load(w + 3 * rowBytes + d), a3);
      }
      store<f32>(out + (e << 2), horizontalSum(a0));
      store<f32>(out + (e << 2), horizontalSum(a1), 4);
      store<f32>(out + (e << 2), horizontalSum(a2), 8);
      store<f32>(out + (e << 2), horizontalSum(a3), 12);
    }
  }
}

/** rowGradients [count, rowBytes / 4] = W^T upstream within the dimensions in use, 0 beyond. */
export function rowGradients(
  thread: i32, threads: i32, used: usize, count: i32, rowBytes: usize, projection: usize, outputs: i32, upstream: usize,
  gradients: usize,
): void {
  const begin = part(count, thread, threads);
  const end = part(count, thread + 1, threads);
  const outputBytes = <usize>outputs << 2;
  for (let r = begin; r < end; r++) {
    const dimensions = load<u32>(used + (r << 2));
    const bytes = vectorBytes(dimensions);
    const up = upstream + r * outputBytes;
    const out = gradients + r * rowBytes;
    let d: usize = 0;
    for (; d + 32 <= bytes; d += 32) {
      let a0 = splat(0.0);
      let a1 = a0;
      let b0 = a0;
      let b1 = a0;
      let w = projection + d;
      for (let e: usize = 0; e < outputBytes; e += 8, w += 2 * rowBytes) {
        const u0 = v128.load32_splat(up + e);
        a0 = fma(u0, v128.load(w), a0);
        a1 = fma(u0, v128.load(w, 16), a1);
        const u1 = v128.load32_splat(up + e, 4);
        b0 = fma(u1, v128.load(w + rowBytes), b0);
        b1 = fma(u1, v128.load(w + rowBytes, 16), b1);
      }
      v128.store(out + d, f32x4.add(a0, b0));
      v128.store(out + d, f32x4.add(a1, b1), 16);
    }
    for (; d < bytes; d += 16) {
      let a = splat(0.0);
      let w = projection + d;
      for (let e: usize = 0; e < outputBytes; e += 4, w += rowBytes) a = fma(v128.load32_splat(up + e), v128.load(w), a);
      v128.store(out + d, a);
    }
    memory.fill(out + (<usize>dimensions << 2), 0, rowBytes - (<usize>dimensions << 2));
  }
}

/** projectionGradients [outputs, rowBytes / 4] += upstream^T rows; rows are 0 beyond the dimensions in use. */
export function projectionGradients(
  thread: i32, threads: i32, rows: usize, used: usize, count: i32, rowBytes: usize, outputs: i32, upstream: usize,
  gradients: usize,
): void {
  const outputBytes = <usize>outputs << 2;
  const begin = part(outputs >> 2, thread, threads) << 2;
  const end = part(outputs >> 2, thread + 1, threads) << 2;
  for (let e = begin; e < end; e += 4) {
    const g = gradients + e * rowBytes;
    for (let r: usize = 0; r < <usize>count; r++) {
      const row = rows + r * rowBytes;
      const up = upstream + r * outputBytes + (e << 2);
      const bytes = vectorBytes(load<u32>(used + (r << 2)));
      const u0 = v128.load32_splat(up);
      const u1 = v128.load32_splat(up, 4);
      const u2 = v128.load32_splat(up, 8);
      const u3 = v128.load32_splat(up, 12);
      for (let d: usize = 0; d < bytes; d += 16) {
        const x = v128.load(row + d);
        const at = g + d;
        v128.store(at, fma(u0, x, v128.load(at)));
        v128.store(at + rowBytes, fma(u1, x, v128.load(at + rowBytes)));
        v128.store(at + 2 * rowBytes, fma(u2, x, v128.load(at + 2 * rowBytes)));
        v128.store(at + 3 * rowBytes, fma(u3, x, v128.load(at + 3 * rowBytes)));
      }
    }
  }
}

/** losses [count] and gradients [count, rowBytes / 4] of rows against targets[ids[r]]; see embeddingLossReference. */
export function loss(
  thread: i32, threads: i32, rows: usize, count: i32, rowBytes: usize, targets: usize, ids: usize, weights: usize,
  squared: f32, cosine: f32, epsilon: f32, losses: usize, gradients: usize,
): void {
  const begin = part(count, thread, threads);
  const end = part(count, thread + 1, threads);
  for (let r = begin; r < end; r++) {
    const row = rows + r * rowBytes;
    const target = targets + <usize>load<u32>(ids + (r << 2)) * rowBytes;
    const out = gradients + r * rowBytes;
    let vDistance = splat(0.0);
    let vProduct = vDistance;
    let vOwn = vDistance;
    let vOther = vDistance;
    for (let c: usize = 0; c < rowBytes; c += 16) {
      const x = v128.load(row + c);
      const t = v128.load(target + c);
      const difference = f32x4.sub(x, t);
      vDistance = fma(difference, difference, vDistance);
      vProduct = fma(x, t, vProduct);
      vOwn = fma(x, x, vOwn);
      vOther = fma(t, t, vOther);
    }
    const product = horizontalSum(vProduct);
    const own = horizontalSum(vOwn) + epsilon;
    const lengths = sqrt<f32>(own) * sqrt<f32>(horizontalSum(vOther) + epsilon);
    const weight = load<f32>(weights + (r << 2));
    store<f32>(losses + (r << 2), weight * (squared * horizontalSum(vDistance) + cosine * (<f32>1.0 - product / lengths)));
    // 2 a (x - t) - b (t - product / own x) / lengths
    const turn = (weight * cosine) / lengths;
    const pull: f32 = <f32>2.0 * weight * squared;
    const ofRow = f32x4.splat(pull + (turn * product) / own);
    const ofTarget = f32x4.splat(-pull - turn);
    for (let c: usize = 0; c < rowBytes; c += 16) {
      v128.store(out + c, fma(ofRow, v128.load(row + c), f32x4.mul(ofTarget, v128.load(target + c))));
    }
  }
}
