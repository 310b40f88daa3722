import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusteringParametersSchema } from '../../../contract/index.ts';
import { WasmBackend } from '../../compute/index.ts';
import { seededRandom } from '../../kernels/testing/index.ts';
import {
  clusterEmbedding,
  clusterSizeSweep,
  type EmbeddingClusters,
  nearestCentroids,
  rescaled,
  withinSigmas,
} from './embedding-clusters.ts';
import { embeddingToObjects } from './embedding-objects.ts';
import { InstanceRenderer, objectsOfGaussians } from './lifted.ts';
import { labelledWorld, OBJECTS, relabelled, viewAt } from './testing.ts';
import { centreOf, randomViewpoints } from './viewpoints.ts';

let backend: WasmBackend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
});
afterAll(() => backend.dispose());

const BLOBS = [
  [0, 0, 0],
  [4, 0, 1],
  [0, 5, 2],
  [4, 5, 0],
] as const;

/** 150 points around each of four centres, and some far from all. */
function samples(): Float32Array {
  const random = seededRandom(3);
  const values: number[] = [];
  for (let i = 0; i < 600; i++) values.push(...BLOBS[i % 4]!.map((centre) => centre + 0.1 * random.normal()));
  for (let i = 0; i < 20; i++) values.push(random.uniform(-1, 5), random.uniform(-1, 6), random.uniform(-1, 3));
  return Float32Array.from(values);
}

function expectCentres({ centroids, clusters }: EmbeddingClusters): void {
  for (const blob of BLOBS) {
    const nearest = Array.from({ length: clusters }, (_, k) =>
      Math.hypot(...blob.map((value, d) => value - centroids[3 * k + d]!)),
    );
    expect(Math.min(...nearest)).toBeLessThan(0.05);
  }
}

const LIMITS = { outlierSigmas: 6, rescale: 'common' } as const;

describe('clusterEmbedding', () => {
  it('finds the blobs at every size of the sweep that is below theirs', async () => {
    const method = { kind: 'hdbscan', minSamples: 1, minClusterSizes: [20, 60, 120] } as const;
    const found = await clusterEmbedding(backend, samples(), 3, method, LIMITS);
    expect(found.map(({ value, clusters }) => [value, clusters])).toEqual([
      [20, 4],
      [60, 4],
      [120, 4],
    ]);
    for (const clustering of found) expectCentres(clustering);
  });

  it('takes a single cluster for what it is', async () => {
    const random = seededRandom(8);
    const one = Float32Array.from({ length: 900 }, () => random.normal());
    const method = { kind: 'hdbscan', minSamples: 1, minClusterSizes: [100] } as const;
    const [found] = await clusterEmbedding(backend, one, 3, method, LIMITS);
    expect(found!.clusters).toBe(1);
    for (let d = 0; d < 3; d++) expect(Math.abs(found!.centroids[d]!)).toBeLessThan(0.2);
  });

  it.each([
    { kind: 'dbscan', epsilons: [0.05], minSamples: 5 },
    { kind: 'mean-shift', bandwidths: [0.2] },
  ] as const)('$kind finds them too', async (method) => {
    const [found] = await clusterEmbedding(backend, samples(), 3, method, LIMITS);
    expect(found!.clusters).toBeGreaterThanOrEqual(4);
    expectCentres(found!);
  });

  it('has no clusters where there is nothing', async () => {
    const method = { kind: 'hdbscan', minSamples: 1, minClusterSizes: [5] } as const;
    expect(await clusterEmbedding(backend, new Float32Array(0), 3, method, LIMITS)).toEqual([]);
    expect(await clusterEmbedding(backend, Float32Array.of(1, 2, 3), 3, method, LIMITS)).toEqual([]);
  });
});

describe('the parts', () => {
  it('sweeps per 50,000 points', () => {
    expect(clusterSizeSweep(50_000)).toEqual(Array.from({ length: 19 }, (_, i) => 10 + 10 * i));
    expect(clusterSizeSweep(100_000)[0]).toBe(20);
    expect(Math.min(...clusterSizeSweep(100))).toBe(2);
  });

  it('drops what lies beyond three sigmas in any dimension, but not for want of spread', () => {
    const values = new Float32Array(2 * 101);
    for (let i = 0; i < 100; i++) values[2 * i] = i % 2 === 0 ? 1 : -1;
    values[2 * 100] = 50;
    expect(withinSigmas(values, 2, 3)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(withinSigmas(new Float32Array(6), 2, 3)).toEqual([0, 1, 2]);
  });

  it('rescales to [0, 1] per dimension', () => {
    expect([...rescaled(Float32Array.of(1, 7, 3, 7, 2, 7), 2, 'dimension')]).toEqual([0, 0, 1, 0, 0.5, 0]);
  });

  it('rescales to [0, 1] and leaves distances in proportion', () => {
    expect([...rescaled(Float32Array.of(1, 7, 5, 8, 3, 7), 2, 'common')]).toEqual([0, 0, 1, 0.25, 0.5, 0]);
    expect([...rescaled(Float32Array.of(4, 7, 4, 7), 2, 'common')]).toEqual([0, 0, 0, 0]);
  });

  it('names the nearest two centroids', () => {
    const { nearest, squaredDistance, squaredRunnerUp } = nearestCentroids(
      Float32Array.of(0, 0, 3, 0),
      2,
      Float32Array.of(2, 0, 0, 1),
    );
    expect([...nearest]).toEqual([2, 1]);
    expect([...squaredDistance]).toEqual([1, 1]);
    expect([...squaredRunnerUp]).toEqual([4, 10]);
    expect([...nearestCentroids(Float32Array.of(1, 1), 2, new Float32Array(0)).nearest]).toEqual([0]);
    expect([...nearestCentroids(Float32Array.of(0, 0), 2, Float32Array.of(0, 1, 1, 0, 0, -1)).nearest]).toEqual([1]);
  });

  it('names the nearest of many as a look at all of them does', () => {
    const random = seededRandom(12);
    // On a grid, so that there are ties.
    const grid = (count: number) => Float32Array.from({ length: 3 * count }, () => random.integer(9));
    const [vectors, centroids] = [grid(400), grid(60)];
    const squared = (i: number, k: number) =>
      [0, 1, 2].reduce((sum, d) => sum + (vectors[3 * i + d]! - centroids[3 * k + d]!) ** 2, 0);
    const found = nearestCentroids(vectors, 3, centroids);
    for (let i = 0; i < 400; i++) {
      const sorted = Array.from({ length: 60 }, (_, k) => k).sort((a, b) => squared(i, a) - squared(i, b) || a - b);
      expect(found.nearest[i]).toBe(sorted[0]! + 1);
      expect(found.squaredDistance[i]).toBe(squared(i, sorted[0]!));
      expect(found.squaredRunnerUp[i]).toBe(squared(i, sorted[1]!));
    }
  });

  it('draws viewpoints between cameras, rotations kept', () => {
    const views = [0, 0.3, 0.6, 0.9].map((angle) => viewAt(angle));
    let novel = 0;
    for (const { cameraFromWorld: m } of randomViewpoints(views, 20, seededRandom(4).uniform)) {
      const rows = [0, 1, 2].map((row) => [m[4 * row]!, m[4 * row + 1]!, m[4 * row + 2]!]);
      for (const [a, row] of rows.entries()) {
        for (const [b, other] of rows.entries()) {
          const dot = row.reduce((sum, value, i) => sum + value * other[i]!, 0);
          expect(Math.abs(dot - (a === b ? 1 : 0))).toBeLessThan(1e-9);
        }
      }
      // Cameras stand on a circle of radius 4; chords between them are a little inside.
      const radius = Math.hypot(...centreOf(m));
      expect(radius).toBeGreaterThan(3.5);
      expect(radius).toBeLessThan(4 + 1e-9);
      if (radius < 3.999) novel++;
    }
    expect(novel).toBeGreaterThan(5);
  });
});

describe('embeddingToObjects', () => {
  it('turns an embedding that separates the objects into the objects', async () => {
    const world = await labelledWorld(8);
    const random = seededRandom(6);
    const { count } = world.splats;
    const features = Float32Array.from({ length: 3 * count }, (_, i) => {
      const object = world.objectOf[Math.floor(i / 3)]!;
      return Math.cos(object * (2 + (i % 3)) + (i % 3)) + 0.02 * random.normal();
    });
    const foreground = Float32Array.from(world.objectOf, (object) => (object > 0 ? 1 : 0));
    const field = { dimensions: 3, features, unitLength: false, foreground, foregroundShare: 0.5 };
    const frames = world.views.map((view, v) => ({ view, segments: relabelled(world.truth[v]!, v) }));
    const parameters = clusteringParametersSchema.parse({
      ...{ viewpoints: 10, samples: 6000, sweepFrom: 500, sweepTo: 4000, sweepStep: 500 },
    });
    const score = (_: unknown, map: Uint32Array) => 1 / (1 + Math.abs(new Set(map).size - (OBJECTS + 1)));
    const found = await embeddingToObjects(world.backend, world.reader, field, frames, parameters, 1, score);
    expect(found.objects).toBe(OBJECTS);
    expect(found.sweep.every(({ pq }) => pq > 0)).toBe(true);
    const again = await embeddingToObjects(world.backend, world.reader, field, frames, parameters, 1, score);
    expect([...again.centroids]).toEqual([...found.centroids]);

    const readout = {
      kind: 'embedding',
      dimensions: 3,
      features,
      centroids: found.centroids,
      unitLength: false,
    } as const;
    const lifted = { gaussians: count, objects: found.objects, foreground, foregroundShare: 0.5, readout };
    const { objectOfGaussian, confidence } = objectsOfGaussians(lifted);
    const pairs = new Set([...objectOfGaussian].map((object, i) => `${object} ${world.objectOf[i]}`));
    expect(pairs.size).toBe(OBJECTS + 1);
    expect(confidence.every((value) => value >= 0 && value <= 1)).toBe(true);

    const renderer = new InstanceRenderer(world.backend, world.reader, lifted);
    const map = await renderer.map(world.views[3]!);
    renderer.dispose();
    const agrees = map.filter((object, i) => (object === 0) === (world.truth[3]![i] === 0)).length;
    expect(agrees / map.length).toBeGreaterThan(0.95);
    expect(new Set(map).size).toBe(OBJECTS + 1);

    // Far from the origin all is the same, where pixels are not opaque too.
    const away = (values: Float32Array) => values.map((value) => value + 64);
    const shifted = { ...readout, features: away(features), centroids: away(found.centroids) };
    const elsewhere = new InstanceRenderer(world.backend, world.reader, { ...lifted, readout: shifted });
    const moved = await elsewhere.map(world.views[3]!);
    elsewhere.dispose();
    expect(moved.filter((object, i) => object !== map[i]).length).toBeLessThan(0.002 * map.length);
    const there = { ...field, features: shifted.features };
    expect((await embeddingToObjects(world.backend, world.reader, there, frames, parameters, 1, score)).objects).toBe(
      OBJECTS,
    );
    await world.backend.dispose();
  });

  it('reads logits in passes as the argmax over all of them', async () => {
    const world = await labelledWorld(1);
    const { count } = world.splats;
    const slots = 40;
    const features = new Float32Array(count * slots);
    for (let i = 0; i < count; i++) features[i * slots + 7 * world.objectOf[i]!] = 3;
    const foreground = Float32Array.from(world.objectOf, (object) => (object > 0 ? 1 : 0));
    const lifted = {
      gaussians: count,
      objects: slots,
      foreground,
      foregroundShare: 0.5,
      readout: { kind: 'logits', features },
    } as const;
    const renderer = new InstanceRenderer(world.backend, world.reader, lifted);
    const map = await renderer.map(world.views[0]!);
    const expected = new Set([0, ...Array.from({ length: OBJECTS }, (_, k) => 7 * (k + 1) + 1)]);
    // On a rim the wall behind may have the largest logit.
    const seen = [...new Set(map)].filter((object) => object !== 1).sort((a, b) => a - b);
    expect(seen).toEqual([...expected].sort((a, b) => a - b));
    const { objectOfGaussian } = objectsOfGaussians(lifted);
    expect(objectOfGaussian[0]).toBe(8);
    expect(objectOfGaussian[count - 1]).toBe(0);
    renderer.dispose();
    await world.backend.dispose();
  });
});
