/** One thread's share of training: its own crops, its own batches, gradients at the parameters it is given. */
import * as tf from '@tensorflow/tfjs';
import { createRandom } from '../../worker/scenes/index.ts';
import { type CropSet, crops, SIDE } from './crops.ts';
import { selectFastKernels } from './kernels.ts';
import { openTrainingLoops } from './loops.ts';
import { batchLoss, GATE } from './loss.ts';
import { embedImages, embedTexts, parameterShapes, tokensOf } from './network.ts';
import { drawBatch, SamplePool } from './samples.ts';

export const SEED = 'mini-clip/4';
/** Crops of one thread's batch. */
export const BATCH = 48;

export interface LearnerOptions {
  readonly cache: string;
  /** Scenes in all; a thread takes every `threads`-th. */
  readonly turntables: number;
  readonly rooms: number;
  readonly thread: number;
  readonly threads: number;
  /** Steps after this one take what crops show in the wider sense (`verdict`). */
  readonly widerAfter: number;
}

export interface Learner {
  readonly crops: number;
  /** Loss of a step's batch; its gradient is written to `gradient`, flat like `parameters`. */
  learn(parameters: Float32Array, gradient: Float32Array, words: readonly string[], step: number): number;
}

export async function openLearner(options: LearnerOptions): Promise<Learner> {
  const { cache, turntables, rooms, thread, threads, widerAfter } = options;
  const sets: CropSet[] = [];
  for (const [kind, count] of [
    ['turntable', turntables],
    ['room', rooms],
  ] as const) {
    for (let i = thread; i < count; i += threads) {
      sets.push(await crops(cache, kind, `train-${i}`));
    }
  }
  const pool = new SamplePool(sets);
  await selectFastKernels();
  const { arena } = await openTrainingLoops();
  return {
    crops: pool.size,
    learn: (parameters, gradient, words, step) => {
      const ids = new Map(words.map((word, id) => [word, id]));
      const shapes = parameterShapes(words.length);
      // Each step has a stream of its own, so that training can go on from any of them.
      const random = createRandom(`${SEED}/batches/${thread}/${step}`);
      const batch = drawBatch(pool, BATCH, GATE, random, step > widerAfter);
      const truth = { ...batch, rows: BATCH, columns: batch.texts.length };
      const run = (): number => {
        let at = 0;
        const tensors = [...shapes.values()].map((shape) => {
          const length = shape.reduce((a, b) => a * b);
          const values = arena.take(length);
          values.set(parameters.subarray(at, at + length));
          at += length;
          return tf.tensor(values, shape);
        });
        const images = tf.tensor4d(batch.images, [BATCH, SIDE, SIDE, 3]);
        const { texts, short } = batch;
        const tokens = [texts.slice(0, short), texts.slice(short)].map((some) => tokensOf(some, ids));
        const loss = (...args: tf.Tensor[]): tf.Scalar => {
          const named = new Map([...shapes.keys()].map((name, i) => [name, args[i]!]));
          const embedded = tf.concat2d(
            tokens.map((some) => embedTexts(named, some)),
            0,
          );
          const cosines = tf.matMul(embedImages(named, images), embedded, false, true);
          return batchLoss(cosines as tf.Tensor2D, truth);
        };
        const { value, grads } = tf.valueAndGrads(loss)(tensors);
        let to = 0;
        for (const part of grads) {
          const values = part.dataSync() as Float32Array;
          gradient.set(values, to);
          to += values.length;
        }
        return value.dataSync()[0]!;
      };
      return arena.scratch(() => tf.tidy(run));
    },
  };
}
