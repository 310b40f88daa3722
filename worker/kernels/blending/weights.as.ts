// Sparse blending weights W of chosen pixels, read off the stream that a recording forward pass left behind:
// w_i = T_i alpha_i with T_i = prod_{j before i} (1 - alpha_j). No exponential is evaluated again.

import { splat } from "../shared/math.as";
import { TILE } from "../shared/layout.as";
import { takeWeighted } from "../shared/shares.as";
import { BLOCK_BYTES, PLANE_BYTES, lanesInside, pixelOffset } from "./blocks.as";

/** rowOfPixel [H, W] int32 (-1: not chosen); adds to counts[row] the Gaussians blended into its pixel. */
export function countWeights(
  thread: i32, threads: i32,
  tileStart: usize, blended: usize, counters: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  rowOfPixel: usize, counts: usize,
): void {
  for (;;) {
    const tile = takeWeighted(counters, thread, threads, tileStart, tiles);
    if (tile < 0) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    for (let index = load<u32>(tileStart + (<usize>tile << 2)); index < end; index++) {
      let stream = <usize>load<u32>(blended + (<usize>index << 3), 4);
      for (let mask = load<u32>(blended + (<usize>index << 3)); mask != 0; mask &= mask - 1) {
        const block = <i32>ctz<u32>(mask);
        for (let lane: i32 = 0; lane < 8; lane++) {
          if (load<f32>(stream + (<usize>lane << 2)) == 0.0 || (lane & 3) >= lanesInside(block, lane >> 2, x0, y0, width, height)) continue;
          const row = load<i32>(rowOfPixel + pixelOffset(block, lane >> 2, x0, y0, width) + (<usize>(lane & 3) << 2));
          if (row < 0) continue;
          const cell = counts + (<usize>row << 2);
          store<u32>(cell, load<u32>(cell) + 1);
        }
        stream += BLOCK_BYTES;
      }
    }
  }
}

/** next [R] uint32: first free entry of each row, advanced; columns, weights: the entries, front to back. */
export function fillWeights(
  thread: i32, threads: i32,
  instances: usize, tileStart: usize, blended: usize, counters: usize, scratch: usize, scratchBytes: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  rowOfPixel: usize, next: usize, columns: usize, weights: usize,
): void {
  const planeT = scratch + <usize>thread * scratchBytes;
  for (;;) {
    const tile = takeWeighted(counters, thread, threads, tileStart, tiles);
    if (tile < 0) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    for (let at: usize = 0; at < PLANE_BYTES; at += 16) v128.store(planeT + at, splat(1.0));
    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    for (let index = load<u32>(tileStart + (<usize>tile << 2)); index < end; index++) {
      const gaussian = load<u32>(instances + (<usize>index << 3));
      let stream = <usize>load<u32>(blended + (<usize>index << 3), 4);
      for (let mask = load<u32>(blended + (<usize>index << 3)); mask != 0; mask &= mask - 1) {
        const block = <i32>ctz<u32>(mask);
        for (let lane: i32 = 0; lane < 8; lane++) {
          const alpha = load<f32>(stream + (<usize>lane << 2));
          if (alpha == 0.0 || (lane & 3) >= lanesInside(block, lane >> 2, x0, y0, width, height)) continue;
          const state = planeT + <usize>block * BLOCK_BYTES + (<usize>lane << 2);
          const transmittance = load<f32>(state);
          store<f32>(state, transmittance - transmittance * alpha);
          const row = load<i32>(rowOfPixel + pixelOffset(block, lane >> 2, x0, y0, width) + (<usize>(lane & 3) << 2));
          if (row < 0) continue;
          const cell = next + (<usize>row << 2);
          const entry = <usize>load<u32>(cell);
          store<u32>(cell, <u32>entry + 1);
          store<u32>(columns + (entry << 2), gaussian);
          store<f32>(weights + (entry << 2), transmittance * alpha);
        }
        stream += BLOCK_BYTES;
      }
    }
  }
}

/**
 * Sums of W by label instead of by pixel. labelOfPixel [H, W] uint8: the pixel's label among those of its tile; a tile has
 * labelCounts[tile] of them. out: for each tile, from offsets[tile] on, a matrix [instances of the tile, labels of the tile].
 */
export function labelWeights(
  thread: i32, threads: i32,
  tileStart: usize, blended: usize, counters: usize, scratch: usize, scratchBytes: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  labelOfPixel: usize, labelCounts: usize, offsets: usize, out: usize,
): void {
  const planeT = scratch + <usize>thread * scratchBytes;
  for (;;) {
    const tile = takeWeighted(counters, thread, threads, tileStart, tiles);
    if (tile < 0) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    for (let at: usize = 0; at < PLANE_BYTES; at += 16) v128.store(planeT + at, splat(1.0));
    const rowBytes = <usize>load<u32>(labelCounts + (<usize>tile << 2)) << 2;
    let row = out + (<usize>load<u32>(offsets + (<usize>tile << 2)) << 2);
    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    for (let index = load<u32>(tileStart + (<usize>tile << 2)); index < end; index++, row += rowBytes) {
      memory.fill(row, 0, rowBytes);
      let stream = <usize>load<u32>(blended + (<usize>index << 3), 4);
      for (let mask = load<u32>(blended + (<usize>index << 3)); mask != 0; mask &= mask - 1) {
        const block = <i32>ctz<u32>(mask);
        for (let lane: i32 = 0; lane < 8; lane++) {
          const alpha = load<f32>(stream + (<usize>lane << 2));
          if (alpha == 0.0 || (lane & 3) >= lanesInside(block, lane >> 2, x0, y0, width, height)) continue;
          const state = planeT + <usize>block * BLOCK_BYTES + (<usize>lane << 2);
          const transmittance = load<f32>(state);
          store<f32>(state, transmittance - transmittance * alpha);
          // Offsets of pixels are those of 4-byte images.
          const pixel = (pixelOffset(block, lane >> 2, x0, y0, width) >> 2) + <usize>(lane & 3);
          const cell = row + (<usize>load<u8>(labelOfPixel + pixel) << 2);
          store<f32>(cell, load<f32>(cell) + transmittance * alpha);
        }
        stream += BLOCK_BYTES;
      }
    }
  }
}
