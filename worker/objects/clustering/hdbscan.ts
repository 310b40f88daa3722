/** Exact HDBSCAN. */
import type { WasmBackend } from '../../compute/index.ts';
import { PointsError } from '../../kernels/index.ts';
import { type ClusterSelection, type FlatClusters, selectClusters } from './condensed-tree.ts';
import { mutualReachabilityTree, type SpanningTreeCost } from './spanning-tree.ts';

export interface HdbscanOptions {
  /** Smallest group of points that counts as a cluster, at least 2. */
  readonly minClusterSize: number;
  /** Core distance = distance to the minSamples-th OTHER point; default minClusterSize, at most points - 1. */
  readonly minSamples?: number;
  /** Excess of mass (default) or the leaves of the condensed tree. */
  readonly selection?: ClusterSelection;
  /** Whether all points together may be the one cluster; default false. */
  readonly allowSingleCluster?: boolean;
  /** Clusters that split below this distance are kept together; default 0 = off. */
  readonly selectionEpsilon?: number;
  readonly signal?: AbortSignal;
  /** Filled with the time and number of searches, for benchmarks. */
  readonly cost?: SpanningTreeCost;
}

/**
 * Clusters `points` [points, dimensions] by density, Euclidean. Memory is linear in the number of points. The result
 * does not depend on the number of threads; where distances tie it may depend on the order of the points.
 *
 * Fewer points than two are all noise. Should minSamples exceed the other points, all of them are used.
 * @throws PointsError for coordinates that are not finite or a length that does not divide; RangeError for options;
 *   OutOfMemoryError when the backend's budget is too small; the signal's reason when it aborts.
 */
export async function hdbscan(
  backend: WasmBackend,
  points: Float32Array | Float64Array,
  dimensions: number,
  options: HdbscanOptions,
): Promise<FlatClusters> {
  const { minClusterSize, minSamples = minClusterSize, selectionEpsilon = 0 } = options;
  if (!Number.isInteger(minClusterSize) || minClusterSize < 2) {
    throw new RangeError(`minClusterSize must be an integer of at least 2, not ${minClusterSize}`);
  }
  if (!Number.isInteger(minSamples) || minSamples < 1) {
    throw new RangeError(`minSamples must be a positive integer, not ${minSamples}`);
  }
  if (!(selectionEpsilon >= 0 && Number.isFinite(selectionEpsilon))) {
    throw new RangeError(`selectionEpsilon must be a finite distance of at least 0, not ${selectionEpsilon}`);
  }
  if (!Number.isInteger(dimensions) || dimensions < 1 || points.length % dimensions !== 0) {
    throw new PointsError(`${points.length} coordinates are not a whole number of points of ${dimensions} dimensions`);
  }
  const count = points.length / dimensions;
  if (count < 2) {
    return { labels: new Int32Array(count).fill(-1), probabilities: new Float64Array(count), clusters: 0 };
  }
  const tree = await mutualReachabilityTree(backend, points, dimensions, {
    minSamples: Math.min(minSamples, count - 1),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.cost === undefined ? {} : { cost: options.cost }),
  });
  return selectClusters(tree, count, {
    minClusterSize,
    selection: options.selection ?? 'eom',
    allowSingleCluster: options.allowSingleCluster ?? false,
    selectionEpsilon,
  });
}
