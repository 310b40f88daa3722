import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../compute/index.ts';
import { bestScaleReference, compositeReference, relevancyReference } from '../kernels/index.ts';
import type { LanguageFile } from './artifact.ts';
import { fromBfloat16, toBfloat16 } from './bfloat16.ts';
import { openQueryField } from './query-field.ts';
import { normal, uniform, unit } from './testing.ts';

const random = uniform(5);
const gaussianValues = (length: number) => Float32Array.from({ length }, () => normal(random));
const phrase = (E: number) => unit(gaussianValues(E));

function nestedFile(gaussians: number, E: number, dimensions: number, step: number): LanguageFile {
  return {
    header: {
      ...{ gaussians, recipe: 'n2f2', seed: 0, generator: 'test', parameters: {} },
      model: { name: 'fake', fingerprint: 'f', dimensions: E },
      fingerprints: { segments: '', splats: '' },
    },
    visibility: Float32Array.from({ length: gaussians }, (_, i) => (i % 10 === 3 ? 0 : 1)),
    field: {
      ...{ kind: 'nested', dimensions, step, temperature: 0.5, scaleEdges: [] },
      theta: toBfloat16(gaussianValues(gaussians * dimensions)),
      projection: gaussianValues(E * dimensions).map((value) => value / 4),
    },
  };
}

function levelsFile(gaussians: number, E: number, names: readonly string[]): LanguageFile {
  const { header, visibility } = nestedFile(gaussians, E, 4, 1);
  const levels = names.map((name) => ({ name, embeddings: toBfloat16(gaussianValues(gaussians * E)) }));
  return { header, visibility, field: { kind: 'levels', levels } };
}

let backend: WasmBackend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
});
afterAll(() => backend.dispose());

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance)) {
      throw new Error(`value ${i} is ${actual[i]}, not ${expected[i]}`);
    }
  }
}

describe('nested fields', () => {
  const [N, E, D, k] = [57, 6, 9, 2];
  const canonical = [phrase(E), phrase(E)];
  const vectors = { query: phrase(E), negatives: [phrase(E), phrase(E), phrase(E)], sharpness: 1 };

  /** The definition, with rows of Gaussians that nothing was said about left at the gate. */
  function reference({ field, visibility }: LanguageFile) {
    if (field.kind !== 'nested') throw new Error('not nested');
    const scales = [2, 4, 6, 8];
    const rows = fromBfloat16(field.theta).map((value, i) => (visibility[Math.floor(i / D)] === 0 ? 0 : value));
    const nested = { rows, dimensions: D, projection: field.projection, scales };
    const all = relevancyReference(nested, vectors.query, vectors.negatives);
    const weighed = compositeReference(nested, canonical, field.temperature);
    const composite = relevancyReference({ ...nested, rows: weighed, scales: [D] }, vectors.query, vectors.negatives);
    return { all, composite, best: bestScaleReference(all, scales.length) };
  }

  it('are compared at every scale, through the composite, and by their best scale', async () => {
    const file = nestedFile(N, E, D, k);
    const expected = reference(file);
    const field = await openQueryField(backend, file, { canonical });
    expect(field.scales).toEqual(['2 dimensions', '4 dimensions', '6 dimensions', '8 dimensions']);
    expect(field.automatic).toBe('composite');
    expectClose(await field.relevancy(vectors, 'composite'), expected.composite, 1e-5);
    for (let s = 0; s < 4; s++) {
      const own = expected.all.filter((_, i) => i % 4 === s);
      expectClose(await field.relevancy(vectors, s), own, 1e-5);
    }
    const { maxima, best } = await field.maxima(vectors);
    expectClose(maxima, expected.best.maxima, 1e-5);
    expect(best).toBe(expected.best.best);
    await expect(field.relevancy(vectors, 4)).rejects.toThrow('no scale 4');
    field.dispose();
  });

  it('leave what no segment spoke of exactly at the gate', async () => {
    const file = nestedFile(N, E, D, k);
    const field = await openQueryField(backend, file, { canonical });
    const relevancy = await field.relevancy(vectors, 'composite');
    expect(relevancy[3]).toBe(0.5);
    expect(relevancy[13]).toBe(0.5);
    expect(relevancy[4]).not.toBe(0.5);
    field.dispose();
  });

  it('that are too large answer through a packed composite, and say so when a scale is asked for', async () => {
    const given = nestedFile(2 * N + 1, E, D, k);
    const expected = reference(given);
    const field = await openQueryField(backend, given, { canonical, residentBytes: 0 });
    expectClose(await field.relevancy(vectors, 'composite'), expected.composite, 4e-3);
    await expect(field.relevancy(vectors, 0)).rejects.toThrow('too large');
    field.dispose();
  });
});

describe('fields of levels', () => {
  it('are compared level by level', async () => {
    const [N, E] = [41, 7];
    const file = levelsFile(N, E, ['small', 'large']);
    const vectors = { query: phrase(E), negatives: [phrase(E), phrase(E)], sharpness: 3 };
    const field = await openQueryField(backend, file, { canonical: [] });
    if (file.field.kind !== 'levels') throw new Error('not levels');
    const maxima: number[] = [];
    for (const [level, { embeddings }] of file.field.levels.entries()) {
      const nested = { rows: fromBfloat16(embeddings), dimensions: E, scales: [E] };
      const expected = relevancyReference(nested, vectors.query, vectors.negatives, 3);
      expectClose(await field.relevancy(vectors, level), expected, 1e-5);
      maxima.push(Math.max(...expected));
    }
    const found = await field.maxima(vectors);
    expectClose(found.maxima, maxima, 1e-5);
    expect(found.best).toBe(maxima.indexOf(Math.max(...maxima)));
    await expect(field.relevancy(vectors, 'composite')).rejects.toThrow('not nested');
    field.dispose();
  });
});
