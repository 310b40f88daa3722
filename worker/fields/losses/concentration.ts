/** Losses that pull pixels towards the centre of their segment, and centres apart (methods section 2.1). */
import { type Loss, type Pixels, segmentMeans } from './segments.ts';

/**
 * L_conc = mean over u of ‖θ_u − mean of the centres' pixels of u's segment‖². Pixels whose segment has no centre are
 * left out. No gradient to the centres' pixels: they come from the slow field; where they are the pixels themselves
 * (vanilla with concentration) the gradient through the means is zero anyway, as the differences sum to zero.
 */
export function concentration(pixels: Pixels, centres: Pixels, dimensions: number): Loss {
  const { indexOf, means } = segmentMeans(centres, dimensions);
  const { features, labels } = pixels;
  const gradient = new Float64Array(labels.length * dimensions);
  let [total, count] = [0, 0];
  for (let u = 0; u < labels.length; u++) {
    const segment = indexOf.get(labels[u]!);
    if (segment === undefined) continue;
    count++;
    for (let d = 0; d < dimensions; d++) {
      const difference = features[u * dimensions + d]! - means[segment * dimensions + d]!;
      total += difference ** 2;
      gradient[u * dimensions + d] = 2 * difference;
    }
  }
  const scale = 1 / Math.max(1, count);
  return { value: total * scale, gradient: gradient.map((value) => value * scale) };
}

/**
 * The released form: −confidence·exp(−‖θ_u − centre‖²), averaged over the pixels of a segment, then over the segments that
 * both sides have.
 * @param confidences [count]
 */
export function releasedConcentration(
  pixels: Pixels,
  centres: Pixels,
  confidences: ArrayLike<number>,
  dimensions: number,
): Loss {
  const { indexOf, means } = segmentMeans(centres, dimensions);
  const { features, labels } = pixels;
  const sizes = new Map<number, number>();
  for (let u = 0; u < labels.length; u++) {
    if (indexOf.has(labels[u]!)) sizes.set(labels[u]!, (sizes.get(labels[u]!) ?? 0) + 1);
  }
  const gradient = new Float64Array(labels.length * dimensions);
  let total = 0;
  for (let u = 0; u < labels.length; u++) {
    const size = sizes.get(labels[u]!);
    if (size === undefined) continue;
    const centre = indexOf.get(labels[u]!)! * dimensions;
    let squared = 0;
    for (let d = 0; d < dimensions; d++) squared += (features[u * dimensions + d]! - means[centre + d]!) ** 2;
    const term = (confidences[u]! * Math.exp(-squared)) / (size * sizes.size);
    total -= term;
    for (let d = 0; d < dimensions; d++) {
      gradient[u * dimensions + d] = 2 * term * (features[u * dimensions + d]! - means[centre + d]!);
    }
  }
  return { value: total, gradient };
}

/**
 * Associative embedding (Newell et al. 2017, as in the released program): mean over u of ‖θ_u − m_k(u)‖² plus the mean
 * over ordered pairs of different segments of exp(−‖m_k − m_k'‖²/σ). The gradient passes through the means.
 */
export function associative(pixels: Pixels, dimensions: number, sigma = 1): Loss & { pull: number; push: number } {
  const { features, labels } = pixels;
  const { indexOf, means, sizes } = segmentMeans(pixels, dimensions);
  const pulled = concentration(pixels, pixels, dimensions);
  const segments = sizes.length;
  const pairs = Math.max(1, segments * (segments - 1));
  const ofMeans = new Float64Array(means.length);
  let push = 0;
  for (let k = 0; k < segments; k++) {
    for (let other = 0; other < segments; other++) {
      if (k === other) continue;
      let squared = 0;
      for (let d = 0; d < dimensions; d++)
        squared += (means[k * dimensions + d]! - means[other * dimensions + d]!) ** 2;
      const term = Math.exp(-squared / sigma) / pairs;
      push += term;
      for (let d = 0; d < dimensions; d++) {
        // Each unordered pair is met twice, once for each end: the factor 4 is 2 (ends) · 2 (square).
        ofMeans[k * dimensions + d]! -=
          ((4 * term) / sigma) * (means[k * dimensions + d]! - means[other * dimensions + d]!);
      }
    }
  }
  const gradient = Float64Array.from(pulled.gradient, (value, i) => {
    const segment = indexOf.get(labels[Math.floor(i / dimensions)]!)!;
    return value + ofMeans[segment * dimensions + (i % dimensions)]! / sizes[segment]!;
  });
  if (features.length !== gradient.length)
    throw new RangeError(`${features.length} features for ${labels.length} pixels`);
  return { value: pulled.value + push, gradient, pull: pulled.value, push };
}
