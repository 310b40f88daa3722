// Blending of any channels: colour, depth, alpha, contributor counts and D features. The same arithmetic, order and
// stream as the colour path in kernel.as.ts, with the channels in memory instead of in registers.
//
// Channel c of a Gaussian: 0-2 colour and 3 camera depth from its projected record, then D features.

import { fma, fnma, splat } from "../shared/math.as";
import { PROJECTED_BYTES, SLOT_BYTES, TILE } from "../shared/layout.as";
import { takeWeighted } from "../shared/shares.as";
import {
  BATCH, BLOCKS, BLOCK_BYTES, C_ALPHA_MAX, C_ALPHA_MIN, C_ONE, C_POWER_MIN, C_SIGN, C_STOP, CHUNK_BYTES, CONSTANTS_BYTES,
  INSTANCE_STREAM_BYTES, LOG2E, PLANE_BYTES, ROW, batchEntry, exp2Short, fillBatch, lanesInside, loadLanes,
  log2Opacity, pixelOffset, startTile, storeLanes, sums, takeChunk, writeTables,
} from "./blocks.as";

/** Byte offset of channel 0 in the projected record: r, g, b and depth follow each other there. */
const RECORD_CHANNELS: usize = 24;
/** Planes of scratch per thread beside one per channel; blending.ts reserves as many. */
const FIXED_PLANES: i32 = 6;

// @ts-ignore: decorator
@inline
function channelAddress(p: usize, features: usize, gaussian: usize, dimension: i32, channel: i32): usize {
  return channel < 4 ? p + RECORD_CHANNELS + (<usize>channel << 2) : features + ((gaussian * <usize>dimension + <usize>(channel - 4)) << 2);
}

/**
 * output [4 + D, H, W]: colour with background, depth (sum w z), features; alpha [H, W]; contributors [H, W] int32.
 * Records as `forward` does.
 */
export function forwardChannels(
  thread: i32, threads: i32,
  projected: usize, features: usize, dimension: i32,
  instances: usize, tileStart: usize, blended: usize,
  arena: usize, arenaChunks: i32, counters: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  output: usize, alphaOut: usize, contributors: usize, finalTransmittance: usize,
): void {
  const channels = 4 + dimension;
  const planeT = scratch + <usize>thread * <usize>(channels + FIXED_PLANES) * PLANE_BYTES;
  const planeX = planeT + PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  const spill = planeY + PLANE_BYTES;
  const constants = spill + PLANE_BYTES;
  const batch = constants + CONSTANTS_BYTES;
  const planeCount = constants + PLANE_BYTES;
  const planes = planeCount + PLANE_BYTES;
  writeTables(planeX, planeY, constants);
  const channelBytes = (<usize>width * <usize>height) << 2;
  let stream: usize = 0;
  let room: usize = 0;
  let spilling = false;

  for (;;) {
    const tile = takeWeighted(counters, thread, threads, tileStart, tiles);
    if (tile < 0) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    let live = startTile(planeT, planeX, planeY, width - x0, height - y0);
    memory.fill(planeCount, 0, <usize>(channels + 1) * PLANE_BYTES);

    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    let index = load<u32>(tileStart + (<usize>tile << 2));
    let ready: u32 = index;
    for (; index < end && live != 0; index++) {
      if (index == ready) {
        ready = min<u32>(index + BATCH, end);
        fillBatch(batch, index, ready, projected, instances, <f32>x0, <f32>y0, constants);
      }
      if (room < INSTANCE_STREAM_BYTES) {
        const chunk = takeChunk(counters, thread, threads, arenaChunks);
        room = CHUNK_BYTES;
        spilling = chunk < 0;
        stream = arena + <usize>chunk * CHUNK_BYTES;
      }
      if (spilling) stream = spill;
      const gaussian = <usize>load<u32>(instances + (<usize>index << 3));
      const p = projected + gaussian * PROJECTED_BYTES;
      const meanX = splat(load<f32>(p) - <f32>x0);
      const meanY = splat(load<f32>(p, 4) - <f32>y0);
      const quadraticX = splat(load<f32>(p, 8) * (-0.5 * LOG2E));
      const quadraticXY = splat(load<f32>(p, 12) * -LOG2E);
      const quadraticY = splat(load<f32>(p, 16) * (-0.5 * LOG2E));
      const logOpacity = splat(log2Opacity(p));
      let mask: u32 = 0;
      const first = stream;
      for (let blocks = live & load<u32>(batchEntry(batch, index, ready)); blocks != 0; blocks &= blocks - 1) {
        const block = ctz<u32>(blocks);
        let changed: bool = false;
        let ended = i32x4.splat(-1);
        for (let row: usize = 0; row < BLOCK_BYTES; row += ROW) {
          const at = <usize>block * BLOCK_BYTES + row;
          const dx = f32x4.sub(v128.load(planeX + at), meanX);
          const dy = f32x4.sub(v128.load(planeY + at), meanY);
          const inX = fma(quadraticXY, dy, f32x4.mul(quadraticX, dx));
          const exponent = fma(inX, dx, fma(f32x4.mul(quadraticY, dy), dy, logOpacity));
          const power = f32x4.pmax(v128.load(constants, C_POWER_MIN), exponent);
          const exact = f32x4.pmin(v128.load(constants, C_ALPHA_MAX), exp2Short(power, constants));
          const drawn = v128.and(exact, f32x4.ge(exact, v128.load(constants, C_ALPHA_MIN)));
          const before = v128.load(planeT + at);
          const after = fnma(before, drawn, before);
          const open = f32x4.gt(after, v128.load(constants, C_STOP));
          const alpha = v128.and(drawn, open);
          const next = v128.bitselect(after, v128.or(before, v128.load(constants, C_SIGN)), open);
          v128.store(planeT + at, next);
          ended = v128.and(ended, next);
          v128.store(stream, alpha);
          stream += ROW;
          if (!v128.any_true(alpha)) continue;
          changed = true;
          v128.store(planeCount + at, i32x4.sub(v128.load(planeCount + at), f32x4.gt(alpha, splat(0.0))));
          const weight = f32x4.mul(before, alpha);
          for (let channel: i32 = 0; channel < channels; channel++) {
            const plane = planes + <usize>channel * PLANE_BYTES + at;
            const value = v128.load32_splat(channelAddress(p, features, gaussian, dimension, channel));
            v128.store(plane, fma(weight, value, v128.load(plane)));
          }
        }
        live &= ~(<u32>(i32x4.bitmask(ended) == 15) << block);
        if (changed) mask |= <u32>1 << block;
        else stream -= BLOCK_BYTES;
      }
      store<u32>(blended + (<usize>index << 3), mask);
      store<u32>(blended + (<usize>index << 3), <u32>first, 4);
      room -= stream - first;
    }
    for (; index < end; index++) store<u32>(blended + (<usize>index << 3), 0);

    for (let block: i32 = 0; block < BLOCKS; block++) {
      for (let row: i32 = 0; row < 2; row++) {
        const at = <usize>block * BLOCK_BYTES + <usize>row * ROW;
        const transmittance = f32x4.abs(v128.load(planeT + at));
        v128.store(finalTransmittance + <usize>tile * PLANE_BYTES + at, transmittance);
        const lanes = lanesInside(block, row, x0, y0, width, height);
        if (lanes <= 0) continue;
        const offset = pixelOffset(block, row, x0, y0, width);
        for (let channel: i32 = 0; channel < channels; channel++) {
          let value = v128.load(planes + <usize>channel * PLANE_BYTES + at);
          if (channel == 0) value = fma(transmittance, splat(backgroundR), value);
          if (channel == 1) value = fma(transmittance, splat(backgroundG), value);
          if (channel == 2) value = fma(transmittance, splat(backgroundB), value);
          storeLanes(output + <usize>channel * channelBytes + offset, value, lanes);
        }
        storeLanes(alphaOut + offset, f32x4.sub(splat(1.0), transmittance), lanes);
        storeLanes(contributors + offset, v128.load(planeCount + at), lanes);
      }
    }
  }
}

/**
 * upstream [4 + D, H, W] and upstreamAlpha [H, W]; writes the gradient slots, dL/ddepth among them, and
 * featureSlots [M, D].
 */
export function backwardChannels(
  thread: i32, threads: i32,
  projected: usize, features: usize, dimension: i32,
  instances: usize, tileStart: usize, blended: usize,
  counters: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  upstream: usize, upstreamAlpha: usize, finalTransmittance: usize, slots: usize, featureSlots: usize,
): void {
  const channels = 4 + dimension;
  const planeT = scratch + <usize>thread * <usize>(channels + FIXED_PLANES) * PLANE_BYTES;
  const planeBehind = planeT + PLANE_BYTES;
  const planeX = planeBehind + PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  const constants = planeY + PLANE_BYTES;
  const planes = constants + PLANE_BYTES;
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
        const offset = pixelOffset(block, row, x0, y0, width);
        const transmittance = v128.load(finalTransmittance + <usize>tile * PLANE_BYTES + at);
        v128.store(planeT + at, transmittance);
        // Alpha is 1 - T_end: its upstream acts like a background of -1.
        let behind = f32x4.neg(loadLanes(upstreamAlpha + offset, lanes));
        for (let channel: i32 = 0; channel < channels; channel++) {
          const value = loadLanes(upstream + <usize>channel * channelBytes + offset, lanes);
          v128.store(planes + <usize>channel * PLANE_BYTES + at, value);
          if (channel == 0) behind = fma(splat(backgroundR), value, behind);
          if (channel == 1) behind = fma(splat(backgroundG), value, behind);
          if (channel == 2) behind = fma(splat(backgroundB), value, behind);
        }
        v128.store(planeBehind + at, f32x4.mul(transmittance, behind));
      }
    }

    const begin = load<u32>(tileStart + (<usize>tile << 2));
    for (let index = load<u32>(tileStart + (<usize>tile << 2), 4); index-- > begin; ) {
      const instance = instances + (<usize>index << 3);
      const slotIndex = <usize>load<u32>(instance, 4);
      const slot = slots + slotIndex * SLOT_BYTES;
      const featureSlot = featureSlots + ((slotIndex * <usize>dimension) << 2);
      memory.fill(slot, 0, SLOT_BYTES);
      memory.fill(featureSlot, 0, <usize>dimension << 2);
      const gaussian = <usize>load<u32>(instance);
      const p = projected + gaussian * PROJECTED_BYTES;
      const meanX = splat(load<f32>(p) - <f32>x0);
      const meanY = splat(load<f32>(p, 4) - <f32>y0);
      let stream = <usize>load<u32>(blended + (<usize>index << 3), 4);
      let sum0 = splat(0.0);
      let sumX = splat(0.0);
      let sumY = splat(0.0);
      let sumXX = splat(0.0);
      let sumXY = splat(0.0);
      let sumYY = splat(0.0);
      for (let mask = load<u32>(blended + (<usize>index << 3)); mask != 0; mask &= mask - 1) {
        for (let row: usize = 0; row < BLOCK_BYTES; row += ROW) {
          const at = <usize>ctz<u32>(mask) * BLOCK_BYTES + row;
          const alpha = v128.load(stream);
          stream += ROW;
          const one = v128.load(constants, C_ONE);
          const inverse = f32x4.div(one, f32x4.sub(one, alpha));
          const transmittance = f32x4.mul(v128.load(planeT + at), inverse);
          v128.store(planeT + at, transmittance);
          const weight = f32x4.mul(transmittance, alpha);
          let q = splat(0.0);
          for (let channel: i32 = 0; channel < channels; channel++) {
            const up = v128.load(planes + <usize>channel * PLANE_BYTES + at);
            q = fma(v128.load32_splat(channelAddress(p, features, gaussian, dimension, channel)), up, q);
            const lanes = sums(f32x4.mul(weight, up), splat(0.0), splat(0.0), splat(0.0));
            const target = channel < 4 ? slot + (<usize>channel << 2) : featureSlot + (<usize>(channel - 4) << 2);
            store<f32>(target, load<f32>(target) + f32x4.extract_lane(lanes, 0));
          }
          const behind = v128.load(planeBehind + at);
          v128.store(planeBehind + at, fma(weight, q, behind));
          const slope = fnma(transmittance, q, f32x4.mul(behind, inverse));
          const g = v128.and(f32x4.mul(alpha, slope), f32x4.lt(alpha, v128.load(constants, C_ALPHA_MAX)));
          const dx = f32x4.sub(v128.load(planeX + at), meanX);
          const dy = f32x4.sub(v128.load(planeY + at), meanY);
          const gx = f32x4.mul(g, dx);
          const gy = f32x4.mul(g, dy);
          sum0 = f32x4.add(sum0, g);
          sumX = f32x4.add(sumX, gx);
          sumY = f32x4.add(sumY, gy);
          sumXX = fma(gx, dx, sumXX);
          sumXY = fma(gx, dy, sumXY);
          sumYY = fma(gy, dy, sumYY);
        }
      }
      v128.store(slot, sums(sum0, sumX, sumY, sumXX), 16);
      v128.store(slot, sums(sumXY, sumYY, splat(0.0), splat(0.0)), 32);
    }
  }
}
