import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spatialOrder } from './spatial-order.ts';

test('is a permutation, whatever the positions', () => {
  const coordinate = fc.oneof(fc.float(), fc.constantFrom(0, -0, Number.NaN, Infinity, 1e30));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 }),
      coordinate,
      fc.array(coordinate, { maxLength: 1200 }),
      (n, fill, some) => {
        const means = new Float32Array(3 * n).fill(fill);
        means.set(some.slice(0, 3 * n));
        expect(Array.from(spatialOrder(means)).sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      },
    ),
  );
});

/** Mean distance of neighbours in memory. */
function neighbourDistance(means: Float32Array, order: Uint32Array): number {
  let sum = 0;
  for (let i = 1; i < order.length; i++) {
    const [a, b] = [3 * order[i - 1]!, 3 * order[i]!];
    sum += Math.hypot(means[a]! - means[b]!, means[a + 1]! - means[b + 1]!, means[a + 2]! - means[b + 2]!);
  }
  return sum / (order.length - 1);
}

test('puts neighbours in space side by side, and both halves of memory see the whole scene', () => {
  const n = 20_000;
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const means = Float32Array.from({ length: 3 * n }, random);
  const order = spatialOrder(means);
  const before = neighbourDistance(means, Uint32Array.from(order).sort());
  expect(neighbourDistance(means, order)).toBeLessThan(before / 8);
  for (const side of [order.subarray(0, n / 2), order.subarray(n / 2)]) {
    const left = side.reduce((sum, gaussian) => sum + (means[3 * gaussian]! < 0.5 ? 1 : 0), 0);
    expect(Math.abs(left / side.length - 0.5)).toBeLessThan(0.03);
  }
});
