import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../../worker/scenes/index.ts';
import { selectFastKernels } from './kernels.ts';
import {
  attended,
  DETAIL_GAIN,
  DETAIL_SIDE,
  embedLooks,
  initialLooks,
  LOOK_KINDS,
  lookShapes,
  withDetail,
} from './look-network.ts';
import { IMAGE_SIDE } from './network.ts';

const random = createRandom('look-network');
const normals = (shape: number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
    shape,
  );
const most = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => Math.max(a, Math.abs(b)), 0);

beforeAll(selectFastKernels);

describe('the tower of looks', () => {
  test('pooling by attention and its slopes are those of the stock operations', () => {
    const [x, attention, weights] = [normals([3, 4, 5, 8]), normals([8]), normals([3, 16])];
    const stock = (images: tf.Tensor, direction: tf.Tensor): tf.Tensor => {
      const places = tf.reshape(images, [3, 20, 8]);
      const shares = tf.softmax(tf.sum(tf.mul(places, direction), 2));
      return tf.concat([tf.sum(tf.mul(places, tf.expandDims(shares, 2)), 1), tf.max(places, 1)], 1);
    };
    const [own, wanted] = [attended, stock].map((pool) =>
      tf.valueAndGrads((a, b) => tf.sum(tf.mul(pool(a!, b!), weights)) as tf.Scalar)([x, attention]),
    );
    expect(own!.value.dataSync()[0]).toBeCloseTo(wanted!.value.dataSync()[0]!, 4);
    own!.grads.forEach((slope, i) => {
      expect(most(slope.dataSync())).toBeGreaterThan(0.1);
      expect(most(tf.sub(slope, wanted!.grads[i]!).dataSync())).toBeLessThan(1e-5);
    });
  });

  test('detail is how far a pixel is from the mean around it, with zeros outside of the picture', () => {
    const images = Float32Array.from({ length: 2 * IMAGE_SIDE ** 2 * 3 }, () => random.float());
    const found = withDetail(images);
    const half = DETAIL_SIDE >> 1;
    for (let n = 0; n < 400; n++) {
      const [image, y, x, c] = [random.integer(2), random.integer(IMAGE_SIDE), random.integer(IMAGE_SIDE), n % 3];
      const at = (row: number, column: number): number =>
        row < 0 || column < 0 || row >= IMAGE_SIDE || column >= IMAGE_SIDE
          ? 0
          : images[((image * IMAGE_SIDE + row) * IMAGE_SIDE + column) * 3 + c]!;
      let sum = 0;
      for (let j = -half; j <= half; j++) for (let i = -half; i <= half; i++) sum += at(y + j, x + i);
      const to = ((image * IMAGE_SIDE + y) * IMAGE_SIDE + x) * 6 + c;
      expect(found[to]).toBe(at(y, x));
      expect(found[to + 3]).toBeCloseTo(DETAIL_GAIN * (at(y, x) - sum / DETAIL_SIDE ** 2), 5);
    }
  });

  test('gives a unit vector of each kind', () => {
    const parameters = new Map(
      [...initialLooks(random)].map(([name, values]) => [name, tf.tensor(values, lookShapes().get(name))]),
    );
    const looks = embedLooks(parameters, normals([2, IMAGE_SIDE, IMAGE_SIDE, 6]) as tf.Tensor4D);
    expect(looks.map(({ shape }) => shape)).toEqual(LOOK_KINDS.map(({ dimensions }) => [2, dimensions]));
    for (const rows of looks) {
      for (const length of tf.norm(rows, 2, 1).dataSync()) expect(length).toBeCloseTo(1, 4);
    }
  });
});
