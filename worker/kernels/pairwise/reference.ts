/** Losses over pairs of embeddings in float64: values and derivatives (methods section 2.1). */

/** How alike two embeddings at distance d are: exp(-gamma d²), or as released exp(-d). */
export type Similarity = 'squared' | 'released';

export interface EmbeddedPixels {
  /** [count, dimensions] */
  readonly features: ArrayLike<number>;
  /** [count] segment of each, 0 or more */
  readonly labels: ArrayLike<number>;
}

export interface LossAndGradient {
  readonly value: number;
  /** Of `value` by the features of the anchors, [count, dimensions]. */
  readonly gradient: Float64Array;
}

function similarity(squared: number, kind: Similarity, gamma: number): { s: number; slope: number } {
  if (kind === 'squared') {
    const s = Math.exp(-gamma * squared);
    return { s, slope: -2 * gamma * s };
  }
  const distance = Math.sqrt(squared);
  const s = Math.exp(-distance);
  return { s, slope: distance === 0 ? 0 : -s / distance };
}

function squaredDistance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, dimensions: number): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d++) sum += (a[i * dimensions + d]! - b[j * dimensions + d]!) ** 2;
  return sum;
}

/**
 * L_sf = -mean_u log(sum over u' of the same segment e^s(u, u') / sum over all u' e^s(u, u')): u from the fast field, u'
 * from the slow one, which gets no gradient. Anchors without a positive are left out of the mean.
 */
export function slowFastReference(
  fast: EmbeddedPixels,
  slow: EmbeddedPixels,
  dimensions: number,
  gamma = 1,
  kind: Similarity = 'squared',
): LossAndGradient {
  const count = fast.labels.length;
  const gradient = new Float64Array(count * dimensions);
  let total = 0;
  let anchors = 0;
  for (let u = 0; u < count; u++) {
    let all = 0;
    let positives = 0;
    const ofAll = new Float64Array(dimensions);
    const ofPositives = new Float64Array(dimensions);
    for (let v = 0; v < slow.labels.length; v++) {
      const { s, slope } = similarity(squaredDistance(fast.features, u, slow.features, v, dimensions), kind, gamma);
      const e = Math.exp(s);
      const isPositive = fast.labels[u] === slow.labels[v];
      all += e;
      if (isPositive) positives += e;
      for (let d = 0; d < dimensions; d++) {
        const change = e * slope * (fast.features[u * dimensions + d]! - slow.features[v * dimensions + d]!);
        ofAll[d]! += change;
        if (isPositive) ofPositives[d]! += change;
      }
    }
    if (positives === 0) continue;
    anchors++;
    total += Math.log(all) - Math.log(positives);
    for (let d = 0; d < dimensions; d++) gradient[u * dimensions + d] = ofAll[d]! / all - ofPositives[d]! / positives;
  }
  const scale = 1 / Math.max(1, anchors);
  return { value: total * scale, gradient: gradient.map((value) => value * scale) };
}

/**
 * The same over all pairs of one field, both ends of which get a gradient. As released, a pixel is among the pairs of its
 * own denominator but is no positive of itself.
 */
export function vanillaReference(pixels: EmbeddedPixels, dimensions: number, gamma = 1): LossAndGradient {
  const { features, labels } = pixels;
  const count = labels.length;
  const gradient = new Float64Array(count * dimensions);
  let total = 0;
  let anchors = 0;
  for (let u = 0; u < count; u++) {
    let all = 0;
    let positives = 0;
    const e = new Float64Array(count);
    for (let v = 0; v < count; v++) {
      e[v] = Math.exp(Math.exp(-gamma * squaredDistance(features, u, features, v, dimensions)));
      all += e[v]!;
      if (v !== u && labels[u] === labels[v]) positives += e[v]!;
    }
    if (positives === 0) continue;
    anchors++;
    total += Math.log(all) - Math.log(positives);
    for (let v = 0; v < count; v++) {
      const s = Math.log(e[v]!);
      const share = 1 / all - (v !== u && labels[u] === labels[v] ? 1 / positives : 0);
      for (let d = 0; d < dimensions; d++) {
        const difference = features[u * dimensions + d]! - features[v * dimensions + d]!;
        const change = share * e[v]! * s * -2 * gamma * difference;
        gradient[u * dimensions + d]! += change;
        gradient[v * dimensions + d]! -= change;
      }
    }
  }
  const scale = 1 / Math.max(1, anchors);
  return { value: total * scale, gradient: gradient.map((value) => value * scale) };
}

/** Mean over ordered pairs of different pixels: d² for the same segment, max(0, margin - d²) for different ones. */
export function marginReference(pixels: EmbeddedPixels, dimensions: number, margin = 1): LossAndGradient {
  const { features, labels } = pixels;
  const count = labels.length;
  const gradient = new Float64Array(count * dimensions);
  const pairs = Math.max(1, count * (count - 1));
  let total = 0;
  for (let u = 0; u < count; u++) {
    for (let v = 0; v < count; v++) {
      if (u === v) continue;
      const squared = squaredDistance(features, u, features, v, dimensions);
      const isPositive = labels[u] === labels[v];
      if (!isPositive && squared >= margin) continue;
      total += isPositive ? squared : margin - squared;
      for (let d = 0; d < dimensions; d++) {
        const difference = features[u * dimensions + d]! - features[v * dimensions + d]!;
        const change = ((isPositive ? 2 : -2) * difference) / pairs;
        gradient[u * dimensions + d]! += change;
        gradient[v * dimensions + d]! -= change;
      }
    }
  }
  return { value: total / pairs, gradient };
}
