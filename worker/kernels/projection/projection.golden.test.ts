import { afterAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { blendBackward } from '../blending/reference.ts';
import { blendSceneOf, loadSplatCases, parametersOf, upstreamOf, viewOf } from '../golden/index.ts';
import { PROJECTED, PROJECTED_FLOATS, unpackLanes } from '../shared/index.ts';
import type { ShDegree } from '../spherical-harmonics/index.ts';
import { expectClose, expectNoMissingGradient, expectVectorAgreement, seededRandom } from '../testing/index.ts';
import {
  createGaussianBuffers,
  type GaussianParameters,
  packGaussians,
  parameterFloats,
  project,
  projectBackward,
  projectGaussians,
  projectGaussiansBackward,
} from './index.ts';

const backends = [await WasmBackend.create({ threads: 1 }), await WasmBackend.create({ threads: 2 })] as const;
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

const NAMES = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;

interface Setup {
  readonly parameters: GaussianParameters;
  readonly view: ReturnType<typeof viewOf>;
  readonly activeShDegree?: ShDegree;
  readonly upstream: ArrayLike<number>;
}

/** Records and gradients of both kernels; every output starts as junk. */
async function run(backend: WasmBackend, { parameters, view, activeShDegree, upstream }: Setup) {
  const count = parameters.logitOpacities.length;
  const { shDegree } = parameters;
  const packed = packGaussians(parameters);
  const buffers = createGaussianBuffers(backend, 'parameters', count, shDegree);
  const gradients = createGaussianBuffers(backend, 'gradients', count, shDegree);
  const projected = backend.createBuffer('projected', count * PROJECTED_FLOATS * 4);
  const screen = backend.createBuffer('screen gradients', count * 48);
  const all = [...Object.values(buffers), ...Object.values(gradients), projected, screen];
  for (const buffer of all) backend.bytes(buffer).fill(0x7f);
  for (const name of NAMES) backend.write(buffers[name], packed[name]);
  backend.write(screen, Float32Array.from(upstream));
  const args = { parameters: buffers, count, shDegree, activeShDegree: activeShDegree ?? shDegree, view, projected };
  backend.run(project, args);
  backend.run(projectBackward, { ...args, upstream: screen, gradients });
  const floats = parameterFloats(shDegree);
  const unpacked = {} as Record<(typeof NAMES)[number], Float32Array>;
  const padding: number[] = [];
  for (const name of NAMES) {
    const lanes = new Float32Array(await backend.read(gradients[name]));
    unpacked[name] = unpackLanes(lanes, count, floats[name]);
    lanes.forEach((value, i) => {
      if (4 * Math.floor(i / (4 * floats[name])) + (i % 4) >= count) padding.push(value);
    });
  }
  const records = new Float32Array(await backend.read(projected));
  for (const buffer of all) backend.destroyBuffer(buffer);
  return { records, gradients: unpacked, padding };
}

describe.each(loadSplatCases())('wasm projection on golden case $name', ({ golden }) => {
  const parameters = parametersOf(golden);
  const view = viewOf(golden);
  const exact = projectGaussians(parameters, view);
  const screen = blendBackward(blendSceneOf(golden, exact), upstreamOf(golden)).records;
  const setup = { parameters, view, upstream: screen };

  it('places and shapes what is drawn, culls the rest', async () => {
    const { records } = await run(backends[1], setup);
    for (let i = 0; i < golden.N; i++) {
      const record = records.subarray(i * PROJECTED_FLOATS, (i + 1) * PROJECTED_FLOATS);
      expect(record[PROJECTED.extentX] >= 0, `Gaussian ${i} drawn`).toBe(golden.drawn[i] === 1);
      if (golden.drawn[i] === 0) continue;
      const mean = golden.outputs.means2d.slice(2 * i, 2 * i + 2);
      expectClose(`mean ${i}`, record.subarray(0, 2), mean, { abs: 1e-3, rel: 1e-4 });
      const conic = golden.outputs.conics.slice(3 * i, 3 * i + 3);
      expectClose(`conic ${i}`, record.subarray(2, 5), conic, { abs: 1e-9, rel: 1e-4, scale: 'largest' });
      const row = exact.subarray(i * PROJECTED_FLOATS, (i + 1) * PROJECTED_FLOATS);
      expectClose(`record ${i}`, record.subarray(5), row.subarray(5), { abs: 1e-6, rel: 5e-5 });
      // The extents never pass the box by which golden values cull.
      expect(record[PROJECTED.extentX]).toBeLessThanOrEqual(Math.ceil(3.33 * Math.sqrt(row[4] / row[13])) + 1e-3);
    }
  });

  it('has the gradients of the golden case', async () => {
    const { gradients, padding } = await run(backends[1], setup);
    const { quats_wxyz, ...others } = golden.gradients;
    const expected = { ...others, quaternions: quats_wxyz };
    const floats = parameterFloats(golden.shDegree);
    for (const name of NAMES) {
      const { [name]: actual } = gradients;
      expectClose(name, actual, expected[name], { rel: 1e-4, scale: 'largest' });
      expectVectorAgreement(name, actual, expected[name], { minCosine: 1 - 1e-7, normRel: 1e-4 });
      // Below 1e-6, float32 and the ninth decimal of the file may disagree about what is zero.
      const legible = (values: ArrayLike<number>) =>
        Array.from(values, (value, i) => (Math.abs(expected[name][i]) < 1e-6 ? 0 : value));
      expectNoMissingGradient(name, legible(actual), legible(expected[name]), floats[name]);
    }
    expect(padding.every((value) => value === 0)).toBe(true);
  });
});

const VIEW = {
  widthPixels: 60,
  heightPixels: 44,
  fx: 50,
  fy: 52,
  cx: 31,
  cy: 20,
  cameraFromWorld: [0.8, 0, 0.6, 0.1, 0, 1, 0, -0.2, -0.6, 0, 0.8, 2.5],
};

function randomSetup(seed: number, count: number, shDegree: ShDegree): Setup {
  const random = seededRandom(seed);
  return {
    view: VIEW,
    parameters: {
      means: random.fill(3 * count, (r) => Math.fround(1.2 * r.normal())),
      quaternions: random.fill(4 * count, (r) => Math.fround(r.normal())),
      logScales: random.fill(3 * count, (r) => Math.fround(-2 + 0.7 * r.normal())),
      logitOpacities: random.fill(count, (r) => Math.fround(2 * r.normal())),
      sh: random.fill(3 * (shDegree + 1) ** 2 * count, (r) => Math.fround(0.3 * r.normal())),
      shDegree,
    },
    upstream: random.fill(12 * count, (r) => Math.fround(r.normal())),
  };
}

describe('wasm projection', () => {
  it.each([0, 1, 3, 4, 5, 15, 16, 17, 1003])('agrees with the definition for %i Gaussians', async (count) => {
    const setup = randomSetup(50 + count, count, 3);
    const { records, gradients, padding } = await run(backends[1], setup);
    expect(padding.every((value) => value === 0)).toBe(true);
    if (count === 0) return;
    const exact = projectGaussians(setup.parameters, VIEW);
    const expected = projectGaussiansBackward(setup.parameters, VIEW, setup.upstream);
    expectClose('records', records, exact, { abs: 1e-5, rel: 2e-4 });
    for (const name of NAMES) {
      if (expected[name].every((value) => value === 0))
        expect(gradients[name].every((value) => value === 0)).toBe(true);
      else expectClose(name, gradients[name], expected[name], { rel: 1e-4, scale: 'largest' });
    }
  });

  it.each([
    [3, 0],
    [3, 1],
    [3, 2],
    [2, 1],
    [1, 1],
    [0, 0],
  ] as const)('uses of %i stored SH degrees only the active %i', async (stored, activeShDegree) => {
    const setup = { ...randomSetup(80, 40, stored), activeShDegree };
    const { records, gradients } = await run(backends[1], setup);
    expectClose('records', records, projectGaussians(setup.parameters, VIEW, activeShDegree), { abs: 1e-5, rel: 2e-4 });
    const expected = projectGaussiansBackward(setup.parameters, VIEW, setup.upstream, activeShDegree);
    expectClose('sh', gradients.sh, expected.sh, { rel: 1e-4, scale: 'largest' });
    expectClose('means', gradients.means, expected.means, { rel: 1e-4, scale: 'largest' });
    gradients.sh.forEach((value, i) => {
      if (expected.sh[i] === 0) expect(value === 0, `sh[${i}] is ${value}`).toBe(true);
    });
  });

  it('refuses an active degree above the stored one', async () => {
    await expect(run(backends[0], { ...randomSetup(81, 4, 1), activeShDegree: 2 })).rejects.toThrow(RangeError);
  });

  it('gives the same bits on one thread and on two', async () => {
    const setup = randomSetup(90, 777, 3);
    expect(await run(backends[0], setup)).toEqual(await run(backends[1], setup));
  });

  it('culls NaN and infinity in any parameter, with gradients of zero', async () => {
    for (const name of NAMES) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const setup = randomSetup(95, 4, 1);
        const values = Float64Array.from(setup.parameters[name]);
        values[0] = bad;
        const { records, gradients } = await run(backends[0], {
          ...setup,
          parameters: { ...setup.parameters, [name]: values },
        });
        expect(records.some(Number.isNaN), `${name} ${bad}`).toBe(false);
        if (name === 'sh') continue;
        for (const other of NAMES) {
          const rest = gradients[other].subarray(0, parameterFloats(1)[other]);
          if (records[PROJECTED.extentX] < 0) expect(rest.every((value) => value === 0)).toBe(true);
        }
      }
    }
  });
});
