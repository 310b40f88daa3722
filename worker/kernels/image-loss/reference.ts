/**
 * The training loss in float64: (1 − λ)·L1 + λ·(1 − SSIM), and its gradient by hand (methods section 1; Kerbl et al. 2023).
 *
 * This SSIM zero-pads: every pixel has a full 11x11 Gaussian window (σ 1.5) in which everything outside the image counts
 * as 0 in both images, and the mean is over all pixels and channels. The metric in worker/metrics is another function.
 */

export const SSIM_C1 = 0.01 ** 2;
export const SSIM_C2 = 0.03 ** 2;
export const WINDOW_RADIUS = 5;

/** The taps of the normalised window at distance 0 … 5. */
export const WINDOW: readonly number[] = (() => {
  const taps = Array.from({ length: WINDOW_RADIUS + 1 }, (_, k) => Math.exp(-(k ** 2) / (2 * 1.5 ** 2)));
  const sum = taps.reduce((total, tap, k) => total + (k === 0 ? tap : 2 * tap), 0);
  return taps.map((tap) => tap / sum);
})();

export interface ImageLossInputs {
  readonly width: number;
  readonly height: number;
  /** [3, H, W], nominally in [0, 1]. */
  readonly rendered: ArrayLike<number>;
  /** [3, H, W], 0 … 255. */
  readonly target: ArrayLike<number>;
  /** Weight of 1 − SSIM; 0.2 in the paper. */
  readonly lambda: number;
}

export interface ImageLossOutputs {
  readonly loss: number;
  /** Mean absolute difference over pixels and channels. */
  readonly l1: number;
  /** Mean structural similarity over pixels and channels. */
  readonly ssim: number;
  /** dLoss/dRendered [3, H, W]; the L1 part is 0 where the two are equal. */
  readonly gradient: Float64Array;
}

export function imageLossReference(inputs: ImageLossInputs): ImageLossOutputs {
  const { width, height, lambda } = inputs;
  const pixels = width * height;
  const values = 3 * pixels;
  const gradient = new Float64Array(values);
  if (values === 0) return { loss: 0, l1: 0, ssim: 1, gradient };
  let absolute = 0;
  let similarity = 0;
  for (let c = 0; c < 3; c++) {
    const x = Float64Array.from({ length: pixels }, (_, i) => inputs.rendered[c * pixels + i]!);
    const y = Float64Array.from({ length: pixels }, (_, i) => inputs.target[c * pixels + i]! / 255);
    const ssim = ssimPlane(x, y, width, height);
    similarity += ssim.sum;
    for (let i = 0; i < pixels; i++) {
      absolute += Math.abs(x[i]! - y[i]!);
      gradient[c * pixels + i] = ((1 - lambda) * Math.sign(x[i]! - y[i]!) - lambda * ssim.gradient[i]!) / values;
    }
  }
  const l1 = absolute / values;
  const ssim = similarity / values;
  return { loss: (1 - lambda) * l1 + lambda * (1 - ssim), l1, ssim, gradient };
}

/** Sum of the SSIM map of one plane, and the derivative of that sum with respect to x. */
function ssimPlane(x: Float64Array, y: Float64Array, width: number, height: number) {
  const blur = (plane: Float64Array) => blurZeroPadded(plane, width, height);
  const meanX = blur(x);
  const meanY = blur(y);
  // SSIM needs the two variances only as a sum, so one blur of x² + y² does for both.
  const meanSquares = blur(x.map((value, i) => value * value + y[i]! * y[i]!));
  const meanProduct = blur(x.map((value, i) => value * y[i]!));
  const byMean = new Float64Array(x.length);
  const bySquares = new Float64Array(x.length);
  const byProduct = new Float64Array(x.length);
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const mx = meanX[i]!;
    const my = meanY[i]!;
    const a1 = 2 * mx * my + SSIM_C1;
    const a2 = 2 * (meanProduct[i]! - mx * my) + SSIM_C2;
    const b1 = mx * mx + my * my + SSIM_C1;
    const b2 = meanSquares[i]! - mx * mx - my * my + SSIM_C2;
    const s = (a1 * a2) / (b1 * b2);
    sum += s;
    byProduct[i] = (2 * a1) / (b1 * b2);
    bySquares[i] = -s / b2;
    byMean[i] = (2 * my * (a2 - a1)) / (b1 * b2) + 2 * mx * s * (1 / b2 - 1 / b1);
  }
  // The window is symmetric, so the adjoint of the blur is the blur.
  const viaMean = blur(byMean);
  const viaSquares = blur(bySquares);
  const viaProduct = blur(byProduct);
  const gradient = x.map((value, i) => viaMean[i]! + 2 * value * viaSquares[i]! + y[i]! * viaProduct[i]!);
  return { sum, gradient };
}

/** 11x11 Gaussian blur of a plane [H, W] surrounded by zeros. */
export function blurZeroPadded(plane: ArrayLike<number>, width: number, height: number): Float64Array {
  const rows = new Float64Array(width * height);
  const out = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = -WINDOW_RADIUS; k <= WINDOW_RADIUS; k++) {
        if (x + k >= 0 && x + k < width) rows[y * width + x]! += WINDOW[Math.abs(k)]! * plane[y * width + x + k]!;
      }
    }
  }
  for (let y = 0; y < height; y++) {
    for (let k = -WINDOW_RADIUS; k <= WINDOW_RADIUS; k++) {
      if (y + k < 0 || y + k >= height) continue;
      for (let x = 0; x < width; x++) out[y * width + x]! += WINDOW[Math.abs(k)]! * rows[(y + k) * width + x]!;
    }
  }
  return out;
}
