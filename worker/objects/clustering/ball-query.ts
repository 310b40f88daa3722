/** Points within a distance, exact in float64, for clusterings whose cost is not in the searches. */
import type { PointTree } from '../../kernels/index.ts';
import { buildPointTree } from '../../kernels/index.ts';

export class BallQuery {
  readonly points: Float64Array;
  readonly dimensions: number;
  readonly count: number;
  readonly #tree: PointTree;
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  readonly #stack: number[] = [];

  /** @param points [points, dimensions]. @throws PointsError */
  constructor(points: Float32Array | Float64Array, dimensions: number) {
    this.#tree = buildPointTree(points, dimensions);
    this.points = Float64Array.from(points);
    this.dimensions = dimensions;
    this.count = this.#tree.count;
    this.#low = new Float64Array(this.#tree.nodes * dimensions).fill(Infinity);
    this.#high = new Float64Array(this.#tree.nodes * dimensions).fill(-Infinity);
    this.#boxes();
  }

  /**
   * Writes the points with squared distance <= `radiusSquared` of `centre` to `found`, in no particular order.
   * @param centre [dimensions] at `offset`. @param found at least `count` long.
   * @returns how many.
   */
  within(centre: Float64Array, offset: number, radiusSquared: number, found: Int32Array): number {
    const { rights, starts, ends, pointOfSlot } = this.#tree;
    const stack = this.#stack;
    let count = 0;
    stack.push(0);
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (this.#boxDistance(node, centre, offset) > radiusSquared) continue;
      const right = rights[node]!;
      if (right !== 0) {
        stack.push(right, node + 1);
        continue;
      }
      for (let slot = starts[node]!; slot < ends[node]!; slot++) {
        const point = pointOfSlot[slot]!;
        if (point >= 0 && this.#squared(point, centre, offset) <= radiusSquared) found[count++] = point;
      }
    }
    return count;
  }

  #squared(point: number, centre: Float64Array, offset: number): number {
    let sum = 0;
    for (let k = 0, at = point * this.dimensions; k < this.dimensions; k++, at++) {
      const difference = this.points[at]! - centre[offset + k]!;
      sum += difference * difference;
    }
    return sum;
  }

  /** Never above the distance of a point inside: each term and each rounding is monotonous in the difference. */
  #boxDistance(node: number, centre: Float64Array, offset: number): number {
    let sum = 0;
    for (let k = 0, at = node * this.dimensions; k < this.dimensions; k++, at++) {
      const value = centre[offset + k]!;
      const outside = Math.max(this.#low[at]! - value, value - this.#high[at]!, 0);
      sum += outside * outside;
    }
    return sum;
  }

  #boxes(): void {
    const { dimensions } = this;
    const { nodes, rights, starts, ends, pointOfSlot } = this.#tree;
    for (let node = nodes - 1; node >= 0; node--) {
      const base = node * dimensions;
      const include = (low: Float64Array, high: Float64Array, from: number) => {
        for (let k = 0; k < dimensions; k++) {
          this.#low[base + k] = Math.min(this.#low[base + k]!, low[from + k]!);
          this.#high[base + k] = Math.max(this.#high[base + k]!, high[from + k]!);
        }
      };
      if (rights[node] !== 0) {
        include(this.#low, this.#high, base + dimensions);
        include(this.#low, this.#high, rights[node]! * dimensions);
        continue;
      }
      for (let slot = starts[node]!; slot < ends[node]!; slot++) {
        const point = pointOfSlot[slot]!;
        if (point >= 0) include(this.points, this.points, point * dimensions);
      }
    }
  }
}
