/** Nested embeddings and the loss of language fields (N2F2, Bhalgat et al. 2024, section 3) in float64. */

/** [rows, E]: φ = W[:, 1:M] θ[1:M], M = used[row]; rows [rows, D], projection W [E, D]. */
export function nestedProjectionReference(
  rows: ArrayLike<number>,
  used: ArrayLike<number>,
  projection: ArrayLike<number>,
  dimensions: number,
): Float64Array {
  const outputs = projection.length / dimensions;
  const embeddings = new Float64Array(used.length * outputs);
  for (let r = 0; r < used.length; r++) {
    for (let e = 0; e < outputs; e++) {
      for (let d = 0; d < used[r]!; d++) {
        embeddings[r * outputs + e]! += projection[e * dimensions + d]! * rows[r * dimensions + d]!;
      }
    }
  }
  return embeddings;
}

/** Gradient of Σ upstream·φ by rows [rows, D] (0 beyond M) and projection [E, D]; upstream [rows, E]. */
export function nestedProjectionGradientsReference(
  rows: ArrayLike<number>,
  used: ArrayLike<number>,
  projection: ArrayLike<number>,
  dimensions: number,
  upstream: ArrayLike<number>,
): { rows: Float64Array; projection: Float64Array } {
  const outputs = projection.length / dimensions;
  const gradients = { rows: new Float64Array(rows.length), projection: new Float64Array(projection.length) };
  for (let r = 0; r < used.length; r++) {
    for (let e = 0; e < outputs; e++) {
      const up = upstream[r * outputs + e]!;
      for (let d = 0; d < used[r]!; d++) {
        gradients.rows[r * dimensions + d]! += up * projection[e * dimensions + d]!;
        gradients.projection[e * dimensions + d]! += up * rows[r * dimensions + d]!;
      }
    }
  }
  return gradients;
}

/** Added to the square of a length before its root, so that the cosine has a gradient at 0. */
export const COSINE_EPSILON = 1e-8;

export interface EmbeddingLossInputs {
  /** [rows, E] φ */
  readonly rows: ArrayLike<number>;
  /** [targets, E] */
  readonly targets: ArrayLike<number>;
  /** [rows] target of each row, and its weight. */
  readonly ids: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
  /** E */
  readonly dimensions: number;
  /** Weights of ‖φ − φ_gt‖² and of 1 − cos(φ, φ_gt). */
  readonly squared: number;
  readonly cosine: number;
}

/** losses [rows] = weight·(squared·‖φ − φ_gt‖² + cosine·(1 − cos)); gradient [rows, E] of their sum by the rows. */
export function embeddingLossReference(inputs: EmbeddingLossInputs): { losses: Float64Array; gradient: Float64Array } {
  const { rows, targets, ids, weights, dimensions, squared, cosine } = inputs;
  const losses = new Float64Array(ids.length);
  const gradient = new Float64Array(rows.length);
  for (let r = 0; r < ids.length; r++) {
    let [distance, product, own, other] = [0, 0, COSINE_EPSILON, COSINE_EPSILON];
    for (let e = 0; e < dimensions; e++) {
      const [value, target] = [rows[r * dimensions + e]!, targets[ids[r]! * dimensions + e]!];
      distance += (value - target) ** 2;
      product += value * target;
      own += value ** 2;
      other += target ** 2;
    }
    const lengths = Math.sqrt(own * other);
    losses[r] = weights[r]! * (squared * distance + cosine * (1 - product / lengths));
    for (let e = 0; e < dimensions; e++) {
      const [value, target] = [rows[r * dimensions + e]!, targets[ids[r]! * dimensions + e]!];
      const turn = (target - (product / own) * value) / lengths;
      gradient[r * dimensions + e] = weights[r]! * (2 * squared * (value - target) - cosine * turn);
    }
  }
  return { losses, gradient };
}
