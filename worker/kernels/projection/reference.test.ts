import { describe, expect, it } from 'vitest';
import {
  jacobianBounds,
  type PinholeView,
  PROJECTED,
  PROJECTED_FLOATS,
  SCREEN_GRADIENT,
  SCREEN_GRADIENT_FLOATS,
} from '../shared/index.ts';
import { checkGradients, expectClose, seededRandom } from '../testing/index.ts';
import { type GaussianParameters, projectGaussians, projectGaussiansBackward, projectGeometry } from './reference.ts';

const VIEW: PinholeView = {
  widthPixels: 40,
  heightPixels: 30,
  fx: 35,
  fy: 37,
  cx: 21,
  cy: 14,
  cameraFromWorld: [0.8, 0, 0.6, 0.1, 0, 1, 0, -0.2, -0.6, 0, 0.8, 3],
};

/** Fields of the record that carry gradients, as (record index, gradient index). */
const FIELDS = (['red', 'green', 'blue', 'depth', 'opacity', 'x', 'y', 'conicA', 'conicB', 'conicC'] as const).map(
  (field) => [PROJECTED[field], SCREEN_GRADIENT[field]] as const,
);

type Inputs = Record<'means' | 'quaternions' | 'logScales' | 'logitOpacities' | 'sh', Float64Array>;

function randomInputs(seed: number, count: number, spread: number): Inputs {
  const random = seededRandom(seed);
  return {
    means: random.fill(3 * count, (r) => spread * r.normal()),
    quaternions: random.fill(4 * count, (r) => r.normal()),
    logScales: random.fill(3 * count, (r) => -1.5 + 0.5 * r.normal()),
    logitOpacities: random.fill(count, (r) => r.normal()),
    sh: random.fill(48 * count, (r) => 0.1 * r.normal()),
  };
}

const one = (change: Partial<GaussianParameters> = {}): GaussianParameters => ({
  means: [0, 0, 0],
  quaternions: [1, 0, 0, 0],
  logScales: [-1, -1, -1],
  logitOpacities: [2],
  sh: new Array<number>(3).fill(0.3),
  shDegree: 0,
  ...change,
});

describe('projection reference', () => {
  it.each([
    { seed: 1, spread: 0.3, title: 'in front of the camera' },
    { seed: 2, spread: 2.5, title: 'around the camera: some clamped, some culled' },
  ])('has the gradients of central differences $title', ({ seed, spread }) => {
    const inputs = randomInputs(seed, 12, spread);
    const upstream = seededRandom(seed + 100).fill(12 * SCREEN_GRADIENT_FLOATS, (r) => r.normal());
    const drawn = projectGaussians({ ...inputs, shDegree: 3 }, VIEW);
    expect(FIELDS.length).toBe(10);
    checkGradients<keyof Inputs>({
      label: 'projection',
      seed,
      inputs,
      loss: (at) => {
        const records = projectGaussians({ ...at, shDegree: 3 }, VIEW);
        let loss = 0;
        for (let i = 0; i < 12; i++) {
          expect(records[i * PROJECTED_FLOATS + PROJECTED.extentX] < 0).toBe(
            drawn[i * PROJECTED_FLOATS + PROJECTED.extentX] < 0,
          );
          for (const [field, gradient] of FIELDS) {
            loss += records[i * PROJECTED_FLOATS + field] * upstream[i * SCREEN_GRADIENT_FLOATS + gradient];
          }
        }
        return loss;
      },
      gradient: (at) => projectGaussiansBackward({ ...at, shDegree: 3 }, VIEW, upstream),
      step: 1e-6,
      rel: 1e-7,
    });
  });

  it('the second of those scenes does clamp and cull', () => {
    const inputs = randomInputs(2, 12, 2.5);
    const bounds = jacobianBounds(VIEW);
    let clamped = 0;
    let culled = 0;
    for (let i = 0; i < 12; i++) {
      const geometry = projectGeometry({ ...inputs, shDegree: 3 }, i, VIEW);
      if (geometry === undefined) culled++;
      else if ((geometry.x - VIEW.cx) / VIEW.fx > bounds.maxX || (geometry.x - VIEW.cx) / VIEW.fx < bounds.minX)
        clamped++;
    }
    expect(clamped).toBeGreaterThan(0);
    expect(culled).toBeGreaterThan(0);
  });

  it('projects an isotropic Gaussian on the axis to the textbook disc', () => {
    const view = { ...VIEW, cameraFromWorld: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 4] };
    const [record] = [projectGaussians(one({ logScales: [Math.log(0.2), Math.log(0.2), Math.log(0.2)] }), view)];
    const xx = (35 / 4) ** 2 * 0.04 + 0.3;
    const yy = (37 / 4) ** 2 * 0.04 + 0.3;
    const opacity = 1 / (1 + Math.exp(-2));
    const cutoff = 2 * Math.log(255 * opacity);
    const colour = 0.5 + 0.3 * 0.28209479177387814;
    const expected = [
      ...[21, 14, 1 / xx, 0, 1 / yy, opacity, colour, colour, colour, 4],
      ...[Math.sqrt(cutoff * xx), Math.sqrt(cutoff * yy), cutoff, 1 / (xx * yy), 0, 0],
    ];
    expectClose('record', record, expected, { abs: 1e-12 });
  });

  it('alpha is exactly 1/255 where the box touches the ellipse', () => {
    const record = projectGaussians(one({ logScales: [-1, 0.2, -0.5], quaternions: [0.3, 1, -0.4, 0.8] }), VIEW);
    const [a, b, c] = [PROJECTED.conicA, PROJECTED.conicB, PROJECTED.conicC].map((field) => record[field]);
    const dx = record[PROJECTED.extentX];
    // Along the box's side x = extentX the quadratic form is smallest at dy = -b/c dx.
    const dy = (-b / c) * dx;
    const sigma = (a * dx * dx + c * dy * dy) / 2 + b * dx * dy;
    expect(record[PROJECTED.opacity] * Math.exp(-sigma)).toBeCloseTo(1 / 255, 12);
  });

  it.each([
    ['behind the near plane', one({ means: [1.8, 0, -2.4] })],
    ['beside the image', one({ means: [40, 0, 0] })],
    ['too faint for a single pixel', one({ logitOpacities: [-5.55] })],
    ['with a NaN in the mean', one({ means: [0, Number.NaN, 0] })],
    ['with a NaN in the opacity', one({ logitOpacities: [Number.NaN] })],
    ['with a NaN in the scales', one({ logScales: [-1, Number.NaN, -1] })],
    ['with a NaN in the quaternion', one({ quaternions: [1, 0, Number.NaN, 0] })],
  ])('culls a Gaussian %s, and it has no gradient', (_, parameters) => {
    const expected = new Float64Array(PROJECTED_FLOATS);
    expected[PROJECTED.extentX] = -1;
    expect(projectGaussians(parameters, VIEW)).toEqual(expected);
    const gradients = projectGaussiansBackward(parameters, VIEW, new Float64Array(SCREEN_GRADIENT_FLOATS).fill(1));
    expect(Object.values(gradients).every((values) => values.every((value) => value === 0))).toBe(true);
  });

  it('draws the same Gaussian otherwise', () => {
    expect(projectGaussians(one(), VIEW)[PROJECTED.extentX]).toBeGreaterThan(0);
  });
});
