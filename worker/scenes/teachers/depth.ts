import { createRandom } from '../random.ts';
import { requireSize } from './label-images.ts';
import { NOISE_FACTOR, type NoisePreset } from './presets.ts';

/**
 * The simulated monocular depth network. Its output is affine-invariant: d' = scale · d + shift with a new scale and shift per frame,
 * in disparity (1/z) or depth, after blurring (boundaries bleed, as upsampled networks do) and a smooth error field.
 */
export interface DepthNoise {
  /** Standard deviation of the logarithm of the scale. */
  readonly scale: number;
  /** Standard deviation of the shift as a share of the image's median. */
  readonly shift: number;
  /** Standard deviation of the Gaussian blur as a share of the image side. */
  readonly blur: number;
  /** Standard deviation of the smooth relative error. */
  readonly wobble: number;
}

export const depthNoise = (preset: NoisePreset): DepthNoise => {
  const factor = NOISE_FACTOR[preset];
  return { scale: 0.15 * factor, shift: 0.1 * factor, blur: 0.006 * factor, wobble: 0.03 * factor };
};

export type DepthSpace = 'disparity' | 'depth';

export interface SimulatedDepth {
  readonly width: number;
  readonly height: number;
  /** What `values` is up to scale and shift. */
  readonly space: DepthSpace;
  readonly values: Float32Array; // [H, W]; 0 where the truth has no depth
  /** What was applied, for tests: values = scale · blurred + shift. */
  readonly scale: number;
  readonly shift: number;
}

function blurred(values: Float32Array, width: number, height: number, sigma: number): Float32Array {
  if (sigma < 0.05) return values;
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * sigma * sigma)));
  const pass = (source: Float32Array, step: number, length: number, lines: number, lineStep: number): Float32Array => {
    const out = new Float32Array(source.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let [sum, weight] = [0, 0];
        for (let k = -reach; k <= reach; k++) {
          const j = i + k;
          if (j < 0 || j >= length) continue;
          const value = source[line * lineStep + j * step]!;
          if (value === 0) continue;
          sum += kernel[k + reach]! * value;
          weight += kernel[k + reach]!;
        }
        const at = line * lineStep + i * step;
        out[at] = source[at] === 0 || weight === 0 ? 0 : sum / weight;
      }
    }
    return out;
  };
  return pass(pass(values, 1, width, height, width), width, height, width, 1);
}

const WOBBLE_CELLS = 5;

/**
 * Depth [H, W] (metres, 0 = none) as a monocular network would give it. Deterministic from seed and frame name. An image without any
 * depth gives all zeros.
 * @throws TeacherInputError when the depth image is not width x height.
 */
export function simulateDepth(
  depth: Float32Array,
  width: number,
  height: number,
  frameName: string,
  noise: DepthNoise | NoisePreset,
  seed: string | number,
  space: DepthSpace = 'disparity',
): SimulatedDepth {
  requireSize(`depth of ${frameName}`, depth.length, width, height);
  const rates = typeof noise === 'string' ? depthNoise(noise) : noise;
  const random = createRandom(`depth/${seed}/${frameName}`);
  const exact = Float32Array.from(depth, (z) => (z > 0 ? (space === 'disparity' ? 1 / z : z) : 0));
  const known = exact.filter((value) => value > 0).sort();
  const median = known.length > 0 ? known[known.length >> 1]! : 0;
  const scale = Math.exp(rates.scale * random.normal());
  const shift = rates.shift * median * random.normal();
  const lattice = Array.from({ length: WOBBLE_CELLS * WOBBLE_CELLS }, () => rates.wobble * random.normal());
  const smooth = blurred(exact, width, height, rates.blur * Math.max(width, height));
  const values = new Float32Array(depth.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (exact[i] === 0) continue;
      const [u, v] = [((x + 0.5) / width) * (WOBBLE_CELLS - 1), ((y + 0.5) / height) * (WOBBLE_CELLS - 1)];
      const [a, b] = [Math.min(WOBBLE_CELLS - 2, Math.floor(u)), Math.min(WOBBLE_CELLS - 2, Math.floor(v))];
      const at = (p: number, q: number): number => lattice[(b + q) * WOBBLE_CELLS + a + p]!;
      const [s, t] = [u - a, v - b];
      const wobble = (at(0, 0) * (1 - s) + at(1, 0) * s) * (1 - t) + (at(0, 1) * (1 - s) + at(1, 1) * s) * t;
      values[i] = scale * smooth[i]! * (1 + wobble) + shift;
    }
  }
  return { width, height, space, values, scale, shift };
}
