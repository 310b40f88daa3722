// Alpha blending of the colour channels, forward and backward: the training path.
//
// Gaussians are the outer loop and blocks of eight pixels (blocks.as.ts) the inner one, so a Gaussian's parameters are
// loaded once, and only blocks that its ellipse reaches are visited.
//
// The forward pass writes the blended alphas of every block it changed to a stream (32 bytes), and per (tile, Gaussian) a
// mask of those blocks and where its alphas begin. The backward pass reads them in reverse: no exponential and no
// threshold is evaluated twice, and both passes agree on what was blended to the last bit.

import { fma, fnma, splat } from "../shared/math.as";
import { PROJECTED_BYTES, SLOT_BYTES, TILE } from "../shared/layout.as";
import { takeWeighted } from "../shared/shares.as";
import {
  BATCH, BLOCKS, BLOCK_BYTES, C_ALPHA_MAX, C_ALPHA_MIN, C_ONE, C_POWER_MIN, C_SIGN, C_STOP, CHUNK_BYTES, CONSTANTS_BYTES,
  INSTANCE_STREAM_BYTES, LOG2E, PLANE_BYTES, ROW, batchEntry, exp2Short, fillBatch, lanesInside, loadLanes,
  log2Opacity, pixelOffset, startTile, storeLanes, sums, takeChunk, writeTables,
} from "./blocks.as";

export { backwardChannels, forwardChannels } from "./channels.as";
export { reduceSlots } from "./reduce.as";
export { countWeights, fillWeights, labelWeights } from "./weights.as";

/** Planes of scratch per thread; blending.ts reserves as many. */
const SCRATCH_PLANES: usize = 9;

/**
 * rgb [3, H, W] with background; finalTransmittance [tiles, 32, 8]. With `record` != 0 also blended [M] {u32 mask, u32
 * address of the first alpha} and the alphas in the arena.
 */
export function forward(
  thread: i32, threads: i32,
  projected: usize, instances: usize, tileStart: usize, blended: usize,
  arena: usize, arenaChunks: i32, counters: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  rgb: usize, finalTransmittance: usize, record: i32,
): void {
  const planeT = scratch + <usize>thread * SCRATCH_PLANES * PLANE_BYTES;
  const planeR = planeT + PLANE_BYTES;
  const planeG = planeR + PLANE_BYTES;
  const planeB = planeG + PLANE_BYTES;
  const planeX = planeB + PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  const spill = planeY + PLANE_BYTES;
  const constants = spill + PLANE_BYTES;
  const batch = constants + CONSTANTS_BYTES;
  writeTables(planeX, planeY, constants);
  const channelBytes = (<usize>width * <usize>height) << 2;
  let stream: usize = 0;
  let room: usize = 0;
  let spilling = false;
  const recording = record != 0;

  for (;;) {
    const tile = takeWeighted(counters, thread, threads, tileStart, tiles);
    if (tile < 0) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    let live = startTile(planeT, planeX, planeY, width - x0, height - y0);
    memory.fill(planeR, 0, 3 * PLANE_BYTES);

    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    let index = load<u32>(tileStart + (<usize>tile << 2));
    let ready: u32 = index;
    for (; index < end && live != 0; index++) {
      if (index == ready) {
        // Masks of the next Gaussians at once: their loads and square roots overlap, instead of each waiting behind
        // the mispredicted end of the loop before it.
        ready = min<u32>(index + BATCH, end);
        fillBatch(batch, index, ready, projected, instances, <f32>x0, <f32>y0, constants);
      }
      if (recording) {
        if (room < INSTANCE_STREAM_BYTES) {
          const chunk = takeChunk(counters, thread, threads, arenaChunks);
          room = CHUNK_BYTES;
          spilling = chunk < 0;
          stream = arena + <usize>chunk * CHUNK_BYTES;
        }
        // Alphas go where nobody reads them then, and are counted all the same.
        if (spilling) stream = spill;
      }
      let blocks = live & load<u32>(batchEntry(batch, index, ready));
      const p = projected + <usize>load<u32>(instances + (<usize>index << 3)) * PROJECTED_BYTES;
      const meanX = splat(load<f32>(p) - <f32>x0);
      const meanY = splat(load<f32>(p, 4) - <f32>y0);
      const quadraticX = splat(load<f32>(p, 8) * (-0.5 * LOG2E));
      const quadraticXY = splat(load<f32>(p, 12) * -LOG2E);
      const quadraticY = splat(load<f32>(p, 16) * (-0.5 * LOG2E));
      const logOpacity = splat(log2Opacity(p));
      const red = v128.load32_splat(p, 24);
      const green = v128.load32_splat(p, 28);
      const blue = v128.load32_splat(p, 32);
      let mask: u32 = 0;
      const first = stream;
      while (blocks != 0) {
        const block = ctz<u32>(blocks);
        blocks &= blocks - 1;
        const at = <usize>block * BLOCK_BYTES;
        const dx = f32x4.sub(v128.load(planeX + at), meanX);
        const dxx = f32x4.mul(quadraticX, dx);
        const dy0 = f32x4.sub(v128.load(planeY + at), meanY);
        const dy1 = f32x4.sub(v128.load(planeY + at, ROW), meanY);
        const lowest = v128.load(constants, C_POWER_MIN);
        const yy0 = fma(f32x4.mul(quadraticY, dy0), dy0, logOpacity);
        const power0 = f32x4.pmax(lowest, fma(fma(quadraticXY, dy0, dxx), dx, yy0));
        const yy1 = fma(f32x4.mul(quadraticY, dy1), dy1, logOpacity);
        const power1 = f32x4.pmax(lowest, fma(fma(quadraticXY, dy1, dxx), dx, yy1));
        const cap = v128.load(constants, C_ALPHA_MAX);
        const exact0 = f32x4.pmin(cap, exp2Short(power0, constants));
        const exact1 = f32x4.pmin(cap, exp2Short(power1, constants));
        const least = v128.load(constants, C_ALPHA_MIN);
        const drawn0 = v128.and(exact0, f32x4.ge(exact0, least));
        const drawn1 = v128.and(exact1, f32x4.ge(exact1, least));
        const before0 = v128.load(planeT + at);
        const before1 = v128.load(planeT + at, ROW);
        const after0 = fnma(before0, drawn0, before0);
        const after1 = fnma(before1, drawn1, before1);
        // A pixel that has ended keeps its transmittance with a minus sign, and so stays ended.
        const stop = v128.load(constants, C_STOP);
        const open0 = f32x4.gt(after0, stop);
        const open1 = f32x4.gt(after1, stop);
        const alpha0 = v128.and(drawn0, open0);
        const alpha1 = v128.and(drawn1, open1);
        const sign = v128.load(constants, C_SIGN);
        const next0 = i32x4.relaxed_laneselect(after0, v128.or(before0, sign), open0);
        const next1 = i32x4.relaxed_laneselect(after1, v128.or(before1, sign), open1);
        v128.store(planeT + at, next0);
        v128.store(planeT + at, next1, ROW);
        live &= ~(<u32>(i32x4.bitmask(v128.and(next0, next1)) == 15) << block);
        const weight0 = f32x4.mul(before0, alpha0);
        const weight1 = f32x4.mul(before1, alpha1);
        v128.store(planeR + at, fma(weight0, red, v128.load(planeR + at)));
        v128.store(planeR + at, fma(weight1, red, v128.load(planeR + at, ROW)), ROW);
        v128.store(planeG + at, fma(weight0, green, v128.load(planeG + at)));
        v128.store(planeG + at, fma(weight1, green, v128.load(planeG + at, ROW)), ROW);
        v128.store(planeB + at, fma(weight0, blue, v128.load(planeB + at)));
        v128.store(planeB + at, fma(weight1, blue, v128.load(planeB + at, ROW)), ROW);
        if (recording) {
          // Written always, kept when anything was blended: cheaper than a branch that cannot be predicted.
          const changed = <u32>v128.any_true(v128.or(alpha0, alpha1));
          v128.store(stream, alpha0);
          v128.store(stream, alpha1, ROW);
          stream += <usize>(changed << 5);
          mask |= changed << block;
        }
      }
      if (recording) {
        store<u32>(blended + (<usize>index << 3), mask);
        store<u32>(blended + (<usize>index << 3), <u32>first, 4);
        room -= stream - first;
      }
    }
    if (recording) {
      for (; index < end; index++) store<u32>(blended + (<usize>index << 3), 0);
    }

    for (let block: i32 = 0; block < BLOCKS; block++) {
      for (let row: i32 = 0; row < 2; row++) {
        const at = <usize>block * BLOCK_BYTES + <usize>row * ROW;
        const transmittance = f32x4.abs(v128.load(planeT + at));
        v128.store(finalTransmittance + <usize>tile * PLANE_BYTES + at, transmittance);
        const lanes = lanesInside(block, row, x0, y0, width, height);
        const pixel = rgb + pixelOffset(block, row, x0, y0, width);
        storeLanes(pixel, fma(transmittance, splat(backgroundR), v128.load(planeR + at)), lanes);
        storeLanes(pixel + channelBytes, fma(transmittance, splat(backgroundG), v128.load(planeG + at)), lanes);
        storeLanes(pixel + 2 * channelBytes, fma(transmittance, splat(backgroundB), v128.load(planeB + at)), lanes);
      }
    }
  }
}

/**
 * upstream [3, H, W]; writes one slot per (tile, Gaussian): dL/drgb, 0, then the moments of g = dL/dsigma:
 * sum g, g dx, g dy, g dx^2, g dx dy, g dy^2, 0, 0.
 * dL/dalpha_i = T_i q_i - R / (1 - alpha_i), q_i = colour . upstream, R = sum_{j behind} w_j q_j + T_end background . upstream.
 */
export function backward(
  thread: i32, threads: i32,
  projected: usize, instances: usize, tileStart: usize, blended: usize,
  counters: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  upstream: usize, finalTransmittance: usize, slots: usize,
): void {
  const planeT = scratch + <usize>thread * SCRATCH_PLANES * PLANE_BYTES;
  const planeBehind = planeT + PLANE_BYTES;
  const planeR = planeBehind + PLANE_BYTES;
  const planeG = planeR + PLANE_BYTES;
  const planeB = planeG + PLANE_BYTES;
  const planeX = planeB + PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  const constants = planeY + PLANE_BYTES;
  writeTables(planeX, planeY, constants);
  const channelBytes = (<usize>width * <usize>height) << 2;

  for (;;) {
    const tile = takeWeighted(counters, thread, threads, tileStart, tiles, true);
    if (tile < 0) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    for (let block: i32 = 0; block < BLOCKS; block++) {
      for (let row: i32 = 0; row < 2; row++) {
        const at = <usize>block * BLOCK_BYTES + <usize>row * ROW;
        const lanes = lanesInside(block, row, x0, y0, width, height);
        const pixel = upstream + pixelOffset(block, row, x0, y0, width);
        const r = loadLanes(pixel, lanes);
        const g = loadLanes(pixel + channelBytes, lanes);
        const b = loadLanes(pixel + 2 * channelBytes, lanes);
        const transmittance = v128.load(finalTransmittance + <usize>tile * PLANE_BYTES + at);
        v128.store(planeR + at, r);
        v128.store(planeG + at, g);
        v128.store(planeB + at, b);
        v128.store(planeT + at, transmittance);
        const background = fma(splat(backgroundR), r, fma(splat(backgroundG), g, f32x4.mul(splat(backgroundB), b)));
        v128.store(planeBehind + at, f32x4.mul(transmittance, background));
      }
    }

    const begin = load<u32>(tileStart + (<usize>tile << 2));
    for (let index = load<u32>(tileStart + (<usize>tile << 2), 4); index-- > begin; ) {
      const instance = instances + (<usize>index << 3);
      const slot = slots + <usize>load<u32>(instance, 4) * SLOT_BYTES;
      let mask = load<u32>(blended + (<usize>index << 3));
      let stream = <usize>load<u32>(blended + (<usize>index << 3), 4);
      if (mask == 0) {
        v128.store(slot, splat(0.0));
        v128.store(slot, splat(0.0), 16);
        v128.store(slot, splat(0.0), 32);
        continue;
      }
      const p = projected + <usize>load<u32>(instance) * PROJECTED_BYTES;
      const meanX = splat(load<f32>(p) - <f32>x0);
      const meanY = splat(load<f32>(p, 4) - <f32>y0);
      const red = v128.load32_splat(p, 24);
      const green = v128.load32_splat(p, 28);
      const blue = v128.load32_splat(p, 32);
      let sumR = splat(0.0);
      let sumG = splat(0.0);
      let sumB = splat(0.0);
      let sum0 = splat(0.0);
      let sumX = splat(0.0);
      let sumY = splat(0.0);
      let sumXX = splat(0.0);
      let sumXY = splat(0.0);
      let sumYY = splat(0.0);
      while (mask != 0) {
        const at = <usize>ctz<u32>(mask) * BLOCK_BYTES;
        mask &= mask - 1;
        const alpha0 = v128.load(stream);
        const alpha1 = v128.load(stream, ROW);
        stream += BLOCK_BYTES;
        const one = v128.load(constants, C_ONE);
        const inverse0 = f32x4.div(one, f32x4.sub(one, alpha0));
        const inverse1 = f32x4.div(one, f32x4.sub(one, alpha1));
        const transmittance0 = f32x4.mul(v128.load(planeT + at), inverse0);
        const transmittance1 = f32x4.mul(v128.load(planeT + at, ROW), inverse1);
        v128.store(planeT + at, transmittance0);
        v128.store(planeT + at, transmittance1, ROW);
        const weight0 = f32x4.mul(transmittance0, alpha0);
        const weight1 = f32x4.mul(transmittance1, alpha1);
        const upR0 = v128.load(planeR + at);
        const upR1 = v128.load(planeR + at, ROW);
        const upG0 = v128.load(planeG + at);
        const upG1 = v128.load(planeG + at, ROW);
        const upB0 = v128.load(planeB + at);
        const upB1 = v128.load(planeB + at, ROW);
        sumR = fma(weight0, upR0, fma(weight1, upR1, sumR));
        sumG = fma(weight0, upG0, fma(weight1, upG1, sumG));
        sumB = fma(weight0, upB0, fma(weight1, upB1, sumB));
        const q0 = fma(red, upR0, fma(green, upG0, f32x4.mul(blue, upB0)));
        const q1 = fma(red, upR1, fma(green, upG1, f32x4.mul(blue, upB1)));
        const behind0 = v128.load(planeBehind + at);
        const behind1 = v128.load(planeBehind + at, ROW);
        v128.store(planeBehind + at, fma(weight0, q0, behind0));
        v128.store(planeBehind + at, fma(weight1, q1, behind1), ROW);
        // g = dL/dsigma = -alpha dL/dalpha, none at the cap.
        const cap = v128.load(constants, C_ALPHA_MAX);
        const slope0 = fnma(transmittance0, q0, f32x4.mul(behind0, inverse0));
        const slope1 = fnma(transmittance1, q1, f32x4.mul(behind1, inverse1));
        const g0 = v128.and(f32x4.mul(alpha0, slope0), f32x4.lt(alpha0, cap));
        const g1 = v128.and(f32x4.mul(alpha1, slope1), f32x4.lt(alpha1, cap));
        const dx = f32x4.sub(v128.load(planeX + at), meanX);
        const dy0 = f32x4.sub(v128.load(planeY + at), meanY);
        const dy1 = f32x4.sub(v128.load(planeY + at, ROW), meanY);
        const g = f32x4.add(g0, g1);
        const gx = f32x4.mul(g, dx);
        const gy0 = f32x4.mul(g0, dy0);
        const gy1 = f32x4.mul(g1, dy1);
        const gy = f32x4.add(gy0, gy1);
        sum0 = f32x4.add(sum0, g);
        sumX = f32x4.add(sumX, gx);
        sumY = f32x4.add(sumY, gy);
        sumXX = fma(gx, dx, sumXX);
        sumXY = fma(gy, dx, sumXY);
        sumYY = fma(gy0, dy0, fma(gy1, dy1, sumYY));
      }
      v128.store(slot, sums(sumR, sumG, sumB, splat(0.0)));
      v128.store(slot, sums(sum0, sumX, sumY, sumXX), 16);
      v128.store(slot, sums(sumXY, sumYY, splat(0.0), splat(0.0)), 32);
    }
  }
}
