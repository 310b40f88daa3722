import { expect, it } from 'vitest';
import {
  createSparseMatrix,
  sparseProduct,
  sparseProductReference,
  sparseTransposedProductReference,
  transposeSparse,
} from '../../kernels/index.ts';
import { expectClose, seededRandom } from '../../kernels/testing/index.ts';
import { conformance } from './suite.ts';

const SEED = 7600;
const SHAPES = [
  { rows: 0, columns: 0, channels: 4 },
  { rows: 0, columns: 17, channels: 3 },
  { rows: 1, columns: 1, channels: 1 },
  { rows: 15, columns: 16, channels: 0 },
  { rows: 15, columns: 16, channels: 15 },
  { rows: 16, columns: 17, channels: 16 },
  { rows: 17, columns: 15, channels: 17 },
  { rows: 300, columns: 40, channels: 3 },
  { rows: 40, columns: 300, channels: 64 },
].map((shape) => ({ ...shape, seed: SEED + shape.rows }));

/** Rows of very different lengths, some empty; a column may repeat within a row. */
function randomInputs({ rows, columns, channels, seed }: (typeof SHAPES)[number]) {
  const random = seededRandom(seed);
  const rowStart = new Uint32Array(rows + 1);
  for (let r = 0; r < rows; r++) {
    const entries = columns === 0 || r % 3 === 1 ? 0 : r % 7 === 0 ? 40 : random.integer(6);
    rowStart[r + 1] = rowStart[r]! + entries;
  }
  const entries = rowStart[rows]!;
  const dense = (values: number) => Float32Array.from(random.fill(values, (r) => r.uniform(-1, 1)));
  const matrix = {
    ...{ rowCount: rows, columnCount: columns, rowStart, weights: dense(entries) },
    columns: Uint32Array.from({ length: entries }, () => random.integer(columns)),
  };
  return { matrix, input: dense(columns * channels), upstream: dense(rows * channels) };
}

conformance('sparseProduct', (on) => {
  it.each(SHAPES)('$rows x $columns, $channels channels (seed $seed)', async (given) => {
    const { rows, channels } = given;
    const { matrix: host, input, upstream } = randomInputs(given);
    const matrix = createSparseMatrix(on(), host);
    const output = on().createBuffer('output', 4 * rows * channels);
    const args = { matrix, input: on().upload('input', input), output, channels };
    on().run(sparseProduct, args);
    const product = sparseProductReference(host, input, channels);
    const once = await on().floats(output);
    expect(once.length).toBe(product.length);
    if (product.length === 0) return;
    expectClose('W F', once, product, { abs: 1e-5 });
    on().write(output, upstream);
    on().run(sparseProduct, { ...args, accumulate: true });
    const sum = product.map((value, i) => value + upstream[i]!);
    expectClose('U + W F', await on().floats(output), sum, { abs: 1e-5 });
  });
});

conformance('transposeSparse', (on) => {
  it.each(SHAPES)('$rows x $columns, $channels channels (seed $seed)', async (given) => {
    const { rows, columns, channels } = given;
    const { matrix: host, upstream } = randomInputs(given);
    const matrix = createSparseMatrix(on(), host);
    const before = on().buffersAlive;
    const transposed = transposeSparse(on(), matrix, columns);
    expect(transposed).toMatchObject({ rowCount: columns, entryCount: host.columns.length });
    const rowStart = await on().integers(transposed.rowStart);
    const rowOf = await on().integers(transposed.columns);
    const entries: [column: number, row: number][] = [];
    for (let r = 0; r < rows; r++) {
      for (let e = host.rowStart[r]!; e < host.rowStart[r + 1]!; e++) entries.push([host.columns[e]!, r]);
    }
    entries.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    expect([...rowOf]).toEqual(entries.map(([, row]) => row));
    const ends = Array.from({ length: columns + 1 }, (_, c) => entries.filter(([column]) => column < c).length);
    expect([...rowStart]).toEqual(ends);
    const output = on().createBuffer('output', 4 * columns * channels);
    const input = on().upload('upstream', upstream);
    on().run(sparseProduct, { matrix: transposed, input, output, channels });
    const expected = sparseTransposedProductReference(host, upstream, channels);
    if (expected.length > 0) expectClose('Wt U', await on().floats(output), expected, { abs: 2e-5 });
    transposed.dispose();
    expect(on().buffersAlive).toBe(before + 2);
  });

  it('refuses a matrix that names columns beyond the last, and leaves nothing behind', () => {
    const { matrix: host } = randomInputs(SHAPES[7]!);
    const matrix = createSparseMatrix(on(), host);
    const before = on().buffersAlive;
    expect(() => transposeSparse(on(), matrix, 10)).toThrow(/beyond the last, 9/);
    expect(on().buffersAlive).toBe(before);
  });
});
