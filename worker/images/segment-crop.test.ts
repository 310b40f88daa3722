import { describe, expect, test } from 'vitest';
import { type RgbImage, segmentCrop } from './segment-crop.ts';

/** A picture whose red is x, whose green is y and whose blue is 200. */
function ramp(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set([i % width, Math.floor(i / width), 200], 3 * i);
  return { width, height, data };
}
const block = (width: number, left: number, top: number, side: number): number[] =>
  Array.from({ length: side * side }, (_, i) => (top + Math.floor(i / side)) * width + left + (i % side));
const at = ({ data, width }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];

describe('segmentCrop', () => {
  test('without margin and scaling a square segment is copied', () => {
    const crop = segmentCrop(ramp(20, 16), block(20, 5, 3, 8), { side: 8, margin: 0 });
    expect([at(crop, 0, 0), at(crop, 7, 7), at(crop, 2, 5)]).toEqual([
      [5, 3, 200],
      [12, 10, 200],
      [7, 8, 200],
    ]);
  });

  test('what lies outside the segment is blanked, fades with context, and is kept at 1', () => {
    const image = ramp(20, 16);
    const segment = block(20, 8, 6, 4);
    const corner = (context: number) => at(segmentCrop(image, segment, { side: 8, margin: 0.5, context }), 0, 0);
    expect(corner(0)).toEqual([127, 127, 127]);
    expect(corner(1)).toEqual([6, 4, 200]);
    expect(corner(0.25)).toEqual([6, 4, 200].map((value) => Math.round(127 + 0.25 * (value - 127))));
    expect(at(segmentCrop(image, segment, { side: 8, margin: 0.5 }), 2, 2)).toEqual([8, 6, 200]);
  });

  test('what lies outside the image is the fill even where context is kept', () => {
    const crop = segmentCrop(ramp(20, 16), block(20, 0, 0, 4), { side: 8, margin: 0.5, context: 1, fill: [1, 2, 3] });
    expect(at(crop, 0, 0)).toEqual([1, 2, 3]);
    expect(at(crop, 2, 2)).toEqual([0, 0, 200]);
  });

  test('shrinking averages, enlarging interpolates, long segments stay in the middle', () => {
    const half = segmentCrop(ramp(16, 16), block(16, 0, 0, 16), { side: 8, margin: 0 });
    expect(Math.abs(at(half, 3, 3)[0]! - 6.5)).toBeLessThanOrEqual(0.5);
    const double = segmentCrop(ramp(16, 16), block(16, 4, 4, 4), { side: 8, margin: 0, context: 1 });
    expect(at(double, 3, 3)[0]).toBe(5);
    const row = Array.from({ length: 12 }, (_, i) => 5 * 16 + 2 + i);
    const bar = segmentCrop(ramp(16, 16), row, { side: 12, margin: 0 });
    expect(at(bar, 6, 0)).toEqual([127, 127, 127]);
    expect(at(bar, 6, 5)[2]! + at(bar, 6, 6)[2]!).toBeGreaterThan(127 * 2 + 50);
  });

  test('bad segments and options are named', () => {
    expect(() => segmentCrop(ramp(4, 4), [])).toThrow('no pixel');
    expect(() => segmentCrop(ramp(4, 4), [16])).toThrow('pixel 16 is not in the 4x4 image');
    expect(() => segmentCrop(ramp(4, 4), [0], { context: Number.NaN })).toThrow('context NaN');
  });
});
