/** The dual encoder in TensorFlow.js: two small residual networks that end in one space of 64 dimensions. */
import * as tf from '@tensorflow/tfjs';
import type { Random } from '../../worker/scenes/index.ts';
import { rmsRelu } from './kernels.ts';

export const IMAGE_SIDE = 48;
export const DIMENSIONS = 64;
export const CONTEXT_TOKENS = 16;
/** Channels of the vision network's stages; each halves the side, and from the second on has a residual block. */
export const STAGES = [16, 40, 80, 144] as const;
export const TEXT_CHANNELS = 96;
export const TEXT_BLOCKS = 2;
export const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '<|startoftext|>', '<|endoftext|>'] as const;

/** Shapes of all parameters, by name, in a fixed order. Convolutions are [height, width, in, out]. */
export function parameterShapes(words: number): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const norm = (name: string, channels: number): void => {
    shapes.set(`${name}/gain`, [channels]);
    shapes.set(`${name}/bias`, [channels]);
  };
  let channels = 3;
  STAGES.forEach((out, i) => {
    if (i > 0) norm(`vision/${i}/down/norm`, channels);
    shapes.set(`vision/${i}/down`, [3, 3, channels, out]);
    channels = out;
    if (i === 0) return;
    for (const half of ['a', 'b']) {
      norm(`vision/${i}/${half}/norm`, out);
      shapes.set(`vision/${i}/${half}`, [3, 3, out, out]);
    }
  });
  norm('vision/norm', channels);
  const side = IMAGE_SIDE / 2 ** STAGES.length;
  shapes.set('vision/projection', [side * side * channels, DIMENSIONS]);
  shapes.set('text/words', [words, TEXT_CHANNELS]);
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    norm(`text/${i}/norm`, TEXT_CHANNELS);
    shapes.set(`text/${i}`, [1, 3, TEXT_CHANNELS, TEXT_CHANNELS]);
  }
  norm('text/norm', TEXT_CHANNELS);
  shapes.set('text/projection', [TEXT_CHANNELS, DIMENSIONS]);
  return shapes;
}

export type Parameters = ReadonlyMap<string, tf.Tensor>;

/** He initialisation; the second convolution of each residual block starts small, so that blocks start as the identity. */
export function initialParameters(words: number, random: Random): Map<string, Float32Array> {
  return new Map(
    [...parameterShapes(words)].map(([name, shape]) => {
      const length = shape.reduce((a, b) => a * b);
      if (name.endsWith('/gain')) return [name, new Float32Array(length).fill(1)];
      if (name.endsWith('/bias')) return [name, new Float32Array(length)];
      const fan = length / shape.at(-1)!;
      const damped = name.endsWith('/b') || /^text\/\d/.test(name) ? 0.3 : 1;
      const deviation = name === 'text/words' ? 0.5 : damped * Math.sqrt(2 / fan);
      const dice = random.fork(name);
      return [name, Float32Array.from({ length }, () => deviation * dice.normal())];
    }),
  );
}

/** @param images [B, side, side, 3], −1 to 1. @returns [B, E] unit rows */
export function embedImages(p: Parameters, images: tf.Tensor4D): tf.Tensor2D {
  const norm = (x: tf.Tensor, name: string): tf.Tensor => rmsRelu(x, p.get(`${name}/gain`)!, p.get(`${name}/bias`)!);
  const conv = (x: tf.Tensor, name: string, stride: number): tf.Tensor =>
    tf.conv2d(x as tf.Tensor4D, p.get(name) as tf.Tensor4D, stride, 'same');
  let x: tf.Tensor = images;
  STAGES.forEach((_, i) => {
    x = conv(i > 0 ? norm(x, `vision/${i}/down/norm`) : x, `vision/${i}/down`, 2);
    if (i === 0) return;
    const a = conv(norm(x, `vision/${i}/a/norm`), `vision/${i}/a`, 1);
    x = tf.add(x, conv(norm(a, `vision/${i}/b/norm`), `vision/${i}/b`, 1));
  });
  const flat = tf.reshape(norm(x, 'vision/norm'), [images.shape[0], -1]);
  return unitRows(tf.matMul(flat, p.get('vision/projection') as tf.Tensor2D));
}

/** Texts as matrices: looking up rows and averaging are products, whose gradients are products again, and those are fast here. */
export interface Tokens {
  readonly count: number;
  readonly length: number;
  /** [C·L, words]: 1 at the token, a row of zeros where a text has ended. */
  readonly lookUp: tf.Tensor2D;
  /** [C, 1, L, channels]: 1 where there is a token. */
  readonly mask: tf.Tensor;
  /** [C, C·L]: averages a text's tokens. */
  readonly average: tf.Tensor2D;
}

/** @returns [C, E] unit rows */
export function embedTexts(p: Parameters, { count, length, lookUp, mask, average }: Tokens): tf.Tensor2D {
  const shape = [count, 1, length, TEXT_CHANNELS];
  let x: tf.Tensor = tf.reshape(tf.matMul(lookUp, p.get('text/words') as tf.Tensor2D), shape);
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    const hidden = rmsRelu(x, p.get(`text/${i}/norm/gain`)!, p.get(`text/${i}/norm/bias`)!);
    const turned = tf.conv2d(tf.mul(hidden, mask) as tf.Tensor4D, p.get(`text/${i}`) as tf.Tensor4D, 1, 'same');
    x = tf.mul(tf.add(x, turned), mask);
  }
  const mean = tf.matMul(average, tf.reshape(x, [count * length, TEXT_CHANNELS]));
  const out = rmsRelu(mean, p.get('text/norm/gain')!, p.get('text/norm/bias')!);
  return unitRows(tf.matMul(out as tf.Tensor2D, p.get('text/projection') as tf.Tensor2D));
}

function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-8)));
}

/** Splits as the tokenizer does: runs of letters and digits, runs of other signs. The special words stay whole. */
function splitWords(text: string): string[] {
  return text.match(/\[UNK\]|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]+/gu) ?? [];
}

/** Start and end token around each text, all as long as the longest, at most {@link CONTEXT_TOKENS}. */
export function tokensOf(texts: readonly string[], vocabulary: ReadonlyMap<string, number>): Tokens {
  const rows = texts.map((text) => {
    const words = splitWords(text).map((word) => vocabulary.get(word) ?? vocabulary.get('[UNK]')!);
    return [2, ...words.slice(0, CONTEXT_TOKENS - 2), 3];
  });
  const count = rows.length;
  const length = Math.max(...rows.map((row) => row.length));
  const lookUp = new Float32Array(count * length * vocabulary.size);
  const mask = new Float32Array(count * length * TEXT_CHANNELS);
  const average = new Float32Array(count * count * length);
  rows.forEach((row, i) => {
    row.forEach((id, k) => {
      const at = i * length + k;
      lookUp[at * vocabulary.size + id] = 1;
      mask.fill(1, at * TEXT_CHANNELS, (at + 1) * TEXT_CHANNELS);
      average[i * count * length + at] = 1 / row.length;
    });
  });
  return {
    count,
    length,
    lookUp: tf.tensor2d(lookUp, [count * length, vocabulary.size]),
    mask: tf.tensor(mask, [count, 1, length, TEXT_CHANNELS]),
    average: tf.tensor2d(average, [count, count * length]),
  };
}
