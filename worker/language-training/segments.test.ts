import { describe, expect, it } from 'vitest';
import { uniform } from '../language/testing.ts';
import { largestEigenvalue, physicalScale } from './physical-scale.ts';
import { distinctSegments } from './segments.ts';
import { layersOf } from './simulated.ts';

const SIZE = 64;
/** Two boxes that touch, one of them of two parts, and a third apart. */
function truth() {
  const instance = new Uint16Array(SIZE * SIZE);
  const part = new Uint16Array(SIZE * SIZE);
  const fill = (x0: number, y0: number, x1: number, y1: number, object: number, piece: number): void => {
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        instance[y * SIZE + x] = object;
        part[y * SIZE + x] = piece;
      }
    }
  };
  fill(4, 4, 20, 20, 1, 11);
  fill(4, 20, 20, 28, 1, 12);
  fill(20, 4, 36, 24, 2, 21);
  fill(44, 40, 60, 60, 3, 31);
  return { instance, part, width: SIZE, height: SIZE };
}
const PARTS = new Set([11, 12]);

describe('simulated segments', () => {
  it('without noise are parts of what has several, objects, and objects that touch', () => {
    const areas = layersOf(truth(), PARTS, 'f', 'none', 0).map(({ pixels }) => pixels.length);
    expect(areas.toSorted((a, b) => a - b)).toEqual([128, 256, 320, 320, 384, 704]);
  });

  it('depend on the seed and the frame, and on nothing else', () => {
    const areas = (name: string, seed: number) =>
      layersOf(truth(), PARTS, name, 'harsh', seed).map(({ pixels, confidence }) => [pixels.length, confidence]);
    expect(areas('f', 1)).toEqual(areas('f', 1));
    expect(areas('f', 1)).not.toEqual(areas('g', 1));
    expect(areas('f', 1)).not.toEqual(areas('f', 2));
    for (const [, confidence] of areas('f', 1)) expect(confidence! > 0 && confidence! < 1).toBe(true);
  });
});

describe('distinct segments', () => {
  const run = (from: number, to: number) => Uint32Array.from({ length: to - from }, (_, i) => from + i);
  it('keep the surer of two alike, and leave out what is too small', () => {
    const kept = distinctSegments(
      [
        { pixels: run(0, 100), confidence: 0.5 },
        { pixels: run(1, 100), confidence: 0.9 },
        { pixels: run(0, 50), confidence: 0.2 },
        { pixels: run(0, 3), confidence: 1 },
      ],
      4096,
    );
    expect(kept.map(({ pixels, confidence }) => [pixels.length, confidence])).toEqual([
      [99, 0.9],
      [50, 0.2],
    ]);
  });
});

describe('physical scale', () => {
  it('is the largest eigenvalue, as power iteration finds it', () => {
    const random = uniform(2);
    for (let round = 0; round < 50; round++) {
      const a = Array.from({ length: 9 }, () => 2 * random() - 1);
      const product = (i: number, j: number) => [0, 1, 2].reduce((sum, k) => sum + a[3 * i + k]! * a[3 * j + k]!, 0);
      const m = [0, 1, 2].map((i) => [0, 1, 2].map((j) => product(i, j)));
      let v = [1, 0.7, 0.3];
      let length = 0;
      for (let step = 0; step < 3000; step++) {
        const next = m.map((row) => row.reduce((sum, value, k) => sum + value * v[k]!, 0));
        length = Math.hypot(...next);
        v = next.map((value) => value / length);
      }
      const found = largestEigenvalue(m[0]![0]!, m[1]![1]!, m[2]![2]!, m[0]![1]!, m[0]![2]!, m[1]![2]!);
      expect(Math.abs(found - length) <= 1e-6 * length).toBe(true);
    }
    expect(largestEigenvalue(2, 2, 2, 0, 0, 0)).toBe(2);
  });

  it('grows with the square of the distance, and needs a depth', () => {
    const view = { widthPixels: 20, fx: 30, fy: 30, cx: 10, cy: 10 };
    const pixels = Uint32Array.from({ length: 40 }, (_, i) => 100 + i);
    const alpha = new Float32Array(400).fill(0.8);
    const near = physicalScale(
      view,
      pixels,
      alpha.map((value) => 2 * value),
      alpha,
    );
    const far = physicalScale(
      view,
      pixels,
      alpha.map((value) => 6 * value),
      alpha,
    );
    expect(near).toBeGreaterThan(0);
    expect(far / near).toBeCloseTo(9, 3);
    // A row of pixels at one depth: the variance of its columns, in world units.
    const row = Uint32Array.from({ length: 20 }, (_, i) => 200 + i);
    const expected = ((20 * 20 - 1) / 12) * (2 / 30) ** 2;
    expect(
      physicalScale(
        view,
        row,
        alpha.map((value) => 2 * value),
        alpha,
      ),
    ).toBeCloseTo(expected, 6);
    expect(physicalScale(view, pixels, new Float32Array(400), new Float32Array(400))).toBe(0);
  });
});
