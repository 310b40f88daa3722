// The end of a training step in one pass over memory: sum of the gradient slots, backward of projection and spherical
// harmonics, regularisers, Adam on every parameter and position noise, per block of four Gaussians. Gradients of the
// parameters never reach memory; what is read and written is each parameter and its two moments, once.
// The definition is reference.ts.

import { fma, fnma, sigmoidx4, splat, transpose0, transpose1, transpose2, transpose3 } from "../shared/math.as";
import { SLOT_BYTES } from "../shared/layout.as";
import {
  S_BASIS, S_GRADIENT, S_GRADIENT_QUATERNION, S_GRADIENT_SCALE, S_RECORD, S_ROTATION, S_SCALES, S_SH_DOT, S_UPSTREAM,
  SCRATCH_BYTES, SHARE_BLOCKS,
} from "../shared/view.as";
import { takeItem } from "../shared/shares.as";
import { geometryBackward, prepareBlock } from "../projection/geometry.as";
import { lanesBelow, loadRecords } from "../projection/rows.as";
import { maskColourGradient, shBasisLanes, shDirectionGradient } from "../spherical-harmonics/basis.as";
import { adamStep, storeConstants } from "./adam.as";
import { normalLanes } from "./noise.as";

export { copyGaussians, gatherLanes, putLanes } from "./relocate.as";

/** Scratch behind the fields of view.as.ts: Adam's constants. */
const S_ADAM: usize = 1792;
/** Below this factor the position noise of 3DGS-MCMC is not worth its time. */
const NOISE_FLOOR: f32 = 1e-6;

// @ts-ignore: decorator
@inline
function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

/** Slots of lane `lane`, summed in order, as the row of 12 float32 at `row`. Returns whether there are any. */
// @ts-ignore: decorator
@inline
function sumSlots(slotStart: usize, slots: usize, gaussian: i32, count: i32, row: usize): i32 {
  const first = load<u32>(slotStart + (<usize>min(gaussian, count) << 2));
  const last = load<u32>(slotStart + (<usize>min(gaussian + 1, count) << 2));
  let a = splat(0.0);
  let b = splat(0.0);
  let c = splat(0.0);
  const end = slots + <usize>last * SLOT_BYTES;
  for (let slot = slots + <usize>first * SLOT_BYTES; slot < end; slot += SLOT_BYTES) {
    a = f32x4.add(a, v128.load(slot));
    b = f32x4.add(b, v128.load(slot, 16));
    c = f32x4.add(c, v128.load(slot, 32));
  }
  v128.store(row, a);
  v128.store(row, b, 16);
  v128.store(row, c, 32);
  return last > first ? -1 : 0;
}

/** Sums the slots of a block into lanes at S_UPSTREAM (fields of SLOT); returns the mask of the lanes that have any. */
// @ts-ignore: decorator
@inline
function gatherSlots(slotStart: usize, slots: usize, block: i32, count: i32, scratch: usize): v128 {
  // S_BASIS is not in use yet.
  const rows = scratch + S_BASIS;
  const gaussian = block << 2;
  let mask = i32x4.splat(sumSlots(slotStart, slots, gaussian, count, rows));
  mask = i32x4.replace_lane(mask, 1, sumSlots(slotStart, slots, gaussian + 1, count, rows + SLOT_BYTES));
  mask = i32x4.replace_lane(mask, 2, sumSlots(slotStart, slots, gaussian + 2, count, rows + 2 * SLOT_BYTES));
  mask = i32x4.replace_lane(mask, 3, sumSlots(slotStart, slots, gaussian + 3, count, rows + 3 * SLOT_BYTES));
  for (let offset: usize = 0; offset < SLOT_BYTES; offset += 16) {
    const a = v128.load(rows + offset);
    const b = v128.load(rows + offset, 48);
    const c = v128.load(rows + offset, 96);
    const d = v128.load(rows + offset, 144);
    const out = scratch + S_UPSTREAM + (offset << 2);
    v128.store(out, transpose0(a, b, c, d));
    v128.store(out, transpose1(a, b, c, d), 16);
    v128.store(out, transpose2(a, b, c, d), 32);
    v128.store(out, transpose3(a, b, c, d), 48);
  }
  return mask;
}

/** Moments of g = dL/dsigma at S_UPSTREAM to derivatives of the record, in place. */
// @ts-ignore: decorator
@inline
function momentsToRecord(scratch: usize): void {
  const up = scratch + S_UPSTREAM;
  const a = v128.load(scratch + S_RECORD, 32);
  const b = v128.load(scratch + S_RECORD, 48);
  const c = v128.load(scratch + S_RECORD, 64);
  const gx = v128.load(up, 80);
  const gy = v128.load(up, 96);
  v128.store(up, f32x4.neg(fma(a, gx, mul(b, gy))), 80);
  v128.store(up, f32x4.neg(fma(b, gx, mul(c, gy))), 96);
  v128.store(up, mul(splat(0.5), v128.load(up, 112)), 112);
  v128.store(up, mul(splat(0.5), v128.load(up, 144)), 144);
}

/** The three channels of coefficient k: their part of the direction's gradient to S_SH_DOT, then Adam. */
// @ts-ignore: decorator
@inline
function updateCoefficient(
  adam: usize, parameter: usize, first: usize, second: usize, k: usize, rate: v128, scratch: usize,
  red: v128, green: v128, blue: v128, masked: bool, mask: v128,
): void {
  const basis = v128.load(scratch + S_BASIS + (k << 4));
  const at = k * 48;
  const p0 = v128.load(parameter + at);
  const p1 = v128.load(parameter + at, 16);
  const p2 = v128.load(parameter + at, 32);
  v128.store(scratch + S_SH_DOT + (k << 4), fma(red, p0, fma(green, p1, mul(blue, p2))));
  const p = parameter + at;
  const m = first + at;
  const v = second + at;
  adamStep(adam, p, m, v, p0, mul(basis, red), rate, masked, mask);
  adamStep(adam, p + 16, m + 16, v + 16, p1, mul(basis, green), rate, masked, mask);
  adamStep(adam, p + 32, m + 32, v + 32, p2, mul(basis, blue), rate, masked, mask);
}

/** All active coefficients. */
// @ts-ignore: decorator
@inline
function updateCoefficients(
  adam: usize, parameter: usize, first: usize, second: usize, coefficients: usize,
  rateDc: f32, rateRest: f32, scratch: usize, masked: bool, mask: v128,
): void {
  const red = v128.load(scratch + S_UPSTREAM);
  const green = v128.load(scratch + S_UPSTREAM, 16);
  const blue = v128.load(scratch + S_UPSTREAM, 32);
  updateCoefficient(adam, parameter, first, second, 0, splat(rateDc), scratch, red, green, blue, masked, mask);
  const rate = splat(rateRest);
  for (let k: usize = 1; k < coefficients; k++) {
    updateCoefficient(adam, parameter, first, second, k, rate, scratch, red, green, blue, masked, mask);
  }
}

/** Adam on `bytes` of a lane block with gradients at `gradient`. */
// @ts-ignore: decorator
@inline
function updateGroup(
  adam: usize, parameter: usize, first: usize, second: usize, gradient: usize, bytes: usize, rate: f32, mask: v128,
): void {
  const rates = splat(rate);
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = v128.load(parameter + at);
    adamStep(adam, parameter + at, first + at, second + at, value, v128.load(gradient + at), rates, true, mask);
  }
}

/** mean += scale Sigma n with Sigma = R S^2 R^T of before the update; lanes outside `mask` stay. */
// @ts-ignore: decorator
@inline
function addNoise(means: usize, scratch: usize, block: i32, scale: v128, key0: i32, key1: i32, mask: v128): void {
  const n0 = normalLanes(block, 0, key0, key1);
  const n1 = normalLanes(block, 1, key0, key1);
  const n2 = normalLanes(block, 2, key0, key1);
  let d0 = splat(0.0);
  let d1 = splat(0.0);
  let d2 = splat(0.0);
  for (let k: usize = 0; k < 48; k += 16) {
    const column = scratch + S_ROTATION + k;
    const r0 = v128.load(column);
    const r1 = v128.load(column, 48);
    const r2 = v128.load(column, 96);
    const s = v128.load(scratch + S_SCALES + k);
    const along = mul(mul(s, s), fma(r0, n0, fma(r1, n1, mul(r2, n2))));
    d0 = fma(along, r0, d0);
    d1 = fma(along, r1, d1);
    d2 = fma(along, r2, d2);
  }
  moveMean(means, mul(d0, scale), mask);
  moveMean(means + 16, mul(d1, scale), mask);
  moveMean(means + 32, mul(d2, scale), mask);
}

// @ts-ignore: decorator
@inline
function moveMean(mean: usize, by: v128, mask: v128): void {
  // A shape without a number must not reach the position.
  const finite = v128.and(mask, f32x4.eq(by, by));
  v128.store(mean, f32x4.add(v128.load(mean), v128.and(by, finite)));
}

/**
 * Parameters, first and second moments in lane blocks, updated in place. `projected` [N, 16] of this view and these
 * parameters, `slotStart` [N + 1], `slots` [M, 12]. Rates and epsilon carry the bias corrections (see adam.as.ts); the
 * regularisers are gradients per unit of sigmoid(opacity) and of exp(log scale).
 */
export function update(
  thread: i32, threads: i32,
  means: usize, quaternions: usize, logScales: usize, logitOpacities: usize, sh: usize,
  means1: usize, quaternions1: usize, logScales1: usize, logitOpacities1: usize, sh1: usize,
  means2: usize, quaternions2: usize, logScales2: usize, logitOpacities2: usize, sh2: usize,
  shStride: i32, degree: i32, count: i32, view: usize, counters: usize, scratches: usize,
  projected: usize, slotStart: usize, slots: usize,
  rateMeans: f32, rateQuaternions: f32, rateLogScales: f32, rateLogitOpacities: f32, rateDc: f32, rateRest: f32,
  beta1: f32, beta2: f32, epsilon: f32,
  opacityRegulariser: f32, scaleRegulariser: f32, noiseScale: f32, key0: i32, key1: i32, selective: i32,
): void {
  const scratch = scratches + <usize>thread * SCRATCH_BYTES;
  const adam = scratch + S_ADAM;
  storeConstants(adam, beta1, beta2, epsilon);
  const blocks = (count + 3) >> 2;
  const coefficients = <usize>((degree + 1) * (degree + 1));
  const shares = (blocks + SHARE_BLOCKS - 1) / SHARE_BLOCKS;
  for (;;) {
    const share = takeItem(counters, thread, threads, shares);
    if (share < 0) break;
    let block = share * SHARE_BLOCKS;
    const end = min(block + SHARE_BLOCKS, blocks);
    for (; block < end; block++) {
      const b = <usize>block;
      const visible = gatherSlots(slotStart, slots, block, count, scratch);
      const anyVisible = v128.any_true(visible);
      if (selective != 0 && !anyVisible) continue;
      const active = selective != 0 ? visible : lanesBelow(block, count);

      const at3 = b * 48;
      const at4 = b * 64;
      const at1 = b * 16;
      const atSh = b * (<usize>shStride * 48);
      const drawn = v128.and(loadRecords(projected, block, count, scratch), visible);
      maskColourGradient(scratch, drawn);
      prepareBlock(means + at3, quaternions + at4, logScales + at3, view, scratch);
      shBasisLanes(means + at3, view, scratch, degree, drawn);
      const p = sh + atSh;
      const m = sh1 + atSh;
      const v = sh2 + atSh;
      if (i32x4.all_true(active)) {
        updateCoefficients(adam, p, m, v, coefficients, rateDc, rateRest, scratch, false, active);
      } else {
        updateCoefficients(adam, p, m, v, coefficients, rateDc, rateRest, scratch, true, active);
      }

      const logit = v128.load(logitOpacities + at1);
      const opacity = sigmoidx4(logit);
      const transparency = f32x4.sub(splat(1.0), opacity);
      // dL/dopacity = -g / opacity, times the slope opacity (1 - opacity) of the sigmoid.
      const opacityGradient = v128.and(mul(v128.load(scratch + S_UPSTREAM, 64), f32x4.neg(transparency)), drawn);
      if (anyVisible) {
        momentsToRecord(scratch);
        shDirectionGradient(scratch, degree);
        geometryBackward(view, scratch, drawn);
      } else {
        for (let at: usize = 0; at < 160; at += 16) v128.store(scratch + S_GRADIENT + at, splat(0.0));
      }
      for (let k: usize = 0; k < 48; k += 16) {
        const gradient = scratch + S_GRADIENT_SCALE + k;
        v128.store(gradient, fma(splat(scaleRegulariser), v128.load(scratch + S_SCALES + k), v128.load(gradient)));
      }
      const regularised = fma(splat(opacityRegulariser), mul(opacity, transparency), opacityGradient);

      updateGroup(adam, means + at3, means1 + at3, means2 + at3, scratch + S_GRADIENT, 48, rateMeans, active);
      updateGroup(
        adam, quaternions + at4, quaternions1 + at4, quaternions2 + at4, scratch + S_GRADIENT_QUATERNION, 64,
        rateQuaternions, active,
      );
      updateGroup(
        adam, logScales + at3, logScales1 + at3, logScales2 + at3, scratch + S_GRADIENT_SCALE, 48, rateLogScales, active,
      );
      adamStep(
        adam, logitOpacities + at1, logitOpacities1 + at1, logitOpacities2 + at1, logit, regularised,
        splat(rateLogitOpacities), true, active,
      );

      if (noiseScale > 0.0) {
        // 3DGS-MCMC: only what is nearly transparent wanders, sigmoid(-100 (opacity - 0.005)).
        const factor = sigmoidx4(fnma(splat(100.0), opacity, splat(0.5)));
        const moving = v128.and(active, f32x4.gt(factor, splat(NOISE_FLOOR)));
        if (v128.any_true(moving)) {
          addNoise(means + at3, scratch, block, mul(splat(noiseScale), factor), key0, key1, moving);
        }
      }
    }
  }
}
