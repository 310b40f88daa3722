/** DINO-style self-distillation between pixels of one segment (Caron et al. 2021; methods section 2.1). */
import { softmaxRows } from '../../kernels/index.ts';
import type { Loss } from './segments.ts';

export interface DinoInputs {
  /** [count, dimensions]: pairs of pixels of one segment, the fast and the slow field at each. */
  readonly fast: ArrayLike<number>;
  readonly slow: ArrayLike<number>;
  /** [outputs, dimensions] projections of each side. */
  readonly fastProjection: ArrayLike<number>;
  readonly slowProjection: ArrayLike<number>;
  /** [outputs] running mean of the slow projections. */
  readonly centre: ArrayLike<number>;
  readonly fastTemperature: number;
  readonly slowTemperature: number;
}

/** [count, outputs] = features [count, dimensions] times projectionᵀ. */
function projected(
  features: ArrayLike<number>,
  projection: ArrayLike<number>,
  dimensions: number,
  outputs: number,
): Float64Array {
  const count = features.length / dimensions;
  const out = new Float64Array(count * outputs);
  for (let u = 0; u < count; u++) {
    for (let k = 0; k < outputs; k++) {
      let sum = 0;
      for (let d = 0; d < dimensions; d++) sum += features[u * dimensions + d]! * projection[k * dimensions + d]!;
      out[u * outputs + k] = sum;
    }
  }
  return out;
}

/**
 * Mean over pairs of −Σ_k q_k log p_k with q = softmax((slow projection − centre)/τ_slow), p = softmax(fast projection /
 * τ_fast). Gradients by the fast features and the fast projection; none to the slow side or the centre.
 */
export function dino(
  inputs: DinoInputs,
  dimensions: number,
): Loss & { readonly projectionGradient: Float64Array; readonly slowOutputs: Float64Array } {
  const { fast, slow, fastProjection, slowProjection, centre, fastTemperature, slowTemperature } = inputs;
  const outputs = centre.length;
  const count = fast.length / dimensions;
  const slowOutputs = projected(slow, slowProjection, dimensions, outputs);
  const centred = Float64Array.from(slowOutputs);
  for (let u = 0; u < count; u++) {
    for (let k = 0; k < outputs; k++) {
      centred[u * outputs + k] = (centred[u * outputs + k]! - centre[k]!) / slowTemperature;
    }
  }
  const q = softmaxRows(centred, outputs);
  const logits = projected(fast, fastProjection, dimensions, outputs);
  const gradient = new Float64Array(fast.length);
  const projectionGradient = new Float64Array(outputs * dimensions);
  const p = new Float64Array(outputs);
  let total = 0;
  for (let u = 0; u < count; u++) {
    const at = u * outputs;
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < outputs; k++) largest = Math.max(largest, logits[at + k]! / fastTemperature);
    let sum = 0;
    for (let k = 0; k < outputs; k++) {
      p[k] = Math.exp(logits[at + k]! / fastTemperature - largest);
      sum += p[k]!;
    }
    // −Σ q log p with log p = logit − log Σ exp, and Σ q = 1.
    total += largest + Math.log(sum);
    for (let k = 0; k < outputs; k++) {
      total -= (q[at + k]! * logits[at + k]!) / fastTemperature;
      const change = (p[k]! / sum - q[at + k]!) / (fastTemperature * count);
      for (let d = 0; d < dimensions; d++) {
        gradient[u * dimensions + d]! += change * fastProjection[k * dimensions + d]!;
        projectionGradient[k * dimensions + d]! += change * fast[u * dimensions + d]!;
      }
    }
  }
  return { value: total / Math.max(1, count), gradient, projectionGradient, slowOutputs };
}
