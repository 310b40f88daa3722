import { describe, expect, test } from 'vitest';
import { createRandom } from '../../worker/scenes/index.ts';
import { augment, normalised } from './augment.ts';
import { SIDE } from './crops.ts';
import type { Sample } from './samples.ts';

const PIXELS = SIDE * SIDE;
/** A red square in the middle of something blue. */
function sample(kind: 'object' | 'part', inside: readonly number[] = [220, 30, 30]): Sample {
  const mask = Uint8Array.from({ length: PIXELS }, (_, p) => {
    const [x, y] = [p % SIDE, Math.floor(p / SIDE)];
    return x >= 14 && x < 34 && y >= 14 && y < 34 ? 255 : 0;
  });
  const rgb = Uint8Array.from({ length: 3 * PIXELS }, (_, k) =>
    mask[Math.floor(k / 3)]! > 0 ? inside[k % 3]! : [30, 30, 220][k % 3]!,
  );
  return { seen: { kind, objects: [] }, set: { kind: 'turntable', seen: [], rgb, mask }, index: 0 };
}

function changed(own: Sample, context: number, seed: number, another?: Sample): Float32Array {
  const out = new Float32Array(3 * PIXELS).fill(Number.NaN);
  augment(own, another, context, createRandom(`augment/${seed}`), out);
  return out;
}
const seeds = Array.from({ length: 40 }, (_, seed) => seed);
/** Pixels in which red is well above blue, and those in which it is the other way round. */
function count(out: Float32Array): { red: number; blue: number } {
  const difference = Array.from({ length: PIXELS }, (_, p) => out[3 * p]! - out[3 * p + 2]!);
  return { red: difference.filter((d) => d > 0.5).length, blue: difference.filter((d) => d < -0.5).length };
}

describe('changed crops', () => {
  test('are those of their random numbers, another one each time', () => {
    for (const seed of seeds) {
      const first = changed(sample('object'), 0.3, seed);
      expect(first.every(Number.isFinite)).toBe(true);
      expect(changed(sample('object'), 0.3, seed)).toEqual(first);
      expect(changed(sample('object'), 0.3, seed + 1)).not.toEqual(first);
    }
  });

  test('keep the segment, moved and scaled a little, and blank all else exactly where there is no context', () => {
    const own = sample('part');
    const area = 20 * 20;
    for (const seed of seeds) {
      const out = changed(own, 0, seed);
      const { red, blue } = count(out);
      expect(red).toBeGreaterThan(0.6 * area);
      expect(red).toBeLessThan(1.6 * area);
      expect(blue).toBe(0);
      const blank = Array.from(out).filter((_, k) => k % 3 === 0 && Math.abs(out[k]! - normalised(127)) < 0.021).length;
      expect(blank).toBeGreaterThan(0.5 * PIXELS);
    }
  });

  test('show what surrounds a segment by as much as the context says', () => {
    /** Sum of blue over red in the corners, where no segment comes. */
    const shown = (context: number): number =>
      seeds.reduce((sum, seed) => {
        const out = changed(sample('part'), context, seed);
        const corners = [3 * SIDE + 3, 4 * SIDE - 4, (SIDE - 4) * SIDE + 3, (SIDE - 3) * SIDE - 4];
        return sum + corners.reduce((some, p) => some + out[3 * p + 2]! - out[3 * p]!, 0);
      }, 0);
    expect(shown(1)).toBeGreaterThan(seeds.length);
    expect(shown(0.3) / shown(1)).toBeCloseTo(0.3, 1);
    expect(shown(0) / shown(1)).toBeCloseTo(0, 1);
  });

  test('hide at most half of an object behind another one, and nothing of a part', () => {
    const green = sample('object', [30, 220, 30]);
    const reds = (kind: 'object' | 'part') =>
      seeds.map((seed) => [
        count(changed(sample(kind), 0.3, seed)).red,
        count(changed(sample(kind), 0.3, seed, green)).red,
      ]);
    const hidden = reds('object').filter(([alone, among]) => among! < alone! - 20);
    expect(hidden.length).toBeGreaterThan(0);
    for (const [, among] of reds('object')) expect(among!).toBeGreaterThan(0.2 * 20 * 20);
    expect(reds('part').every(([alone, among]) => alone === among)).toBe(true);
  });
});
