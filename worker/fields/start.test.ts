import { describe, expect, it } from 'vitest';
import type { LiftFrame } from './frames.ts';
import { startOfTable } from './start.ts';
import type { WeightCache } from './weight-cache.ts';

/** Each pixel sees one Gaussian. @param segments of the pixels of each view */
function world(
  means: readonly number[],
  segments: readonly (readonly number[])[],
  seen: readonly (readonly number[])[],
) {
  const frames = segments.map((own, i) => ({ name: `${i}`, segments: Uint16Array.from(own) }));
  const cache = {
    gaussians: means.length,
    views: seen.map((own) => ({ pixels: Uint32Array.from(own.keys()) })),
    host: async (view: number) => ({
      rowStart: Uint32Array.from({ length: seen[view]!.length + 1 }, (_, i) => i),
      columns: Uint32Array.from(seen[view]!),
      weights: Float32Array.from(seen[view]!, (_, i) => 1 / (1 + i)),
    }),
  };
  const positions = Float32Array.from({ length: 3 * means.length }, (_, i) => (i % 3 === 0 ? means[i / 3]! : 0));
  return { frames: frames as unknown as LiftFrame[], cache: cache as unknown as WeightCache, means: positions };
}

/** Two segments of two pixels, at 9, 11 and at 99, 101 of the x axis. */
const { frames, cache, means } = world([9, 11, 99, 101], [[1, 1, 2, 2]], [[0, 1, 2, 3]]);

describe('start of a table', () => {
  it('is the centre of the segment about the mean of all, in units of the median segment’s radius', async () => {
    const start = await startOfTable(cache, frames, means, 3, { sigma: 1e-9, positions: 0.5, reach: 0 }, 1);
    // Every segment has the radius 1; the mean of the pixels is 55.
    for (const [i, x] of [-22.5, -22.5, 22.5, 22.5].entries()) {
      expect(start[3 * i]).toBeCloseTo(x, 4);
      expect(start[3 * i + 1]).toBeCloseTo(0, 4);
    }
  });

  it('puts a Gaussian where its segments are, not where it is', async () => {
    // Gaussian 3 floats far in front of the first object, in both views; Gaussian 4 is in no segment.
    const seen = [
      [0, 1, 2, 3],
      [0, 2, 1, 3, 4],
    ];
    const stray = world(
      [9, 10, 11, -80, 70],
      [
        [1, 1, 1, 1],
        [7, 7, 7, 7, 0],
      ],
      seen,
    );
    const start = await startOfTable(
      stray.cache,
      stray.frames,
      stray.means,
      3,
      { sigma: 1e-9, positions: 1, reach: 0 },
      1,
    );
    expect(start[9]).toBeCloseTo(start[0]!, 4);
    expect(start[3]).toBeCloseTo(start[0]!, 4);
    expect(Math.abs(start[12]! - start[0]!)).toBeGreaterThan(10);
  });

  it('keeps the distances of places apart in more dimensions, and noise alone where places are not asked for', async () => {
    const three = world([9, 11, 99, 101, 189, 191], [[1, 1, 2, 2, 3, 3]], [[0, 1, 2, 3, 4, 5]]);
    const many = await startOfTable(
      three.cache,
      three.frames,
      three.means,
      8,
      { sigma: 1e-9, positions: 0.5, reach: 0 },
      1,
    );
    const distance = (i: number, j: number) =>
      Math.hypot(...Array.from({ length: 8 }, (_, d) => many[8 * i + d]! - many[8 * j + d]!));
    expect(distance(0, 4) / distance(0, 2)).toBeCloseTo(2, 2);
    const noise = await startOfTable(cache, frames, means, 3, { sigma: 0.1, positions: 0, reach: 0 }, 1);
    expect(Math.max(...noise.map(Math.abs))).toBeLessThan(1);
    expect(noise).toEqual(await startOfTable(cache, frames, means, 3, { sigma: 0.1, positions: 0, reach: 0 }, 1));
  });

  it('as waves leaves far places equally far apart, and near ones near', async () => {
    const line = world([9, 11, 9.8, 11.8, 99, 101, 189, 191], [[1, 1, 2, 2, 3, 3, 4, 4]], [[0, 1, 2, 3, 4, 5, 6, 7]]);
    const shape = { sigma: 1e-9, positions: 2, reach: 4 };
    const start = await startOfTable(line.cache, line.frames, line.means, 256, shape, 1);
    const squared = (i: number, j: number) =>
      Array.from({ length: 256 }, (_, d) => (start[256 * i + d]! - start[256 * j + d]!) ** 2).reduce((a, b) => a + b);
    // 2 · 2² · (1 − exp(−distance² / (2 · 4²))), in units of the radius 1, but for the chance of 256 waves.
    expect(squared(0, 1)).toBeCloseTo(0, 6);
    expect(squared(0, 2)).toBeGreaterThan(0.5 * 8 * (1 - Math.exp(-0.64 / 32)));
    expect(squared(0, 2)).toBeLessThan(1.5 * 8 * (1 - Math.exp(-0.64 / 32)));
    for (const [i, j] of [
      [0, 4],
      [0, 6],
      [4, 6],
    ] as const) {
      expect(Math.abs(squared(i, j) - 8)).toBeLessThan(2);
    }
  });

  it('is noise alone where segments have no extent', async () => {
    const points = Float32Array.from(means, () => 3);
    const start = await startOfTable(cache, frames, points, 3, { sigma: 0.1, positions: 0.5, reach: 0 }, 1);
    expect(start.every((value) => Number.isFinite(value) && Math.abs(value) < 1)).toBe(true);
  });
});
