// Bilinear samples of three planes [3][R][R][stride] at points, and their gradient by the planes. Points are known by
// cell and fraction along each axis. Backward, every texel gathers from the points of the four cells around it, in the
// order of the lists: nothing depends on the number of threads.

import { fma, splat } from "../shared/math.as";

const SUM: i32 = 0;
const CONCATENATE: i32 = 2;

/** Bytes from the first plane to the texel (cell column, cell row) of a plane. */
// @ts-ignore: decorator
@inline
function texelBytes(plane: usize, row: u32, column: u32, resolution: usize, strideBytes: usize): usize {
  return ((plane * resolution + <usize>row) * resolution + <usize>column) * strideBytes;
}

/** The sample at `p`, the texel of the lower corner: columns strideBytes apart, rows rowBytes apart. */
// @ts-ignore: decorator
@inline
function sampleAt(p: usize, strideBytes: usize, rowBytes: usize, fx: v128, fy: v128): v128 {
  const a = v128.load(p);
  const b = v128.load(p + rowBytes);
  const low = fma(fx, f32x4.sub(v128.load(p + strideBytes), a), a);
  const high = fma(fx, f32x4.sub(v128.load(p + rowBytes + strideBytes), b), b);
  return fma(fy, f32x4.sub(high, low), low);
}

/** features [count, stride], or [count, 3, stride] when the planes are concatenated. */
export function forward(
  thread: i32, threads: i32, cells: usize, fractions: usize, count: i32, planes: usize, resolution: usize,
  strideBytes: usize, combination: i32, features: usize,
): void {
  const begin = <usize>((<i64>count * <i64>thread) / <i64>threads);
  const end = <usize>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = resolution * strideBytes;
  for (let i = begin; i < end; i++) {
    const cell = cells + i * 12;
    const fraction = fractions + i * 12;
    const x = load<u32>(cell);
    const y = load<u32>(cell, 4);
    const z = load<u32>(cell, 8);
    const fx = v128.load32_splat(fraction);
    const fy = v128.load32_splat(fraction, 4);
    const fz = v128.load32_splat(fraction, 8);
    const xy = planes + texelBytes(0, y, x, resolution, strideBytes);
    const xz = planes + texelBytes(1, z, x, resolution, strideBytes);
    const yz = planes + texelBytes(2, z, y, resolution, strideBytes);
    if (combination == CONCATENATE) {
      const out = features + i * 3 * strideBytes;
      for (let c: usize = 0; c < strideBytes; c += 16) {
        v128.store(out + c, sampleAt(xy + c, strideBytes, rowBytes, fx, fy));
        v128.store(out + strideBytes + c, sampleAt(xz + c, strideBytes, rowBytes, fx, fz));
        v128.store(out + 2 * strideBytes + c, sampleAt(yz + c, strideBytes, rowBytes, fy, fz));
      }
      continue;
    }
    const out = features + i * strideBytes;
    for (let c: usize = 0; c < strideBytes; c += 16) {
      const s0 = sampleAt(xy + c, strideBytes, rowBytes, fx, fy);
      const s1 = sampleAt(xz + c, strideBytes, rowBytes, fx, fz);
      const s2 = sampleAt(yz + c, strideBytes, rowBytes, fy, fz);
      v128.store(out + c, combination == SUM ? f32x4.add(f32x4.add(s0, s1), s2) : f32x4.mul(f32x4.mul(s0, s1), s2));
    }
  }
}

/** samples [count, 3, stride]: the gradient by each of the three factors whose product has the gradient upstream. */
export function productGradients(
  thread: i32, threads: i32, cells: usize, fractions: usize, count: i32, planes: usize, resolution: usize,
  strideBytes: usize, upstream: usize, samples: usize,
): void {
  const begin = <usize>((<i64>count * <i64>thread) / <i64>threads);
  const end = <usize>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const rowBytes = resolution * strideBytes;
  for (let i = begin; i < end; i++) {
    const cell = cells + i * 12;
    const fraction = fractions + i * 12;
    const x = load<u32>(cell);
    const y = load<u32>(cell, 4);
    const z = load<u32>(cell, 8);
    const fx = v128.load32_splat(fraction);
    const fy = v128.load32_splat(fraction, 4);
    const fz = v128.load32_splat(fraction, 8);
    const xy = planes + texelBytes(0, y, x, resolution, strideBytes);
    const xz = planes + texelBytes(1, z, x, resolution, strideBytes);
    const yz = planes + texelBytes(2, z, y, resolution, strideBytes);
    const out = samples + i * 3 * strideBytes;
    for (let c: usize = 0; c < strideBytes; c += 16) {
      const u = v128.load(upstream + i * strideBytes + c);
      const s0 = sampleAt(xy + c, strideBytes, rowBytes, fx, fy);
      const s1 = sampleAt(xz + c, strideBytes, rowBytes, fx, fz);
      const s2 = sampleAt(yz + c, strideBytes, rowBytes, fy, fz);
      v128.store(out + c, f32x4.mul(u, f32x4.mul(s1, s2)));
      v128.store(out + strideBytes + c, f32x4.mul(u, f32x4.mul(s0, s2)));
      v128.store(out + 2 * strideBytes + c, f32x4.mul(u, f32x4.mul(s0, s1)));
    }
  }
}

/** Where the list of a cell begins; `column` may be one past the last, which is the first of the next row. */
// @ts-ignore: decorator
@inline
function startOf(cellStart: usize, firstCell: i32, row: i32, column: i32, side: i32): u32 {
  return load<u32>(cellStart + (<usize>(firstCell + row * side + column) << 2));
}

/** The first texel of a thread: texels and four times the entries before them are shared out evenly. */
function firstTexel(cellStart: usize, resolution: i32, thread: i32, threads: i32): i32 {
  const side = resolution - 1;
  const perPlane = resolution * resolution;
  const texels = 3 * perPlane;
  const total = 4 * <i64>load<u32>(cellStart + (<usize>(3 * side * side) << 2)) + <i64>texels;
  const wanted = (total * <i64>thread) / <i64>threads;
  let low = 0;
  let high = texels;
  while (low < high) {
    const middle = (low + high) >> 1;
    const inPlane = middle % perPlane;
    const cell = min(side * side, (inPlane / resolution) * side + min(inPlane % resolution, side));
    const before = load<u32>(cellStart + (<usize>((middle / perPlane) * side * side + cell) << 2));
    if (4 * <i64>before + <i64>middle < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * gradients [3, R, R, stride] from rows of [count, rowsPerPoint, stride]: with 3 rows per point each plane has its own.
 * cellStart [3 (R - 1)^2 + 1]: the lists of points; order [3 count]; places [3 count, 2]: fractions along columns, rows.
 */
export function backward(
  thread: i32, threads: i32, cellStart: usize, order: usize, places: usize, upstream: usize, rowsPerPoint: i32,
  resolution: i32, strideBytes: usize, gradients: usize,
): void {
  const begin = firstTexel(cellStart, resolution, thread, threads);
  const end = firstTexel(cellStart, resolution, thread + 1, threads);
  const side = resolution - 1;
  const perPlane = resolution * resolution;
  const pointBytes = <usize>rowsPerPoint * strideBytes;
  for (let texel = begin; texel < end; texel++) {
    const plane = texel / perPlane;
    const y = (texel % perPlane) / resolution;
    const x = texel % resolution;
    const firstCell = plane * side * side;
    const rows = upstream + (rowsPerPoint == 3 ? <usize>plane * strideBytes : 0);
    const out = gradients + <usize>texel * strideBytes;
    let b0: u32 = 0, m0: u32 = 0, e0: u32 = 0;
    if (y > 0) {
      m0 = startOf(cellStart, firstCell, y - 1, x, side);
      b0 = x > 0 ? startOf(cellStart, firstCell, y - 1, x - 1, side) : m0;
      e0 = x < side ? startOf(cellStart, firstCell, y - 1, x + 1, side) : m0;
    }
    let b1: u32 = 0, m1: u32 = 0, e1: u32 = 0;
    if (y < side) {
      m1 = startOf(cellStart, firstCell, y, x, side);
      b1 = x > 0 ? startOf(cellStart, firstCell, y, x - 1, side) : m1;
      e1 = x < side ? startOf(cellStart, firstCell, y, x + 1, side) : m1;
    }
    if (b0 == e0 && b1 == e1) {
      memory.fill(out, 0, strideBytes);
      continue;
    }
    let c: usize = 0;
    for (; c + 64 <= strideBytes; c += 64) {
      let g0 = splat(0.0);
      let g1 = g0;
      let g2 = g0;
      let g3 = g0;
      for (let quarter = 0; quarter < 4; quarter++) {
        const left = (quarter & 1) == 0;
        const above = quarter < 2;
        const last = above ? (left ? m0 : e0) : left ? m1 : e1;
        for (let e = above ? (left ? b0 : m0) : left ? b1 : m1; e < last; e++) {
          const fx = load<f32>(places + (<usize>e << 3));
          const fy = load<f32>(places + (<usize>e << 3), 4);
          const w = f32x4.splat((left ? fx : <f32>1.0 - fx) * (above ? fy : <f32>1.0 - fy));
          const p = rows + <usize>load<u32>(order + (<usize>e << 2)) * pointBytes + c;
          g0 = fma(w, v128.load(p), g0);
          g1 = fma(w, v128.load(p, 16), g1);
          g2 = fma(w, v128.load(p, 32), g2);
          g3 = fma(w, v128.load(p, 48), g3);
        }
      }
      v128.store(out + c, g0);
      v128.store(out + c, g1, 16);
      v128.store(out + c, g2, 32);
      v128.store(out + c, g3, 48);
    }
    for (; c < strideBytes; c += 16) {
      let g = splat(0.0);
      for (let quarter = 0; quarter < 4; quarter++) {
        const left = (quarter & 1) == 0;
        const above = quarter < 2;
        const last = above ? (left ? m0 : e0) : left ? m1 : e1;
        for (let e = above ? (left ? b0 : m0) : left ? b1 : m1; e < last; e++) {
          const fx = load<f32>(places + (<usize>e << 3));
          const fy = load<f32>(places + (<usize>e << 3), 4);
          const w = f32x4.splat((left ? fx : <f32>1.0 - fx) * (above ? fy : <f32>1.0 - fy));
          g = fma(w, v128.load(rows + <usize>load<u32>(order + (<usize>e << 2)) * pointBytes + c), g);
        }
      }
      v128.store(out + c, g);
    }
  }
}
