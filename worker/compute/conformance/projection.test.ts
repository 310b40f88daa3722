import { expect, it } from 'vitest';
import {
  createGaussianBuffers,
  PROJECTED_BYTES,
  packGaussians,
  parameterFloats,
  project,
  projectBackward,
  projectGaussians,
  projectGaussiansBackward,
  SCREEN_GRADIENT_FLOATS,
  type ShDegree,
  unpackLanes,
} from '../../kernels/index.ts';
import { expectClose, expectVectorAgreement, seededRandom } from '../../kernels/testing/index.ts';
import { COUNTS, PARAMETERS, randomGaussians, viewOfSize } from './scenes.ts';
import { conformance, type JunkFilledBackend } from './suite.ts';

const SEED = 7100;
const VIEW = viewOfSize(64, 48);

interface Case {
  readonly seed: number;
  readonly count: number;
  readonly shDegree: ShDegree;
  readonly activeShDegree: ShDegree;
}

function prepare(backend: JunkFilledBackend, { seed, count, shDegree, activeShDegree }: Case) {
  const gaussians = randomGaussians(seed, count, shDegree);
  const parameters = createGaussianBuffers(backend, 'parameters', count, shDegree);
  const packed = packGaussians(gaussians);
  for (const name of PARAMETERS) backend.write(parameters[name], packed[name]);
  const projected = backend.createBuffer('projected', count * PROJECTED_BYTES);
  return { gaussians, scene: { parameters, count, shDegree, activeShDegree, view: VIEW, projected } };
}

const DEGREES: readonly Case[] = [
  { seed: SEED + 1, count: 40, shDegree: 3, activeShDegree: 1 },
  { seed: SEED + 2, count: 40, shDegree: 2, activeShDegree: 2 },
  { seed: SEED + 3, count: 40, shDegree: 1, activeShDegree: 0 },
  { seed: SEED + 4, count: 40, shDegree: 0, activeShDegree: 0 },
];
const CASES: readonly Case[] = [
  ...COUNTS.map((count) => ({ seed: SEED + count, count, shDegree: 3, activeShDegree: 3 }) as const),
  ...DEGREES,
];

conformance(
  'project',
  (on) => {
    it.each(CASES)('$count Gaussians, degree $activeShDegree of $shDegree (seed $seed)', async (given) => {
      const { gaussians, scene } = prepare(on(), given);
      on().run(project, scene);
      const records = await on().floats(scene.projected);
      const expected = projectGaussians(gaussians, VIEW, given.activeShDegree);
      expect(records.length).toBe(expected.length);
      if (given.count > 0) expectClose('records', records, expected, { abs: 1e-5, rel: 2e-4 });
    });

    it('culls what is not finite, and the Gaussian beside it is still drawn', async () => {
      for (const name of PARAMETERS) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const { gaussians, scene } = prepare(on(), { seed: SEED, count: 5, shDegree: 1, activeShDegree: 1 });
          const values = Float64Array.from(gaussians[name]).fill(bad, 0, 1);
          on().write(scene.parameters[name], packGaussians({ ...gaussians, [name]: values })[name]);
          on().run(project, scene);
          const records = await on().floats(scene.projected);
          const expected = projectGaussians(gaussians, VIEW);
          expect(records.some(Number.isNaN), `${name} ${bad}`).toBe(false);
          expectClose(`beside ${name} ${bad}`, records.subarray(16), expected.subarray(16), { abs: 1e-5, rel: 2e-4 });
          on().destroyAll();
        }
      }
    });
  },
  ['split'],
);

conformance(
  'projectBackward',
  (on) => {
    it.each(CASES)('$count Gaussians, degree $activeShDegree of $shDegree (seed $seed)', async (given) => {
      const { gaussians, scene } = prepare(on(), given);
      const { count, shDegree, activeShDegree } = given;
      const random = seededRandom(given.seed);
      const upstream = random.fill(SCREEN_GRADIENT_FLOATS * count, (r) => Math.fround(r.normal()));
      const gradients = createGaussianBuffers(on(), 'gradients', count, shDegree);
      on().run(project, scene);
      on().run(projectBackward, { ...scene, upstream: on().uploadFloats('upstream', upstream), gradients });
      const expected = projectGaussiansBackward(gaussians, VIEW, upstream, activeShDegree);
      const widths = parameterFloats(shDegree);
      for (const name of PARAMETERS) {
        const lanes = await on().floats(gradients[name]);
        const actual = unpackLanes(lanes, count, widths[name]);
        const padding = lanes.filter((_, i) => 4 * Math.floor(i / (4 * widths[name])) + (i % 4) >= count);
        expect(padding.every((value) => value === 0)).toBe(true);
        // Culled, or above the active degree: zero to the last bit.
        for (let i = 0; i < expected[name].length; i++) if (expected[name][i] === 0) expect(actual[i]! + 0).toBe(0);
        if (!expected[name].some((value) => value !== 0)) continue;
        expectClose(name, actual, expected[name], { rel: 1e-4, scale: 'largest' });
        expectVectorAgreement(name, actual, expected[name], { minCosine: 1 - 1e-7, normRel: 1e-4 });
      }
    });
  },
  ['split'],
);
