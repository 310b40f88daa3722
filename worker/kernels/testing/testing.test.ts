import { describe, expect, it } from 'vitest';
import {
  checkGradients,
  expectClose,
  expectCloseOutsideBand,
  expectNoMissingGradient,
  expectSame,
  expectVectorAgreement,
  seededRandom,
  ToleranceError,
} from './index.ts';

const refuses = (run: () => void, pattern: RegExp) => {
  expect(run).toThrow(ToleranceError);
  expect(run).toThrow(pattern);
};

describe('expectSame', () => {
  it('names the first element that differs; NaN, another length and one more element are differences', () => {
    expectSame('x', Uint32Array.of(1, 2, 3), [1, 2, 3]);
    expectSame('x', [], []);
    refuses(() => expectSame('x', [1, 5, 9], [1, 2, 3]), /x\[1\]: 5, expected 2/);
    refuses(() => expectSame('x', [Number.NaN], [Number.NaN]), /x\[0\]: NaN/);
    refuses(() => expectSame('x', [1, 2, 3], [1, 2]), /3 values, expected 2/);
    refuses(() => expectSame('x', [], [1]), /0 values, expected 1/);
  });
});

describe('expectClose', () => {
  it('accepts errors inside abs + rel and reports the largest', () => {
    expect(expectClose('x', [1, 2.001], [1, 2], { abs: 1e-4, rel: 1e-3 })).toBeCloseTo(0.001, 12);
  });
  it('fails on one wrong element among many and names it', () => {
    const expected = new Float64Array(1000).fill(1);
    const actual = Float64Array.from(expected);
    actual[77] = 1.01;
    refuses(() => expectClose('x', actual, expected, { abs: 1e-3 }), /1 of 1000 .*\[77\]: got 1\.01/);
  });
  it('fails on NaN, even where NaN is expected, and on infinity', () => {
    refuses(() => expectClose('x', [Number.NaN], [0], { abs: 1e9 }), /NaN/);
    refuses(() => expectClose('x', [Number.NaN], [Number.NaN], { abs: 1 }), /NaN/);
    refuses(() => expectClose('x', [0], [Number.NaN], { rel: 1, scale: 'largest' }), /NaN/);
    refuses(() => expectClose('x', [Infinity], [Infinity], { abs: 1 }), /Infinity/);
  });
  it('fails when nothing is compared or the lengths differ', () => {
    refuses(() => expectClose('x', [], [], { abs: 1 }), /nothing to compare/);
    refuses(() => expectClose('x', [1], [1], { abs: 1 }, () => false), /every element/);
    refuses(() => expectClose('x', [1], [1, 1], { abs: 1 }), /1 values, expected 2/);
  });
  it('rejects a tolerance that can never or always hold', () => {
    expect(() => expectClose('x', [1], [1], {})).toThrow(RangeError);
    expect(() => expectClose('x', [1], [1], { abs: Number.NaN })).toThrow(RangeError);
  });
});

describe('expectCloseOutsideBand', () => {
  const band = { inBand: (index: number) => index === 3, jump: 1 / 255, maxShare: 0.1 };
  const expected = new Float64Array(20).fill(0.5);
  it('lets an element on the threshold take either side', () => {
    const actual = Float64Array.from(expected);
    actual[3] += 0.003;
    expectCloseOutsideBand('image', actual, expected, { abs: 1e-6 }, band);
  });
  it('fails on an error beside the threshold, on a jump that is too large, and on NaN inside the band', () => {
    for (const [index, value] of [
      [4, 0.503],
      [3, 0.6],
      [3, Number.NaN],
    ]) {
      const actual = Float64Array.from(expected);
      actual[index] = value;
      refuses(
        () => expectCloseOutsideBand('image', actual, expected, { abs: 1e-6 }, band),
        new RegExp(`\\[${index}\\]`),
      );
    }
  });
  it('fails when the band swallows the comparison', () => {
    const wide = { ...band, inBand: (index: number) => index < 10 };
    refuses(() => expectCloseOutsideBand('image', expected, expected, { abs: 1e-6 }, wide), /10 of 20/);
  });
});

describe('expectNoMissingGradient', () => {
  // Column 1 is a thousand times smaller: forgetting it passes a tolerance relative to the largest of the array.
  const expected = [5, 4e-3, 3, 5e-3];
  it('fails on a column that was never differentiated', () => {
    const forgotten = [5, 0, 3, 0];
    expectClose('means', forgotten, expected, { rel: 1e-3, scale: 'largest' });
    refuses(() => expectNoMissingGradient('means', forgotten, expected, 2), /missing gradient at \[1\] \(column 1\)/);
  });
  it('fails on gradient where the definition has none', () => {
    refuses(() => expectNoMissingGradient('means', [5, 1e-9], [5, 0], 2), /where there is none/);
  });
  it('fails on NaN and on an expectation without any gradient', () => {
    refuses(() => expectNoMissingGradient('means', [Number.NaN, 1], [1, 1], 2), /NaN/);
    refuses(() => expectNoMissingGradient('means', [0, 0], [0, 0], 2), /zero everywhere/);
  });
  it('accepts a gradient that is present', () => {
    expectNoMissingGradient('means', [5, 4e-3, 3, 5e-3], expected, 2);
  });
});

describe('expectVectorAgreement', () => {
  const random = seededRandom(4);
  const expected = random.fill(400, (r) => 1e-4 * r.normal());
  expected[0] = 1;
  const limits = { minCosine: 0.999999, normRel: 1e-3 };
  it('fails on a scale error that hides under the largest element', () => {
    const small = seededRandom(5).fill(400, (r) => r.normal());
    const scaled = small.map((value) => 1.002 * value);
    expectClose('sh', scaled, small, { rel: 1e-2, scale: 'largest' });
    refuses(() => expectVectorAgreement('sh', scaled, small, limits), /norm is 1\.00[12]/);
  });
  it('fails on a flipped sign, a zero vector and NaN', () => {
    const flipped = expected.map((value) => -value);
    refuses(() => expectVectorAgreement('sh', flipped, expected, limits), /cosine/);
    refuses(() => expectVectorAgreement('sh', new Float64Array(400), expected, limits), /cosine NaN/);
    refuses(() => expectVectorAgreement('sh', expected, new Float64Array(400), limits), /expected vector is zero/);
    refuses(() => expectVectorAgreement('sh', [Number.NaN, 1], [1, 1], limits), /cosine NaN/);
  });
  it('accepts itself', () => {
    expectVectorAgreement('sh', expected, expected, limits);
  });
});

describe('checkGradients', () => {
  type Inputs = Readonly<Record<'a' | 'b', Float64Array>>;
  const inputs: Inputs = { a: Float64Array.of(0.3, -1.2, 2), b: Float64Array.of(0.7) };
  const loss = ({ a, b }: Inputs) => Math.sin(a[0]) * a[1] + Math.exp(b[0]) * a[2] ** 2;
  const right = ({ a, b }: Inputs) => ({
    a: [Math.cos(a[0]) * a[1], Math.sin(a[0]), 2 * Math.exp(b[0]) * a[2]],
    b: [Math.exp(b[0]) * a[2] ** 2],
  });
  const base = { label: 'f', seed: 9, inputs, loss, gradient: right };
  it('accepts the right derivative and leaves the inputs alone', () => {
    checkGradients(base);
    expect([...inputs.a, ...inputs.b]).toEqual([0.3, -1.2, 2, 0.7]);
  });
  it('fails on a wrong factor, a missing term and NaN, printing the seed', () => {
    const broken = (change: (gradient: { a: number[]; b: number[] }) => void) => () =>
      checkGradients({
        ...base,
        gradient: (at) => {
          const gradient = right(at);
          change(gradient);
          return gradient;
        },
      });
    refuses(
      broken((g) => (g.a[2] *= 1.0001)),
      /d\/d a \(seed 9\)\[2\]/,
    );
    refuses(
      broken((g) => (g.a[1] = 0)),
      /\[1\]: got 0/,
    );
    refuses(
      broken((g) => (g.b[0] = Number.NaN)),
      /d\/d b .*NaN/,
    );
    refuses(
      broken((g) => g.a.pop()),
      /2 derivatives for 3 values/,
    );
  });
  it('fails when the loss ignores an input or is NaN, so that nothing passes by being constant', () => {
    refuses(
      () => checkGradients({ ...base, loss: () => 1, gradient: () => ({ a: [0, 0, 0], b: [0] }) }),
      /does not depend/,
    );
    refuses(() => checkGradients({ ...base, loss: () => Number.NaN }), /scale NaN/);
  });
});

describe('seededRandom', () => {
  it('repeats for a seed and differs in the high bits of it', () => {
    const draw = (seed: number) => Array.from(seededRandom(seed).fill(4, (r) => r.uniform()));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7)).not.toEqual(draw(7 + 2 ** 40));
    expect(() => seededRandom(0.5)).toThrow(RangeError);
  });
  it('has the moments of its distributions', () => {
    const random = seededRandom(1);
    const uniform = random.fill(20_000, (r) => r.uniform());
    const normal = random.fill(20_000, (r) => r.normal());
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(uniform)).toBeCloseTo(0.5, 1.5);
    expect(mean(normal)).toBeCloseTo(0, 1.5);
    expect(mean(normal.map((value) => value ** 2))).toBeCloseTo(1, 1.3);
  });
});
