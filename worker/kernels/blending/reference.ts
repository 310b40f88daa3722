/**
 * Front-to-back alpha blending of projected Gaussians and its derivative, in float64, pixel by pixel and without tiles:
 * the definition the kernels follow (methods section 1).
 */
import {
  ALPHA_MAX,
  ALPHA_MIN,
  PROJECTED,
  PROJECTED_FLOATS,
  SCREEN_GRADIENT,
  SCREEN_GRADIENT_FLOATS,
  STOP_TRANSMITTANCE,
} from '../shared/index.ts';

/**
 * What is discontinuous about blending. Tests by finite differences switch it off.
 * @public
 */
export interface BlendCutoffs {
  readonly alphaMin: number;
  readonly alphaMax: number;
  readonly stopTransmittance: number;
}

/** @public */
export const BLEND_CUTOFFS: BlendCutoffs = {
  alphaMin: ALPHA_MIN,
  alphaMax: ALPHA_MAX,
  stopTransmittance: STOP_TRANSMITTANCE,
};

/** @public */
export interface BlendScene {
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** [N, 16] projected records; extentX < 0 is culled. */
  readonly records: ArrayLike<number>;
  /** [N, D] */
  readonly features: ArrayLike<number>;
  readonly featureDim: number;
  /** [3] */
  readonly background: ArrayLike<number>;
  readonly cutoffs?: BlendCutoffs;
}

/**
 * Per pixel, row-major: rgb [H, W, 3] over the background, depth and alpha [H, W], features [H, W, D].
 * @public
 */
export interface BlendImages {
  readonly rgb: Float64Array;
  /** Sum of w z, not divided by alpha. */
  readonly depth: Float64Array;
  readonly alpha: Float64Array;
  readonly features: Float64Array;
}

/** @public */
export interface BlendOutputs extends BlendImages {
  /** [H, W] how many Gaussians were blended. */
  readonly contributors: Int32Array;
}

/**
 * Sparse rows of blending weights: row r is columns[rowStart[r] .. rowStart[r + 1]], front to back.
 * @public
 */
export interface BlendWeights {
  readonly rowStart: Int32Array;
  readonly columns: Int32Array;
  readonly weights: Float64Array;
}

interface Contribution {
  readonly gaussian: number;
  readonly alpha: number;
  readonly capped: boolean;
  /** Before this Gaussian. */
  readonly transmittance: number;
  /** Pixel centre minus mean. */
  readonly dx: number;
  readonly dy: number;
}

/**
 * Renders every pixel.
 * @public
 */
export function blend(scene: BlendScene): BlendOutputs {
  const { records, features, featureDim, background } = scene;
  const pixels = scene.widthPixels * scene.heightPixels;
  const order = drawingOrder(records);
  const outputs = { ...emptyImages(pixels, featureDim), contributors: new Int32Array(pixels) };
  for (let pixel = 0; pixel < pixels; pixel++) {
    const { contributions, transmittance } = contributionsAt(scene, order, pixel);
    outputs.contributors[pixel] = contributions.length;
    outputs.alpha[pixel] = 1 - transmittance;
    for (let c = 0; c < 3; c++) outputs.rgb[3 * pixel + c] = transmittance * background[c];
    for (const { gaussian, alpha, transmittance: before } of contributions) {
      const weight = alpha * before;
      const record = gaussian * PROJECTED_FLOATS;
      for (let c = 0; c < 3; c++) outputs.rgb[3 * pixel + c] += weight * records[record + PROJECTED.red + c];
      outputs.depth[pixel] += weight * records[record + PROJECTED.depth];
      for (let d = 0; d < featureDim; d++) {
        outputs.features[featureDim * pixel + d] += weight * features[featureDim * gaussian + d];
      }
    }
  }
  return outputs;
}

/**
 * Gradients of L = sum of upstream · output: `records` [N, 12] (see SCREEN_GRADIENT) and `features` [N, D].
 * @public
 */
export function blendBackward(
  scene: BlendScene,
  upstream: BlendImages,
): { readonly records: Float64Array; readonly features: Float64Array } {
  const { records, features, featureDim, background } = scene;
  const count = records.length / PROJECTED_FLOATS;
  const order = drawingOrder(records);
  const recordGradients = new Float64Array(count * SCREEN_GRADIENT_FLOATS);
  const featureGradients = new Float64Array(count * featureDim);
  for (let pixel = 0; pixel < scene.widthPixels * scene.heightPixels; pixel++) {
    const { contributions, transmittance } = contributionsAt(scene, order, pixel);
    const rgb = upstream.rgb.subarray(3 * pixel, 3 * pixel + 3);
    const feature = upstream.features.subarray(featureDim * pixel, featureDim * (pixel + 1));
    const depth = upstream.depth[pixel];
    // What lies behind the current Gaussian adds this to the loss; all of it is scaled by 1 - alpha.
    let behind = transmittance * (rgb[0] * background[0] + rgb[1] * background[1] + rgb[2] * background[2]);
    for (const { gaussian, alpha, capped, transmittance: before, dx, dy } of contributions.toReversed()) {
      const weight = alpha * before;
      const record = gaussian * PROJECTED_FLOATS;
      const out = gaussian * SCREEN_GRADIENT_FLOATS;
      let value = upstream.alpha[pixel] + depth * records[record + PROJECTED.depth];
      for (let c = 0; c < 3; c++) {
        value += rgb[c] * records[record + PROJECTED.red + c];
        recordGradients[out + SCREEN_GRADIENT.red + c] += weight * rgb[c];
      }
      recordGradients[out + SCREEN_GRADIENT.depth] += weight * depth;
      for (let d = 0; d < featureDim; d++) {
        value += feature[d] * features[featureDim * gaussian + d];
        featureGradients[featureDim * gaussian + d] += weight * feature[d];
      }
      const alphaGradient = before * value - behind / (1 - alpha);
      behind += weight * value;
      if (capped) continue;

      const a = records[record + PROJECTED.conicA];
      const b = records[record + PROJECTED.conicB];
      const c = records[record + PROJECTED.conicC];
      // alpha = opacity exp(-sigma); dx = pixel - mean.
      const sigmaGradient = -alphaGradient * alpha;
      recordGradients[out + SCREEN_GRADIENT.opacity] += (alphaGradient * alpha) / records[record + PROJECTED.opacity];
      recordGradients[out + SCREEN_GRADIENT.x] -= sigmaGradient * (a * dx + b * dy);
      recordGradients[out + SCREEN_GRADIENT.y] -= sigmaGradient * (b * dx + c * dy);
      recordGradients[out + SCREEN_GRADIENT.conicA] += (sigmaGradient * dx * dx) / 2;
      recordGradients[out + SCREEN_GRADIENT.conicB] += sigmaGradient * dx * dy;
      recordGradients[out + SCREEN_GRADIENT.conicC] += (sigmaGradient * dy * dy) / 2;
    }
  }
  return { records: recordGradients, features: featureGradients };
}

/**
 * The rows of W (pixel x Gaussian) for chosen pixels (row-major indices): rendered = W f for any f.
 * @public
 */
export function blendingWeights(scene: BlendScene, pixels: ArrayLike<number>): BlendWeights {
  const order = drawingOrder(scene.records);
  const rowStart = new Int32Array(pixels.length + 1);
  const columns: number[] = [];
  const weights: number[] = [];
  for (let row = 0; row < pixels.length; row++) {
    for (const { gaussian, alpha, transmittance } of contributionsAt(scene, order, pixels[row]).contributions) {
      columns.push(gaussian);
      weights.push(alpha * transmittance);
    }
    rowStart[row + 1] = columns.length;
  }
  return { rowStart, columns: Int32Array.from(columns), weights: Float64Array.from(weights) };
}

function emptyImages(pixels: number, featureDim: number): BlendImages {
  return {
    rgb: new Float64Array(3 * pixels),
    depth: new Float64Array(pixels),
    alpha: new Float64Array(pixels),
    features: new Float64Array(featureDim * pixels),
  };
}

/** Gaussians that are not culled, by camera depth, ties by index. */
function drawingOrder(records: ArrayLike<number>): number[] {
  const order: number[] = [];
  for (let i = 0; i < records.length / PROJECTED_FLOATS; i++) {
    if (records[i * PROJECTED_FLOATS + PROJECTED.extentX] >= 0) order.push(i);
  }
  const depth = (index: number) => records[index * PROJECTED_FLOATS + PROJECTED.depth];
  return order.sort((i, j) => depth(i) - depth(j) || i - j);
}

/** Who is blended at a pixel, front to back, and the transmittance that is left. */
function contributionsAt(
  scene: BlendScene,
  order: readonly number[],
  pixel: number,
): { contributions: Contribution[]; transmittance: number } {
  const { records } = scene;
  const { alphaMin, alphaMax, stopTransmittance } = scene.cutoffs ?? BLEND_CUTOFFS;
  const pixelX = (pixel % scene.widthPixels) + 0.5;
  const pixelY = Math.floor(pixel / scene.widthPixels) + 0.5;
  const contributions: Contribution[] = [];
  let transmittance = 1;
  for (const gaussian of order) {
    const record = gaussian * PROJECTED_FLOATS;
    const dx = pixelX - records[record + PROJECTED.x];
    const dy = pixelY - records[record + PROJECTED.y];
    const a = records[record + PROJECTED.conicA];
    const b = records[record + PROJECTED.conicB];
    const c = records[record + PROJECTED.conicC];
    const sigma = (a * dx * dx + c * dy * dy) / 2 + b * dx * dy;
    const uncapped = records[record + PROJECTED.opacity] * Math.exp(-sigma);
    const alpha = Math.min(alphaMax, uncapped);
    if (alpha < alphaMin) continue;
    const after = transmittance * (1 - alpha);
    if (after <= stopTransmittance) break;
    contributions.push({ gaussian, alpha, capped: uncapped > alphaMax, transmittance, dx, dy });
    transmittance = after;
  }
  return { contributions, transmittance };
}
