/** DBSCAN (Ester, Kriegel, Sander, Xu 1996). */
import { BallQuery } from './ball-query.ts';

export interface DbscanOptions {
  /** Neighbours lie within this distance, inclusive. */
  readonly epsilon: number;
  /** A core point has this many neighbours, itself included. */
  readonly minSamples: number;
}

/**
 * Clusters are numbered by their first core point in index order; a border point joins the first cluster that reaches
 * it. Memory is linear in the number of points: neighbourhoods are searched twice rather than stored.
 * @param points [points, dimensions]
 * @returns labels, −1 = noise. [points]
 * @throws PointsError, RangeError
 */
export function dbscan(points: Float32Array | Float64Array, dimensions: number, options: DbscanOptions): Int32Array {
  const { epsilon, minSamples } = options;
  if (!(epsilon >= 0)) throw new RangeError(`epsilon must be a distance of at least 0, not ${epsilon}`);
  if (!Number.isInteger(minSamples) || minSamples < 1) {
    throw new RangeError(`minSamples must be a positive integer, not ${minSamples}`);
  }
  const query = new BallQuery(points, dimensions);
  const { count } = query;
  const labels = new Int32Array(count).fill(-1);
  const isCore = new Uint8Array(count);
  const found = new Int32Array(count);
  const squared = epsilon * epsilon;
  for (let point = 0; point < count; point++) {
    isCore[point] = query.within(query.points, point * dimensions, squared, found) >= minSamples ? 1 : 0;
  }
  const stack = new Int32Array(count);
  let clusters = 0;
  for (let seed = 0; seed < count; seed++) {
    if (isCore[seed] === 0 || labels[seed] !== -1) continue;
    const cluster = clusters++;
    let top = 0;
    labels[seed] = cluster;
    stack[top++] = seed;
    while (top > 0) {
      const point = stack[--top]!;
      const neighbours = query.within(query.points, point * dimensions, squared, found);
      for (let i = 0; i < neighbours; i++) {
        const other = found[i]!;
        if (labels[other] !== -1) continue;
        labels[other] = cluster;
        if (isCore[other] === 1) stack[top++] = other;
      }
    }
  }
  return labels;
}
