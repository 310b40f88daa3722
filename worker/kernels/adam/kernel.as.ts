// Adam (Kingma and Ba 2015, algorithm 1) over flat float32 arrays, all lanes at once or only those of visible rows.

import { fma } from "../shared/math.as";

// @ts-ignore: decorator
@inline
function blend(mask: v128, chosen: v128, other: v128, masked: bool): v128 {
  return masked ? v128.bitselect(chosen, other, mask) : chosen;
}

// One vector at offset i of all four arrays. The arithmetic is the same whether masked or not.
// @ts-ignore: decorator
@inline
function step(
  p: usize, g: usize, m: usize, v: usize, rate: v128, keep1: v128, take1: v128, keep2: v128, take2: v128,
  correction2: v128, epsilon: v128, mask: v128, masked: bool,
): void {
  const gradient = v128.load(g);
  const oldM = v128.load(m);
  const oldV = v128.load(v);
  const oldP = v128.load(p);
  const newM = fma(keep1, oldM, f32x4.mul(take1, gradient));
  const newV = fma(keep2, oldV, f32x4.mul(take2, f32x4.mul(gradient, gradient)));
  const scale = f32x4.add(f32x4.sqrt(f32x4.mul(newV, correction2)), epsilon);
  const newP = f32x4.sub(oldP, f32x4.div(f32x4.mul(rate, newM), scale));
  v128.store(m, blend(mask, newM, oldM, masked));
  v128.store(v, blend(mask, newV, oldV, masked));
  v128.store(p, blend(mask, newP, oldP, masked));
}

/**
 * Updates blocks [blocks][components][4] of parameters p, first moments m and second moments v from gradients g.
 * `rate` is already divided by the first bias correction; `visible` is one byte per row of a block (4 per block), or 0.
 * Every array must be whole vectors: `tail` lanes (0 to 3) behind the last block are done one by one.
 */
export function update(
  thread: i32, threads: i32, p: usize, g: usize, m: usize, v: usize, blocks: i32, components: i32, tail: i32,
  rate: f32, keep1: f32, take1: f32, keep2: f32, take2: f32, correction2: f32, epsilon: f32, visible: usize,
): void {
  const begin = <i32>((<i64>blocks * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>blocks * <i64>(thread + 1)) / <i64>threads);
  const vRate = f32x4.splat(rate);
  const vKeep1 = f32x4.splat(keep1);
  const vTake1 = f32x4.splat(take1);
  const vKeep2 = f32x4.splat(keep2);
  const vTake2 = f32x4.splat(take2);
  const vCorrection2 = f32x4.splat(correction2);
  const vEpsilon = f32x4.splat(epsilon);
  const blockBytes = <usize>components << 4;
  if (visible == 0) {
    const from = <usize>begin * blockBytes;
    const to = <usize>end * blockBytes;
    for (let i = from; i < to; i += 16) {
      step(
        p + i, g + i, m + i, v + i, vRate, vKeep1, vTake1, vKeep2, vTake2, vCorrection2, vEpsilon, vRate, false,
      );
    }
  } else {
    for (let b = begin; b < end; b++) {
      const bytes = load<u32>(visible + (<usize>b << 2));
      if (bytes == 0) continue;
      const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i32x4.splat(<i32>bytes)));
      const mask = i32x4.ne(wide, i32x4.splat(0));
      const to = <usize>(b + 1) * blockBytes;
      for (let i = <usize>b * blockBytes; i < to; i += 16) {
        step(
          p + i, g + i, m + i, v + i, vRate, vKeep1, vTake1, vKeep2, vTake2, vCorrection2, vEpsilon, mask, true,
        );
      }
    }
  }
  if (thread != threads - 1) return;
  const first = <usize>blocks * blockBytes;
  for (let i = first; i < first + (<usize>tail << 2); i += 4) {
    const gradient = load<f32>(g + i);
    const newM = keep1 * load<f32>(m + i) + take1 * gradient;
    const newV = keep2 * load<f32>(v + i) + take2 * (gradient * gradient);
    store<f32>(m + i, newM);
    store<f32>(v + i, newV);
    store<f32>(p + i, load<f32>(p + i) - (rate * newM) / (sqrt<f32>(newV * correction2) + epsilon));
  }
}
