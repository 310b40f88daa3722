/** Scale and shift of a depth image that is known up to both (methods 4). */

/** What the values of a monocular network are, up to scale and shift: 1/z or z. */
export type DepthSpace = 'disparity' | 'depth';

/** Fewer pixels with a reference say nothing about two numbers. */
const LEAST_PIXELS = 100;
/** Most pixels that a fit looks at, evenly spread. */
const MOST_PIXELS = 20_000;
const ITERATIONS = 30;

export interface AffineFit {
  readonly scale: number;
  readonly shift: number;
  /** Mean absolute difference from the reference, in the space of the fit. */
  readonly residual: number;
  readonly pixels: number;
}

/**
 * Minimises Σ|scale·value + shift − reference| over the pixels where both are above 0, by least squares that are reweighted by
 * 1/|residual|: exact in the limit, and deterministic.
 * @param values [H, W] 0 = none; @param reference [H, W] in the same space, 0 = none
 * @returns undefined below 100 pixels, for a scale that is not above 0, or values without any spread
 */
export function fitScaleShift(values: ArrayLike<number>, reference: ArrayLike<number>): AffineFit | undefined {
  const all: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > 0 && reference[i]! > 0 && values[i]! < Infinity && reference[i]! < Infinity) all.push(i);
  }
  if (all.length < LEAST_PIXELS) return undefined;
  const step = Math.max(1, all.length / MOST_PIXELS);
  const count = Math.floor(all.length / step);
  const x = Float64Array.from({ length: count }, (_, k) => values[all[Math.floor(k * step)]!]!);
  const y = Float64Array.from({ length: count }, (_, k) => reference[all[Math.floor(k * step)]!]!);
  const least = 1e-6 * y.reduce((sum, value) => sum + value, 0) * (1 / count);
  const weights = new Float64Array(count).fill(1);
  let scale = 0;
  let shift = 0;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    let [w, sx, sy] = [0, 0, 0];
    for (let k = 0; k < count; k++) {
      w += weights[k]!;
      sx += weights[k]! * x[k]!;
      sy += weights[k]! * y[k]!;
    }
    const [mx, my] = [sx / w, sy / w];
    let [sxx, sxy] = [0, 0];
    for (let k = 0; k < count; k++) {
      sxx += weights[k]! * (x[k]! - mx) ** 2;
      sxy += weights[k]! * (x[k]! - mx) * (y[k]! - my);
    }
    if (!(sxx > 1e-12 * w * mx * mx)) return undefined;
    const next = sxy / sxx;
    const done = Math.abs(next - scale) <= 1e-10 * Math.abs(next);
    scale = next;
    shift = my - scale * mx;
    if (done) break;
    for (let k = 0; k < count; k++) weights[k] = 1 / Math.max(least, Math.abs(scale * x[k]! + shift - y[k]!));
  }
  if (!(scale > 0)) return undefined;
  let residual = 0;
  for (let k = 0; k < count; k++) residual += Math.abs(scale * x[k]! + shift - y[k]!) / count;
  return { scale, shift, residual, pixels: all.length };
}

export interface AlignedDepth {
  /** [H, W] z in scene units, 0 = none. */
  readonly depth: Float32Array;
  readonly scale: number;
  readonly shift: number;
  /** `previous`: this frame had too few reference pixels or no positive scale, and took the fit of an earlier one. */
  readonly from: 'fitted' | 'previous';
}

/** Aligns the frames of one video in their order. */
export class DepthAligner {
  readonly #space: DepthSpace;
  #last: AffineFit | undefined;

  constructor(space: DepthSpace) {
    this.#space = space;
  }

  /**
   * @param values [H, W] of the network, 0 = none; @param reference [H, W] depth z of the static scene, 0 = none
   * @returns undefined when neither this frame nor an earlier one could be fitted
   */
  align(values: Float32Array, reference: Float32Array): AlignedDepth | undefined {
    const inverse = this.#space === 'disparity';
    const target = inverse ? reference.map((z) => (z > 0 ? 1 / z : 0)) : reference;
    const fit = fitScaleShift(values, target);
    this.#last = fit ?? this.#last;
    if (this.#last === undefined) return undefined;
    const { scale, shift } = this.#last;
    // A disparity at or below 0 is beyond all distance: as far as the farthest reference, or nothing.
    const farthest = reference.reduce((most, z) => Math.max(most, z), 0);
    const least = farthest > 0 ? 1 / (2 * farthest) : 1e-6;
    const depth = values.map((value) => {
      if (!(value > 0 && value < Infinity)) return 0;
      const fitted = scale * value + shift;
      return inverse ? 1 / Math.max(least, fitted) : Math.max(0, fitted);
    });
    return { depth, scale, shift, from: fit === undefined ? 'previous' : 'fitted' };
  }
}
