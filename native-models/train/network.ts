/** The dual encoder in TensorFlow.js: two small residual networks that end in one space of 64 dimensions. */
import * as tf from '@tensorflow/tfjs';
import type { Random } from '../../worker/scenes/index.ts';
import { splitWords } from './captions.ts';
import { rmsRelu } from './kernels.ts';

export const IMAGE_SIDE = 48;
export const DIMENSIONS = 64;
export const CONTEXT_TOKENS = 16;
/**
 * Channels of the vision network's stages; each halves the side: the first by 3x3 windows, the others by 2x2 tiles, after which they
 * have a residual block.
 */
export const STAGES = [24, 48, 80, 128] as const;
export const TEXT_CHANNELS = 96;
/** One is enough to tell "handle of the mug" from "mug with a handle"; what words mean adds up, so that unseen combinations do too. */
export const TEXT_BLOCKS = 1;
export const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '<|startoftext|>', '<|endoftext|>'] as const;

/** Side of the windows with which a stage starts. */
export const downSide = (stage: number): number => (stage === 0 ? 3 : 2);

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
    shapes.set(`vision/${i}/down`, [downSide(i), downSide(i), channels, out]);
    channels = out;
    if (i === 0) return;
    for (const half of ['a', 'b']) {
      norm(`vision/${i}/${half}/norm`, out);
      shapes.set(`vision/${i}/${half}`, [3, 3, out, out]);
    }
  });
  norm('vision/norm', channels);
  STAGES.forEach((out, i) => {
    shapes.set(`vision/pool/${i}`, [2 * out, DIMENSIONS]);
  });
  const side = IMAGE_SIDE / 2 ** STAGES.length;
  shapes.set('vision/projection', [side * side * channels, DIMENSIONS]);
  shapes.set('text/words', [words, TEXT_CHANNELS]);
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    norm(`text/${i}/norm`, TEXT_CHANNELS);
    shapes.set(`text/${i}`, [1, 3, TEXT_CHANNELS, TEXT_CHANNELS]);
  }
  shapes.set('text/projection', [TEXT_CHANNELS, DIMENSIONS]);
  return shapes;
}

export type Parameters = ReadonlyMap<string, tf.Tensor>;

/** He initialisation; the second convolution of each residual block starts small, so that blocks start as the identity. */
export function initialParameters(words: number, random: Random): Map<string, Float32Array> {
  return new Map(
    [...parameterShapes(words)].map(([name, shape]) => {
      const damped = name.endsWith('/b') || /^text\/\d|pool/.test(name) ? 0.3 : 1;
      return [name, heInitial(name, shape, random, damped, name === 'text/words' ? 0.5 : undefined)];
    }),
  );
}

/** Gains of 1, biases of 0, else normal numbers of deviation `damped` √(2 / inputs), or `deviation` where given. */
export function heInitial(
  name: string,
  shape: readonly number[],
  random: Random,
  damped: number,
  deviation?: number,
): Float32Array {
  const length = shape.reduce((a, b) => a * b);
  if (name.endsWith('/gain')) return new Float32Array(length).fill(1);
  if (name.endsWith('/bias')) return new Float32Array(length);
  const spread = deviation ?? damped * Math.sqrt(2 / (length / shape.at(-1)!));
  const dice = random.fork(name);
  return Float32Array.from({ length }, () => spread * dice.normal());
}

/** @param images [B, side, side, 3], −1 to 1. @returns [B, E] unit rows */
export function embedImages(p: Parameters, images: tf.Tensor4D): tf.Tensor2D {
  const norm = (x: tf.Tensor, name: string): tf.Tensor => rmsRelu(x, p.get(`${name}/gain`)!, p.get(`${name}/bias`)!);
  const conv = (x: tf.Tensor, name: string, stride: number): tf.Tensor =>
    tf.conv2d(x as tf.Tensor4D, p.get(name) as tf.Tensor4D, stride, 'same');
  const parts: tf.Tensor[] = [];
  const project = (features: tf.Tensor, name: string): void => {
    parts.push(tf.matMul(features as tf.Tensor2D, p.get(name) as tf.Tensor2D));
  };
  let x: tf.Tensor = images;
  STAGES.forEach((_, i) => {
    if (i > 0) {
      x = norm(x, `vision/${i}/down/norm`);
      project(pooled(x), `vision/pool/${i - 1}`);
    }
    x = conv(x, `vision/${i}/down`, 2);
    if (i === 0) return;
    const a = conv(norm(x, `vision/${i}/a/norm`), `vision/${i}/a`, 1);
    x = tf.add(x, conv(norm(a, `vision/${i}/b/norm`), `vision/${i}/b`, 1));
  });
  x = norm(x, 'vision/norm');
  project(pooled(x), `vision/pool/${STAGES.length - 1}`);
  project(tf.reshape(x, [images.shape[0], -1]), 'vision/projection');
  return unitRows(tf.addN(parts) as tf.Tensor2D);
}

/** Mean and maximum over places: a texture is the same one wherever it lies. @param x [B, H, W, C]. @returns [B, 2·C] */
function pooled(x: tf.Tensor): tf.Tensor {
  const [count, height, width, channels] = x.shape as [number, number, number, number];
  const places = height * width;
  const found = new Int32Array(count * channels);
  return rowOperation(
    x,
    [count, 2 * channels],
    (values, out) => {
      for (let n = 0, k = 0; n < count; n++) {
        const [mean, most] = [2 * n * channels, (2 * n + 1) * channels];
        out.fill(-Infinity, most, most + channels);
        for (let place = 0; place < places; place++) {
          for (let c = 0; c < channels; c++, k++) {
            const value = values[k]!;
            out[mean + c] = out[mean + c]! + value;
            if (value <= out[most + c]!) continue;
            out[most + c] = value;
            found[n * channels + c] = k;
          }
        }
        for (let c = 0; c < channels; c++) out[mean + c] = out[mean + c]! / places;
      }
    },
    (dy, dx) => {
      for (let n = 0, k = 0; n < count; n++) {
        const [mean, most] = [2 * n * channels, (2 * n + 1) * channels];
        for (let place = 0; place < places; place++) {
          for (let c = 0; c < channels; c++, k++) dx[k] = dy[mean + c]! / places;
        }
        for (let c = 0; c < channels; c++) {
          const at = found[n * channels + c]!;
          dx[at] = dx[at]! + dy[most + c]!;
        }
      }
    },
  );
}

/** Texts as word ids. */
export interface Tokens {
  readonly count: number;
  readonly length: number;
  /** [C·L], −1 where a text has ended. */
  readonly ids: Int32Array;
}

/** An operation with its gradient; the stock ones (gather, masks, means, maxima) are slow on TensorFlow.js's JavaScript backend. */
function rowOperation(
  x: tf.Tensor,
  shape: number[],
  forward: (x: Float32Array, out: Float32Array) => void,
  backward: (dy: Float32Array, dx: Float32Array) => void,
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const input = args[0] as tf.Tensor;
    const out = new Float32Array(shape.reduce((a, b) => a * b));
    forward(input.dataSync() as Float32Array, out);
    return {
      value: tf.tensor(out, shape),
      gradFunc: (dy) => {
        const dx = new Float32Array(input.size);
        backward((dy as tf.Tensor).dataSync() as Float32Array, dx);
        return tf.tensor(dx, input.shape);
      },
    };
  });
  return operation(x);
}

/** @returns [C, E] unit rows */
export function embedTexts(p: Parameters, { count, length, ids }: Tokens): tf.Tensor2D {
  const channels = TEXT_CHANNELS;
  const shape = [count, 1, length, channels];
  const rows = (run: (id: number, from: number) => void): void => {
    ids.forEach((id, i) => {
      if (id >= 0) run(id, i * channels);
    });
  };
  const add = (to: Float32Array, at: number, from: Float32Array, start: number, factor = 1): void => {
    for (let c = 0; c < channels; c++) to[at + c] = to[at + c]! + factor * from[start + c]!;
  };
  const words = (table: tf.Tensor): tf.Tensor =>
    rowOperation(
      table,
      shape,
      (x, out) => rows((id, at) => add(out, at, x, id * channels)),
      (dy, dx) => rows((id, at) => add(dx, id * channels, dy, at)),
    );
  const masked = (values: tf.Tensor): tf.Tensor => {
    const keep = (from: Float32Array, to: Float32Array): void => rows((_, at) => add(to, at, from, at));
    return rowOperation(values, shape, keep, keep);
  };
  const counts = new Int32Array(count);
  ids.forEach((id, i) => {
    if (id >= 0) counts[Math.floor(i / length)]!++;
  });
  const mean = (values: tf.Tensor): tf.Tensor => {
    const each = (run: (at: number, text: number, share: number) => void): void =>
      rows((_, at) => {
        const text = Math.floor(at / channels / length);
        run(at, text * channels, 1 / counts[text]!);
      });
    return rowOperation(
      values,
      [count, channels],
      (x, out) => each((at, text, share) => add(out, text, x, at, share)),
      (dy, dx) => each((at, text, share) => add(dx, at, dy, text, share)),
    );
  };
  let x = words(p.get('text/words')!);
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    const hidden = rmsRelu(x, p.get(`text/${i}/norm/gain`)!, p.get(`text/${i}/norm/bias`)!);
    const turned = tf.conv2d(masked(hidden) as tf.Tensor4D, p.get(`text/${i}`) as tf.Tensor4D, 1, 'same');
    x = tf.add(x, turned);
  }
  return unitRows(tf.matMul(mean(x) as tf.Tensor2D, p.get('text/projection') as tf.Tensor2D));
}

export function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-8)));
}

/** Start and end token around each text, all as long as the longest, at most {@link CONTEXT_TOKENS}. */
export function tokensOf(texts: readonly string[], vocabulary: ReadonlyMap<string, number>): Tokens {
  const rows = texts.map((text) => {
    const words = splitWords(text).map((word) => vocabulary.get(word) ?? vocabulary.get('[UNK]')!);
    return [2, ...words.slice(0, CONTEXT_TOKENS - 2), 3];
  });
  const count = rows.length;
  const length = Math.max(...rows.map((row) => row.length));
  const ids = new Int32Array(count * length).fill(-1);
  rows.forEach((row, i) => {
    ids.set(row, i * length);
  });
  return { count, length, ids };
}
