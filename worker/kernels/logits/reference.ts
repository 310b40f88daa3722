/** Losses on logits in float64. */

/** Row-wise softmax of [count, classes]. */
export function softmaxRows(logits: ArrayLike<number>, classes: number): Float64Array {
  const out = new Float64Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) largest = Math.max(largest, logits[at + k]!);
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      out[at + k] = Math.exp(logits[at + k]! - largest);
      sum += out[at + k]!;
    }
    for (let k = 0; k < classes; k++) out[at + k]! /= sum;
  }
  return out;
}

/**
 * Cross entropy of logits [count, classes] against a class per row: Σ_u −weight·log softmax(logits)[target].
 * @param targets [count] @param weights [count]
 */
export function crossEntropyReference(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  classes: number,
): { value: number; gradient: Float64Array } {
  const p = softmaxRows(logits, classes);
  const gradient = new Float64Array(p.length);
  let value = 0;
  for (let u = 0; u < targets.length; u++) {
    value -= weights[u]! * Math.log(Math.max(p[u * classes + targets[u]!]!, Number.MIN_VALUE));
    for (let k = 0; k < classes; k++) gradient[u * classes + k] = weights[u]! * p[u * classes + k]!;
    gradient[u * classes + targets[u]!]! -= weights[u]!;
  }
  return { value, gradient };
}
