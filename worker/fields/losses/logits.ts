/** Losses on class or slot scores: linear assignment, semantic cross entropy, segment consistency (methods section 2.1). */
import { crossEntropyReference, softmaxRows } from '../../kernels/index.ts';
import { linearAssignment } from '../../objects/assignment/index.ts';
import type { Loss, Pixels } from './segments.ts';

/**
 * Cross entropy of rendered logits against a class per pixel: mean over pixels of −weight·log softmax(logits)[target].
 * @param targets [count] @param weights [count] confidences
 */
export function crossEntropy(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  classes: number,
): Loss {
  const scaled = Float64Array.from(weights, (weight) => weight / targets.length);
  return crossEntropyReference(logits, targets, scaled, classes);
}

/** Soft targets [count, classes] in place of classes. */
export function softCrossEntropy(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  classes: number,
): Loss {
  const p = softmaxRows(logits, classes);
  const count = logits.length / classes;
  const gradient = new Float64Array(p.length);
  let total = 0;
  for (let u = 0; u < count; u++) {
    const scale = weights[u]! / count;
    let mass = 0;
    for (let k = 0; k < classes; k++) {
      total -= scale * targets[u * classes + k]! * Math.log(Math.max(p[u * classes + k]!, Number.MIN_VALUE));
      mass += targets[u * classes + k]!;
    }
    for (let k = 0; k < classes; k++) {
      gradient[u * classes + k] = scale * (mass * p[u * classes + k]! - targets[u * classes + k]!);
    }
  }
  return { value: total, gradient };
}

/**
 * As released: what is composited is the softmax of each sample. P = Σ_i W_i softmax(f_i), renormalised to sum 1, log, and
 * the negative log likelihood: mean over pixels of −weight·log(P[target] / Σ_k P[k]). The gradient is by P.
 * @param composited [count, classes]
 */
export function compositedNegativeLogLikelihood(
  composited: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  classes: number,
): Loss {
  const count = targets.length;
  const gradient = new Float64Array(composited.length);
  let total = 0;
  for (let u = 0; u < count; u++) {
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += composited[u * classes + k]!;
    // A pixel that nothing covers has no distribution: it has no say.
    if (!(sum > 1e-6)) continue;
    const scale = weights[u]! / count;
    // The floor keeps the gradient of a class that nothing supports finite; at it the logarithm is constant.
    const target = composited[u * classes + targets[u]!]!;
    const bounded = Math.max(target, 1e-8 * sum);
    total -= scale * Math.log(bounded / sum);
    if (bounded > target) continue;
    for (let k = 0; k < classes; k++) gradient[u * classes + k] = scale / sum;
    gradient[u * classes + targets[u]!]! -= scale / target;
  }
  return { value: total, gradient };
}

/** Mean of [count, classes] distributions over the pixels of each segment. */
export function segmentDistributions(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Map<number, Float64Array> {
  const sums = new Map<number, Float64Array>();
  const sizes = new Map<number, number>();
  for (let u = 0; u < labels.length; u++) {
    const label = labels[u]!;
    let sum = sums.get(label);
    if (sum === undefined) {
      sum = new Float64Array(classes);
      sums.set(label, sum);
    }
    sizes.set(label, (sizes.get(label) ?? 0) + 1);
    for (let k = 0; k < classes; k++) sum[k]! += probabilities[u * classes + k]!;
  }
  for (const [label, sum] of sums) for (let k = 0; k < classes; k++) sum[k]! /= sizes.get(label)!;
  return sums;
}

export type ConsistencyTarget = 'argmax' | 'soft';

/**
 * Segment consistency: cross entropy of every pixel of a 2D segment to the class that the segment's mean predicted
 * distribution is largest for (or, `soft`, to that distribution), times confidence. No gradient to the target.
 */
export function segmentConsistency(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
  classes: number,
  target: ConsistencyTarget = 'argmax',
): Loss {
  const means = segmentDistributions(softmaxRows(logits, classes), labels, classes);
  if (target === 'soft') {
    const soft = new Float64Array(logits.length);
    for (let u = 0; u < labels.length; u++) soft.set(means.get(labels[u]!)!, u * classes);
    return softCrossEntropy(logits, soft, weights, classes);
  }
  const classOf = new Map(Array.from(means, ([label, mean]) => [label, argmax(mean)]));
  const targets = Array.from(labels, (label) => classOf.get(label)!);
  return crossEntropy(logits, targets, weights, classes);
}

/** Position of the largest value; of equal ones the first. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}

/**
 * Slots of the segments of one image (Panoptic Lifting): the assignment of segments to the K slots with the largest sum of
 * the segments' mean probabilities. With more segments than slots the largest segments get one.
 * @returns slot by segment; segments without a slot are absent.
 */
export function assignSlots(means: ReadonlyMap<number, ArrayLike<number>>, slots: number): Map<number, number> {
  const segments = [...means.keys()];
  const cost = new Float64Array(segments.length * slots);
  segments.forEach((segment, row) => {
    const mean = means.get(segment)!;
    for (let k = 0; k < slots; k++) cost[row * slots + k] = -mean[k]!;
  });
  const { columnOfRow } = linearAssignment(cost, segments.length, slots);
  const assigned = new Map<number, number>();
  segments.forEach((segment, row) => {
    if (columnOfRow[row]! >= 0) assigned.set(segment, columnOfRow[row]!);
  });
  return assigned;
}

/**
 * Linear assignment: cross entropy of the rendered logits to the slots that {@link assignSlots} matched to their segments,
 * times confidence. Pixels of segments without a slot are left out.
 */
export function linearAssignmentLoss(
  pixels: Pixels,
  weights: ArrayLike<number>,
  slots: number,
): Loss & { readonly slots: ReadonlyMap<number, number> } {
  const means = segmentDistributions(softmaxRows(pixels.features, slots), pixels.labels, slots);
  const assigned = assignSlots(means, slots);
  const targets = Array.from(pixels.labels, (label) => assigned.get(label) ?? 0);
  const effective = Array.from(pixels.labels, (label, u) => (assigned.has(label) ? weights[u]! : 0));
  return { ...crossEntropy(pixels.features, targets, effective, slots), slots: assigned };
}
