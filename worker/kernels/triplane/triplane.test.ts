import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { checkGradients, expectClose, seededRandom } from '../testing/index.ts';
import {
  sampleTriplane,
  type TriplaneCombination,
  type TriplaneGrid,
  TriplanePoints,
  triplaneCost,
  triplaneGradients,
  triplaneGradientsReference,
  triplaneReference,
} from './index.ts';

const SEED = 512;
const COMBINATIONS: readonly TriplaneCombination[] = ['sum', 'product', 'concatenate'];
const grid = (resolution: number): TriplaneGrid => ({ resolution, lower: [-2, -1, 0], upper: [2, 3, 0.5] });

/** Two thirds of the points inside the box, the rest up to half its size beyond; corners and texel centres among them. */
function pointsIn({ lower, upper, resolution }: TriplaneGrid, count: number): Float32Array {
  const random = seededRandom(SEED + count);
  return Float32Array.from({ length: 3 * count }, (_, i) => {
    const kind = random.integer(6);
    const unit =
      kind === 0 ? random.integer(resolution) / (resolution - 1) : random.uniform(kind === 1 ? -0.5 : 0, 1.25);
    return lower[i % 3]! + unit * (upper[i % 3]! - lower[i % 3]!);
  });
}

const values = (count: number, seed: number) =>
  Float32Array.from(seededRandom(seed).fill(count, (r) => r.uniform(-1, 1)));

test('reference: by hand', () => {
  // 2 x 2 texels, one channel. The point (0, 1, 0.125) of the box is (1/2, 1/2, 1/4).
  const planes = [0, 1, 2, 3, /* xz */ 0, 4, 8, 12, /* yz */ 1, 1, 5, 5];
  const at = (combination: TriplaneCombination) => [
    ...triplaneReference([0, 1, 0.125], grid(2), planes, 1, combination),
  ];
  expect(at('concatenate')).toEqual([1.5, 4, 2]);
  expect(at('sum')).toEqual([7.5]);
  expect(at('product')).toEqual([12]);
  const gradients = triplaneGradientsReference([0, 1, 0.125], grid(2), planes, 1, 'product', [1]);
  expect([...gradients.slice(0, 4)]).toEqual([2, 2, 2, 2]);
  expect([...gradients.slice(4, 8)]).toEqual([0.375, 0.375, 0.125, 0.125].map((weight) => weight * 3));
});

test('reference: beyond the box is on its surface', () => {
  const planes = values(3 * 25 * 2, 1);
  const outside = triplaneReference([-9, 5, 0.2, 3, 1, -4], grid(5), planes, 2, 'sum');
  expect([...outside]).toEqual([...triplaneReference([-2, 3, 0.2, 2, 1, 0], grid(5), planes, 2, 'sum')]);
});

test.each(COMBINATIONS)('reference: gradient by the planes, %s', (combination) => {
  const positions = pointsIn(grid(4), 9);
  const upstream = values(9 * 3 * 2, 2);
  checkGradients({
    label: 'triplane',
    seed: SEED,
    inputs: { planes: Float64Array.from(values(3 * 16 * 2, 3)) },
    loss: ({ planes }) =>
      triplaneReference(positions, grid(4), planes, 2, combination).reduce((s, v, i) => s + v * upstream[i]!, 0),
    gradient: ({ planes }) => ({
      planes: triplaneGradientsReference(positions, grid(4), planes, 2, combination, upstream),
    }),
  });
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  /** Outputs start as NaN with 4 floats behind them that must survive. */
  async function both(
    backend: WasmBackend,
    count: number,
    resolution: number,
    stride: number,
    combination: TriplaneCombination,
  ) {
    const positions = pointsIn(grid(resolution), count);
    const points = new TriplanePoints(backend, positions, grid(resolution));
    const planes = values(3 * resolution ** 2 * stride, 7);
    const upstream = values(count * stride * (combination === 'concatenate' ? 3 : 1), 8);
    const buffers = [planes, upstream, upstream, planes].map((data, i) => {
      const junk = new Float32Array(data.length + 4).fill(Number.NaN);
      if (i < 2) junk.set(data);
      const buffer = backend.createBuffer(`buffer ${i}`, junk.byteLength);
      backend.write(buffer, junk);
      return buffer;
    });
    const shared = { points, planes: buffers[0]!, stride, combination };
    backend.run(sampleTriplane, { ...shared, output: buffers[2]! });
    backend.run(triplaneGradients, { ...shared, upstream: buffers[1]!, gradients: buffers[3]! });
    const [features, gradients] = await Promise.all(
      [buffers[2]!, buffers[3]!].map(async (buffer) => {
        const all = new Float32Array(await backend.read(buffer));
        expect([...all.slice(-4)]).toEqual(new Array(4).fill(Number.NaN));
        return all.slice(0, -4);
      }),
    );
    points.dispose();
    for (const buffer of buffers) backend.destroyBuffer(buffer);
    expect(backend.memory.usedBytes).toBe(0);
    const given = [positions, grid(resolution), planes, stride, combination] as const;
    return {
      ...{ features: features!, gradients: gradients! },
      expected: {
        features: triplaneReference(...given),
        gradients: triplaneGradientsReference(...given, upstream),
      },
    };
  }

  test.each([
    [1, 2, 4],
    [15, 2, 16],
    [16, 3, 20],
    [17, 9, 8],
    [400, 6, 64],
    [400, 33, 4],
  ])('%i points, %i texels a side, %i channels: forward and gradients agree with the reference', async (...shape) => {
    for (const combination of COMBINATIONS) {
      const { features, gradients, expected } = await both(await backendPromise, ...shape, combination);
      expectClose(`features, ${combination}`, features, expected.features, { abs: 2e-6 });
      expectClose(`gradients, ${combination}`, gradients, expected.gradients, { abs: 2e-6, rel: 2e-6 });
    }
  });

  test('no points: no features, gradients of zero', async () => {
    const { features, gradients } = await both(await backendPromise, 0, 5, 4, 'product');
    expect(features.length).toBe(0);
    expect(gradients.every((value) => value === 0)).toBe(true);
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    for (const combination of COMBINATIONS) {
      const one = await both(single, 999, 7, 20, combination);
      const many = await both(await backendPromise, 999, 7, 20, combination);
      expect(many.gradients).toEqual(one.gradients);
      expect(many.features).toEqual(one.features);
    }
    await single.dispose();
  });

  test('bad input is named and leaves no memory behind', async () => {
    const backend = await backendPromise;
    const make = (positions: number[], at = grid(4)) => new TriplanePoints(backend, positions, at);
    expect(() => make([0, 0, 0, 0, Number.NaN, 0])).toThrow(/position 1 is not finite/);
    expect(() => make([0, 0])).toThrow(/2 values/);
    expect(() => make([0, 0, 0], grid(1))).toThrow(/resolution 1/);
    expect(() => make([0, 0, 0], { ...grid(4), upper: [2, -1, 0.5] })).toThrow(/from -1 to -1 along y/);
    const points = new TriplanePoints(backend, [0, 0, 0], grid(4), { forwardOnly: true });
    const planes = backend.createBuffer('planes', 48 * 4 * 4);
    const row = backend.createBuffer('row', 16);
    const shared = { points, planes, stride: 4 };
    expect(() => backend.run(triplaneGradients, { ...shared, upstream: row, gradients: planes })).toThrow(/only/);
    expect(() => backend.run(sampleTriplane, { ...shared, output: row, combination: 'concatenate' })).toThrow(
      /output \(row\) holds 16 bytes, 48/,
    );
    expect(() => backend.run(sampleTriplane, { ...shared, stride: 5, output: row })).toThrow(/5 floats/);
    expect(() => backend.run(sampleTriplane, { ...shared, stride: 8, output: row })).toThrow(/planes.*1536/);
    points.dispose();
    for (const buffer of [planes, row]) backend.destroyBuffer(buffer);
    expect(backend.memory.usedBytes).toBe(0);
  });
});

test('cost', () => {
  expect(triplaneCost({ points: 10, resolution: 4, channels: 8 })).toEqual({
    flops: 48 * 80,
    bytes: 10 * (60 + 64) + 4 * 48 * 17,
  });
});
