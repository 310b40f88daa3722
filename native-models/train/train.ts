/**
 * Trains `native-models/mini-clip` from nothing: renders crops (kept in build/mini-clip), trains, writes the model.
 *
 *     npm run train:mini-clip -- [--steps N] [--wider N] [--fall SHARE] [--threads N] [--turntables N] [--rooms N] [--out FOLDER] [--cache FOLDER]
 *
 * The rate stays at its peak and falls over the last share of the steps. Everything that the next step needs lies in the cache every
 * 500 steps, as `step-N.state`; a run goes on from the last of these before its rate starts to fall, and comes to what it would have
 * come to from the start, whatever `--steps` was before. After them come `--wider` steps at a lower rate, in which the names of a group's members
 * and of a part's owner count as true, and words of scale are learned. Everything comes from the printed seed: the same command gives the same model
 * on the same kind of processor with the same number of threads.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createRandom } from '../../worker/scenes/index.ts';
import { vocabulary } from './captions.ts';
import { writeModel } from './export.ts';
import { BATCH, openLearner, SEED } from './learner.ts';
import { PART_NAMES } from './looks.ts';
import { openLoops } from './loops.ts';
import { initialParameters, SPECIAL_TOKENS } from './network.ts';
import type { Shared } from './thread.ts';

const PEAK_RATE = 2e-3;
const WARM_UP_STEPS = 200;
/** Of the wider steps, at their start; it falls to nothing. */
const WIDER_RATE = 1e-3;
const WEIGHT_DECAY = 0.03;
/** Weights that are saved are an exponential mean over about this many steps. */
const AVERAGED_STEPS = 150;
const SAVE_EVERY = 500;

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '8500' },
    wider: { type: 'string', default: '2000' },
    fall: { type: 'string', default: '0.3' },
    threads: { type: 'string', default: '2' },
    turntables: { type: 'string', default: '36' },
    rooms: { type: 'string', default: '44' },
    out: { type: 'string', default: new URL('../mini-clip', import.meta.url).pathname },
    cache: { type: 'string', default: new URL('../../build/mini-clip', import.meta.url).pathname },
  },
});
const { cache, out } = options;
const { steps, wider, threads, turntables, rooms } = Object.fromEntries(
  Object.entries(options).map(([name, value]) => [name, Number(value)]),
) as Record<'steps' | 'wider' | 'threads' | 'turntables' | 'rooms', number>;
const fallFrom = Math.floor(steps * (1 - Number(options.fall)));

function rateAt(step: number): number {
  if (step <= WARM_UP_STEPS) return (PEAK_RATE * step) / WARM_UP_STEPS;
  if (step <= fallFrom) return PEAK_RATE;
  return PEAK_RATE * Math.max(0.01, 1 - Math.sqrt((step - fallFrom) / (steps - fallFrom)));
}

const startedAt = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${text}`);
say(`seed ${SEED}, ${steps} + ${wider} steps of ${threads} x ${BATCH} crops, ${turntables} turntables, ${rooms} rooms`);

const learner = await openLearner({ cache, turntables, rooms, thread: 0, threads, widerAfter: steps });
const words = [...SPECIAL_TOKENS, ...vocabulary(PART_NAMES)];
const initial = initialParameters(words.length, createRandom(`${SEED}/start`));
const length = [...initial.values()].reduce((sum, values) => sum + values.length, 0);
say(`${learner.crops} crops in the first thread, ${words.length} words, ${length} parameters`);

const { arena, loops } = await openLoops(32 * length);
const take = (): Float32Array => arena.take(length).fill(0);
const [parameters, gradient, mean, square, average, decay] = [take(), take(), take(), take(), take(), take()];
let at = 0;
for (const [name, values] of initial) {
  parameters.set(values, at);
  if (!/gain|bias|words/.test(name)) decay.fill(WEIGHT_DECAY, at, at + values.length);
  at += values.length;
}
average.set(parameters);

const shared = (count: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * count));
const seen = shared(length);
const control = new Int32Array(new SharedArrayBuffer(8));
const helpers = Array.from({ length: threads - 1 }, (_, i) => {
  const data: Shared = {
    options: { cache, turntables, rooms, thread: i + 1, threads, widerAfter: steps },
    ...{ words, parameters: seen, control, gradient: shared(length), loss: shared(1) },
  };
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data });
  worker.on('error', (error) => {
    throw error;
  });
  return { worker, data };
});

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). @param step since the moments were 0 */
function update(step: number, rate: number): void {
  const [b1, b2] = [0.9, 0.98];
  const keep = Math.min(1 - 1 / AVERAGED_STEPS, step / (step + 10));
  loops.adam(
    ...[parameters, gradient, mean, square, average, decay].map(({ byteOffset }) => byteOffset),
    ...[length, rate / (1 - b1 ** step), rate, b1, b2, Math.sqrt(1 / (1 - b2 ** step)), keep],
  );
}

/** Mean loss of the threads' batches; the mean gradient is in place when it returns. */
async function learn(step: number): Promise<number> {
  seen.set(parameters);
  Atomics.store(control, 1, 0);
  Atomics.store(control, 0, step);
  Atomics.notify(control, 0);
  let loss = learner.learn(parameters, gradient, words, step);
  // In bursts, so that an error of a helper is heard.
  while (Atomics.load(control, 1) < helpers.length) {
    Atomics.wait(control, 1, Atomics.load(control, 1), 20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { data } of helpers) {
    loss += data.loss[0]!;
    for (let i = 0; i < length; i++) gradient[i] = gradient[i]! + data.gradient[i]!;
  }
  if (threads > 1) for (let i = 0; i < length; i++) gradient[i] = gradient[i]! / threads;
  return loss / threads;
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

const state = [parameters, mean, square, average];
async function saveState(step: number): Promise<void> {
  const path = join(cache, `step-${step}.state`);
  await writeFile(
    `${path}.partial`,
    Buffer.concat(state.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))),
  );
  await rename(`${path}.partial`, path);
}

/** @returns the step that was saved last before the rate falls, 0 without any */
async function loadState(): Promise<number> {
  const saved = (existsSync(cache) ? await readdir(cache) : [])
    .map((name) => Number(/^step-(\d+)\.state$/.exec(name)?.[1] ?? 0))
    .filter((step) => step <= fallFrom);
  const last = Math.max(0, ...saved);
  if (last === 0) return 0;
  const path = join(cache, `step-${last}.state`);
  const bytes = await readFile(path);
  if (bytes.length !== 4 * length * state.length) throw new Error(`${path} is of another network or vocabulary`);
  state.forEach((values, i) => {
    new Uint8Array(values.buffer, values.byteOffset, 4 * length).set(
      bytes.subarray(4 * length * i, 4 * length * (i + 1)),
    );
  });
  return last;
}

let running = Number.NaN;
/** @param restart step after which the moments were 0 */
async function train(from: number, to: number, restart: number, rate: (step: number) => number): Promise<void> {
  for (let step = from + 1; step <= to; step++) {
    const loss = await learn(step);
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss} in step ${step}`);
    running = Number.isNaN(running) ? loss : 0.98 * running + 0.02 * loss;
    update(step - restart, rate(step));
    if (step % 100 === 0 || step === 1) {
      say(`step ${step}, loss ${running.toFixed(3)}, processor ${(process.cpuUsage().user / 1e6).toFixed(0)} s`);
    }
    if (step % SAVE_EVERY !== 0) continue;
    if (step <= fallFrom) await saveState(step);
    await save();
  }
}

/** Mean weights from which the wider steps start; they are kept for the same options only. */
const narrow = join(cache, `narrow-${[steps, options.fall, threads, turntables, rooms].join('-')}.weights`);
if (existsSync(narrow)) {
  const bytes = await readFile(narrow);
  if (bytes.length !== 4 * length) throw new Error(`${narrow} is of another network or vocabulary`);
  new Uint8Array(average.buffer, average.byteOffset, bytes.length).set(bytes);
  say(`goes on after step ${steps}`);
} else {
  const first = await loadState();
  if (first > 0) say(`goes on after step ${first}`);
  await train(first, steps, 0, rateAt);
  await writeFile(`${narrow}.partial`, new Uint8Array(average.buffer, average.byteOffset, 4 * length));
  await rename(`${narrow}.partial`, narrow);
}
parameters.set(average);
for (const moment of [mean, square]) moment.fill(0);
running = Number.NaN;
await train(steps, steps + wider, steps, (step) => WIDER_RATE * (1 - (step - 1 - steps) / wider));
say(`${out}: ${await save()} bytes`);
for (const { worker } of helpers) await worker.terminate();
