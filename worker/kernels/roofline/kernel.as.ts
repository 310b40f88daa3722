// What this machine can do at most, per thread and all threads together: the two ceilings that kernels are measured by.

import { fma, horizontalSum, splat } from "../shared/math.as";

/** 10 independent chains of fused multiply-adds: 80 flops per round. Stores a sum so that nothing is dropped. */
export function multiplyAdd(thread: i32, threads: i32, rounds: i32, factor: f32, out: usize): void {
  const f = splat(factor);
  let a = splat(1.0);
  let b = splat(2.0);
  let c = splat(3.0);
  let d = splat(4.0);
  let e = splat(5.0);
  let g = splat(6.0);
  let h = splat(7.0);
  let i = splat(8.0);
  let j = splat(9.0);
  let k = splat(10.0);
  for (let round = 0; round < rounds; round++) {
    a = fma(a, f, f);
    b = fma(b, f, f);
    c = fma(c, f, f);
    d = fma(d, f, f);
    e = fma(e, f, f);
    g = fma(g, f, f);
    h = fma(h, f, f);
    i = fma(i, f, f);
    j = fma(j, f, f);
    k = fma(k, f, f);
  }
  const sum = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, g), f32x4.add(h, i)));
  store<f32>(out + (<usize>thread << 6), horizontalSum(f32x4.add(sum, f32x4.add(j, k))));
}

/** out[i] = a[i] + factor * b[i] over `vectors` vectors: two reads and a write of 16 bytes each. */
export function triad(thread: i32, threads: i32, a: usize, b: usize, out: usize, vectors: i32, factor: f32): void {
  const f = splat(factor);
  const end = <i32>((<i64>vectors * <i64>(thread + 1)) / <i64>threads);
  for (let i = <i32>((<i64>vectors * <i64>thread) / <i64>threads); i < end; i++) {
    const at = <usize>i << 4;
    v128.store(out + at, fma(v128.load(b + at), f, v128.load(a + at)));
  }
}
