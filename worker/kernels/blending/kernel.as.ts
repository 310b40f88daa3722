// Alpha blending of the colour channels, forward and backward: the training path.
//
// A tile is 16 x 16 pixels, held as 64 strips of four pixels of one row (one v128 each). Gaussians are the outer loop
// and strips the inner one, so a Gaussian's parameters stay in registers, and only strips that its ellipse reaches are
// visited: per row, |x - centre(dy)| <= sqrt(cutoff/a - det/a^2 dy^2) solves sigma <= ln(255 o).
//
// The forward pass writes the blended alphas of every visited strip to a stream (16 bytes) and a 64-bit mask of the
// strips per (tile, Gaussian). The backward pass reads them in reverse: no exponential, no threshold is evaluated
// twice, and both passes agree on what was blended to the last bit.

import { fma, fnma, splat } from "../shared/math.as";
import { PROJECTED_BYTES, SLOT_BYTES, TILE } from "../shared/layout.as";
import {
  C_ALPHA_MAX, C_ALPHA_MIN, C_ONE, C_POWER_MIN, C_SIGN, C_STOP,
  CHUNK_BYTES, INSTANCE_STREAM_BYTES, LOG2E, NEXT_CHUNK, NEXT_TILE, OVERFLOW, PLANE_BYTES, STRIP_BYTES,
  exp2Loaded, loadStrip, reachedStrips, startTile, storeStrip, sums, writeCentres, writeConstants,
} from "./strips.as";

export { backwardChannels, forwardChannels } from "./channels.as";
export { reduceSlots } from "./reduce.as";
export { countWeights, fillWeights } from "./weights.as";

/**
 * rgb [3, H, W] with background; finalTransmittance [tiles, 64, 4]. With `record` != 0 also masks [M] u64,
 * streams [M] u32 (address of the first alpha) and the alphas in the arena.
 */
export function forward(
  thread: i32, threads: i32,
  projected: usize, instances: usize, tileStart: usize, masks: usize, streams: usize,
  arena: usize, arenaChunks: i32, launch: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  rgb: usize, finalTransmittance: usize, record: i32,
): void {
  const planeT = scratch + <usize>thread * 9 * PLANE_BYTES;
  const planeX = planeT + 6 * PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  const constants = planeY + PLANE_BYTES;
  writeCentres(planeX, planeY);
  writeConstants(constants);
  const planeR = planeT + PLANE_BYTES;
  const planeG = planeR + PLANE_BYTES;
  const planeB = planeG + PLANE_BYTES;
  const spill = planeB + PLANE_BYTES;
  const channelBytes = (<usize>width * <usize>height) << 2;
  let stream: usize = 0;
  let streamEnd: usize = 0;
  const discarding = record == 0;

  for (;;) {
    const tile = atomic.add<i32>(launch + NEXT_TILE, 1);
    if (tile >= tiles) break;
    const x0 = (tile % tilesX) * TILE;
    const y0 = (tile / tilesX) * TILE;
    let live = startTile(planeT, x0, y0, width, height);
    memory.fill(planeR, 0, 3 * PLANE_BYTES);

    const end = load<u32>(tileStart + (<usize>tile << 2), 4);
    let index = load<u32>(tileStart + (<usize>tile << 2));
    for (; index < end && live != 0; index++) {
      if (!discarding && streamEnd - stream < INSTANCE_STREAM_BYTES) {
        const chunk = atomic.add<i32>(launch + NEXT_CHUNK, 1);
        if (chunk < arenaChunks) {
          stream = arena + <usize>chunk * CHUNK_BYTES;
          streamEnd = stream + CHUNK_BYTES;
        } else {
          // The caller grows the arena and runs the pass again; until then alphas go where nobody reads them.
          store<i32>(launch + OVERFLOW, 1);
          stream = spill;
          streamEnd = spill + INSTANCE_STREAM_BYTES;
        }
      }
      const p = projected + <usize>load<u32>(instances + (<usize>index << 3)) * PROJECTED_BYTES;
      const x = load<f32>(p) - <f32>x0;
      const y = load<f32>(p, 4) - <f32>y0;
      const a = load<f32>(p, 8);
      const b = load<f32>(p, 12);
      const c = load<f32>(p, 16);
      const opacity = v128.load32_splat(p, 20);
      const red = v128.load32_splat(p, 24);
      const green = v128.load32_splat(p, 28);
      const blue = v128.load32_splat(p, 32);
      const invA: f32 = 1.0 / a;
      // A margin on the half-width: rounding of the conic must not cut off a pixel that the exact test would blend.
      let strips = live & reachedStrips(x, y, b * invA, load<f32>(p, 48) * invA * 1.02, load<f32>(p, 52) * invA * invA);
      const meanX = splat(x);
      const meanY = splat(y);
      const quadraticX = splat(a * (-0.5 * LOG2E));
      const quadraticXY = splat(b * -LOG2E);
      const quadraticY = splat(c * (-0.5 * LOG2E));
      let mask: u64 = 0;
      const first = stream;
      while (strips != 0) {
        const bit = ctz<u64>(strips);
        strips &= strips - 1;
        const at = <usize>bit * STRIP_BYTES;
        const transmittance = v128.load(planeT + at);
        const dx = f32x4.sub(v128.load(planeX + at), meanX);
        const dy = f32x4.sub(v128.load(planeY + at), meanY);
        const inX = fma(quadraticX, dx, f32x4.mul(quadraticXY, dy));
        const power = f32x4.pmax(v128.load(constants, C_POWER_MIN), fma(inX, dx, f32x4.mul(f32x4.mul(quadraticY, dy), dy)));
        const exact = f32x4.pmin(v128.load(constants, C_ALPHA_MAX), f32x4.mul(opacity, exp2Loaded(power, constants)));
        const drawn = v128.and(exact, f32x4.ge(exact, v128.load(constants, C_ALPHA_MIN)));
        const after = fnma(transmittance, drawn, transmittance);
        // A pixel that has ended keeps its transmittance with a minus sign, and so stays ended.
        const open = f32x4.gt(after, v128.load(constants, C_STOP));
        const alpha = v128.and(drawn, open);
        const next = v128.bitselect(after, v128.or(transmittance, v128.load(constants, C_SIGN)), open);
        const weight = f32x4.mul(transmittance, alpha);
        v128.store(planeT + at, next);
        v128.store(planeR + at, fma(weight, red, v128.load(planeR + at)));
        v128.store(planeG + at, fma(weight, green, v128.load(planeG + at)));
        v128.store(planeB + at, fma(weight, blue, v128.load(planeB + at)));
        live &= ~(<u64>(i32x4.bitmask(next) == 15) << bit);
        if (!discarding) {
          const blended = <u64>v128.any_true(alpha);
          v128.store(stream, alpha);
          stream += <usize>(blended << 4);
          mask |= blended << bit;
        }
      }
      if (!discarding) {
        store<u64>(masks + (<usize>index << 3), mask);
        store<u32>(streams + (<usize>index << 2), <u32>first);
      }
    }
    if (!discarding) {
      for (; index < end; index++) store<u64>(masks + (<usize>index << 3), 0);
    }

    for (let strip = 0; strip < 64; strip++) {
      const at = <usize>strip * STRIP_BYTES;
      const transmittance = f32x4.abs(v128.load(planeT + at));
      v128.store(finalTransmittance + <usize>tile * PLANE_BYTES + at, transmittance);
      const row = y0 + (strip >> 2);
      const column = x0 + ((strip & 3) << 2);
      const lanes = row < height ? width - column : 0;
      const pixel = rgb + (<usize>(row * width + column) << 2);
      storeStrip(pixel, fma(transmittance, splat(backgroundR), v128.load(planeR + at)), lanes);
      storeStrip(pixel + channelBytes, fma(transmittance, splat(backgroundG), v128.load(planeG + at)), lanes);
      storeStrip(pixel + 2 * channelBytes, fma(transmittance, splat(backgroundB), v128.load(planeB + at)), lanes);
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
  projected: usize, instances: usize, tileStart: usize, masks: usize, streams: usize,
  launch: usize, scratch: usize,
  width: i32, height: i32, tilesX: i32, tiles: i32,
  backgroundR: f32, backgroundG: f32, backgroundB: f32,
  upstream: usize, finalTransmittance: usize, slots: usize,
): void {
  const planeT = scratch + <usize>thread * 9 * PLANE_BYTES;
  const planeBehind = planeT + PLANE_BYTES;
  const planeR = planeBehind + PLANE_BYTES;
  const planeG = planeR + PLANE_BYTES;
  const planeB = planeG + PLANE_BYTES;
  const planeX = planeB + PLANE_BYTES;
  const planeY = planeX + PLANE_BYTES;
  const constants = planeY + PLANE_BYTES;
  writeCentres(planeX, planeY);
  writeConstants(constants);
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
      const pixel = upstream + (<usize>(row * width + column) << 2);
      const r = loadStrip(pixel, lanes);
      const g = loadStrip(pixel + channelBytes, lanes);
      const b = loadStrip(pixel + 2 * channelBytes, lanes);
      const transmittance = v128.load(finalTransmittance + <usize>tile * PLANE_BYTES + at);
      v128.store(planeR + at, r);
      v128.store(planeG + at, g);
      v128.store(planeB + at, b);
      v128.store(planeT + at, transmittance);
      const background = fma(splat(backgroundR), r, fma(splat(backgroundG), g, f32x4.mul(splat(backgroundB), b)));
      v128.store(planeBehind + at, f32x4.mul(transmittance, background));
    }

    const begin = load<u32>(tileStart + (<usize>tile << 2));
    for (let index = load<u32>(tileStart + (<usize>tile << 2), 4); index-- > begin; ) {
      const instance = instances + (<usize>index << 3);
      const slot = slots + <usize>load<u32>(instance, 4) * SLOT_BYTES;
      let mask = load<u64>(masks + (<usize>index << 3));
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
      let stream = <usize>load<u32>(streams + (<usize>index << 2));
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
        const at = <usize>ctz<u64>(mask) * STRIP_BYTES;
        mask &= mask - 1;
        const alpha = v128.load(stream);
        stream += STRIP_BYTES;
        const one = v128.load(constants, C_ONE);
        const inverse = f32x4.div(one, f32x4.sub(one, alpha));
        const transmittance = f32x4.mul(v128.load(planeT + at), inverse);
        v128.store(planeT + at, transmittance);
        const weight = f32x4.mul(transmittance, alpha);
        const upR = v128.load(planeR + at);
        const upG = v128.load(planeG + at);
        const upB = v128.load(planeB + at);
        const q = fma(red, upR, fma(green, upG, f32x4.mul(blue, upB)));
        const behind = v128.load(planeBehind + at);
        v128.store(planeBehind + at, fma(weight, q, behind));
        // g = dL/dsigma = -alpha dL/dalpha, none at the cap.
        const gradient = fnma(transmittance, q, f32x4.mul(behind, inverse));
        const g = v128.and(f32x4.mul(alpha, gradient), f32x4.lt(alpha, v128.load(constants, C_ALPHA_MAX)));
        const dx = f32x4.sub(v128.load(planeX + at), meanX);
        const dy = f32x4.sub(v128.load(planeY + at), meanY);
        const gx = f32x4.mul(g, dx);
        const gy = f32x4.mul(g, dy);
        sumR = fma(weight, upR, sumR);
        sumG = fma(weight, upG, sumG);
        sumB = fma(weight, upB, sumB);
        sum0 = f32x4.add(sum0, g);
        sumX = f32x4.add(sumX, gx);
        sumY = f32x4.add(sumY, gy);
        sumXX = fma(gx, dx, sumXX);
        sumXY = fma(gx, dy, sumXY);
        sumYY = fma(gy, dy, sumYY);
      }
      v128.store(slot, sums(sumR, sumG, sumB, splat(0.0)));
      v128.store(slot, sums(sum0, sumX, sumY, sumXX), 16);
      v128.store(slot, sums(sumXY, sumYY, splat(0.0), splat(0.0)), 32);
    }
  }
}
