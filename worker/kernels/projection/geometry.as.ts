// Geometry of four Gaussians at once, forward and backward; the definition is reference.ts. Results pass through the
// thread's scratch, so that the plain backward kernel and the fused training update share every line of this.

import { expx4, fma, fnma, splat } from "../shared/math.as";
import {
  S_CAMERA, S_COLOUR_MEAN, S_FRONT, S_GRADIENT, S_GRADIENT_QUATERNION, S_GRADIENT_SCALE, S_PROJECTION, S_QUATERNION,
  S_QUATERNION_INVERSE, S_RECORD, S_ROTATION, S_SCALES, S_SHAPE, S_SLOPE, S_UPSTREAM,
  VIEW_FX, VIEW_FY, VIEW_MAX_X, VIEW_MAX_Y, VIEW_MIN_X, VIEW_MIN_Y, VIEW_NEAR, VIEW_POSE,
} from "../shared/view.as";

// @ts-ignore: decorator
@inline
function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

/** Row `row` of the pose times (x, y, z), without the translation. */
// @ts-ignore: decorator
@inline
function rotateRow(view: usize, row: usize, x: v128, y: v128, z: v128): v128 {
  const pose = view + VIEW_POSE + (row << 4);
  return fma(
    v128.load32_splat(pose), x,
    fma(v128.load32_splat(pose, 4), y, mul(v128.load32_splat(pose, 8), z)),
  );
}

/** R(q) and the scales of a lane block to S_ROTATION, S_SCALES, S_QUATERNION and S_QUATERNION_INVERSE. */
// @ts-ignore: decorator
@inline
function prepareFrame(quaternions: usize, logScales: usize, scratch: usize): void {
  const rw = v128.load(quaternions);
  const rx = v128.load(quaternions, 16);
  const ry = v128.load(quaternions, 32);
  const rz = v128.load(quaternions, 48);
  const squared = fma(rw, rw, fma(rx, rx, fma(ry, ry, mul(rz, rz))));
  const inverse = f32x4.div(splat(1.0), f32x4.sqrt(squared));
  const w = mul(rw, inverse);
  const x = mul(rx, inverse);
  const y = mul(ry, inverse);
  const z = mul(rz, inverse);
  v128.store(scratch + S_QUATERNION, w);
  v128.store(scratch + S_QUATERNION, x, 16);
  v128.store(scratch + S_QUATERNION, y, 32);
  v128.store(scratch + S_QUATERNION, z, 48);
  v128.store(scratch + S_QUATERNION_INVERSE, inverse);
  const x2 = f32x4.add(x, x);
  const y2 = f32x4.add(y, y);
  const z2 = f32x4.add(z, z);
  const wx = mul(w, x2);
  const wy = mul(w, y2);
  const wz = mul(w, z2);
  const xx = mul(x, x2);
  const yy = mul(y, y2);
  const zz = mul(z, z2);
  const rotation = scratch + S_ROTATION;
  v128.store(rotation, f32x4.sub(splat(1.0), f32x4.add(yy, zz)));
  v128.store(rotation, f32x4.sub(mul(x, y2), wz), 16);
  v128.store(rotation, f32x4.add(mul(x, z2), wy), 32);
  v128.store(rotation, f32x4.add(mul(x, y2), wz), 48);
  v128.store(rotation, f32x4.sub(splat(1.0), f32x4.add(xx, zz)), 64);
  v128.store(rotation, f32x4.sub(mul(y, z2), wx), 80);
  v128.store(rotation, f32x4.sub(mul(x, z2), wy), 96);
  v128.store(rotation, f32x4.add(mul(y, z2), wx), 112);
  v128.store(rotation, f32x4.sub(splat(1.0), f32x4.add(xx, yy)), 128);
  for (let k: usize = 0; k < 48; k += 16) {
    v128.store(scratch + S_SCALES + k, expx4(v128.load(logScales + k)));
  }
}

/** Everything that forward and backward need from the pose and shape of one lane block. */
export function prepareBlock(means: usize, quaternions: usize, logScales: usize, view: usize, scratch: usize): void {
  const mx = v128.load(means);
  const my = v128.load(means, 16);
  const mz = v128.load(means, 32);
  const x = f32x4.add(rotateRow(view, 0, mx, my, mz), v128.load32_splat(view + VIEW_POSE, 12));
  const y = f32x4.add(rotateRow(view, 1, mx, my, mz), v128.load32_splat(view + VIEW_POSE, 28));
  const raw = f32x4.add(rotateRow(view, 2, mx, my, mz), v128.load32_splat(view + VIEW_POSE, 44));
  const front = f32x4.gt(raw, v128.load32_splat(view + VIEW_NEAR));
  const z = v128.bitselect(raw, splat(1.0), front);
  const inverse = f32x4.div(splat(1.0), z);
  v128.store(scratch + S_FRONT, front);
  v128.store(scratch + S_CAMERA, x);
  v128.store(scratch + S_CAMERA, y, 16);
  v128.store(scratch + S_CAMERA, z, 32);
  v128.store(scratch + S_CAMERA, inverse, 48);
  const slopeX = mul(x, inverse);
  const slopeY = mul(y, inverse);
  const u = f32x4.pmin(v128.load32_splat(view + VIEW_MAX_X), f32x4.pmax(v128.load32_splat(view + VIEW_MIN_X), slopeX));
  const v = f32x4.pmin(v128.load32_splat(view + VIEW_MAX_Y), f32x4.pmax(v128.load32_splat(view + VIEW_MIN_Y), slopeY));
  v128.store(scratch + S_SLOPE, u);
  v128.store(scratch + S_SLOPE, v, 16);
  v128.store(scratch + S_SLOPE, f32x4.eq(u, slopeX), 32);
  v128.store(scratch + S_SLOPE, f32x4.eq(v, slopeY), 48);
  prepareFrame(quaternions, logScales, scratch);

  const scaleX = mul(v128.load32_splat(view + VIEW_FX), inverse);
  const scaleY = mul(v128.load32_splat(view + VIEW_FY), inverse);
  for (let k: usize = 0; k < 3; k++) {
    const pose = view + VIEW_POSE + (k << 2);
    const forward = v128.load32_splat(pose, 32);
    v128.store(scratch + S_PROJECTION + (k << 4), mul(scaleX, fnma(u, forward, v128.load32_splat(pose))));
    v128.store(scratch + S_PROJECTION + (k << 4), mul(scaleY, fnma(v, forward, v128.load32_splat(pose, 16))), 48);
  }
  for (let k: usize = 0; k < 48; k += 16) {
    const column = scratch + S_ROTATION + k;
    const scale = v128.load(scratch + S_SCALES + k);
    const r0 = v128.load(column);
    const r1 = v128.load(column, 48);
    const r2 = v128.load(column, 96);
    const t = scratch + S_PROJECTION;
    const m0 = fma(v128.load(t), r0, fma(v128.load(t, 16), r1, mul(v128.load(t, 32), r2)));
    const m1 = fma(v128.load(t, 48), r0, fma(v128.load(t, 64), r1, mul(v128.load(t, 80), r2)));
    v128.store(scratch + S_SHAPE + k, mul(m0, scale));
    v128.store(scratch + S_SHAPE + k, mul(m1, scale), 48);
  }
}

/**
 * After prepareBlock, with S_UPSTREAM, S_RECORD (the conic) and S_COLOUR_MEAN filled: gradients of mean, quaternion and
 * log scales to S_GRADIENT, zero outside `mask`.
 */
export function geometryBackward(view: usize, scratch: usize, mask: v128): void {
  const a = v128.load(scratch + S_RECORD, 32);
  const b = v128.load(scratch + S_RECORD, 48);
  const c = v128.load(scratch + S_RECORD, 64);
  const ga = v128.load(scratch + S_UPSTREAM, 112);
  const gb = mul(splat(0.5), v128.load(scratch + S_UPSTREAM, 128));
  const gc = v128.load(scratch + S_UPSTREAM, 144);
  // Twice dL/dSigma = -2 C G C.
  const p = mul(splat(-2.0), fma(a, ga, mul(b, gb)));
  const q = mul(splat(-2.0), fma(a, gb, mul(b, gc)));
  const r = mul(splat(-2.0), fma(b, ga, mul(c, gb)));
  const s = mul(splat(-2.0), fma(b, gb, mul(c, gc)));
  const dxx = fma(p, a, mul(q, b));
  const dxy = fma(p, b, mul(q, c));
  const dyy = fma(r, b, mul(s, c));

  // e = dM S, then dL/dR = T^T e and dL/dT = e R^T. The scale gradient is the dot product of columns of dM and M.
  const shape = scratch + S_SHAPE;
  const rotation = scratch + S_ROTATION;
  const t00 = v128.load(scratch + S_PROJECTION);
  const t01 = v128.load(scratch + S_PROJECTION, 16);
  const t02 = v128.load(scratch + S_PROJECTION, 32);
  const t10 = v128.load(scratch + S_PROJECTION, 48);
  const t11 = v128.load(scratch + S_PROJECTION, 64);
  const t12 = v128.load(scratch + S_PROJECTION, 80);

  const m00 = v128.load(shape);
  const m10 = v128.load(shape, 48);
  const s0 = v128.load(scratch + S_SCALES);
  const g00 = fma(dxx, m00, mul(dxy, m10));
  const g10 = fma(dxy, m00, mul(dyy, m10));
  v128.store(scratch + S_GRADIENT_SCALE, v128.and(fma(g00, m00, mul(g10, m10)), mask));
  const e00 = mul(g00, s0);
  const e10 = mul(g10, s0);

  const m01 = v128.load(shape, 16);
  const m11 = v128.load(shape, 64);
  const s1 = v128.load(scratch + S_SCALES, 16);
  const g01 = fma(dxx, m01, mul(dxy, m11));
  const g11 = fma(dxy, m01, mul(dyy, m11));
  v128.store(scratch + S_GRADIENT_SCALE, v128.and(fma(g01, m01, mul(g11, m11)), mask), 16);
  const e01 = mul(g01, s1);
  const e11 = mul(g11, s1);

  const m02 = v128.load(shape, 32);
  const m12 = v128.load(shape, 80);
  const s2 = v128.load(scratch + S_SCALES, 32);
  const g02 = fma(dxx, m02, mul(dxy, m12));
  const g12 = fma(dxy, m02, mul(dyy, m12));
  v128.store(scratch + S_GRADIENT_SCALE, v128.and(fma(g02, m02, mul(g12, m12)), mask), 32);
  const e02 = mul(g02, s2);
  const e12 = mul(g12, s2);

  // dL/dT [2, 3] and from it the derivatives in the two slopes and the two scales of the Jacobian.
  let slopeX = splat(0.0);
  let slopeY = splat(0.0);
  let alongX = splat(0.0);
  let alongY = splat(0.0);
  for (let k: usize = 0; k < 3; k++) {
    const row = rotation + k * 48;
    const pose = view + VIEW_POSE + (k << 2);
    const r0 = v128.load(row);
    const r1 = v128.load(row, 16);
    const r2 = v128.load(row, 32);
    const d0 = fma(e00, r0, fma(e01, r1, mul(e02, r2)));
    const d1 = fma(e10, r0, fma(e11, r1, mul(e12, r2)));
    slopeX = fma(d0, v128.load32_splat(pose, 32), slopeX);
    slopeY = fma(d1, v128.load32_splat(pose, 32), slopeY);
    alongX = fma(d0, v128.load32_splat(pose), alongX);
    alongY = fma(d1, v128.load32_splat(pose, 16), alongY);
  }
  const inverse = v128.load(scratch + S_CAMERA, 48);
  const fx = v128.load32_splat(view + VIEW_FX);
  const fy = v128.load32_splat(view + VIEW_FY);
  const scaleX = mul(fx, inverse);
  const scaleY = mul(fy, inverse);
  const dScaleX = fnma(v128.load(scratch + S_SLOPE), slopeX, alongX);
  const dScaleY = fnma(v128.load(scratch + S_SLOPE, 16), slopeY, alongY);
  const freeX = v128.and(mul(scaleX, slopeX), v128.load(scratch + S_SLOPE, 32));
  const freeY = v128.and(mul(scaleY, slopeY), v128.load(scratch + S_SLOPE, 48));
  const dx = mul(f32x4.sub(mul(fx, v128.load(scratch + S_UPSTREAM, 80)), freeX), inverse);
  const dy = mul(f32x4.sub(mul(fy, v128.load(scratch + S_UPSTREAM, 96)), freeY), inverse);
  const turned = fma(dx, v128.load(scratch + S_CAMERA), mul(dy, v128.load(scratch + S_CAMERA, 16)));
  const stretched = fma(dScaleX, scaleX, mul(dScaleY, scaleY));
  const dz = fnma(f32x4.add(turned, stretched), inverse, v128.load(scratch + S_UPSTREAM, 48));
  for (let k: usize = 0; k < 3; k++) {
    const pose = view + VIEW_POSE + (k << 2);
    let mean = v128.load(scratch + S_COLOUR_MEAN + (k << 4));
    mean = fma(v128.load32_splat(pose), dx, mean);
    mean = fma(v128.load32_splat(pose, 16), dy, mean);
    mean = fma(v128.load32_splat(pose, 32), dz, mean);
    v128.store(scratch + S_GRADIENT + (k << 4), v128.and(mean, mask));
  }

  const d00 = fma(t00, e00, mul(t10, e10));
  const d01 = fma(t00, e01, mul(t10, e11));
  const d02 = fma(t00, e02, mul(t10, e12));
  const d10 = fma(t01, e00, mul(t11, e10));
  const d11 = fma(t01, e01, mul(t11, e11));
  const d12 = fma(t01, e02, mul(t11, e12));
  const d20 = fma(t02, e00, mul(t12, e10));
  const d21 = fma(t02, e01, mul(t12, e11));
  const d22 = fma(t02, e02, mul(t12, e12));
  const w = v128.load(scratch + S_QUATERNION);
  const x = v128.load(scratch + S_QUATERNION, 16);
  const y = v128.load(scratch + S_QUATERNION, 32);
  const z = v128.load(scratch + S_QUATERNION, 48);
  const two = splat(2.0);
  const antiX = f32x4.sub(d21, d12);
  const antiY = f32x4.sub(d02, d20);
  const antiZ = f32x4.sub(d10, d01);
  const symX = f32x4.add(d12, d21);
  const symY = f32x4.add(d02, d20);
  const symZ = f32x4.add(d01, d10);
  // Halves of dL/d(unit quaternion).
  const uw = fma(x, antiX, fma(y, antiY, mul(z, antiZ)));
  const ux = fma(w, antiX, fma(y, symZ, fma(z, symY, mul(x, mul(splat(-2.0), f32x4.add(d11, d22))))));
  const uy = fma(w, antiY, fma(x, symZ, fma(z, symX, mul(y, mul(splat(-2.0), f32x4.add(d00, d22))))));
  const uz = fma(w, antiZ, fma(x, symY, fma(y, symX, mul(z, mul(splat(-2.0), f32x4.add(d00, d11))))));
  const along = fma(uw, w, fma(ux, x, fma(uy, y, mul(uz, z))));
  const length = mul(two, v128.load(scratch + S_QUATERNION_INVERSE));
  const out = scratch + S_GRADIENT_QUATERNION;
  v128.store(out, v128.and(mul(fnma(along, w, uw), length), mask));
  v128.store(out, v128.and(mul(fnma(along, x, ux), length), mask), 16);
  v128.store(out, v128.and(mul(fnma(along, y, uy), length), mask), 32);
  v128.store(out, v128.and(mul(fnma(along, z, uz), length), mask), 48);
}
