import { describe, expect, test } from 'vitest';
import { softmaxRows } from '../../kernels/index.ts';
import { checkGradients, seededRandom } from '../../kernels/testing/index.ts';
import { associative, concentration, releasedConcentration } from './concentration.ts';
import { dino } from './dino.ts';
import { gaussianClustering, spatialRegulariser } from './gaussian-clustering.ts';
import {
  assignSlots,
  compositedNegativeLogLikelihood,
  crossEntropy,
  linearAssignmentLoss,
  segmentConsistency,
  segmentDistributions,
  softCrossEntropy,
} from './logits.ts';

const SEED = 411;
const values = (count: number, seed: number, scale = 0.7) => seededRandom(seed).fill(count, (r) => scale * r.normal());
const labels = (count: number, segments: number, seed: number) => {
  const random = seededRandom(seed);
  return Int32Array.from({ length: count }, () => random.integer(segments));
};
const weights = (count: number) => seededRandom(SEED + 9).fill(count, (r) => r.uniform(0.2, 1));

function check(
  label: string,
  features: Float64Array,
  loss: (features: Float64Array) => { value: number; gradient: Float64Array },
): void {
  checkGradients({
    ...{ label, seed: SEED, inputs: { features } },
    loss: (at) => loss(at.features).value,
    gradient: (at) => ({ features: loss(at.features).gradient }),
  });
}

describe('concentration', () => {
  const centres = { features: values(20 * 3, 2), labels: labels(20, 3, 3) };
  const own = labels(15, 4, 4);
  test('by hand', () => {
    const slow = { features: [0, 1, 5], labels: [1, 1, 2] };
    // Centre of segment 1: 0.5. Segment 3 has none: left out.
    expect(concentration({ features: [2, 9], labels: [1, 3] }, slow, 1).value).toBeCloseTo(2.25, 12);
    const released = releasedConcentration({ features: [2, 0.5, 9], labels: [1, 1, 3] }, slow, [1, 0.5, 1], 1);
    expect(released.value).toBeCloseTo(-(Math.exp(-2.25) + 0.5) / 2, 12);
  });
  test('gradients', () => {
    const features = values(15 * 3, 5);
    check('concentration', features, (at) => concentration({ features: at, labels: own }, centres, 3));
    check('released', features, (at) => releasedConcentration({ features: at, labels: own }, centres, weights(15), 3));
    // Towards its own means the value depends on every pixel through the means as well.
    check('own means', features, (at) =>
      concentration({ features: at, labels: own }, { features: at, labels: own }, 3),
    );
  });
});

describe('associative embedding', () => {
  test('by hand: pull to the mean, push between means', () => {
    const { value, pull, push } = associative({ features: [0, 1, 2], labels: [1, 1, 2] }, 1, 2);
    expect(pull).toBeCloseTo(0.5 / 3, 12);
    expect(push).toBeCloseTo(Math.exp(-2.25 / 2), 12);
    expect(value).toBeCloseTo(pull + push, 12);
    // One segment has nobody to be pushed from.
    expect(associative({ features: [0, 1], labels: [1, 1] }, 1).push).toBe(0);
  });
  test('gradient', () => {
    const own = labels(15, 4, 4);
    check('associative', values(15 * 3, 6), (at) => associative({ features: at, labels: own }, 3, 0.8));
  });
  test('the push lowers the loss by moving means apart', () => {
    const own = { features: [0, 0.1], labels: [1, 2] };
    const { gradient } = associative(own, 1);
    expect(gradient[0]).toBeGreaterThan(0);
    expect(gradient[1]).toBeLessThan(0);
  });
});

describe('Contrastive Gaussian Clustering', () => {
  const own = labels(30, 4, 7);
  test('a perfectly separated image has the loss of its temperatures', () => {
    const { value, temperatures } = gaussianClustering({ features: [3, 0, 5, 0, 0, 2], labels: [1, 1, 2] }, 2);
    expect([...temperatures]).toEqual([0.1, 0.1]);
    // Cosines 1 and 0 at temperature 0.1, three pixels, divided by two segments.
    expect(value).toBeCloseTo((3 * Math.log(1 + Math.exp(-10))) / 2, 12);
  });
  test('temperatures follow the spread of a segment', () => {
    const { temperatures } = gaussianClustering({ features: [1, 0, 0, 1], labels: [1, 1] }, 2);
    // Both at distance sqrt(1/2) of their mean: 10·sqrt(2)/(2·log 102) = 1.53, clipped to 1.
    expect([...temperatures]).toEqual([1]);
    const mild = gaussianClustering({ features: [1, 0.1, 1, -0.1], labels: [1, 1] }, 2).temperatures[0]!;
    expect(mild).toBeCloseTo((10 * (0.1 / Math.hypot(1, 0.1))) / Math.log(102), 2);
  });
  test('gradient, temperatures held', () => {
    const features = values(30 * 5, 8);
    const { temperatures } = gaussianClustering({ features, labels: own }, 5);
    const options = { temperatures, takesPart: (label: number) => label !== 3 };
    const held = { ...options, temperatures: temperatures.slice(0, 3) };
    check('clustering', features, (at) => gaussianClustering({ features: at, labels: own }, 5, held));
  });
  test('spatial regulariser: value by hand and gradient', () => {
    // Two Gaussians are each other's nearest and farthest: orthogonal features, cos 0.
    const two = spatialRegulariser([0, 0, 0, 1, 0, 0], [1, 0, 0, 2], 2);
    expect(two.near).toBeCloseTo(0.05 / (1 + Math.exp(-1)), 12);
    expect(two.far).toBeCloseTo(0.15 / 2, 12);
    const positions = values(12 * 3, 10);
    check('spatial', values(12 * 4, 11), (at) => spatialRegulariser(positions, at, 4));
  });
});

describe('logits', () => {
  const targets = labels(12, 4, 12);
  test('gradients of the cross entropies', () => {
    const logits = values(12 * 4, 13, 1.5);
    check('cross entropy', logits, (at) => crossEntropy(at, targets, weights(12), 4));
    const soft = softmaxRows(values(12 * 4, 14), 4);
    check('soft cross entropy', logits, (at) => softCrossEntropy(at, soft, weights(12), 4));
    const composited = values(12 * 4, 15).map((value) => Math.exp(value) / 8);
    check('composited', composited, (at) => compositedNegativeLogLikelihood(at, targets, weights(12), 4));
  });
  test('composited: one pixel by hand, and one that nothing covers', () => {
    const { value, gradient } = compositedNegativeLogLikelihood([0.3, 0.1, 0, 0], [0, 1], [1, 1], 2);
    expect(value).toBeCloseTo(-Math.log(0.75) / 2, 12);
    expect([...gradient.slice(2)]).toEqual([0, 0]);
  });
  test('segment consistency: the target is the argmax of the mean, or the mean', () => {
    // Segment 1: two pixels for class 0 and one, weaker, for class 1.
    const logits = [2, 0, 2, 0, 0, 1];
    const { value, gradient } = segmentConsistency(logits, [1, 1, 1], [1, 1, 1], 2);
    expect(value).toBeCloseTo((2 * Math.log(1 + Math.exp(-2)) + Math.log(1 + Math.exp(1))) / 3, 12);
    expect(gradient[4]).toBeLessThan(0);
    const [a, b] = segmentDistributions(softmaxRows(logits, 2), [1, 1, 1], 2).get(1)!;
    const soft = segmentConsistency(logits, [1, 1, 1], [1, 1, 1], 2, 'soft');
    const entropy = (z: number[]) => Math.log(Math.exp(z[0]!) + Math.exp(z[1]!)) - a! * z[0]! - b! * z[1]!;
    expect(soft.value).toBeCloseTo((2 * entropy([2, 0]) + entropy([0, 1])) / 3, 12);
  });
  test('segment consistency gradient with the targets held', () => {
    const segments = labels(12, 3, 16);
    const logits = values(12 * 4, 17, 1.5);
    check('consistency', logits, (at) => segmentConsistency(at, segments, weights(12), 4));
  });
  test('linear assignment: two segments that want one slot get different ones', () => {
    const pixels = { features: [3, 0, 0, 2, 0.5, 0], labels: [5, 8] };
    const { slots } = linearAssignmentLoss(pixels, [1, 1], 3);
    expect([...slots]).toEqual([
      [5, 0],
      [8, 1],
    ]);
    // More segments than slots: one goes without and has no say.
    const crowded = linearAssignmentLoss({ features: [3, 0, 2, 0, 0, 1], labels: [1, 2, 3] }, [1, 1, 1], 2);
    expect(crowded.slots.size).toBe(2);
    expect(crowded.gradient.filter((value) => value !== 0).length).toBe(4);
    expect(assignSlots(new Map(), 3).size).toBe(0);
  });
  test('linear assignment gradient', () => {
    const own = labels(12, 3, 18);
    check('assignment', values(12 * 5, 19, 1.5), (at) =>
      linearAssignmentLoss({ features: at, labels: own }, weights(12), 5),
    );
  });
});

test('DINO: gradients by features and projection', () => {
  const inputs = {
    ...{ slow: values(6 * 3, 21), slowProjection: values(7 * 3, 22), centre: values(7, 23) },
    ...{ fastTemperature: 0.5, slowTemperature: 0.3 },
  };
  checkGradients({
    ...{ label: 'dino', seed: SEED, inputs: { fast: values(6 * 3, 24), projection: values(7 * 3, 25) } },
    loss: ({ fast, projection }) => dino({ ...inputs, fast, fastProjection: projection }, 3).value,
    gradient: ({ fast, projection }) => {
      const { gradient, projectionGradient } = dino({ ...inputs, fast, fastProjection: projection }, 3);
      return { fast: gradient, projection: projectionGradient };
    },
  });
  // A uniform student against a confident teacher costs log K.
  const flat = dino({ ...inputs, fast: [0, 0, 0], slow: [9, 0, 0], fastProjection: values(21, 1) }, 3);
  expect(flat.value).toBeCloseTo(Math.log(7), 12);
});
