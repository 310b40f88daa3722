// Alpha blending of the colour channels, forward and backward: the training path.
//
// A tile is 16 x 16 pixels, held as 64 strips of four pixels of one row (one v128 each). Gaussians are the outer loop
// and strips the inner one, so a Gaussian's parameters stay in registers, and only strips that its ellipse reaches are
// visited: per row, |x - centre(dy)| <= sqrt(cutoff/a - det/a^2 dy^2) solves sigma <= ln(255 o).
//
// The forward pass writes the blended alphas of every visited strip to a stream (16 bytes) and a 64-bit mask of the
// strips per (tile, Gaussian). The backward pass reads them in reverse: no exponential, no threshold is evaluated
// twice, and both passes agree on what was blended to the last bit.

import { exp2x4InRange, fma, fnma, splat } from "../shared/math.as";
import { ALPHA_MAX, ALPHA_MIN, PROJECTED_BYTES, SLOT_BYTES, STOP_TRANSMITTANCE, TILE } from "../shared/layout.as";
import {
  CHUNK_BYTES, INSTANCE_STREAM_BYTES, LOG2E, NEXT_CHUNK, NEXT_TILE, OVERFLOW, PLANE_BYTES, STRIP_BYTES,
  loadStrip, startTile, storeStrip, stripOffsets, sums,
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
  const planeT = scratch + <usize>thread * 8 * PLANE_BYTES;
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
    for (; index < end && live > 0; index++) {
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
      const extentY = load<f32>(p, 44);
      const invA: f32 = 1.0 / a;
      const slope: f32 = b * invA;
      // A margin on the half-width: rounding of the conic must not cut off a pixel that the exact test would blend.
      const k0: f32 = load<f32>(p, 48) * invA * 1.02;
      const k1: f32 = load<f32>(p, 52) * invA * invA;
      const quadratic = splat(a * (-0.5 * LOG2E));
      const linear: f32 = b * -LOG2E;
      const constant: f32 = c * (-0.5 * LOG2E);
      const offsets = f32x4.sub(stripOffsets(), splat(x));

      const row0 = <i32>max<f32>(ceil<f32>(y - extentY - 0.51), 0.0);
      const row1 = <i32>min<f32>(y + extentY - 0.49, 15.0);
      let mask: u64 = 0;
      const first = stream;
      for (let row = row0; row <= row1; row++) {
        const dy: f32 = <f32>row + 0.5 - y;
        const halfWidth: f32 = sqrt<f32>(max<f32>(k0 - k1 * dy * dy, 0.0));
        const centre: f32 = x - slope * dy - 0.5;
        const right: f32 = min<f32>(centre + halfWidth, 15.0);
        if (right < 0.0) continue;
        const lastStrip = <i32>right >> 2;
        const rowLinear = splat(linear * dy);
        const rowConstant = splat(constant * dy * dy);
        for (let column = <i32>max<f32>(centre - halfWidth, 0.0) >> 2; column <= lastStrip; column++) {
          const strip = <usize>((row << 2) + column) * STRIP_BYTES;
          const transmittance = v128.load(planeT + strip);
          if (i32x4.bitmask(transmittance) == 15) continue;
          const dx = f32x4.add(offsets, splat(<f32>(column << 2)));
          const power = f32x4.pmax(splat(-126.0), fma(fma(quadratic, dx, rowLinear), dx, rowConstant));
          let alpha = f32x4.pmin(splat(ALPHA_MAX), f32x4.mul(opacity, exp2x4InRange(power)));
          const above = f32x4.ge(alpha, splat(ALPHA_MIN));
          alpha = v128.and(alpha, above);
          const after = fnma(transmittance, alpha, transmittance);
          const open = f32x4.gt(after, splat(STOP_TRANSMITTANCE));
          alpha = v128.and(alpha, open);
          const weight = f32x4.mul(transmittance, alpha);
          if (i32x4.bitmask(open) == 15) {
            if (!v128.any_true(alpha)) continue;
            v128.store(planeT + strip, after);
          } else {
            const next = v128.bitselect(after, v128.or(transmittance, i32x4.splat(0x80000000)), open);
            v128.store(planeT + strip, next);
            if (i32x4.bitmask(next) == 15) live--;
            if (!v128.any_true(alpha)) continue;
          }
          v128.store(planeR + strip, fma(weight, red, v128.load(planeR + strip)));
          v128.store(planeG + strip, fma(weight, green, v128.load(planeG + strip)));
          v128.store(planeB + strip, fma(weight, blue, v128.load(planeB + strip)));
          if (!discarding) {
            v128.store(stream, alpha);
            stream += STRIP_BYTES;
            mask |= <u64>1 << <u64>((row << 2) + column);
          }
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
  const planeT = scratch + <usize>thread * 8 * PLANE_BYTES;
  const planeBehind = planeT + PLANE_BYTES;
  const planeR = planeBehind + PLANE_BYTES;
  const planeG = planeR + PLANE_BYTES;
  const planeB = planeG + PLANE_BYTES;
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
      const offsets = f32x4.sub(stripOffsets(), splat(load<f32>(p) - <f32>x0));
      const y = load<f32>(p, 4) - <f32>y0;
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
      let row = 0;
      while (mask != 0) {
        const skip = <i32>(ctz<u64>(mask) >> 2);
        row += skip;
        mask >>= <u64>(skip << 2);
        let columns = <i32>mask & 15;
        mask >>= 4;
        let row0 = splat(0.0);
        let rowX = splat(0.0);
        let rowXX = splat(0.0);
        do {
          const column = ctz<i32>(columns);
          columns &= columns - 1;
          const strip = <usize>((row << 2) + column) * STRIP_BYTES;
          const alpha = v128.load(stream);
          stream += STRIP_BYTES;
          const inverse = f32x4.div(splat(1.0), f32x4.sub(splat(1.0), alpha));
          const transmittance = f32x4.mul(v128.load(planeT + strip), inverse);
          v128.store(planeT + strip, transmittance);
          const weight = f32x4.mul(transmittance, alpha);
          const upR = v128.load(planeR + strip);
          const upG = v128.load(planeG + strip);
          const upB = v128.load(planeB + strip);
          const q = fma(red, upR, fma(green, upG, f32x4.mul(blue, upB)));
          const behind = v128.load(planeBehind + strip);
          v128.store(planeBehind + strip, fma(weight, q, behind));
          // g = dL/dsigma = -alpha dL/dalpha, none at the cap.
          const dAlpha = fnma(behind, inverse, f32x4.mul(transmittance, q));
          const g = v128.and(f32x4.mul(f32x4.neg(alpha), dAlpha), f32x4.lt(alpha, splat(ALPHA_MAX)));
          const dx = f32x4.add(offsets, splat(<f32>(column << 2)));
          sumR = fma(weight, upR, sumR);
          sumG = fma(weight, upG, sumG);
          sumB = fma(weight, upB, sumB);
          const gx = f32x4.mul(g, dx);
          row0 = f32x4.add(row0, g);
          rowX = f32x4.add(rowX, gx);
          rowXX = fma(gx, dx, rowXX);
        } while (columns != 0);
        const dy = splat(<f32>row + 0.5 - y);
        const rowY = f32x4.mul(row0, dy);
        sum0 = f32x4.add(sum0, row0);
        sumX = f32x4.add(sumX, rowX);
        sumXX = f32x4.add(sumXX, rowXX);
        sumY = f32x4.add(sumY, rowY);
        sumYY = fma(rowY, dy, sumYY);
        sumXY = fma(rowX, dy, sumXY);
        row++;
      }
      v128.store(slot, sums(sumR, sumG, sumB, splat(0.0)));
      v128.store(slot, sums(sum0, sumX, sumY, sumXX), 16);
      v128.store(slot, sums(sumXY, sumYY, splat(0.0), splat(0.0)), 32);
    }
  }
}
