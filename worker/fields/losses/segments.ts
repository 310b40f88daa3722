/** What the losses share: a batch of pixels of one image, grouped by the segment they lie in. */
export interface Pixels {
  /** [count, dimensions] */
  readonly features: ArrayLike<number>;
  /** [count] segment of each */
  readonly labels: ArrayLike<number>;
}

export interface Loss {
  readonly value: number;
  /** Of `value` by the features, [count, dimensions]. */
  readonly gradient: Float64Array;
}

export interface SegmentMeans {
  /** Position of a segment among the means. */
  readonly indexOf: ReadonlyMap<number, number>;
  /** [segments, dimensions] */
  readonly means: Float64Array;
  /** [segments] pixels of each */
  readonly sizes: Float64Array;
}

/** Mean feature of every segment, in the order of their first pixel. */
export function segmentMeans({ features, labels }: Pixels, dimensions: number): SegmentMeans {
  const indexOf = new Map<number, number>();
  for (let u = 0; u < labels.length; u++) if (!indexOf.has(labels[u]!)) indexOf.set(labels[u]!, indexOf.size);
  const means = new Float64Array(indexOf.size * dimensions);
  const sizes = new Float64Array(indexOf.size);
  for (let u = 0; u < labels.length; u++) {
    const segment = indexOf.get(labels[u]!)!;
    sizes[segment]!++;
    for (let d = 0; d < dimensions; d++) means[segment * dimensions + d]! += features[u * dimensions + d]!;
  }
  for (let i = 0; i < means.length; i++) means[i]! /= sizes[Math.floor(i / dimensions)]!;
  return { indexOf, means, sizes };
}
