// Projection of Gaussians to screen records with their view-dependent colour, and the backward pass to parameters.
// Four Gaussians per step, contiguous ranges of blocks per thread; the definition is reference.ts.

import {
  fma, fnma, logx4, sigmoidx4, splat, transpose0, transpose1, transpose2, transpose3,
} from "../shared/math.as";
import {
  PROJECTED_BYTES, PROJECTED_EXTENT_X, SCREEN_GRADIENT_BYTES,
} from "../shared/layout.as";
import {
  S_BASIS, S_CAMERA, S_FRONT, S_GRADIENT, S_GRADIENT_QUATERNION, S_GRADIENT_SCALE, S_RECORD, S_SH_DOT, S_SHAPE,
  S_UPSTREAM, SCRATCH_BYTES, SHARE_BLOCKS, VIEW_CX, VIEW_CY, VIEW_FX, VIEW_FY, VIEW_HEIGHT, VIEW_WIDTH,
} from "../shared/view.as";
import { takeItem } from "../shared/shares.as";
import { maskColourGradient, shBasisLanes, shChannel, shDirectionGradient } from "../spherical-harmonics/basis.as";
import { geometryBackward, prepareBlock } from "./geometry.as";
import { loadRecords, loadRows } from "./rows.as";

const LOW_PASS: f32 = 0.3;
const BOX_SIGMAS: f32 = 3.33;

// @ts-ignore: decorator
@inline
function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

/** Parameters in lane blocks (`shStride` coefficients stored) to projected [N, 16]. */
export function forward(
  thread: i32, threads: i32,
  means: usize, quaternions: usize, logScales: usize, logitOpacities: usize, sh: usize,
  shStride: i32, degree: i32, count: i32, view: usize, counters: usize, scratches: usize, projected: usize,
): void {
  const scratch = scratches + <usize>thread * SCRATCH_BYTES;
  const blocks = (count + 3) >> 2;
  const coefficients = (degree + 1) * (degree + 1);
  const shares = (blocks + SHARE_BLOCKS - 1) / SHARE_BLOCKS;
  for (;;) {
    const share = takeItem(counters, thread, threads, shares);
    if (share < 0) break;
    let block = share * SHARE_BLOCKS;
    const end = min(block + SHARE_BLOCKS, blocks);
    for (; block < end; block++) {
      const b = <usize>block;
      prepareBlock(means + b * 48, quaternions + b * 64, logScales + b * 48, view, scratch);
      const a0 = v128.load(scratch + S_SHAPE);
      const a1 = v128.load(scratch + S_SHAPE, 16);
      const a2 = v128.load(scratch + S_SHAPE, 32);
      const b0 = v128.load(scratch + S_SHAPE, 48);
      const b1 = v128.load(scratch + S_SHAPE, 64);
      const b2 = v128.load(scratch + S_SHAPE, 80);
      const traceX = fma(a0, a0, fma(a1, a1, mul(a2, a2)));
      const traceY = fma(b0, b0, fma(b1, b1, mul(b2, b2)));
      const xy = fma(a0, b0, fma(a1, b1, mul(a2, b2)));
      // Cauchy-Binet: det M M^T is the squared cross product, free of the cancellation in xx yy - xy^2.
      const c0 = fnma(a2, b1, mul(a1, b2));
      const c1 = fnma(a0, b2, mul(a2, b0));
      const c2 = fnma(a1, b0, mul(a0, b1));
      const lowPass = splat(LOW_PASS);
      const area = fma(c0, c0, fma(c1, c1, mul(c2, c2)));
      const determinant = fma(lowPass, f32x4.add(f32x4.add(traceX, traceY), lowPass), area);
      const xx = f32x4.add(traceX, lowPass);
      const yy = f32x4.add(traceY, lowPass);

      const z = v128.load(scratch + S_CAMERA, 32);
      const inverse = v128.load(scratch + S_CAMERA, 48);
      const fx = v128.load32_splat(view + VIEW_FX);
      const fy = v128.load32_splat(view + VIEW_FY);
      const x = fma(mul(fx, v128.load(scratch + S_CAMERA)), inverse, v128.load32_splat(view + VIEW_CX));
      const y = fma(mul(fy, v128.load(scratch + S_CAMERA, 16)), inverse, v128.load32_splat(view + VIEW_CY));
      const boxX = f32x4.ceil(mul(splat(BOX_SIGMAS), f32x4.sqrt(xx)));
      const boxY = f32x4.ceil(mul(splat(BOX_SIGMAS), f32x4.sqrt(yy)));
      const opacity = sigmoidx4(v128.load(logitOpacities + (b << 4)));
      const scaled = mul(opacity, splat(255.0));

      // Comparisons with NaN are false: what cannot be placed is culled.
      let drawn = v128.and(v128.load(scratch + S_FRONT), f32x4.ge(scaled, splat(1.0)));
      drawn = v128.and(drawn, f32x4.gt(f32x4.add(x, boxX), splat(0.0)));
      drawn = v128.and(drawn, f32x4.lt(f32x4.sub(x, boxX), v128.load32_splat(view + VIEW_WIDTH)));
      drawn = v128.and(drawn, f32x4.gt(f32x4.add(y, boxY), splat(0.0)));
      drawn = v128.and(drawn, f32x4.lt(f32x4.sub(y, boxY), v128.load32_splat(view + VIEW_HEIGHT)));
      drawn = v128.and(drawn, f32x4.gt(determinant, splat(0.0)));

      const rows = projected + (b << 2) * PROJECTED_BYTES;
      const lanes = min<i32>(count - (block << 2), 4);
      if (!v128.any_true(drawn)) {
        for (let lane = 0; lane < lanes; lane++) {
          const row = rows + <usize>lane * PROJECTED_BYTES;
          clear(row, PROJECTED_BYTES);
          store<f32>(row, -1.0, PROJECTED_EXTENT_X);
        }
        continue;
      }
      shBasisLanes(means + b * 48, view, scratch, degree, drawn);
      const coefficientsBlock = sh + b * (<usize>shStride * 48);
      const red = shChannel(coefficientsBlock, 0, scratch, coefficients);
      const green = shChannel(coefficientsBlock, 1, scratch, coefficients);
      const blue = shChannel(coefficientsBlock, 2, scratch, coefficients);

      const conicDet = f32x4.div(splat(1.0), determinant);
      const conicB = f32x4.neg(mul(xy, conicDet));
      // log of what is culled would be garbage: keep it in its domain.
      const cutoff = mul(splat(2.0), f32x4.pmax(splat(0.0), logx4(f32x4.pmax(splat(1.0), scaled))));
      const extentX = v128.bitselect(f32x4.pmin(boxX, f32x4.sqrt(mul(cutoff, xx))), splat(-1.0), drawn);
      const extentY = f32x4.pmin(boxY, f32x4.sqrt(mul(cutoff, yy)));
      storeRows(
        rows, 0, lanes,
        v128.and(x, drawn), v128.and(y, drawn), v128.and(mul(yy, conicDet), drawn), v128.and(conicB, drawn),
      );
      storeRows(
        rows, 16, lanes,
        v128.and(mul(xx, conicDet), drawn), v128.and(opacity, drawn), v128.and(red, drawn), v128.and(green, drawn),
      );
      storeRows(rows, 32, lanes, v128.and(blue, drawn), v128.and(z, drawn), extentX, v128.and(extentY, drawn));
      storeRows(rows, 48, lanes, v128.and(cutoff, drawn), v128.and(conicDet, drawn), splat(0.0), splat(0.0));
    }
  }
}

/** Four lanes of four fields to the rows of four Gaussians. */
// @ts-ignore: decorator
@inline
function storeRows(rows: usize, offset: usize, lanes: i32, a: v128, b: v128, c: v128, d: v128): void {
  const row = rows + offset;
  v128.store(row, transpose0(a, b, c, d));
  if (lanes > 1) v128.store(row + PROJECTED_BYTES, transpose1(a, b, c, d));
  if (lanes > 2) v128.store(row + 2 * PROJECTED_BYTES, transpose2(a, b, c, d));
  if (lanes > 3) v128.store(row + 3 * PROJECTED_BYTES, transpose3(a, b, c, d));
}

/**
 * projected [N, 16] of the same parameters and view, upstream [N, 12] (see SCREEN_GRADIENT), to gradients in the lane
 * blocks of the parameters. Coefficients above the active degree, culled Gaussians and padding lanes get 0.
 */
export function backward(
  thread: i32, threads: i32,
  means: usize, quaternions: usize, logScales: usize, logitOpacities: usize, sh: usize,
  shStride: i32, degree: i32, count: i32, view: usize, counters: usize, scratches: usize,
  projected: usize, upstream: usize,
  gradMeans: usize, gradQuaternions: usize, gradLogScales: usize, gradLogitOpacities: usize, gradSh: usize,
): void {
  const scratch = scratches + <usize>thread * SCRATCH_BYTES;
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
      const shBytes = <usize>shStride * 48;
      const drawn = loadRecords(projected, block, count, scratch);
      const coefficientGradients = gradSh + b * shBytes;
      if (!v128.any_true(drawn)) {
        clear(gradMeans + b * 48, 48);
        clear(gradQuaternions + b * 64, 64);
        clear(gradLogScales + b * 48, 48);
        clear(gradLogitOpacities + (b << 4), 16);
        clear(coefficientGradients, shBytes);
        continue;
      }
      loadRows(upstream, block, count, SCREEN_GRADIENT_BYTES, scratch + S_UPSTREAM, 40);
      maskColourGradient(scratch, drawn);
      prepareBlock(means + b * 48, quaternions + b * 64, logScales + b * 48, view, scratch);
      shBasisLanes(means + b * 48, view, scratch, degree, drawn);
      const red = v128.load(scratch + S_UPSTREAM);
      const green = v128.load(scratch + S_UPSTREAM, 16);
      const blue = v128.load(scratch + S_UPSTREAM, 32);
      for (let k: usize = 0; k < coefficients; k++) {
        const basis = v128.load(scratch + S_BASIS + (k << 4));
        const source = sh + b * shBytes + k * 48;
        const target = coefficientGradients + k * 48;
        const dot = fma(red, v128.load(source), fma(green, v128.load(source, 16), mul(blue, v128.load(source, 32))));
        v128.store(scratch + S_SH_DOT + (k << 4), dot);
        v128.store(target, mul(basis, red));
        v128.store(target, mul(basis, green), 16);
        v128.store(target, mul(basis, blue), 32);
      }
      clear(coefficientGradients + coefficients * 48, shBytes - coefficients * 48);
      shDirectionGradient(scratch, degree);
      geometryBackward(view, scratch, drawn);

      const opacity = v128.load(scratch + S_RECORD, 80);
      const slope = fnma(opacity, opacity, opacity);
      const opacityGradient = mul(v128.load(scratch + S_UPSTREAM, 64), slope);
      v128.store(gradLogitOpacities + (b << 4), v128.and(opacityGradient, drawn));
      copy(gradMeans + b * 48, scratch + S_GRADIENT, 48);
      copy(gradQuaternions + b * 64, scratch + S_GRADIENT_QUATERNION, 64);
      copy(gradLogScales + b * 48, scratch + S_GRADIENT_SCALE, 48);
    }
  }
}

// memory.fill and memory.copy leave the compiled code; a few stores do not.

// @ts-ignore: decorator
@inline
function clear(target: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) v128.store(target + at, splat(0.0));
}

// @ts-ignore: decorator
@inline
function copy(target: usize, source: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) v128.store(target + at, v128.load(source + at));
}
