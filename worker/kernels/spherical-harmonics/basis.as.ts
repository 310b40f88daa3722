// Real spherical harmonics on four directions at once; the definition is reference.ts.

import { fma, fnma, splat } from "../shared/math.as";
import { S_BASIS, S_COLOUR_MEAN, S_DIRECTION, S_RECORD, S_SH_DOT, S_UPSTREAM, VIEW_CENTRE } from "../shared/view.as";

const C0: f32 = 0.28209479177387814;
const C1: f32 = 0.4886025119029199;
const C2_XY: f32 = 1.0925484305920792;
const C2_Z: f32 = 0.31539156525252005;
const C2_XX: f32 = 0.5462742152960396;
const C3_XXX: f32 = 0.5900435899266435;
const C3_XYZ: f32 = 2.890611442640554;
const C3_XZZ: f32 = 0.4570457994644658;
const C3_ZZZ: f32 = 0.3731763325901154;
const C3_XXZ: f32 = 1.445305721320277;

// @ts-ignore: decorator
@inline
function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

// @ts-ignore: decorator
@inline
function times(constant: f32, a: v128): v128 {
  return f32x4.mul(splat(constant), a);
}

/**
 * Directions from the camera to four means (`means`: one lane block) and the basis there, to S_DIRECTION and S_BASIS.
 * Lanes outside `mask` get the direction 0, so that a NaN mean stays where it is.
 */
export function shBasisLanes(means: usize, view: usize, scratch: usize, degree: i32, mask: v128): void {
  const vx = f32x4.sub(v128.load(means), v128.load32_splat(view + VIEW_CENTRE));
  const vy = f32x4.sub(v128.load(means, 16), v128.load32_splat(view + VIEW_CENTRE, 4));
  const vz = f32x4.sub(v128.load(means, 32), v128.load32_splat(view + VIEW_CENTRE, 8));
  const squared = fma(vx, vx, fma(vy, vy, mul(vz, vz)));
  const inverse = v128.and(f32x4.div(splat(1.0), f32x4.sqrt(squared)), mask);
  const x = v128.and(mul(vx, inverse), mask);
  const y = v128.and(mul(vy, inverse), mask);
  const z = v128.and(mul(vz, inverse), mask);
  v128.store(scratch + S_DIRECTION, x);
  v128.store(scratch + S_DIRECTION, y, 16);
  v128.store(scratch + S_DIRECTION, z, 32);
  v128.store(scratch + S_DIRECTION, inverse, 48);
  const basis = scratch + S_BASIS;
  v128.store(basis, splat(C0));
  if (degree < 1) return;
  v128.store(basis, times(-C1, y), 16);
  v128.store(basis, times(C1, z), 32);
  v128.store(basis, times(-C1, x), 48);
  if (degree < 2) return;
  const xx = mul(x, x);
  const yy = mul(y, y);
  const zz = mul(z, z);
  const xy = mul(x, y);
  const difference = f32x4.sub(xx, yy);
  const ring = f32x4.add(xx, yy);
  v128.store(basis, times(C2_XY, xy), 64);
  v128.store(basis, times(-C2_XY, mul(y, z)), 80);
  v128.store(basis, times(C2_Z, f32x4.sub(f32x4.add(zz, zz), ring)), 96);
  v128.store(basis, times(-C2_XY, mul(x, z)), 112);
  v128.store(basis, times(C2_XX, difference), 128);
  if (degree < 3) return;
  const band = f32x4.sub(times(4.0, zz), ring);
  v128.store(basis, times(-C3_XXX, mul(y, f32x4.sub(times(3.0, xx), yy))), 144);
  v128.store(basis, times(C3_XYZ, mul(xy, z)), 160);
  v128.store(basis, times(-C3_XZZ, mul(y, band)), 176);
  v128.store(basis, times(C3_ZZZ, mul(z, fnma(splat(3.0), ring, f32x4.add(zz, zz)))), 192);
  v128.store(basis, times(-C3_XZZ, mul(x, band)), 208);
  v128.store(basis, times(C3_XXZ, mul(z, difference)), 224);
  v128.store(basis, times(-C3_XXX, mul(x, fnma(splat(3.0), yy, xx))), 240);
}

/** max(0.5 + sum_k basis_k sh[k][channel], 0) for the lane block `sh` [K][3][4]. */
// @ts-ignore: decorator
@inline
export function shChannel(sh: usize, channel: usize, scratch: usize, coefficients: i32): v128 {
  let sum = splat(0.5);
  const coefficient = sh + (channel << 4);
  for (let k: usize = 0; k < <usize>coefficients; k++) {
    sum = fma(v128.load(scratch + S_BASIS + (k << 4)), v128.load(coefficient + k * 48), sum);
  }
  // Operand order: NaN gives 0.
  return f32x4.pmax(splat(0.0), sum);
}

/** Colour gradients of S_UPSTREAM where S_RECORD says that the channel was not clamped, in place. */
export function maskColourGradient(scratch: usize, mask: v128): void {
  for (let c: usize = 0; c < 3; c++) {
    const lit = v128.and(f32x4.gt(v128.load(scratch + S_RECORD + 96 + (c << 4)), splat(0.0)), mask);
    const address = scratch + S_UPSTREAM + (c << 4);
    v128.store(address, v128.and(v128.load(address), lit));
  }
}

/** From S_SH_DOT, the gradient of the mean through the viewing direction to S_COLOUR_MEAN. */
export function shDirectionGradient(scratch: usize, degree: i32): void {
  let gx = splat(0.0);
  let gy = splat(0.0);
  let gz = splat(0.0);
  const x = v128.load(scratch + S_DIRECTION);
  const y = v128.load(scratch + S_DIRECTION, 16);
  const z = v128.load(scratch + S_DIRECTION, 32);
  const inverse = v128.load(scratch + S_DIRECTION, 48);
  const dot = scratch + S_SH_DOT;
  if (degree >= 1) {
    gx = times(-C1, v128.load(dot, 48));
    gy = times(-C1, v128.load(dot, 16));
    gz = times(C1, v128.load(dot, 32));
  }
  if (degree >= 2) {
    const s4 = times(C2_XY, v128.load(dot, 64));
    const s5 = times(C2_XY, v128.load(dot, 80));
    const s6 = times(C2_Z * 2.0, v128.load(dot, 96));
    const s7 = times(C2_XY, v128.load(dot, 112));
    const s8 = times(C2_XX * 2.0, v128.load(dot, 128));
    gx = fma(y, s4, fnma(x, s6, fnma(z, s7, fma(x, s8, gx))));
    gy = fma(x, s4, fnma(z, s5, fnma(y, s6, fnma(y, s8, gy))));
    gz = fnma(y, s5, fma(z, f32x4.add(s6, s6), fnma(x, s7, gz)));
  }
  if (degree >= 3) {
    const xx = mul(x, x);
    const yy = mul(y, y);
    const zz = mul(z, z);
    const xy = mul(x, y);
    const xz = mul(x, z);
    const yz = mul(y, z);
    const difference = f32x4.sub(xx, yy);
    const ring = f32x4.add(xx, yy);
    const band = f32x4.sub(times(4.0, zz), ring);
    const s9 = times(C3_XXX * 3.0, v128.load(dot, 144));
    const s10 = times(C3_XYZ, v128.load(dot, 160));
    const s11 = times(C3_XZZ, v128.load(dot, 176));
    const s12 = times(C3_ZZZ * 3.0, v128.load(dot, 192));
    const s13 = times(C3_XZZ, v128.load(dot, 208));
    const s14 = times(C3_XXZ, v128.load(dot, 224));
    const s15 = times(C3_XXX * 3.0, v128.load(dot, 240));
    const twoXy = f32x4.add(xy, xy);
    const twoXz = f32x4.add(xz, xz);
    const twoYz = f32x4.add(yz, yz);
    gx = fnma(twoXy, s9, fma(yz, s10, fma(twoXy, s11, fnma(twoXz, s12, gx))));
    gx = fnma(f32x4.sub(band, f32x4.add(xx, xx)), s13, fma(twoXz, s14, fnma(difference, s15, gx)));
    gy = fnma(difference, s9, fma(xz, s10, fnma(f32x4.sub(band, f32x4.add(yy, yy)), s11, gy)));
    gy = fnma(twoYz, s12, fma(twoXy, s13, fnma(twoYz, s14, fma(twoXy, s15, gy))));
    gz = fma(xy, s10, fnma(times(4.0, twoYz), s11, fma(f32x4.sub(f32x4.add(zz, zz), ring), s12, gz)));
    gz = fnma(times(4.0, twoXz), s13, fma(difference, s14, gz));
  }
  // d(v / |v|)/dv = (I - d d^T) / |v|.
  const along = fma(gx, x, fma(gy, y, mul(gz, z)));
  v128.store(scratch + S_COLOUR_MEAN, mul(fnma(along, x, gx), inverse));
  v128.store(scratch + S_COLOUR_MEAN, mul(fnma(along, y, gy), inverse), 16);
  v128.store(scratch + S_COLOUR_MEAN, mul(fnma(along, z, gz), inverse), 32);
}
