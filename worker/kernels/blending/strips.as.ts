// What the blending kernels share: strips of a tile, and the launch block.

import { fma, fnma, splat } from "../shared/math.as";
import { ALPHA_MAX, ALPHA_MIN, STOP_TRANSMITTANCE } from "../shared/layout.as";

export const LOG2E: f32 = 1.4426950408889634;
/**
 * Exponents are held here: 2^-24 is far below what is drawn, while 2^-126 times an opacity would be a denormal, and those
 * cost over a hundred cycles each.
 */
export const POWER_MIN: f32 = -24.0;

export const STRIP_BYTES: usize = 16;
export const PLANE_BYTES: usize = 1024;
export const CHUNK_BYTES: usize = 65536;
/** An instance writes at most 64 strips. */
export const INSTANCE_STREAM_BYTES: usize = 1024;

/** What a launch shares, int32: next tile, next arena chunk, arena overflow. */
export const NEXT_TILE: usize = 0;
export const NEXT_CHUNK: usize = 4;
export const OVERFLOW: usize = 8;

// @ts-ignore: decorator
@inline
export function stripOffsets(): v128 {
  return f32x4(0.5, 1.5, 2.5, 3.5);
}

/**
 * Constants of the inner loops, one vector each. The engine rebuilds a literal vector from immediates wherever it is used,
 * three instructions instead of one load.
 */
export const C_ROUND: usize = 0;
export const C_POLYNOMIAL: usize = 16;
export const C_ONE: usize = 96;
export const C_ALPHA_MIN: usize = 112;
export const C_ALPHA_MAX: usize = 128;
export const C_STOP: usize = 144;
export const C_SIGN: usize = 160;
export const C_POWER_MIN: usize = 176;

// @ts-ignore: decorator
@inline
export function writeConstants(at: usize): void {
  v128.store(at, splat(12582912.0));
  v128.store(at, splat(0.0013276471979469665), C_POLYNOMIAL);
  v128.store(at, splat(0.009675541334211306), C_POLYNOMIAL + 16);
  v128.store(at, splat(0.055507132735425686), C_POLYNOMIAL + 32);
  v128.store(at, splat(0.24022119723848565), C_POLYNOMIAL + 48);
  v128.store(at, splat(0.6931469670647332), C_POLYNOMIAL + 64);
  v128.store(at, splat(1.0), C_ONE);
  v128.store(at, splat(ALPHA_MIN), C_ALPHA_MIN);
  v128.store(at, splat(ALPHA_MAX), C_ALPHA_MAX);
  v128.store(at, splat(STOP_TRANSMITTANCE), C_STOP);
  v128.store(at, i32x4.splat(0x80000000), C_SIGN);
  v128.store(at, splat(POWER_MIN), C_POWER_MIN);
}

/** exp2x4InRange of shared/math.as with its constants loaded. */
// @ts-ignore: decorator
@inline
export function exp2Loaded(x: v128, constants: usize): v128 {
  const round = v128.load(constants, C_ROUND);
  const shifted = f32x4.add(x, round);
  const f = f32x4.sub(x, f32x4.sub(shifted, round));
  let p = fma(f, v128.load(constants, C_POLYNOMIAL), v128.load(constants, C_POLYNOMIAL + 16));
  p = fma(p, f, v128.load(constants, C_POLYNOMIAL + 32));
  p = fma(p, f, v128.load(constants, C_POLYNOMIAL + 48));
  p = fma(p, f, v128.load(constants, C_POLYNOMIAL + 64));
  p = fma(p, f, v128.load(constants, C_ONE));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** Pixel centres of every strip, relative to the tile: the same for every tile, so written once per launch and thread. */
// @ts-ignore: decorator
@inline
export function writeCentres(planeX: usize, planeY: usize): void {
  for (let strip: i32 = 0; strip < 64; strip++) {
    const at = <usize>strip * STRIP_BYTES;
    v128.store(planeX + at, f32x4.add(stripOffsets(), splat(<f32>((strip & 3) << 2))));
    v128.store(planeY + at, splat(<f32>(strip >> 2) + 0.5));
  }
}

/** Four bits of strips per row, in the low bytes of four lanes, for the rows whose centres are `centres`. */
// @ts-ignore: decorator
@inline
function rowStrips(centres: v128, x: v128, y: v128, slope: v128, k0: v128, k1: v128): v128 {
  const dy = f32x4.sub(centres, y);
  const square = fnma(k1, f32x4.mul(dy, dy), k0);
  const halfWidth = f32x4.sqrt(square);
  const centre = fnma(slope, dy, x);
  const left = f32x4.pmax(f32x4.sub(centre, halfWidth), splat(0.0));
  const right = f32x4.pmin(f32x4.add(centre, halfWidth), splat(15.0));
  // A negative square is NaN from the root on (pmin and pmax keep their first operand then), and compares false.
  const reached = f32x4.le(left, right);
  // Bytes 1-3 of a lane get an index with the top bit set, which a swizzle answers with 0.
  const high = i32x4.splat(0xffffff00);
  const first = v128.or(i32x4.relaxed_trunc_f32x4_s(left), high);
  const last = v128.or(i32x4.relaxed_trunc_f32x4_s(right), high);
  const from = i8x16.relaxed_swizzle(i8x16(15, 15, 15, 15, 14, 14, 14, 14, 12, 12, 12, 12, 8, 8, 8, 8), first);
  const to = i8x16.relaxed_swizzle(i8x16(1, 1, 1, 1, 3, 3, 3, 3, 7, 7, 7, 7, 15, 15, 15, 15), last);
  return v128.and(v128.and(from, to), reached);
}

/**
 * Bit 4 row + column for every strip of the tile that the ellipse alpha >= 1/255 may reach. Solved for all sixteen rows
 * at once and without a branch: the number of strips per row is what a branch predictor cannot guess.
 * x, y: centre relative to the tile; row dy is covered for |dx + slope dy| <= sqrt(k0 - k1 dy^2).
 */
// @ts-ignore: decorator
@inline
export function reachedStrips(x: f32, y: f32, slope: f32, k0: f32, k1: f32): u64 {
  const centreX = splat(x - 0.5);
  const centreY = splat(y);
  const a = rowStrips(f32x4(0.5, 1.5, 2.5, 3.5), centreX, centreY, splat(slope), splat(k0), splat(k1));
  const b = rowStrips(f32x4(4.5, 5.5, 6.5, 7.5), centreX, centreY, splat(slope), splat(k0), splat(k1));
  const c = rowStrips(f32x4(8.5, 9.5, 10.5, 11.5), centreX, centreY, splat(slope), splat(k0), splat(k1));
  const d = rowStrips(f32x4(12.5, 13.5, 14.5, 15.5), centreX, centreY, splat(slope), splat(k0), splat(k1));
  const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, d));
  // Pairs of rows: low byte | high byte << 4.
  const pairs = v128.and(v128.or(bytes, i16x8.shr_u(bytes, 4)), i16x8.splat(0x00ff));
  return i64x2.extract_lane(i8x16.narrow_i16x8_u(pairs, pairs), 0);
}

/** Transmittance 1 inside the image, -1 outside, where nothing is ever blended. Returns the strips with a pixel inside. */
// @ts-ignore: decorator
@inline
export function startTile(transmittance: usize, x0: i32, y0: i32, width: i32, height: i32): u64 {
  let live: u64 = 0;
  for (let strip = 0; strip < 64; strip++) {
    const x = x0 + ((strip & 3) << 2);
    const inside = v128.and(
      f32x4.lt(f32x4.add(stripOffsets(), splat(<f32>x)), splat(<f32>width)),
      i32x4.splat(y0 + (strip >> 2) < height ? -1 : 0),
    );
    v128.store(transmittance + <usize>strip * STRIP_BYTES, v128.bitselect(splat(1.0), splat(-1.0), inside));
    if (v128.any_true(inside)) live |= <u64>1 << <u64>strip;
  }
  return live;
}

/** Stores the lanes of a strip that lie inside the image. */
// @ts-ignore: decorator
@inline
export function storeStrip(address: usize, value: v128, lanes: i32): void {
  if (lanes >= 4) {
    v128.store(address, value);
    return;
  }
  if (lanes > 0) store<f32>(address, f32x4.extract_lane(value, 0));
  if (lanes > 1) store<f32>(address, f32x4.extract_lane(value, 1), 4);
  if (lanes > 2) store<f32>(address, f32x4.extract_lane(value, 2), 8);
}

// @ts-ignore: decorator
@inline
export function loadStrip(address: usize, lanes: i32): v128 {
  if (lanes >= 4) return v128.load(address);
  let value = splat(0.0);
  if (lanes > 0) value = f32x4.replace_lane(value, 0, load<f32>(address));
  if (lanes > 1) value = f32x4.replace_lane(value, 1, load<f32>(address, 4));
  if (lanes > 2) value = f32x4.replace_lane(value, 2, load<f32>(address, 8));
  return value;
}

/** Lane sums of four vectors as one vector. */
// @ts-ignore: decorator
@inline
export function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}
