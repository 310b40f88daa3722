import { afterAll, describe, expect, test } from 'vitest';
import { type DeviceBuffer, WasmBackend } from '../../compute/index.ts';
import { checkGradients, expectClose, expectVectorAgreement, seededRandom } from '../testing/index.ts';
import {
  embeddingLoss,
  embeddingLossReference,
  nestedLossCost,
  nestedProjection,
  nestedProjectionGradients,
  nestedProjectionGradientsReference,
  nestedProjectionReference,
} from './index.ts';

const SEED = 3300;

test('reference: by hand', () => {
  // One of two dimensions in use: φ = (2·3, −1·3). Against (1, 0): 25 + 9 and cos = 6/√45.
  const rows = nestedProjectionReference([3, 100], [1], [2, 5, -1, 7], 2);
  expect([...rows]).toEqual([6, -3]);
  const { losses } = embeddingLossReference({
    ...{ rows, targets: [9, 9, 1, 0], ids: [1], weights: [2], dimensions: 2, squared: 1, cosine: 0.5 },
  });
  expect(losses[0]).toBeCloseTo(2 * (34 + 0.5 * (1 - 6 / Math.sqrt(45))), 6);
});

test('reference: gradients of the nested loss by θ and W, also where W is 0', () => {
  const random = seededRandom(SEED);
  const [dimensions, embedding] = [6, 4];
  const used = [6, 1, 3, 4, 6];
  const targets = random.fill(3 * embedding, (r) => r.normal());
  const common = { targets, ids: [2, 0, 1, 1, 0], weights: [1, 0.5, 2, 0.1, 0.7], dimensions: embedding };
  type Inputs = Readonly<Record<'theta' | 'projection', Float64Array>>;
  const theta = random.fill(used.length * dimensions, (r) => r.normal());
  for (const [terms, scale] of [
    [{ squared: 1, cosine: 0.001 }, 0.6],
    [{ squared: 0, cosine: 1 }, 0.6],
    [{ squared: 1, cosine: 0.001 }, 0],
  ] as const) {
    const loss = ({ theta, projection }: Inputs) => {
      const rows = nestedProjectionReference(theta, used, projection, dimensions);
      return embeddingLossReference({ rows, ...common, ...terms });
    };
    checkGradients({
      ...{ label: `nested loss, ${JSON.stringify(terms)}, W ${scale}`, seed: SEED, rel: 1e-5 },
      // The cosine turns within 1e-4 of zero: a central difference must stay well inside.
      ...{ step: scale === 0 ? 1e-8 : 1e-5, zero: scale === 0 ? (['theta'] as const) : [] },
      inputs: { theta, projection: random.fill(embedding * dimensions, (r) => scale * r.normal()) },
      loss: (at: Inputs) => loss(at).losses.reduce((sum, value) => sum + value, 0),
      gradient: (at: Inputs) => {
        const { rows, projection } = nestedProjectionGradientsReference(
          ...([at.theta, used, at.projection, dimensions, loss(at).gradient] as const),
        );
        return { theta: rows, projection };
      },
    });
  }
});

const SHAPES = [
  { count: 1, dimensions: 1, embedding: 1 },
  { count: 15, dimensions: 5, embedding: 7 },
  { count: 16, dimensions: 16, embedding: 12 },
  { count: 67, dimensions: 64, embedding: 64 },
  { count: 130, dimensions: 27, embedding: 20 },
];

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  test.each(SHAPES)('$count rows, $dimensions dimensions, embeddings of $embedding', async (shape) => {
    const backend = await backendPromise;
    const result = await run(backend, shape);
    const { expected, actual } = result;
    const limits = { minCosine: 1 - 1e-9, normRel: 1e-5 };
    expectClose('embeddings', actual.embeddings, expected.embeddings, { rel: 1e-6, scale: 'largest' });
    expectClose('losses', actual.losses, expected.losses, { rel: 2e-6, scale: 'largest' });
    expectVectorAgreement('gradients by φ', actual.gradients, expected.gradient, limits);
    expectVectorAgreement('gradients by θ', actual.rowGradients, expected.nested.rows, limits);
    // Added to what was there, 1 everywhere.
    const added = actual.projectionGradients.map((value) => value - 1);
    expectClose('gradients by W', added, expected.nested.projection, { abs: 1e-6, rel: 2e-6, scale: 'largest' });
    expect(backend.memory.usedBytes).toBe(0);
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const shape = { count: 130, dimensions: 48, embedding: 36 };
    expect((await run(await backendPromise, shape)).actual).toEqual((await run(single, shape)).actual);
    await single.dispose();
  });
});

async function run(
  backend: WasmBackend,
  { count, dimensions, embedding }: { count: number; dimensions: number; embedding: number },
) {
  const random = seededRandom(SEED + count);
  const draw = (length: number, scale = 1) => random.fill(length, (r) => Math.fround(scale * r.normal()));
  const [stride, outputs] = [dimensions, embedding].map((size) => Math.ceil(size / 4) * 4) as [number, number];
  const used = Uint32Array.from({ length: count }, () => 1 + random.integer(dimensions));
  const theta = draw(count * dimensions);
  const projection = draw(embedding * dimensions, 0.3);
  const targets = draw(9 * embedding);
  const ids = Uint32Array.from({ length: count }, () => random.integer(9));
  const weights = random.fill(count, (r) => Math.fround(r.uniform()));
  const padded = (values: Float64Array, columns: number, to: number, rows = values.length / columns) => {
    const all = new Float32Array(rows * to);
    values.forEach((value, i) => {
      all[Math.floor(i / columns) * to + (i % columns)] = value;
    });
    return all;
  };
  const dense = (values: Float32Array, columns: number, from: number, rows: number) =>
    Float32Array.from({ length: rows * columns }, (_, i) => values[Math.floor(i / columns) * from + (i % columns)]!);
  const owned: DeviceBuffer[] = [];
  const upload = (label: string, data: ArrayBufferView) => {
    const buffer = backend.createBuffer(label, data.byteLength);
    owned.push(buffer);
    backend.write(buffer, data);
    return buffer;
  };
  const junk = (length: number) => new Float32Array(length).fill(Number.NaN);
  const terms = { squared: 1, cosine: 0.25 };
  const nested = {
    ...{ count, stride, outputs, rows: upload('rows', padded(theta, dimensions, stride)), used: upload('used', used) },
    projection: upload('projection', padded(projection, dimensions, stride, outputs)),
  };
  const embeddings = upload('embeddings', junk(count * outputs));
  const losses = upload('losses', junk(count));
  const gradients = upload('gradients', junk(count * outputs));
  const rowGradients = upload('row gradients', junk(count * stride));
  const projectionGradients = upload('projection gradients', new Float32Array(outputs * stride).fill(1));
  backend.run(nestedProjection, { ...nested, embeddings });
  backend.run(embeddingLoss, {
    ...{ rows: embeddings, count, stride: outputs, targets: upload('targets', padded(targets, embedding, outputs)) },
    ...{ ids: upload('ids', ids), weights: upload('weights', Float32Array.from(weights)), ...terms, losses, gradients },
  });
  backend.run(nestedProjectionGradients, { ...nested, upstream: gradients, rowGradients, projectionGradients });
  const read = async (buffer: DeviceBuffer) => new Float32Array(await backend.read(buffer));
  const actual = {
    embeddings: dense(await read(embeddings), embedding, outputs, count),
    losses: await read(losses),
    gradients: dense(await read(gradients), embedding, outputs, count),
    rowGradients: dense(await read(rowGradients), dimensions, stride, count),
    projectionGradients: dense(await read(projectionGradients), dimensions, stride, embedding),
  };
  for (const buffer of owned) backend.destroyBuffer(buffer);
  const phi = nestedProjectionReference(theta, used, projection, dimensions);
  const loss = embeddingLossReference({ rows: phi, targets, ids, weights, dimensions: embedding, ...terms });
  const byBoth = nestedProjectionGradientsReference(theta, used, projection, dimensions, loss.gradient);
  return { actual, expected: { embeddings: phi, ...loss, nested: byBoth } };
}

test('cost: six operations per dimension in use and value of the embedding', () => {
  const { flops } = nestedLossCost({ rows: 1000, used: 32, dimensions: 64, embedding: 64 });
  expect(flops).toBe(1000 * 64 * (6 * 32 + 12));
});
