// What the blending kernels share: the blocks of a tile, the constants of the inner loops, the launch counters.
//
// A tile of 16 x 16 pixels is 32 blocks of four columns and two rows: block 4 j + i has columns 4 i .. 4 i + 3 and rows
// 2 j, 2 j + 1, a vector each. Per-tile state ("plane") is stored by block, 32 bytes each.

import { fma, fnma, splat } from "../shared/math.as";
import { ALPHA_MAX, ALPHA_MIN, PROJECTED_BYTES, STOP_TRANSMITTANCE } from "../shared/layout.as";
import { takeItem } from "../shared/shares.as";

export const LOG2E: f32 = 1.4426950408889634;

export const BLOCKS: i32 = 32;
export const BLOCK_BYTES: usize = 32;
/** Second row of a block. */
export const ROW: usize = 16;
export const PLANE_BYTES: usize = 1024;

/** The stream of alphas grows in chunks; one Gaussian writes at most a plane of it per tile. */
export const CHUNK_BYTES: usize = 65536;
export const INSTANCE_STREAM_BYTES: usize = 1024;

/** In a thread's line of counters: tiles taken, chunks of the arena taken, and chunks that the arena had no room for. */
const CHUNKS_TAKEN: usize = 4;
const CHUNKS_MISSING: usize = 8;

/**
 * Exponents are held here: 2^-24 is far below what is drawn, while 2^-126 times an opacity would be a denormal, and those
 * cost over a hundred cycles each.
 */
const POWER_MIN: f32 = -24.0;

/**
 * Constants of the inner loops, one vector each. The engine rebuilds a literal vector from immediates wherever it is used,
 * three to five instructions instead of one load.
 */
export const C_POLYNOMIAL: usize = 0;
export const C_ONE: usize = 64;
export const C_ALPHA_MIN: usize = 80;
export const C_ALPHA_MAX: usize = 96;
export const C_STOP: usize = 112;
export const C_SIGN: usize = 128;
export const C_POWER_MIN: usize = 144;
const C_PAIRS: usize = 160;
const C_HALF: usize = 192;
const C_LAST: usize = 208;
const C_HIGH: usize = 224;
const C_FROM: usize = 240;
const C_TO: usize = 256;
export const CONSTANTS_BYTES: usize = 272;

/** Gaussians whose blocks are found together; their masks follow the constants in scratch. */
export const BATCH: u32 = 32;

/** Pixel centres of every block relative to the tile, and the constants: the same for every tile, written once per launch. */
// @ts-ignore: decorator
@inline
export function writeTables(planeX: usize, planeY: usize, constants: usize): void {
  for (let block: i32 = 0; block < BLOCKS; block++) {
    const at = <usize>block * BLOCK_BYTES;
    const x = f32x4.add(f32x4(0.5, 1.5, 2.5, 3.5), splat(<f32>((block & 3) << 2)));
    const y = <f32>((block >> 2) << 1);
    v128.store(planeX + at, x);
    v128.store(planeX + at, x, ROW);
    v128.store(planeY + at, splat(y + 0.5));
    v128.store(planeY + at, splat(y + 1.5), ROW);
  }
  v128.store(constants, splat(0.6931241927588581), C_POLYNOMIAL);
  v128.store(constants, splat(0.2402409868290145), C_POLYNOMIAL + 16);
  v128.store(constants, splat(0.055906428246017416), C_POLYNOMIAL + 32);
  v128.store(constants, splat(0.009582850681317447), C_POLYNOMIAL + 48);
  v128.store(constants, splat(1.0), C_ONE);
  v128.store(constants, splat(ALPHA_MIN), C_ALPHA_MIN);
  v128.store(constants, splat(ALPHA_MAX), C_ALPHA_MAX);
  v128.store(constants, splat(STOP_TRANSMITTANCE), C_STOP);
  v128.store(constants, i32x4.splat(0x80000000), C_SIGN);
  v128.store(constants, splat(POWER_MIN), C_POWER_MIN);
  v128.store(constants, f32x4(1.0, 3.0, 5.0, 7.0), C_PAIRS);
  v128.store(constants, f32x4(9.0, 11.0, 13.0, 15.0), C_PAIRS + 16);
  v128.store(constants, splat(0.5), C_HALF);
  v128.store(constants, splat(15.0), C_LAST);
  v128.store(constants, i32x4.splat(0xffffff00), C_HIGH);
  v128.store(constants, i8x16(15, 15, 15, 15, 14, 14, 14, 14, 12, 12, 12, 12, 8, 8, 8, 8), C_FROM);
  v128.store(constants, i8x16(1, 1, 1, 1, 3, 3, 3, 3, 7, 7, 7, 7, 15, 15, 15, 15), C_TO);
}

/**
 * 2^x for x in [-126, 0.5], relative error 2.8e-6: minimax polynomial of degree 4 (constant term 1) in two short chains,
 * since what the blend waits for is the length of this chain, not the number of operations.
 */
// @ts-ignore: decorator
@inline
export function exp2Short(x: v128, constants: usize): v128 {
  const n = f32x4.nearest(x);
  const f = f32x4.sub(x, n);
  const ff = f32x4.mul(f, f);
  const low = fma(f, v128.load(constants, C_POLYNOMIAL), v128.load(constants, C_ONE));
  const high = fma(f, v128.load(constants, C_POLYNOMIAL + 32), v128.load(constants, C_POLYNOMIAL + 16));
  const p = fma(ff, fma(ff, v128.load(constants, C_POLYNOMIAL + 48), high), low);
  return i32x4.add(p, i32x4.shl(i32x4.relaxed_trunc_f32x4_s(n), 23));
}

/**
 * log2 of a record's opacity, from its cutoff 2 ln(255 o): added to the exponent it saves a multiplication per pixel.
 */
// @ts-ignore: decorator
@inline
export function log2Opacity(p: usize): f32 {
  return load<f32>(p, 48) * (0.5 * LOG2E) - 7.994353436858858;
}

/** Four bits of columns per pair of rows, in the low bytes of four lanes, for the pairs whose middles are `middles`. */
// @ts-ignore: decorator
@inline
function pairColumns(middles: v128, x: v128, y: v128, slope: v128, spread: v128, k0: v128, k1: v128, constants: usize): v128 {
  const dy = f32x4.sub(middles, y);
  // Distance of the nearer row from the centre; 0 where the rows lie on either side of it.
  const nearest = f32x4.pmax(f32x4.sub(f32x4.abs(dy), v128.load(constants, C_HALF)), splat(0.0));
  const square = fnma(k1, f32x4.mul(nearest, nearest), k0);
  const halfWidth = f32x4.add(f32x4.sqrt(square), spread);
  const centre = fnma(slope, dy, x);
  // Pixel centres have whole coordinates here: the first one inside is the left end rounded up.
  const left = f32x4.pmax(f32x4.ceil(f32x4.sub(centre, halfWidth)), splat(0.0));
  const right = f32x4.pmin(f32x4.add(centre, halfWidth), v128.load(constants, C_LAST));
  // A negative square is NaN from the root on (pmin and pmax keep their first operand then), and compares false.
  const reached = f32x4.le(left, right);
  // Bytes 1-3 of a lane get an index with the top bit set, which a swizzle answers with 0.
  const high = v128.load(constants, C_HIGH);
  const from = i8x16.relaxed_swizzle(v128.load(constants, C_FROM), v128.or(i32x4.relaxed_trunc_f32x4_s(left), high));
  const to = i8x16.relaxed_swizzle(v128.load(constants, C_TO), v128.or(i32x4.relaxed_trunc_f32x4_s(right), high));
  return v128.and(v128.and(from, to), reached);
}

/**
 * Bit b for every block b of the tile that the ellipse alpha >= 1/255 of a projected record may reach: row dy is covered
 * for |dx + (b/a) dy| <= sqrt(cutoff/a - det/a^2 dy^2). Solved for all rows at once and without a branch: how many
 * blocks a row has is what a branch predictor cannot guess.
 */
// @ts-ignore: decorator
@inline
export function reachedBlocks(p: usize, x0: f32, y0: f32, constants: usize): u32 {
  const invA: f32 = 1.0 / load<f32>(p, 8);
  const slope: f32 = load<f32>(p, 12) * invA;
  // A margin on the half-width: rounding of the conic must not cut off a pixel that the exact test would blend.
  const k0 = splat(load<f32>(p, 48) * invA * 1.02);
  const k1 = splat(load<f32>(p, 52) * invA * invA);
  const x = splat(load<f32>(p) - x0 - 0.5);
  const y = splat(load<f32>(p, 4) - y0);
  const spread = splat(abs<f32>(slope) * 0.5);
  const upper = pairColumns(v128.load(constants, C_PAIRS), x, y, splat(slope), spread, k0, k1, constants);
  const lower = pairColumns(v128.load(constants, C_PAIRS + 16), x, y, splat(slope), spread, k0, k1, constants);
  const nibbles = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(upper, lower), splat(0.0));
  // Neighbouring nibbles: low byte | high byte << 4.
  const bytes = v128.and(v128.or(nibbles, i16x8.shr_u(nibbles, 4)), i16x8.splat(0x00ff));
  return i32x4.extract_lane(i8x16.narrow_i16x8_u(bytes, bytes), 0);
}

/** Right-aligned in the batch: Gaussian `ready - 1` is the last entry. */
// @ts-ignore: decorator
@inline
export function batchEntry(batch: usize, index: u32, ready: u32): usize {
  return batch + (<usize>(BATCH - (ready - index)) << 2);
}

/**
 * The next chunk of the arena for this thread, or -1. A thread keeps to a range of its own while there is room in it: a line that
 * another core wrote in the last view is half a microsecond away.
 */
export function takeChunk(counters: usize, thread: i32, threads: i32, chunks: i32): i32 {
  const chunk = takeItem(counters + CHUNKS_TAKEN, thread, threads, chunks);
  // The caller grows the arena by what was missing and runs the pass again.
  if (chunk < 0) atomic.add<i32>(counters + CHUNKS_MISSING, 1);
  return chunk;
}

/** Masks of instances `first` .. `ready` - 1. */
// @ts-ignore: decorator
@inline
export function fillBatch(
  batch: usize, first: u32, ready: u32, projected: usize, instances: usize, x0: f32, y0: f32, constants: usize,
): void {
  // Half of the records were written by other cores, a long way off: asked for one after the other without waiting for any.
  let touched: u32 = 0;
  for (let i = first; i < ready; i++) {
    touched |= load<u32>(projected + <usize>load<u32>(instances + (<usize>i << 3)) * PROJECTED_BYTES);
  }
  store<u32>(batch, touched);
  for (let i = first; i < ready; i++) {
    const p = projected + <usize>load<u32>(instances + (<usize>i << 3)) * PROJECTED_BYTES;
    store<u32>(batchEntry(batch, i, ready), reachedBlocks(p, x0, y0, constants));
  }
}

/** Transmittance 1 inside the image, -1 outside, where nothing is ever blended. Returns the blocks with a pixel inside. */
// @ts-ignore: decorator
@inline
export function startTile(transmittance: usize, planeX: usize, planeY: usize, width: i32, height: i32): u32 {
  let live: u32 = 0;
  for (let block: i32 = 0; block < BLOCKS; block++) {
    const at = <usize>block * BLOCK_BYTES;
    const inX = f32x4.lt(v128.load(planeX + at), splat(<f32>width));
    const first = v128.and(inX, f32x4.lt(v128.load(planeY + at), splat(<f32>height)));
    const second = v128.and(inX, f32x4.lt(v128.load(planeY + at, ROW), splat(<f32>height)));
    v128.store(transmittance + at, v128.bitselect(splat(1.0), splat(-1.0), first));
    v128.store(transmittance + at, v128.bitselect(splat(1.0), splat(-1.0), second), ROW);
    if (v128.any_true(first)) live |= <u32>1 << block;
  }
  return live;
}

/** Pixels of row `row` of a block that lie inside the image, 0 to 4 (or more); `x0`, `y0` is the tile's corner. */
// @ts-ignore: decorator
@inline
export function lanesInside(block: i32, row: i32, x0: i32, y0: i32, width: i32, height: i32): i32 {
  return y0 + ((block >> 2) << 1) + row < height ? width - x0 - ((block & 3) << 2) : 0;
}

/** Byte offset of the first pixel of a block's row in an image plane. */
// @ts-ignore: decorator
@inline
export function pixelOffset(block: i32, row: i32, x0: i32, y0: i32, width: i32): usize {
  return <usize>((y0 + ((block >> 2) << 1) + row) * width + x0 + ((block & 3) << 2)) << 2;
}

/** Stores the lanes of a row that lie inside the image. */
// @ts-ignore: decorator
@inline
export function storeLanes(address: usize, value: v128, lanes: i32): void {
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
export function loadLanes(address: usize, lanes: i32): v128 {
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
