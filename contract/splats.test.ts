import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shCoefficientCount, splatsDataOffset, splatsFileBytes, splatsHeaderSchema, splatsLayout } from './splats.ts';

test('the arrays of a splats file follow each other without gap or overlap', () => {
  fc.assert(
    fc.property(fc.nat(50_000_000), fc.integer({ min: 0, max: 3 }), fc.nat(1 << 20), (count, shDegree, headerBytes) => {
      const layout = splatsLayout({ count, shDegree });
      const { means, quaternions, logScales, logitOpacities, sh } = layout;
      let end = 0;
      for (const array of [means, quaternions, logScales, logitOpacities, sh]) {
        expect(array.offsetBytes).toBe(end);
        end += 4 * array.length;
      }
      expect(layout.dataBytes).toBe(end);
      expect(end).toBe(4 * count * (3 + 4 + 3 + 1 + 3 * (shDegree + 1) ** 2));
      const offset = splatsDataOffset(headerBytes);
      expect(offset % 64).toBe(0);
      expect(offset - (12 + headerBytes)).toBeGreaterThanOrEqual(0);
      expect(offset - (12 + headerBytes)).toBeLessThan(64);
      expect(splatsFileBytes({ count, shDegree }, headerBytes)).toBe(offset + end);
    }),
  );
});

test('coefficients per degree', () => {
  expect([0, 1, 2, 3].map(shCoefficientCount)).toEqual([1, 4, 9, 16]);
});

test('a header that cannot be true is refused', () => {
  for (const header of [
    { count: -1, shDegree: 3 },
    { count: 1.5, shDegree: 3 },
    { count: 1e9, shDegree: 3 },
    { count: 1, shDegree: 4 },
    { count: 1 },
  ]) {
    expect(splatsHeaderSchema.safeParse(header).success).toBe(false);
  }
  expect(splatsHeaderSchema.parse({ count: 0, shDegree: 0 })).toEqual({ count: 0, shDegree: 0 });
});
