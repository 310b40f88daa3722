// Blending of any channels: colour, depth, alpha, contributor counts and D features. The same arithmetic, order and
// stream as the colour path in kernel.as.ts, with the channels in memory instead of in registers.
//
// Channel c of a Gaussian: 0-2 colour and 3 camera depth from its projected record, then D features.

import { exp2x4InRange, fma, fnma, splat } from "../shared/math.as";
import { ALPHA_MAX, ALPHA_MIN, PROJECTED_BYTES, SLOT_BYTES, STOP_TRANSMITTANCE, TILE } from "../shared/layout.as";
import {
  CHUNK_BYTES, INSTANCE_STREAM_BYTES, LOG2E, NEXT_CHUNK, NEXT_TILE, OVERFLOW, PLANE_BYTES, POWER_MIN, STRIP_BYTES,
  loadStrip, reachedStrips, startTile, storeStrip, stripOffsets, sums, writeCentres,
} from "./strips.as";

/** Byte offset of channel 0 in the projected record: r, g, b and depth follow each other there. */
const RECORD_CHANNELS: usize = 24;

// @ts-ignore: decorator
@inline
function channelAddress(p: usize, features: usize, gaussian: usize, dimension: i32, channel: i32): usize {
  return channel < 4 ? p + RECORD_CHANNELS + (<usize>channel << 2) : features + ((gaussian * <usize>dimension + <usize>(channel - 4)) << 2);
}

/**
 * output [4 + D, H, W]: colour with background, depth (sum w z), features; alpha [H, W]; contributors [H, W] int32.
 * Records masks and streams as `forward` does. Scratch per thread: 9 + D planes.
 */
export function forwardChannels(
  thread: i32, threads: i32,
  projected: usize, features: usize, dimension: i32,
  instances: usize, tileStart: usize, masks: usize, streams: usize,
  arena: usize, arenaChunks: i32, launch: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  output: usize, alphaOut: usize, contributors: usize, finalTransmittance: usize,
): void {
  const channels = 4 + dimension;
  const planeT = scratch + <usize>thread * <usize>(channels + 5) * PLANE_BYTES;
  const planeCount = planeT + PLANE_BYTES;
  const planes = planeCount + PLANE_BYTES;
  const spill = planes + <usize>channels * PLANE_BYTES;
  const planeX = spill + PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  writeCentres(planeX, planeY);
  const channelBytes = (<usize>width * <usize>height) << 2;
  let stream: usize = 0;
  let streamEnd: usize = 0;

  for (;;) {
    const tile = atomic.add<i32>(launch + NEXT_TILE, 1);
    if (tile >= tiles) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    let live = startTile(planeT, x0, y0, width, height);
    memory.fill(planeCount, 0, <usize>(channels + 1) * PLANE_BYTES);

    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    let index = load<u32>(tileStart + (<usize>tile << 2));
    for (; index < end && live != 0; index++) {
      if (streamEnd - stream < INSTANCE_STREAM_BYTES) {
        const chunk = atomic.add<i32>(launch + NEXT_CHUNK, 1);
        if (chunk < arenaChunks) {
          stream = arena + <usize>chunk * CHUNK_BYTES;
          streamEnd = stream + CHUNK_BYTES;
        } else {
          store<i32>(launch + OVERFLOW, 1);
          stream = spill;
          streamEnd = spill + INSTANCE_STREAM_BYTES;
        }
      }
      const gaussian = <usize>load<u32>(instances + (<usize>index << 3));
      const p = projected + gaussian * PROJECTED_BYTES;
      const x = load<f32>(p) - <f32>x0;
      const y = load<f32>(p, 4) - <f32>y0;
      const a = load<f32>(p, 8);
      const b = load<f32>(p, 12);
      const c = load<f32>(p, 16);
      const opacity = v128.load32_splat(p, 20);
      const invA: f32 = 1.0 / a;
      let strips = live & reachedStrips(x, y, b * invA, load<f32>(p, 48) * invA * 1.02, load<f32>(p, 52) * invA * invA);
      let mask: u64 = 0;
      const first = stream;
      for (; strips != 0; strips &= strips - 1) {
        const bit = ctz<u64>(strips);
        const strip = <usize>bit * STRIP_BYTES;
        const transmittance = v128.load(planeT + strip);
        const dx = f32x4.sub(v128.load(planeX + strip), splat(x));
        const dy = f32x4.sub(v128.load(planeY + strip), splat(y));
        const inX = fma(splat(a * (-0.5 * LOG2E)), dx, f32x4.mul(splat(b * -LOG2E), dy));
        const power = f32x4.pmax(splat(POWER_MIN), fma(inX, dx, f32x4.mul(f32x4.mul(splat(c * (-0.5 * LOG2E)), dy), dy)));
        const exact = f32x4.pmin(splat(ALPHA_MAX), f32x4.mul(opacity, exp2x4InRange(power)));
        const drawn = v128.and(exact, f32x4.ge(exact, splat(ALPHA_MIN)));
        const after = fnma(transmittance, drawn, transmittance);
        const open = f32x4.gt(after, splat(STOP_TRANSMITTANCE));
        const alpha = v128.and(drawn, open);
        const weight = f32x4.mul(transmittance, alpha);
        const next = v128.bitselect(after, v128.or(transmittance, i32x4.splat(0x80000000)), open);
        v128.store(planeT + strip, next);
        live &= ~(<u64>(i32x4.bitmask(next) == 15) << bit);
        const blended = f32x4.gt(alpha, splat(0.0));
        if (!v128.any_true(blended)) continue;
        v128.store(planeCount + strip, i32x4.sub(v128.load(planeCount + strip), blended));
        for (let channel = 0; channel < channels; channel++) {
          const plane = planes + <usize>channel * PLANE_BYTES + strip;
          const value = v128.load32_splat(channelAddress(p, features, gaussian, dimension, channel));
          v128.store(plane, fma(weight, value, v128.load(plane)));
        }
        v128.store(stream, alpha);
        stream += STRIP_BYTES;
        mask |= <u64>1 << bit;
      }
      store<u64>(masks + (<usize>index << 3), mask);
      store<u32>(streams + (<usize>index << 2), <u32>first);
    }
    for (; index < end; index++) store<u64>(masks + (<usize>index << 3), 0);

    for (let strip = 0; strip < 64; strip++) {
      const at = <usize>strip * STRIP_BYTES;
      const transmittance = f32x4.abs(v128.load(planeT + at));
      v128.store(finalTransmittance + <usize>tile * PLANE_BYTES + at, transmittance);
      const row = y0 + (strip >> 2);
      const column = x0 + ((strip & 3) << 2);
      const lanes = row < height ? width - column : 0;
      if (lanes <= 0) continue;
      const offset = <usize>(row * width + column) << 2;
      for (let channel = 0; channel < channels; channel++) {
        let value = v128.load(planes + <usize>channel * PLANE_BYTES + at);
        if (channel == 0) value = fma(transmittance, splat(backgroundR), value);
        if (channel == 1) value = fma(transmittance, splat(backgroundG), value);
        if (channel == 2) value = fma(transmittance, splat(backgroundB), value);
        storeStrip(output + <usize>channel * channelBytes + offset, value, lanes);
      }
      storeStrip(alphaOut + offset, f32x4.sub(splat(1.0), transmittance), lanes);
      storeStrip(contributors + offset, v128.load(planeCount + at), lanes);
    }
  }
}

/**
 * upstream [4 + D, H, W] and upstreamAlpha [H, W]; writes the gradient slots, dL/ddepth among them, and
 * featureSlots [M, D]. Scratch per thread: 9 + D planes.
 */
export function backwardChannels(
  thread: i32, threads: i32,
  projected: usize, features: usize, dimension: i32,
  instances: usize, tileStart: usize, masks: usize, streams: usize,
  launch: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  upstream: usize, upstreamAlpha: usize, finalTransmittance: usize, slots: usize, featureSlots: usize,
): void {
  const channels = 4 + dimension;
  const planeT = scratch + <usize>thread * <usize>(channels + 5) * PLANE_BYTES;
  const planeBehind = planeT + PLANE_BYTES;
  const planes = planeBehind + PLANE_BYTES;
  const channelBytes = (<usize>width * <usize>height) << 2;

  for (;;) {
    const tile = atomic.add<i32>(launch + NEXT_TILE, 1);
    if (tile >= tiles) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    for (let strip = 0; strip < 64; strip++) {
      const at = <usize>strip * STRIP_BYTES;
      const row = y0 + (strip >> 2);
      const column = x0 + ((strip & 3) << 2);
      const lanes = row < height ? width - column : 0;
      const offset = <usize>(row * width + column) << 2;
      const transmittance = v128.load(finalTransmittance + <usize>tile * PLANE_BYTES + at);
      v128.store(planeT + at, transmittance);
      // Alpha is 1 - T_end: its upstream acts like a background of -1.
      let behind = f32x4.neg(loadStrip(upstreamAlpha + offset, lanes));
      for (let channel = 0; channel < channels; channel++) {
        const value = loadStrip(upstream + <usize>channel * channelBytes + offset, lanes);
        v128.store(planes + <usize>channel * PLANE_BYTES + at, value);
        if (channel == 0) behind = fma(splat(backgroundR), value, behind);
        if (channel == 1) behind = fma(splat(backgroundG), value, behind);
        if (channel == 2) behind = fma(splat(backgroundB), value, behind);
      }
      v128.store(planeBehind + at, f32x4.mul(transmittance, behind));
    }

    const begin = load<u32>(tileStart + (<usize>tile << 2));
    for (let index = load<u32>(tileStart + (<usize>tile << 2), 4); index-- > begin; ) {
      const instance = instances + (<usize>index << 3);
      const slotIndex = <usize>load<u32>(instance, 4);
      const slot = slots + slotIndex * SLOT_BYTES;
      const featureSlot = featureSlots + ((slotIndex * <usize>dimension) << 2);
      memory.fill(slot, 0, SLOT_BYTES);
      memory.fill(featureSlot, 0, <usize>dimension << 2);
      let mask = load<u64>(masks + (<usize>index << 3));
      if (mask == 0) continue;
      const gaussian = <usize>load<u32>(instance);
      const p = projected + gaussian * PROJECTED_BYTES;
      const offsets = f32x4.sub(stripOffsets(), splat(load<f32>(p) - <f32>x0));
      const y = load<f32>(p, 4) - <f32>y0;
      let stream = <usize>load<u32>(streams + (<usize>index << 2));
      let sum0 = splat(0.0);
      let sumX = splat(0.0);
      let sumY = splat(0.0);
      let sumXX = splat(0.0);
      let sumXY = splat(0.0);
      let sumYY = splat(0.0);
      for (; mask != 0; mask &= mask - 1) {
        const bit = <i32>ctz<u64>(mask);
        const strip = <usize>bit * STRIP_BYTES;
        const alpha = v128.load(stream);
        stream += STRIP_BYTES;
        const inverse = f32x4.div(splat(1.0), f32x4.sub(splat(1.0), alpha));
        const transmittance = f32x4.mul(v128.load(planeT + strip), inverse);
        v128.store(planeT + strip, transmittance);
        const weight = f32x4.mul(transmittance, alpha);
        let q = splat(0.0);
        for (let channel = 0; channel < channels; channel++) {
          const up = v128.load(planes + <usize>channel * PLANE_BYTES + strip);
          q = fma(v128.load32_splat(channelAddress(p, features, gaussian, dimension, channel)), up, q);
          const product = f32x4.mul(weight, up);
          const lanes = sums(product, splat(0.0), splat(0.0), splat(0.0));
          const target = channel < 4 ? slot + (<usize>channel << 2) : featureSlot + (<usize>(channel - 4) << 2);
          store<f32>(target, load<f32>(target) + f32x4.extract_lane(lanes, 0));
        }
        const behind = v128.load(planeBehind + strip);
        v128.store(planeBehind + strip, fma(weight, q, behind));
        const dAlpha = fnma(behind, inverse, f32x4.mul(transmittance, q));
        const g = v128.and(f32x4.mul(f32x4.neg(alpha), dAlpha), f32x4.lt(alpha, splat(ALPHA_MAX)));
        const dx = f32x4.add(offsets, splat(<f32>((bit & 3) << 2)));
        const dy = splat(<f32>(bit >> 2) + 0.5 - y);
        const gx = f32x4.mul(g, dx);
        const gy = f32x4.mul(g, dy);
        sum0 = f32x4.add(sum0, g);
        sumX = f32x4.add(sumX, gx);
        sumY = f32x4.add(sumY, gy);
        sumXX = fma(gx, dx, sumXX);
        sumXY = fma(gx, dy, sumXY);
        sumYY = fma(gy, dy, sumYY);
      }
      v128.store(slot, sums(sum0, sumX, sumY, sumXX), 16);
      v128.store(slot, sums(sumXY, sumYY, splat(0.0), splat(0.0)), 32);
    }
  }
}
