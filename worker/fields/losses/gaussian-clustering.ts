/** Contrastive Gaussian Clustering (Silva et al. 2024; methods section 2.3). */
import type { Loss, Pixels } from './segments.ts';

/** Pixels of the images for which the published constants hold. */
const PUBLISHED_PIXELS = 719_780;
const PUBLISHED_WEIGHT = 1e-6;

/** Segments with at least as many pixels take part: 100 at the published image size. */
export const leastSegmentPixels = (imagePixels: number): number => Math.max(4, (100 * imagePixels) / PUBLISHED_PIXELS);

/** Weight of the sum over pixels: 1e-6 at the published image size, scaled so that a smaller image weighs the same. */
export const clusteringWeight = (imagePixels: number): number => PUBLISHED_WEIGHT * (PUBLISHED_PIXELS / imagePixels);

interface UnitSegments {
  /** [count, dimensions] and their lengths [count] before. */
  readonly units: Float64Array;
  readonly lengths: Float64Array;
  /** Position of each pixel's segment among those that take part, −1 for others. [count] */
  readonly segmentOf: Int32Array;
  /** [P, dimensions] plain means of the unit vectors; [P] pixels. */
  readonly means: Float64Array;
  readonly sizes: Float64Array;
}

function unitSegments(
  { features, labels }: Pixels,
  dimensions: number,
  takesPart: (label: number) => boolean,
): UnitSegments {
  const count = labels.length;
  const units = new Float64Array(count * dimensions);
  const lengths = new Float64Array(count);
  const segmentOf = new Int32Array(count).fill(-1);
  const indexOf = new Map<number, number>();
  for (let q = 0; q < count; q++) {
    let squared = 0;
    for (let d = 0; d < dimensions; d++) squared += features[q * dimensions + d]! ** 2;
    // A vector of no length has no direction: the floor keeps it a constant 0.
    lengths[q] = Math.max(Math.sqrt(squared), 1e-12);
    for (let d = 0; d < dimensions; d++) units[q * dimensions + d] = features[q * dimensions + d]! / lengths[q]!;
    if (!takesPart(labels[q]!)) continue;
    if (!indexOf.has(labels[q]!)) indexOf.set(labels[q]!, indexOf.size);
    segmentOf[q] = indexOf.get(labels[q]!)!;
  }
  const means = new Float64Array(indexOf.size * dimensions);
  const sizes = new Float64Array(indexOf.size);
  for (let q = 0; q < count; q++) {
    const p = segmentOf[q]!;
    if (p < 0) continue;
    sizes[p]!++;
    for (let d = 0; d < dimensions; d++) means[p * dimensions + d]! += units[q * dimensions + d]!;
  }
  for (let i = 0; i < means.length; i++) means[i]! /= sizes[Math.floor(i / dimensions)]!;
  return { units, lengths, segmentOf, means, sizes };
}

/** φ_p = clip(10·Σ_q ‖f_q − f̄_p‖ / (N_p·log(N_p + 100)), 0.1, 1): a constant for the gradient. */
function temperatures({ units, segmentOf, means, sizes }: UnitSegments, dimensions: number): Float64Array {
  const sums = new Float64Array(sizes.length);
  for (let q = 0; q < segmentOf.length; q++) {
    const p = segmentOf[q]!;
    if (p < 0) continue;
    let squared = 0;
    for (let d = 0; d < dimensions; d++) squared += (units[q * dimensions + d]! - means[p * dimensions + d]!) ** 2;
    sums[p]! += Math.sqrt(squared);
  }
  return sums.map((sum, p) => Math.min(1, Math.max(0.1, (10 * sum) / (sizes[p]! * Math.log(sizes[p]! + 100)))));
}

export interface ClusteringOptions {
  /** Segments that take part; default all. */
  readonly takesPart?: (label: number) => boolean;
  /** [P] in the order of first pixels; default computed. For checking the gradient, which takes them as constant. */
  readonly temperatures?: ArrayLike<number>;
}

/**
 * L_CC = −(1/P) Σ_p Σ_{q∈p} log[exp(f_q·f̄_p/φ_p) / Σ_s exp(f_q·f̄_s/φ_s)] over unit features; the gradient is by the
 * features before they were normalised, and passes through the means.
 */
export function gaussianClustering(
  pixels: Pixels,
  dimensions: number,
  options: ClusteringOptions = {},
): Loss & { readonly temperatures: Float64Array } {
  const own = unitSegments(pixels, dimensions, options.takesPart ?? (() => true));
  const { units, lengths, segmentOf, means, sizes } = own;
  const phi =
    options.temperatures === undefined ? temperatures(own, dimensions) : Float64Array.from(options.temperatures);
  const segments = sizes.length;
  const ofUnits = new Float64Array(units.length);
  const ofMeans = new Float64Array(means.length);
  const logits = new Float64Array(segments);
  const scale = 1 / Math.max(1, segments);
  let total = 0;
  for (let q = 0; q < segmentOf.length; q++) {
    const p = segmentOf[q]!;
    if (p < 0) continue;
    const at = q * dimensions;
    let largest = Number.NEGATIVE_INFINITY;
    for (let s = 0; s < segments; s++) {
      let dot = 0;
      for (let d = 0; d < dimensions; d++) dot += units[at + d]! * means[s * dimensions + d]!;
      logits[s] = dot / phi[s]!;
      largest = Math.max(largest, logits[s]!);
    }
    let sum = 0;
    for (let s = 0; s < segments; s++) sum += Math.exp(logits[s]! - largest);
    total += scale * (largest + Math.log(sum) - logits[p]!);
    for (let s = 0; s < segments; s++) {
      const share = Math.exp(logits[s]! - largest) / sum - (s === p ? 1 : 0);
      const change = (scale * share) / phi[s]!;
      for (let d = 0; d < dimensions; d++) {
        ofUnits[at + d]! += change * means[s * dimensions + d]!;
        ofMeans[s * dimensions + d]! += change * units[at + d]!;
      }
    }
  }
  const gradient = new Float64Array(units.length);
  for (let q = 0; q < segmentOf.length; q++) {
    const p = segmentOf[q]!;
    if (p < 0) continue;
    const at = q * dimensions;
    let along = 0;
    for (let d = 0; d < dimensions; d++) {
      ofUnits[at + d]! += ofMeans[p * dimensions + d]! / sizes[p]!;
      along += ofUnits[at + d]! * units[at + d]!;
    }
    for (let d = 0; d < dimensions; d++) gradient[at + d] = (ofUnits[at + d]! - along * units[at + d]!) / lengths[q]!;
  }
  return { value: total, gradient, temperatures: phi };
}

export interface SpatialRegulariser extends Loss {
  readonly near: number;
  readonly far: number;
}

const NEAREST = 2;
const FARTHEST = 5;

/**
 * Over the Gaussians drawn: 0.05·mean over pairs with the 2 nearest of sigmoid(1 − cos) + 0.15·mean over pairs with the 5
 * farthest of sigmoid(cos), each Gaussian itself excluded; no gradient to the positions.
 * @param positions [count, 3]; features [count, dimensions], not normalised.
 */
export function spatialRegulariser(
  positions: ArrayLike<number>,
  features: ArrayLike<number>,
  dimensions: number,
): SpatialRegulariser {
  const count = positions.length / 3;
  const { units, lengths } = unitSegments({ features, labels: new Int32Array(count) }, dimensions, () => true);
  const ofUnits = new Float64Array(units.length);
  const nearest = Math.min(NEAREST, count - 1);
  const farthest = Math.min(FARTHEST, count - 1);
  let [near, far] = [0, 0];
  const distances = new Float64Array(count);
  const add = (a: number, b: number, isNear: boolean): void => {
    let cosine = 0;
    for (let d = 0; d < dimensions; d++) cosine += units[a * dimensions + d]! * units[b * dimensions + d]!;
    const sigmoid = 1 / (1 + Math.exp(isNear ? cosine - 1 : -cosine));
    const weight = isNear ? 0.05 / (count * nearest) : 0.15 / (count * farthest);
    if (isNear) near += weight * sigmoid;
    else far += weight * sigmoid;
    const slope = (isNear ? -weight : weight) * sigmoid * (1 - sigmoid);
    for (let d = 0; d < dimensions; d++) {
      ofUnits[a * dimensions + d]! += slope * units[b * dimensions + d]!;
      ofUnits[b * dimensions + d]! += slope * units[a * dimensions + d]!;
    }
  };
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) {
      const x = positions[3 * a]! - positions[3 * b]!;
      const y = positions[3 * a + 1]! - positions[3 * b + 1]!;
      const z = positions[3 * a + 2]! - positions[3 * b + 2]!;
      distances[b] = x * x + y * y + z * z;
    }
    for (const b of extremes(distances, a, nearest, 1)) add(a, b, true);
    for (const b of extremes(distances, a, farthest, -1)) add(a, b, false);
  }
  const gradient = new Float64Array(units.length);
  for (let a = 0; a < count; a++) {
    const at = a * dimensions;
    let along = 0;
    for (let d = 0; d < dimensions; d++) along += ofUnits[at + d]! * units[at + d]!;
    for (let d = 0; d < dimensions; d++) gradient[at + d] = (ofUnits[at + d]! - along * units[at + d]!) / lengths[a]!;
  }
  return { value: near + far, gradient, near, far };
}

/** The `wanted` smallest (sign 1) or largest (−1) values other than `self`; of equal ones the first. */
function extremes(values: Float64Array, self: number, wanted: number, sign: 1 | -1): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (i === self) continue;
    if (best.length === wanted && !(sign * values[i]! < sign * values[best[wanted - 1]!]!)) continue;
    let place = best.length;
    while (place > 0 && sign * values[i]! < sign * values[best[place - 1]!]!) place--;
    best.splice(place, 0, i);
    if (best.length > wanted) best.pop();
  }
  return best;
}
