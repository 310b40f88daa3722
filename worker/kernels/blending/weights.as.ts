// Sparse blending weights W of chosen pixels, read off the stream that a recording forward pass left behind:
// w_i = T_i alpha_i with T_i = prod_{j before i} (1 - alpha_j). No exponential is evaluated again.

import { fnma, splat } from "../shared/math.as";
import { TILE } from "../shared/layout.as";
import { NEXT_TILE, PLANE_BYTES, STRIP_BYTES } from "./strips.as";

/** rowOfPixel [H, W] int32 (-1: not chosen); adds to counts[row] the Gaussians blended into its pixel. */
export function countWeights(
  thread: i32, threads: i32,
  tileStart: usize, masks: usize, streams: usize, launch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  rowOfPixel: usize, counts: usize,
): void {
  for (;;) {
    const tile = atomic.add<i32>(launch + NEXT_TILE, 1);
    if (tile >= tiles) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    for (let index = load<u32>(tileStart + (<usize>tile << 2)); index < end; index++) {
      let stream = <usize>load<u32>(streams + (<usize>index << 2));
      for (let mask = load<u64>(masks + (<usize>index << 3)); mask != 0; mask &= mask - 1) {
        const bit = <i32>ctz<u64>(mask);
        const x = x0 + ((bit & 3) << 2);
        const pixel = rowOfPixel + (<usize>((y0 + (bit >> 2)) * width + x) << 2);
        for (let lane: i32 = 0; lane < 4; lane++) {
          if (x + lane >= width || load<f32>(stream + (<usize>lane << 2)) == 0.0) continue;
          const row = load<i32>(pixel + (<usize>lane << 2));
          if (row < 0) continue;
          const cell = counts + (<usize>row << 2);
          store<u32>(cell, load<u32>(cell) + 1);
        }
        stream += STRIP_BYTES;
      }
    }
  }
}

/** next [R] uint32: first free entry of each row, advanced; columns, weights: the entries, front to back. */
export function fillWeights(
  thread: i32, threads: i32,
  instances: usize, tileStart: usize, masks: usize, streams: usize, launch: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  rowOfPixel: usize, next: usize, columns: usize, weights: usize,
): void {
  const planeT = scratch + <usize>thread * 9 * PLANE_BYTES;
  for (;;) {
    const tile = atomic.add<i32>(launch + NEXT_TILE, 1);
    if (tile >= tiles) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    for (let strip: usize = 0; strip < 64; strip++) v128.store(planeT + strip * STRIP_BYTES, splat(1.0));
    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    for (let index = load<u32>(tileStart + (<usize>tile << 2)); index < end; index++) {
      const gaussian = load<u32>(instances + (<usize>index << 3));
      let stream = <usize>load<u32>(streams + (<usize>index << 2));
      for (let mask = load<u64>(masks + (<usize>index << 3)); mask != 0; mask &= mask - 1) {
        const bit = <i32>ctz<u64>(mask);
        const strip = planeT + <usize>bit * STRIP_BYTES;
        const alpha = v128.load(stream);
        const transmittance = v128.load(strip);
        v128.store(strip, fnma(transmittance, alpha, transmittance));
        const x = x0 + ((bit & 3) << 2);
        const pixel = rowOfPixel + (<usize>((y0 + (bit >> 2)) * width + x) << 2);
        for (let lane: i32 = 0; lane < 4; lane++) {
          const a = load<f32>(stream + (<usize>lane << 2));
          if (x + lane >= width || a == 0.0) continue;
          const row = load<i32>(pixel + (<usize>lane << 2));
          if (row < 0) continue;
          const cell = next + (<usize>row << 2);
          const entry = <usize>load<u32>(cell);
          store<u32>(cell, <u32>entry + 1);
          store<u32>(columns + (entry << 2), gaussian);
          // transmittance before this Gaussian; a lane read through memory costs less than four shuffles.
          store<f32>(weights + (entry << 2), a * laneOf(transmittance, lane));
        }
        stream += STRIP_BYTES;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function laneOf(value: v128, lane: i32): f32 {
  return lane == 0 ? f32x4.extract_lane(value, 0) : lane == 1 ? f32x4.extract_lane(value, 1) : lane == 2 ? f32x4.extract_lane(value, 2) : f32x4.extract_lane(value, 3);
}
