import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { expectClose, seededRandom } from '../testing/index.ts';
import { type AdamArgs, adam, adamCost, adamReference } from './index.ts';

const SEED = 99;
const HYPER = { rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-15 };

describe('reference', () => {
  test('the first step moves by the rate against the sign of the gradient, whatever its size', () => {
    // m / (1 - beta1) = g and v / (1 - beta2) = g² at step 1, so the step is rate · g / |g|.
    const { parameters } = adamReference({
      parameters: [1, 1, 1],
      gradients: [5, -1e-6, 0],
      firstMoments: [0, 0, 0],
      secondMoments: [0, 0, 0],
      ...HYPER,
      step: 1,
    });
    expect([...parameters]).toEqual([expect.closeTo(0.99, 12), expect.closeTo(1.01, 9), 1]);
  });

  test('the second step by hand', () => {
    // g = 1 then g = 3: m = 0.9·0.1 + 0.1·3 = 0.39, v = 0.999·0.001 + 0.001·9 = 0.009999; corrections 0.19 and 0.001999.
    const { parameters, firstMoments, secondMoments } = adamReference({
      parameters: [0],
      gradients: [3],
      firstMoments: [0.1],
      secondMoments: [0.001],
      ...HYPER,
      step: 2,
    });
    expect(firstMoments[0]).toBeCloseTo(0.39, 14);
    expect(secondMoments[0]).toBeCloseTo(0.009999, 14);
    expect(parameters[0]).toBeCloseTo((-0.01 * 0.39) / 0.19 / Math.sqrt(0.009999 / 0.001999), 12);
  });
});

function arrays(count: number) {
  const random = seededRandom(SEED);
  const floats = (low: number, high: number) => Float32Array.from(random.fill(count, (r) => r.uniform(low, high)));
  return {
    parameters: floats(-2, 2),
    gradients: floats(-1, 1).map((g, i) => (i % 7 === 0 ? 0 : g * 10 ** ((i % 5) - 3))),
    firstMoments: floats(-0.1, 0.1),
    secondMoments: floats(0, 0.01),
  };
}

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  /** Buffers hold 8 floats more than `count`, whose junk must survive. */
  async function run(
    backend: WasmBackend,
    count: number,
    extra: Partial<AdamArgs> & { step: number; maskBytes?: Uint8Array; components?: number },
  ) {
    const data = arrays(count);
    const buffers = Object.fromEntries(
      Object.entries(data).map(([name, values]) => {
        const buffer = backend.createBuffer(name, (count + 8) * 4);
        backend.write(buffer, new Float32Array(count + 8).fill(123));
        backend.write(buffer, values);
        return [name, buffer];
      }),
    ) as Record<keyof typeof data, ReturnType<WasmBackend['createBuffer']>>;
    const { maskBytes, components = 1, step } = extra;
    const mask = backend.createBuffer('mask', maskBytes?.length ?? 0);
    if (maskBytes !== undefined) backend.write(mask, maskBytes);
    backend.run(adam, {
      ...buffers,
      count,
      ...HYPER,
      step,
      ...(maskBytes === undefined ? {} : { visible: { mask, components } }),
    });
    const read = async (name: keyof typeof data) => {
      const all = new Float32Array(await backend.read(buffers[name]));
      expect([...all.subarray(count)]).toEqual(new Array(8).fill(123));
      return all.slice(0, count);
    };
    const out = {
      parameters: await read('parameters'),
      firstMoments: await read('firstMoments'),
      secondMoments: await read('secondMoments'),
    };
    for (const buffer of [...Object.values(buffers), mask]) backend.destroyBuffer(buffer);
    return { data, out };
  }

  function compare(out: Awaited<ReturnType<typeof run>>['out'], expected: ReturnType<typeof adamReference>) {
    expectClose('parameters', out.parameters, expected.parameters, { abs: 1e-6, rel: 1e-6 });
    expectClose('first moments', out.firstMoments, expected.firstMoments, { abs: 1e-8, rel: 1e-6 });
    expectClose('second moments', out.secondMoments, expected.secondMoments, { abs: 1e-9, rel: 1e-6 });
  }

  test.each([1, 3, 4, 15, 16, 17, 1001])('%i floats agree with the reference', async (count) => {
    for (const step of [1, 2, 5000]) {
      const { data, out } = await run(await backendPromise, count, { step });
      compare(out, adamReference({ ...data, ...HYPER, step }));
    }
  });

  test('no floats: nothing happens', async () => {
    const { out } = await run(await backendPromise, 0, { step: 1 });
    expect(out.parameters.length).toBe(0);
  });

  test.each([
    [4, 1],
    [16, 3],
    [20, 48],
  ])('%i rows of %i components, only the visible ones', async (rows, components) => {
    const maskBytes = Uint8Array.from({ length: rows }, (_, i) => (i < 4 ? 0 : [0, 1, 255][i % 3]!));
    if (rows === 4) maskBytes[2] = 1;
    const { data, out } = await run(await backendPromise, rows * components, { step: 3, maskBytes, components });
    const rowOf = (index: number) => 4 * Math.floor(index / (4 * components)) + (index % 4);
    const updates = (index: number) => maskBytes[rowOf(index)] !== 0;
    compare(out, adamReference({ ...data, ...HYPER, step: 3, updates }));
    for (let i = 0; i < rows * components; i++) {
      if (!updates(i))
        expect([out.parameters[i], out.firstMoments[i], out.secondMoments[i]]).toEqual([
          data.parameters[i],
          data.firstMoments[i],
          data.secondMoments[i],
        ]);
    }
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const a = await run(single, 1001, { step: 7 });
    const b = await run(await backendPromise, 1001, { step: 7 });
    expect(b.out).toEqual(a.out);
    expect(a.out.parameters.every(Number.isFinite)).toBe(true);
    await single.dispose();
  });

  test('bad arguments are refused', async () => {
    const backend = await backendPromise;
    const buffer = backend.createBuffer('small', 16);
    const args = { parameters: buffer, gradients: buffer, firstMoments: buffer, secondMoments: buffer, ...HYPER };
    expect(() => backend.run(adam, { ...args, count: 5, step: 1 })).toThrow(/parameters \(small\) holds 16 bytes, 20/);
    expect(() => backend.run(adam, { ...args, count: 4, step: 0 })).toThrow(/step counts from 1, got 0/);
    expect(() => backend.run(adam, { ...args, count: 4, step: 1, visible: { mask: buffer, components: 3 } })).toThrow(
      /whole blocks/,
    );
    backend.destroyBuffer(buffer);
  });
});

test('cost: seven passes over the arrays', () => {
  expect(adamCost({ count: 100 }).bytes).toBe(2800);
});
