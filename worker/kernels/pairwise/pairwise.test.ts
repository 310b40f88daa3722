import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { checkGradients, expectClose, expectVectorAgreement, seededRandom } from '../testing/index.ts';
import {
  anchorsWithPositive,
  marginLoss,
  marginReference,
  slowFastLoss,
  slowFastReference,
  vanillaLoss,
  vanillaReference,
} from './index.ts';

const SEED = 52;

function pixels(count: number, dimensions: number, segments: number, seed: number) {
  const random = seededRandom(seed);
  const labels = Int32Array.from({ length: count }, () => random.integer(segments));
  const features = Float64Array.from(random.fill(count * dimensions, (r) => Math.fround(0.6 * r.normal())));
  return { labels, features };
}

describe('references', () => {
  test('slow-fast by hand: two segments at distance 1', () => {
    // One anchor at 0; its positive at 0 (sim 1) and a negative at distance 1 (sim e^-1).
    const fast = { features: [0], labels: [1] };
    const slow = { features: [0, 1], labels: [1, 2] };
    const expected = Math.log(1 + Math.exp(Math.exp(-1)) / Math.E);
    expect(slowFastReference(fast, slow, 1).value).toBeCloseTo(expected, 12);
    // d = 1 and d² = 1 give the same similarity: the kinds differ in slope only.
    expect(slowFastReference(fast, slow, 1, 1, 'released').value).toBeCloseTo(expected, 12);
    // An anchor whose segment the slow half lacks is left out: alone, the loss is 0 and so is its gradient.
    const alone = slowFastReference({ features: [0.3], labels: [7] }, slow, 1);
    expect([alone.value, alone.gradient[0]]).toEqual([0, 0]);
  });

  test('vanilla: a pixel is in its own denominator but no positive of itself', () => {
    const { value } = vanillaReference({ features: [0, 0, 5], labels: [1, 1, 2] }, 1);
    // Both anchors of segment 1: positives e, all 2 e + e^(e^-25).
    expect(value).toBeCloseTo(Math.log((2 * Math.E + Math.exp(Math.exp(-25))) / Math.E), 12);
  });

  test('margin by hand', () => {
    // Ordered pairs: (0, 0.5) twice positive 0.25; (0, 0.8) twice 1 - 0.64; (0.5, 0.8) twice 1 - 0.09.
    const { value } = marginReference({ features: [0, 0.5, 0.8], labels: [1, 1, 2] }, 1);
    expect(value).toBeCloseTo((0.25 + 0.36 + 0.91) / 3, 12);
  });

  test.each(['squared', 'released'] as const)('slow-fast gradient, %s similarity', (kind) => {
    const fast = pixels(13, 3, 4, SEED);
    const slow = pixels(17, 3, 3, SEED + 1);
    checkGradients({
      label: `slow-fast ${kind}`,
      seed: SEED,
      inputs: { fast: fast.features },
      loss: (at) => slowFastReference({ ...fast, features: at.fast }, slow, 3, 1.3, kind).value,
      gradient: (at) => ({ fast: slowFastReference({ ...fast, features: at.fast }, slow, 3, 1.3, kind).gradient }),
    });
  });

  test('vanilla gradient', () => {
    const own = pixels(14, 3, 4, SEED);
    checkGradients({
      label: 'vanilla',
      seed: SEED,
      inputs: { features: own.features },
      loss: ({ features }) => vanillaReference({ ...own, features }, 3, 0.8).value,
      gradient: ({ features }) => ({ features: vanillaReference({ ...own, features }, 3, 0.8).gradient }),
    });
    // The loss depends on differences alone, so its gradient sums to zero.
    const { gradient } = vanillaReference(own, 3);
    for (let d = 0; d < 3; d++) {
      const sum = gradient.filter((_, i) => i % 3 === d).reduce((total, value) => total + value, 0);
      expect(Math.abs(sum)).toBeLessThan(1e-15);
    }
  });

  test('margin gradient', () => {
    const own = pixels(14, 3, 4, SEED);
    checkGradients({
      label: 'margin',
      seed: SEED,
      inputs: { features: own.features },
      loss: ({ features }) => marginReference({ ...own, features }, 3, 1).value,
      gradient: ({ features }) => ({ features: marginReference({ ...own, features }, 3, 1).gradient }),
    });
  });
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  function upload(backend: WasmBackend, features: Float64Array, dimensions: number, stride: number) {
    const rows = new Float32Array((features.length / dimensions) * stride);
    features.forEach((value, i) => {
      rows[Math.floor(i / dimensions) * stride + (i % dimensions)] = value;
    });
    const buffer = backend.createBuffer('embeddings', rows.byteLength);
    backend.write(buffer, rows);
    return buffer;
  }

  async function run(
    count: number,
    dimensions: number,
    kernel: (args: ReturnType<typeof argumentsFor>, backend: WasmBackend) => void,
    seed: number,
  ) {
    const backend = await backendPromise;
    const args = argumentsFor(backend, count, dimensions, seed);
    kernel(args, backend);
    const losses = new Float32Array(await backend.read(args.losses)).slice(0, count);
    const rows = new Float32Array(await backend.read(args.gradients));
    const gradient = Float64Array.from({ length: count * dimensions }, (_, i) => {
      return rows[Math.floor(i / dimensions) * args.stride + (i % dimensions)]!;
    });
    for (const buffer of args.buffers) backend.destroyBuffer(buffer);
    return { args, gradient, sum: losses.reduce((total, value) => total + value, 0) };
  }

  function argumentsFor(backend: WasmBackend, count: number, dimensions: number, seed: number) {
    const stride = Math.ceil(dimensions / 4) * 4;
    const own = pixels(count, dimensions, 6, seed);
    const other = pixels(Math.max(1, count - 3), dimensions, 5, seed + 1);
    const buffers = [
      upload(backend, own.features, dimensions, stride),
      upload(backend, other.features, dimensions, stride),
      backend.createBuffer('losses', count * 4),
      backend.createBuffer('gradients', count * stride * 4),
    ] as const;
    for (const buffer of buffers.slice(2)) backend.bytes(buffer).fill(0xff);
    return {
      ...{ dimensions, stride, buffers, own, other, weight: 2, losses: buffers[2], gradients: buffers[3] },
      ...{
        first: { features: buffers[0], labels: own.labels },
        second: { features: buffers[1], labels: other.labels },
      },
    };
  }

  const limits = { minCosine: 1 - 1e-9, normRel: 1e-5 };
  const sizes = [1, 15, 16, 17, 150].flatMap((count) =>
    [1, 2, 3, 8, 16, 24].map((dimensions) => ({ count, dimensions })),
  );

  test.each(sizes)('slow-fast, $count anchors in $dimensions dimensions', async ({ count, dimensions }) => {
    for (const similarity of ['squared', 'released'] as const) {
      const { args, gradient, sum } = await run(
        ...([count, dimensions] as const),
        ({ first, second, ...rest }, backend) =>
          backend.run(slowFastLoss, { ...rest, fast: first, slow: second, gamma: 1.3, similarity }),
        SEED + count,
      );
      const expected = slowFastReference(args.own, args.other, dimensions, 1.3, similarity);
      const anchors = anchorsWithPositive(args.own.labels, args.other.labels);
      expectClose('loss', [sum / Math.max(1, anchors)], [expected.value], { abs: 1e-6, rel: 1e-6 });
      if (expected.gradient.every((value) => value === 0)) continue;
      expectVectorAgreement(
        'gradient',
        gradient,
        expected.gradient.map((value) => 2 * value),
        limits,
      );
    }
  });

  test.each(sizes)('vanilla and margin, $count pixels in $dimensions dimensions', async ({ count, dimensions }) => {
    const vanilla = await run(
      ...([count, dimensions] as const),
      ({ first, ...rest }, backend) => backend.run(vanillaLoss, { ...rest, pixels: first, gamma: 0.8 }),
      SEED + count,
    );
    const expected = vanillaReference(vanilla.args.own, dimensions, 0.8);
    const anchors = Math.max(1, anchorsWithPositive(vanilla.args.own.labels));
    expectClose('loss', [vanilla.sum / anchors], [expected.value], { abs: 1e-6, rel: 1e-6 });
    if (count > 1) {
      expectVectorAgreement(
        'vanilla',
        vanilla.gradient,
        expected.gradient.map((value) => 2 * value),
        limits,
      );
    }
    const margin = await run(
      ...([count, dimensions] as const),
      ({ first, ...rest }, backend) => backend.run(marginLoss, { ...rest, pixels: first, margin: 1.5 }),
      SEED + count,
    );
    const expectedMargin = marginReference(margin.args.own, dimensions, 1.5);
    const value = margin.sum / Math.max(1, count * (count - 1));
    expectClose('margin loss', [value], [expectedMargin.value], { abs: 1e-6, rel: 1e-6 });
    if (count > 1) {
      expectVectorAgreement(
        'margin',
        margin.gradient,
        expectedMargin.gradient.map((g) => 2 * g),
        limits,
      );
    }
  });

  // Once is enough: a float64 reference of so many pairs takes its time.
  if (threads === 2)
    test('vanilla with more pairs than are kept between its passes', async () => {
      const count = 4100;
      const { args, gradient, sum } = await run(
        ...([count, 1] as const),
        ({ first, ...rest }, backend) => backend.run(vanillaLoss, { ...rest, pixels: first, gamma: 0.8 }),
        SEED,
      );
      const expected = vanillaReference(args.own, 1, 0.8);
      expectClose('loss', [sum / count], [expected.value], { abs: 1e-6, rel: 1e-6 });
      expectVectorAgreement(
        'gradient',
        gradient,
        expected.gradient.map((value) => 2 * value),
        limits,
      );
    });

  test('the same bits as one thread', async () => {
    const slowFast = (args: ReturnType<typeof argumentsFor>, backend: WasmBackend) =>
      backend.run(slowFastLoss, { ...args, fast: args.first, slow: args.second, gamma: 1, similarity: 'squared' });
    const here = await run(150, 3, slowFast, 1);
    const single = await WasmBackend.create({ threads: 1 });
    const args = argumentsFor(single, 150, 3, 1);
    slowFast(args, single);
    const rows = new Float32Array(await single.read(args.gradients));
    expect(here.gradient.every((value, i) => value === rows[Math.floor(i / 3) * 4 + (i % 3)])).toBe(true);
    expect(here.gradient.some((value) => value !== 0)).toBe(true);
    await single.dispose();
  });
});

test('anchors with a positive', () => {
  expect(anchorsWithPositive(Int32Array.of(1, 1, 2, 3))).toBe(2);
  expect(anchorsWithPositive(Int32Array.of(1, 1, 2, 3), Int32Array.of(2, 3, 9))).toBe(2);
});
