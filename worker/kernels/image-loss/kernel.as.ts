// Training loss: gradient and per-row sums of (1 - lambda) L1 + lambda (1 - SSIM), zero-padded 11 x 11 window.
//
// One pass over the rows of a channel in pairs. Three (four without precomputed target means) planes of products are
// kept for 12 rows, blurred vertically then horizontally, turned into derivatives, which are kept for 12 rows in turn
// and blurred the same way. Blurring a pair of rows (or two neighbouring vectors) at once shares nearly half of the
// loads, and the symmetric taps are added before they are multiplied.
//
// What a pixel's value is computed from never depends on the number of threads: a thread's rows begin on an even row of
// a channel, and the halo rows are recomputed by the same instructions.
//
// Rows sit in slots of PLANES planes. Buffer index COLUMN0 of a plane is the first column of the column tile; the floats
// before and after are the halo, or zeros outside the image.

import { fma, horizontalSum } from "../shared/math.as";

const PLANES: usize = 4;
/** Halo columns on both sides of a tile: twice the radius, rounded up to vectors. */
const HALO: i32 = 16;
const HALF_HALO: i32 = 8;
const MAX_TILE: i32 = 304;
const PLANE: usize = 4 * (304 + 2 * 16);
const SLOT: usize = 4 * (4 * (304 + 2 * 16));
const COLUMN0: usize = 4 * 16;
/** Slots of a sliding window; when it is full its last ones move to the front. */
const WINDOW_SLOTS: i32 = 46;

const G0: f32 = 0.26601172486179436;
const G1: f32 = 0.2130055377112537;
const G2: f32 = 0.10936068950970002;
const G3: f32 = 0.036000773311470665;
const G4: f32 = 0.007598758135239185;
const G5: f32 = 0.001028380084479109;

const C1: f32 = 0.0001;
const C2: f32 = 0.0009;
const INV_255: f32 = 0.00392156862745098;

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

// @ts-ignore: decorator
@inline
function unitFromBytes(bytes: v128): v128 {
  const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
  return f32x4.mul(f32x4.convert_i32x4_s(wide), f32x4.splat(INV_255));
}

// @ts-ignore: decorator
@inline
function loadBytes(p: usize): v128 {
  return unitFromBytes(v128.load32_zero(p));
}

// @ts-ignore: decorator
@inline
function loadBytesTail(p: usize, lanes: i32): v128 {
  let bits = <u32>load<u8>(p);
  if (lanes > 1) bits |= <u32>load<u8>(p, 1) << 8;
  if (lanes > 2) bits |= <u32>load<u8>(p, 2) << 16;
  return unitFromBytes(i32x4.splat(<i32>bits));
}

// @ts-ignore: decorator
@inline
function symmetric(a: v128, b: v128, tap: f32, sum: v128): v128 {
  return fma(f32x4.add(a, b), f32x4.splat(tap), sum);
}

/** Blurs down the columns: rows 5 and 6 of the 12 rows at `source` to the slots at `target`. */
function verticalPair(source: usize, target: usize, vectors: i32): void {
  const end = source + (<usize>vectors << 4);
  for (; source < end; source += 16, target += 16) {
    const r10 = v128.load(source, 10 * SLOT);
    let a = f32x4.mul(f32x4.add(v128.load(source), r10), f32x4.splat(G5));
    const r2 = v128.load(source, 2 * SLOT);
    let b = f32x4.mul(f32x4.add(r10, r2), f32x4.splat(G4));
    const r8 = v128.load(source, 8 * SLOT);
    a = symmetric(r2, r8, G3, a);
    const r4 = v128.load(source, 4 * SLOT);
    b = symmetric(r8, r4, G2, b);
    const r6 = v128.load(source, 6 * SLOT);
    a = symmetric(r4, r6, G1, a);
    b = fma(r6, f32x4.splat(G0), b);
    const r1 = v128.load(source, SLOT);
    b = symmetric(v128.load(source, 11 * SLOT), r1, G5, b);
    const r9 = v128.load(source, 9 * SLOT);
    a = symmetric(r1, r9, G4, a);
    const r3 = v128.load(source, 3 * SLOT);
    b = symmetric(r9, r3, G3, b);
    const r7 = v128.load(source, 7 * SLOT);
    a = symmetric(r3, r7, G2, a);
    const r5 = v128.load(source, 5 * SLOT);
    b = symmetric(r7, r5, G1, b);
    a = fma(r5, f32x4.splat(G0), a);
    v128.store(target, a);
    v128.store(target, b, SLOT);
  }
}

/** Blurs along the row, two vectors at a time (the last one may be surplus). */
function horizontal(source: usize, target: usize, vectors: i32): void {
  const end = source + (<usize>vectors << 4);
  // Byte offset 4 (j + 5) from here is the column j to the right of the first output.
  source -= 20;
  for (; source + 20 < end; source += 32, target += 32) {
    const p5 = v128.load(source, 40);
    let a = f32x4.mul(f32x4.add(v128.load(source), p5), f32x4.splat(G5));
    const p3 = v128.load(source, 32);
    let b = f32x4.mul(f32x4.add(p5, p3), f32x4.splat(G1));
    a = symmetric(p3, v128.load(source, 8), G3, a);
    const p4 = v128.load(source, 36);
    a = symmetric(v128.load(source, 4), p4, G4, a);
    b = fma(p4, f32x4.splat(G0), b);
    const m1 = v128.load(source, 16);
    b = symmetric(v128.load(source, 56), m1, G5, b);
    const p1 = v128.load(source, 24);
    a = symmetric(m1, p1, G1, a);
    b = symmetric(p1, v128.load(source, 48), G3, b);
    const p2 = v128.load(source, 28);
    a = symmetric(v128.load(source, 12), p2, G2, a);
    b = symmetric(p2, v128.load(source, 44), G2, b);
    const p0 = v128.load(source, 20);
    a = fma(p0, f32x4.splat(G0), a);
    b = symmetric(p0, v128.load(source, 52), G4, b);
    v128.store(target, a);
    v128.store(target, b, 16);
  }
}

/** Writes `columns` columns of the products of one row (x, x^2 + y^2, x y and, when wanted, y) to a slot. */
function products(slot: usize, x: usize, y: usize, columns: i32, withTarget: bool): void {
  for (let left = columns; left > 0; left -= 4, slot += 16, x += 16, y += 4) {
    const vx = left >= 4 ? v128.load(x) : loadTail(x, left);
    const vy = left >= 4 ? loadBytes(y) : loadBytesTail(y, left);
    v128.store(slot, vx);
    v128.store(slot, fma(vx, vx, f32x4.mul(vy, vy)), PLANE);
    v128.store(slot, f32x4.mul(vx, vy), 2 * PLANE);
    if (withTarget) v128.store(slot, vy, 3 * PLANE);
  }
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
 * From the blurred planes of one row to half the derivatives of SSIM by the mean, the squares and the product.
 * Returns the sum of SSIM over the columns. `means` is 0 when the target's means are the fourth blurred plane.
 */
function derivatives(blurred: usize, means: usize, out: usize, columns: i32): f32 {
  let sum = f32x4.splat(0.0);
  for (let left = columns; left > 0; left -= 4, blurred += 16, out += 16) {
    const mx = v128.load(blurred);
    let my: v128;
    if (means == 0) my = v128.load(blurred, 3 * PLANE);
    else {
      my = left >= 4 ? v128.load(means) : loadTail(means, left);
      means += 16;
    }
    const mxy = f32x4.mul(mx, my);
    const squares = fma(mx, mx, f32x4.mul(my, my));
    const a1 = fma(mxy, f32x4.splat(2.0), f32x4.splat(C1));
    const a2 = fma(f32x4.sub(v128.load(blurred, 2 * PLANE), mxy), f32x4.splat(2.0), f32x4.splat(C2));
    const b1 = f32x4.add(squares, f32x4.splat(C1));
    const b2 = f32x4.add(f32x4.sub(v128.load(blurred, PLANE), squares), f32x4.splat(C2));
    let r = f32x4.div(f32x4.splat(1.0), f32x4.mul(b1, b2));
    if (left < 4) r = v128.and(r, tailMask(left));
    const byProduct = f32x4.mul(a1, r);
    const s = f32x4.mul(byProduct, a2);
    sum = f32x4.add(sum, s);
    const sr = f32x4.mul(s, r);
    const viaTarget = f32x4.mul(f32x4.mul(my, r), f32x4.sub(a2, a1));
    v128.store(out, fma(f32x4.mul(mx, sr), f32x4.sub(b1, b2), viaTarget));
    v128.store(out, f32x4.neg(f32x4.mul(sr, b1)), PLANE);
    v128.store(out, byProduct, 2 * PLANE);
  }
  return horizontalSum(sum);
}

/** Combines the three blurred derivatives of a row with the L1 part. Returns the sum of |x - y|. */
function combine(blurred: usize, x: usize, y: usize, gradient: usize, columns: i32, ssimScale: f32, l1Scale: f32): f32 {
  let sum = f32x4.splat(0.0);
  const scale = f32x4.splat(ssimScale);
  const step = f32x4.splat(l1Scale);
  const signBit = f32x4.splat(-0.0);
  for (let left = columns; left > 0; left -= 4, blurred += 16, x += 16, y += 4, gradient += 16) {
    const vx = left >= 4 ? v128.load(x) : loadTail(x, left);
    const vy = left >= 4 ? loadBytes(y) : loadBytesTail(y, left);
    const difference = f32x4.sub(vx, vy);
    sum = f32x4.add(sum, f32x4.abs(difference));
    let g = fma(vx, v128.load(blurred, PLANE), v128.load(blurred));
    g = fma(vy, v128.load(blurred, 2 * PLANE), g);
    const sign = v128.or(v128.and(difference, signBit), step);
    const l1 = v128.and(sign, f32x4.ne(difference, f32x4.splat(0.0)));
    g = fma(g, scale, l1);
    if (left >= 4) v128.store(gradient, g);
    else storeTail(gradient, g, left);
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
  return ((width + tiles - 1) / tiles + 7) & ~7;
}

/** Rows [rowBegin, rowEnd) of the columns [c0, c1) of one channel; all pointers are to the channel's plane. */
function tile(
  x: usize, y: usize, means: usize, gradient: usize, sums: usize, width: i32, height: i32,
  rowBegin: i32, rowEnd: i32, c0: i32, c1: i32, ssimScale: f32, l1Scale: f32, scratch: usize,
): void {
  const temporary = scratch;
  const window1 = scratch + 4 * SLOT;
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

  // What the horizontal blur reads beyond the image. Inside it the vertical blur writes the halo every time.
  for (let s: usize = 0; s < 2; s++) {
    for (let k: usize = 0; k < PLANES; k++) {
      clear(temporary + s * SLOT + k * PLANE, <i32>(at1 >> 4));
      clear(temporary + s * SLOT + k * PLANE + at1 + (<usize>vectors1 << 4), 4);
    }
  }

  let slot1 = 0;
  let slot2 = 0;
  // The pair of derivative rows (d, d + 1) needs the product rows d - 5 to d + 6, and completes the gradient rows
  // (d - 6, d - 5), which need the derivative rows d - 11 to d.
  const first = rowBegin - 6;
  let next = first - 5;
  for (let d = first; d - 6 < rowEnd; d += 2) {
    if (slot1 + 12 > WINDOW_SLOTS) {
      rewind(window1 + <usize>slot1 * SLOT + at1, window1 + at1, 10, planes, vectors1);
      slot1 = 0;
    }
    for (; next <= d + 6; next++) {
      const slot = window1 + <usize>(slot1 + next - (d - 5)) * SLOT + at1;
      if (next >= 0 && next < height) {
        const offset = next * width + lo1;
        products(slot, x + (<usize>offset << 2), y + <usize>offset, hi1 - lo1, planes == 4);
      } else {
        for (let k = 0; k < planes; k++) clear(slot + <usize>k * PLANE, vectors1);
      }
    }

    if (slot2 + 13 > WINDOW_SLOTS) {
      rewind(window2 + <usize>slot2 * SLOT + at2, window2 + at2, 11, 3, vectors2);
      slot2 = 0;
    }
    // Slot 11 of the window is row d once 11 rows lie before it; at the start fewer do, and slots before them are unused.
    const out = window2 + <usize>(slot2 + 11) * SLOT;
    const inside = d + 1 >= 0 && d < height;
    if (inside) {
      const source = window1 + <usize>slot1 * SLOT;
      for (let k: usize = 0; k < <usize>planes; k++) {
        verticalPair(source + k * PLANE + at1, temporary + k * PLANE + at1, vectors1);
        horizontal(temporary + k * PLANE + at2, temporary + 2 * SLOT + k * PLANE + at2, vectors2);
        horizontal(temporary + SLOT + k * PLANE + at2, temporary + 3 * SLOT + k * PLANE + at2, vectors2);
      }
    }
    for (let row = d; row < d + 2; row++) {
      const slot = out + <usize>(row - d) * SLOT;
      if (row < 0 || row >= height) {
        for (let k: usize = 0; k < 3; k++) clear(slot + k * PLANE + at2, vectors2);
        continue;
      }
      const blurred = temporary + <usize>(2 + row - d) * SLOT;
      const meanRow = means == 0 ? <usize>0 : means + (<usize>(row * width + c0) << 2);
      const halo = lo2 - c0;
      if (halo < 0) {
        const back = <usize>(-halo) << 2;
        derivatives(blurred + at2, means == 0 ? <usize>0 : meanRow - back, slot + at2, -halo);
      }
      const sum = derivatives(blurred + COLUMN0, meanRow, slot + COLUMN0, c1 - c0);
      if (hi2 > c1) {
        const ahead = <usize>(c1 - c0) << 2;
        derivatives(blurred + COLUMN0 + ahead, means == 0 ? <usize>0 : meanRow + ahead, slot + COLUMN0 + ahead, hi2 - c1);
      }
      if (row >= rowBegin && row < rowEnd) {
        const p = sums + (<usize>row << 3);
        store<f32>(p, c0 == 0 ? sum : load<f32>(p, 4) + sum, 4);
      }
    }

    const r = d - 6;
    if (r >= rowBegin) {
      const source = window2 + <usize>slot2 * SLOT;
      for (let k: usize = 0; k < 3; k++) {
        verticalPair(source + k * PLANE + at2, temporary + k * PLANE + at2, vectors2);
        horizontal(temporary + k * PLANE + COLUMN0, temporary + 2 * SLOT + k * PLANE + COLUMN0, vectorsOf(c1 - c0));
        horizontal(temporary + SLOT + k * PLANE + COLUMN0, temporary + 3 * SLOT + k * PLANE + COLUMN0, vectorsOf(c1 - c0));
      }
      for (let row = r; row < min(r + 2, rowEnd); row++) {
        const offset = <usize>(row * width + c0);
        const blurred = temporary + <usize>(2 + row - r) * SLOT + COLUMN0;
        const sum = combine(
          blurred, x + (offset << 2), y + offset, gradient + (offset << 2), c1 - c0, ssimScale, l1Scale,
        );
        const p = sums + (<usize>row << 3);
        store<f32>(p, c0 == 0 ? sum : load<f32>(p) + sum);
      }
    }
    slot1 += 2;
    slot2 += 2;
  }
}

/**
 * out [3, H, W] = dLoss/dRendered and sums [3 H][2] (per row: sum of |x - y|, sum of SSIM).
 * `ssimScale` is -2 lambda / (3 H W), `l1Scale` (1 - lambda) / (3 H W); `means` [3, H, W] or 0.
 */
export function gradient(
  thread: i32, threads: i32, rendered: usize, target: usize, means: usize, out: usize, sums: usize,
  width: i32, height: i32, ssimScale: f32, l1Scale: f32, scratch: usize, scratchBytes: usize,
): void {
  const pairs = (height + 1) >> 1;
  const begin = <i32>((<i64>(3 * pairs) * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>(3 * pairs) * <i64>(thread + 1)) / <i64>threads);
  const plane = <usize>width * <usize>height;
  const step = tileWidth(width);
  const own = scratch + <usize>thread * scratchBytes;
  for (let c = 0; c < 3; c++) {
    const rowBegin = 2 * max(0, begin - c * pairs);
    const rowEnd = min(height, 2 * min(pairs, end - c * pairs));
    if (rowBegin >= rowEnd) continue;
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

/** out [3, H, W]: the blurred target, by the same row pairs as `gradient`. */
export function means(
  thread: i32, threads: i32, target: usize, out: usize, width: i32, height: i32, scratch: usize, scratchBytes: usize,
): void {
  const pairs = (height + 1) >> 1;
  const begin = <i32>((<i64>(3 * pairs) * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>(3 * pairs) * <i64>(thread + 1)) / <i64>threads);
  const own = scratch + <usize>thread * scratchBytes;
  const step = tileWidth(width);
  for (let pair = begin; pair < end; pair++) {
    const c = pair / pairs;
    const row = 2 * (pair - c * pairs);
    const channel = target + <usize>c * <usize>width * <usize>height;
    for (let c0 = 0; c0 < width; c0 += step) {
      const c1 = min(width, c0 + step);
      meansOfPair(channel, out + ((<usize>c * <usize>width * <usize>height) << 2), width, height, row, c0, c1, own);
    }
  }
}

function meansOfPair(
  y: usize, out: usize, width: i32, height: i32, row: i32, c0: i32, c1: i32, scratch: usize,
): void {
  const lo = max(0, c0 - HALO);
  const hi = min(width, c1 + HALO);
  const at = COLUMN0 + (<usize>(lo - c0) << 2);
  const vectors = vectorsOf(hi - lo);
  const window = scratch + 4 * SLOT;
  for (let k = 0; k < 12; k++) {
    const slot = window + <usize>k * SLOT + at;
    const source = row - 5 + k;
    if (source < 0 || source >= height) {
      clear(slot, vectors);
      continue;
    }
    let p = slot;
    let q = y + <usize>(source * width + lo);
    for (let left = hi - lo; left > 0; left -= 4, p += 16, q += 4) {
      v128.store(p, left >= 4 ? loadBytes(q) : loadBytesTail(q, left));
    }
  }
  for (let s: usize = 0; s < 2; s++) {
    clear(scratch + s * SLOT, <i32>(at >> 4));
    clear(scratch + s * SLOT + at + (<usize>vectors << 4), 4);
  }
  verticalPair(window + at, scratch + at, vectors);
  for (let k = 0; k < 2 && row + k < height; k++) {
    const blurred = scratch + <usize>(2 + k) * SLOT + COLUMN0;
    horizontal(scratch + <usize>k * SLOT + COLUMN0, blurred, vectorsOf(c1 - c0));
    let p = blurred;
    let q = out + (<usize>((row + k) * width + c0) << 2);
    for (let left = c1 - c0; left > 0; left -= 4, p += 16, q += 16) {
      if (left >= 4) v128.store(q, v128.load(p));
      else storeTail(q, v128.load(p), left);
    }
  }
}
