// Elementwise float32x4 functions that WebAssembly lacks. Everything is @inline and free of static data:
// a data section would collide between the kernels that share one memory.
// Constants sit in the code as v128.const; relaxed_madd(a, b, c) is a * b + c, fused where the machine can.

/** Broadcast of a float32 constant. */
// @ts-ignore: decorator
@inline
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** a * b + c per lane. */
// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_madd(a, b, c);
}

/** c - a * b per lane. */
// @ts-ignore: decorator
@inline
export function fnma(a: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_nmadd(a, b, c);
}

/**
 * 2^x for x in [-126, 0.5]; outside it the result is garbage (never a trap). For callers that have already
 * excluded the rest, such as a blend that skips what lies below 1/255.
 *
 * x = n + f with |f| <= 1/2: adding 1.5 * 2^23 rounds x to n in the low mantissa bits, which are then added to the
 * exponent of the polynomial for 2^f (minimax of degree 5, constant term pinned to 1 so that 2^0 is exactly 1).
 */
// @ts-ignore: decorator
@inline
export function exp2x4InRange(x: v128): v128 {
  const shifted = f32x4.add(x, splat(12582912.0));
  const f = f32x4.sub(x, f32x4.sub(shifted, splat(12582912.0)));
  let p = fma(f, splat(0.0013276471979469665), splat(0.009675541334211306));
  p = fma(p, f, splat(0.055507132735425686));
  p = fma(p, f, splat(0.24022119723848565));
  p = fma(p, f, splat(0.6931469670647332));
  p = fma(p, f, splat(1.0));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** 2^x per lane, relative error <= 3e-7. Below -126 (and for NaN) 0; above 127.99999 it saturates. */
// @ts-ignore: decorator
@inline
export function exp2x4(x: v128): v128 {
  const clamped = f32x4.pmin(splat(127.99999), x);
  return v128.and(exp2x4InRange(clamped), f32x4.ge(x, splat(-126.0)));
}

/**
 * e^x per lane, relative error <= 4e-7 for |x| <= 80. Below -87.33 (and for NaN) 0; above 88.72 it saturates.
 *
 * The reduction keeps x - n ln 2 in two parts (Cody and Waite): multiplying x by log2(e) first would cost |x| ulps.
 */
// @ts-ignore: decorator
@inline
export function expx4(x: v128): v128 {
  const clamped = f32x4.pmin(splat(88.7228), x);
  const shifted = fma(clamped, splat(1.4426950408889634), splat(12582912.0));
  const n = f32x4.sub(shifted, splat(12582912.0));
  let r = fnma(n, splat(0.693359375), clamped);
  r = fma(n, splat(2.12194440e-4), r);
  let p = fma(r, splat(0.00138888889), splat(0.00833333333));
  p = fma(p, r, splat(0.0416666667));
  p = fma(p, r, splat(0.166666667));
  p = fma(p, r, splat(0.5));
  p = fma(p, r, splat(1.0));
  p = fma(p, r, splat(1.0));
  return v128.and(i32x4.add(p, i32x4.shl(shifted, 23)), f32x4.ge(x, splat(-87.33)));
}

/**
 * Natural logarithm per lane for positive normal x, absolute error <= 2e-7 * max(1, |log x|).
 * Other inputs give garbage, never a trap. Polynomial of Cephes logf on [sqrt(1/2), sqrt(2)].
 */
// @ts-ignore: decorator
@inline
export function logx4(x: v128): v128 {
  // Offset so that the mantissa part lands in [sqrt(1/2), sqrt(2)) and its exponent is integer n.
  const bits = i32x4.sub(x, i32x4.splat(0x3f3504f3));
  const n = f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23));
  const f = f32x4.sub(i32x4.add(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3)), splat(1.0));
  const z = f32x4.mul(f, f);
  let p = fma(f, splat(7.0376836292e-2), splat(-1.1514610310e-1));
  p = fma(p, f, splat(1.1676998740e-1));
  p = fma(p, f, splat(-1.2420140846e-1));
  p = fma(p, f, splat(1.4249322787e-1));
  p = fma(p, f, splat(-1.6668057665e-1));
  p = fma(p, f, splat(2.0000714765e-1));
  p = fma(p, f, splat(-2.4999993993e-1));
  p = fma(p, f, splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, f), z);
  y = fma(n, splat(-2.12194440e-4), y);
  y = fma(z, splat(-0.5), y);
  return fma(n, splat(0.693359375), f32x4.add(f, y));
}

/** 1 / (1 + e^-x) per lane, relative error <= 8e-7; never below 1e-35, so that no denormal reaches a hot loop. */
// @ts-ignore: decorator
@inline
export function sigmoidx4(x: v128): v128 {
  const e = expx4(f32x4.neg(f32x4.pmax(splat(-80.0), x)));
  return f32x4.div(splat(1.0), f32x4.add(splat(1.0), e));
}

/** 1 / sqrt(x) per lane, correctly rounded steps (WebAssembly has no estimate instruction). */
// @ts-ignore: decorator
@inline
export function rsqrtx4(x: v128): v128 {
  return f32x4.div(splat(1.0), f32x4.sqrt(x));
}

/** Sum of the four lanes in the fixed order (0 + 1) + (2 + 3). */
// @ts-ignore: decorator
@inline
export function horizontalSum(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 1, 0, 3, 2));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 2);
}

/** Transposes a 4 x 4 block held in four registers; `transposeN` is row N of the result. */
// @ts-ignore: decorator
@inline
export function transpose0(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<f32>(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 0, 4, 1, 5), 0, 1, 4, 5);
}
// @ts-ignore: decorator
@inline
export function transpose1(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<f32>(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 0, 4, 1, 5), 2, 3, 6, 7);
}
// @ts-ignore: decorator
@inline
export function transpose2(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<f32>(v128.shuffle<f32>(a, b, 2, 6, 3, 7), v128.shuffle<f32>(c, d, 2, 6, 3, 7), 0, 1, 4, 5);
}
// @ts-ignore: decorator
@inline
export function transpose3(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<f32>(v128.shuffle<f32>(a, b, 2, 6, 3, 7), v128.shuffle<f32>(c, d, 2, 6, 3, 7), 2, 3, 6, 7);
}
