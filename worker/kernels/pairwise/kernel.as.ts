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

/** Of the anchor and four partners in one dimension, which is a constant. */
// @ts-ignore: decorator
@inline
function differenceOf(scratch: usize, block: usize, d: usize): v128 {
  return f32x4.sub(v128.load(scratch + d * PER_DIMENSION), v128.load(block + (d << 4)));
}

/** Three dimensions and eight are unrolled: a loop over so few costs as much as what it does. */
// @ts-ignore: decorator
@inline
function distanceOf(scratch: usize, block: usize, dimensions: i32): v128 {
  if (dimensions != 3 && dimensions != 8) return squaredDistance(scratch, block, dimensions);
  const d0 = differenceOf(scratch, block, 0);
  const d1 = differenceOf(scratch, block, 1);
  const d2 = differenceOf(scratch, block, 2);
  // Two chains: one after the other, eight sums take longer than all the rest.
  const even = fma(d2, d2, f32x4.mul(d0, d0));
  const odd = f32x4.mul(d1, d1);
  if (dimensions == 3) return f32x4.add(even, odd);
  const d3 = differenceOf(scratch, block, 3);
  const d4 = differenceOf(scratch, block, 4);
  const d5 = differenceOf(scratch, block, 5);
  const d6 = differenceOf(scratch, block, 6);
  const d7 = differenceOf(scratch, block, 7);
  const last = fma(d7, d7, fma(d5, d5, fma(d3, d3, odd)));
  return f32x4.add(fma(d6, d6, fma(d4, d4, even)), last);
}

/** Adds w times the differences to the second or the third column of the scratch. */
// @ts-ignore: decorator
@inline
function addDifferences(scratch: usize, block: usize, dimensions: i32, w: v128, column: usize): void {
  for (let d: usize = 0; d < <usize>dimensions; d++) {
    const cell = scratch + d * PER_DIMENSION + column;
    v128.store(cell, fma(w, differenceOf(scratch, block, d), v128.load(cell)));
  }
}

/**
 * Second column of the scratch: the sum of the anchor's differences to all partners, each by its weight [blocks][4]. In a loop of its own,
 * so that few dimensions can be summed in registers, whatever loss the weights are of.
 */
function addWeighted(scratch: usize, weights: usize, lanes: usize, blocks: i32, dimensions: i32): void {
  const blockBytes = <usize>dimensions << 4;
  const end = weights + (<usize>blocks << 4);
  if (dimensions != 3 && dimensions != 8) {
    for (let block = lanes; weights < end; weights += 16, block += blockBytes) {
      const w = v128.load(weights);
      if (v128.any_true(w)) addDifferences(scratch, block, dimensions, w, 16);
    }
    return;
  }
  let x0 = splat(0.0), x1 = x0, x2 = x0, x3 = x0, x4 = x0, x5 = x0, x6 = x0, x7 = x0;
  for (let block = lanes; weights < end; weights += 16, block += blockBytes) {
    const w = v128.load(weights);
    if (!v128.any_true(w)) continue;
    x0 = fma(w, differenceOf(scratch, block, 0), x0);
    x1 = fma(w, differenceOf(scratch, block, 1), x1);
    x2 = fma(w, differenceOf(scratch, block, 2), x2);
    if (dimensions == 3) continue;
    x3 = fma(w, differenceOf(scratch, block, 3), x3);
    x4 = fma(w, differenceOf(scratch, block, 4), x4);
    x5 = fma(w, differenceOf(scratch, block, 5), x5);
    x6 = fma(w, differenceOf(scratch, block, 6), x6);
    x7 = fma(w, differenceOf(scratch, block, 7), x7);
  }
  v128.store(scratch, x0, 16);
  v128.store(scratch, x1, 64);
  v128.store(scratch, x2, 112);
  if (dimensions == 3) return;
  v128.store(scratch, x3, 160);
  v128.store(scratch, x4, 208);
  v128.store(scratch, x5, 256);
  v128.store(scratch, x6, 304);
  v128.store(scratch, x7, 352);
}

/** gradients[u] = the second column of the scratch; padding 0. */
// @ts-ignore: decorator
@inline
function storeGradient(scratch: usize, dimensions: i32, stride: i32, out: usize): void {
  for (let d: usize = 0; d < <usize>stride; d++) {
    const value: f32 = d < <usize>dimensions ? horizontalSum(v128.load(scratch + d * PER_DIMENSION, 16)) : <f32>0.0;
    store<f32>(out + (d << 2), value);
  }
}

/** Scratch of a thread: PER_DIMENSION for each dimension, then the weights of an anchor's partners. */
// @ts-ignore: decorator
@inline
function scratchOf(scratchAll: usize, thread: i32, dimensions: i32, blocks: i32): usize {
  return scratchAll + <usize>thread * (<usize>dimensions * PER_DIMENSION + (<usize>blocks << 4));
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
  const scratch = scratchOf(scratchAll, thread, dimensions, blocks);
  const weights = scratch + <usize>dimensions * PER_DIMENSION;
  // 2^(x log2(e)) is e^x; the product costs no accuracy that matters at |x| where e^x does.
  const minusGamma = f32x4.splat(-gamma * <f32>1.4426950408889634);
  const minusTwoGamma = f32x4.splat(<f32>-2.0 * gamma);
  const rowBytes = <usize>stride << 2;
  const far = f32x4.splat(released != 0 ? FAR * FAR : FAR / gamma);
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + <usize>u * rowBytes, dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    let all = splat(0.0);
    let positives = all;
    for (let b = 0; b < blocks; b++) {
      const block = lanes + <usize>b * blockBytes;
      const partner = v128.load(laneLabels + (<usize>b << 4));
      const same = i32x4.eq(partner, label);
      const exists = i32x4.ge_s(partner, i32x4.splat(0));
      const d2 = distanceOf(scratch, block, dimensions);
      if (i32x4.all_true(f32x4.ge(d2, far))) {
        const one = v128.and(splat(1.0), exists);
        all = f32x4.add(all, one);
        positives = f32x4.add(positives, v128.and(one, same));
        v128.store(weights + (<usize>b << 4), splat(0.0));
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
      v128.store(weights + (<usize>b << 4), w);
      // Segments are small beside a batch: most partners are of another one.
      if (v128.any_true(same)) addDifferences(scratch, block, dimensions, v128.and(w, same), 32);
    }
    addWeighted(scratch, weights, lanes, blocks, dimensions);
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
  const scratch = scratchOf(scratchAll, thread, dimensions, blocks);
  // 2^(x log2(e)) is e^x; the product costs no accuracy that matters at |x| where e^x does.
  const minusGamma = f32x4.splat(-gamma * <f32>1.4426950408889634);
  const order = i32x4(0, 1, 2, 3);
  const far = f32x4.splat(FAR / gamma);
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + (<usize>(u * stride) << 2), dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    const own = i32x4.splat(u);
    const row = products + <usize>u * (<usize>blocks << 4);
    let all = splat(0.0);
    let positives = all;
    for (let b = 0; b < blocks; b++) {
      const partner = v128.load(laneLabels + (<usize>b << 4));
      const self = i32x4.eq(i32x4.add(i32x4.splat(4 * b), order), own);
      const block = lanes + <usize>b * (<usize>dimensions << 4);
      const d2 = distanceOf(scratch, block, dimensions);
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
  const scratch = scratchOf(scratchAll, thread, dimensions, blocks);
  const weights = scratch + <usize>dimensions * PER_DIMENSION;
  // 2^(x log2(e)) is e^x; the product costs no accuracy that matters at |x| where e^x does.
  const minusGamma = f32x4.splat(-gamma * <f32>1.4426950408889634);
  const scale = f32x4.splat(<f32>-2.0 * gamma * rowScale);
  const allInverses = inverses + (<usize>blocks << 4);
  const far = f32x4.splat(FAR / gamma);
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + (<usize>(u * stride) << 2), dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    const ownPositive = v128.load32_splat(inverses + (<usize>u << 2));
    const ownAll = v128.load32_splat(allInverses + (<usize>u << 2));
    const row = products + <usize>u * (<usize>blocks << 4);
    for (let b = 0; b < blocks; b++) {
      const block = lanes + <usize>b * (<usize>dimensions << 4);
      const partner = v128.load(laneLabels + (<usize>b << 4));
      let product = splat(0.0);
      if (products != 0) {
        product = v128.load(row + (<usize>b << 4));
      } else {
        const d2 = distanceOf(scratch, block, dimensions);
        if (!i32x4.all_true(f32x4.ge(d2, far))) {
          const s = exp2OfNegative(f32x4.mul(minusGamma, d2));
          product = v128.and(f32x4.mul(expOfUnit(s), s), i32x4.ge_s(partner, i32x4.splat(0)));
        }
      }
      const positive = f32x4.add(ownPositive, v128.load(inverses + (<usize>b << 4)));
      const all = f32x4.add(ownAll, v128.load(allInverses + (<usize>b << 4)));
      const share = f32x4.sub(all, v128.and(positive, i32x4.eq(partner, label)));
      v128.store(weights + (<usize>b << 4), f32x4.mul(f32x4.mul(scale, share), product));
    }
    addWeighted(scratch, weights, lanes, blocks, dimensions);
    storeGradient(scratch, dimensions, stride, gradients + (<usize>(u * stride) << 2));
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
  const scratch = scratchOf(scratchAll, thread, dimensions, blocks);
  const weights = scratch + <usize>dimensions * PER_DIMENSION;
  const limit = f32x4.splat(marginValue);
  // An unordered pair counts twice, and (a - b)^2 gives 2 (a - b).
  const slope = f32x4.splat(<f32>4.0 * rowScale);
  const order = i32x4(0, 1, 2, 3);
  for (let u = begin; u < end; u++) {
    broadcastRow(anchors + (<usize>(u * stride) << 2), dimensions, scratch);
    const label = i32x4.splat(load<i32>(labels + (<usize>u << 2)));
    const own = i32x4.splat(u);
    let sum = splat(0.0);
    for (let b = 0; b < blocks; b++) {
      const block = lanes + <usize>b * (<usize>dimensions << 4);
      const partner = v128.load(laneLabels + (<usize>b << 4));
      const exists = v128.andnot(
        i32x4.ge_s(partner, i32x4.splat(0)), i32x4.eq(i32x4.add(i32x4.splat(4 * b), order), own),
      );
      const same = i32x4.eq(partner, label);
      const d2 = distanceOf(scratch, block, dimensions);
      // Others' pixels beyond the margin: neither loss nor gradient.
      if (i32x4.all_true(v128.andnot(f32x4.ge(d2, limit), same))) {
        v128.store(weights + (<usize>b << 4), splat(0.0));
        continue;
      }
      const room = f32x4.sub(limit, d2);
      const near = v128.andnot(f32x4.gt(room, splat(0.0)), same);
      sum = f32x4.add(sum, v128.and(exists, v128.or(v128.and(d2, same), v128.and(room, near))));
      const w = v128.and(exists, v128.or(v128.and(slope, same), v128.and(f32x4.neg(slope), near)));
      v128.store(weights + (<usize>b << 4), w);
    }
    addWeighted(scratch, weights, lanes, blocks, dimensions);
    store<f32>(losses + (<usize>u << 2), horizontalSum(sum));
    storeGradient(scratch, dimensions, stride, gradients + (<usize>(u * stride) << 2));
  }
}
