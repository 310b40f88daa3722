/** Exact nearest-neighbour searches over a {@link PointTree}, on the wasm thread pool. */
import type { DeviceBuffer, WasmBackend } from '../../compute/index.ts';
import type { PointTree } from './tree.ts';

/** Layout constants shared with kernel.as.ts. */
const MAX_LEAF = 64;
const STACK = 256;
const GROUP = 64;
/** Leaves per dispatch. Functions are optimised while they run but entered anew only by the next dispatch. */
const LEAVES_PER_DISPATCH = 128;

export interface NearestLists {
  /** Entries per slot: min(keep, points - 1). */
  readonly keep: number;
  /** Slots of the nearest other points, ascending by distance. [slots, keep] */
  readonly slots: Int32Array<ArrayBufferLike>;
  /** In the scaled frame of the tree. [slots, keep] */
  readonly distances: Float64Array<ArrayBufferLike>;
}

/** Views into the shared memory, valid until {@link NeighbourSearch.dispose}; all weights are in the scaled frame of the tree. */
export interface OutsideViews {
  /** Component of the point in each slot; -1 in padding. [slots] */
  readonly components: Int32Array<ArrayBufferLike>;
  /** The component that all points of the node share, or -1. [nodes] */
  readonly nodeComponents: Int32Array<ArrayBufferLike>;
  /** Slots to ask for, filled from the front. [slots] */
  readonly queries: Int32Array<ArrayBufferLike>;
  /** Per component: only edges below it are wanted. [slots] */
  readonly bounds: Float64Array<ArrayBufferLike>;
  /** Answer: weight of the best edge, or the bound. [slots] */
  readonly weights: Float64Array<ArrayBufferLike>;
  /** Answer: the other end, or -1. [slots] */
  readonly targets: Int32Array<ArrayBufferLike>;
}

export class NeighbourSearch {
  readonly tree: PointTree;
  readonly #backend: WasmBackend;
  readonly #buffers: DeviceBuffer[] = [];
  readonly #scratchBytes: number;
  readonly #heapSize: number;
  readonly #keep: number;
  readonly #rank: number;
  readonly #tree: DeviceBuffer;
  readonly #scratch: DeviceBuffer;
  readonly #counter: DeviceBuffer;
  readonly #lists: DeviceBuffer;
  readonly #listDistances: DeviceBuffer;
  readonly #core: DeviceBuffer;
  readonly #outside: Record<keyof OutsideViews, DeviceBuffer>;
  readonly #nodeMinCore: DeviceBuffer;
  readonly #groups: DeviceBuffer;
  readonly #leaves: DeviceBuffer;
  readonly #leafOfSlot: Int32Array;

  /**
   * @param rank the core distance is that to the rank-th other point, 1 <= rank <= points - 1.
   * @param keep neighbours remembered per point, at most points - 1.
   * @throws OutOfMemoryError when the backend's budget does not hold about points x (12 dimensions + 12 keep + 60) bytes.
   */
  constructor(backend: WasmBackend, tree: PointTree, rank: number, keep: number) {
    if (!(rank >= 1 && rank < tree.count && keep >= 1 && keep < tree.count)) {
      throw new RangeError(`rank ${rank} and keep ${keep} must lie in 1..${tree.count - 1}, the other points`);
    }
    this.tree = tree;
    this.#backend = backend;
    this.#rank = rank;
    this.#keep = keep;
    this.#heapSize = Math.max(rank, keep);
    const { slots, nodes } = tree;
    try {
      const perQuery = tree.padded * 4 + 20 + this.#heapSize * 12;
      this.#scratchBytes = Math.ceil((tree.padded * 4 + MAX_LEAF * 4 + STACK * 8 + GROUP * perQuery) / 64) * 64;
      this.#scratch = this.#create('neighbour scratch', this.#scratchBytes * backend.threads);
      this.#counter = this.#create('neighbour work counter', 64);
      this.#lists = this.#create('nearest lists', slots * keep * 4);
      this.#listDistances = this.#create('nearest distances', slots * keep * 8);
      this.#core = this.#create('core distances', slots * 8);
      this.#nodeMinCore = this.#create('core distances of nodes', nodes * 8);
      this.#outside = {
        components: this.#create('components', slots * 4),
        nodeComponents: this.#create('components of nodes', nodes * 4),
        queries: this.#create('queries', slots * 4),
        bounds: this.#create('component bounds', slots * 8),
        weights: this.#create('edge weights', slots * 8),
        targets: this.#create('edge targets', slots * 4),
      };
      this.#leafOfSlot = new Int32Array(slots);
      const leaves: number[] = [];
      for (let node = 0; node < nodes; node++) {
        if (tree.rights[node] !== 0) continue;
        leaves.push(node);
        this.#leafOfSlot.fill(node, tree.starts[node], tree.ends[node]);
      }
      this.#leaves = this.#create('leaves', leaves.length * 4);
      backend.write(this.#leaves, Int32Array.from(leaves));
      this.#groups = this.#create('query groups', slots * 12);
      this.#tree = this.#upload();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Finds the lists and core distances of all points.
   * @param pause awaited between dispatches of some tens of milliseconds; throws to stop.
   */
  async nearest(pause: () => Promise<void> | void = () => {}): Promise<NearestLists> {
    const { relative, absolute } = this.tree;
    const at = (buffer: DeviceBuffer) => this.#backend.address(buffer);
    const leaves = this.#leaves.sizeBytes / 4;
    for (let begin = 0; begin < leaves; begin += LEAVES_PER_DISPATCH) {
      await pause();
      this.#backend.integers(this.#counter)[0] = begin;
      this.#backend.dispatch(
        'neighbours.nearest',
        ...[at(this.#tree), at(this.#scratch), this.#scratchBytes, at(this.#counter), at(this.#leaves)],
        ...[Math.min(leaves, begin + LEAVES_PER_DISPATCH), this.#heapSize, this.#rank, this.#keep, relative, absolute],
        ...[at(this.#lists), at(this.#listDistances), at(this.#core)],
      );
    }
    return {
      keep: this.#keep,
      slots: this.#backend.integers(this.#lists),
      distances: doubles(this.#backend, this.#listDistances),
    };
  }

  /** Core distance per slot, after {@link nearest}; infinite in padding. Also fills the nodes' least core distances. */
  core(): Float64Array<ArrayBufferLike> {
    const { tree } = this;
    const core = doubles(this.#backend, this.#core);
    for (let slot = 0; slot < tree.slots; slot++) if (tree.pointOfSlot[slot]! < 0) core[slot] = Infinity;
    const least = doubles(this.#backend, this.#nodeMinCore);
    for (let node = tree.nodes - 1; node >= 0; node--) {
      const right = tree.rights[node]!;
      if (right !== 0) {
        least[node] = Math.min(least[node + 1]!, least[right]!);
        continue;
      }
      let minimum = Infinity;
      for (let slot = tree.starts[node]!; slot < tree.ends[node]!; slot++) minimum = Math.min(minimum, core[slot]!);
      least[node] = minimum;
    }
    return core;
  }

  outside(): OutsideViews {
    const { components, nodeComponents, queries, bounds, weights, targets } = this.#outside;
    return {
      components: this.#backend.integers(components),
      nodeComponents: this.#backend.integers(nodeComponents),
      queries: this.#backend.integers(queries),
      bounds: doubles(this.#backend, bounds),
      weights: doubles(this.#backend, weights),
      targets: this.#backend.integers(targets),
    };
  }

  /**
   * Answers the first `count` queries of {@link outside}, which are fastest in ascending order. The result does not
   * depend on the number of threads.
   */
  nearestOutside(count: number): void {
    const { relative, absolute } = this.tree;
    const at = (buffer: DeviceBuffer) => this.#backend.address(buffer);
    const { components, nodeComponents, queries, bounds, weights, targets } = this.#outside;
    const slots = this.#backend.integers(queries);
    const groups = this.#backend.integers(this.#groups);
    let groupCount = 0;
    for (let i = 0; i < count; groupCount++) {
      const leaf = this.#leafOfSlot[slots[i]!]!;
      let end = i + 1;
      while (end < count && end - i < GROUP && this.#leafOfSlot[slots[end]!] === leaf) end++;
      groups.set([i, end - i, leaf], groupCount * 3);
      i = end;
    }
    this.#backend.integers(this.#counter)[0] = 0;
    this.#backend.dispatch(
      'neighbours.nearestOutside',
      ...[at(this.#tree), at(this.#scratch), this.#scratchBytes, at(this.#counter), at(this.#groups), groupCount],
      ...[at(queries), relative, absolute, at(components), at(nodeComponents), at(this.#core)],
      ...[at(this.#nodeMinCore), at(bounds), at(weights), at(targets)],
    );
  }

  dispose(): void {
    for (const buffer of this.#buffers.splice(0)) this.#backend.destroyBuffer(buffer);
  }

  #create(label: string, sizeBytes: number): DeviceBuffer {
    const buffer = this.#backend.createBuffer(label, sizeBytes);
    this.#buffers.push(buffer);
    return buffer;
  }

  #upload(): DeviceBuffer {
    const { tree } = this;
    const place = (label: string, data: ArrayBufferView) => {
      const buffer = this.#create(label, data.byteLength);
      this.#backend.write(buffer, data);
      return this.#backend.address(buffer);
    };
    const words = [
      ...[tree.dimensions, tree.padded, tree.nodes, place('tree children', tree.rights)],
      ...[place('tree starts', tree.starts), place('tree ends', tree.ends), place('tree centres', tree.centres)],
      ...[tree.halfWidths === undefined ? 0 : place('tree boxes', tree.halfWidths), place('tree radii', tree.radii)],
      ...[place('points, float32', tree.blocks), place('points, float64', tree.rows)],
      place('points of slots', tree.pointOfSlot),
    ];
    const buffer = this.#create('tree', words.length * 4);
    this.#backend.write(buffer, Uint32Array.from(words));
    return buffer;
  }
}

function doubles(backend: WasmBackend, buffer: DeviceBuffer): Float64Array<ArrayBufferLike> {
  const bytes = backend.bytes(buffer);
  return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 3);
}
