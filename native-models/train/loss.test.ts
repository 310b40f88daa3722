import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../worker/scenes/index.ts';
import { GATE, pairLoss, type Truth, wordLoss } from './loss.ts';

const [rows, columns] = [4, 6];
const random = createRandom('loss');
const cosines = Float32Array.from({ length: rows * columns }, () => random.range(-0.2, 0.9));
const verdicts = Int8Array.from({ length: rows * columns }, (_, k) => {
  const [i, j] = [Math.floor(k / columns), k % columns];
  return j === columns - 1 ? 0 : i === j % rows ? 1 : j === 4 && i === 1 ? 0 : -1;
});
const targets = Float32Array.from({ length: rows * columns }, (_, k) =>
  k % columns === columns - 1 ? GATE : Number.NaN,
);
const truth: Truth = { rows, columns, verdicts, targets, genericWeight: 8, rivals: [{ from: 1, to: 4, weight: 0.7 }] };

describe('the loss on cosines', () => {
  test('its gradient is that of central differences', () => {
    const { loss, gradient } = pairLoss(cosines, truth);
    expect(Number.isFinite(loss)).toBe(true);
    cosines.forEach((value, k) => {
      const at = (shift: number): number => {
        const moved = Float32Array.from(cosines);
        moved[k] = value + shift;
        return pairLoss(moved, truth).loss / (Math.fround(value + shift) - value);
      };
      const step = 1e-2;
      const up = Math.fround(value + step) - value;
      const down = value - Math.fround(value - step);
      const numeric = (at(step) * up - at(-step) * -down) / (up + down);
      expect(Math.abs(numeric - gradient[k]!)).toBeLessThan(0.01 + 0.01 * Math.abs(gradient[k]!));
    });
  });

  test('rivals count beside all others, by their weight', () => {
    const lossOf = (rivals: NonNullable<Truth['rivals']>): number => pairLoss(cosines, { ...truth, rivals }).loss;
    const whole = lossOf([{ from: 1, to: 4, weight: 1 }]) - lossOf([]);
    expect(whole).toBeGreaterThan(0.1);
    expect(lossOf(truth.rivals!) - lossOf([])).toBeCloseTo(0.7 * whole, 5);
    // Columns of which none is true of anything have nobody to compete with.
    expect(lossOf([{ from: columns - 1, to: columns, weight: 1 }])).toBe(lossOf([]));
  });

  test('it falls when true pairs come nearer and rises when false ones do; pairs that are not judged do not count', () => {
    const { gradient } = pairLoss(cosines, truth);
    verdicts.forEach((verdict, k) => {
      if (verdict === 1) expect(gradient[k]).toBeLessThan(0);
      if (verdict === -1) expect(gradient[k]).toBeGreaterThan(0);
      if (verdict === 0 && Number.isNaN(targets[k]!)) expect(gradient[k]).toBe(0);
    });
  });
});

describe('the loss among the words of a kind', () => {
  test('is the cross entropy of the judged rows, with its slopes', () => {
    const labels = Int32Array.from([2, -1, 0, 5]);
    const input = tf.tensor2d(cosines, [rows, columns]);
    const judged = tf.tensor2d(
      Array.from(labels, (label) => Array.from({ length: columns }, (_, i) => (i === label ? 1 : 0))),
    );
    const wanted = tf.valueAndGrad((x) => tf.div(tf.neg(tf.sum(tf.mul(judged, tf.logSoftmax(tf.mul(x, 16))))), 3))(
      input,
    );
    const found = tf.valueAndGrad((x) => wordLoss(x, labels))(input);
    expect(found.value.dataSync()[0]).toBeCloseTo(wanted.value.dataSync()[0]!, 5);
    const slopes = found.grad.dataSync();
    expect(slopes.slice(columns, 2 * columns).every((slope) => slope === 0)).toBe(true);
    wanted.grad.dataSync().forEach((slope, i) => {
      expect(slopes[i]).toBeCloseTo(slope, 5);
    });
  });
});
