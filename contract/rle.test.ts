import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiftscopeError } from './events.ts';
import { frameMasksSchema, labelsOfFrame, maskSetNameSchema, segmentsOfLabels } from './masks.ts';
import {
  areaOfCounts,
  boundsOfCounts,
  checkedCounts,
  columnCounts,
  countsOfMask,
  decodeCounts,
  encodeCounts,
  intersectionOfCounts,
  maskOfCounts,
  rowCounts,
} from './rle.ts';

const parameters = { seed: 20_261_120, numRuns: 300 };
const bits = (length: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.array(fc.integer({ min: 0, max: 1 }), { minLength: length, maxLength: length }),
    // Long runs, as real masks have them.
    fc
      .array(fc.nat(length), { maxLength: 6 })
      .map((cuts) => Array.from({ length }, (_, i) => cuts.filter((cut) => cut <= i).length % 2)),
  );
const imageArbitrary = fc
  .tuple(fc.integer({ min: 1, max: 17 }), fc.integer({ min: 1, max: 17 }))
  .chain(([width, height]) =>
    fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      a: bits(width * height),
      b: bits(width * height),
    }),
  );

describe('counts', () => {
  test('any mask comes back, alternating, canonical, with the right sum', () => {
    fc.assert(
      fc.property(imageArbitrary, ({ a }) => {
        const counts = countsOfMask(a);
        expect([...maskOfCounts(counts, a.length)]).toEqual(a);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(a.length);
        expect(counts.slice(1).every((count) => count > 0)).toBe(true);
        expect(checkedCounts(counts, a.length)).toEqual(counts);
      }),
      parameters,
    );
  });

  test('counts with empty runs become canonical', () => {
    expect(checkedCounts([2, 1, 0, 3, 0, 0, 4], 10)).toEqual([2, 4, 4]);
    expect(checkedCounts([0, 0, 3], 3)).toEqual([3]);
    expect(checkedCounts([], 0)).toEqual([0]);
  });

  test('area, box and intersection are those of the pixels', () => {
    fc.assert(
      fc.property(imageArbitrary, ({ width, height, a, b }) => {
        const [countsA, countsB] = [countsOfMask(a), countsOfMask(b)];
        expect(areaOfCounts(countsA)).toBe(a.filter((bit) => bit === 1).length);
        expect(intersectionOfCounts(countsA, countsB)).toBe(a.filter((bit, i) => bit === 1 && b[i] === 1).length);
        const xs = a.flatMap((bit, i) => (bit === 1 ? [i % width] : []));
        const ys = a.flatMap((bit, i) => (bit === 1 ? [Math.floor(i / width)] : []));
        const box = xs.length === 0 ? undefined : [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
        const found = boundsOfCounts(countsA, width);
        expect(found && [found.left, found.top, found.right - 1, found.bottom - 1]).toEqual(box);
        expect(height * width).toBe(a.length);
      }),
      parameters,
    );
  });

  test('columns are the transposed rows, and back', () => {
    fc.assert(
      fc.property(imageArbitrary, ({ width, height, a }) => {
        const columns = columnCounts(countsOfMask(a), width, height);
        const transposed = a.map((_, i) => a[(i % height) * width + Math.floor(i / height)]!);
        expect(columns).toEqual(countsOfMask(transposed));
        expect(rowCounts(columns, width, height)).toEqual(countsOfMask(a));
      }),
      parameters,
    );
  });
});

describe('COCO compressed string', () => {
  test('any counts come back', () => {
    const count = fc.oneof(fc.nat(40), fc.nat(2 ** 20), fc.constantFrom(0, 15, 16, 31, 32, 511, 512, 1023, 1024));
    fc.assert(
      fc.property(fc.nat(2 ** 20), fc.array(count.filter((n) => n > 0)), (first, rest) => {
        const counts = [first, ...rest];
        const pixels = counts.reduce((sum, n) => sum + n, 0);
        fc.pre(pixels <= 2 ** 30);
        const text = encodeCounts(counts);
        expect(text).toMatch(/^[0-o]+$/);
        expect(decodeCounts(text, pixels)).toEqual(counts);
      }),
      parameters,
    );
  });

  test('the largest image', () => {
    for (const counts of [[2 ** 30], [0, 2 ** 30], [1, 2 ** 30 - 2, 1], [5, 1, 3, 2 ** 30 - 10, 1]]) {
      expect(decodeCounts(encodeCounts(counts), 2 ** 30)).toEqual(counts);
    }
  });

  test('the example of the MOTS page, written by pycocotools, is of a 1242x375 image', () => {
    const text = 'WSV:2d;1O10000O10000O1O100O100O1O100O1000000000000000O100O102N5K00O1O1N2O110OO2O001O1NTga3';
    const counts = decodeCounts(text, 375 * 1242);
    expect(areaOfCounts(counts)).toBeGreaterThan(100);
    expect(encodeCounts(counts)).toBe(text);
    expect(encodeCounts(columnCounts(rowCounts(counts, 1242, 375), 1242, 375))).toBe(text);
  });

  test('whatever is wrong with a code is said, and nothing else happens', () => {
    const good = encodeCounts([3, 4, 5]);
    expect(() => decodeCounts(good, 11)).toThrow(/more than the 11 pixels/);
    expect(() => decodeCounts(good, 13)).toThrow(/covers 12 pixels; its image has 13/);
    expect(() => decodeCounts('!', 12)).toThrow(/character/);
    expect(() => decodeCounts('a', 12)).toThrow(/middle of a count/);
    expect(() => decodeCounts('oooooooooo', 12)).toThrow(/32 bits/);
    expect(() => decodeCounts('O', 12)).toThrow(/below 0/);
    expect(() => checkedCounts([1.5], 12)).toThrow(/count 1.5/);
    expect(() => checkedCounts([Number.NaN], 12)).toThrow(/count NaN/);
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.nat(100), (text, pixels) => {
        try {
          const counts = decodeCounts(text, pixels);
          expect(counts.reduce((sum, n) => sum + n, 0)).toBe(pixels);
        } catch (error) {
          expect(error).toBeInstanceOf(LiftscopeError);
        }
      }),
      parameters,
    );
  });
});

describe('frames', () => {
  test('a label image becomes segments and comes back', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })).chain(([width, height]) =>
          fc.record({
            width: fc.constant(width),
            height: fc.constant(height),
            labels: fc.array(fc.constantFrom(0, 1, 2, 70_000, 0x7fffffff), {
              minLength: width * height,
              maxLength: width * height,
            }),
          }),
        ),
        ({ width, height, labels }) => {
          const segments = segmentsOfLabels(Int32Array.from(labels));
          expect(segments.map(({ id }) => id)).toEqual([...new Set(labels)].filter(Boolean).sort((a, b) => a - b));
          const frame = frameMasksSchema.parse({ frame: 'a.png', width, height, segments });
          expect(labelsOfFrame(frame)).toEqual({ labels: Int32Array.from(labels), overlapPx: 0 });
        },
      ),
      parameters,
    );
  });

  test('a part shows on its whole, and the overlap is counted', () => {
    const whole = { id: 1, rle: encodeCounts([0, 8, 1]) };
    const part = { id: 2, rle: encodeCounts([3, 2, 4]) };
    for (const segments of [
      [whole, part],
      [part, whole],
    ]) {
      const { labels, overlapPx } = labelsOfFrame({ width: 3, height: 3, segments });
      expect([...labels]).toEqual([1, 1, 1, 2, 2, 1, 1, 1, 0]);
      expect(overlapPx).toBe(2);
    }
  });

  test('5,000 segments in a frame, and none', () => {
    const labels = Uint16Array.from({ length: 100 * 200 }, (_, i) => 1 + (i % 5000));
    const segments = segmentsOfLabels(labels);
    expect(segments).toHaveLength(5000);
    expect([...labelsOfFrame({ width: 100, height: 200, segments }).labels]).toEqual([...labels]);
    expect(segmentsOfLabels(new Uint8Array(6))).toEqual([]);
  });

  test('ids are unique, names fit into a URL', () => {
    const rle = encodeCounts([0, 1]);
    const twice = { frame: 'a', width: 1, height: 1, segments: [{ id: 1, rle }, { id: 1, rle }] }; // biome-ignore format: one line
    expect(frameMasksSchema.safeParse(twice).success).toBe(false);
    for (const name of ['sam vit_b 0.9', 'Käse-1']) expect(maskSetNameSchema.safeParse(name).success).toBe(true);
    for (const name of ['', '../x', 'a/b', ' a', 'a\n']) expect(maskSetNameSchema.safeParse(name).success).toBe(false);
  });
});
