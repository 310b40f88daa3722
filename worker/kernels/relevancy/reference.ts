/**
 * Nested embeddings (N2F2, Bhalgat et al. 2024) and relevancy (LERF, Kerr et al. 2023, section 3.4) in float64, as
 * written: every embedding is formed in full.
 */

/** N rows θ of D dimensions; the first M of them, through W, are the embedding of one scale. */
export interface NestedRows {
  /** [N, D] */
  readonly rows: ArrayLike<number>;
  readonly dimensions: number;
  /** W [E, D]; none: the rows are embeddings themselves (E = D). */
  readonly projection?: ArrayLike<number> | undefined;
  /** [S] dimensions M of each scale, ascending. */
  readonly scales: ArrayLike<number>;
}

type Vector = ArrayLike<number>;

const dot = (a: Vector, b: Vector): number => Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

/** v / ‖v‖; what is shorter than this has no direction and becomes 0. */
export const SHORTEST_NORM = 1e-8;
function unit(v: Vector): number[] {
  const norm = Math.sqrt(dot(v, v));
  return Array.from(v, (value) => (norm > SHORTEST_NORM ? value / norm : 0));
}

/** φ(row, M) = W[:, 1:M] θ[1:M], not normalised. */
function embeddingOf({ rows, dimensions, projection }: NestedRows, row: number, used: number): number[] {
  const theta = Array.from({ length: used }, (_, d) => rows[row * dimensions + d]!);
  if (projection === undefined) return theta.concat(new Array(dimensions - used).fill(0));
  return Array.from({ length: projection.length / dimensions }, (_, e) =>
    theta.reduce((sum, value, d) => sum + projection[e * dimensions + d]! * value, 0),
  );
}

/** [N, S]: min over negatives of exp(q·φ) / (exp(q·φ) + exp(n·φ)) on unit vectors; `sharpness` multiplies the products. */
export function relevancyReference(nested: NestedRows, query: Vector, negatives: readonly Vector[], sharpness = 1) {
  const count = nested.rows.length / nested.dimensions;
  const q = unit(query);
  const others = negatives.map(unit);
  return Float64Array.from(
    Array.from({ length: count }, (_, row) =>
      Array.from(nested.scales, (used) => {
        const phi = unit(embeddingOf(nested, row, used));
        const own = Math.exp(sharpness * dot(q, phi));
        return Math.min(...others.map((n) => own / (own + Math.exp(sharpness * dot(n, phi)))));
      }),
    ).flat(),
  );
}

/** The scale with the highest maximum over rows (the first of equals), and all maxima [S]; without rows all are 0. */
export function bestScaleReference(relevancy: ArrayLike<number>, scaleCount: number) {
  const maxima = new Float64Array(scaleCount);
  for (let i = 0; i < relevancy.length; i++) {
    maxima[i % scaleCount] = Math.max(maxima[i % scaleCount]!, relevancy[i]!);
  }
  return { maxima, best: maxima.indexOf(Math.max(...maxima)) };
}

/**
 * [N, D] composite rows c ⊙ θ, whose embedding W (c ⊙ θ) weighs all scales: γ = softmax over scales of
 * max_k φ(M)·phrase_k / temperature on raw φ and unit phrases, c_d = Σ of γ over the scales that use dimension d.
 */
export function compositeReference(nested: NestedRows, phrases: readonly Vector[], temperature = 1): Float64Array {
  const { rows, dimensions, scales } = nested;
  const units = phrases.map(unit);
  const composite = new Float64Array(rows.length);
  for (let row = 0; row < rows.length / dimensions; row++) {
    const scores = Array.from(scales, (used) => {
      const phi = embeddingOf(nested, row, used);
      return Math.max(...units.map((phrase) => dot(phrase, phi))) / temperature;
    });
    const largest = Math.max(...scores);
    const gamma = scores.map((score) => Math.exp(score - largest));
    const sum = (over: number[]) => over.reduce((total, g) => total + g, 0);
    for (let d = 0; d < dimensions; d++) {
      const c = sum(gamma.filter((_, s) => d < scales[s]!)) / sum(gamma);
      composite[row * dimensions + d] = c * rows[row * dimensions + d]!;
    }
  }
  return composite;
}
