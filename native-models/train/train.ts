/**
 * Trains `native-models/mini-clip` from nothing: renders scenes (kept in build/mini-clip), trains, writes the model.
 *
 *     npm run train:mini-clip -- [--steps N] [--turntables N] [--rooms N] [--out FOLDER] [--cache FOLDER]
 *
 * Everything comes from the printed seed: the same command gives the same model on the same kind of processor.
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { createRandom } from '../../worker/scenes/index.ts';
import { isHeldOut, vocabulary } from './captions.ts';
import { writeModel } from './export.ts';
import { useFastKernels } from './kernels.ts';
import { batchLoss, GATE } from './loss.ts';
import {
  embedImages,
  embedTexts,
  IMAGE_SIDE,
  initialParameters,
  parameterShapes,
  SPECIAL_TOKENS,
  tokenIds,
} from './network.ts';
import { type PictureKind, pictures } from './pictures.ts';
import { drawBatch, type Sample, SamplePool, samplesOf } from './samples.ts';

const SEED = 'mini-clip/1';
const BATCH = 96;
const PEAK_RATE = 2.5e-3;
const WARM_UP_STEPS = 150;
const WEIGHT_DECAY = 0.03;
/** Weights that are saved are an exponential mean over about this many steps. */
const AVERAGED_STEPS = 200;

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '5000' },
    turntables: { type: 'string', default: '94' },
    rooms: { type: 'string', default: '142' },
    out: { type: 'string', default: new URL('../mini-clip', import.meta.url).pathname },
    cache: { type: 'string', default: new URL('../../build/mini-clip', import.meta.url).pathname },
  },
});
const steps = Number(options.steps);

/** A parameter with what Adam remembers of it. */
interface State {
  readonly values: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
  readonly average: Float32Array;
  readonly decay: number;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). @param step from 1 */
function update(state: State, gradient: Float32Array, rate: number, step: number): void {
  const { values, mean, square, average, decay } = state;
  const [b1, b2] = [0.9, 0.98];
  const [c1, c2] = [1 / (1 - b1 ** step), 1 / (1 - b2 ** step)];
  const keep = Math.min(1 - 1 / AVERAGED_STEPS, step / (step + 10));
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i]!;
    const m = b1 * mean[i]! + (1 - b1) * g;
    const s = b2 * square[i]! + (1 - b2) * g * g;
    mean[i] = m;
    square[i] = s;
    const value = values[i]! * (1 - rate * decay) - (rate * c1 * m) / (Math.sqrt(c2 * s) + 1e-8);
    values[i] = value;
    average[i] = keep * average[i]! + (1 - keep) * value;
  }
}

function rateAt(step: number): number {
  if (step <= WARM_UP_STEPS) return (PEAK_RATE * step) / WARM_UP_STEPS;
  const done = (step - WARM_UP_STEPS) / Math.max(1, steps - WARM_UP_STEPS);
  return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done))));
}

const startedAt = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${text}`);
say(`seed ${SEED}, ${steps} steps of ${BATCH} crops, ${options.turntables} turntables, ${options.rooms} rooms`);

const samples: Sample[] = [];
const partNames = new Set<string>();
for (const kind of ['turntable', 'room'] as const satisfies readonly PictureKind[]) {
  for (let i = 0; i < Number(kind === 'room' ? options.rooms : options.turntables); i++) {
    const set = await pictures(options.cache, kind, `train-${i}`);
    for (const { parts } of set.objects) for (const { name } of parts) partNames.add(name);
    samples.push(...samplesOf(set, (choice) => !isHeldOut(choice), createRandom(`${SEED}/patches/${kind}/${i}`)));
  }
}
const pool = new SamplePool(samples);
const words = [...SPECIAL_TOKENS, ...vocabulary([...partNames].sort())];
const ids = new Map(words.map((word, id) => [word, id]));
say(`${pool.size} segments, ${words.length} words`);

await useFastKernels();
const shapes = parameterShapes(words.length);
const names = [...shapes.keys()];
const states = [...initialParameters(words.length, createRandom(`${SEED}/start`))].map(
  ([name, values]): State => ({
    values,
    mean: new Float32Array(values.length),
    square: new Float32Array(values.length),
    average: values.slice(),
    decay: /gain|bias|words/.test(name) ? 0 : WEIGHT_DECAY,
  }),
);
const random = createRandom(`${SEED}/batches`);
const save = (): Promise<number> =>
  writeModel(options.out, new Map(names.map((name, i) => [name, states[i]!.average])), words);

let running = Number.NaN;
for (let step = 1; step <= steps; step++) {
  const batch = drawBatch(pool, BATCH, IMAGE_SIDE, GATE, random);
  const truth = { ...batch, rows: BATCH, columns: batch.texts.length };
  tf.tidy(() => {
    const tensors = names.map((name, i) => tf.tensor(states[i]!.values, shapes.get(name)));
    const images = tf.tensor4d(batch.images, [BATCH, IMAGE_SIDE, IMAGE_SIDE, 3]);
    const tokens = tokenIds(batch.texts, ids);
    const loss = (...args: tf.Tensor[]): tf.Scalar => {
      const parameters = new Map(names.map((name, i) => [name, args[i]!]));
      const cosines = tf.matMul(embedImages(parameters, images), embedTexts(parameters, tokens), false, true);
      return batchLoss(cosines as tf.Tensor2D, truth);
    };
    const { value, grads } = tf.valueAndGrads(loss)(tensors);
    const now = value.dataSync()[0]!;
    if (!Number.isFinite(now)) throw new Error(`the loss is ${now} in step ${step}`);
    running = step === 1 ? now : 0.98 * running + 0.02 * now;
    grads.forEach((gradient, i) => {
      update(states[i]!, gradient.dataSync() as Float32Array, rateAt(step), step);
    });
  });
  if (step % 50 === 0 || step === 1) {
    const cpu = process.cpuUsage().user / 1e6;
    say(`step ${step}, loss ${running.toFixed(3)}, ${((step * BATCH) / cpu).toFixed(0)} crops per second of processor`);
  }
  if (step % 500 === 0) await save();
}
say(`${options.out}: ${await save()} bytes`);
