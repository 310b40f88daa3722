// Losses over pairs of embeddings. One anchor is one thread's work, four partners at a time; nothing depends on the
// number of threads. Embeddings are rows [count, stride]; partners come as lane blocks [blocks][dimensions][4].

import { exp2x4InRange, expx4, fma, horizontalSum, logx4, splat } from "../shared/math.as";

/** Bytes of scratch per thread and dimension: the anchor, and two sums. */
const PER_DIMENSION: usize = 48;

/**
 * From here on e^-x is lost beside 1: e^s is 1 in float32, and its slope, 1e-13, beside that of any nearer pair. Four partners as
 * far as that are counted and passed over; batches are in the order of their segments, so that neighbours are far together.
 */
const FAR: f32 = 30.0;

/** e^x for x in [0, 1], relative error <= 3e-7: the series around 1/2, so that no range reduction is needed. */
// @ts-ignore: decorator
@inline
function expOfUnit(x: v128): v128 {
  const t = f32x4.sub(x, splat(0.5));
  let p = fma(t, splat(3.2712725e-4), splat(2.2898907e-3));
  p = fma(p, t, splat(1.3739344e-2));
  p = fma(p, t, splat(6.8696720e-2));
  p = fma(p, t, splat(2.7478688e-1));
  p = fma(p, t, splat(8.2436064e-1));
  p = fma(p, t, splat(1.6487213));
  return fma(p, t, splat(1.6487213));
}

/** e^(x ln 2) for x <= 0; below 2^-126 it stays there, which no sum of e^s notices. */
// @ts-ignore: decorator
@inline
function exp2OfNegative(x: v128): v128 {
  return exp2x4InRange(f32x4.pmax(splat(-126.0), x));
}

/** rows [count, stride] to lanes [ceil(count / 4)][dimensions][4], padding 0. */
export function toLanes(
  thread: i32, threads: i32, rows: usize, count: i32, stride: i32, dimensions: i32, lanes: usize,
): void {
  const blocks = (count + 3) >> 2;
  const begin = <i32>((<i64>blocks * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>blocks * <i64>(thread + 1)) / <i64>threads);
  for (let b = begin; b < end; b++) {
    for (let d = 0; d < dimensions; d++) {
      for (let lane = 0; lane < 4; lane++) {
        const r = 4 * b + lane;
        const value: f32 = r < count ? load<f32>(rows + (<usize>(r * stride + d) << 2)) : 0.0;
        store<f32>(lanes + (<usize>((b * dimensions + d) * 4 + lane) << 2), value);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function broadcastRow(row: usize, dimensions: i32, scratch: usize): void {
  for (let d: usize = 0; d < <usize>dimensions; d++) {
    v128.store(scratch + d * PER_DIMENSION, v128.load32_splat(row + (d << 2)));
    v128.store(scratch + d * PER_DIMENSION, splat(0.0), 16);
    v128.store(scratch + d * PER_DIMENSION, splat(0.0), 32);
  }
}

// @ts-ignore: decorator
@inline
function squaredDistance(scratch: usize, block: usize, dimensions: i32): v128 {
  let sum = splat(0.0);
  for (let d: usize = 0; d < <usize>dimensions; d++) {
    const difference = f32x4.sub(v128.load(scratch + d * PER_DIMENSION), v128.load(block + (d << 4)));
    sum = fma(difference, difference, sum);
  }
  return sum;
}

/** The same of three dimensions, the anchor in registers. */
// @ts-ignore: decorator
@inline
function squaredDistanceOfThree(a0: v128, a1: v128, a2: v128, block: usize): v128 {
  const d0 = f32x4.sub(a0, v128.load(block));
  const d1 = f32x4.sub(a1, v128.load(block, 16));
  const d2 = f32x4.sub(a2, v128.load(block, 32));
  return fma(d2, d2, fma(d1, d1, f32x4.mul(d0, d0)));
}

/** The same of eight dimensions, unrolled: a loop over so few costs as much as what it does. */
// @ts-ignore: decorator
@inline
function squaredDistanceOfEight(scratch: usize, block: usize): v128 {
  const d0 = differenceOf(scratch, block, 0);
  const d1 = differenceOf(scratch, block, 1);
  const d2 = differenceOf(scratch, block, 2);
  const d3 = differenceOf(scratch, block, 3);
  // Two chains: one after the other, eight sums take longer than all the rest.
  const even = fma(d2, d2, f32x4.mul(d0, d0));
  const odd = fma(d3, d3, f32x4.mul(d1, d1));
  const d4 = differenceOf(scratch, block, 4);
  const d5 = differenceOf(scratch, block, 5);
  const d6 = differenceOf(scratch, block, 6);
  const d7 = differenceOf(scratch, block, 7);
  return f32x4.add(fma(d6, d6, fma(d4, d4, even)), fma(d7, d7, fma(d5, d5, odd)));
}

/** Of the anchor and four partners in one dimension, which is a constant. */
// @ts-ignore: decorator
@inline
function differenceOf(scratch: usize, block: usize, d: usize): v128 {
  return f32x4.sub(v128.load(scratch + d * PER_DIMENSION), v128.load(block + (d << 4)));
}

// @ts-ignore: decorator
@inline
function distanceOf(scratch: usize, block: usize, dimensions: i32): v128 {
  return dimensions == 8 ? squaredDistanceOfEight(scratch, block) : squaredDistance(scratch, block, dimensions);
}

/** Adds w times the differences to the second or the third column of the scratch. */
// @ts-ignore: decorator
@inline
function addDifferences(scratch: usize, block: usize, dimensions: i32, w: v128, column: usize): void {
  for (let d: usize = 0; d < <usize>dimensions; d++) {
    const cell = scratch + d * PER_DIMENSION + column;
    const difference = f32x4.sub(v128.load(scratch + d * PER_DIMENSION), v128.load(block + (d << 4)));
    v128.store(cell, fma(w, difference, v128.load(cell)));
  }
}

/** The first sum of eight dimensions to where it is read from. */
// @ts-ignore: decorator
@inline
function storeEight(
  scratch: usize, x0: v128, x1: v128, x2: v128, x3: v128, x4: v128, x5: v128, x6: v128, x7: v128,
): void {
  v128.store(scratch, x0, 16);
  v128.store(scratch, x1, 64);
  v128.store(scratch, x2, 112);
  v128.store(scratch, x3, 160);
  v128.store(scratch, x4, 208);
  v128.store(scratch, x5, 256);
  v128.store(scratch, x6, 304);
  v128.store(scratch, x7, 352);
}

/** The first sum of three dimensions to where it is read from. */
// @ts-ignore: decorator
@inline
function storeSums(scratch: usize, x0: v128, x1: v128, x2: v128): void {
  v128.store(scratch, x0, 16);
  v128.store(scratch, x1, 64);
  v128.store(scratch, x2, 112);
}

/**
 * Per anchor u: losses[u] = -log(sum over positives e^s / sum over all e^s), gradients[u] = rowScale times its derivative
 * by the anchor. s = exp(-gamma d^2), or exp(-d) when `released`. Partners with a label below 0 do not exist.
 */
export function slowFast(
  thread: i32, threads: i32, anchors: usize, labels: usize, count: i32, stride: i32, dimensions: i32,
  lanes: usize, laneLabels: usize, blocks: i32, gamma: f32, released: i32, rowScale: f32,
  losses: usize, gradients: usize, scratchAll: usize,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const blockBytes = <usize>dimensions << 4;
  const scratch = scratchAll + <usize>thread * (<usize>dimensions * PER_DIMENSION);
  // 2^(x log2(e)) is e^x; the product costs no accuracy that matters at |x| where e^x does.
  const minusGamma = f32x4.splat(-gamma * <f32>1.4426950408889634);
  const minusTwoGamma = f32x4.splat(<f32>-2.0 * gamma);
  const rowBytes = <usize>stride << 2;
  const few = dimensions == 3;
  const eight = dimensions == 8;
  const far = f32x4.splat(released != 0 ? FAR * FAR : FAR / gamma);
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + <usize>u * rowBytes, dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    let all = splat(0.0);
    let positives = all;
    let x0 = all, x1 = all, x2 = all, x3 = all, x4 = all, x5 = all, x6 = all, x7 = all;
    let y0 = all, y1 = all, y2 = all;
    const a0 = v128.load(scratch);
    const a1 = few ? v128.load(scratch, 48) : a0;
    const a2 = few ? v128.load(scratch, 96) : a0;
    for (let b = 0; b < blocks; b++) {
      const block = lanes + <usize>b * blockBytes;
      const partner = v128.load(laneLabels + (<usize>b << 4));
      const same = i32x4.eq(partner, label);
      const exists = i32x4.ge_s(partner, i32x4.splat(0));
      let d2 = splat(0.0), d0 = d2, d1 = d2, dz = d2;
      if (few) {
        d0 = f32x4.sub(a0, v128.load(block));
        d1 = f32x4.sub(a1, v128.load(block, 16));
        dz = f32x4.sub(a2, v128.load(block, 32));
        d2 = fma(dz, dz, fma(d1, d1, f32x4.mul(d0, d0)));
      } else {
        d2 = distanceOf(scratch, block, dimensions);
      }
      if (i32x4.all_true(f32x4.ge(d2, far))) {
        const one = v128.and(splat(1.0), exists);
        all = f32x4.add(all, one);
        positives = f32x4.add(positives, v128.and(one, same));
        continue;
      }
      let s = d2;
      let slope = d2;
      if (released != 0) {
        const distance = f32x4.sqrt(d2);
        s = expx4(f32x4.neg(distance));
        // At distance 0 the direction is 0 too: any finite slope gives the zero that autograd gives.
        slope = f32x4.neg(f32x4.div(s, f32x4.pmax(distance, splat(1e-12))));
      } else {
        s = exp2OfNegative(f32x4.mul(minusGamma, d2));
        slope = f32x4.mul(minusTwoGamma, s);
      }
      const e = v128.and(expOfUnit(s), exists);
      const ePositive = v128.and(e, same);
      all = f32x4.add(all, e);
      positives = f32x4.add(positives, ePositive);
      const w = f32x4.mul(e, slope);
      const wPositive = v128.and(w, same);
      if (few) {
        x0 = fma(w, d0, x0);
        x1 = fma(w, d1, x1);
        x2 = fma(w, dz, x2);
        y0 = fma(wPositive, d0, y0);
        y1 = fma(wPositive, d1, y1);
        y2 = fma(wPositive, dz, y2);
        continue;
      }
      // Segments are small beside a batch: most partners are of another one.
      if (v128.any_true(same)) addDifferences(scratch, block, dimensions, wPositive, 32);
      if (eight) {
        x0 = fma(w, differenceOf(scratch, block, 0), x0);
        x1 = fma(w, differenceOf(scratch, block, 1), x1);
        x2 = fma(w, differenceOf(scratch, block, 2), x2);
        x3 = fma(w, differenceOf(scratch, block, 3), x3);
        x4 = fma(w, differenceOf(scratch, block, 4), x4);
        x5 = fma(w, differenceOf(scratch, block, 5), x5);
        x6 = fma(w, differenceOf(scratch, block, 6), x6);
        x7 = fma(w, differenceOf(scratch, block, 7), x7);
      } else {
        addDifferences(scratch, block, dimensions, w, 16);
      }
    }
    if (eight) storeEight(scratch, x0, x1, x2, x3, x4, x5, x6, x7);
    if (few) {
      v128.store(scratch, x0, 16);
      v128.store(scratch, x1, 64);
      v128.store(scratch, x2, 112);
      v128.store(scratch, y0, 32);
      v128.store(scratch, y1, 80);
      v128.store(scratch, y2, 128);
    }
    const sumAll = horizontalSum(all);
    const sumPositive = horizontalSum(positives);
    const out = gradients + <usize>u * rowBytes;
    for (let d: usize = 0; d < rowBytes; d += 4) store<f32>(out + d, 0.0);
    let loss: f32 = 0.0;
    if (sumPositive > 0.0) {
      loss = f32x4.extract_lane(f32x4.sub(logx4(f32x4.splat(sumAll)), logx4(f32x4.splat(sumPositive))), 0);
      for (let d: usize = 0; d < <usize>dimensions; d++) {
        const cell = scratch + d * PER_DIMENSION;
        const fromAll = horizontalSum(v128.load(cell, 16)) / sumAll;
        const fromPositives = horizontalSum(v128.load(cell, 32)) / sumPositive;
        store<f32>(out + (d << 2), rowScale * (fromAll - fromPositives));
      }
    }
    store<f32>(losses + (<usize>u << 2), loss);
  }
}

/**
 * Per anchor of one field: losses[u] as above, and inverses [2][count padded to 4]: 1 / positives and 1 / all, 0 without a
 * positive. The anchor itself is among all, and no positive. products [count][blocks][4], unless 0: s e^s of every pair, so that
 * gradients need not come to them again.
 */
export function vanillaSums(
  thread: i32, threads: i32, anchors: usize, labels: usize, count: i32, stride: i32, dimensions: i32,
  lanes: usize, laneLabels: usize, blocks: i32, gamma: f32, losses: usize, inverses: usize, products: usize,
  scratchAll: usize,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const scratch = scratchAll + <usize>thread * (<usize>dimensions * PER_DIMENSION);
  // 2^(x log2(e)) is e^x; the product costs no accuracy that matters at |x| where e^x does.
  const minusGamma = f32x4.splat(-gamma * <f32>1.4426950408889634);
  const order = i32x4(0, 1, 2, 3);
  const far = f32x4.splat(FAR / gamma);
  const few = dimensions == 3;
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + (<usize>(u * stride) << 2), dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    const own = i32x4.splat(u);
    const row = products + <usize>u * (<usize>blocks << 4);
    let all = splat(0.0);
    let positives = all;
    const a0 = v128.load(scratch);
    const a1 = few ? v128.load(scratch, 48) : a0;
    const a2 = few ? v128.load(scratch, 96) : a0;
    for (let b = 0; b < blocks; b++) {
      const partner = v128.load(laneLabels + (<usize>b << 4));
      const self = i32x4.eq(i32x4.add(i32x4.splat(4 * b), order), own);
      const block = lanes + <usize>b * (<usize>dimensions << 4);
      const d2 = few ? squaredDistanceOfThree(a0, a1, a2, block) : distanceOf(scratch, block, dimensions);
      const exists = i32x4.ge_s(partner, i32x4.splat(0));
      let e = v128.and(splat(1.0), exists);
      let product = splat(0.0);
      if (!i32x4.all_true(f32x4.ge(d2, far))) {
        const s = exp2OfNegative(f32x4.mul(minusGamma, d2));
        e = v128.and(expOfUnit(s), exists);
        product = f32x4.mul(e, s);
      }
      if (products != 0) v128.store(row + (<usize>b << 4), product);
      all = f32x4.add(all, e);
      positives = f32x4.add(positives, v128.andnot(v128.and(e, i32x4.eq(partner, label)), self));
    }
    const sumAll = horizontalSum(all);
    const sumPositive = horizontalSum(positives);
    const has = sumPositive > 0.0;
    const loss = f32x4.sub(logx4(f32x4.splat(sumAll)), logx4(f32x4.splat(sumPositive)));
    store<f32>(losses + (<usize>u << 2), has ? f32x4.extract_lane(loss, 0) : <f32>0.0);
    store<f32>(inverses + (<usize>u << 2), has ? <f32>1.0 / sumPositive : <f32>0.0);
    store<f32>(inverses + (<usize>(blocks * 4 + u) << 2), has ? <f32>1.0 / sumAll : <f32>0.0);
  }
}

/** gradients[a] = rowScale * derivative of the sum of all losses by a, as anchor and as partner. */
export function vanillaGradients(
  thread: i32, threads: i32, anchors: usize, labels: usize, count: i32, stride: i32, dimensions: i32,
  lanes: usize, laneLabels: usize, blocks: i32, gamma: f32, rowScale: f32, inverses: usize, products: usize,
  gradients: usize, scratchAll: usize,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const scratch = scratchAll + <usize>thread * (<usize>dimensions * PER_DIMENSION);
  // 2^(x log2(e)) is e^x; the product costs no accuracy that matters at |x| where e^x does.
  const minusGamma = f32x4.splat(-gamma * <f32>1.4426950408889634);
  const scale = f32x4.splat(<f32>-2.0 * gamma * rowScale);
  const allInverses = inverses + (<usize>blocks << 4);
  const far = f32x4.splat(FAR / gamma);
  const few = dimensions == 3;
  const eight = dimensions == 8;
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + (<usize>(u * stride) << 2), dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    const ownPositive = v128.load32_splat(inverses + (<usize>u << 2));
    const ownAll = v128.load32_splat(allInverses + (<usize>u << 2));
    const row = products + <usize>u * (<usize>blocks << 4);
    let x0 = splat(0.0), x1 = x0, x2 = x0, x3 = x0, x4 = x0, x5 = x0, x6 = x0, x7 = x0;
    const a0 = v128.load(scratch);
    const a1 = few ? v128.load(scratch, 48) : a0;
    const a2 = few ? v128.load(scratch, 96) : a0;
    for (let b = 0; b < blocks; b++) {
      const block = lanes + <usize>b * (<usize>dimensions << 4);
      const partner = v128.load(laneLabels + (<usize>b << 4));
      let product = splat(0.0);
      if (products != 0) {
        product = v128.load(row + (<usize>b << 4));
        if (!v128.any_true(product)) continue;
      } else {
        const d2 = few ? squaredDistanceOfThree(a0, a1, a2, block) : distanceOf(scratch, block, dimensions);
        if (i32x4.all_true(f32x4.ge(d2, far))) continue;
        const s = exp2OfNegative(f32x4.mul(minusGamma, d2));
        product = v128.and(f32x4.mul(expOfUnit(s), s), i32x4.ge_s(partner, i32x4.splat(0)));
      }
      const positive = f32x4.add(ownPositive, v128.load(inverses + (<usize>b << 4)));
      const all = f32x4.add(ownAll, v128.load(allInverses + (<usize>b << 4)));
      const share = f32x4.sub(all, v128.and(positive, i32x4.eq(partner, label)));
      const w = f32x4.mul(f32x4.mul(scale, share), product);
      if (few) {
        x0 = fma(w, f32x4.sub(a0, v128.load(block)), x0);
        x1 = fma(w, f32x4.sub(a1, v128.load(block, 16)), x1);
        x2 = fma(w, f32x4.sub(a2, v128.load(block, 32)), x2);
        continue;
      }
      if (eight) {
        x0 = fma(w, differenceOf(scratch, block, 0), x0);
        x1 = fma(w, differenceOf(scratch, block, 1), x1);
        x2 = fma(w, differenceOf(scratch, block, 2), x2);
        x3 = fma(w, differenceOf(scratch, block, 3), x3);
        x4 = fma(w, differenceOf(scratch, block, 4), x4);
        x5 = fma(w, differenceOf(scratch, block, 5), x5);
        x6 = fma(w, differenceOf(scratch, block, 6), x6);
        x7 = fma(w, differenceOf(scratch, block, 7), x7);
        continue;
      }
      addDifferences(scratch, block, dimensions, w, 16);
    }
    if (eight) storeEight(scratch, x0, x1, x2, x3, x4, x5, x6, x7);
    if (few) storeSums(scratch, x0, x1, x2);
    const out = gradients + (<usize>(u * stride) << 2);
    for (let d: usize = 0; d < <usize>stride; d++) {
      const value: f32 = d < <usize>dimensions ? horizontalSum(v128.load(scratch + d * PER_DIMENSION, 16)) : <f32>0.0;
      store<f32>(out + (d << 2), value);
    }
  }
}

/** Per anchor: losses[u] = sum over others of d^2 (positive) or max(0, margin - d^2); gradients of the sum over all pairs. */
export function margin(
  thread: i32, threads: i32, anchors: usize, labels: usize, count: i32, stride: i32, dimensions: i32,
  lanes: usize, laneLabels: usize, blocks: i32, marginValue: f32, rowScale: f32, losses: usize, gradients: usize,
  scratchAll: usize,
): void {
  const begin = <i32>((<i64>count * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  const scratch = scratchAll + <usize>thread * (<usize>dimensions * PER_DIMENSION);
  const limit = f32x4.splat(marginValue);
  // An unordered pair counts twice, and (a - b)^2 gives 2 (a - b).
  const slope = f32x4.splat(<f32>4.0 * rowScale);
  const order = i32x4(0, 1, 2, 3);
  const few = dimensions == 3;
  const eight = dimensions == 8;
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + (<usize>(u * stride) << 2), dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    const own = i32x4.splat(u);
    let sum = splat(0.0);
    let x0 = sum, x1 = sum, x2 = sum, x3 = sum, x4 = sum, x5 = sum, x6 = sum, x7 = sum;
    const a0 = v128.load(scratch);
    const a1 = few ? v128.load(scratch, 48) : a0;
    const a2 = few ? v128.load(scratch, 96) : a0;
    for (let b = 0; b < blocks; b++) {
      const block = lanes + <usize>b * (<usize>dimensions << 4);
      const partner = v128.load(laneLabels + (<usize>b << 4));
      const exists = v128.andnot(
        i32x4.ge_s(partner, i32x4.splat(0)), i32x4.eq(i32x4.add(i32x4.splat(4 * b), order), own),
      );
      const same = i32x4.eq(partner, label);
      const d2 = few ? squaredDistanceOfThree(a0, a1, a2, block) : distanceOf(scratch, block, dimensions);
      // Others' pixels beyond the margin: neither loss nor gradient.
      if (i32x4.all_true(v128.andnot(f32x4.ge(d2, limit), same))) continue;
      const room = f32x4.sub(limit, d2);
      const near = v128.andnot(f32x4.gt(room, splat(0.0)), same);
      sum = f32x4.add(sum, v128.and(exists, v128.or(v128.and(d2, same), v128.and(room, near))));
      const w = v128.and(exists, v128.or(v128.and(slope, same), v128.and(f32x4.neg(slope), near)));
      if (few) {
        x0 = fma(w, f32x4.sub(a0, v128.load(block)), x0);
        x1 = fma(w, f32x4.sub(a1, v128.load(block, 16)), x1);
        x2 = fma(w, f32x4.sub(a2, v128.load(block, 32)), x2);
        continue;
      }
      if (eight) {
        x0 = fma(w, differenceOf(scratch, block, 0), x0);
        x1 = fma(w, differenceOf(scratch, block, 1), x1);
        x2 = fma(w, differenceOf(scratch, block, 2), x2);
        x3 = fma(w, differenceOf(scratch, block, 3), x3);
        x4 = fma(w, differenceOf(scratch, block, 4), x4);
        x5 = fma(w, differenceOf(scratch, block, 5), x5);
        x6 = fma(w, differenceOf(scratch, block, 6), x6);
        x7 = fma(w, differenceOf(scratch, block, 7), x7);
        continue;
      }
      addDifferences(scratch, block, dimensions, w, 16);
    }
    if (eight) storeEight(scratch, x0, x1, x2, x3, x4, x5, x6, x7);
    if (few) storeSums(scratch, x0, x1, x2);
    store<f32>(losses + (<usize>u << 2), horizontalSum(sum));
    const out = gradients + (<usize>(u * stride) << 2);
    for (let d: usize = 0; d < <usize>stride; d++) {
      const value: f32 = d < <usize>dimensions ? horizontalSum(v128.load(scratch + d * PER_DIMENSION, 16)) : <f32>0.0;
      store<f32>(out + (d << 2), value);
    }
  }
}
