/** From samples of a rendered embedding to objects (methods 2.2). */
import type { ClusteringParameters } from '../../../contract/index.ts';
import { type Backend, withWasm } from '../../compute/index.ts';
import { dbscan, meanShift, mutualReachabilityTree, selectClusters } from '../clustering/index.ts';

/** How samples become clusters. Distances of DBSCAN and MeanShift are in units of the rescaled embedding, [0, 1] per dimension. */
export type ClusterMethod =
  | { readonly kind: 'hdbscan'; readonly minSamples: number; readonly minClusterSizes: readonly number[] }
  | { readonly kind: 'dbscan'; readonly epsilons: readonly number[]; readonly minSamples: number }
  | { readonly kind: 'mean-shift'; readonly bandwidths: readonly number[] };

export type Rescaling = ClusteringParameters['rescale'];

/** One clustering of the sweep. */
export interface EmbeddingClusters {
  /** The value that was swept: min_cluster_size, epsilon or bandwidth. */
  readonly value: number;
  readonly clusters: number;
  /** [clusters, D] in the embedding's own units, weighted by membership. */
  readonly centroids: Float32Array;
  /** [clusters] samples. */
  readonly sizes: Uint32Array;
  readonly noiseShare: number;
}

/** The released program's sweep counts per this many points. */
const SWEEP_POINTS = 50_000;
/** Quadratic methods get at most this many samples. */
const QUADRATIC_SAMPLES = 10_000;

/** min_cluster_size 10, 20 … 190 per 50,000 points, for `points` points. */
export function clusterSizeSweep(points: number, from = 10, to = 190, step = 10): number[] {
  const sizes: number[] = [];
  for (let size = from; size <= to; size += step) {
    sizes.push(Math.max(2, Math.round((size * points) / SWEEP_POINTS)));
  }
  return [...new Set(sizes)];
}

/** Indices of the samples that lie within `sigmas` standard deviations of the mean in every dimension. @param samples [n, D] */
export function withinSigmas(samples: Float32Array, dimensions: number, sigmas: number): number[] {
  const count = samples.length / dimensions;
  const kept = Array.from({ length: count }, (_, i) => i);
  if (count === 0) return kept;
  const mean = new Float64Array(dimensions);
  const square = new Float64Array(dimensions);
  for (let i = 0; i < count; i++) for (let d = 0; d < dimensions; d++) mean[d]! += samples[i * dimensions + d]! / count;
  for (let i = 0; i < count; i++) {
    for (let d = 0; d < dimensions; d++) square[d]! += (samples[i * dimensions + d]! - mean[d]!) ** 2 / count;
  }
  return kept.filter((i) => {
    for (let d = 0; d < dimensions; d++) {
      // A dimension without spread puts nobody out.
      const off = Math.abs(samples[i * dimensions + d]! - mean[d]!);
      if (off > sigmas * Math.sqrt(square[d]!) && square[d]! > 0) return false;
    }
    return true;
  });
}

/**
 * [n, D] float32 scaled to [0, 1]. `dimension`: each on its own (published); one without range becomes 0. `common`: all by the
 * widest, which keeps distances in proportion: a wide scene is a flat embedding, whose thin dimension would otherwise be blown
 * up until an object is further from itself than from its neighbours.
 */
export function rescaled(samples: Float32Array, dimensions: number, scale: Rescaling): Float32Array {
  const low = new Float64Array(dimensions).fill(Infinity);
  const high = new Float64Array(dimensions).fill(-Infinity);
  for (let i = 0; i < samples.length; i++) {
    const d = i % dimensions;
    low[d] = Math.min(low[d]!, samples[i]!);
    high[d] = Math.max(high[d]!, samples[i]!);
  }
  const own = high.map((value, d) => value - low[d]!);
  const range = scale === 'common' ? own.fill(own.reduce((most, value) => Math.max(most, value), 0)) : own;
  return samples.map((value, i) => {
    const d = i % dimensions;
    return range[d]! > 0 ? (value - low[d]!) / range[d]! : 0;
  });
}

/**
 * Every clustering of the sweep. HDBSCAN's spanning tree does not depend on min_cluster_size, so the whole sweep costs one tree.
 * @param samples [n, D] finite; of one class
 * Samples beyond `outlierSigmas` standard deviations from the mean in any dimension are left out.
 * @throws PointsError, RangeError, OutOfMemoryError, the signal's reason
 */
export async function clusterEmbedding(
  backend: Backend,
  samples: Float32Array,
  dimensions: number,
  method: ClusterMethod,
  { outlierSigmas, rescale }: Pick<ClusteringParameters, 'outlierSigmas' | 'rescale'>,
  signal?: AbortSignal,
): Promise<EmbeddingClusters[]> {
  let kept = withinSigmas(samples, dimensions, outlierSigmas);
  if (method.kind !== 'hdbscan' && kept.length > QUADRATIC_SAMPLES) {
    const stride = kept.length / QUADRATIC_SAMPLES;
    kept = Array.from({ length: QUADRATIC_SAMPLES }, (_, i) => kept[Math.floor(i * stride)]!);
  }
  if (kept.length < 2) return [];
  const points = new Float32Array(kept.length * dimensions);
  for (const [to, from] of kept.entries()) {
    points.set(samples.subarray(from * dimensions, (from + 1) * dimensions), to * dimensions);
  }
  const scaled = rescaled(points, dimensions, rescale);
  const summary = (value: number, labels: Int32Array, weights?: Float64Array) =>
    centroidsOf(value, points, dimensions, labels, weights);
  switch (method.kind) {
    case 'hdbscan': {
      const minSamples = Math.min(method.minSamples, kept.length - 1);
      const options = { minSamples, ...(signal === undefined ? {} : { signal }) };
      const tree = await withWasm(backend, (wasm) => mutualReachabilityTree(wasm, scaled, dimensions, options));
      return method.minClusterSizes.map((minClusterSize) => {
        const { labels, probabilities } = selectClusters(tree, kept.length, {
          minClusterSize,
          selection: 'eom',
          allowSingleCluster: true,
          selectionEpsilon: 0,
        });
        return summary(minClusterSize, labels, probabilities);
      });
    }
    case 'dbscan':
      return method.epsilons.map((epsilon) =>
        summary(epsilon, dbscan(scaled, dimensions, { epsilon, minSamples: method.minSamples })),
      );
    case 'mean-shift':
      return method.bandwidths.map((bandwidth) =>
        summary(bandwidth, meanShift(scaled, dimensions, { bandwidth }).labels),
      );
    default:
      return method satisfies never;
  }
}

function centroidsOf(
  value: number,
  points: Float32Array,
  dimensions: number,
  labels: Int32Array,
  weights?: Float64Array,
): EmbeddingClusters {
  const clusters = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  const sums = new Float64Array(clusters * dimensions);
  const total = new Float64Array(clusters);
  const sizes = new Uint32Array(clusters);
  let noise = 0;
  for (let i = 0; i < labels.length; i++) {
    const cluster = labels[i]!;
    if (cluster < 0) {
      noise++;
      continue;
    }
    const weight = weights?.[i] ?? 1;
    total[cluster]! += weight;
    sizes[cluster]!++;
    for (let d = 0; d < dimensions; d++) sums[cluster * dimensions + d]! += weight * points[i * dimensions + d]!;
  }
  const centroids = Float32Array.from(sums, (sum, at) => sum / total[Math.floor(at / dimensions)]!);
  return { value, clusters, centroids, sizes, noiseShare: noise / Math.max(1, labels.length) };
}

/**
 * Nearest centroid of each vector, from 1; of equal ones the first; 0 for all when there is none. Noise is nobody's fate here.
 * Centroids are looked at outwards along the dimension in which they lie widest apart, until that alone is further than the
 * second found: with hundreds of objects most are never looked at.
 * @param vectors [n, D]
 */
export function nearestCentroids(
  vectors: Float32Array,
  dimensions: number,
  centroids: Float32Array,
): { nearest: Uint32Array; squaredDistance: Float32Array; squaredRunnerUp: Float32Array } {
  const count = vectors.length / dimensions;
  const clusters = centroids.length / dimensions;
  const nearest = new Uint32Array(count);
  const squaredDistance = new Float32Array(count).fill(Infinity);
  const squaredRunnerUp = new Float32Array(count).fill(Infinity);
  const axis = widestDimension(centroids, dimensions);
  const along = (k: number) => centroids[k * dimensions + axis]!;
  const order = Uint32Array.from({ length: clusters }, (_, k) => k).sort((a, b) => along(a) - along(b) || a - b);
  const places = Float64Array.from(order, along);
  for (let i = 0; i < count; i++) {
    const place = vectors[i * dimensions + axis]!;
    let [best, first, second] = [0, Infinity, Infinity];
    let above = lowerBound(places, place);
    let below = above - 1;
    while (below >= 0 || above < clusters) {
      const down = below >= 0 ? place - places[below]! : Infinity;
      const up = above < clusters ? places[above]! - place : Infinity;
      const step = Math.min(down, up);
      if (step * step > second) break;
      const k = order[above >= clusters || down < up ? below-- : above++]!;
      let squared = 0;
      for (let d = 0; d < dimensions; d++) {
        const off = vectors[i * dimensions + d]! - centroids[k * dimensions + d]!;
        squared += off * off;
      }
      if (squared < first || (squared === first && k + 1 < best)) [best, first, second] = [k + 1, squared, first];
      else if (squared < second) second = squared;
    }
    nearest[i] = best;
    squaredDistance[i] = first;
    squaredRunnerUp[i] = second;
  }
  return { nearest, squaredDistance, squaredRunnerUp };
}

function widestDimension(rows: Float32Array, dimensions: number): number {
  let [widest, most] = [0, -1];
  for (let d = 0; d < dimensions; d++) {
    let [low, high] = [Infinity, -Infinity];
    for (let at = d; at < rows.length; at += dimensions) {
      low = Math.min(low, rows[at]!);
      high = Math.max(high, rows[at]!);
    }
    if (high - low > most) [widest, most] = [d, high - low];
  }
  return widest;
}

/** The first place in ascending values that is not below `value`. */
function lowerBound(values: Float64Array, value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
