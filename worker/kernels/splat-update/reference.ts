/** The end of a training step in float64 and in separate passes: the definition of the fused kernel. */
import { type GaussianGradients, type GaussianParameters, projectGaussiansBackward } from '../projection/index.ts';
import {
  type PinholeView,
  PROJECTED,
  PROJECTED_FLOATS,
  SCREEN_GRADIENT,
  SCREEN_GRADIENT_FLOATS,
  SLOT,
  SLOT_FLOATS,
} from '../shared/index.ts';
import { type ShDegree, shCoefficientCount } from '../spherical-harmonics/index.ts';

/** Learning rates of the parameter groups. */
export interface UpdateRates {
  readonly means: number;
  readonly quaternions: number;
  readonly logScales: number;
  readonly logitOpacities: number;
  /** Constant coefficient of the spherical harmonics, and all others. */
  readonly shDc: number;
  readonly shRest: number;
}

export interface UpdateSettings {
  readonly rates: UpdateRates;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Step of Adam, from 1. */
  readonly step: number;
  /** Weight of the mean opacity in the loss. */
  readonly opacityRegularisation: number;
  /** Weight of the mean scale (over N and the three axes) in the loss. */
  readonly scaleRegularisation: number;
  /** Size of the position noise of 3DGS-MCMC (Kheradmand et al. 2024, Eq. 9): learning rate times noise rate. 0: none. */
  readonly noiseScale: number;
  readonly seed: number;
  readonly iteration: number;
  /** Leave Gaussians without a slot in this view alone: no decay of moments, no regulariser, no noise. */
  readonly selective: boolean;
}

/** [N, 12] gradients of the records from slots [M, 12]; slots of Gaussian g are slotStart[g] … slotStart[g + 1] - 1. */
export function screenGradientsOf(
  records: ArrayLike<number>,
  slotStart: ArrayLike<number>,
  slots: ArrayLike<number>,
): Float64Array {
  const count = slotStart.length - 1;
  const gradients = new Float64Array(count * SCREEN_GRADIENT_FLOATS);
  for (let i = 0; i < count; i++) {
    if (slotStart[i] === slotStart[i + 1]) continue;
    const sum = new Float64Array(SLOT_FLOATS);
    for (let slot = slotStart[i]; slot < slotStart[i + 1]; slot++) {
      for (let k = 0; k < SLOT_FLOATS; k++) sum[k] += slots[slot * SLOT_FLOATS + k];
    }
    const record = (field: keyof typeof PROJECTED) => records[i * PROJECTED_FLOATS + PROJECTED[field]];
    const out = gradients.subarray(i * SCREEN_GRADIENT_FLOATS, (i + 1) * SCREEN_GRADIENT_FLOATS);
    out.set(sum.subarray(0, 4));
    out[SCREEN_GRADIENT.opacity] = -sum[SLOT.g] / record('opacity');
    out[SCREEN_GRADIENT.x] = -(record('conicA') * sum[SLOT.gx] + record('conicB') * sum[SLOT.gy]);
    out[SCREEN_GRADIENT.y] = -(record('conicB') * sum[SLOT.gx] + record('conicC') * sum[SLOT.gy]);
    out[SCREEN_GRADIENT.conicA] = sum[SLOT.gxx] / 2;
    out[SCREEN_GRADIENT.conicB] = sum[SLOT.gxy];
    out[SCREEN_GRADIENT.conicC] = sum[SLOT.gyy] / 2;
  }
  return gradients;
}

/** Parameters and moments in rows, one array per group. */
export interface UpdateState {
  readonly parameters: GaussianGradients;
  readonly firstMoments: GaussianGradients;
  readonly secondMoments: GaussianGradients;
}

export interface UpdateInputs {
  readonly state: UpdateState;
  readonly shDegree: ShDegree;
  readonly activeShDegree: ShDegree;
  readonly view: PinholeView;
  /** [N, 16] */
  readonly records: ArrayLike<number>;
  /** [N + 1] */
  readonly slotStart: ArrayLike<number>;
  /** [M, 12] */
  readonly slots: ArrayLike<number>;
  readonly settings: UpdateSettings;
}

/** The state after the update; the inputs are left alone. */
export function updateGaussians(inputs: UpdateInputs): UpdateState {
  const { state, settings, slotStart, activeShDegree } = inputs;
  const before: GaussianParameters = { ...state.parameters, shDegree: inputs.shDegree };
  const count = before.logitOpacities.length;
  const screen = screenGradientsOf(inputs.records, slotStart, inputs.slots);
  const gradients = projectGaussiansBackward(before, inputs.view, screen, activeShDegree);
  for (let i = 0; i < count; i++) {
    const opacity = 1 / (1 + Math.exp(-before.logitOpacities[i]));
    gradients.logitOpacities[i] += (settings.opacityRegularisation / count) * opacity * (1 - opacity);
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      gradients.logScales[k] += (settings.scaleRegularisation / (3 * count)) * Math.exp(before.logScales[k]);
    }
  }
  const updated = (i: number) => !settings.selective || slotStart[i + 1] > slotStart[i];
  const after = { parameters: {}, firstMoments: {}, secondMoments: {} } as Record<keyof UpdateState, GaussianGradients>;
  const coefficients = shCoefficientCount(inputs.shDegree);
  const active = shCoefficientCount(activeShDegree);
  const { shDc, shRest, ...rates } = settings.rates;
  for (const name of ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const) {
    const parameter = Float64Array.from(state.parameters[name]);
    const first = Float64Array.from(state.firstMoments[name]);
    const second = Float64Array.from(state.secondMoments[name]);
    const width = parameter.length / Math.max(1, count);
    for (let i = 0; i < parameter.length; i++) {
      const coefficient = Math.floor(i / 3) % coefficients;
      if (!updated(Math.floor(i / width)) || (name === 'sh' && coefficient >= active)) continue;
      const isRest = name === 'sh' && coefficient > 0;
      const rate = name === 'sh' ? (isRest ? shRest : shDc) : rates[name];
      adam(parameter, first, second, i, gradients[name][i], rate, settings);
    }
    after.parameters[name] = parameter;
    after.firstMoments[name] = first;
    after.secondMoments[name] = second;
  }
  if (settings.noiseScale > 0) {
    for (let i = 0; i < count; i++) {
      if (updated(i)) addNoise(after.parameters.means, before, i, settings);
    }
  }
  return after;
}

/** Kingma and Ba 2015, with epsilon outside the corrected root. */
function adam(
  parameter: Float64Array,
  first: Float64Array,
  second: Float64Array,
  i: number,
  gradient: number,
  rate: number,
  { beta1, beta2, epsilon, step }: UpdateSettings,
): void {
  first[i] = beta1 * first[i] + (1 - beta1) * gradient;
  second[i] = beta2 * second[i] + (1 - beta2) * gradient * gradient;
  const corrected = second[i] / (1 - beta2 ** step);
  parameter[i] -= (rate * (first[i] / (1 - beta1 ** step))) / (Math.sqrt(corrected) + epsilon);
}

/** Factors below this move nothing; the kernel skips them. */
const NOISE_FLOOR = 1e-6;

/** mean += noiseScale sigmoid(-100 (opacity - 0.005)) Sigma n, with shape and opacity from before the update. */
function addNoise(means: Float64Array, before: GaussianParameters, i: number, settings: UpdateSettings): void {
  const opacity = 1 / (1 + Math.exp(-before.logitOpacities[i]));
  const factor = 1 / (1 + Math.exp(100 * (opacity - 0.005)));
  if (!(factor > NOISE_FLOOR)) return;
  const n = [0, 1, 2].map((axis) => noiseDeviate(settings.seed, settings.iteration, i, axis));
  const sigma = covariance(before, i);
  for (let row = 0; row < 3; row++) {
    const displacement = sigma[3 * row] * n[0] + sigma[3 * row + 1] * n[1] + sigma[3 * row + 2] * n[2];
    means[3 * i + row] += settings.noiseScale * factor * displacement;
  }
}

/** [3, 3] covariance R S^2 R^T in the world. */
export function covariance({ quaternions, logScales }: GaussianParameters, i: number): number[] {
  const raw = [0, 1, 2, 3].map((k) => quaternions[4 * i + k]);
  const [w, x, y, z] = raw.map((value) => value / Math.hypot(...raw));
  const rotation = [
    ...[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    ...[2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    ...[2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    let sum = 0;
    for (let k = 0; k < 3; k++) {
      sum += rotation[3 * row + k] * rotation[3 * column + k] * Math.exp(2 * logScales[3 * i + k]);
    }
    return sum;
  });
}

/** Two 32-bit keys of an iteration, from all bits of the seed. */
export function noiseKeys(seed: number, iteration: number): [number, number] {
  const high = Math.floor(seed / 2 ** 32);
  const first = mix(mix(mix(seed >>> 0) ^ high) ^ iteration);
  return [first, mix(first ^ 0x9e3779b9)];
}

/** Approximately normal deviate of mean 0 and variance 1: Irwin-Hall sum of four 16-bit uniforms of a counter hash. */
export function noiseDeviate(seed: number, iteration: number, gaussian: number, axis: number): number {
  const [key0, key1] = noiseKeys(seed, iteration);
  const first = mix((Math.imul(gaussian, 3) + axis + key0) | 0);
  const second = mix(first ^ key1);
  const sum = (first & 0xffff) + (first >>> 16) + (second & 0xffff) + (second >>> 16);
  return ((2 * sum - 262_140) / 131_072) * Math.sqrt(3);
}

/** A bijection of 32-bit words with good avalanche (Ettinger's lowbias32 with the constants of splitmix32). */
function mix(word: number): number {
  let x = word ^ (word >>> 16);
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = Math.imul(x, 0x735a2d97);
  return x ^ (x >>> 15);
}
