import { describe, expect, it } from 'vitest';
import { seededRandom } from '../kernels/testing/index.ts';
import { planCopies, splitOpacity } from './relocation.ts';

describe('splitOpacity', () => {
  it('leaves one Gaussian alone', () => {
    const split = splitOpacity(0.7, 1);
    expect(split.opacity).toBeCloseTo(0.7, 12);
    expect(split.scaleFactor).toBeCloseTo(1, 12);
  });

  it('keeps the opacity of the stack at its centre', () => {
    for (const copies of [2, 3, 7]) {
      const { opacity } = splitOpacity(0.9, copies);
      expect(1 - (1 - opacity) ** copies).toBeCloseTo(0.9, 12);
    }
  });

  it('keeps the integral of what is blended, for two copies (derived by hand)', () => {
    // n = 2: denominator = o' + (o' - o'^2 / sqrt 2), the 1D integral of o'G + o'G(1 - o'G) per unit width.
    const { opacity: o, scaleFactor } = splitOpacity(0.8, 2);
    expect(scaleFactor).toBeCloseTo(0.8 / (2 * o - o ** 2 / Math.SQRT2), 12);
    expect(scaleFactor).toBeLessThan(1);
  });
});

describe('planCopies', () => {
  const opacities = Float64Array.of(0.9, 0.001, 0.5, 0.001);
  const population = {
    count: 4,
    opacities,
    logScales: new Float32Array(12).fill(-1),
    weights: Float64Array.of(0.9, 0, 0.5, 0),
  };

  it('never copies a Gaussian of weight 0, and gives all copies of one source the same values', () => {
    const targets = Uint32Array.from({ length: 50 }, (_, i) => 4 + i);
    const random = seededRandom(3);
    const plan = planCopies(population, targets, 0.005, () => random.uniform());
    expect([...plan.targets]).toEqual([...targets]);
    const bySource = new Map<number, Set<number>>();
    plan.sources.forEach((source, k) => {
      expect([0, 2]).toContain(source);
      bySource.set(source, (bySource.get(source) ?? new Set()).add(plan.logitOpacities[k]!));
      expect(plan.logScales[3 * k]).toBeLessThan(-1);
    });
    for (const values of bySource.values()) expect(values.size).toBe(1);
    const copiesOfFirst = plan.sources.filter((source) => source === 0).length;
    // 50 draws at probability 9/14: 32 expected, standard deviation 3.4.
    expect(copiesOfFirst).toBeGreaterThan(18);
    expect(copiesOfFirst).toBeLessThan(46);
  });

  it('is empty when nothing is alive', () => {
    const plan = planCopies({ ...population, weights: new Float64Array(4) }, Uint32Array.of(1), 0.005, () => 0.5);
    expect(plan.targets.length).toBe(0);
  });
});
