/**
 * Exact minimum spanning tree under mutual reachability, by Boruvka rounds over nearest-neighbour searches.
 *
 * Most edges come from the k nearest neighbours of each point, found once: when a neighbour outside the component
 * reaches the lower bound max(core, distance to the k-th neighbour), no other point can do better. Only the rest are
 * searched for, bounded by the best edge their component already has; what a search found, or could not find,
 * stays a lower bound for the later rounds because components only grow.
 * (Campello, Moulavi, Sander 2013 for mutual reachability; March, Ram, Gray 2010 for Boruvka over trees.)
 */
import type { WasmBackend } from '../../compute/index.ts';
import { buildPointTree, type NearestLists, NeighbourSearch, type OutsideViews } from '../../kernels/index.ts';

/** Edges of a spanning tree, in no particular order. */
export interface SpanningTree {
  /** [points - 1] */
  readonly from: Int32Array;
  /** [points - 1] */
  readonly to: Int32Array;
  /** Mutual reachability of the two ends. [points - 1] */
  readonly weights: Float64Array;
}

/** How much work the searches were, for benchmarks. */
export interface SpanningTreeCost {
  treeMs: number;
  nearestMs: number;
  roundsMs: number;
  rounds: number;
  searches: number;
}

export interface SpanningTreeOptions {
  /** Core distance = distance to the minSamples-th other point. */
  readonly minSamples: number;
  readonly signal?: AbortSignal;
  readonly cost?: SpanningTreeCost;
}

/** Neighbours remembered per point: enough that few components need a search, few enough to stay small. */
const LIST_LENGTH = 12;
/** Searches per component before its bound is tightened, round by round; fixed, so that no result depends on threads. */
const BATCHES = [1, 16, 256, Infinity];

/**
 * @param points [points, dimensions], at least two points and more than minSamples.
 * @throws PointsError for coordinates that are not finite; the signal's reason when it aborts.
 */
export async function mutualReachabilityTree(
  backend: WasmBackend,
  points: Float32Array | Float64Array,
  dimensions: number,
  options: SpanningTreeOptions,
): Promise<SpanningTree> {
  const begin = performance.now();
  const tree = buildPointTree(points, dimensions);
  const built = performance.now();
  await breathe(options.signal);
  const keep = Math.min(tree.count - 1, LIST_LENGTH);
  const search = new NeighbourSearch(backend, tree, options.minSamples, keep);
  try {
    const lists = await search.nearest(() => breathe(options.signal));
    const found = performance.now();
    await breathe(options.signal);
    const rounds = new Rounds(search, lists);
    while (rounds.components > 1) {
      rounds.run();
      await breathe(options.signal);
    }
    if (options.cost !== undefined) {
      options.cost.treeMs = built - begin;
      options.cost.nearestMs = found - built;
      options.cost.roundsMs = performance.now() - found;
      options.cost.rounds = rounds.rounds;
      options.cost.searches = rounds.searches;
    }
    return rounds.result();
  } finally {
    search.dispose();
  }
}

/** Lets an abort arrive between dispatches, which block the thread. */
async function breathe(signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return;
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}

class Rounds {
  components: number;
  rounds = 0;
  searches = 0;
  readonly #search: NeighbourSearch;
  readonly #lists: NearestLists;
  readonly #core: Float64Array<ArrayBufferLike>;
  readonly #parents: Int32Array;
  /** No edge out of the component is lighter than this. [slots] */
  readonly #lower: Float64Array;
  /** The lightest edge known, and whether it meets the lower bound. [slots] */
  readonly #targets: Int32Array;
  readonly #weights: Float64Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #edgeWeights: Float64Array;
  #edges = 0;

  constructor(search: NeighbourSearch, lists: NearestLists) {
    const { slots, count } = search.tree;
    this.#search = search;
    this.#lists = lists;
    this.#core = search.core();
    this.components = count;
    this.#parents = Int32Array.from({ length: slots }, (_, slot) => slot);
    this.#targets = new Int32Array(slots).fill(-1);
    this.#weights = new Float64Array(slots).fill(Infinity);
    this.#lower = new Float64Array(slots);
    this.#from = new Int32Array(count - 1);
    this.#to = new Int32Array(count - 1);
    this.#edgeWeights = new Float64Array(count - 1);
    const { keep } = lists;
    for (let slot = 0; slot < slots; slot++) {
      const farthest = keep === count - 1 ? Infinity : lists.distances[slot * keep + keep - 1]!;
      this.#lower[slot] = Math.max(this.#core[slot]!, farthest);
    }
  }

  run(): void {
    this.rounds++;
    const { tree } = this.#search;
    const views = this.#search.outside();
    const largest = this.#label(views.components, views.nodeComponents);
    const { bounds, components } = views;
    bounds.fill(Infinity, 0, this.components);
    const bestSlots = new Int32Array(this.components).fill(-1);
    for (let slot = 0; slot < tree.slots; slot++) {
      const component = components[slot]!;
      if (component < 0 || component === largest) continue;
      this.#offer(slot, components);
      if (this.#weights[slot]! < bounds[component]!) {
        bounds[component] = this.#weights[slot]!;
        bestSlots[component] = slot;
      }
    }
    this.#searchRest(views, largest, bestSlots);
    for (let component = 0; component < bestSlots.length; component++) {
      const slot = bestSlots[component]!;
      if (slot >= 0) this.#join(slot, this.#targets[slot]!, bounds[component]!);
    }
  }

  result(): SpanningTree {
    const { scale } = this.#search.tree;
    return { from: this.#from, to: this.#to, weights: this.#edgeWeights.map((weight) => weight / scale) };
  }

  /** Numbers the components in slot order; the index of the largest one, which need not choose: the others come to it. */
  #label(components: Int32Array<ArrayBufferLike>, nodeComponents: Int32Array<ArrayBufferLike>): number {
    const { tree } = this.#search;
    const numbers = new Int32Array(tree.slots).fill(-1);
    const sizes = new Int32Array(this.components);
    let next = 0;
    for (let slot = 0; slot < tree.slots; slot++) {
      if (tree.pointOfSlot[slot]! < 0) {
        components[slot] = -1;
        continue;
      }
      const root = this.#root(slot);
      if (numbers[root]! < 0) numbers[root] = next++;
      components[slot] = numbers[root]!;
      sizes[numbers[root]!]!++;
    }
    for (let node = tree.nodes - 1; node >= 0; node--) {
      const right = tree.rights[node]!;
      if (right !== 0) {
        nodeComponents[node] = nodeComponents[node + 1] === nodeComponents[right] ? nodeComponents[right]! : -1;
        continue;
      }
      const first = components[tree.starts[node]!]!;
      let same = first;
      for (let slot = tree.starts[node]!; slot < tree.ends[node]!; slot++) {
        if (components[slot]! >= 0 && components[slot] !== first) same = -1;
      }
      nodeComponents[node] = same;
    }
    let largest = 0;
    for (let component = 1; component < next; component++) {
      if (sizes[component]! > sizes[largest]!) largest = component;
    }
    return largest;
  }

  /** Sets the lightest known edge of a slot out of its component: the last one found, or one from its list. */
  #offer(slot: number, components: Int32Array<ArrayBufferLike>): void {
    const component = components[slot]!;
    const target = this.#targets[slot]!;
    if (target >= 0 && this.#weights[slot]! <= this.#lower[slot]! && components[target] !== component) return;
    const { keep, slots, distances } = this.#lists;
    const core = this.#core[slot]!;
    let best = Infinity;
    let bestSlot = -1;
    for (let i = slot * keep; i < (slot + 1) * keep && distances[i]! < best; i++) {
      const other = slots[i]!;
      if (components[other] === component) continue;
      const weight = Math.max(core, this.#core[other]!, distances[i]!);
      if (weight >= best) continue;
      best = weight;
      bestSlot = other;
    }
    // A search of an earlier round may have found something lighter than the list holds.
    if (target >= 0 && components[target] !== component && this.#weights[slot]! <= best) return;
    this.#weights[slot] = best;
    this.#targets[slot] = bestSlot;
  }

  #searchRest(views: OutsideViews, largest: number, bestSlots: Int32Array): void {
    const { bounds, components, queries, weights, targets } = views;
    let pending = new Int32Array(components.length);
    let left = 0;
    for (let slot = 0; slot < components.length; slot++) {
      const component = components[slot]!;
      if (component >= 0 && component !== largest && this.#lower[slot]! < bounds[component]!) pending[left++] = slot;
    }
    for (const batch of BATCHES) {
      if (left === 0) break;
      const taken = new Int32Array(this.components);
      const later = new Int32Array(left);
      let count = 0;
      let kept = 0;
      for (let i = 0; i < left; i++) {
        const slot = pending[i]!;
        const component = components[slot]!;
        if (this.#lower[slot]! >= bounds[component]!) continue;
        if (taken[component]!++ < batch) queries[count++] = slot;
        else later[kept++] = slot;
      }
      if (count > 0) this.#search.nearestOutside(count);
      this.searches += count;
      for (let i = 0; i < count; i++) {
        const slot = queries[i]!;
        const component = components[slot]!;
        this.#lower[slot] = weights[slot]!;
        if (targets[slot]! < 0) continue;
        this.#weights[slot] = weights[slot]!;
        this.#targets[slot] = targets[slot]!;
        if (weights[slot]! < bounds[component]!) {
          bounds[component] = weights[slot]!;
          bestSlots[component] = slot;
        }
      }
      pending = later;
      left = kept;
    }
  }

  /**
   * Whatever the ties, an edge that still joins two components belongs to some minimum spanning tree together with
   * those joined before it: along a path of chosen edges away from a component, the components' lightest edges only
   * get heavier.
   */
  #join(slot: number, target: number, weight: number): void {
    const a = this.#root(slot);
    const b = this.#root(target);
    if (a === b) return;
    this.#parents[Math.max(a, b)] = Math.min(a, b);
    const { pointOfSlot } = this.#search.tree;
    this.#from[this.#edges] = pointOfSlot[slot]!;
    this.#to[this.#edges] = pointOfSlot[target]!;
    this.#edgeWeights[this.#edges++] = weight;
    this.components--;
  }

  #root(slot: number): number {
    const parents = this.#parents;
    let root = slot;
    while (parents[root] !== root) {
      parents[root] = parents[parents[root]!]!;
      root = parents[root]!;
    }
    return root;
  }
}
