/**
 * A binary tree of bounding balls (and boxes) over points, laid out for {@link NeighbourSearch}.
 *
 * In few dimensions nodes are halved at the median of their widest side, as in a k-d tree. In many dimensions a node is
 * cut between its two ends (a point far from the centroid and the point farthest from that one), wherever that falls:
 * balanced cuts would mix outliers into every dense leaf and so make every ball as wide as the data.
 */

/** What is wrong with the points handed in. */
export class PointsError extends Error {
  readonly code = 'bad-points';
  constructor(message: string) {
    super(message);
    this.name = 'PointsError';
  }
}

export interface PointTree {
  readonly count: number;
  readonly dimensions: number;
  /** Dimensions rounded up to a multiple of 4: the row length of `centres` and `halfWidths`. */
  readonly padded: number;
  readonly nodes: number;
  /** Slots hold the points in tree order; leaves start at multiples of 4, the gaps are padding. */
  readonly slots: number;
  /** Point in each slot, -1 = padding. [slots] */
  readonly pointOfSlot: Int32Array;
  /** [count] */
  readonly slotOfPoint: Int32Array;
  /** Right child, 0 = leaf; the left child of node i is i + 1. [nodes] */
  readonly rights: Int32Array;
  /** [nodes] */
  readonly starts: Int32Array;
  /** [nodes] */
  readonly ends: Int32Array;
  /** [nodes, padded], in the shifted and scaled frame of `blocks`. */
  readonly centres: Float32Array;
  /** Undefined above {@link BOX_DIMENSIONS}. [nodes, padded] */
  readonly halfWidths: Float32Array | undefined;
  /** [nodes] */
  readonly radii: Float32Array;
  /** (point - shift) * scale in float32, NaN in padding. [slots / 4, dimensions, 4] */
  readonly blocks: Float32Array;
  /** point * scale in float64. [slots, dimensions] */
  readonly rows: Float64Array;
  /** A power of two, so that scaling is exact: coordinates in `blocks` lie in [-1, 1]. */
  readonly scale: number;
  /** Bound on the rounding of a float32 distance: true >= float32 * relative - absolute. */
  readonly relative: number;
  readonly absolute: number;
}

/** Boxes bound better than balls up to here, measured on blobs; beyond it balls alone are cheaper and as tight. */
const BOX_DIMENSIONS = 8;
const LEAF_POINTS = 32;
/** A cut leaves at least this many points on either side, which bounds padding and node count. */
const MIN_SIDE = 8;
/** A node this many times wider than its median distance from the centre is cut around the middle, at the other figure. */
const SHELL_RATIO = 2.25;
const SHELL_CUT = 1.6;

/**
 * @param points [count, dimensions], row-major, finite.
 * @throws PointsError when the length is not a multiple of `dimensions` or a coordinate is not finite.
 */
export function buildPointTree(points: Float32Array | Float64Array, dimensions: number): PointTree {
  if (!Number.isInteger(dimensions) || dimensions < 1) {
    throw new PointsError(`dimensions must be a positive integer, not ${dimensions}`);
  }
  if (points.length % dimensions !== 0) {
    throw new PointsError(`${points.length} coordinates are not a whole number of points of ${dimensions} dimensions`);
  }
  const count = points.length / dimensions;
  const { shift, scale, absolute } = frameOf(points, dimensions, count);
  const local = new Float32Array(points.length);
  for (let i = 0, at = 0; i < count; i++) {
    for (let k = 0; k < dimensions; k++, at++) local[at] = (points[at]! - shift[k]!) * scale;
  }
  return new Builder(points, local, dimensions, count, scale, absolute).build();
}

function frameOf(points: Float32Array | Float64Array, dimensions: number, count: number) {
  const low = new Float64Array(dimensions).fill(Infinity);
  const high = new Float64Array(dimensions).fill(-Infinity);
  let largest = 0;
  for (let i = 0, at = 0; i < count; i++) {
    for (let k = 0; k < dimensions; k++, at++) {
      const value = points[at]!;
      if (!Number.isFinite(value)) {
        throw new PointsError(`point ${i} has the coordinate ${value} in dimension ${k}; remove it before clustering`);
      }
      if (value < low[k]!) low[k] = value;
      if (value > high[k]!) high[k] = value;
      if (Math.abs(value) > largest) largest = Math.abs(value);
    }
  }
  const shift = new Float64Array(dimensions);
  let half = 0;
  for (let k = 0; k < dimensions && count > 0; k++) {
    shift[k] = low[k]! / 2 + high[k]! / 2;
    half = Math.max(half, high[k]! / 2 - low[k]! / 2);
  }
  // Beyond these exponents squares leave float64; nobody's data is there.
  const exponent = half > 0 ? Math.min(500, Math.max(-500, Math.ceil(Math.log2(half)))) : 0;
  const scale = 2 ** -exponent;
  const coordinate = 2 ** -23 + 2 ** -51 * largest * scale;
  return { shift, scale, absolute: 2 * Math.sqrt(dimensions) * coordinate };
}

class Builder {
  readonly points: Float32Array | Float64Array;
  readonly local: Float32Array;
  readonly dimensions: number;
  readonly count: number;
  readonly scale: number;
  readonly absolute: number;
  readonly padded: number;
  readonly order: Int32Array;
  readonly projections: Float64Array;
  readonly rights: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly centres: Float32Array;
  readonly halfWidths: Float32Array | undefined;
  readonly radii: Float32Array;
  readonly pointOfSlot: Int32Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly maxDepth: number;
  nodes = 0;
  slots = 0;

  constructor(
    points: Float32Array | Float64Array,
    local: Float32Array,
    dimensions: number,
    count: number,
    scale: number,
    absolute: number,
  ) {
    this.points = points;
    this.local = local;
    this.dimensions = dimensions;
    this.count = count;
    this.scale = scale;
    this.absolute = absolute;
    this.padded = Math.ceil(dimensions / 4) * 4;
    const capacity = Math.max(1, 2 * Math.ceil(count / MIN_SIDE));
    this.order = Int32Array.from({ length: count }, (_, i) => i);
    this.projections = new Float64Array(count);
    this.rights = new Int32Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.centres = new Float32Array(capacity * this.padded);
    this.halfWidths = dimensions <= BOX_DIMENSIONS ? new Float32Array(capacity * this.padded) : undefined;
    this.radii = new Float32Array(capacity);
    this.pointOfSlot = new Int32Array(Math.ceil((count * (MIN_SIDE + 3)) / MIN_SIDE) + 4).fill(-1);
    this.low = new Float64Array(dimensions);
    this.high = new Float64Array(dimensions);
    this.maxDepth = 2 * Math.ceil(Math.log2(count + 1)) + 16;
  }

  build(): PointTree {
    this.#node(0, this.count, 0);
    const { count, dimensions, padded, nodes, slots, points, local, scale } = this;
    const pointOfSlot = this.pointOfSlot.slice(0, slots);
    const slotOfPoint = new Int32Array(count);
    const blocks = new Float32Array(slots * dimensions).fill(NaN);
    const rows = new Float64Array(slots * dimensions);
    for (let slot = 0; slot < slots; slot++) {
      const point = pointOfSlot[slot]!;
      if (point < 0) continue;
      slotOfPoint[point] = slot;
      const block = (slot >> 2) * 4 * dimensions + (slot & 3);
      for (let k = 0; k < dimensions; k++) {
        blocks[block + k * 4] = local[point * dimensions + k]!;
        rows[slot * dimensions + k] = points[point * dimensions + k]! * scale;
      }
    }
    return {
      ...{ count, dimensions, padded, nodes, slots, pointOfSlot, slotOfPoint, blocks, rows, scale },
      rights: this.rights.subarray(0, nodes),
      starts: this.starts.subarray(0, nodes),
      ends: this.ends.subarray(0, nodes),
      centres: this.centres.subarray(0, nodes * padded),
      halfWidths: this.halfWidths?.subarray(0, nodes * padded),
      radii: this.radii.subarray(0, nodes),
      relative: 1 - (dimensions + 8) * 2 ** -23,
      absolute: this.absolute,
    };
  }

  /** Builds the node of order[from, to) and everything below it. Depth is bounded by maxDepth + log2(count). */
  #node(from: number, to: number, depth: number): void {
    const node = this.nodes++;
    this.#bound(node, from, to);
    this.starts[node] = this.slots;
    if (to - from <= LEAF_POINTS) {
      for (let i = from; i < to; i++) this.pointOfSlot[this.slots++] = this.order[i]!;
      this.slots = (this.slots + 3) & ~3;
    } else {
      const middle = this.halfWidths === undefined ? this.#cutEnds(node, from, to, depth) : this.#cutWidest(from, to);
      this.#node(from, middle, depth + 1);
      this.rights[node] = this.nodes;
      this.#node(middle, to, depth + 1);
    }
    this.ends[node] = this.slots;
  }

  #bound(node: number, from: number, to: number): void {
    const { dimensions, local, order, low, high, centres, halfWidths } = this;
    const base = node * this.padded;
    low.fill(Infinity);
    high.fill(-Infinity);
    const sums = new Float64Array(dimensions);
    for (let i = from; i < to; i++) {
      const at = order[i]! * dimensions;
      for (let k = 0; k < dimensions; k++) {
        const value = local[at + k]!;
        sums[k]! += value;
        if (halfWidths === undefined) continue;
        if (value < low[k]!) low[k] = value;
        if (value > high[k]!) high[k] = value;
      }
    }
    for (let k = 0; k < dimensions && to > from; k++) {
      if (halfWidths === undefined) {
        centres[base + k] = sums[k]! / (to - from);
      } else {
        centres[base + k] = (low[k]! + high[k]!) / 2;
        halfWidths[base + k] = Math.max(high[k]! - centres[base + k]!, centres[base + k]! - low[k]!) * 1.000001;
      }
    }
    let farthest = 0;
    for (let i = from; i < to; i++) farthest = Math.max(farthest, this.#squared(order[i]!, centres, base));
    this.radii[node] = Math.sqrt(farthest) * 1.000001;
  }

  #squared(point: number, other: Float32Array, base: number): number {
    const { dimensions, local } = this;
    const at = point * dimensions;
    let sum = 0;
    for (let k = 0; k < dimensions; k++) {
      const difference = local[at + k]! - other[base + k]!;
      sum += difference * difference;
    }
    return sum;
  }

  #cutWidest(from: number, to: number): number {
    const { low, high, dimensions, local, order, projections } = this;
    let widest = 0;
    for (let k = 1; k < dimensions; k++) {
      if (high[k]! - low[k]! > high[widest]! - low[widest]!) widest = k;
    }
    for (let i = from; i < to; i++) projections[i] = local[order[i]! * dimensions + widest]!;
    const middle = (from + to) >> 1;
    this.#select(from, to, middle);
    return middle;
  }

  #cutEnds(node: number, from: number, to: number, depth: number): number {
    const { dimensions, local, order, projections, centres, padded } = this;
    if (depth <= this.maxDepth) {
      const shell = this.#cutShell(node, from, to);
      if (shell > 0) return shell;
    }
    const first = this.#farthest(from, to, centres, node * padded);
    const second = this.#farthest(from, to, local, first * dimensions);
    const a = first * dimensions;
    const b = second * dimensions;
    let cut = 0;
    for (let k = 0; k < dimensions; k++) cut += (local[a + k]! + local[b + k]!) * (local[b + k]! - local[a + k]!);
    cut /= 2;
    let below = 0;
    for (let i = from; i < to; i++) {
      const at = order[i]! * dimensions;
      let sum = 0;
      for (let k = 0; k < dimensions; k++) sum += local[at + k]! * (local[b + k]! - local[a + k]!);
      projections[i] = sum;
      if (sum < cut) below++;
    }
    const wanted = depth > this.maxDepth ? (to - from) >> 1 : below;
    const middle = Math.min(to - MIN_SIDE, Math.max(from + MIN_SIDE, from + wanted));
    this.#select(from, to, middle);
    return middle;
  }

  /** Separates scattered points around a dense middle from it in one cut; 0 when the node is no such thing. */
  #cutShell(node: number, from: number, to: number): number {
    const { order, projections, centres, padded } = this;
    for (let i = from; i < to; i++) projections[i] = this.#squared(order[i]!, centres, node * padded);
    const middle = (from + to) >> 1;
    this.#select(from, to, middle);
    const median = Math.sqrt(projections[middle]!);
    if (this.radii[node]! <= SHELL_RATIO * median) return 0;
    const cut = (SHELL_CUT * median) ** 2;
    let inside = 0;
    for (let i = from; i < to; i++) if (projections[i]! <= cut) inside++;
    if (to - from - inside < MIN_SIDE) return 0;
    this.#select(from, to, from + inside);
    return from + inside;
  }

  #farthest(from: number, to: number, other: Float32Array, base: number): number {
    let best = this.order[from]!;
    let distance = -1;
    for (let i = from; i < to; i++) {
      const squared = this.#squared(this.order[i]!, other, base);
      if (squared > distance) {
        distance = squared;
        best = this.order[i]!;
      }
    }
    return best;
  }

  /** Reorders [from, to) so that projections left of `middle` are <= those right of it (Hoare's selection). */
  #select(from: number, to: number, middle: number): void {
    const { order, projections } = this;
    let low = from;
    let high = to - 1;
    while (low < high) {
      const pivot = projections[(low + high) >> 1]!;
      let i = low;
      let j = high;
      while (i <= j) {
        while (projections[i]! < pivot) i++;
        while (projections[j]! > pivot) j--;
        if (i > j) break;
        const value = projections[i]!;
        projections[i] = projections[j]!;
        projections[j] = value;
        const point = order[i]!;
        order[i++] = order[j]!;
        order[j--] = point;
      }
      if (middle <= j) high = j;
      else if (middle >= i) low = i;
      else return;
    }
  }
}
