import { afterAll, describe, expect, it } from 'vitest';
import { type DeviceBuffer, WasmBackend } from '../../compute/index.ts';
import {
  createGaussianBuffers,
  type GaussianGradients,
  packGaussians,
  parameterFloats,
  project,
  projectGaussians,
} from '../projection/index.ts';
import { PROJECTED, PROJECTED_FLOATS, packLanes, SLOT_FLOATS, unpackLanes } from '../shared/index.ts';
import type { ShDegree } from '../spherical-harmonics/index.ts';
import { expectClose, largestMagnitude, seededRandom } from '../testing/index.ts';
import {
  copyGaussians,
  covariance,
  noiseDeviate,
  splatUpdate,
  type UpdateInputs,
  type UpdateSettings,
  type UpdateState,
  updateGaussians,
} from './index.ts';

const backends = [await WasmBackend.create({ threads: 1 }), await WasmBackend.create({ threads: 2 })] as const;
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

const NAMES = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;
const STATES = ['parameters', 'firstMoments', 'secondMoments'] as const;

const VIEW = {
  widthPixels: 60,
  heightPixels: 44,
  fx: 50,
  fy: 52,
  cx: 31,
  cy: 20,
  cameraFromWorld: [0.8, 0, 0.6, 0.1, 0, 1, 0, -0.2, -0.6, 0, 0.8, 2.5],
};

const SETTINGS: UpdateSettings = {
  rates: { means: 1e-3, quaternions: 2e-3, logScales: 5e-3, logitOpacities: 5e-2, shDc: 2.5e-3, shRest: 1.25e-4 },
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  step: 3,
  opacityRegularisation: 0.01,
  scaleRegularisation: 0.01,
  noiseScale: 0,
  seed: 7,
  iteration: 12,
  selective: false,
};

interface Change {
  readonly settings?: Partial<UpdateSettings>;
  readonly activeShDegree?: ShDegree;
  readonly logitOpacity?: number;
  readonly slotShare?: number;
}

function randomInputs(seed: number, count: number, shDegree: ShDegree, change: Change = {}): UpdateInputs {
  const random = seededRandom(seed);
  const floats = parameterFloats(shDegree);
  const float32 = (length: number, draw: () => number) => Float64Array.from({ length }, () => Math.fround(draw()));
  const group = (draw: () => number) =>
    Object.fromEntries(NAMES.map((name) => [name, float32(count * floats[name], draw)])) as GaussianGradients;
  const parameters: GaussianGradients = {
    means: float32(3 * count, () => 0.9 * random.normal()),
    quaternions: float32(4 * count, () => random.normal()),
    logScales: float32(3 * count, () => -2 + 0.5 * random.normal()),
    logitOpacities: float32(count, () => (change.logitOpacity ?? 0) + 2 * random.normal()),
    sh: float32(floats.sh * count, () => 0.2 * random.normal()),
  };
  const activeShDegree = change.activeShDegree ?? shDegree;
  const records = projectGaussians({ ...parameters, shDegree }, VIEW, activeShDegree);
  const slotStart = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    const drawn =
      records[i * PROJECTED_FLOATS + PROJECTED.extentX] >= 0 && random.uniform() < (change.slotShare ?? 0.8);
    slotStart[i + 1] = slotStart[i] + (drawn ? 1 + random.integer(6) : 0);
  }
  const slots = float32(slotStart[count] * SLOT_FLOATS, () => random.normal());
  const state: UpdateState = {
    parameters,
    firstMoments: group(() => random.normal()),
    secondMoments: group(() => 0.1 + random.uniform()),
  };
  const settings = { ...SETTINGS, ...change.settings };
  return { state, shDegree, activeShDegree, view: VIEW, records, slotStart, slots, settings };
}

/** The state after the kernel, as float32 rows; the records come from the wasm projection. */
async function run(
  backend: WasmBackend,
  inputs: UpdateInputs,
): Promise<Record<(typeof STATES)[number], GaussianGradients>> {
  const { shDegree, activeShDegree, view, slotStart, slots } = inputs;
  const count = slotStart.length - 1;
  const used: DeviceBuffer[] = [];
  const create = (label: string, data: ArrayBufferView) => {
    const buffer = backend.createBuffer(label, data.byteLength);
    backend.write(buffer, data);
    used.push(buffer);
    return buffer;
  };
  const upload = (label: (typeof STATES)[number]) => {
    const buffers = createGaussianBuffers(backend, label, count, shDegree);
    const packed = packGaussians({ ...inputs.state[label], shDegree });
    for (const name of NAMES) {
      const padding =
        label === 'parameters'
          ? packed[name]
          : packLanes(inputs.state[label][name], count, parameterFloats(shDegree)[name]);
      backend.write(buffers[name], padding);
      used.push(buffers[name]);
    }
    return buffers;
  };
  const states = {
    parameters: upload('parameters'),
    firstMoments: upload('firstMoments'),
    secondMoments: upload('secondMoments'),
  };
  const projected = create('projected', new Uint8Array(count * PROJECTED_FLOATS * 4).fill(0x7f));
  const common = { count, shDegree, activeShDegree, view, projected };
  backend.run(project, { ...common, parameters: states.parameters });
  backend.run(splatUpdate, {
    ...inputs.settings,
    ...common,
    ...states,
    slotStart: create('slotStart', Uint32Array.from(slotStart)),
    slots: create('slots', Float32Array.from(slots)),
  });
  const result = {} as Record<(typeof STATES)[number], GaussianGradients>;
  for (const state of STATES) {
    result[state] = {} as GaussianGradients;
    for (const name of NAMES) {
      const lanes = new Float32Array(await backend.read(states[state][name]));
      result[state][name] = Float64Array.from(unpackLanes(lanes, count, parameterFloats(shDegree)[name]));
    }
  }
  for (const buffer of used) backend.destroyBuffer(buffer);
  return result;
}

function expectState(actual: UpdateState, expected: UpdateState, before: UpdateState): void {
  for (const name of NAMES) {
    const first = { rel: 2e-4, scale: 'largest' } as const;
    expectClose(`first moment of ${name}`, actual.firstMoments[name], expected.firstMoments[name], first);
    expectClose(`second moment of ${name}`, actual.secondMoments[name], expected.secondMoments[name], first);
    // The step, not the value: a step of a thousandth would pass any tolerance on the value.
    const step = (state: UpdateState) => state.parameters[name].map((value, i) => value - before.parameters[name][i]);
    const taken = step(expected);
    const rounding = 2e-7 * largestMagnitude(before.parameters[name]);
    expectClose(`step of ${name}`, step(actual), taken, { abs: rounding, rel: 5e-4, scale: 'largest' });
  }
}

describe('fused splat update', () => {
  it.each([
    { shDegree: 3, activeShDegree: 3, selective: false },
    { shDegree: 3, activeShDegree: 3, selective: true },
    { shDegree: 3, activeShDegree: 1, selective: true },
    { shDegree: 3, activeShDegree: 0, selective: false },
    { shDegree: 2, activeShDegree: 2, selective: true },
    { shDegree: 1, activeShDegree: 1, selective: false },
    { shDegree: 0, activeShDegree: 0, selective: true },
  ] as const)('agrees with separate passes in float64: %o', async ({ shDegree, activeShDegree, selective }) => {
    const inputs = randomInputs(200 + shDegree, 203, shDegree, { activeShDegree, settings: { selective } });
    expectState(await run(backends[1], inputs), updateGaussians(inputs), inputs.state);
  });

  it.each([1, 2, 3, 4, 5, 8, 17])('agrees for %i Gaussians', async (count) => {
    const inputs = randomInputs(300 + count, count, 1, { slotShare: 1, settings: { noiseScale: 0.1 } });
    expectState(await run(backends[1], inputs), updateGaussians(inputs), inputs.state);
  });

  it('does nothing to nothing', async () => {
    expect((await run(backends[1], randomInputs(1, 0, 1))).parameters.means).toHaveLength(0);
  });

  it('leaves what has no slot alone to the last bit when selective, and only then', async () => {
    const inputs = randomInputs(210, 90, 2, { slotShare: 0.4, settings: { selective: true, noiseScale: 1 } });
    const after = await run(backends[1], inputs);
    const everything = await run(backends[1], { ...inputs, settings: { ...inputs.settings, selective: false } });
    const floats = parameterFloats(2);
    let alone = 0;
    for (let i = 0; i < 90; i++) {
      const unseen = inputs.slotStart[i] === inputs.slotStart[i + 1];
      if (unseen) alone++;
      for (const state of STATES) {
        for (const name of NAMES) {
          const range = [i * floats[name], (i + 1) * floats[name]] as const;
          const old = inputs.state[state][name].slice(...range);
          if (unseen) expect(after[state][name].slice(...range)).toEqual(old);
          else expect(after[state][name].slice(...range)).not.toEqual(old);
          expect(everything[state][name].slice(...range)).not.toEqual(old);
        }
      }
    }
    expect(alone).toBeGreaterThan(20);
  });

  it('touches no coefficient above the active degree', async () => {
    const inputs = randomInputs(211, 24, 3, { activeShDegree: 1 });
    const after = await run(backends[0], inputs);
    for (const state of STATES) {
      after[state].sh.forEach((value, i) => {
        if (Math.floor(i / 3) % 16 >= 4) expect(value).toBe(inputs.state[state].sh[i]);
      });
    }
  });

  it.each([false, true])('gives the same bits on one thread and on two (selective: %s)', async (selective) => {
    const inputs = randomInputs(212, 777, 3, { settings: { selective, noiseScale: 0.5 } });
    expect(await run(backends[0], inputs)).toEqual(await run(backends[1], inputs));
  });

  it('a colour that was clamped does not learn from its own gradient', async () => {
    const inputs = randomInputs(213, 1, 0, { slotShare: 1 });
    const dark = { ...inputs.state.parameters, sh: Float64Array.of(-9, 0.1, 0.1) };
    const firstMoments = { ...inputs.state.firstMoments, sh: new Float64Array(3) };
    const records = projectGaussians({ ...dark, shDegree: 0 }, VIEW);
    const after = await run(backends[0], {
      ...inputs,
      records,
      slotStart: [0, 1],
      slots: new Float64Array(SLOT_FLOATS).fill(1),
      state: { ...inputs.state, parameters: dark, firstMoments },
    });
    expect(after.firstMoments.sh[0]).toBe(0);
    expect(after.firstMoments.sh[1]).not.toBe(0);
  });

  it('a NaN in one Gaussian stays in that Gaussian', async () => {
    const inputs = randomInputs(214, 8, 1, { slotShare: 1, settings: { noiseScale: 1 } });
    const quaternions = Float64Array.from(inputs.state.parameters.quaternions);
    quaternions.fill(0, 4, 8);
    const parameters = { ...inputs.state.parameters, quaternions };
    const records = projectGaussians({ ...parameters, shDegree: 1 }, VIEW);
    const { parameters: after } = await run(backends[0], {
      ...inputs,
      records,
      state: { ...inputs.state, parameters },
    });
    for (const name of NAMES) expect(after[name].some(Number.isNaN), name).toBe(false);
  });

  it('refuses a step before the first and a degree above the stored one', async () => {
    const inputs = randomInputs(215, 4, 1);
    await expect(run(backends[0], { ...inputs, settings: { ...inputs.settings, step: 0 } })).rejects.toThrow(/from 1/);
    await expect(run(backends[0], { ...inputs, activeShDegree: 2 })).rejects.toThrow(/above the stored/);
  });
});

describe('position noise', () => {
  const quiet = { rates: { means: 0, quaternions: 0, logScales: 0, logitOpacities: 0, shDc: 0, shRest: 0 } };

  it('is the hash of the definition, scaled by covariance and transparency', async () => {
    const inputs = randomInputs(220, 60, 0, { logitOpacity: -5, settings: { ...quiet, noiseScale: 40 } });
    const after = await run(backends[1], inputs);
    expectState(after, updateGaussians(inputs), inputs.state);
    const moved = after.parameters.means.map((value, i) => value - inputs.state.parameters.means[i]);
    expect(largestMagnitude(moved)).toBeGreaterThan(0.1);
  });

  it('spares opaque Gaussians, and its scale may be zero', async () => {
    const opaque = randomInputs(221, 20, 0, { logitOpacity: 9, settings: { ...quiet, noiseScale: 1e3 } });
    expect((await run(backends[0], opaque)).parameters.means).toEqual(opaque.state.parameters.means);
    const still = randomInputs(222, 20, 0, { logitOpacity: -9, settings: { ...quiet, noiseScale: 0 } });
    expect((await run(backends[0], still)).parameters.means).toEqual(still.state.parameters.means);
  });

  it('has mean 0 and the covariance Sigma^2, uncorrelated between Gaussians, axes, iterations and seeds', async () => {
    const count = 20_000;
    const inputs = randomInputs(223, 1, 0, { logitOpacity: -20, settings: { ...quiet, noiseScale: 1 } });
    const one = inputs.state;
    const repeat = (group: GaussianGradients) =>
      Object.fromEntries(
        NAMES.map((name) => [
          name,
          Float64Array.from({ length: count * group[name].length }, (_, i) => group[name][i % group[name].length]),
        ]),
      ) as GaussianGradients;
    const means = new Float64Array(3 * count);
    const state: UpdateState = {
      parameters: { ...repeat(one.parameters), means },
      firstMoments: repeat(one.firstMoments),
      secondMoments: repeat(one.secondMoments),
    };
    const after = await run(backends[1], { ...inputs, state, slotStart: new Uint32Array(count + 1), slots: [] });
    const moved = after.parameters.means;
    const sigma = covariance({ ...one.parameters, shDegree: 0 }, 0);
    const factor = 1 / (1 + Math.exp(-0.5));
    const expected: number[] = [];
    const measured: number[] = [];
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < 3; column++) {
        let square = 0;
        for (let k = 0; k < 3; k++) square += sigma[3 * row + k] * sigma[3 * k + column];
        expected.push(square * factor ** 2);
        let sum = 0;
        for (let i = 0; i < count; i++) sum += moved[3 * i + row] * moved[3 * i + column];
        measured.push(sum / count);
      }
    }
    expectClose('covariance', measured, expected, { rel: 0.03, scale: 'largest' });
    const average = [0, 1, 2].map(
      (axis) => moved.reduce((sum, value, i) => sum + (i % 3 === axis ? value : 0), 0) / count,
    );
    expectClose('mean', average, [0, 0, 0], { abs: 0.03 * Math.sqrt(largestMagnitude(expected)) });

    const draws = (seed: number, iteration: number) =>
      Float64Array.from({ length: 3 * 4000 }, (_, i) => noiseDeviate(seed, iteration, Math.floor(i / 3), i % 3));
    const base = draws(1, 5);
    const correlation = (other: Float64Array) =>
      base.reduce((sum, value, i) => sum + value * other[i], 0) / base.length;
    expectClose('variance', [correlation(base)], [1], { abs: 0.03 });
    const shifted = (by: number) => base.map((_, i) => base[(i + by) % base.length]);
    for (const other of [draws(1, 6), draws(2, 5), draws(1 + 2 ** 40, 5), shifted(1), shifted(3)]) {
      expectClose('correlation', [correlation(other)], [0], { abs: 0.04 });
    }
  });
});

describe('copyGaussians', () => {
  it('copies parameters, sets opacity and scales at both ends and clears the moments there', async () => {
    const backend = backends[1];
    const count = 11;
    const { state } = randomInputs(230, count, 1);
    const floats = parameterFloats(1);
    const upload = (label: (typeof STATES)[number]) => {
      const buffers = createGaussianBuffers(backend, label, count, 1);
      for (const name of NAMES) backend.write(buffers[name], packLanes(state[label][name], count, floats[name]));
      return buffers;
    };
    const states = {
      parameters: upload('parameters'),
      firstMoments: upload('firstMoments'),
      secondMoments: upload('secondMoments'),
    };
    const write = (label: string, data: ArrayBufferView) => {
      const buffer = backend.createBuffer(label, data.byteLength);
      backend.write(buffer, data);
      return buffer;
    };
    const sources = [3, 7, 3];
    const targets = [0, 10, 5];
    const opacities = [-1, -2, -1];
    const scales = [-3, -4, -5, -6, -7, -8, -3, -4, -5];
    backend.run(copyGaussians, {
      ...states,
      shDegree: 1,
      copies: 3,
      sources: write('sources', Uint32Array.from(sources)),
      targets: write('targets', Uint32Array.from(targets)),
      newLogitOpacities: write('opacities', Float32Array.from(opacities)),
      newLogScales: write('scales', Float32Array.from(scales)),
    });
    const expected = structuredClone(state);
    sources.forEach((source, k) => {
      const target = targets[k];
      expected.parameters.logitOpacities[source] = opacities[k];
      expected.parameters.logScales.set(scales.slice(3 * k, 3 * k + 3), 3 * source);
      for (const name of NAMES) {
        const row = expected.parameters[name].slice(source * floats[name], (source + 1) * floats[name]);
        expected.parameters[name].set(row, target * floats[name]);
        for (const moments of [expected.firstMoments, expected.secondMoments]) {
          for (const end of [source, target]) moments[name].fill(0, end * floats[name], (end + 1) * floats[name]);
        }
      }
    });
    for (const label of STATES) {
      for (const name of NAMES) {
        const lanes = new Float32Array(await backend.read(states[label][name]));
        expect(Float64Array.from(unpackLanes(lanes, count, floats[name])), `${label} ${name}`).toEqual(
          expected[label][name],
        );
      }
    }
  });
});
