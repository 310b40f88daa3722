import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import {
  bestScale,
  bestScaleReference,
  compositeReference,
  relevancyOfRows,
  relevancyReference,
} from '../../kernels/index.ts';
import { expectClose, seededRandom } from '../../kernels/testing/index.ts';
import { compositeOf, embeddingsOfLevel, embeddingsOfRows, evenScales, nestedEmbeddings } from './evaluate.ts';
import type { LevelsField } from './types.ts';

const [GAUSSIANS, D, E] = [30, 10, 7];
const random = seededRandom(77);
const draw = (count: number) => Float32Array.from(random.fill(count, (r) => r.normal()));
const field = {
  ...{ theta: draw(GAUSSIANS * D), projection: draw(E * D), dimensions: D },
  levelDimensions: Uint32Array.of(2, 4, 6, 8, 10),
};
const [query, ...phrases] = Array.from({ length: 5 }, () => draw(E));

let backend: WasmBackend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
});
afterAll(() => backend.dispose());

test('a trained field at all its scales: the search finds what full embeddings find', async () => {
  const { embeddings, dispose } = nestedEmbeddings(backend, field);
  const directions = embeddings.contrast(query!, phrases);
  const maxima = backend.createBuffer('maxima', 4 * 5);
  const best = backend.createBuffer('best', 4);
  backend.run(bestScale, { embeddings, phrases: directions, maxima, best });
  const nested = { rows: field.theta, ...field, scales: field.levelDimensions };
  const expected = bestScaleReference(relevancyReference(nested, query!, phrases), 5);
  expectClose('maxima', new Float32Array(await backend.read(maxima)), expected.maxima, { abs: 1e-6 });
  expect(new Uint32Array(await backend.read(best))[0]).toBe(expected.best);
  directions.dispose();
  dispose();
  for (const buffer of [maxima, best]) backend.destroyBuffer(buffer);
  expect(backend.memory.usedBytes).toBe(0);
});

test('the composite, precomputed, answers as its definition says', async () => {
  const composite = await compositeOf(backend, field, phrases, 0.7);
  const nested = { rows: field.theta, ...field, scales: field.levelDimensions };
  expectClose('composite', composite, compositeReference(nested, phrases, 0.7), { abs: 1e-5 });
  const { embeddings, dispose } = embeddingsOfRows(backend, composite, D, { projection: field.projection });
  const directions = embeddings.contrast(query!, phrases);
  const output = backend.createBuffer('relevancy', 4 * GAUSSIANS);
  backend.run(relevancyOfRows, { embeddings, phrases: directions, output });
  const one = { rows: composite, dimensions: D, projection: field.projection, scales: [D] };
  const expected = relevancyReference(one, query!, phrases);
  expectClose('relevancy', new Float32Array(await backend.read(output)), expected, { abs: 1e-5 });
  directions.dispose();
  dispose();
  backend.destroyBuffer(output);
  expect(backend.memory.usedBytes).toBe(0);
});

test('fewer scales are evenly spaced and keep the finest', () => {
  expect([...evenScales(field, 2)]).toEqual([6, 10]);
  expect([...evenScales(field, 5)]).toEqual([2, 4, 6, 8, 10]);
  expect([...evenScales(field, 30)]).toEqual([2, 4, 6, 8, 10]);
  expect([...evenScales(field, 1)]).toEqual([10]);
});

test('a level that does not exist is refused', async () => {
  const levels = {
    kind: 'levels',
    levels: [{ name: 'all', embeddings: new Float32Array(E) }],
  } as unknown as LevelsField;
  expect(await embeddingsOfLevel(backend, levels, 0)).toHaveLength(E);
  await expect(embeddingsOfLevel(backend, levels, 1)).rejects.toThrow(/level 1 of 1/);
});
