/**
 * Which nodes of a merge tree are segments. As in HDBSCAN (Campello et al. 2013) the tree is condensed first: a region that
 * takes in pieces below the minimum size stays the same region; one is born where two regions of at least that size join, or
 * where a region first reaches it. A region's stability is log(distance at which it joins another / distance at which it was
 * born), and it does not depend on the units of the distances.
 */
import type { MergeTree } from './merge-tree.ts';

export interface Candidate {
  /** The largest tree node of this region, all it has taken in included. */
  readonly node: number;
  readonly area: number;
  readonly birth: number;
  readonly death: number;
  /** Candidates inside it; none or at least two. */
  readonly children: readonly Candidate[];
}

export interface SelectionOptions {
  readonly minPixels: number;
  /** A region larger than this is no segment unless nothing in it is. */
  readonly maxPixels: number;
  /**
   * Only the distances between these two count. Below the first everything is one surface with its texture, above the
   * second everything is different things: what happens there says nothing about segments.
   */
  readonly distances: readonly [number, number];
}

/** The condensed tree's root, or undefined when the whole image is below the minimum size. */
export function condense(tree: MergeTree, minPixels: number): Candidate | undefined {
  const { left, right, height, area, leaves, parent } = tree;
  const candidateOf: (Candidate | undefined)[] = new Array(parent.length);
  // Children come before parents, so one pass upwards sees both finished.
  for (let node = 0; node < parent.length; node++) {
    if (area[node]! < minPixels) continue;
    const above = parent[node]!;
    const death = above === -1 ? Number.POSITIVE_INFINITY : height[above]!;
    const inside =
      node < leaves ? [] : [candidateOf[left[node]!], candidateOf[right[node]!]].filter((child) => child !== undefined);
    const only = inside.length === 1 ? inside[0] : undefined;
    candidateOf[node] =
      only === undefined
        ? { node, area: area[node]!, birth: height[node]!, death, children: inside }
        : { ...only, node, area: area[node]!, death };
  }
  return candidateOf[parent.length - 1];
}

/** log(death / birth), both held within the distances that count; the root, which joins nothing, has none. */
export function stabilityOf({ birth, death }: Candidate, [low, high]: SelectionOptions['distances']): number {
  if (!Number.isFinite(death)) return 0;
  return Math.log(Math.min(high, Math.max(low, death)) / Math.min(high, Math.max(low, birth)));
}

/** The set of disjoint regions with the largest sum of area x stability. */
export function selectDisjoint(root: Candidate, options: SelectionOptions): Candidate[] {
  const best = (candidate: Candidate): { value: number; chosen: Candidate[] } => {
    const parts = candidate.children.map(best);
    const ofParts = parts.reduce((sum, { value }) => sum + value, 0);
    const whole = candidate.area <= options.maxPixels ? candidate.area * stabilityOf(candidate, options.distances) : 0;
    if (parts.length > 0 && ofParts > whole) return { value: ofParts, chosen: parts.flatMap(({ chosen }) => chosen) };
    return { value: whole, chosen: [candidate] };
  };
  return best(root).chosen;
}

/** Every region at least this stable, wholes and their parts, the largest first. */
export function selectNested(root: Candidate, options: SelectionOptions, minStability: number): Candidate[] {
  const chosen: Candidate[] = [];
  const visit = (candidate: Candidate): void => {
    const stable = stabilityOf(candidate, options.distances) >= minStability;
    if (stable && candidate.area <= options.maxPixels) chosen.push(candidate);
    for (const child of candidate.children) visit(child);
  };
  visit(root);
  return chosen.sort((a, b) => b.area - a.area || a.node - b.node);
}

/** Calls `visit` for every leaf (fine region) under a node. */
export function forEachLeaf(tree: MergeTree, node: number, visit: (leaf: number) => void): void {
  const stack = [node];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (at < tree.leaves) visit(at);
    else stack.push(tree.left[at]!, tree.right[at]!);
  }
}
