import { expect, it } from 'vitest';
import {
  adam,
  adamReference,
  copyGaussians,
  createGaussianBuffers,
  type GaussianBuffers,
  laneBytes,
  PADDING,
  PROJECTED,
  PROJECTED_BYTES,
  PROJECTED_FLOATS,
  packLanes,
  parameterFloats,
  permuteLanes,
  permuteWorkspaceBytes,
  project,
  projectGaussians,
  type ShDegree,
  SLOT_FLOATS,
  splatUpdate,
  type UpdateSettings,
  type UpdateState,
  unpackLanes,
  updateGaussians,
} from '../../kernels/index.ts';
import { expectClose, largestMagnitude, seededRandom } from '../../kernels/testing/index.ts';
import { COUNTS, PARAMETERS, randomGaussians, viewOfSize } from './scenes.ts';
import { conformance, type JunkFilledBackend } from './suite.ts';

const SEED = 7700;
const VIEW = viewOfSize(64, 48);
const STATES = ['parameters', 'firstMoments', 'secondMoments'] as const;
const ADAM = { beta1: 0.9, beta2: 0.999 } as const;

conformance('adam', (on) => {
  it.each(COUNTS.map((count) => ({ count, seed: SEED + count })))('$count floats (seed $seed)', async (given) => {
    const { count, seed } = given;
    const random = seededRandom(seed);
    const draw = (low: number, high: number) => Float32Array.from(random.fill(count, (r) => r.uniform(low, high)));
    const data = {
      parameters: draw(-2, 2),
      gradients: draw(-1, 1).map((g, i) => (i % 7 === 0 ? 0 : g * 10 ** ((i % 5) - 3))),
      firstMoments: draw(-0.1, 0.1),
      secondMoments: draw(0, 0.01),
    };
    for (const step of [1, 5000]) {
      const buffers = {
        parameters: on().upload('parameters', data.parameters),
        gradients: on().upload('gradients', data.gradients),
        firstMoments: on().upload('first moments', data.firstMoments),
        secondMoments: on().upload('second moments', data.secondMoments),
      };
      const hyper = { ...ADAM, rate: 0.01, epsilon: 1e-15, step };
      on().run(adam, { ...buffers, count, ...hyper });
      const expected = adamReference({ ...data, ...hyper });
      for (const [name, abs] of [
        ['parameters', 1e-6],
        ['firstMoments', 1e-8],
        ['secondMoments', 1e-9],
      ] as const) {
        const actual = await on().floats(buffers[name]);
        expect(actual.length).toBe(count);
        if (count > 0) expectClose(name, actual, expected[name], { abs, rel: 1e-6 });
      }
    }
  });

  it(`leaves rows that were not seen alone (seed ${SEED})`, async () => {
    const [rows, components] = [20, 12];
    const random = seededRandom(SEED);
    const draw = () => Float32Array.from(random.fill(rows * components, (r) => r.uniform(0, 1)));
    const data = { parameters: draw(), gradients: draw(), firstMoments: draw(), secondMoments: draw() };
    const mask = Uint8Array.from({ length: rows }, (_, i) => (i < 4 ? 0 : [0, 1, 255][i % 3]!));
    const hyper = { ...ADAM, rate: 0.01, epsilon: 1e-15, step: 3 };
    const parameters = on().upload('parameters', data.parameters);
    const firstMoments = on().upload('first moments', data.firstMoments);
    on().run(adam, {
      ...{ parameters, firstMoments, count: rows * components, ...hyper },
      gradients: on().upload('gradients', data.gradients),
      secondMoments: on().upload('second moments', data.secondMoments),
      visible: { mask: on().upload('mask', mask), components },
    });
    const updates = (i: number) => mask[4 * Math.floor(i / (4 * components)) + (i % 4)] !== 0;
    const expected = adamReference({ ...data, ...hyper, updates });
    const actual = await on().floats(parameters);
    expectClose('parameters', actual, expected.parameters, { abs: 1e-6 });
    expectClose('first moments', await on().floats(firstMoments), expected.firstMoments, { abs: 1e-6 });
    for (let i = 0; i < actual.length; i++) if (!updates(i)) expect(actual[i]).toBe(data.parameters[i]);
  });
});

function randomState(seed: number, count: number, shDegree: ShDegree): UpdateState {
  const random = seededRandom(seed + 1);
  const { shDegree: _, ...gaussians } = randomGaussians(seed, count, shDegree);
  const moments = (draw: () => number) =>
    Object.fromEntries(
      PARAMETERS.map((name) => [name, Float64Array.from(gaussians[name], () => Math.fround(draw()))]),
    ) as UpdateState['firstMoments'];
  return {
    parameters: gaussians as UpdateState['parameters'],
    firstMoments: moments(() => random.normal()),
    secondMoments: moments(() => 0.1 + random.uniform()),
  };
}

function uploadState(backend: JunkFilledBackend, state: UpdateState, shDegree: ShDegree) {
  const widths = parameterFloats(shDegree);
  const count = state.parameters.logitOpacities.length;
  const buffers = {} as Record<(typeof STATES)[number], GaussianBuffers>;
  for (const kind of STATES) {
    buffers[kind] = createGaussianBuffers(backend, kind, count, shDegree);
    for (const name of PARAMETERS) {
      const padding = kind === 'parameters' ? PADDING[name] : 0;
      backend.write(buffers[kind][name], packLanes(state[kind][name], count, widths[name], padding));
    }
  }
  return buffers;
}

async function readState(
  backend: JunkFilledBackend,
  buffers: Readonly<Record<(typeof STATES)[number], GaussianBuffers>>,
  count: number,
  shDegree: ShDegree,
): Promise<UpdateState> {
  const widths = parameterFloats(shDegree);
  const state = { parameters: {}, firstMoments: {}, secondMoments: {} } as {
    [kind in keyof UpdateState]: Record<(typeof PARAMETERS)[number], Float64Array>;
  };
  for (const kind of STATES) {
    for (const name of PARAMETERS) {
      const lanes = await backend.floats(buffers[kind][name]);
      state[kind][name] = Float64Array.from(unpackLanes(lanes, count, widths[name]));
    }
  }
  return state;
}

const SETTINGS: UpdateSettings = {
  rates: { means: 1e-3, quaternions: 2e-3, logScales: 5e-3, logitOpacities: 5e-2, shDc: 2.5e-3, shRest: 1.25e-4 },
  ...{ ...ADAM, epsilon: 1e-8, step: 3, opacityRegularisation: 0.01, scaleRegularisation: 0.01 },
  ...{ noiseScale: 0.3, seed: 7, iteration: 12, selective: true },
};

conformance(
  'splatUpdate',
  (on) => {
    const cases = [
      ...COUNTS.map((count) => ({ count, shDegree: 3, activeShDegree: 3, selective: true })),
      { count: 40, shDegree: 3, activeShDegree: 1, selective: false },
      { count: 41, shDegree: 2, activeShDegree: 0, selective: true },
      { count: 42, shDegree: 1, activeShDegree: 1, selective: false },
      { count: 43, shDegree: 0, activeShDegree: 0, selective: true },
    ].map((given) => ({ ...given, seed: SEED + given.count }));

    it.each(cases)('$count, degree $activeShDegree of $shDegree, selective: $selective (seed $seed)', async (given) => {
      const { count, selective, seed } = given;
      const [shDegree, activeShDegree] = [given.shDegree as ShDegree, given.activeShDegree as ShDegree];
      const random = seededRandom(seed + 2);
      const state = randomState(seed, count, shDegree);
      const records = projectGaussians({ ...state.parameters, shDegree }, VIEW, activeShDegree);
      const slotStart = new Uint32Array(count + 1);
      for (let i = 0; i < count; i++) {
        const drawn = records[i * PROJECTED_FLOATS + PROJECTED.extentX]! >= 0 && random.uniform() < 0.8;
        slotStart[i + 1] = slotStart[i]! + (drawn ? 1 + random.integer(6) : 0);
      }
      const slots = random.fill(slotStart[count]! * SLOT_FLOATS, (r) => Math.fround(r.normal()));
      const settings = { ...SETTINGS, selective };

      const buffers = uploadState(on(), state, shDegree);
      const projected = on().createBuffer('projected', count * PROJECTED_BYTES);
      const scene = { count, shDegree, activeShDegree, view: VIEW, projected };
      on().run(project, { ...scene, parameters: buffers.parameters });
      on().run(splatUpdate, {
        ...{ ...settings, ...scene, ...buffers },
        slotStart: on().upload('slot start', slotStart),
        slots: on().uploadFloats('slots', slots),
      });
      const actual = await readState(on(), buffers, count, shDegree);
      const expected = updateGaussians({ ...scene, state, records, slotStart, slots, settings });
      for (const name of count === 0 ? [] : PARAMETERS) {
        const moment = { abs: 1e-7, rel: 2e-4, scale: 'largest' } as const;
        expectClose(`first moment of ${name}`, actual.firstMoments[name], expected.firstMoments[name], moment);
        expectClose(`second moment of ${name}`, actual.secondMoments[name], expected.secondMoments[name], moment);
        // The step, not the value: a step of a thousandth would pass any tolerance on the value.
        const before = state.parameters[name];
        const step = ({ parameters }: UpdateState) => parameters[name].map((value, i) => value - before[i]!);
        const abs = 2e-7 * Math.max(1, largestMagnitude(before));
        expectClose(`step of ${name}`, step(actual), step(expected), { abs, rel: 5e-4, scale: 'largest' });
      }
      for (let i = 0; i < count; i++) {
        if (slotStart[i] !== slotStart[i + 1]) continue;
        if (selective) expect(actual.parameters.means[3 * i]).toBe(state.parameters.means[3 * i]);
        else expect(actual.parameters.means[3 * i]).not.toBe(state.parameters.means[3 * i]);
      }
    });
  },
  ['least', 'split'],
);

conformance('copyGaussians', (on) => {
  it.each([0, 1, 15, 16, 17, 300].map((copies) => ({ copies, seed: SEED + copies })))(
    '$copies copies (seed $seed)',
    async ({ copies, seed }) => {
      const shDegree = 1;
      const widths = parameterFloats(shDegree);
      // Sources are the first ten, so that several copies share one; targets are all different and no source.
      const count = 10 + copies;
      const random = seededRandom(seed);
      const state = randomState(seed, count, shDegree);
      const sources = Uint32Array.from({ length: copies }, () => random.integer(10));
      const targets = Uint32Array.from({ length: copies }, (_, k) => 10 + ((k * 7) % copies));
      // All copies of one source are given the same values.
      const opacities = Float32Array.from(sources, (source) => -source / 4);
      const scales = Float32Array.from({ length: 3 * copies }, (_, i) => -sources[Math.floor(i / 3)]! - (i % 3));
      const buffers = uploadState(on(), state, shDegree);
      on().run(copyGaussians, {
        ...{ ...buffers, shDegree, copies },
        sources: on().upload('sources', sources),
        targets: on().upload('targets', targets),
        newLogitOpacities: on().upload('opacities', opacities),
        newLogScales: on().upload('scales', scales),
      });
      const expected = structuredClone(state);
      sources.forEach((source, k) => {
        const target = targets[k]!;
        expected.parameters.logitOpacities[source] = opacities[k]!;
        expected.parameters.logScales.set(scales.subarray(3 * k, 3 * k + 3), 3 * source);
        for (const name of PARAMETERS) {
          const width = widths[name];
          const row = expected.parameters[name].slice(source * width, (source + 1) * width);
          expected.parameters[name].set(row, target * width);
          for (const moments of [expected.firstMoments, expected.secondMoments]) {
            for (const end of [source, target]) moments[name].fill(0, end * width, (end + 1) * width);
          }
        }
      });
      expect(await readState(on(), buffers, count, shDegree)).toEqual(expected);
    },
  );
});

conformance('permuteLanes', (on) => {
  it.each([1, 3, 4, 15, 16, 17, 300].flatMap((count) => [1, 3, 16, 48].map((stride) => ({ count, stride }))))(
    '$count Gaussians of $stride floats',
    async ({ count, stride }) => {
      const random = seededRandom(SEED + count);
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      const values = Float32Array.from({ length: count * stride }, (_, i) => i);
      const padding = -7;
      const array = on().upload('array', packLanes(values, count, stride, padding));
      const workspace = on().upload('workspace', new Float32Array(permuteWorkspaceBytes(count) / 4).fill(Number.NaN));
      on().run(permuteLanes, { array, stride, count, order: on().upload('order', order), workspace });
      const expected = Float32Array.from(values, (_, i) => order[Math.floor(i / stride)]! * stride + (i % stride));
      const bytes = laneBytes(count, stride);
      const after = new Float32Array(await on().read(array, 0, bytes));
      expect(after).toEqual(packLanes(expected, count, stride, padding));
    },
  );
});
