import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { checkGradients, expectClose, seededRandom } from '../testing/index.ts';
import {
  createSparseMatrix,
  type SparseMatrix,
  sparseProduct,
  sparseProductCost,
  sparseProductReference,
  sparseTransposedProductReference,
  transposeSparse,
} from './index.ts';

const SEED = 31;

/** Rows of very different lengths, some empty; a column may repeat within a row. */
function randomMatrix(rowCount: number, columnCount: number, seed = SEED) {
  const random = seededRandom(seed);
  const starts = [0];
  for (let r = 0; r < rowCount; r++) {
    const entries = columnCount === 0 || r % 3 === 1 ? 0 : r % 7 === 0 ? 40 : random.integer(6);
    starts.push(starts[r]! + entries);
  }
  const count = starts[rowCount]!;
  return {
    rowCount,
    columnCount,
    rowStart: Uint32Array.from(starts),
    columns: Uint32Array.from({ length: count }, () => random.integer(columnCount)),
    weights: Float32Array.from({ length: count }, () => random.uniform(0, 1)),
  };
}

const dense = (values: number, seed: number) =>
  Float32Array.from(seededRandom(seed).fill(values, (r) => r.uniform(-1, 1)));

test('reference: a 2 x 3 product and its transpose by hand', () => {
  // W = [[0.5, 0, 2], [0, 0, 1]], F = [[1, 2], [3, 4], [5, 6]]: W·F = [[10.5, 13], [5, 6]]; Wᵀ·I = Wᵀ.
  const w = { rowCount: 2, columnCount: 3, rowStart: [0, 2, 3], columns: [0, 2, 2], weights: [0.5, 2, 1] };
  expect([...sparseProductReference(w, [1, 2, 3, 4, 5, 6], 2)]).toEqual([10.5, 13, 5, 6]);
  expect([...sparseTransposedProductReference(w, [1, 0, 0, 1], 2)]).toEqual([0.5, 0, 0, 0, 2, 1]);
});

test('reference: the transposed product is the gradient of the product', () => {
  const w = randomMatrix(9, 5);
  const upstream = dense(9 * 3, 5);
  checkGradients({
    label: 'sparse product',
    seed: SEED,
    inputs: { input: Float64Array.from(dense(5 * 3, 6)) },
    loss: ({ input }) => sparseProductReference(w, input, 3).reduce((sum, value, i) => sum + value * upstream[i]!, 0),
    gradient: () => ({ input: sparseTransposedProductReference(w, upstream, 3) }),
  });
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  /** Outputs start as junk (NaN) with 4 floats behind them that must survive. */
  async function product(
    backend: WasmBackend,
    matrix: SparseMatrix,
    input: Float32Array,
    channels: number,
    start?: Float32Array,
  ) {
    const values = matrix.rowCount * channels;
    const inputBuffer = backend.createBuffer('input', input.byteLength);
    const output = backend.createBuffer('output', (values + 4) * 4);
    backend.write(inputBuffer, input);
    backend.write(output, new Float32Array(values + 4).fill(Number.NaN));
    if (start !== undefined) backend.write(output, start);
    backend.run(sparseProduct, { matrix, input: inputBuffer, output, channels, accumulate: start !== undefined });
    const all = new Float32Array(await backend.read(output));
    expect([...all.subarray(values)]).toEqual(new Array(4).fill(Number.NaN));
    backend.destroyBuffer(inputBuffer);
    backend.destroyBuffer(output);
    return all.slice(0, values);
  }

  test.each([1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 64])(
    '%i channels, both products, agree with the reference',
    async (channels) => {
      const backend = await backendPromise;
      for (const [rows, columns] of [
        [1, 1],
        [15, 16],
        [16, 17],
        [17, 15],
        [150, 40],
      ] as const) {
        const host = randomMatrix(rows, columns, SEED + rows);
        const w = createSparseMatrix(backend, host);
        const wt = transposeSparse(backend, w, columns);
        const f = dense(columns * channels, 1);
        const u = dense(rows * channels, 2);
        expectClose('W F', await product(backend, w, f, channels), sparseProductReference(host, f, channels), {
          abs: 1e-5,
        });
        expectClose(
          'Wt U',
          await product(backend, wt, u, channels),
          sparseTransposedProductReference(host, u, channels),
          { abs: 1e-5 },
        );
        w.dispose();
        wt.dispose();
      }
      expect(backend.memory.usedBytes).toBe(0);
    },
  );

  test('accumulating adds to what is there', async () => {
    const backend = await backendPromise;
    const host = randomMatrix(16, 9);
    for (const channels of [1, 7, 30]) {
      const w = createSparseMatrix(backend, host);
      const f = dense(9 * channels, 1);
      const start = dense(16 * channels, 3);
      const expected = sparseProductReference(host, f, channels).map((value, i) => value + start[i]!);
      expectClose('Y + W F', await product(backend, w, f, channels, start), expected, { abs: 1e-5 });
      w.dispose();
    }
  });

  test.each([
    [0, 0],
    [0, 5],
    [5, 0],
  ])('%i rows, %i columns: empty rows give zeros', async (rows, columns) => {
    const backend = await backendPromise;
    const w = createSparseMatrix(backend, randomMatrix(rows, columns));
    const wt = transposeSparse(backend, w, columns);
    expect([...(await product(backend, w, dense(columns * 3, 1), 3))]).toEqual(new Array(rows * 3).fill(0));
    expect([...(await product(backend, wt, dense(rows * 3, 1), 3))]).toEqual(new Array(columns * 3).fill(0));
    expect([...(await product(backend, w, new Float32Array(0), 0))]).toEqual([]);
    w.dispose();
    wt.dispose();
  });

  test('the transpose lists rows in order and is an involution', async () => {
    const backend = await backendPromise;
    // Columns ascend within a row, so that transposing twice restores the order of the entries too.
    const host = {
      columnCount: 4,
      rowStart: Uint32Array.of(0, 2, 2, 5),
      columns: Uint32Array.of(1, 3, 0, 1, 2),
      weights: Float32Array.of(1, 2, 3, 4, 5),
    };
    const w = createSparseMatrix(backend, host);
    const wt = transposeSparse(backend, w, 4);
    expect([...new Uint32Array(await backend.read(wt.rowStart))]).toEqual([0, 1, 3, 4, 5]);
    expect([...new Uint32Array(await backend.read(wt.columns))]).toEqual([2, 0, 2, 2, 0]);
    expect([...new Float32Array(await backend.read(wt.weights))]).toEqual([3, 1, 4, 5, 2]);
    const back = transposeSparse(backend, wt, 3);
    expect(new Uint32Array(await backend.read(back.columns))).toEqual(host.columns);
    expect(new Float32Array(await backend.read(back.weights))).toEqual(host.weights);
    for (const matrix of [w, wt, back]) matrix.dispose();
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const host = randomMatrix(999, 57);
    const results = [];
    for (const backend of [single, await backendPromise]) {
      const w = createSparseMatrix(backend, host);
      const wt = transposeSparse(backend, w, 57);
      results.push([
        ...(await product(backend, w, dense(57 * 19, 1), 19)),
        ...(await product(backend, wt, dense(999 * 19, 2), 19)),
      ]);
      w.dispose();
      wt.dispose();
    }
    expect(results[0]!.every(Number.isFinite)).toBe(true);
    expect(results[1]).toEqual(results[0]);
    await single.dispose();
  });

  test('bad matrices are refused and leave no memory behind', async () => {
    const backend = await backendPromise;
    const good = {
      rowStart: Uint32Array.of(0, 1, 2),
      columns: Uint32Array.of(0, 6),
      weights: Float32Array.of(1, 1),
      columnCount: 7,
    };
    expect(() => createSparseMatrix(backend, { ...good, rowStart: Uint32Array.of(0, 3, 2) })).toThrow(
      /rowStart\[1\] is 3/,
    );
    expect(() => createSparseMatrix(backend, { ...good, rowStart: Uint32Array.of(0, 1, 1) })).toThrow(
      /rowStart\[2\] is 1/,
    );
    expect(() => createSparseMatrix(backend, { ...good, columnCount: 6 })).toThrow(/columns\[1\] is 6, of 6/);
    expect(() => createSparseMatrix(backend, { ...good, weights: new Float32Array(3) })).toThrow(
      /2 columns for 3 weights/,
    );
    const w = createSparseMatrix(backend, good);
    expect(() => transposeSparse(backend, w, 6)).toThrow(/column beyond the last, 5/);
    expect(() => backend.run(sparseProduct, { matrix: w, input: w.weights, output: w.weights, channels: 9 })).toThrow(
      /output.*8 bytes, 72/,
    );
    w.dispose();
    expect(backend.memory.usedBytes).toBe(0);
  });
});

test('cost', () => {
  expect(sparseProductCost({ rows: 10, columns: 20, entries: 100, channels: 16 })).toEqual({
    flops: 3200,
    bytes: 800 + 44 + 1920,
  });
});
