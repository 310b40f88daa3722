/** One thread's share of training: its own crops, its own batches, gradients at the parameters it is given. */
import * as tf from '@tensorflow/tfjs';
import { createRandom } from '../../worker/scenes/index.ts';
import { type CropKind, type CropSet, crops, SIDE } from './crops.ts';
import { selectFastKernels } from './kernels.ts';
import { DETAIL_CHANNELS, embedLooks, LOOK_KINDS, lookShapes } from './look-network.ts';
import { LookPool } from './look-samples.ts';
import { openTrainingLoops } from './loops.ts';
import { batchLoss, GATE, wordLoss } from './loss.ts';
import { embedImages, embedTexts, parameterShapes, tokensOf, unitRows } from './network.ts';
import { drawBatch, SamplePool } from './samples.ts';

export const SEED = 'mini-clip/4';
/** Crops of one thread's batch. */
export const BATCH = 48;

export interface LearnerOptions {
  readonly task: 'encoder' | 'looks';
  readonly cache: string;
  /** Scenes of each kind in all; a thread takes every `threads`-th. */
  readonly scenes: Readonly<Partial<Record<CropKind, number>>>;
  readonly thread: number;
  readonly threads: number;
  readonly words: readonly string[];
  /** Steps of the encoder after this one take what crops show in the wider sense (`verdict`). */
  readonly widerAfter: number;
}

export interface Learner {
  readonly crops: number;
  /** Loss of a step's batch; its gradient is written to `gradient`, flat like `parameters`. */
  learn(parameters: Float32Array, gradient: Float32Array, step: number): number;
}

type Named = ReadonlyMap<string, tf.Tensor>;

export async function openLearner(options: LearnerOptions): Promise<Learner> {
  const { cache, scenes, thread, threads, task } = options;
  const sets: CropSet[] = [];
  for (const [kind, count] of Object.entries(scenes) as [CropKind, number][]) {
    for (let i = thread; i < count; i += threads) {
      sets.push(await crops(cache, kind, `train-${i}`));
    }
  }
  await selectFastKernels();
  const { arena } = await openTrainingLoops();
  const { size, shapes, lossOf } = task === 'looks' ? looksTask(sets, options) : encoderTask(sets, options);
  return {
    crops: size,
    learn: (parameters, gradient, step) => {
      const loss = lossOf(step);
      const run = (): number => {
        let at = 0;
        const tensors = [...shapes.values()].map((shape) => {
          const length = shape.reduce((a, b) => a * b);
          const values = arena.take(length);
          values.set(parameters.subarray(at, at + length));
          at += length;
          return tf.tensor(values, shape);
        });
        const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) =>
          loss(new Map([...shapes.keys()].map((name, i) => [name, args[i]!]))),
        )(tensors);
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

interface Task {
  readonly size: number;
  readonly shapes: ReadonlyMap<string, number[]>;
  /** Each step has a stream of random numbers of its own, so that training can go on from any of them. */
  lossOf(step: number): (parameters: Named) => tf.Scalar;
}

/** The two networks: all captions against all crops. */
function encoderTask(sets: readonly CropSet[], { words, thread, widerAfter }: LearnerOptions): Task {
  const pool = new SamplePool(sets);
  const ids = new Map(words.map((word, id) => [word, id]));
  return {
    size: pool.size,
    shapes: parameterShapes(words.length),
    lossOf: (step) => {
      const random = createRandom(`${SEED}/batches/${thread}/${step}`);
      const batch = drawBatch(pool, BATCH, GATE, random, step > widerAfter);
      const { texts, short } = batch;
      const truth = { ...batch, rows: BATCH, columns: texts.length };
      const tokens = [texts.slice(0, short), texts.slice(short)].map((some) => tokensOf(some, ids));
      return (named) => {
        const images = tf.tensor4d(batch.images, [BATCH, SIDE, SIDE, 3]);
        const embedded = tf.concat2d(
          tokens.map((some) => embedTexts(named, some)),
          0,
        );
        const cosines = tf.matMul(embedImages(named, images), embedded, false, true);
        return batchLoss(cosines as tf.Tensor2D, truth);
      };
    },
  };
}

/** The tower of looks: each kind of look against its own words only, so that none is told apart by what it goes with. */
function looksTask(sets: readonly CropSet[], { thread }: LearnerOptions): Task {
  const pool = new LookPool(sets);
  return {
    size: pool.size,
    shapes: lookShapes(),
    lossOf: (step) => {
      const { images, labels } = pool.draw(BATCH, createRandom(`${SEED}/looks/${thread}/${step}`));
      return (named) => {
        const input = tf.tensor4d(images, [BATCH, SIDE, SIDE, DETAIL_CHANNELS]);
        const losses = embedLooks(named, input).map((units, i) => {
          const { name, weight } = LOOK_KINDS[i]!;
          const words = unitRows(named.get(`looks/${name}/words`) as tf.Tensor2D);
          return tf.mul(wordLoss(tf.matMul(units, words, false, true), labels[i]!), weight);
        });
        return tf.addN(losses) as tf.Scalar;
      };
    },
  };
}
