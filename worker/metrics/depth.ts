import { MetricInputError } from './errors.ts';

export interface DepthError {
  /** Pixels with a true depth; 0 makes every figure NaN: there was nothing to measure. */
  readonly pixels: number;
  /** Mean of |predicted − true| / true. */
  readonly absoluteRelative: number;
  /** Mean of (predicted − true)² / true. */
  readonly squaredRelative: number;
  /** Root of the mean squared difference, in the unit of the depths. */
  readonly rootMeanSquare: number;
  /** Share of pixels with max(predicted / true, true / predicted) < 1.25, 1.25², 1.25³. */
  readonly deltas: readonly [number, number, number];
}

/**
 * Depth error as in Eigen, Puhrsch, Fergus 2014. A pixel counts where the true depth is finite and positive and the
 * mask, if any, is not 0. A predicted depth that is not positive is wrong by its whole distance and fails every delta.
 * @param predicted [pixels] @param truth [pixels] @param mask [pixels]
 * @throws MetricInputError on different sizes or a predicted depth that is not finite where one is needed.
 */
export function depthError(
  predicted: Float32Array | Float64Array,
  truth: Float32Array | Float64Array,
  mask?: Uint8Array,
): DepthError {
  if (predicted.length !== truth.length || (mask !== undefined && mask.length !== truth.length)) {
    throw new MetricInputError(
      `predicted depth has ${predicted.length} pixels, truth ${truth.length}, mask ${mask?.length ?? 'none'}`,
    );
  }
  let pixels = 0;
  let relative = 0;
  let squaredRelative = 0;
  let squared = 0;
  const within: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    const expected = truth[i]!;
    if (!(expected > 0 && expected < Infinity) || mask?.[i] === 0) continue;
    const found = predicted[i]!;
    if (!Number.isFinite(found)) throw new MetricInputError(`predicted depth of pixel ${i} is ${found}`);
    const difference = found - expected;
    pixels++;
    relative += Math.abs(difference) / expected;
    squaredRelative += (difference * difference) / expected;
    squared += difference * difference;
    const ratio = found > 0 ? Math.max(found / expected, expected / found) : Infinity;
    if (ratio < 1.25) within[0]++;
    if (ratio < 1.25 ** 2) within[1]++;
    if (ratio < 1.25 ** 3) within[2]++;
  }
  return {
    pixels,
    absoluteRelative: relative / pixels,
    squaredRelative: squaredRelative / pixels,
    rootMeanSquare: Math.sqrt(squared / pixels),
    deltas: [within[0] / pixels, within[1] / pixels, within[2] / pixels],
  };
}
