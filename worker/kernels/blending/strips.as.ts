// What the blending kernels share: strips of a tile, and the launch block.

import { splat } from "../shared/math.as";
import { TILE } from "../shared/layout.as";

export const LOG2E: f32 = 1.4426950408889634;
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

/** Transmittance 1 inside the image, -1 outside, where nothing is ever blended. Returns the number of live strips. */
// @ts-ignore: decorator
@inline
export function startTile(transmittance: usize, x0: i32, y0: i32, width: i32, height: i32): i32 {
  let live = 0;
  for (let strip = 0; strip < 64; strip++) {
    const x = x0 + ((strip & 3) << 2);
    const inside = v128.and(
      f32x4.lt(f32x4.add(stripOffsets(), splat(<f32>x)), splat(<f32>width)),
      i32x4.splat(y0 + (strip >> 2) < height ? -1 : 0),
    );
    v128.store(transmittance + <usize>strip * STRIP_BYTES, v128.bitselect(splat(1.0), splat(-1.0), inside));
    if (v128.any_true(inside)) live++;
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
