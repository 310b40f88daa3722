// Approximate normal deviates from a counter-based hash: the same numbers whatever thread asks, in whatever order.

import { splat } from "../shared/math.as";

/** A bijection of 32-bit words with good avalanche (Ettinger's lowbias32 with the constants of splitmix32). */
// @ts-ignore: decorator
@inline
function mix(x: v128): v128 {
  x = v128.xor(x, i32x4.shr_u(x, 16));
  x = i32x4.mul(x, i32x4.splat(0x21f0aaad));
  x = v128.xor(x, i32x4.shr_u(x, 15));
  x = i32x4.mul(x, i32x4.splat(0x735a2d97));
  return v128.xor(x, i32x4.shr_u(x, 15));
}

/**
 * Deviates of mean 0 and variance 1 for Gaussians 4 block .. 4 block + 3 and one axis: the sum of four 16-bit uniforms
 * (Irwin-Hall), which never leaves +-3.47.
 */
// @ts-ignore: decorator
@inline
export function normalLanes(block: i32, axis: i32, key0: i32, key1: i32): v128 {
  const gaussian = i32x4.add(i32x4.splat(block << 2), i32x4(0, 1, 2, 3));
  const counter = i32x4.add(i32x4.mul(gaussian, i32x4.splat(3)), i32x4.splat(axis));
  const first = mix(i32x4.add(counter, i32x4.splat(key0)));
  const second = mix(v128.xor(first, i32x4.splat(key1)));
  const low = i32x4.splat(0xffff);
  const sum = i32x4.add(
    i32x4.add(v128.and(first, low), i32x4.shr_u(first, 16)),
    i32x4.add(v128.and(second, low), i32x4.shr_u(second, 16)),
  );
  // (sum + 4 / 2) / 65536 - 2 has variance 4 / 12.
  const centred = f32x4.sub(f32x4.convert_i32x4_s(i32x4.add(sum, sum)), splat(262140.0));
  return f32x4.mul(centred, splat(1.7320508075688772 / 131072.0));
}
