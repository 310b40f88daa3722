import { describe, expect, it } from 'vitest';
import { projectGaussians, projectGaussiansBackward } from '../projection/index.ts';
import { type PinholeView, PROJECTED, PROJECTED_FLOATS } from '../shared/index.ts';
import { checkGradients, expectClose, seededRandom } from '../testing/index.ts';
import { type BlendScene, blend, blendBackward, blendingWeights } from './reference.ts';

const VIEW: PinholeView = {
  widthPixels: 9,
  heightPixels: 7,
  fx: 8,
  fy: 8.5,
  cx: 4.7,
  cy: 3.2,
  cameraFromWorld: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2.5],
};
const PIXELS = VIEW.widthPixels * VIEW.heightPixels;
const COUNT = 7;
const FEATURES = 3;
/** Differentiable everywhere: nothing is skipped, capped or stopped. */
const SMOOTH = { alphaMin: 0, alphaMax: 2, stopTransmittance: 0 };

const random = seededRandom(41);
const inputs = {
  means: random.fill(3 * COUNT, (r) => 0.5 * r.normal()),
  quaternions: random.fill(4 * COUNT, (r) => r.normal()),
  logScales: random.fill(3 * COUNT, (r) => -1 + 0.4 * r.normal()),
  logitOpacities: random.fill(COUNT, (r) => 1 + r.normal()),
  sh: random.fill(48 * COUNT, (r) => 0.1 * r.normal()),
  features: random.fill(FEATURES * COUNT, (r) => r.normal()),
};
const upstream = {
  rgb: random.fill(3 * PIXELS, (r) => r.normal()),
  depth: random.fill(PIXELS, (r) => r.normal()),
  alpha: random.fill(PIXELS, (r) => r.normal()),
  features: random.fill(FEATURES * PIXELS, (r) => r.normal()),
};

function sceneOf(at: typeof inputs, cutoffs?: BlendScene['cutoffs']): BlendScene {
  return {
    widthPixels: VIEW.widthPixels,
    heightPixels: VIEW.heightPixels,
    records: projectGaussians({ ...at, shDegree: 3 }, VIEW),
    features: at.features,
    featureDim: FEATURES,
    background: [0.2, 0.9, 0.4],
    ...(cutoffs && { cutoffs }),
  };
}

describe('blending reference', () => {
  it('has the gradients of central differences from the raw parameters to the images', () => {
    checkGradients({
      label: 'render',
      seed: random.seed,
      inputs,
      loss: (at) => {
        const outputs = blend(sceneOf(at as typeof inputs, SMOOTH));
        let loss = 0;
        for (const kind of ['rgb', 'depth', 'alpha', 'features'] as const) {
          upstream[kind].forEach((value, i) => {
            loss += value * outputs[kind][i];
          });
        }
        return loss;
      },
      gradient: (at) => {
        const screen = blendBackward(sceneOf(at as typeof inputs, SMOOTH), upstream);
        const parameters = projectGaussiansBackward({ ...at, shDegree: 3 }, VIEW, screen.records);
        return { ...parameters, features: screen.features };
      },
      step: 1e-6,
      rel: 1e-7,
    });
  });

  it('the weights of a pixel render every linear quantity', () => {
    const scene = sceneOf(inputs);
    const outputs = blend(scene);
    const pixels = [40, 3, 40, 22];
    const { rowStart, columns, weights } = blendingWeights(scene, pixels);
    pixels.forEach((pixel, row) => {
      const alpha = new Float64Array(1);
      const features = new Float64Array(FEATURES);
      for (let k = rowStart[row]; k < rowStart[row + 1]; k++) {
        alpha[0] += weights[k];
        for (let d = 0; d < FEATURES; d++) features[d] += weights[k] * inputs.features[FEATURES * columns[k] + d];
      }
      expectClose('alpha', alpha, [outputs.alpha[pixel]], { abs: 1e-14 });
      const expected = outputs.features.subarray(FEATURES * pixel, FEATURES * (pixel + 1));
      expectClose('features', features, expected, { abs: 1e-14 });
      expect(rowStart[row + 1] - rowStart[row]).toBe(outputs.contributors[pixel]);
    });
  });

  /** Discs of one pixel's width on the pixel centre, back to front in index order. */
  const stack = (opacities: readonly number[]): BlendScene => {
    const records = new Float64Array(opacities.length * PROJECTED_FLOATS);
    opacities.forEach((opacity, i) => {
      const record = records.subarray(i * PROJECTED_FLOATS);
      record.set([0.5, 0.5, 1, 0, 1, opacity, 1, 0, 0, opacities.length - i, 3, 3]);
    });
    return { widthPixels: 1, heightPixels: 1, records, features: [], featureDim: 0, background: [0, 1, 0] };
  };
  const gradientOf = (scene: BlendScene) =>
    blendBackward(scene, {
      rgb: Float64Array.of(1, 3, 2),
      depth: Float64Array.of(0),
      alpha: Float64Array.of(1),
      features: new Float64Array(0),
    }).records;

  it('blends front to back over the background', () => {
    const { rgb, depth, alpha, contributors } = blend(stack([0.5, 0.25]));
    expectClose('rgb', rgb, [0.625, 0.375, 0], { abs: 1e-15 });
    expectClose('depth', depth, [0.25 * 1 + 0.75 * 0.5 * 2], { abs: 1e-15 });
    expectClose('alpha', alpha, [0.625], { abs: 1e-15 });
    expect(contributors[0]).toBe(2);
  });

  it('skips what is fainter than 1/255 without ending the pixel', () => {
    expect(blend(stack([0.5, 0.0039])).contributors[0]).toBe(1);
    expect(blend(stack([0.5, 0.004])).contributors[0]).toBe(2);
  });

  it('caps alpha at 0.999, where no gradient flows to the shape but colour still learns', () => {
    const scene = stack([0.9995]);
    expectClose('alpha', blend(scene).alpha, [0.999], { abs: 1e-15 });
    const gradient = gradientOf(scene);
    expectClose('red', gradient.subarray(0, 1), [0.999], { abs: 1e-15 });
    expect(gradient.subarray(4).every((value) => value === 0)).toBe(true);
    expect(gradientOf(stack([0.9985]))[4]).not.toBe(0);
  });

  it('does not blend the Gaussian that would exhaust the transmittance, nor any behind it', () => {
    const scene = stack([0.5, 0.985, 0.995]);
    const { contributors, alpha } = blend(scene);
    expect(contributors[0]).toBe(1);
    expectClose('alpha', alpha, [0.995], { abs: 1e-15 });
    const gradient = gradientOf(scene);
    expect(gradient.subarray(0, 24).every((value) => value === 0)).toBe(true);
    expect(gradient[24]).toBeGreaterThan(0);
  });

  it('leaves culled Gaussians out and an empty scene shows the background', () => {
    const culled = stack([0.5]);
    const records = Float64Array.from(culled.records);
    records[PROJECTED.extentX] = -1;
    for (const scene of [{ ...culled, records }, stack([])]) {
      const { rgb, alpha, depth, contributors } = blend(scene);
      expect([...rgb, ...alpha, ...depth, ...contributors]).toEqual([0, 1, 0, 0, 0, 0]);
    }
  });
});
