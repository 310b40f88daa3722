import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../compute/index.ts';
import { sparseProductReference } from '../kernels/index.ts';
import { FIELD_RECIPES } from '../recipes/index.ts';
import { BatchSampler, partOf } from './batches.ts';
import { drawWithoutRepetition, fieldRandom, instancePixels, normals, sampledPixels } from './frames.ts';
import type { FieldParameters } from './parameters.ts';
import { gradientNoise } from './stability.ts';
import { type TinyWorld, tinyWorld } from './testing.ts';
import { type TrainFieldOptions, trainField } from './train.ts';
import { WeightCache } from './weight-cache.ts';

const SEED = 5;
let backend: WasmBackend;
let world: TinyWorld;
let cache: WeightCache;
beforeAll(async () => {
  // One thread: the batches are tiny, and a thousand dispatches would wait for a second thread a thousand times.
  backend = await WasmBackend.create({ threads: 1 });
  world = await tinyWorld(backend);
  cache = await WeightCache.extract(backend, world.model, world.views, { pixels: instancePixels(world.frames) });
});
afterAll(() => backend.dispose());

type Options = Omit<Partial<TrainFieldOptions>, 'parameters'>;
const small = (recipe: FieldParameters, changes: Partial<FieldParameters> = {}): FieldParameters => ({
  ...{ ...recipe, steps: 120, batchPixels: 160 },
  ...changes,
});
const train = (parameters: FieldParameters, options: Options = {}) =>
  trainField({ backend, cache, frames: world.frames, means: world.means, parameters, seed: SEED, ...options });

/** W f at every cached pixel, and the ball that the pixel shows. */
async function rendered(features: Float32Array, dimensions: number): Promise<{ row: number[]; ball: number }[]> {
  const pixels: { row: number[]; ball: number }[] = [];
  for (const [f, view] of cache.views.entries()) {
    const host = await cache.host(f);
    const matrix = { ...host, rowCount: view.pixels.length, columnCount: cache.gaussians };
    const values = sparseProductReference(matrix, features, dimensions);
    for (const [r, pixel] of view.pixels.entries()) {
      const ball = (world.frames[f]!.segments[pixel]! - 10 - (f % 3) + 3) % 3;
      pixels.push({ row: [...values.subarray(r * dimensions, (r + 1) * dimensions)], ball });
    }
  }
  return pixels;
}

/** Share of the pixels that are nearer to the centre of their ball than to the others, and how far apart centres are. */
async function separation(features: Float32Array, dimensions: number, isUnit: boolean) {
  const pixels = await rendered(features, dimensions);
  if (isUnit) {
    for (const pixel of pixels) {
      const length = Math.hypot(...pixel.row);
      pixel.row = pixel.row.map((value) => value / length);
    }
  }
  const centres = [0, 1, 2].map((ball) => {
    const own = pixels.filter((pixel) => pixel.ball === ball);
    return Array.from({ length: dimensions }, (_, d) => own.reduce((sum, { row }) => sum + row[d]! / own.length, 0));
  });
  const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((value, d) => value - b[d]!));
  const spread = pixels.reduce((sum, { row, ball }) => sum + distance(row, centres[ball]!) / pixels.length, 0);
  const apart = Math.min(...[0, 1, 2].map((ball) => distance(centres[ball]!, centres[(ball + 1) % 3]!)));
  return { spread, apart };
}

const argmax = (row: readonly number[]) => row.indexOf(Math.max(...row));

describe('every recipe tells the balls apart although no id is consistent', () => {
  const embeddings = Object.entries(FIELD_RECIPES).filter(([name]) => name !== 'linear-assignment');
  test.each(embeddings)('%s', async (name, { parameters }) => {
    const isNetwork = parameters.field.kind === 'mlp';
    // A tenth of the network's width, and a higher rate, suffice for three balls.
    const field = isNetwork ? ({ ...parameters.field, width: 24 } as const) : parameters.field;
    const changes = { field, ...(isNetwork && { rate: 5e-3, finalRate: 5e-3 }) };
    const trained = await train(small(parameters, changes));
    const isUnit = trained.readout === 'unit-embedding';
    expect(isUnit).toBe(name === 'gaussian-clustering');
    const { spread, apart } = await separation(trained.features, trained.dimensions, isUnit);
    expect(apart).toBeGreaterThan(2 * spread);
    // Without the regulariser, which is not part of every step.
    const [first, last] = [0, -1].map((at) => {
      const { loss, terms } = trained.report.losses.at(at)!;
      return terms.clustering ?? loss;
    });
    expect(last).toBeLessThan(first!);
  });

  test('linear-assignment: the slot with the largest logit is the ball', async () => {
    const parameters = small(FIELD_RECIPES['linear-assignment'].parameters, { dimensions: 6 });
    const { features, readout, dimensions } = await train(parameters);
    expect(readout).toBe('logits');
    const pixels = await rendered(features, dimensions);
    const votes = [0, 1, 2].map((ball) => {
      const own = pixels.filter((pixel) => pixel.ball === ball).map(({ row }) => argmax(row));
      const best = own.toSorted((a, b) => count(own, b) - count(own, a))[0]!;
      expect(count(own, best)).toBeGreaterThan(0.9 * own.length);
      return best;
    });
    expect(new Set(votes).size).toBe(3);
  });

  test('the released similarity and concentration', async () => {
    const { parameters } = FIELD_RECIPES['contrastive-lift'];
    const trained = await train(
      small(parameters, { loss: { kind: 'slow-fast', gamma: 1, similarity: 'released', concentration: 1 } }),
    );
    const { spread, apart } = await separation(trained.features, trained.dimensions, false);
    expect(apart).toBeGreaterThan(2 * spread);
  });
});

const count = (values: readonly number[], wanted: number) => values.filter((value) => value === wanted).length;

test.each(['logits', 'probabilities'] as const)(
  'a semantic field on rendered %s knows objects from floor',
  async (rendering) => {
    const frames = world.frames.map((frame, f) => ({ ...frame, classes: new Map([[10 + (f % 3), 2]]) }));
    const all = await WeightCache.extract(backend, world.model, world.views, { pixels: sampledPixels(frames, 600, 1) });
    const { features, readout } = await train(
      {
        ...{
          field: { kind: 'table', sigma: 0.01, positions: 0, reach: 0 },
          dimensions: 3,
          steps: 200,
          batchPixels: 300,
          slowDecay: 0.9,
        },
        loss: { kind: 'semantic', rendering, consistency: 1, consistencyTarget: 'argmax', consistencyFrom: 0.5 },
        ...{ rate: 5e-2, finalRate: 5e-2 },
      },
      { cache: all, frames },
    );
    expect(readout).toBe('logits');
    // Ball 0 is class 2 in every frame, the others class 1; class 0 is what no Gaussian shows.
    const pixels = await rendered(features, 3);
    const right = pixels.filter(({ row, ball }) => argmax(row) === (ball === 0 ? 2 : 1));
    expect(right.length).toBeGreaterThan(0.9 * pixels.length);
    all.dispose();
  },
);

test('same seed, same bits on one and two threads; another seed differs', async () => {
  const parameters = small(FIELD_RECIPES['contrastive-lift'].parameters, { steps: 10 });
  const one = await train(parameters);
  expect((await train(parameters)).features).toEqual(one.features);
  expect((await train(parameters, { seed: SEED + 1 })).features).not.toEqual(one.features);
  const double = await WasmBackend.create({ threads: 2 });
  const own = await tinyWorld(double);
  const weights = await WeightCache.extract(double, own.model, own.views, { pixels: instancePixels(own.frames) });
  for (const name of ['contrastive-lift', 'contrastive-lift-network'] as const) {
    const recipe = small(FIELD_RECIPES[name].parameters, { steps: name === 'contrastive-lift' ? 10 : 2 });
    const expected = await train(recipe);
    const options = { backend: double, cache: weights, frames: own.frames };
    expect((await train(recipe, options)).features).toEqual(expected.features);
    expect(expected.features.every(Number.isFinite)).toBe(true);
  }
  await double.dispose();
});

test('a training can be stopped, tells progress and leaves no memory behind', async () => {
  const before = backend.memory.usedBytes;
  const { parameters } = FIELD_RECIPES['contrastive-lift'];
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 150);
  const endless = train(small(parameters, { steps: 1_000_000 }), { signal: controller.signal });
  await expect(endless).rejects.toMatchObject({ code: 'cancelled' });
  const told: number[] = [];
  await train(small(parameters, { steps: 5 }), { onProgress: ({ step }) => told.push(step) });
  expect(told.at(-1)).toBe(5);
  // Working memory of the pair losses stays with the backend.
  expect(backend.memory.usedBytes - before).toBeLessThan(100_000);
});

test('snapshots, and the noise of the gradients at them', async () => {
  const { parameters } = FIELD_RECIPES['contrastive-lift'];
  const { snapshots, features } = await train(small(parameters, { steps: 12 }), { snapshotsAt: [3, 12] });
  expect(snapshots.map(({ step }) => step)).toEqual([3, 12]);
  expect(snapshots[1]!.features).toEqual(features);
  expect(snapshots[0]!.features).not.toEqual(features);
  const shared = { backend, cache, frames: world.frames, features, dimensions: 3, batchPixels: 120, seed: 2 };
  const slowFast = { kind: 'slow-fast', gamma: 1, similarity: 'squared', concentration: 0 } as const;
  const vanilla = { kind: 'vanilla', gamma: 1, concentration: 0 } as const;
  const few = await gradientNoise({ ...shared, loss: slowFast, batches: 16 });
  const many = await gradientNoise({ ...shared, loss: slowFast, batches: 48 });
  expect(few.relativeVariance).toBeGreaterThan(0);
  // Unbiased: more batches measure the same variance, only better.
  expect(
    Math.abs(Math.log((few.relativeVariance * few.meanNorm ** 2) / (many.relativeVariance * many.meanNorm ** 2))),
  ).toBeLessThan(0.7);
  // The vanilla gradients of a batch sum to zero: a variance over a mean that is rounding.
  const other = await gradientNoise({ ...shared, loss: vanilla, batches: 16 });
  expect(Math.abs(other.varianceOverMean)).toBeGreaterThan(100 * Math.abs(few.varianceOverMean));
});

test('what makes no sense is named', async () => {
  const { parameters } = FIELD_RECIPES['contrastive-lift'];
  const empty = world.frames.map((frame) => ({ ...frame, segments: new Uint16Array(frame.segments.length) }));
  await expect(train(parameters, { frames: empty })).rejects.toThrow(/None of the 4 frames has an instance segment/);
  const cut = world.frames.map((frame) => ({ ...frame, segments: frame.segments.slice(1) }));
  await expect(train(parameters, { frames: cut })).rejects.toThrow(/frame 0 have 863 pixels; its camera sees 36x24/);
  await expect(train({ ...parameters, steps: 0 })).rejects.toMatchObject({
    code: 'bad-input',
    message: expect.stringMatching(/at steps/),
  });
  await expect(train({ ...parameters, rate: Number.NaN })).rejects.toThrow(/at rate/);
  const unknown = { ...parameters, loss: { ...parameters.loss, kind: 'triplet' } } as unknown as FieldParameters;
  await expect(train(unknown)).rejects.toThrow(/at loss.kind/);
  await expect(train(parameters, { warmStart: new Float32Array(3) })).rejects.toThrow(/warm start: 3 values/);
  await expect(train(parameters, { frames: world.frames.slice(1) })).rejects.toThrow(/3 frames for the weights of 4/);
});

test('an empty frame and one with a single pixel are passed over', async () => {
  const frames = world.frames.map((frame, f) => {
    if (f > 1) return frame;
    const segments = new Uint16Array(frame.segments.length);
    if (f === 1) segments[frame.segments.findIndex((id) => id > 0)] = 3;
    return { ...frame, segments };
  });
  const sampler = new BatchSampler(cache, frames, 50, SEED, 'instances');
  const views = Array.from({ length: 10 }, (_, i) => sampler.draw(i + 1).view);
  expect(new Set(views)).toEqual(new Set([2, 3]));
});

test('batches: pixels of one image, each once, inside segments; every image once per round', () => {
  const sampler = new BatchSampler(cache, world.frames, 50, SEED, 'instances');
  const views = Array.from({ length: 8 }, (_, i) => sampler.draw(i + 1).view);
  expect(new Set(views.slice(0, 4)).size).toBe(4);
  expect(new Set(views.slice(4)).size).toBe(4);
  const batch = sampler.draw(3);
  expect(batch.rows.length).toBe(50);
  expect(new Set(batch.rows).size).toBe(50);
  const { pixels } = cache.views[batch.view]!;
  const segments = Array.from(batch.rows, (row) => world.frames[batch.view]!.segments[pixels[row]!]!);
  expect(segments).toEqual([...batch.labels]);
  expect(Math.min(...segments)).toBeGreaterThan(0);
  expect([...batch.classes]).toEqual(new Array(50).fill(1));
  expect(partOf(batch, 10, 12).labels).toEqual(batch.labels.subarray(10, 12));
  expect([...new Set(segments)].flatMap((id) => segments.filter((own) => own === id))).toEqual(segments);
  const halves = sampler.draw(3, 2);
  expect(halves.rows.toSorted()).toEqual(batch.rows.toSorted());
  expect(count([...halves.labels.subarray(0, 25)], segments[0]!)).toBeLessThan(count(segments, segments[0]!));
  // The step alone decides, not what was drawn before.
  expect(new BatchSampler(cache, world.frames, 50, SEED, 'instances').draw(3)).toEqual(batch);
});

test('random draws', () => {
  for (const [total, wanted] of [
    [10, 10],
    [10, 3],
    [1000, 20],
  ] as const) {
    const drawn = drawWithoutRepetition(total, wanted, fieldRandom(1, 'pixels', 0));
    expect(new Set(drawn).size).toBe(wanted);
    expect(Math.max(...drawn)).toBeLessThan(total);
  }
  const firsts = Array.from({ length: 2000 }, (_, i) => drawWithoutRepetition(10, 2, fieldRandom(1, 'pixels', i))[0]!);
  for (let value = 0; value < 10; value++) expect(count(firsts, value)).toBeGreaterThan(140);
  const values = normals(10_001, 0.2, fieldRandom(3, 'initial', 0));
  const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
  expect(Math.sqrt(variance)).toBeCloseTo(0.2, 2);
});
