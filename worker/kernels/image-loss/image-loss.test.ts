import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { checkGradients, expectClose, expectVectorAgreement, seededRandom } from '../testing/index.ts';
import {
  blurZeroPadded,
  IMAGE_LOSS_SUMS_BYTES,
  type ImageLossInputs,
  ImageLossWorkspace,
  imageLoss,
  imageLossCost,
  imageLossReference,
  targetMeans,
} from './index.ts';

const SEED = 4711;

function randomInputs(width: number, height: number, seed = SEED): ImageLossInputs {
  const random = seededRandom(seed);
  const values = 3 * width * height;
  return {
    width,
    height,
    rendered: Float32Array.from(random.fill(values, (r) => r.uniform(-0.05, 1.05))),
    target: Uint8Array.from({ length: values }, () => random.integer(256)),
    lambda: 0.2,
  };
}

describe('reference', () => {
  test('the gradient agrees with central differences, image edges included', () => {
    const inputs = randomInputs(9, 7);
    checkGradients({
      label: 'image loss',
      seed: SEED,
      inputs: { rendered: Float64Array.from(inputs.rendered) },
      loss: ({ rendered }) => imageLossReference({ ...inputs, rendered }).loss,
      gradient: ({ rendered }) => ({ rendered: imageLossReference({ ...inputs, rendered }).gradient }),
    });
  });

  test('equal images: no loss and no gradient', () => {
    const target = Uint8Array.from({ length: 3 * 16 * 12 }, (_, i) => (i * 53) % 256);
    const rendered = Float64Array.from(target, (byte) => byte / 255);
    const { loss, l1, ssim, gradient } = imageLossReference({ width: 16, height: 12, rendered, target, lambda: 0.2 });
    expect([l1, ssim]).toEqual([0, expect.closeTo(1, 14)]);
    expect(loss).toBeCloseTo(0, 14);
    expect(Math.max(...gradient.map(Math.abs))).toBeLessThan(1e-15);
  });

  test('one pixel: the window sees only the centre tap, and everything else is zero', () => {
    // With p = g0² (weight of the centre), x = 1, y = 51/255 = 0.2: means p and 0.2p, E[x²] + E[y²] = 1.04p, E[xy] = 0.2p.
    const p = 0.2660117248617943 ** 2;
    const ssim =
      ((0.4 * p * p + 1e-4) * (2 * (0.2 * p - 0.2 * p * p) + 9e-4)) /
      ((1.04 * p * p + 1e-4) * (1.04 * p - 1.04 * p * p + 9e-4));
    const out = imageLossReference({ width: 1, height: 1, rendered: [1, 1, 1], target: [51, 51, 51], lambda: 0.2 });
    expect(out.ssim).toBeCloseTo(ssim, 12);
    expect(out.l1).toBeCloseTo(0.8, 12);
    expect(out.loss).toBeCloseTo(0.8 * 0.8 + 0.2 * (1 - ssim), 12);
  });
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  async function run(inputs: ImageLossInputs, withMeans: boolean) {
    const backend = await backendPromise;
    const values = 3 * inputs.width * inputs.height;
    const junk = new Float32Array(values).fill(Number.NaN);
    const make = (label: string, data: ArrayBufferView) => {
      const buffer = backend.createBuffer(label, data.byteLength);
      backend.write(buffer, data);
      return buffer;
    };
    const workspace = new ImageLossWorkspace(backend);
    const scratch = workspace.ensure('scratch', 3_000_000);
    backend.floats(scratch).fill(Number.NaN);
    const rendered = make('rendered', Float32Array.from(inputs.rendered));
    const target = make('target', Uint8Array.from(inputs.target));
    const gradient = make('gradient', junk);
    const means = make('means', junk);
    const sums = make('sums', new Float64Array(IMAGE_LOSS_SUMS_BYTES / 8).fill(Number.NaN));
    const { width, height, lambda } = inputs;
    if (withMeans) backend.run(targetMeans, { width, height, target, means, workspace });
    backend.run(imageLoss, {
      width,
      height,
      rendered,
      target,
      lambda,
      gradient,
      sums,
      workspace,
      ...(withMeans ? { means } : {}),
    });
    const [l1, ssim] = new Float64Array(await backend.read(sums));
    const out = {
      l1: l1!,
      ssim: ssim!,
      gradient: new Float32Array(await backend.read(gradient)),
      means: new Float32Array(await backend.read(means)),
    };
    for (const buffer of [rendered, target, gradient, means, sums]) backend.destroyBuffer(buffer);
    workspace.dispose();
    return out;
  }

  // Widths around a vector and around the 304 columns of a column tile; heights around four rows and the window.
  test.each([
    [1, 1],
    [2, 3],
    [4, 4],
    [5, 11],
    [15, 16],
    [16, 17],
    [17, 15],
    [33, 59],
    [66, 21],
    [132, 50],
    [303, 5],
    [304, 6],
    [305, 7],
    [309, 13],
    [530, 12],
    [617, 9],
    [7, 131],
  ])('%i x %i agrees with the reference', async (width, height) => {
    const inputs = randomInputs(width, height, SEED + width * 1000 + height);
    const expected = imageLossReference(inputs);
    for (const withMeans of [false, true]) {
      const actual = await run(inputs, withMeans);
      expectClose('l1', [actual.l1], [expected.l1], { abs: 1e-6 });
      expectClose('ssim', [actual.ssim], [expected.ssim], { abs: 2e-5 });
      expectClose('gradient', actual.gradient, expected.gradient, { rel: 2e-4, scale: 'largest' });
      expectVectorAgreement('gradient', actual.gradient, expected.gradient, { minCosine: 1 - 1e-7, normRel: 1e-4 });
      if (withMeans) {
        const plane = width * height;
        for (let c = 0; c < 3; c++) {
          const target = Float64Array.from({ length: plane }, (_, i) => inputs.target[c * plane + i]! / 255);
          expectClose(
            'means',
            actual.means.subarray(c * plane, (c + 1) * plane),
            blurZeroPadded(target, width, height),
            { abs: 1e-6 },
          );
        }
      }
    }
  });

  test.each([
    [0, 0],
    [0, 5],
    [5, 0],
  ])('%i x %i: nothing to do', async (width, height) => {
    const { l1, ssim } = await run(randomInputs(width, height), true);
    expect([l1, ssim]).toEqual([0, 1]);
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const other = await backendPromise;
    for (const [width, height] of [
      [33, 59],
      [317, 22],
    ] as const) {
      const inputs = randomInputs(width, height);
      const [a, b] = [await runOn(single, inputs), await runOn(other, inputs)];
      expect(a.every(Number.isFinite)).toBe(true);
      expect(b).toEqual(a);
    }
    await single.dispose();
  });

  async function runOn(backend: WasmBackend, { width, height, rendered, target, lambda }: ImageLossInputs) {
    const workspace = new ImageLossWorkspace(backend);
    const values = 3 * width * height;
    const buffers = {
      rendered: backend.createBuffer('rendered', values * 4),
      target: backend.createBuffer('target', values),
      gradient: backend.createBuffer('gradient', values * 4),
      sums: backend.createBuffer('sums', IMAGE_LOSS_SUMS_BYTES),
    };
    backend.write(buffers.rendered, Float32Array.from(rendered));
    backend.write(buffers.target, Uint8Array.from(target));
    backend.run(imageLoss, { width, height, lambda, workspace, ...buffers });
    const out = [
      ...new Float32Array(await backend.read(buffers.gradient)),
      ...new Float64Array(await backend.read(buffers.sums)),
    ];
    for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
    workspace.dispose();
    return out;
  }

  test('buffers too small for the image are refused before anything is touched', async () => {
    const backend = await backendPromise;
    const small = backend.createBuffer('tiny', 16);
    const workspace = new ImageLossWorkspace(backend);
    expect(() =>
      backend.run(imageLoss, {
        width: 8,
        height: 8,
        rendered: small,
        target: small,
        lambda: 0.2,
        gradient: small,
        sums: small,
        workspace,
      }),
    ).toThrow(/rendered \(tiny\) holds 16 bytes.*768/);
    expect(() => backend.run(targetMeans, { width: 8.5, height: 8, target: small, means: small, workspace })).toThrow(
      /8\.5x8/,
    );
    backend.destroyBuffer(small);
  });
});

test('cost counts each array once', () => {
  expect(imageLossCost({ width: 10, height: 10, hasMeans: false }).bytes).toBe(300 * 9);
  expect(imageLossCost({ width: 10, height: 10, hasMeans: true }).bytes).toBe(300 * 13);
  expect(imageLossCost({ width: 10, height: 10, hasMeans: false }).flops).toBeGreaterThan(
    imageLossCost({ width: 10, height: 10, hasMeans: true }).flops,
  );
});
