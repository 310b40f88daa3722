import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { createSparseMatrix, sparseProductReference } from '../sparse-product/index.ts';
import { checkGradients, expectClose, seededRandom } from '../testing/index.ts';
import {
  averageReference,
  FeatureTable,
  type FeatureTableState,
  featureStepReference,
  gatherFeatures,
  rowsOf,
  scatterGradients,
  softmaxReference,
  TouchedRows,
  updateFeatures,
} from './index.ts';

const SEED = 83;
const ADAM = { rate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

function matrix(rowCount: number, columnCount: number) {
  const random = seededRandom(SEED + rowCount);
  const rowStart = new Uint32Array(rowCount + 1);
  for (let r = 0; r < rowCount; r++) rowStart[r + 1] = rowStart[r]! + (r % 5 === 1 ? 0 : 1 + random.integer(6));
  const entries = rowStart[rowCount]!;
  return {
    ...{ rowCount, columnCount, rowStart },
    columns: Uint32Array.from({ length: entries }, () => random.integer(columnCount)),
    weights: Float32Array.from({ length: entries }, () => random.uniform(0.05, 1)),
  };
}

const values = (count: number, seed: number, scale: number) =>
  Float32Array.from(seededRandom(seed).fill(count, (r) => scale * r.normal()));

function initialState(table: Float32Array, rows: number): FeatureTableState {
  const zeros = new Float64Array(table.length);
  return {
    ...{ table: Float64Array.from(table), slow: Float64Array.from(table), updates: new Int32Array(rows) },
    ...{ firstMoments: zeros, secondMoments: zeros },
  };
}

test('reference: the step of a row whose softmax is rendered follows the derivative', () => {
  const w = matrix(6, 4);
  const rows = [0, 2, 3, 5];
  const upstream = values(rows.length * 3, 5, 1);
  const table = Float64Array.from(values(4 * 3, 6, 1));
  const softmaxRows = (logits: Float64Array) =>
    Float64Array.from([0, 1, 2, 3].flatMap((g) => [...softmaxReference(logits.slice(3 * g, 3 * g + 3))]));
  checkGradients({
    label: 'softmax rows',
    seed: SEED,
    inputs: { table },
    loss: (at) =>
      sparseProductReference(rowsOf(w, rows), softmaxRows(at.table), 3).reduce((s, v, i) => s + v * upstream[i]!, 0),
    // From zero moments with beta1 = beta2 = 0 the first moment is the gradient itself.
    gradient: (at) => ({
      table: featureStepReference(
        { ...initialState(Float32Array.from(at.table), 4), table: at.table },
        { w, rows, rate: 0, beta1: 0, beta2: 0, epsilon: 1 },
        ...([upstream, 3, true] as const),
      ).firstMoments,
    }),
  });
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  async function train(backend: WasmBackend, rowCount: number, count: number, channels: number, softmax: boolean) {
    const host = matrix(rowCount, count);
    const w = createSparseMatrix(backend, host);
    const start = values(count * channels, 3, 0.5);
    const decay = 0.9;
    const table = new FeatureTable(backend, start, channels, { slowDecay: decay, softmax });
    const touched = new TouchedRows(backend);
    const random = seededRandom(SEED);
    let expected = initialState(start, count);
    const rendered: [string, Float32Array, Float64Array][] = [];
    for (let step = 1; step <= 6; step++) {
      const rows = Uint32Array.from({ length: Math.ceil(rowCount / 3) }, () => random.integer(rowCount));
      const upstream = values(rows.length * channels, step, 1);
      const rowBuffer = backend.createBuffer('rows', rows.byteLength);
      backend.write(rowBuffer, rows);
      const batch = { matrix: w, rows: rowBuffer, rowCount: rows.length };
      const padded = new Float32Array(rows.length * table.stride);
      upstream.forEach((value, i) => {
        padded[Math.floor(i / channels) * table.stride + (i % channels)] = value;
      });
      const output = backend.createBuffer('output', padded.byteLength);
      const read = async () => {
        const out = new Float32Array(await backend.read(output));
        return Float32Array.from(upstream, (_, i) => out[Math.floor(i / channels) * table.stride + (i % channels)]!);
      };
      expected = averageReference(expected, decay);
      const shown = (state: Float64Array) =>
        softmax
          ? Float64Array.from(
              Array.from({ length: count }, (_, g) => [
                ...softmaxReference(state.slice(g * channels, (g + 1) * channels)),
              ]).flat(),
            )
          : state;
      backend.run(gatherFeatures, { table, batch, output });
      const own = rowsOf(host, rows);
      rendered.push([`fast ${step}`, await read(), sparseProductReference(own, shown(expected.table), channels)]);
      backend.run(gatherFeatures, { table, batch, output, slowAtStep: step });
      rendered.push([`slow ${step}`, await read(), sparseProductReference(own, expected.slow, channels)]);
      backend.write(output, padded);
      backend.run(scatterGradients, { table, touched, batch, upstream: output, step });
      backend.run(updateFeatures, { table, touched, step, rate: ADAM.rate });
      const next = featureStepReference(expected, { w: host, rows, ...ADAM }, upstream, channels, softmax);
      expected = { ...next, slow: expected.slow };
      backend.destroyBuffer(rowBuffer);
      backend.destroyBuffer(output);
    }
    const features = await table.features();
    if (softmax) {
      const shown = Float64Array.from(expected.table);
      for (let g = 0; g < count; g++) {
        const row = shown.subarray(g * channels, (g + 1) * channels);
        row.set(softmaxReference(row));
      }
      expected = { ...expected, table: shown };
    }
    const before = backend.memory.usedBytes;
    for (const owner of [w, table, touched]) owner.dispose();
    expect(backend.memory.usedBytes).toBeLessThan(before);
    return { features, expected, rendered };
  }

  test.each([
    { rowCount: 1, count: 1, channels: 1, softmax: false },
    { rowCount: 15, count: 16, channels: 3, softmax: false },
    { rowCount: 40, count: 17, channels: 3, softmax: false },
    { rowCount: 40, count: 100, channels: 24, softmax: false },
    { rowCount: 40, count: 60, channels: 130, softmax: false },
    { rowCount: 60, count: 33, channels: 2, softmax: true },
    { rowCount: 60, count: 33, channels: 5, softmax: true },
  ])('six steps on $rowCount x $count, $channels channels, softmax $softmax', async (given) => {
    const { rowCount, count, channels, softmax } = given;
    const backend = await backendPromise;
    const { features, expected, rendered } = await train(backend, rowCount, count, channels, softmax);
    for (const [name, actual, reference] of rendered) expectClose(name, actual, reference, { abs: 3e-6, rel: 3e-6 });
    expectClose('features', features, expected.table, { abs: 5e-6 });
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const one = await train(single, 60, 90, 3, false);
    const many = await train(await backendPromise, 60, 90, 3, false);
    expect(many.features).toEqual(one.features);
    expect(one.features.every(Number.isFinite)).toBe(true);
    await single.dispose();
  });
});
