import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../compute/index.ts';
import { slowFastReference, vanillaReference } from '../kernels/index.ts';
import { expectClose, seededRandom } from '../kernels/testing/index.ts';
import { AssignmentObjective } from './assignment-objective.ts';
import type { PixelBatch } from './batches.ts';
import { concentration, gaussianClustering, releasedConcentration } from './losses/index.ts';
import { linearAssignmentLoss } from './losses/logits.ts';
import { HostObjective, type Objective, PairObjective } from './objective.ts';

const SEED = 31;
let backend: WasmBackend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 2 });
});
afterAll(() => backend.dispose());

function pixelBatch(count: number, dimensions: number, seed: number, available = count) {
  const random = seededRandom(seed);
  const labels = Int32Array.from({ length: count }, () => 20 + random.integer(4));
  const pixels: PixelBatch = {
    ...{ view: 0, rows: Uint32Array.from({ length: count }, (_, i) => i), labels, available },
    classes: new Int32Array(count).fill(1),
    confidences: Float32Array.from({ length: count }, () => random.uniform(0.3, 1)),
  };
  return { pixels, values: random.fill(count * dimensions, (r) => Math.fround(0.5 * r.normal())) };
}

/** Value and gradient of an objective; the gradient's padding must be 0. */
async function evaluate(objective: Objective, dimensions: number, imagePixels = 5000, available?: number) {
  const stride = Math.ceil(dimensions / 4) * 4;
  const [fast, slow] = [pixelBatch(37, dimensions, SEED, available), pixelBatch(41, dimensions, SEED + 1)];
  const upload = (values: Float64Array) => {
    const rows = new Float32Array((values.length / dimensions) * stride);
    values.forEach((value, i) => {
      rows[Math.floor(i / dimensions) * stride + (i % dimensions)] = value;
    });
    const buffer = backend.createBuffer('features', rows.byteLength);
    backend.write(buffer, rows);
    return buffer;
  };
  const upstream = backend.createBuffer('upstream', 37 * stride * 4);
  backend.write(upstream, new Float32Array(37 * stride).fill(Number.NaN));
  const { value } = await objective.evaluate({
    ...{ step: 1, dimensions, stride, upstream, imagePixels },
    fast: { pixels: fast.pixels, features: upload(fast.values) },
    slow: objective.usesSlow ? { pixels: slow.pixels, features: upload(slow.values) } : undefined,
  });
  const rows = new Float32Array(await backend.read(upstream));
  expect(rows.every((entry, i) => i % stride < dimensions || entry === 0)).toBe(true);
  objective.dispose();
  const gradient = rows.filter((_, i) => i % stride < dimensions);
  const own = { features: fast.values, labels: fast.pixels.labels };
  const other = { features: slow.values, labels: slow.pixels.labels };
  return { value, gradient, own, other, confidences: fast.pixels.confidences };
}

function agree(actual: { value: number; gradient: Float32Array }, value: number, gradient: Float64Array): void {
  expectClose('value', [actual.value], [value], { abs: 1e-6, rel: 1e-5 });
  expectClose('gradient', actual.gradient, gradient, { rel: 1e-5, scale: 'largest' });
}

describe('objectives are the sum of their losses', () => {
  test.each(['squared', 'released'] as const)('slow-fast and concentration, %s', async (similarity) => {
    const loss = { kind: 'slow-fast', gamma: 1, similarity, concentration: 0.7 } as const;
    const actual = await evaluate(new PairObjective(backend, loss, 64), 3);
    const { own, other, confidences } = actual;
    const contrast = slowFastReference(own, other, 3, 1, similarity);
    const pull =
      similarity === 'squared' ? concentration(own, other, 3) : releasedConcentration(own, other, confidences, 3);
    const gradient = contrast.gradient.map((g, i) => g + 0.7 * pull.gradient[i]!);
    agree(actual, contrast.value + 0.7 * pull.value, gradient);
  });

  test('vanilla and concentration towards its own means', async () => {
    const actual = await evaluate(new PairObjective(backend, { kind: 'vanilla', gamma: 1, concentration: 1 }, 64), 3);
    const contrast = vanillaReference(actual.own, 3);
    const pull = concentration(actual.own, actual.own, 3);
    agree(
      actual,
      contrast.value + pull.value,
      contrast.gradient.map((g, i) => g + pull.gradient[i]!),
    );
  });

  test.each([3, 6, 17])('linear assignment with %i slots', async (slots) => {
    const actual = await evaluate(new AssignmentObjective(backend, 64), slots);
    const { value, gradient } = linearAssignmentLoss(actual.own, actual.confidences, slots);
    agree(actual, value, gradient);
  });

  test('Gaussian clustering: a part of the pixels stands for all, small segments are left out', async () => {
    const sizes = new Map([
      [20, 100],
      [21, 3],
      [22, 50],
      [23, 4],
    ]);
    const loss = { kind: 'gaussian-clustering', regulariserEvery: 0, regulariserGaussians: 1 } as const;
    const actual = await evaluate(new HostObjective(backend, loss, () => sizes), 16, 5000, 74);
    const expected = gaussianClustering(actual.own, 16, { takesPart: (label) => label !== 21 });
    const weight = 1e-6 * (719_780 / 5000) * 2;
    agree(
      actual,
      weight * expected.value,
      expected.gradient.map((g) => weight * g),
    );
  });
});
