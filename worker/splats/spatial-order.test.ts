import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { webgpuTests } from '../compute/conformance/suite.ts';
import { GrowingBuffers, WebgpuBackend } from '../compute/index.ts';
import { mortonOrder, packLanes } from '../kernels/index.ts';
import { mortonCodes, mortonFrame, spatialOrder } from './spatial-order.ts';

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

webgpuTests('mortonOrder', () => {
  it.each([1, 17, 3000])('puts %i Gaussians along the curve', async (count) => {
    let state = 7;
    const means = Float32Array.from({ length: 3 * count }, (_, i) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return i % 1000 === 999 ? [Number.NaN, -1e30, 1e30][i % 3]! : ((state >>> 8) / 2 ** 24 - 0.4) * 8;
    });
    const backend = await WebgpuBackend.create({ allowSoftware: true });
    try {
      const lanes = packLanes(means, count, 3, 0);
      const buffer = backend.createBuffer('means', lanes.byteLength);
      backend.write(buffer, lanes);
      const frame = mortonFrame(means);
      const workspace = new GrowingBuffers(backend, 'order');
      const order = new Uint32Array(
        await backend.read(mortonOrder(backend, workspace, buffer, count, frame), 0, 4 * count),
      );
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      const codes = mortonCodes(means, frame);
      // A coordinate on the border of two cells may be in either.
      const back = [...order.keys()].filter((i) => i > 0 && codes[order[i]!]! < codes[order[i - 1]!]!).length;
      expect(back).toBeLessThanOrEqual(0.01 * count);
    } finally {
      await backend.dispose();
    }
  });
});
