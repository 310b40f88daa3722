/**
 * Densification as in "3D Gaussian Splatting as Markov Chain Monte Carlo" (Kheradmand et al. 2024): dead Gaussians move
 * onto live ones and new ones are added under a cap, both so that the rendering changes as little as possible.
 */

/** Which Gaussians to copy where, and what opacity and scales source and copy take. */
export interface CopyPlan {
  /** [K] */
  readonly sources: Uint32Array;
  /** [K] */
  readonly targets: Uint32Array;
  /** [K] */
  readonly logitOpacities: Float32Array;
  /** [K, 3] */
  readonly logScales: Float32Array;
}

/** More copies of one Gaussian in one step than this are not corrected for (the reference's n_max). */
const MAX_COPIES = 51;

/** binomials[n][k] = C(n, k). */
const BINOMIALS = Array.from({ length: MAX_COPIES }, (_, n) => {
  const row = new Float64Array(n + 1).fill(1);
  for (let k = 1; k <= n; k++) row[k] = (row[k - 1]! * (n - k + 1)) / k;
  return row;
});

/**
 * Opacity and scale factor that each of n coincident Gaussians takes in place of one of `opacity` (Eq. 9 of the paper):
 * o' = 1 − (1 − o)^(1/n), s'/s = o / Σ_{i=1..n} Σ_{k=0..i−1} C(i−1, k) (−1)^k o'^(k+1) / √(k+1).
 */
export function splitOpacity(opacity: number, copies: number): { opacity: number; scaleFactor: number } {
  const n = Math.min(copies, MAX_COPIES);
  const shared = 1 - (1 - opacity) ** (1 / n);
  let denominator = 0;
  for (let i = 1; i <= n; i++) {
    const row = BINOMIALS[i - 1]!;
    for (let k = 0; k < i; k++)
      denominator += ((row[k]! * (k % 2 === 0 ? 1 : -1)) / Math.sqrt(k + 1)) * shared ** (k + 1);
  }
  return { opacity: shared, scaleFactor: opacity / denominator };
}

export interface Population {
  readonly count: number;
  /** [N] */
  readonly opacities: Float64Array;
  /** [N, 3] */
  readonly logScales: Float32Array;
  /** [N] unnormalised probability of being copied; 0 never is. */
  readonly weights: Float64Array;
}

/** Copies onto `targets`, each from a source drawn by weight. Empty when no Gaussian can be copied. */
export function planCopies(
  population: Population,
  targets: Uint32Array,
  deadOpacity: number,
  random: () => number,
): CopyPlan {
  const cumulative = new Float64Array(population.count);
  let total = 0;
  for (let i = 0; i < population.count; i++) cumulative[i] = total += population.weights[i]!;
  const empty = !(total > 0);
  const count = empty ? 0 : targets.length;
  const sources = new Uint32Array(count);
  /** Gaussians that will stand where each stood; 0 where nothing is copied. */
  const copies = new Uint32Array(population.count);
  for (let k = 0; k < count; k++) {
    const source = lowerBound(cumulative, random() * total);
    sources[k] = source;
    copies[source] = Math.max(copies[source]!, 1) + 1;
  }
  const logitOpacities = new Float32Array(count);
  const logScales = new Float32Array(3 * count);
  // The split depends on the source's opacity and on how often it is copied: one evaluation serves all its copies.
  const firstCopy = new Int32Array(population.count).fill(-1);
  for (let k = 0; k < count; k++) {
    const source = sources[k]!;
    const first = firstCopy[source]!;
    if (first >= 0) {
      logitOpacities[k] = logitOpacities[first]!;
      for (let axis = 0; axis < 3; axis++) logScales[3 * k + axis] = logScales[3 * first + axis]!;
      continue;
    }
    firstCopy[source] = k;
    const split = splitOpacity(population.opacities[source]!, copies[source]!);
    const opacity = Math.min(1 - 1e-6, Math.max(deadOpacity, split.opacity));
    logitOpacities[k] = Math.log(opacity / (1 - opacity));
    const shift = Math.log(split.scaleFactor);
    for (let axis = 0; axis < 3; axis++) logScales[3 * k + axis] = population.logScales[3 * source + axis]! + shift;
  }
  return { sources, targets: targets.slice(0, count), logitOpacities, logScales };
}

/** First index whose cumulative weight exceeds `value`. */
function lowerBound(cumulative: Float64Array, value: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
