/**
 * Trains `native-models/mini-clip` from nothing: renders scenes (kept in build/mini-clip), trains, writes the model.
 *
 *     npm run train:mini-clip -- [--cycles N,N] [--first K] [--threads N] [--turntables N] [--rooms N] [--out FOLDER] [--cache FOLDER]
 *
 * A cycle starts from the averaged weights of the one before it, with a new Adam, and ends with a small learning rate. The weights
 * after cycle K lie in the cache as `cycle-K.f32`; `--first K+1` goes on from there and does what the whole command would have done.
 * Everything comes from the printed seed: the same command gives the same model on the same kind of processor.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createRandom } from '../../worker/scenes/index.ts';
import { vocabulary } from './captions.ts';
import { writeModel } from './export.ts';
import { BATCH, openLearner, SEED } from './learner.ts';
import { initialParameters, SPECIAL_TOKENS } from './network.ts';
import type { Shared } from './thread.ts';

/** Of the first cycle and of those after it. */
const PEAK_RATES = [2e-3, 1.2e-3] as const;
const WARM_UP_STEPS = 100;
const WEIGHT_DECAY = 0.03;
/** Weights that are saved are an exponential mean over about this many steps. */
const AVERAGED_STEPS = 80;
const SAVE_EVERY = 100;

const { values: options } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1500,420' },
    first: { type: 'string', default: '0' },
    threads: { type: 'string', default: '2' },
    turntables: { type: 'string', default: '96' },
    rooms: { type: 'string', default: '144' },
    out: { type: 'string', default: new URL('../mini-clip', import.meta.url).pathname },
    cache: { type: 'string', default: new URL('../../build/mini-clip', import.meta.url).pathname },
  },
});
const { cache, out } = options;
const [first, threads, turntables, rooms] = [options.first, options.threads, options.turntables, options.rooms].map(
  Number,
) as [number, number, number, number];
const cycles = options.cycles.split(',').map(Number);

function rateAt(step: number, steps: number, cycle: number): number {
  const peak = PEAK_RATES[Math.min(cycle, 1)]!;
  if (step <= WARM_UP_STEPS) return (peak * step) / WARM_UP_STEPS;
  const done = (step - WARM_UP_STEPS) / Math.max(1, steps - WARM_UP_STEPS);
  return peak * (0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done))));
}

const startedAt = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${text}`);
say(
  `seed ${SEED}, cycles of ${options.cycles} steps of ${threads} x ${BATCH} crops, ${turntables} turntables, ${rooms} rooms`,
);

const learner = await openLearner({ cache, turntables, rooms, thread: 0, threads });
const words = [...SPECIAL_TOKENS, ...vocabulary(learner.partNames)];
const initial = initialParameters(words.length, createRandom(`${SEED}/start`));
const length = [...initial.values()].reduce((sum, values) => sum + values.length, 0);
say(`${learner.segments} segments in the first thread, ${words.length} words, ${length} parameters`);

const shared = (count: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * count));
const parameters = shared(length);
const decay = new Float32Array(length);
let at = 0;
for (const [name, values] of initial) {
  parameters.set(values, at);
  if (!/gain|bias|words/.test(name)) decay.fill(WEIGHT_DECAY, at, at + values.length);
  at += values.length;
}
const control = new Int32Array(new SharedArrayBuffer(12));
const helpers = Array.from({ length: threads - 1 }, (_, i) => {
  const data: Shared = {
    options: { cache, turntables, rooms, thread: i + 1, threads },
    ...{ words, parameters, control, gradient: shared(length), loss: shared(1) },
  };
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data });
  worker.on('error', (error) => {
    throw error;
  });
  return { worker, data };
});

const [gradient, mean, square, average] = [0, 0, 0, 0].map(() => new Float32Array(length)) as [
  Float32Array,
  Float32Array,
  Float32Array,
  Float32Array,
];
const savedCycle = (cycle: number): string => join(cache, `cycle-${cycle}.f32`);

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). @param step of the cycle, from 1 */
function update(step: number, rate: number): void {
  const [b1, b2] = [0.9, 0.98];
  const [c1, c2] = [1 / (1 - b1 ** step), 1 / (1 - b2 ** step)];
  const keep = Math.min(1 - 1 / AVERAGED_STEPS, step / (step + 10));
  for (let i = 0; i < length; i++) {
    let g = gradient[i]!;
    for (const { data } of helpers) g += data.gradient[i]!;
    g /= threads;
    const m = b1 * mean[i]! + (1 - b1) * g;
    const s = b2 * square[i]! + (1 - b2) * g * g;
    mean[i] = m;
    square[i] = s;
    const value = parameters[i]! * (1 - rate * decay[i]!) - (rate * c1 * m) / (Math.sqrt(c2 * s) + 1e-8);
    parameters[i] = value;
    average[i] = keep * average[i]! + (1 - keep) * value;
  }
}

function save(): Promise<number> {
  let from = 0;
  const weights = new Map(
    [...initial].map(([name, { length: count }]) => {
      from += count;
      return [name, average.subarray(from - count, from)];
    }),
  );
  return writeModel(out, weights, words);
}

/** Mean loss of the threads' batches; the gradients are in place when it returns. */
async function learn(cycle: number): Promise<number> {
  Atomics.store(control, 1, 0);
  Atomics.store(control, 2, cycle);
  Atomics.add(control, 0, 1);
  Atomics.notify(control, 0);
  let loss = learner.learn(parameters, gradient, words, cycle);
  // In bursts, so that an error of a helper is heard.
  while (Atomics.load(control, 1) < helpers.length) {
    Atomics.wait(control, 1, Atomics.load(control, 1), 20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { data } of helpers) loss += data.loss[0]!;
  return loss / threads;
}

if (first > 0) {
  const bytes = await readFile(savedCycle(first - 1));
  if (bytes.length !== 4 * length) throw new Error(`${savedCycle(first - 1)} is of another network or vocabulary`);
  parameters.set(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
}
for (let cycle = first; cycle < cycles.length; cycle++) {
  const steps = cycles[cycle]!;
  mean.fill(0);
  square.fill(0);
  average.set(parameters);
  let running = Number.NaN;
  for (let step = 1; step <= steps; step++) {
    const loss = await learn(cycle);
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss} in step ${step} of cycle ${cycle}`);
    running = step === 1 ? loss : 0.96 * running + 0.04 * loss;
    update(step, rateAt(step, steps, cycle));
    if (step % 50 === 0 || step === 1) {
      const cpu = process.cpuUsage().user / 1e6;
      say(`cycle ${cycle}, step ${step}, loss ${running.toFixed(3)}, processor ${cpu.toFixed(0)} s`);
    }
    if (step % SAVE_EVERY === 0) await save();
  }
  parameters.set(average);
  await writeFile(savedCycle(cycle), average);
}
say(`${out}: ${await save()} bytes`);
for (const { worker } of helpers) await worker.terminate();
