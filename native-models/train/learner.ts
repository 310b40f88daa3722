/** One thread's share of training: its own pictures, its own batches, gradients at the parameters it is given. */
import * as tf from '@tensorflow/tfjs';
import { createRandom, type Random } from '../../worker/scenes/index.ts';
import { isHeldOut } from './captions.ts';
import { selectFastKernels } from './kernels.ts';
import { batchLoss, GATE } from './loss.ts';
import { embedImages, embedTexts, IMAGE_SIDE, parameterShapes, tokensOf } from './network.ts';
import { pictures } from './pictures.ts';
import { drawBatch, type Sample, SamplePool, samplesOf } from './samples.ts';

export const SEED = 'mini-clip/1';
/** Crops of one thread's batch. */
export const BATCH = 64;

export interface LearnerOptions {
  readonly cache: string;
  /** Scenes in all; a thread takes every `threads`-th. */
  readonly turntables: number;
  readonly rooms: number;
  readonly thread: number;
  readonly threads: number;
}

export interface Learner {
  readonly segments: number;
  readonly partNames: readonly string[];
  /** Loss of the cycle's next batch; its gradient is written to `gradient`, flat like `parameters`. */
  learn(parameters: Float32Array, gradient: Float32Array, words: readonly string[], cycle: number): number;
}

export async function openLearner(options: LearnerOptions): Promise<Learner> {
  const { cache, turntables, rooms, thread, threads } = options;
  const samples: Sample[] = [];
  const partNames = new Set<string>();
  for (const [kind, count] of [
    ['turntable', turntables],
    ['room', rooms],
  ] as const) {
    for (let i = thread; i < count; i += threads) {
      const set = await pictures(cache, kind, `train-${i}`);
      for (const { parts } of set.objects) for (const { name } of parts) partNames.add(name);
      samples.push(...samplesOf(set, (choice) => !isHeldOut(choice), createRandom(`${SEED}/patches/${kind}/${i}`)));
    }
  }
  const pool = new SamplePool(samples);
  await selectFastKernels();
  // Each cycle of training has batches of its own, so that it can also be run alone.
  const streams = new Map<number, Random>();
  const streamOf = (cycle: number): Random => {
    const stream = streams.get(cycle) ?? createRandom(`${SEED}/batches/${thread}${cycle === 0 ? '' : `/${cycle}`}`);
    streams.set(cycle, stream);
    return stream;
  };
  return {
    segments: pool.size,
    partNames: [...partNames].sort(),
    learn: (parameters, gradient, words, cycle) => {
      const ids = new Map(words.map((word, id) => [word, id]));
      const shapes = parameterShapes(words.length);
      const batch = drawBatch(pool, BATCH, IMAGE_SIDE, GATE, streamOf(cycle));
      const truth = { ...batch, rows: BATCH, columns: batch.texts.length };
      return tf.tidy(() => {
        let at = 0;
        const tensors = [...shapes.values()].map((shape) => {
          const length = shape.reduce((a, b) => a * b);
          const values = parameters.slice(at, at + length);
          at += length;
          return tf.tensor(values, shape);
        });
        const images = tf.tensor4d(batch.images, [BATCH, IMAGE_SIDE, IMAGE_SIDE, 3]);
        const tokens = tokensOf(batch.texts, ids);
        const loss = (...args: tf.Tensor[]): tf.Scalar => {
          const named = new Map([...shapes.keys()].map((name, i) => [name, args[i]!]));
          const cosines = tf.matMul(embedImages(named, images), embedTexts(named, tokens), false, true);
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
      });
    },
  };
}
