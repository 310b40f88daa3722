import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  boxDownscale,
  downscaleIntrinsics,
  fromInterleavedBytes,
  pyramid,
  toFloat,
  toInterleavedBytes,
} from './planar.ts';

const planar = (width: number, height: number, value: (c: number, y: number, x: number) => number) => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    value(Math.floor(i / (width * height)), Math.floor(i / width) % height, i % width),
  ),
});

describe('boxDownscale', () => {
  test('means of 2x2 blocks, halves rounded up, the odd last row and column dropped', () => {
    // Channel 0 of a 5x3 image:  0 1 | 2 3 | 9     mean of 0 1 10 11 = 5.5 -> 6
    //                           10 11|12 13| 9     mean of 2 3 12 13 = 7.5 -> 8
    //                            9 9 | 9 9 | 9
    const image = planar(5, 3, (c, y, x) => (y === 2 || x === 4 ? 9 : c * 100 + y * 10 + x));
    const half = boxDownscale(image, 2);
    expect([half.width, half.height]).toEqual([2, 1]);
    expect([...half.data]).toEqual([6, 8, 106, 108, 206, 208]);
  });

  test('a constant image stays constant, whatever the size and factor', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 40 }),
        fc.integer({ min: 4, max: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 255 }),
        (width, height, factor, value) => {
          const small = boxDownscale(
            planar(width, height, () => value),
            factor,
          );
          expect(small.data.length).toBe(3 * Math.floor(width / factor) * Math.floor(height / factor));
          expect(small.data.every((byte) => byte === value)).toBe(true);
        },
      ),
      { seed: 7, numRuns: 50 },
    );
  });

  test('bad factors are refused', () => {
    const image = planar(5, 3, () => 0);
    expect(() => boxDownscale(image, 1.5)).toThrow(/factor.*1\.5/);
    expect(() => boxDownscale(image, 4)).toThrow(/5x3.*4 times/);
  });
});

test('the pyramid is filtered from the full image and stops before it vanishes', () => {
  const image = planar(132, 236, (c, y, x) => (c * 31 + y * 7 + x * 13) & 255);
  const levels = pyramid(image, 3);
  expect(levels.map((level) => [level.width, level.height])).toEqual([
    [132, 236],
    [66, 118],
    [33, 59],
  ]);
  expect(levels[2]!.data).toEqual(boxDownscale(image, 4).data);
  expect(pyramid(image, 20, 16).map((level) => level.width)).toEqual([132, 66, 33, 16]);
});

test('a projected point lands on the same place of the reduced image', () => {
  const k = { fx: 100, fy: 110, cx: 66.25, cy: 117.5 };
  const half = downscaleIntrinsics(k, 2);
  const [x, y, z] = [0.3, -0.2, 2];
  expect((half.fx * x) / z + half.cx).toBeCloseTo(((k.fx * x) / z + k.cx) / 2, 12);
  expect((half.fy * y) / z + half.cy).toBeCloseTo(((k.fy * y) / z + k.cy) / 2, 12);
});

test('floats are clipped and rounded to bytes; NaN is black', () => {
  const data = Float32Array.of(-1, 0, 0.5 / 255, 1, 2, Number.NaN);
  expect([...toInterleavedBytes({ width: 2, height: 1, data })]).toEqual([0, 1, 255, 0, 255, 0]);
});

test('interleaved and planar are inverse, and floats are bytes over 255', () => {
  const image = planar(7, 5, (c, y, x) => c * 80 + y * 7 + x);
  const back = fromInterleavedBytes(7, 5, toInterleavedBytes(image));
  expect(back.data).toEqual(image.data);
  expect(toInterleavedBytes(toFloat(image))).toEqual(toInterleavedBytes(image));
});

test('a wrong length is named', () => {
  expect(() => toInterleavedBytes({ width: 2, height: 2, data: new Uint8Array(11) })).toThrow(/2x2.*12.*11/);
});
