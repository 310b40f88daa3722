import { expect, it } from 'vitest';
import {
  bestScale,
  bestScaleReference,
  compositeReference,
  compositeRows,
  NestedEmbeddings,
  nestedScales,
  relevancyOfRows,
  relevancyReference,
  widenBfloat16,
  widenReference,
} from '../../kernels/index.ts';
import { expectClose, seededRandom } from '../../kernels/testing/index.ts';
import { COUNTS } from './scenes.ts';
import { conformance } from './suite.ts';

const SEED = 8200;
const SHAPES = [
  { count: 0, dimensions: 5, embedding: 7, negatives: 2, step: 2 },
  { count: 1, dimensions: 1, embedding: undefined, negatives: 1, step: 1 },
  { count: 15, dimensions: 16, embedding: 20, negatives: 4, step: 1 },
  { count: 16, dimensions: 17, embedding: 6, negatives: 5, step: 4 },
  { count: 17, dimensions: 15, embedding: undefined, negatives: 9, step: 5 },
  { count: 300, dimensions: 40, embedding: 48, negatives: 4, step: 3 },
].map((shape) => ({ ...shape, seed: SEED + shape.count }));

conformance('relevancy', (on) => {
  it.each(SHAPES)('$count rows of $dimensions, $negatives negatives (seed $seed)', async (given) => {
    const { count, dimensions, embedding, negatives: many, step, seed } = given;
    const random = seededRandom(seed);
    const draw = (length: number) => Float32Array.from(random.fill(length, (r) => r.normal()));
    const stride = Math.ceil(dimensions / 4) * 4;
    const rows = draw(count * dimensions);
    // A row without a direction, as a pixel that nothing covers has.
    rows.fill(0, 3 * dimensions, 4 * dimensions);
    const padded = new Float32Array(count * stride);
    rows.forEach((value, i) => {
      padded[Math.floor(i / dimensions) * stride + (i % dimensions)] = value;
    });
    const projection = embedding === undefined ? undefined : draw(embedding * dimensions);
    const length = embedding ?? dimensions;
    const query = draw(length);
    const negatives = Array.from({ length: many }, () => draw(length));
    const scales = nestedScales(dimensions, step);
    const before = on().buffersAlive;
    const embeddings = new NestedEmbeddings(on(), {
      ...{ rows: on().upload('rows', padded), count, dimensions, scales },
      ...(projection === undefined ? {} : { projection }),
    });
    const phrases = embeddings.contrast(query, negatives);
    const canonical = embeddings.canonical(negatives, 0.8);
    const all = on().createBuffer('all', 4 * count * scales.length);
    const one = on().createBuffer('one', 4 * count);
    const maxima = on().createBuffer('maxima', 4 * scales.length);
    const best = on().createBuffer('best', 4);
    const composite = on().createBuffer('composite', padded.byteLength);
    const nested = { rows, dimensions, projection, scales };
    const expected = relevancyReference(nested, query, negatives);
    const found = bestScaleReference(expected, scales.length);
    const at = (scale: number) => expected.filter((_, i) => i % scales.length === scale);

    on().run(bestScale, { embeddings, phrases, maxima, best });
    expectClose('maxima', await on().floats(maxima), found.maxima, { abs: 4e-6 });
    expect([...(await on().integers(best))]).toEqual([found.best]);
    on().run(relevancyOfRows, { embeddings, phrases, output: all });
    on().run(relevancyOfRows, { embeddings, phrases, output: one, scale: best });
    on().run(compositeRows, { embeddings, phrases: canonical, output: composite });
    const rendered = await on().floats(composite);
    expect(rendered.length).toBe(count * stride);
    if (count > 0) {
      expectClose('all scales', await on().floats(all), expected, { abs: 4e-6 });
      expectClose('best scale', await on().floats(one), at(found.best), { abs: 4e-6 });
      on().run(relevancyOfRows, { embeddings, phrases, output: one, scale: 0 });
      expectClose('first scale', await on().floats(one), at(0), { abs: 4e-6 });
      const dense = rendered.filter((_, i) => i % stride < dimensions);
      expectClose('composite', dense, compositeReference(nested, negatives, 0.8), { abs: 1e-5 });
      expect(rendered.every((value, i) => i % stride < dimensions || value === 0)).toBe(true);
    }
    for (const owner of [embeddings, phrases, canonical]) owner.dispose();
    // Rows and five outputs.
    expect(on().buffersAlive).toBe(before + 6);
  });
});

conformance('bfloat16', (on) => {
  it.each(COUNTS.map((count) => ({ count, seed: SEED + count })))(
    '$count values (seed $seed)',
    async ({ count, seed }) => {
      const random = seededRandom(seed);
      // Any bits but those of what is no number, which need not stay the same.
      const halves = Uint16Array.from({ length: 2 * Math.ceil(count / 2) }, () => random.uniform(0, 0x7f80));
      const input = on().upload('halves', halves);
      const output = on().createBuffer('values', 4 * count);
      on().run(widenBfloat16, { input, count, output });
      expect([...(await on().floats(output))]).toEqual([...widenReference(halves.subarray(0, count))]);
      on().destroyBuffer(input);
      on().destroyBuffer(output);
    },
  );
});
