/** The definition of the spanning tree, by Prim over all pairs; for tests and for `bench cluster`. */

/** Total weight of a minimum spanning tree under mutual reachability; memory linear, time quadratic. */
export function referenceTreeWeight(points: Float64Array, dimensions: number, minSamples: number): number {
  const count = points.length / dimensions;
  const distance = (a: number, b: number) => {
    let sum = 0;
    for (let k = 0; k < dimensions; k++) {
      const difference = points[a * dimensions + k]! - points[b * dimensions + k]!;
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  };
  const core = new Float64Array(count);
  const distances = new Float64Array(count);
  for (let point = 0; point < count; point++) {
    for (let other = 0; other < count; other++) distances[other] = distance(point, other);
    distances[point] = -1;
    core[point] = distances.sort()[minSamples]!;
  }
  const best = new Float64Array(count).fill(Infinity);
  const isDone = new Uint8Array(count);
  let total = 0;
  let current = 0;
  for (let edges = 1; edges < count; edges++) {
    isDone[current] = 1;
    let next = -1;
    for (let other = 0; other < count; other++) {
      if (isDone[other] === 1) continue;
      const weight = Math.max(core[current]!, core[other]!, distance(current, other));
      if (weight < best[other]!) best[other] = weight;
      if (next < 0 || best[other]! < best[next]!) next = other;
    }
    total += best[next]!;
    current = next;
  }
  return total;
}
