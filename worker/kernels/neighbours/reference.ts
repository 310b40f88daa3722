/** The definition of the searches, in plain float64 over all pairs. */

export function distance(points: ArrayLike<number>, dimensions: number, a: number, b: number): number {
  let sum = 0;
  for (let k = 0; k < dimensions; k++) {
    const difference = points[a * dimensions + k]! - points[b * dimensions + k]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}

/** Distances from `point` to all other points, ascending. */
export function nearestDistances(points: ArrayLike<number>, dimensions: number, point: number): Float64Array {
  const count = points.length / dimensions;
  const distances = new Float64Array(count - 1);
  for (let other = 0, at = 0; other < count; other++) {
    if (other !== point) distances[at++] = distance(points, dimensions, point, other);
  }
  return distances.sort();
}

/** The least max(core, core, distance) from `point` to a point of another component; Infinity when there is none. */
export function leastReachabilityOutside(
  points: ArrayLike<number>,
  dimensions: number,
  core: ArrayLike<number>,
  components: ArrayLike<number>,
  point: number,
): number {
  let least = Infinity;
  for (let other = 0; other < points.length / dimensions; other++) {
    if (components[other] === components[point]) continue;
    least = Math.min(least, Math.max(core[point]!, core[other]!, distance(points, dimensions, point, other)));
  }
  return least;
}
