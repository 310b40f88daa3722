// Training loss: gradient and per-row sums of (1 - lambda) L1 + lambda (1 - SSIM), zero-padded 11 x 11 window.
//
// One pass over the rows of a channel, four at a time. Three planes of products (four without precomputed target means)
// are kept for the rows in reach, blurred vertically then horizontally, turned into derivatives, which are kept and
// blurred the same way. Blurring four rows (or four neighbouring vectors) at once needs 3.5 (5.75) loads per result
// instead of 11, and the loads are what limits this kernel; symmetric taps are added before they are multiplied.
//
// What a pixel's value is computed from never depends on the number of threads: a thread's rows begin on a multiple of
// four of a channel, and the halo rows are recomputed by the same instructions.
//
// Rows sit in slots of PLANES planes. Byte COLUMN0 of a plane is the first column of the column tile; what lies before
// and after is the halo, or zeros outside the image.
//
// Constants that a loop needs are broadcast from memory before it: the engine rebuilds literal vectors in every
// iteration, which cost a third of the time.

import { fma, fnma, horizontalSum } from "../shared/math.as";
import { rangeStart } from "../shared/shares.as";
import {
  CONSTANTS_BYTES, FULL_C1, FULL_C2, HALF_C1, HALF_C2, horizontalQuad, INV_255, ONE, PLANE, PLANES,
  SLOT, storeConstants, verticalQuad,
} from "./blur.as";

/** Halo columns on both sides of a tile: twice the radius, rounded up to vectors. */
const HALO: i32 = 16;
const HALF_HALO: i32 = 8;
const MAX_TILE: i32 = 304;
const COLUMN0: usize = 4 * 16;
/** Slots of a sliding window; when it is full its last ones move to the front. */
const WINDOW_SLOTS: i32 = 46;
/** Rows that one step reads from the first and from the second window. */
const REACH1: i32 = 14;
const REACH2: i32 = 17;
// @ts-ignore: decorator
@inline
function tailMask(lanes: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(lanes));
}

/** `lanes` (1 to 3) floats, the rest 0, without touching the memory behind them. */
// @ts-ignore: decorator
@inline
function loadTail(p: usize, lanes: i32): v128 {
  if (lanes == 1) return v128.load32_zero(p);
  const two = v128.load64_zero(p);
  return lanes == 2 ? two : v128.load_lane<f32>(p, two, 2, 8);
}

// @ts-ignore: decorator
@inline
function storeTail(p: usize, value: v128, lanes: i32): void {
  if (lanes == 1) {
    v128.store_lane<f32>(p, value, 0);
    return;
  }
  v128.store_lane<f64>(p, value, 0);
  if (lanes == 3) v128.store_lane<f32>(p, value, 2, 8);
}

/** Four bytes as floats times `scale`. */
// @ts-ignore: decorator
@inline
function unit(bytes: v128, scale: v128): v128 {
  const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
  return f32x4.mul(f32x4.convert_i32x4_s(wide), scale);
}

/** 1 to 3 bytes, the rest 0. */
// @ts-ignore: decorator
@inline
function loadBytesTail(p: usize, lanes: i32): v128 {
  let bits = <u32>load<u8>(p);
  if (lanes > 1) bits |= <u32>load<u8>(p, 1) << 8;
  if (lanes > 2) bits |= <u32>load<u8>(p, 2) << 16;
  return i32x4.splat(<i32>bits);
}

/** The products of one row in a slot: x, x^2 + y^2, x y and, when wanted, y. */
// @ts-ignore: decorator
@inline
function storeProducts(slot: usize, x: v128, y: v128, withTarget: bool): void {
  v128.store(slot, x);
  v128.store(slot, fma(x, x, f32x4.mul(y, y)), PLANE);
  v128.store(slot, f32x4.mul(x, y), 2 * PLANE);
  if (withTarget) v128.store(slot, y, 3 * PLANE);
}

function products(slot: usize, x: usize, y: usize, columns: i32, withTarget: bool, constants: usize): void {
  const scale = v128.load32_splat(constants, INV_255);
  const end = x + (<usize>(columns >> 2) << 4);
  for (; x < end; slot += 16, x += 16, y += 4) {
    storeProducts(slot, v128.load(x), unit(v128.load32_zero(y), scale), withTarget);
  }
  const lanes = columns & 3;
  if (lanes > 0) storeProducts(slot, loadTail(x, lanes), unit(loadBytesTail(y, lanes), scale), withTarget);
}

function clear(p: usize, vectors: i32): void {
  const end = p + (<usize>vectors << 4);
  for (; p < end; p += 16) v128.store(p, f32x4.splat(0.0));
}

/** Moves `slots` rows of `planes` planes to the front of a window. */
function rewind(from: usize, to: usize, slots: i32, planes: i32, vectors: i32): void {
  for (let s = 0; s < slots; s++) {
    for (let k = 0; k < planes; k++) {
      let source = from + <usize>s * SLOT + <usize>k * PLANE;
      let target = to + <usize>s * SLOT + <usize>k * PLANE;
      const end = source + (<usize>vectors << 4);
      for (; source < end; source += 16, target += 16) v128.store(target, v128.load(source));
    }
  }
}

/**
 * From the blurred planes of one vector to the derivatives of SSIM: a quarter of that by the mean, minus a half of that by
 * the squares (whose own derivative 2 x brings the other factor), a quarter of that by the product. Returns SSIM / 4.
 *
 * With A1 = 2 a1, A2 = 2 a2 the halved factors of the numerator and r = 1 / (B1 B2): SSIM = 4 a1 a2 r, dSSIM/dE[xy] = 4 a1 r,
 * dSSIM/dE[x^2 + y^2] = -4 a1 a2 r^2 B1, dSSIM/dmean = 4 r my (a2 - a1) + 8 mx a1 a2 r^2 (B1 - B2).
 */
// @ts-ignore: decorator
@inline
function storeDerivatives(
  blurred: usize, my: v128, out: usize, mask: v128,
  halfC1: v128, halfC2: v128, c1: v128, c2: v128, one: v128, masked: bool,
): v128 {
  const mx = v128.load(blurred);
  const mxy = f32x4.mul(mx, my);
  const squares = fma(mx, mx, f32x4.mul(my, my));
  const a1 = f32x4.add(mxy, halfC1);
  const a2 = f32x4.add(f32x4.sub(v128.load(blurred, 2 * PLANE), mxy), halfC2);
  const b1 = f32x4.add(squares, c1);
  const b2 = f32x4.add(f32x4.sub(v128.load(blurred, PLANE), squares), c2);
  let r = f32x4.div(one, f32x4.mul(b1, b2));
  if (masked) r = v128.and(r, mask);
  const byProduct = f32x4.mul(a1, r);
  const s = f32x4.mul(byProduct, a2);
  const sr = f32x4.mul(s, r);
  const twice = f32x4.add(sr, sr);
  const viaTarget = f32x4.mul(f32x4.mul(my, r), f32x4.sub(a2, a1));
  v128.store(out, fma(f32x4.mul(mx, twice), f32x4.sub(b1, b2), viaTarget));
  v128.store(out, f32x4.mul(twice, b1), PLANE);
  v128.store(out, byProduct, 2 * PLANE);
  return s;
}

/**
 * One row of derivatives; returns the sum of SSIM over its columns. `means` is 0 when the target's means are the fourth
 * blurred plane.
 */
function derivatives(blurred: usize, means: usize, out: usize, columns: i32, constants: usize): f32 {
  const halfC1 = v128.load32_splat(constants, HALF_C1);
  const halfC2 = v128.load32_splat(constants, HALF_C2);
  const c1 = v128.load32_splat(constants, FULL_C1);
  const c2 = v128.load32_splat(constants, FULL_C2);
  const one = v128.load32_splat(constants, ONE);
  let sum = f32x4.splat(0.0);
  let my = means == 0 ? blurred + 3 * PLANE : means;
  const end = out + (<usize>(columns >> 2) << 4);
  for (; out < end; blurred += 16, my += 16, out += 16) {
    sum = f32x4.add(sum, storeDerivatives(blurred, v128.load(my), out, one, halfC1, halfC2, c1, c2, one, false));
  }
  const lanes = columns & 3;
  if (lanes > 0) {
    const mask = tailMask(lanes);
    const s = storeDerivatives(blurred, loadTail(my, lanes), out, mask, halfC1, halfC2, c1, c2, one, true);
    sum = f32x4.add(sum, s);
  }
  return horizontalSum(sum) * 4.0;
}

/** Gradient of one vector from its three blurred derivatives and the L1 part. */
// @ts-ignore: decorator
@inline
function combined(blurred: usize, x: v128, y: v128, difference: v128, scale: v128, step: v128, signBit: v128): v128 {
  let g = fnma(x, v128.load(blurred, PLANE), v128.load(blurred));
  g = fma(y, v128.load(blurred, 2 * PLANE), g);
  const sign = v128.or(v128.and(difference, signBit), step);
  const zero = f32x4.eq(difference, v128.xor(signBit, signBit));
  return fma(g, scale, v128.andnot(sign, zero));
}

/** One row of the gradient; returns the sum of |x - y|. */
function combine(
  blurred: usize, x: usize, y: usize, gradient: usize, columns: i32, ssimScale: f32, l1Scale: f32, constants: usize,
): f32 {
  let sum = f32x4.splat(0.0);
  const scale = f32x4.splat(ssimScale);
  const step = f32x4.splat(l1Scale);
  const signBit = i32x4.splat(<i32>0x80000000);
  const inv255 = v128.load32_splat(constants, INV_255);
  const end = x + (<usize>(columns >> 2) << 4);
  for (; x < end; blurred += 16, x += 16, y += 4, gradient += 16) {
    const vx = v128.load(x);
    const vy = unit(v128.load32_zero(y), inv255);
    const difference = f32x4.sub(vx, vy);
    sum = f32x4.add(sum, f32x4.abs(difference));
    v128.store(gradient, combined(blurred, vx, vy, difference, scale, step, signBit));
  }
  const lanes = columns & 3;
  if (lanes > 0) {
    const vx = loadTail(x, lanes);
    const vy = unit(loadBytesTail(y, lanes), inv255);
    const difference = f32x4.sub(vx, vy);
    sum = f32x4.add(sum, f32x4.abs(difference));
    storeTail(gradient, combined(blurred, vx, vy, difference, scale, step, signBit), lanes);
  }
  return horizontalSum(sum);
}

// @ts-ignore: decorator
@inline
function vectorsOf(columns: i32): i32 {
  return (columns + 3) >> 2;
}

// @ts-ignore: decorator
@inline
function tileWidth(width: i32): i32 {
  const tiles = (width + MAX_TILE - 1) / MAX_TILE;
  return ((width + tiles - 1) / tiles + 15) & ~15;
}

/** Zeroes what the horizontal blur reads beyond the image. Inside it the vertical blur writes the halo every time. */
function clearMargins(rows: usize, at: usize, vectors: i32): void {
  for (let s: usize = 0; s < 4; s++) {
    for (let k: usize = 0; k < PLANES; k++) {
      clear(rows + s * SLOT + k * PLANE, <i32>(at >> 4));
      clear(rows + s * SLOT + k * PLANE + at + (<usize>vectors << 4), 4);
    }
  }
}

/** Rows [rowBegin, rowEnd) of the columns [c0, c1) of one channel; all pointers are to the channel's plane. */
function tile(
  x: usize, y: usize, means: usize, gradient: usize, sums: usize, width: i32, height: i32,
  rowBegin: i32, rowEnd: i32, c0: i32, c1: i32, ssimScale: f32, l1Scale: f32, constants: usize,
): void {
  const vertical = constants + CONSTANTS_BYTES;
  const blurred = vertical + 4 * SLOT;
  const window1 = blurred + 4 * SLOT;
  const window2 = window1 + <usize>WINDOW_SLOTS * SLOT;
  const lo1 = max(0, c0 - HALO);
  const hi1 = min(width, c1 + HALO);
  const lo2 = max(0, c0 - HALF_HALO);
  const hi2 = min(width, c1 + HALF_HALO);
  const at1 = COLUMN0 + (<usize>(lo1 - c0) << 2);
  const at2 = COLUMN0 + (<usize>(lo2 - c0) << 2);
  const planes = means == 0 ? 4 : 3;
  const vectors1 = vectorsOf(hi1 - lo1);
  const vectors2 = vectorsOf(hi2 - lo2);
  clearMargins(vertical, at1, vectors1);

  // Step d turns the product rows d - 5 to d + 8 into the derivative rows d to d + 3, and the derivative rows d - 13 to d
  // into the gradient rows d - 8 to d - 5. slot1 holds row d - 5, slot2 row d - 13.
  let slot1 = 0;
  let slot2 = 0;
  let next = rowBegin - 13;
  for (let d = rowBegin - 8; d - 8 < rowEnd; d += 4, slot1 += 4, slot2 += 4) {
    if (slot1 + REACH1 > WINDOW_SLOTS) {
      rewind(window1 + <usize>slot1 * SLOT + at1, window1 + at1, REACH1 - 4, planes, vectors1);
      slot1 = 0;
    }
    for (; next <= d + 8; next++) {
      const slot = window1 + <usize>(slot1 + next - (d - 5)) * SLOT + at1;
      if (next >= 0 && next < height) {
        const offset = <usize>(next * width + lo1);
        products(slot, x + (offset << 2), y + offset, hi1 - lo1, planes == 4, constants);
      } else {
        for (let k = 0; k < planes; k++) clear(slot + <usize>k * PLANE, vectors1);
      }
    }

    if (slot2 + REACH2 > WINDOW_SLOTS) {
      rewind(window2 + <usize>slot2 * SLOT + at2, window2 + at2, REACH2 - 4, 3, vectors2);
      slot2 = 0;
    }
    if (d + 3 >= 0 && d < height) {
      const source = window1 + <usize>slot1 * SLOT;
      for (let k: usize = 0; k < <usize>planes; k++) {
        const plane = k * PLANE;
        verticalQuad(source + plane + at1, vertical + plane + at1, vectors1, constants);
        for (let s: usize = 0; s < 4; s++) {
          horizontalQuad(vertical + s * SLOT + plane + at2, blurred + s * SLOT + plane + at2, vectors2, constants);
        }
      }
    }
    for (let row = d; row < d + 4; row++) {
      const out = window2 + <usize>(slot2 + 13 + row - d) * SLOT;
      if (row < 0 || row >= height) {
        for (let k: usize = 0; k < 3; k++) clear(out + k * PLANE + at2, vectors2);
        continue;
      }
      const from = blurred + <usize>(row - d) * SLOT + COLUMN0;
      const meanRow = means + (<usize>(row * width + c0) << 2);
      const none = means == 0;
      // The halo beside the tile is needed for the second blur, but belongs to the neighbours' sums.
      const left = <usize>(c0 - lo2) << 2;
      if (left > 0) {
        derivatives(from - left, none ? <usize>0 : meanRow - left, out + COLUMN0 - left, c0 - lo2, constants);
      }
      const sum = derivatives(from, none ? <usize>0 : meanRow, out + COLUMN0, c1 - c0, constants);
      if (hi2 > c1) {
        const right = <usize>(c1 - c0) << 2;
        derivatives(from + right, none ? <usize>0 : meanRow + right, out + COLUMN0 + right, hi2 - c1, constants);
      }
      if (row >= rowBegin && row < rowEnd) {
        const p = sums + (<usize>row << 3);
        store<f32>(p, c0 == 0 ? sum : load<f32>(p, 4) + sum, 4);
      }
    }

    const r = d - 8;
    if (r < rowBegin) continue;
    const source = window2 + <usize>slot2 * SLOT;
    const vectors = vectorsOf(c1 - c0);
    for (let k: usize = 0; k < 3; k++) {
      const plane = k * PLANE;
      verticalQuad(source + plane + at2, vertical + plane + at2, vectors2, constants);
      for (let s: usize = 0; s < 4; s++) {
        horizontalQuad(vertical + s * SLOT + plane + COLUMN0, blurred + s * SLOT + plane + COLUMN0, vectors, constants);
      }
    }
    for (let row = r; row < min(r + 4, rowEnd); row++) {
      const offset = <usize>(row * width + c0);
      const sum = combine(
        blurred + <usize>(row - r) * SLOT + COLUMN0, x + (offset << 2), y + offset, gradient + (offset << 2),
        c1 - c0, ssimScale, l1Scale, constants,
      );
      const p = sums + (<usize>row << 3);
      store<f32>(p, c0 == 0 ? sum : load<f32>(p) + sum);
    }
  }
}

/**
 * out [3, H, W] = dLoss/dRendered, sums [3 H][2] (per row: sum of |x - y|, sum of SSIM) and total, float64 {mean of |x - y|,
 * mean SSIM}.
 * `ssimScale` is -4 lambda / (3 H W), `l1Scale` (1 - lambda) / (3 H W); `means` [3, H, W] or 0.
 */
export function gradient(
  thread: i32, threads: i32, rendered: usize, target: usize, means: usize, out: usize, sums: usize,
  width: i32, height: i32, ssimScale: f32, l1Scale: f32, scratch: usize, scratchBytes: usize, counters: usize, total: usize,
): void {
  gradientRows(
    thread, threads, rendered, target, means, out, sums, width, height, ssimScale, l1Scale, scratch + <usize>thread * scratchBytes,
  );
  // Whoever is last adds up the rows, in one order: the loss does not depend on how they were shared out.
  if (atomic.add<i32>(counters, 1) == threads - 1) addRows(sums, 3 * height, 3.0 * <f64>width * <f64>height, total);
}

function addRows(sums: usize, rows: i32, values: f64, total: usize): void {
  let absolute: f64 = 0.0;
  let similarity: f64 = 0.0;
  const end = sums + (<usize>rows << 3);
  for (let p = sums; p < end; p += 8) {
    absolute += <f64>load<f32>(p);
    similarity += <f64>load<f32>(p, 4);
  }
  store<f64>(total, absolute / values);
  store<f64>(total, similarity / values, 8);
}

function gradientRows(
  thread: i32, threads: i32, rendered: usize, target: usize, means: usize, out: usize, sums: usize,
  width: i32, height: i32, ssimScale: f32, l1Scale: f32, own: usize,
): void {
  const quads = (height + 3) >> 2;
  const rowBegin = 4 * rangeStart(thread, threads, quads);
  const rowEnd = min(height, 4 * rangeStart(thread + 1, threads, quads));
  if (rowBegin >= rowEnd) return;
  const plane = <usize>width * <usize>height;
  const step = tileWidth(width);
  storeConstants(own);
  for (let c = 0; c < 3; c++) {
    const skip = <usize>c * plane;
    for (let c0 = 0; c0 < width; c0 += step) {
      tile(
        rendered + (skip << 2), target + skip, means == 0 ? <usize>0 : means + (skip << 2), out + (skip << 2),
        sums + (<usize>(c * height) << 3), width, height, rowBegin, rowEnd, c0, min(width, c0 + step),
        ssimScale, l1Scale, own,
      );
    }
  }
}

/** out [3, H, W]: the blurred target, by the same instructions as in `gradient`. */
export function means(
  thread: i32, threads: i32, target: usize, out: usize, width: i32, height: i32, scratch: usize, scratchBytes: usize,
): void {
  const quads = (height + 3) >> 2;
  const begin = <i32>((<i64>(3 * quads) * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>(3 * quads) * <i64>(thread + 1)) / <i64>threads);
  const own = scratch + <usize>thread * scratchBytes;
  const step = tileWidth(width);
  storeConstants(own);
  for (let quad = begin; quad < end; quad++) {
    const c = quad / quads;
    const skip = <usize>c * <usize>width * <usize>height;
    for (let c0 = 0; c0 < width; c0 += step) {
      meansOfQuad(target + skip, out + (skip << 2), width, height, 4 * (quad - c * quads), c0, min(width, c0 + step), own);
    }
  }
}

function meansOfQuad(
  y: usize, out: usize, width: i32, height: i32, row: i32, c0: i32, c1: i32, constants: usize,
): void {
  const vertical = constants + CONSTANTS_BYTES;
  const blurred = vertical + 4 * SLOT;
  const window = blurred + 4 * SLOT;
  const scale = v128.load32_splat(constants, INV_255);
  const lo = max(0, c0 - HALO);
  const hi = min(width, c1 + HALO);
  const at = COLUMN0 + (<usize>(lo - c0) << 2);
  const vectors = vectorsOf(hi - lo);
  for (let k = 0; k < REACH1; k++) {
    let p = window + <usize>k * SLOT + at;
    const from = row - 5 + k;
    if (from < 0 || from >= height) {
      clear(p, vectors);
      continue;
    }
    let q = y + <usize>(from * width + lo);
    for (let left = hi - lo; left > 0; left -= 4, p += 16, q += 4) {
      v128.store(p, unit(left >= 4 ? v128.load32_zero(q) : loadBytesTail(q, left), scale));
    }
  }
  clearMargins(vertical, at, vectors);
  verticalQuad(window + at, vertical + at, vectors, constants);
  for (let k = 0; k < 4 && row + k < height; k++) {
    let p = blurred + <usize>k * SLOT + COLUMN0;
    horizontalQuad(vertical + <usize>k * SLOT + COLUMN0, p, vectorsOf(c1 - c0), constants);
    let q = out + (<usize>((row + k) * width + c0) << 2);
    for (let left = c1 - c0; left > 0; left -= 4, p += 16, q += 16) {
      if (left >= 4) v128.store(q, v128.load(p));
      else storeTail(q, v128.load(p), left);
    }
  }
}
