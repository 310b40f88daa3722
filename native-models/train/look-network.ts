/**
 * The tower of looks: what an object is painted with, read from windows that are too small to know what the object is. It gives one unit
 * vector for each kind of look (pattern, material, colour), and has one unit vector for each of the kind's words.
 */
import * as tf from '@tensorflow/tfjs';
import { CATEGORIES, COLOUR_NAMES, patternWord, type Random } from '../../worker/scenes/index.ts';
import { rmsRelu } from './kernels.ts';
import { heInitial, IMAGE_SIDE, unitRows } from './network.ts';

export interface LookKind {
  readonly name: 'pattern' | 'material' | 'colour';
  readonly values: readonly string[];
  readonly dimensions: number;
  /** Of its loss. */
  readonly weight: number;
  /** Most of an image embedding's squared length. */
  readonly share: number;
  /** What its evidence counts for in a text that names one, against that of the two networks. */
  readonly say: number;
}
const every = <T>(lists: readonly (readonly T[])[]): T[] => [...new Set(lists.flat())];
export const LOOK_KINDS: readonly LookKind[] = [
  {
    name: 'pattern',
    // Grain is a material's, not paint.
    values: every(CATEGORIES.map(({ patterns }) => patterns)).filter(
      (pattern) => pattern === 'plain' || (pattern !== 'wood' && patternWord(pattern) !== undefined),
    ),
    dimensions: 12,
    ...{ weight: 1, share: 0.08, say: 1 },
  },
  {
    name: 'material',
    // Those in which one category is found; what the others are made of goes without saying.
    values: every(CATEGORIES.map(({ materials }) => [...new Set(materials)]).filter(({ length }) => length > 1)),
    dimensions: 8,
    ...{ weight: 1, share: 0.04, say: 0.5 },
  },
  { name: 'colour', values: COLOUR_NAMES, dimensions: 8, ...{ weight: 0.6, share: 0.03, say: 0.3 } },
];
/**
 * Evidence of a word: the logarithm of its share among its kind's words, not below the floor, above that of a guess. The steepness is less than in
 * training: what was learned is too sure of itself (chosen with the shares and says on seeds that the evaluation does not use).
 */
export const EVIDENCE = { steepness: 8, floor: -3 } as const;
/** Greatest length of a kind's evidence: one word is certain. */
export function longestEvidence({ values: { length } }: LookKind): number {
  return Math.hypot(Math.log(length), Math.sqrt(length - 1) * (Math.log(length) + EVIDENCE.floor));
}
/** What is left of an image embedding's squared length for the two networks. */
export const ENCODER_SHARE = 1 - LOOK_KINDS.reduce((sum, { share }) => sum + share, 0);
/** Numbers of an embedding: the evidence of every word, and what makes its length 1. */
export const LOOK_DIMENSIONS = 1 + LOOK_KINDS.reduce((sum, { values }) => sum + values.length, 0);

/** Colours, and how far each is from the mean around it: patterns differ in the second, whatever they are painted in. */
export const DETAIL_CHANNELS = 6;
export const DETAIL_SIDE = 9;
export const DETAIL_GAIN = 2;

/** Convolutions in order; a residual one adds to what it was made from. The window of the last is 19 pixels wide, 27 with the mean around its edge. */
export const LOOK_LAYERS = [
  { side: 5, stride: 2, channels: 32, residual: false },
  { side: 3, stride: 1, channels: 32, residual: true },
  { side: 2, stride: 2, channels: 64, residual: false },
  { side: 3, stride: 1, channels: 64, residual: true },
] as const;
export const LOOK_HIDDEN = 96;

export function lookShapes(): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const norm = (name: string, channels: number): void => {
    shapes.set(`${name}/gain`, [channels]);
    shapes.set(`${name}/bias`, [channels]);
  };
  let from = DETAIL_CHANNELS;
  LOOK_LAYERS.forEach(({ side, channels }, i) => {
    if (i > 0) norm(`looks/${i}/norm`, from);
    shapes.set(`looks/${i}`, [side, side, from, channels]);
    from = channels;
  });
  norm('looks/norm', from);
  shapes.set('looks/attention', [from]);
  norm('looks/pooled/norm', 2 * from);
  shapes.set('looks/hidden', [2 * from, LOOK_HIDDEN]);
  norm('looks/hidden/norm', LOOK_HIDDEN);
  for (const { name, values, dimensions } of LOOK_KINDS) {
    shapes.set(`looks/${name}`, [LOOK_HIDDEN, dimensions]);
    shapes.set(`looks/${name}/words`, [values.length, dimensions]);
  }
  return shapes;
}

export function initialLooks(random: Random): Map<string, Float32Array> {
  return new Map(
    [...lookShapes()].map(([name, shape]) => {
      if (name === 'looks/attention') return [name, new Float32Array(shape[0]!)];
      if (name.endsWith('/words')) return [name, heInitial(name, shape, random, 1, 0.35)];
      return [name, heInitial(name, shape, random, name === 'looks/1' || name === 'looks/3' ? 0.5 : 1)];
    }),
  );
}

/** @param images [B, side, side, 3], −1 to 1. @returns [B, side, side, 6] */
export function withDetail(images: Float32Array): Float32Array {
  const side = IMAGE_SIDE;
  const half = DETAIL_SIDE >> 1;
  const out = new Float32Array(2 * images.length);
  const rows = new Float32Array(side * side * 3);
  for (let start = 0; start < images.length; start += rows.length) {
    for (let y = 0; y < side; y++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let x = -half; x < side; x++) {
          if (x + half < side) sum += images[start + (y * side + x + half) * 3 + c]!;
          if (x - half > 0) sum -= images[start + (y * side + x - half - 1) * 3 + c]!;
          if (x >= 0) rows[(y * side + x) * 3 + c] = sum;
        }
      }
    }
    for (let x = 0; x < side; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let y = -half; y < side; y++) {
          if (y + half < side) sum += rows[((y + half) * side + x) * 3 + c]!;
          if (y - half > 0) sum -= rows[((y - half - 1) * side + x) * 3 + c]!;
          if (y < 0) continue;
          const at = start + (y * side + x) * 3 + c;
          const to = 2 * (start + (y * side + x) * 3) + c;
          out[to] = images[at]!;
          out[to + 3] = DETAIL_GAIN * (images[at]! - sum / DETAIL_SIDE ** 2);
        }
      }
    }
  }
  return out;
}

/** @param images [B, side, side, 6] of {@link withDetail}. @returns one [B, dimensions] of unit rows for each of {@link LOOK_KINDS} */
export function embedLooks(p: ReadonlyMap<string, tf.Tensor>, images: tf.Tensor4D): tf.Tensor2D[] {
  const norm = (x: tf.Tensor, name: string): tf.Tensor => rmsRelu(x, p.get(`${name}/gain`)!, p.get(`${name}/bias`)!);
  let x: tf.Tensor = images;
  LOOK_LAYERS.forEach(({ stride, residual }, i) => {
    const made = tf.conv2d(
      (i > 0 ? norm(x, `looks/${i}/norm`) : x) as tf.Tensor4D,
      p.get(`looks/${i}`) as tf.Tensor4D,
      stride,
      'same',
    );
    x = residual ? tf.add(x, made) : made;
  });
  const features = attended(norm(x, 'looks/norm'), p.get('looks/attention')!);
  const hidden = norm(
    tf.matMul(norm(features, 'looks/pooled/norm') as tf.Tensor2D, p.get('looks/hidden') as tf.Tensor2D),
    'looks/hidden/norm',
  ) as tf.Tensor2D;
  return LOOK_KINDS.map(({ name }) => unitRows(tf.matMul(hidden, p.get(`looks/${name}`) as tf.Tensor2D)));
}

/**
 * Mean over places, weighed by the softmax of their products with `attention`, and maximum over places. One operation with its gradient:
 * the stock ones are slow on TensorFlow.js's JavaScript backend.
 * @param x [B, H, W, C] @param attention [C]. @returns [B, 2·C]
 */
export function attended(x: tf.Tensor, attention: tf.Tensor): tf.Tensor {
  const [count, height, width, channels] = x.shape as [number, number, number, number];
  const places = height * width;
  const operation = tf.customGrad((...args) => {
    const values = (args[0] as tf.Tensor).dataSync() as Float32Array;
    const direction = (args[1] as tf.Tensor).dataSync() as Float32Array;
    const out = new Float32Array(2 * count * channels);
    const weights = new Float32Array(count * places);
    const largest = new Int32Array(count * channels);
    for (let n = 0; n < count; n++) {
      let top = -Infinity;
      for (let i = n * places; i < (n + 1) * places; i++) {
        let score = 0;
        for (let c = 0; c < channels; c++) score += values[i * channels + c]! * direction[c]!;
        weights[i] = score;
        top = Math.max(top, score);
      }
      let total = 0;
      for (let i = n * places; i < (n + 1) * places; i++) {
        weights[i] = Math.exp(weights[i]! - top);
        total += weights[i]!;
      }
      const [mean, most] = [2 * n * channels, (2 * n + 1) * channels];
      out.fill(-Infinity, most, most + channels);
      for (let i = n * places, k = i * channels; i < (n + 1) * places; i++) {
        const weight = weights[i]! / total;
        weights[i] = weight;
        for (let c = 0; c < channels; c++, k++) {
          const value = values[k]!;
          out[mean + c] = out[mean + c]! + weight * value;
          if (value <= out[most + c]!) continue;
          out[most + c] = value;
          largest[n * channels + c] = k;
        }
      }
    }
    return {
      value: tf.tensor(out, [count, 2 * channels]),
      gradFunc: (slope) => {
        const dy = (slope as tf.Tensor).dataSync() as Float32Array;
        const dx = new Float32Array(values.length);
        const dDirection = new Float32Array(channels);
        for (let n = 0; n < count; n++) {
          const mean = 2 * n * channels;
          const most = mean + channels;
          let expected = 0;
          for (let c = 0; c < channels; c++) expected += dy[mean + c]! * out[mean + c]!;
          for (let i = n * places, k = i * channels; i < (n + 1) * places; i++, k += channels) {
            let own = 0;
            for (let c = 0; c < channels; c++) own += dy[mean + c]! * values[k + c]!;
            const weight = weights[i]!;
            const score = weight * (own - expected);
            for (let c = 0; c < channels; c++) {
              dx[k + c] = weight * dy[mean + c]! + score * direction[c]!;
              dDirection[c] = dDirection[c]! + score * values[k + c]!;
            }
          }
          for (let c = 0; c < channels; c++) {
            const k = largest[n * channels + c]!;
            dx[k] = dx[k]! + dy[most + c]!;
          }
        }
        return [tf.tensor(dx, x.shape), tf.tensor(dDirection, [channels])];
      },
    };
  });
  return operation(x, attention);
}
