import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmBackend } from '../compute/index.ts';
import { sparseProductReference } from '../kernels/index.ts';
import { expectClose, seededRandom } from '../kernels/testing/index.ts';
import { SplatRenderer } from '../splats/index.ts';
import { instancePixels, sampledPixels } from './frames.ts';
import { encodePositions } from './mlp-field.ts';
import { type TinyWorld, tinyWorld } from './testing.ts';
import { largestContributors, WeightCache } from './weight-cache.ts';

let backend: WasmBackend;
let world: TinyWorld;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 2 });
  world = await tinyWorld(backend, 3);
});
afterAll(() => backend.dispose());

test('W of every pixel sums to the rendered alpha, and W times depth is the rendered depth', async () => {
  const cache = await WeightCache.extract(backend, world.model, world.views);
  const renderer = new SplatRenderer(backend, world.model);
  for (const [index, view] of world.views.entries()) {
    const { alpha, depth } = await renderer.channels(view);
    const host = await cache.host(index);
    const matrix = { ...host, rowCount: alpha.length, columnCount: cache.gaussians };
    const ones = new Float64Array(cache.gaussians).fill(1);
    expectClose('alpha', sparseProductReference(matrix, ones, 1), alpha, { abs: 2e-6 });
    const m = view.cameraFromWorld;
    const z = Float64Array.from({ length: cache.gaussians }, (_, i) => {
      return m[11]! + [0, 1, 2].reduce((sum, axis) => sum + m[8 + axis]! * world.means[3 * i + axis]!, 0);
    });
    expectClose('depth', sparseProductReference(matrix, z, 1), depth, { abs: 1e-5 });
  }
  expect(cache.rowCount).toBe(3 * 36 * 24);
  expect(cache.entryCount).toBeGreaterThan(1000);
  renderer.dispose();
  cache.dispose();
});

test('rows over alpha sum to 1 and keep their proportions', async () => {
  const plain = await WeightCache.extract(backend, world.model, world.views);
  const cache = await WeightCache.extract(backend, world.model, world.views, { overAlpha: true });
  const [whole, scaled] = [await plain.host(2), await cache.host(2)];
  expect(scaled.columns).toEqual(whole.columns);
  const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0);
  let translucent = 0;
  for (let row = 0; row + 1 < whole.rowStart.length; row++) {
    const [begin, end] = [whole.rowStart[row]!, whole.rowStart[row + 1]!];
    if (begin === end) continue;
    const alpha = sum(whole.weights.subarray(begin, end));
    if (alpha < 0.9) translucent++;
    expect(sum(scaled.weights.subarray(begin, end))).toBeCloseTo(1, 5);
    expect(scaled.weights[begin]).toBeCloseTo(whole.weights[begin]! / alpha, 5);
  }
  expect(translucent).toBeGreaterThan(10);
  plain.dispose();
  cache.dispose();
});

test('chosen pixels are the rows of the whole', async () => {
  const before = backend.memory.usedBytes;
  const all = await WeightCache.extract(backend, world.model, world.views);
  const chosen = await WeightCache.extract(backend, world.model, world.views, { pixels: instancePixels(world.frames) });
  const [whole, part] = [await all.host(1), await chosen.host(1)];
  const { pixels } = chosen.views[1]!;
  expect(pixels.length).toBeGreaterThan(50);
  expect(pixels.every((pixel) => world.frames[1]!.segments[pixel]! > 0)).toBe(true);
  for (const [row, pixel] of pixels.entries()) {
    const own = part.weights.slice(part.rowStart[row]!, part.rowStart[row + 1]!);
    expect(own).toEqual(whole.weights.slice(whole.rowStart[pixel]!, whole.rowStart[pixel + 1]!));
  }
  all.dispose();
  chosen.dispose();
  expect(backend.memory.usedBytes).toBe(before);
});

test('the largest contributors keep the weight of the row', async () => {
  const host = {
    rowStart: Uint32Array.of(0, 3, 3, 5),
    columns: Uint32Array.of(7, 8, 9, 1, 2),
    weights: Float32Array.of(0.5, 0.125, 0.25, 0.5, 0.25),
  };
  const { weights, droppedShare } = largestContributors(host, 2);
  expect([...weights.rowStart]).toEqual([0, 2, 2, 4]);
  expect([...weights.columns]).toEqual([7, 9, 1, 2]);
  expectClose('weights', weights.weights, [0.875 * (2 / 3), 0.875 / 3, 0.5, 0.25], { abs: 1e-7 });
  expect(droppedShare).toBeCloseTo(0.125 / 0.875 / 3, 9);
  expect(() => largestContributors(host, 0)).toThrow(/not a number of contributors/);
  const cache = await WeightCache.extract(backend, world.model, world.views, { maxContributors: 4 });
  const { rowStart } = await cache.host(0);
  const lengths = Array.from({ length: rowStart.length - 1 }, (_, r) => rowStart[r + 1]! - rowStart[r]!);
  expect(Math.max(...lengths)).toBe(4);
  expect(cache.droppedShare).toBeGreaterThan(0);
  expect(cache.droppedShare).toBeLessThan(0.5);
  cache.dispose();
});

test('a budget that is too small, and a stop, are told and leave nothing behind', async () => {
  const before = backend.memory.usedBytes;
  const small = WeightCache.extract(backend, world.model, world.views, { budgetBytes: 1000 });
  await expect(small).rejects.toMatchObject({ code: 'out-of-memory', message: expect.stringMatching(/for 3 views/) });
  const controller = new AbortController();
  const stopped = WeightCache.extract(backend, world.model, world.views, {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  expect(backend.memory.usedBytes).toBe(before);
});

test('pixel choices: ascending, limited, repeatable', () => {
  const limited = instancePixels(world.frames, 20, 3)(0);
  expect(limited.length).toBe(20);
  expect([...limited]).toEqual([...limited].sort((a, b) => a - b));
  expect(instancePixels(world.frames, 20, 3)(0)).toEqual(limited);
  expect(instancePixels(world.frames, 20, 4)(0)).not.toEqual(limited);
  expect(sampledPixels(world.frames, 100, 3)(1).length).toBe(100);
  expect(sampledPixels(world.frames, 1e6, 3)(1).length).toBe(36 * 24);
});

test('positions for the network: most of the scene in [-1, 1], proportions kept, sines and cosines behind', () => {
  const random = seededRandom(2);
  const means = Float32Array.from({ length: 3000 }, (_, i) => (i % 3 === 0 ? 4 : 1) * random.uniform(-1, 1) + 7);
  means.set([1e4, 1e4, 1e4]);
  const encoded = encodePositions(means, 2);
  expect(encoded.length).toBe(1000 * 16);
  // Without the stray.
  const column = (c: number) => Array.from({ length: 999 }, (_, i) => encoded[16 * (i + 1) + c]!);
  expect(column(0).filter((x) => Math.abs(x) > 1.02).length).toBeLessThan(20);
  expect(Math.max(...column(1))).toBeCloseTo(0.25, 1);
  expectClose('sin', column(3), column(0).map(Math.sin), { abs: 1e-6 });
  expectClose(
    'cos of the second octave',
    column(12),
    column(0).map((x) => Math.cos(2 * x)),
    { abs: 1e-6 },
  );
});
