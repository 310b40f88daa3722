/**
 * Image similarity of float images, in float64: what `eval` and the benchmarks report.
 *
 * The SSIM here is the METRIC (Wang et al. 2004: windows that lie wholly inside the image). The training loss uses another
 * function, zero-padded and averaged over every pixel; it lives in worker/kernels/image-loss.
 */

import { MetricInputError } from './errors.ts';

/** One image of linear values, nominally in [0, 1]; `data` holds width·height·channels numbers. */
export interface FloatImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** `planar` is [C, H, W], `interleaved` is [H, W, C]. */
  readonly layout: 'planar' | 'interleaved';
  readonly data: Float32Array | Float64Array | readonly number[];
}

/** Side of the SSIM window; images smaller than this have no interior. */
export const SSIM_WINDOW_SIZE = 11;
const SSIM_SIGMA = 1.5;
const SSIM_C1 = 0.01 ** 2;
const SSIM_C2 = 0.03 ** 2;

/** The normalised 1D Gaussian of the SSIM window, 11 taps, σ = 1.5. */
export function ssimWindow(): Float64Array {
  const taps = Float64Array.from({ length: SSIM_WINDOW_SIZE }, (_, i) =>
    Math.exp(-((i - (SSIM_WINDOW_SIZE - 1) / 2) ** 2) / (2 * SSIM_SIGMA ** 2)),
  );
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

/**
 * Peak signal-to-noise ratio in dB for a peak of 1: −10·log10(mean squared error over pixels and channels).
 * Identical images give +Infinity.
 * @throws MetricInputError on images of different or impossible sizes, or with values that are not finite.
 */
export function psnr(a: FloatImage, b: FloatImage): number {
  const planesA = planesOf(a, 'first image');
  const planesB = planesOf(b, 'second image');
  requireSameShape(a, b);
  let squaredError = 0;
  for (let c = 0; c < planesA.length; c++) {
    const planeA = planesA[c]!;
    const planeB = planesB[c]!;
    for (let i = 0; i < planeA.length; i++) squaredError += (planeA[i]! - planeB[i]!) ** 2;
  }
  return -10 * Math.log10(squaredError / (a.width * a.height * a.channels));
}

/**
 * Structural similarity (Wang et al. 2004, Eq. 13): 11x11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, population
 * covariance, mean over the windows inside the image, then over channels.
 * @throws MetricInputError as {@link psnr}, and for images with a side shorter than the window.
 */
export function ssim(a: FloatImage, b: FloatImage): number {
  const planesA = planesOf(a, 'first image');
  const planesB = planesOf(b, 'second image');
  requireSameShape(a, b);
  const { width, height } = a;
  if (width < SSIM_WINDOW_SIZE || height < SSIM_WINDOW_SIZE) {
    throw new MetricInputError(
      `SSIM needs images of at least ${SSIM_WINDOW_SIZE}x${SSIM_WINDOW_SIZE} pixels, got ${width}x${height}: use a larger scale or PSNR only`,
    );
  }
  const window = ssimWindow();
  let total = 0;
  for (let c = 0; c < planesA.length; c++) total += planeSsim(planesA[c]!, planesB[c]!, width, height, window);
  return total / planesA.length;
}

function planeSsim(x: Float64Array, y: Float64Array, width: number, height: number, window: Float64Array): number {
  const product = (p: Float64Array, q: Float64Array) => p.map((value, i) => value * q[i]!);
  const blur = (plane: Float64Array) => blurInterior(plane, width, height, window);
  const meanX = blur(x);
  const meanY = blur(y);
  const meanXX = blur(product(x, x));
  const meanYY = blur(product(y, y));
  const meanXY = blur(product(x, y));
  let total = 0;
  for (let i = 0; i < meanX.length; i++) {
    const mx = meanX[i]!;
    const my = meanY[i]!;
    const varianceX = meanXX[i]! - mx * mx;
    const varianceY = meanYY[i]! - my * my;
    const covariance = meanXY[i]! - mx * my;
    total +=
      ((2 * mx * my + SSIM_C1) * (2 * covariance + SSIM_C2)) /
      ((mx * mx + my * my + SSIM_C1) * (varianceX + varianceY + SSIM_C2));
  }
  return total / meanX.length;
}

/** Separable blur keeping only windows inside the plane: [H, W] to [H − 10, W − 10]. */
function blurInterior(plane: Float64Array, width: number, height: number, window: Float64Array): Float64Array {
  const taps = window.length;
  const innerWidth = width - taps + 1;
  const innerHeight = height - taps + 1;
  const rows = new Float64Array(innerWidth * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < innerWidth; x++) {
      let sum = 0;
      for (let k = 0; k < taps; k++) sum += window[k]! * plane[y * width + x + k]!;
      rows[y * innerWidth + x] = sum;
    }
  }
  const out = new Float64Array(innerWidth * innerHeight);
  for (let y = 0; y < innerHeight; y++) {
    for (let x = 0; x < innerWidth; x++) {
      let sum = 0;
      for (let k = 0; k < taps; k++) sum += window[k]! * rows[(y + k) * innerWidth + x]!;
      out[y * innerWidth + x] = sum;
    }
  }
  return out;
}

function requireSameShape(a: FloatImage, b: FloatImage): void {
  if (a.width === b.width && a.height === b.height && a.channels === b.channels) return;
  const shape = (image: FloatImage) => `${image.width}x${image.height}x${image.channels}`;
  throw new MetricInputError(`cannot compare images of ${shape(a)} and ${shape(b)}: bring both to one size first`);
}

/** One Float64Array [H·W] per channel, checked. */
function planesOf(image: FloatImage, which: string): Float64Array[] {
  const { width, height, channels, data } = image;
  for (const [name, value] of Object.entries({ width, height, channels })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new MetricInputError(`${which}: ${name} must be a positive integer, got ${value}`);
    }
  }
  const pixels = width * height;
  if (data.length !== pixels * channels) {
    throw new MetricInputError(
      `${which}: ${width}x${height}x${channels} needs ${pixels * channels} values, got ${data.length}`,
    );
  }
  const channelStride = image.layout === 'planar' ? pixels : 1;
  const pixelStride = image.layout === 'planar' ? 1 : channels;
  return Array.from({ length: channels }, (_, c) => {
    const plane = new Float64Array(pixels);
    for (let i = 0; i < pixels; i++) {
      const value = data[c * channelStride + i * pixelStride]!;
      if (!Number.isFinite(value)) {
        const at = `x ${i % width}, y ${Math.floor(i / width)}, channel ${c}`;
        throw new MetricInputError(`${which}: value at ${at} is ${value}: the image it came from is broken`);
      }
      plane[i] = value;
    }
    return plane;
  });
}
