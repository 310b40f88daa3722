import { describe, expect, it } from 'vitest';
import type { LiftFrame } from './frames.ts';
import { startOfTable } from './start.ts';
import type { WeightCache } from './weight-cache.ts';

/** Two segments of two pixels; each pixel sees one Gaussian: at 9, 11 and at 99, 101 of the x axis. */
const means = Float32Array.of(9, 0, 0, 11, 0, 0, 99, 0, 0, 101, 0, 0);
const frames = [{ name: 'a', segments: Uint16Array.of(1, 1, 2, 2) }] as unknown as LiftFrame[];
const cache = {
  gaussians: 4,
  views: [{ pixels: Uint32Array.of(0, 1, 2, 3) }],
  host: async () => {
    return {
      rowStart: Uint32Array.of(0, 1, 2, 3, 4),
      columns: Uint32Array.of(0, 1, 2, 3),
      weights: Float32Array.of(1, 0.5, 0.25, 1),
    };
  },
} as unknown as WeightCache;

describe('start of a table', () => {
  it('is the position about the mean of all segments, in units of the median segment’s radius', async () => {
    const start = await startOfTable(cache, frames, means, 3, { sigma: 1e-9, positions: 0.5 }, 1);
    // Every segment has the radius 1; the mean of the pixels is 55.
    for (const [i, x] of [-23, -22, 22, 23].entries()) {
      expect(start[3 * i]).toBeCloseTo(x, 4);
      expect(start[3 * i + 1]).toBeCloseTo(0, 4);
    }
  });

  it('keeps the distances of positions apart in more dimensions, and noise alone where positions are not asked for', async () => {
    const many = await startOfTable(cache, frames, means, 8, { sigma: 1e-9, positions: 0.5 }, 1);
    const distance = (i: number, j: number) =>
      Math.hypot(...Array.from({ length: 8 }, (_, d) => many[8 * i + d]! - many[8 * j + d]!));
    expect(distance(0, 2) / distance(0, 1)).toBeCloseTo(45, 2);
    const noise = await startOfTable(cache, frames, means, 3, { sigma: 0.1, positions: 0 }, 1);
    expect(Math.max(...noise.map(Math.abs))).toBeLessThan(1);
    expect(noise).toEqual(await startOfTable(cache, frames, means, 3, { sigma: 0.1, positions: 0 }, 1));
  });

  it('is noise alone where segments have no extent', async () => {
    const points = Float32Array.from(means, () => 3);
    const start = await startOfTable(cache, frames, points, 3, { sigma: 0.1, positions: 0.5 }, 1);
    expect(start.every((value) => Number.isFinite(value) && Math.abs(value) < 1)).toBe(true);
  });
});
