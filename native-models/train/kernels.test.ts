import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { rmsRelu, rmsReluOfStandardKernels, selectFastKernels } from './kernels.ts';

/** Values and gradients of all inputs, for a loss that weighs every output differently. */
function evaluate(run: (...inputs: tf.Tensor[]) => tf.Tensor, shapes: readonly number[][]): Float32Array[] {
  return tf.tidy(() => {
    const inputs = shapes.map((shape, i) => tf.randomNormal(shape, 0, 1, 'float32', 40 + i));
    const output = run(...inputs);
    const weights = tf.randomNormal(output.shape, 0, 1, 'float32', 7);
    const gradients = tf.grads((...args: tf.Tensor[]) => tf.sum(tf.mul(run(...args), weights)))(inputs);
    return [output, ...gradients].map((tensor) => tensor.dataSync() as Float32Array);
  });
}

const cases: Record<string, [(...inputs: tf.Tensor[]) => tf.Tensor, number[][]]> = {
  a·b: [
    (a, b) => tf.matMul(a!, b!),
    [
      [5, 7],
      [7, 3],
    ],
  ],
  aᵀ·b: [
    (a, b) => tf.matMul(a!, b!, true, false),
    [
      [7, 5],
      [7, 3],
    ],
  ],
  a·bᵀ: [
    (a, b) => tf.matMul(a!, b!, false, true),
    [
      [5, 7],
      [3, 7],
    ],
  ],
  'a 3x3 convolution of few and many pixels': [
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
    [
      [5, 7, 5, 8],
      [3, 3, 8, 16],
    ],
  ],
  'a 3x3 convolution that is done in several pieces, of channels that are no multiple of four': [
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
    [
      [3, 30, 28, 27],
      [3, 3, 27, 6],
    ],
  ],
  'a 2x2 convolution that tiles its input': [
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same'),
    [
      [3, 6, 8, 4],
      [2, 2, 4, 24],
    ],
  ],
  'a 1x3 convolution': [
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
    [
      [3, 1, 6, 8],
      [1, 3, 8, 8],
    ],
  ],
  'a 3x3 convolution with stride 2, of images, which want no gradient': [
    (w) => {
      const images = tf.randomNormal([2, 10, 8, 3], 0, 1, 'float32', 3) as tf.Tensor4D;
      return tf.conv2d(images, w as tf.Tensor4D, 2, 'same');
    },
    [[3, 3, 3, 8]],
  ],
  sums: [
    (a, b) => tf.add(a!, b!),
    [
      [3, 5],
      [3, 5],
    ],
  ],
};

describe('kernels for training agree with TensorFlow.js, values and gradients', () => {
  const expected = new Map<string, Float32Array[]>();
  const rmsShapes = [[6, 4, 12], [12], [12]];
  let rms: Float32Array[];
  beforeAll(async () => {
    await tf.setBackend('cpu');
    for (const [name, [run, shapes]] of Object.entries(cases)) expected.set(name, evaluate(run, shapes));
    rms = evaluate((x, g, b) => rmsReluOfStandardKernels(x!, g!, b!), rmsShapes);
    await selectFastKernels();
  });

  function expectClose(found: Float32Array[], wanted: Float32Array[]): void {
    expect(found).toHaveLength(wanted.length);
    found.forEach((values, i) => {
      expect(values).toHaveLength(wanted[i]!.length);
      const error = values.reduce((worst, value, k) => Math.max(worst, Math.abs(value - wanted[i]![k]!)), 0);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(error).toBeLessThan(1e-4);
    });
  }

  test.each(Object.keys(cases))('%s', (name) => {
    expectClose(evaluate(...cases[name]!), expected.get(name)!);
  });

  test('normalisation with gain, bias and ReLU', () => {
    expectClose(
      evaluate((x, g, b) => rmsRelu(x!, g!, b!), rmsShapes),
      rms,
    );
  });

  test('sizes that the loops are not made for are refused', () => {
    const convolve = (x: number[], filter: number[], stride: number) => () =>
      evaluate((a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, 'same'), [x, filter]);
    expect(convolve([1, 4, 4, 8], [3, 3, 8, 8], 2)).toThrow(/tile/);
    expect(() => evaluate((x, g, b) => rmsRelu(x!, g!, b!), [[2, 6], [6], [6]])).toThrow(/6 channels/);
  });
});
