/**
 * From a spanning tree to flat clusters: single linkage, the condensed tree, and the choice of clusters by excess of
 * mass or by leaves (Campello, Moulavi, Zimek, Sander 2015; McInnes, Healy 2017).
 */
import type { SpanningTree } from './spanning-tree.ts';

export type ClusterSelection = 'eom' | 'leaf';

export interface SelectionOptions {
  readonly minClusterSize: number;
  readonly selection: ClusterSelection;
  readonly allowSingleCluster: boolean;
  /** Clusters born at a smaller distance than this are merged upwards; 0 = off. */
  readonly selectionEpsilon: number;
}

export interface FlatClusters {
  /** Cluster of each point, 0 … clusters − 1, −1 = noise. [points] */
  readonly labels: Int32Array;
  /** Strength of membership in [0, 1]; 0 for noise. [points] */
  readonly probabilities: Float64Array;
  readonly clusters: number;
}

/** Merges of single linkage in ascending order; node points + i is the i-th merge. */
interface Linkage {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly distances: Float64Array;
  readonly sizes: Int32Array;
}

/** Stands for the density 1 / 0 of duplicates: larger than any other, and sums of it stay finite. */
const DUPLICATE_DENSITY = 1e300;

/** Clusters in order of discovery, so that every parent has a smaller number than its children; 0 is the root. */
interface CondensedTree {
  readonly parents: number[];
  /** Density 1 / distance at which the cluster splits off its parent. */
  readonly births: number[];
  readonly sizes: number[];
  /** The highest density at which something leaves the cluster. */
  readonly deaths: number[];
  readonly stabilities: number[];
  readonly children: number[][];
  /** The last cluster each point belonged to, and the density at which it left. [points] */
  readonly clusterOfPoint: Int32Array;
  readonly densityOfPoint: Float64Array;
}

/** @param points number of points, at least 2. */
export function selectClusters(tree: SpanningTree, points: number, options: SelectionOptions): FlatClusters {
  const condensed = condense(singleLinkage(tree, points), points, options.minClusterSize);
  const selected = options.selection === 'eom' ? excessOfMass(condensed, options) : leaves(condensed, options);
  return label(condensed, selected, points, options);
}

function singleLinkage(tree: SpanningTree, points: number): Linkage {
  const merges = points - 1;
  const order = ascending(tree.weights);
  const parents = new Int32Array(2 * points - 1).fill(-1);
  const left = new Int32Array(merges);
  const right = new Int32Array(merges);
  const distances = new Float64Array(merges);
  const sizes = new Int32Array(merges);
  const root = (node: number): number => {
    let top = node;
    while (parents[top]! >= 0) top = parents[top]!;
    for (let at = node; parents[at]! >= 0; ) {
      const next = parents[at]!;
      parents[at] = top;
      at = next;
    }
    return top;
  };
  for (let i = 0; i < merges; i++) {
    const edge = order[i]!;
    const a = root(tree.from[edge]!);
    const b = root(tree.to[edge]!);
    parents[a] = points + i;
    parents[b] = points + i;
    left[i] = a;
    right[i] = b;
    distances[i] = tree.weights[edge]!;
    sizes[i] = (a < points ? 1 : sizes[a - points]!) + (b < points ? 1 : sizes[b - points]!);
  }
  return { left, right, distances, sizes };
}

function condense(linkage: Linkage, points: number, minClusterSize: number): CondensedTree {
  const { left, right, distances, sizes } = linkage;
  const tree: CondensedTree = {
    ...{ parents: [-1], births: [0], sizes: [points], deaths: [0], stabilities: [0], children: [[]] },
    clusterOfPoint: new Int32Array(points),
    densityOfPoint: new Float64Array(points),
  };
  const sizeOf = (node: number) => (node < points ? 1 : sizes[node - points]!);
  const leave = (cluster: number, density: number, size: number) => {
    tree.stabilities[cluster]! += (density - tree.births[cluster]!) * size;
    if (density > tree.deaths[cluster]!) tree.deaths[cluster] = density;
  };
  const spill = new Int32Array(points);
  const fallOut = (node: number, cluster: number, density: number) => {
    leave(cluster, density, sizeOf(node));
    let top = 0;
    spill[top++] = node;
    while (top > 0) {
      const at = spill[--top]!;
      if (at < points) {
        tree.clusterOfPoint[at] = cluster;
        tree.densityOfPoint[at] = density;
      } else {
        spill[top++] = left[at - points]!;
        spill[top++] = right[at - points]!;
      }
    }
  };
  // Breadth first, so that cluster numbers ascend from parents to children.
  const queue: { node: number; cluster: number }[] = [{ node: 2 * points - 2, cluster: 0 }];
  for (let head = 0; head < queue.length; head++) {
    const { cluster } = queue[head]!;
    let { node } = queue[head]!;
    for (;;) {
      const merge = node - points;
      const density = distances[merge]! > 0 ? Math.min(1 / distances[merge]!, DUPLICATE_DENSITY) : DUPLICATE_DENSITY;
      const a = left[merge]!;
      const b = right[merge]!;
      const aLives = sizeOf(a) >= minClusterSize;
      const bLives = sizeOf(b) >= minClusterSize;
      if (aLives && bLives) {
        for (const child of [a, b]) {
          leave(cluster, density, sizeOf(child));
          const number = tree.parents.length;
          tree.parents.push(cluster);
          tree.births.push(density);
          tree.sizes.push(sizeOf(child));
          tree.deaths.push(0);
          tree.stabilities.push(0);
          tree.children.push([]);
          tree.children[cluster]!.push(number);
          queue.push({ node: child, cluster: number });
        }
        break;
      }
      if (!aLives) fallOut(a, cluster, density);
      if (!bLives) fallOut(b, cluster, density);
      if (!aLives && !bLives) break;
      node = aLives ? a : b;
    }
  }
  return tree;
}

/** Clusters such that no ancestor is more stable than its chosen descendants together. */
function excessOfMass(tree: CondensedTree, options: SelectionOptions): number[] {
  const count = tree.parents.length;
  const totals = tree.stabilities.slice();
  const chosen = new Array<boolean>(count).fill(false);
  const last = options.allowSingleCluster ? 0 : 1;
  for (let cluster = count - 1; cluster >= last; cluster--) {
    const below = tree.children[cluster]!.reduce((sum, child) => sum + totals[child]!, 0);
    if (below > totals[cluster]!) totals[cluster] = below;
    else chosen[cluster] = true;
  }
  const selected: number[] = [];
  const covered = new Array<boolean>(count).fill(false);
  for (let cluster = 0; cluster < count; cluster++) {
    covered[cluster] = cluster > 0 && covered[tree.parents[cluster]!]!;
    if (chosen[cluster] && !covered[cluster]) {
      selected.push(cluster);
      covered[cluster] = true;
    }
  }
  if (options.selectionEpsilon === 0 || (selected.length === 1 && selected[0] === 0)) return selected;
  return mergeUpwards(tree, selected, options);
}

function leaves(tree: CondensedTree, options: SelectionOptions): number[] {
  const selected: number[] = [];
  for (let cluster = 1; cluster < tree.parents.length; cluster++) {
    if (tree.children[cluster]!.length === 0) selected.push(cluster);
  }
  if (selected.length === 0) return options.allowSingleCluster ? [0] : [];
  return options.selectionEpsilon === 0 ? selected : mergeUpwards(tree, selected, options);
}

/** Replaces clusters born below epsilon by their nearest ancestor born above it (Malzer, Baum 2020). */
function mergeUpwards(tree: CondensedTree, selected: readonly number[], options: SelectionOptions): number[] {
  const bornAt = (cluster: number) => 1 / tree.births[cluster]!;
  const result = new Set<number>();
  for (const start of selected) {
    let cluster = start;
    while (bornAt(cluster) < options.selectionEpsilon) {
      const parent = tree.parents[cluster]!;
      if (parent === 0) {
        if (options.allowSingleCluster) cluster = 0;
        break;
      }
      cluster = parent;
    }
    result.add(cluster);
  }
  // A cluster below another one of the result has been merged into it.
  const isBelow = (cluster: number) => {
    for (let at = tree.parents[cluster]!; at >= 0; at = tree.parents[at]!) if (result.has(at)) return true;
    return false;
  };
  return [...result].filter((cluster) => !isBelow(cluster));
}

function label(
  tree: CondensedTree,
  selected: readonly number[],
  points: number,
  options: SelectionOptions,
): FlatClusters {
  const labelOfCluster = new Int32Array(tree.parents.length).fill(-1);
  const ordered = selected.slice().sort((a, b) => a - b);
  for (const [index, cluster] of ordered.entries()) labelOfCluster[cluster] = index;
  for (let cluster = 1; cluster < tree.parents.length; cluster++) {
    if (labelOfCluster[cluster] === -1) labelOfCluster[cluster] = labelOfCluster[tree.parents[cluster]!]!;
  }
  const labels = new Int32Array(points).fill(-1);
  const probabilities = new Float64Array(points);
  // A cluster of everything keeps only the points that stay as long as the root lives (or, with an epsilon, to it).
  const onlyRoot = ordered.length === 1 && ordered[0] === 0;
  const needed = !onlyRoot ? 0 : options.selectionEpsilon > 0 ? 1 / options.selectionEpsilon : tree.deaths[0]!;
  for (let point = 0; point < points; point++) {
    const index = labelOfCluster[tree.clusterOfPoint[point]!]!;
    const density = tree.densityOfPoint[point]!;
    if (index < 0 || density < needed) continue;
    labels[point] = index;
    const death = tree.deaths[ordered[index]!]!;
    probabilities[point] = death === 0 || density >= DUPLICATE_DENSITY ? 1 : Math.min(density, death) / death;
  }
  return { labels, probabilities, clusters: ordered.length };
}

/** Indices in ascending order of value, equal values in order of index: a radix sort of non-negative float64. */
function ascending(values: Float64Array): Uint32Array {
  const words = new Uint16Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));
  let order = Uint32Array.from({ length: values.length }, (_, i) => i);
  let next = new Uint32Array(values.length);
  for (let digit = 0; digit < 4; digit++) {
    const starts = new Uint32Array(65_537);
    for (let i = 0; i < values.length; i++) starts[words[i * 4 + digit]! + 1]!++;
    for (let value = 0; value < 65_536; value++) starts[value + 1]! += starts[value]!;
    for (const i of order) next[starts[words[i * 4 + digit]!]!++] = i;
    [order, next] = [next, order];
  }
  return order;
}
