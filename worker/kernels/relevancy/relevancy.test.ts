import { afterAll, describe, expect, test } from 'vitest';
import { type Backend, WasmBackend } from '../../compute/index.ts';
import { expectClose, seededRandom } from '../testing/index.ts';
import {
  bestScale,
  bestScaleReference,
  compositeReference,
  compositeRows,
  NestedEmbeddings,
  nestedNorms,
  nestedScales,
  relevancyCost,
  relevancyOfRows,
  relevancyReference,
} from './index.ts';

const SEED = 303;
const TOLERANCE = { abs: 4e-6 };
const values = (count: number, seed: number) => Float32Array.from(seededRandom(seed).fill(count, (r) => r.normal()));

/** Row 2 has no embedding at any scale, and the first dimensions of row 1 have none. */
function problem(count: number, dimensions: number, embedding: number | undefined, negatives: number) {
  const rows = values(count * dimensions, SEED + count);
  rows.fill(0, 2 * dimensions, 3 * dimensions);
  if (count > 1) rows.fill(0, dimensions, dimensions + Math.min(3, dimensions - 1));
  const length = embedding ?? dimensions;
  return {
    rows,
    projection: embedding === undefined ? undefined : values(embedding * dimensions, 5),
    query: values(length, 6),
    negatives: Array.from({ length: negatives }, (_, k) => values(length, 7 + k)),
  };
}

test('reference: by hand', () => {
  // θ = (3, 4) with W = 1: at two dimensions φ is (0.6, 0.8), at one (1, 0).
  const nested = { rows: [3, 4, 0, 0], dimensions: 2, scales: [1, 2] };
  const relevancy = relevancyReference(nested, [0, 2], [[1, 0]]);
  const odds = (own: number, other: number) => Math.exp(own) / (Math.exp(own) + Math.exp(other));
  expectClose('relevancy', relevancy, [odds(0, 1), odds(0.8, 0.6), 0.5, 0.5], { abs: 1e-12 });
  const { maxima, best } = bestScaleReference(relevancy, 2);
  expect(best).toBe(1);
  expect([...maxima]).toEqual([0.5, relevancy[1]]);
  // Scores 3 and 3·0.6 + 4·0.8 = 5 of the phrase (0.6, 0.8) after the first: γ = softmax(1.8, 5).
  const [first, second] = compositeReference(nested, [[3, 4]], 0.5);
  const second4 = Math.exp(2 * 5) / (Math.exp(2 * 5) + Math.exp(2 * 1.8));
  expectClose('composite', [first!, second!], [3, 4 * second4], { abs: 1e-12 });
});

test('scales of a step', () => {
  expect([...nestedScales(10, 3)]).toEqual([3, 6, 9]);
  expect([...nestedScales(4, 1)]).toEqual([1, 2, 3, 4]);
  expect(() => nestedScales(4, 5)).toThrow(/step of 5 in 4/);
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  /** Outputs start as NaN with 4 floats behind them that must survive. */
  async function evaluate(
    backend: Backend,
    given: ReturnType<typeof problem>,
    count: number,
    dimensions: number,
    scales: Uint32Array,
  ) {
    const stride = Math.ceil(dimensions / 4) * 4;
    const output = (length: number) => {
      const buffer = backend.createBuffer('output', (length + 4) * 4);
      backend.write(buffer, new Float32Array(length + 4).fill(Number.NaN));
      return buffer;
    };
    const rows = output(count * stride);
    const padded = new Float32Array(count * stride);
    given.rows.forEach((value, i) => {
      padded[Math.floor(i / dimensions) * stride + (i % dimensions)] = value;
    });
    backend.write(rows, padded);
    const shape = given.projection === undefined ? {} : { projection: given.projection };
    const embeddings = new NestedEmbeddings(backend, { rows, count, dimensions, scales, ...shape });
    const phrases = embeddings.contrast(given.query, given.negatives, 1.5);
    const canonical = embeddings.canonical(given.negatives, 0.7);
    const out = {
      all: output(count * scales.length),
      one: output(count),
      found: output(count),
      maxima: output(scales.length),
      best: output(1),
      composite: output(count * stride),
    };
    backend.run(relevancyOfRows, { embeddings, phrases, output: out.all });
    backend.run(relevancyOfRows, { embeddings, phrases, output: out.one, scale: scales.length - 1 });
    backend.run(bestScale, { embeddings, phrases, maxima: out.maxima, best: out.best });
    backend.run(relevancyOfRows, { embeddings, phrases, output: out.found, scale: out.best });
    backend.run(compositeRows, { embeddings, phrases: canonical, output: out.composite });
    const read = async (buffer: (typeof out)['all']) => {
      const floats = new Float32Array(await backend.read(buffer));
      expect([...floats.slice(-4)]).toEqual(new Array(4).fill(Number.NaN));
      backend.destroyBuffer(buffer);
      return floats.slice(0, -4);
    };
    const result = {
      all: await read(out.all),
      one: await read(out.one),
      found: await read(out.found),
      maxima: await read(out.maxima),
      best: new Uint32Array((await read(out.best)).buffer)[0]!,
      composite: (await read(out.composite)).filter((_, i) => i % stride < dimensions),
    };
    for (const owner of [embeddings, phrases, canonical]) owner.dispose();
    backend.destroyBuffer(rows);
    expect(backend.memory.usedBytes).toBe(0);
    return result;
  }

  test.each([
    { count: 1, dimensions: 1, embedding: undefined, negatives: 1, step: 1 },
    { count: 15, dimensions: 6, embedding: 9, negatives: 4, step: 1 },
    { count: 16, dimensions: 16, embedding: undefined, negatives: 5, step: 4 },
    { count: 17, dimensions: 13, embedding: 5, negatives: 8, step: 5 },
    { count: 130, dimensions: 32, embedding: 40, negatives: 4, step: 3 },
    { count: 70, dimensions: 21, embedding: undefined, negatives: 32, step: 21 },
  ])('$count rows, $dimensions dimensions, $negatives negatives agree with the reference', async (shape) => {
    const { count, dimensions, embedding, negatives, step } = shape;
    const given = problem(count, dimensions, embedding, negatives);
    const scales = nestedScales(dimensions, step);
    const actual = await evaluate(await backendPromise, given, count, dimensions, scales);
    const nested = { rows: given.rows, dimensions, projection: given.projection, scales };
    const expected = relevancyReference(nested, given.query, given.negatives, 1.5);
    const best = bestScaleReference(expected, scales.length);
    const at = (scale: number) => expected.filter((_, i) => i % scales.length === scale);
    expectClose('all scales', actual.all, expected, TOLERANCE);
    expectClose('one scale', actual.one, at(scales.length - 1), TOLERANCE);
    expectClose('maxima', actual.maxima, best.maxima, TOLERANCE);
    expect(actual.best).toBe(best.best);
    expectClose('best scale', actual.found, at(best.best), TOLERANCE);
    const composite = compositeReference(nested, given.negatives, 0.7);
    expectClose('composite', actual.composite, composite, { abs: 1e-5 });
  });

  test('no rows: nothing to tell, and the first scale', async () => {
    const given = problem(0, 4, 3, 2);
    const actual = await evaluate(await backendPromise, given, 0, 4, Uint32Array.of(2, 4));
    expect(actual).toMatchObject({ best: 0, maxima: Float32Array.of(0, 0) });
    expect(actual.all.length + actual.composite.length).toBe(0);
  });

  test('the same bits as one thread', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const given = problem(777, 10, 12, 5);
    const scales = nestedScales(10, 2);
    const one = await evaluate(single, given, 777, 10, scales);
    expect(one.all.every(Number.isFinite)).toBe(true);
    expect(await evaluate(await backendPromise, given, 777, 10, scales)).toEqual(one);
    await single.dispose();
  });

  test('norms follow the rows when they are told to', async () => {
    const backend = await backendPromise;
    const rows = backend.createBuffer('rows', 16);
    const output = backend.createBuffer('output', 4);
    const embeddings = new NestedEmbeddings(backend, { rows, count: 1, dimensions: 2 });
    const phrases = embeddings.contrast([1, 0], [[0, 1]]);
    for (const length of [1, 1e6, 1e-6]) {
      backend.write(rows, Float32Array.of(0.6 * length, -0.8 * length, 0, 0));
      backend.run(nestedNorms, { embeddings });
      backend.run(relevancyOfRows, { embeddings, phrases, output });
      const [value] = new Float32Array(await backend.read(output));
      expect(value).toBeCloseTo(1 / (1 + Math.exp(-1.4)), 6);
    }
    for (const owner of [embeddings, phrases]) owner.dispose();
    for (const buffer of [rows, output]) backend.destroyBuffer(buffer);
  });

  test('bad input is named and leaves no memory behind', async () => {
    const backend = await backendPromise;
    const rows = backend.createBuffer('rows', 2 * 8 * 4);
    const shape = { rows, count: 2, dimensions: 6 };
    const make = (options: object) => () => new NestedEmbeddings(backend, { ...shape, ...options });
    expect(make({ count: 3 })).toThrow(/rows \(rows\) holds 64 bytes, 96/);
    expect(make({ scales: [2, 2] })).toThrow(/scale 1 has 2 dimensions/);
    expect(make({ scales: [7] })).toThrow(/scale 0 has 7 dimensions/);
    expect(make({ scales: [] })).toThrow(/no scales/);
    expect(make({ projection: new Float32Array(7) })).toThrow(/7 values/);
    const embeddings = new NestedEmbeddings(backend, shape);
    const [x, y] = [Float32Array.of(1, 0, 0, 0, 0, 0), Float32Array.of(0, 1, 0, 0, 0, 0)];
    expect(() => embeddings.contrast(x, [])).toThrow(/0 negatives/);
    expect(() => embeddings.contrast(x, new Array(33).fill(y))).toThrow(/33 negatives/);
    expect(() => embeddings.contrast(x, [x.slice(1)])).toThrow(/phrase 1 has 5 values/);
    expect(() => embeddings.contrast(new Float32Array(6), [y])).toThrow(/phrase 0 has length 0/);
    expect(() => embeddings.canonical([x], 0)).toThrow(/temperature 0/);
    const phrases = embeddings.contrast(x, [y]);
    const query = { embeddings, phrases, output: rows };
    expect(() => backend.run(relevancyOfRows, { ...query, scale: 1 })).toThrow(/scale 1 of 1/);
    expect(() => backend.run(compositeRows, query)).toThrow(/replace/);
    for (const owner of [embeddings, phrases]) owner.dispose();
    backend.destroyBuffer(rows);
    expect(backend.memory.usedBytes).toBe(0);
  });
});

test('cost', () => {
  expect(relevancyCost({ rows: 10, dimensions: 64, scales: 3, negatives: 4 })).toEqual({
    flops: 5120,
    bytes: 10 * (256 + 24),
  });
});
