import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitPlane, movedPlane, nearestPoint, toPixel, zoomedPlane } from './plane.ts';

const [width, height] = [400, 300];
const coordinate = fc.double({ min: -50, max: 50, noNaN: true });
const cloud = fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 30 }).map((pairs) => pairs.flat());

describe('plane of a projection', () => {
  it('shows every point inside the panel', () => {
    fc.assert(
      fc.property(cloud, (points) => {
        const plane = fitPlane(points, width, height);
        for (let i = 0; i < points.length; i += 2) {
          const [x, y] = toPixel(plane, width, height, points[i]!, points[i + 1]!);
          expect(x >= 20 && x <= width - 20 && y >= 20 && y <= height - 20).toBe(true);
        }
      }),
    );
  });

  it('keeps one scale for both axes, the second one up', () => {
    const plane = fitPlane([0, 0, 10, 0, 0, 1], width, height);
    const origin = toPixel(plane, width, height, 0, 0);
    const [right, up] = [toPixel(plane, width, height, 1, 0), toPixel(plane, width, height, 0, 1)];
    expect(right[0] - origin[0]).toBeCloseTo(origin[1] - up[1]);
    expect(origin[1]).toBeGreaterThan(up[1]);
  });

  it('has a place for no points, for one, and for broken ones', () => {
    for (const points of [[], [3, 4], [Number.NaN, 1, 2, 2]]) {
      const plane = fitPlane(points, width, height);
      expect(Object.values(plane).every(Number.isFinite)).toBe(true);
    }
    expect(toPixel(fitPlane([3, 4], width, height), width, height, 3, 4)).toEqual([200, 150]);
  });

  it('zooms around the pointer and pans with it', () => {
    const plane = fitPlane([0, 0, 10, 5], width, height);
    const [x, y] = toPixel(plane, width, height, 2, 1);
    const zoomed = toPixel(zoomedPlane(plane, width, height, x, y, 3), width, height, 2, 1);
    expect(Math.hypot(zoomed[0] - x, zoomed[1] - y)).toBeLessThan(1e-6);
    const moved = toPixel(movedPlane(plane, 7, -9), width, height, 2, 1);
    expect([moved[0] - x, moved[1] - y]).toEqual([expect.closeTo(7), expect.closeTo(-9)]);
  });

  it('finds the nearest point within reach, and none beyond', () => {
    const points = [0, 0, 10, 5, 3, 3];
    const plane = fitPlane(points, width, height);
    for (let k = 0; k < 3; k++) {
      const [x, y] = toPixel(plane, width, height, points[2 * k]!, points[2 * k + 1]!);
      expect(nearestPoint(points, plane, width, height, x + 3, y - 2, 8)).toBe(k);
      expect(nearestPoint(points, plane, width, height, x + 9, y, 8)).toBe(-1);
    }
  });
});
