import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodePoints, parseHoldout } from './import.ts';

test('the hold-out rule is a stride, a list of names, or nothing', () => {
  expect(parseHoldout(undefined)).toBeUndefined();
  expect(parseHoldout('8')).toBe(8);
  expect(parseHoldout('0')).toEqual([]);
  expect(parseHoldout('0074.png')).toEqual(['0074.png']);
  expect(parseHoldout(' a.png, b.png ,')).toEqual(['a.png', 'b.png']);
});

test('sparse points are float32 positions, then their colours, 15 bytes each', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.float({ noNaN: true }), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
      (items) => {
        const count = items.length;
        const positions = Float64Array.from(items.flatMap(([value]) => [value, -value, value / 2]));
        const colors = Uint8Array.from(items.flatMap(([, colour]) => [colour, 255 - colour, 7]));
        const bytes = encodePoints({ count, positions, colors });
        expect(bytes.length).toBe(15 * count);
        expect(new Float32Array(bytes.slice(0, 12 * count).buffer)).toEqual(Float32Array.from(positions));
        expect(bytes.slice(12 * count)).toEqual(colors);
      },
    ),
  );
});
