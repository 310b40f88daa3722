import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { adjustedRandIndex } from '../../metrics/index.ts';
import {
  dbscan,
  type FlatClusters,
  type HdbscanOptions,
  hdbscan,
  meanShift,
  mutualReachabilityTree,
  PointsError,
} from './index.ts';
import { referenceTreeWeight } from './reference.ts';

const GOLDEN = join(process.env.LIFTSCOPE_GOLDEN ?? '../shared/golden', 'clustering.json');

interface GoldenCase {
  readonly seed: number;
  readonly dim: number;
  readonly points: number[];
  readonly hdbscan: {
    params: { min_cluster_size: number; min_samples: number; cluster_selection_method: 'eom' | 'leaf' };
    labels: number[];
  };
  readonly dbscan: { eps: number; min_samples: number; labels: number[] };
  readonly meanshift: { bandwidth: number; labels: number[] };
}

/** Labels renamed by first appearance, noise kept. */
function canonical(labels: ArrayLike<number>): number[] {
  const names = new Map<number, number>([[-1, -1]]);
  return Array.from(labels, (label) => {
    if (!names.has(label)) names.set(label, names.size - 1);
    return names.get(label)!;
  });
}

let backend: WasmBackend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 2 });
});
afterAll(async () => {
  await backend.dispose();
});

const cluster = (points: number[], dimensions: number, options: HdbscanOptions): Promise<FlatClusters> =>
  hdbscan(backend, Float64Array.from(points), dimensions, options);

/** Two groups of four on a line, spaced 1, 10 apart, and a point far away. */
const LINE = [0, 1, 2, 3, 13, 14, 15, 16, 100];

describe('minimum spanning tree', () => {
  it('has the weight of Prim over all pairs, with ties and duplicates', async () => {
    const coordinate = fc.oneof(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 2 }),
      fc.double({ min: 1e6, max: 1e6 + 1, noNaN: true }),
    );
    const input = fc.record({
      dimensions: fc.integer({ min: 1, max: 18 }),
      seeds: fc.array(fc.array(coordinate, { minLength: 18, maxLength: 18 }), { minLength: 2, maxLength: 120 }),
      repeats: fc.integer({ min: 1, max: 3 }),
      minSamples: fc.integer({ min: 1, max: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(input, async ({ dimensions, seeds, repeats, minSamples }) => {
        const rows = Array.from({ length: repeats }, () => seeds.map((row) => row.slice(0, dimensions))).flat();
        const points = Float64Array.from(rows.flat());
        const samples = Math.min(minSamples, rows.length - 1);
        const tree = await mutualReachabilityTree(backend, points, dimensions, { minSamples: samples });
        expect(tree.weights).toHaveLength(rows.length - 1);
        // A tree: every edge joins two parts.
        const parents = rows.map((_, i) => i);
        const root = (i: number): number => (parents[i] === i ? i : root(parents[i]!));
        for (let i = 0; i < tree.weights.length; i++) {
          const [a, b] = [root(tree.from[i]!), root(tree.to[i]!)];
          expect(a).not.toBe(b);
          parents[a] = b;
        }
        const total = tree.weights.reduce((sum, weight) => sum + weight, 0);
        const expected = referenceTreeWeight(points, dimensions, samples);
        expect(Math.abs(total - expected) <= 1e-12 * Math.max(1, expected)).toBe(true);
      }),
      { numRuns: 60, seed: 9 },
    );
  });

  it('has it on blobs with noise, where components must be searched for', async () => {
    for (const dimensions of [3, 16]) {
      const random = fc.sample(fc.double({ min: -1, max: 1, noNaN: true }), { numRuns: 1500 * dimensions, seed: 21 });
      const points = Float64Array.from(random, (value, i) => {
        const point = Math.floor(i / dimensions);
        return point % 10 === 0 ? value * 4 : Math.cos(point % 7) * 3 * ((i % 3) - 1) + value * 0.1;
      });
      const tree = await mutualReachabilityTree(backend, points, dimensions, { minSamples: 5 });
      const expected = referenceTreeWeight(points, dimensions, 5);
      expect(Math.abs(tree.weights.reduce((sum, weight) => sum + weight, 0) - expected)).toBeLessThan(1e-9 * expected);
    }
  });
});

describe('HDBSCAN', () => {
  it('finds two groups and the noise between them, with memberships derived by hand', async () => {
    // minSamples 1: core distances 1 (84 for the last). The tree joins each group at distance 1, the groups at 10, the
    // last at 84. Condensed with minClusterSize 3: the root loses the last point at 1/84 and splits at 1/10 into two
    // clusters that live until 1/1, where all their points leave together: every membership is 1.
    const result = await cluster(LINE, 1, { minClusterSize: 3, minSamples: 1 });
    expect(canonical(result.labels)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, -1]);
    expect([...result.probabilities]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0]);
    expect(result.clusters).toBe(2);
  });

  it('grades the membership of a straggler', async () => {
    // Group 0, 1, 2, 3 and 5 (2 away from 3); the other group as above. 5 leaves at density 1/2, the rest at 1: its
    // membership is 1/2.
    const result = await cluster([0, 1, 2, 3, 5, 23, 24, 25, 26], 1, { minClusterSize: 3, minSamples: 1 });
    expect(canonical(result.labels)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(Math.abs(result.probabilities[4]! - 0.5)).toBeLessThan(1e-12);
  });

  it('takes everything as one cluster only when allowed', async () => {
    // One evenly spaced line never splits: the root is the only candidate.
    const line = [0, 1, 2, 3, 4, 5];
    const options = { minClusterSize: 3, minSamples: 1 };
    expect((await cluster(line, 1, options)).clusters).toBe(0);
    expect([...(await cluster(line, 1, options)).labels]).toEqual([-1, -1, -1, -1, -1, -1]);
    const single = await cluster(line, 1, { ...options, allowSingleCluster: true });
    expect([...single.labels]).toEqual([0, 0, 0, 0, 0, 0]);
    expect((await cluster(line, 1, { ...options, allowSingleCluster: true, selection: 'leaf' })).clusters).toBe(1);
  });

  it('chooses the stable parent by mass and its parts by leaves', async () => {
    // Two groups of spacing 1, 1.5 apart, far (50) from a third. The pair: born at density 1/50, splits at 1/1.5:
    // (1/1.5 - 1/50) * 8 = 5.17. Its halves together: (1 - 1/1.5) * 4 * 2 = 2.67. So mass prefers the pair.
    const points = [0, 1, 2, 3, 4.5, 5.5, 6.5, 7.5, 57.5, 58.5, 59.5, 60.5];
    const options = { minClusterSize: 3, minSamples: 1 };
    expect(canonical((await cluster(points, 1, options)).labels)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    const leaf = await cluster(points, 1, { ...options, selection: 'leaf' });
    expect(canonical(leaf.labels)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    // The leaves of the pair are born at distance 1.5; below an epsilon of 2 they are one.
    const merged = await cluster(points, 1, { ...options, selection: 'leaf', selectionEpsilon: 2 });
    expect(canonical(merged.labels)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('counts the min-samples-th OTHER point', async () => {
    // Points 0, 1, 3: the second other point is 3, 2 and 3 away. Every edge from 0 or from 3 costs at least 3.
    const tree = await mutualReachabilityTree(backend, Float64Array.from([0, 1, 3]), 1, { minSamples: 2 });
    expect([...tree.weights]).toEqual([3, 3]);
  });

  it('does not care for the order of points without ties', async () => {
    const points = fc
      .uniqueArray(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), {
        minLength: 12,
        maxLength: 60,
        selector: ([x]) => x,
      })
      .map((pairs) => pairs.map(([x, y], i) => [x + (i % 3) * 4, y]));
    await fc.assert(
      fc.asyncProperty(points, fc.infiniteStream(fc.nat()), async (rows, stream) => {
        const keys = rows.map(() => stream.next().value as number);
        const order = rows.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
        const options = { minClusterSize: 4, minSamples: 1 };
        const plain = await cluster(rows.flat(), 2, options);
        const shuffled = await cluster(
          order.flatMap((i) => rows[i]!),
          2,
          options,
        );
        const back = new Array<number>(rows.length);
        const strengths = new Array<number>(rows.length);
        for (const [at, i] of order.entries()) {
          back[i] = shuffled.labels[at]!;
          strengths[i] = shuffled.probabilities[at]!;
        }
        expect(canonical(back)).toEqual(canonical(plain.labels));
        for (const [i, value] of plain.probabilities.entries())
          expect(Math.abs(strengths[i]! - value)).toBeLessThan(1e-9);
      }),
      { numRuns: 40, seed: 4 },
    );
  });

  it('does not depend on threads, and takes float32 points', async () => {
    const single = await WasmBackend.create({ threads: 1 });
    const values = fc.sample(fc.integer({ min: 0, max: 8 }), { numRuns: 3000, seed: 8 });
    const points = Float32Array.from(values);
    const options = { minClusterSize: 5, minSamples: 3 };
    const [one, two] = [await hdbscan(single, points, 3, options), await hdbscan(backend, points, 3, options)];
    expect(one.labels).toEqual(two.labels);
    expect(one.probabilities).toEqual(two.probabilities);
    await single.dispose();
  });

  it('survives duplicates, few points and too few', async () => {
    const options = { minClusterSize: 3, minSamples: 1 };
    const twice = await cluster([0, 0, 0, 0, 9, 9, 9, 9], 1, options);
    expect(canonical(twice.labels)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect([...twice.probabilities]).toEqual(new Array<number>(8).fill(1));
    expect((await cluster([5, 5, 5], 1, { minClusterSize: 2, minSamples: 50 })).clusters).toBe(0);
    expect([...(await cluster([5], 1, options)).labels]).toEqual([-1]);
    expect((await cluster([], 1, options)).labels).toHaveLength(0);
    expect((await cluster([1, 2], 1, { minClusterSize: 10 })).clusters).toBe(0);
  });

  it('names what is wrong, stops when asked, and gives its memory back', async () => {
    const before = backend.memory.usedBytes;
    await expect(cluster([1, Number.NaN], 1, { minClusterSize: 2 })).rejects.toThrow(PointsError);
    await expect(cluster([1, 2, 3], 2, { minClusterSize: 2 })).rejects.toThrow(/3 coordinates/);
    await expect(cluster([1, 2], 1, { minClusterSize: 1 })).rejects.toThrow(RangeError);
    await expect(cluster([1, 2], 1, { minClusterSize: 2, selectionEpsilon: -1 })).rejects.toThrow(RangeError);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(cluster(LINE, 1, { minClusterSize: 3, signal: stop.signal })).rejects.toThrow('enough');
    expect(backend.memory.usedBytes).toBe(before);
  });
});

describe('DBSCAN', () => {
  it('labels by density, the border by the first cluster to reach it', () => {
    // Spacing 1, epsilon 1: 1 … 5 have three points within reach (themselves and both neighbours), 0 and 6 two, so
    // they are borders; all hang together. 9 reaches nobody.
    expect([...dbscan(Float64Array.from([0, 1, 2, 3, 4, 5, 6, 9]), 1, { epsilon: 1, minSamples: 3 })]).toEqual([
      0, 0, 0, 0, 0, 0, 0, -1,
    ]);
    // Two groups of four cores, around 3 and around 0.6. 1.75 is 0.75 from 2.5 and from 1: with itself three points, a
    // border of both. The group of point 0 is reached first.
    const points = Float64Array.from([3, 3.25, 2.75, 2.5, 0.5, 0.25, 0.75, 1, 1.75]);
    expect([...dbscan(points, 1, { epsilon: 0.75, minSamples: 4 })]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 0]);
    expect(dbscan(new Float64Array(0), 2, { epsilon: 1, minSamples: 1 })).toHaveLength(0);
    expect(() => dbscan(points, 1, { epsilon: Number.NaN, minSamples: 4 })).toThrow(RangeError);
  });
});

describe('mean shift', () => {
  it('moves every point to the mean of its surroundings', () => {
    // Bandwidth 2: {0, 1} meets at 0.5 and {10, 11, 12} at 11 (support 3, so it comes first).
    const { labels, modes } = meanShift(Float64Array.from([0, 1, 10, 11, 12]), 1, { bandwidth: 2 });
    expect([...modes]).toEqual([11, 0.5]);
    expect([...labels]).toEqual([1, 1, 0, 0, 0]);
    expect(() => meanShift(Float64Array.from([0]), 1, { bandwidth: 0 })).toThrow(RangeError);
  });
});

describe.skipIf(!existsSync(GOLDEN))('golden clusterings (clustering.json in LIFTSCOPE_GOLDEN)', () => {
  const cases = existsSync(GOLDEN) ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as { cases: GoldenCase[] }).cases : [];

  it.each(cases.map((golden) => [golden.seed, golden] as const))('seed %i', async (_seed, golden) => {
    const points = Float64Array.from(golden.points);
    const { params } = golden.hdbscan;
    const found = await hdbscan(backend, points, golden.dim, {
      minClusterSize: params.min_cluster_size,
      minSamples: params.min_samples,
      selection: params.cluster_selection_method,
    });
    expect(found.clusters).toBe(new Set(golden.hdbscan.labels.filter((label) => label >= 0)).size);
    expect(adjustedRandIndex(found.labels, golden.hdbscan.labels)).toBeGreaterThanOrEqual(0.99);
    const { eps, min_samples } = golden.dbscan;
    const density = dbscan(points, golden.dim, { epsilon: eps, minSamples: min_samples });
    expect(canonical(density)).toEqual(canonical(golden.dbscan.labels));
    const { labels } = meanShift(points, golden.dim, { bandwidth: golden.meanshift.bandwidth });
    expect(canonical(labels)).toEqual(canonical(golden.meanshift.labels));
  });
});
