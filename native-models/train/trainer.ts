/** Trains one network with Adam on several threads, each with a batch of its own; keeps all that the next step needs on disk. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type LearnerOptions, openLearner } from './learner.ts';
import { openLoops } from './loops.ts';
import type { Shared } from './thread.ts';

const WEIGHT_DECAY = 0.03;
/** Weights that are kept are an exponential mean over about this many steps. */
const AVERAGED_STEPS = 150;
const SAVE_EVERY = 500;

export type Weights = Map<string, Float32Array>;

export interface TrainerOptions {
  readonly learner: Omit<LearnerOptions, 'thread'>;
  readonly initial: Weights;
  /** States are `NAME-STEP.state` in the cache. */
  readonly name: string;
  readonly say: (text: string) => void;
}

export interface Schedule {
  readonly from: number;
  readonly to: number;
  /** Step after which the moments were 0. */
  readonly restart?: number;
  readonly rate: (step: number) => number;
  /** Last step whose state may be saved: later ones depend on how many steps there are. */
  readonly keepUntil: number;
}

export type Trainer = Awaited<ReturnType<typeof openTrainer>>;

export async function openTrainer({ learner: options, initial, name, say }: TrainerOptions) {
  const { threads, cache } = options;
  const length = [...initial.values()].reduce((sum, values) => sum + values.length, 0);

  const { arena, loops } = await openLoops(32 * length);
  const take = (): Float32Array => arena.take(length).fill(0);
  const [parameters, gradient, mean, square, average, decay] = [take(), take(), take(), take(), take(), take()];
  let at = 0;
  for (const [key, values] of initial) {
    parameters.set(values, at);
    if (!/gain|bias|words|attention/.test(key)) decay.fill(WEIGHT_DECAY, at, at + values.length);
    at += values.length;
  }
  average.set(parameters);

  const shared = (count: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * count));
  const seen = shared(length);
  const control = new Int32Array(new SharedArrayBuffer(8));
  const helpers = Array.from({ length: threads - 1 }, (_, i) => {
    const data: Shared = {
      options: { ...options, thread: i + 1 },
      ...{ parameters: seen, control, gradient: shared(length), loss: shared(1) },
    };
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data });
    worker.on('error', (error) => {
      throw error;
    });
    return { worker, data };
  });
  // After the helpers have been started: each renders what it learns from.
  const learner = await openLearner({ ...options, thread: 0 });
  say(`${learner.crops} crops in the first thread, ${length} parameters`);

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
    let loss = learner.learn(parameters, gradient, step);
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

  const state = [parameters, mean, square, average];
  async function saveState(step: number): Promise<void> {
    const path = join(cache, `${name}-${step}.state`);
    await writeFile(
      `${path}.partial`,
      Buffer.concat(state.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))),
    );
    await rename(`${path}.partial`, path);
  }

  let running = Number.NaN;
  return {
    /** Mean weights by name, as views. */
    averages(): Weights {
      let from = 0;
      return new Map(
        [...initial].map(([key, { length: count }]) => {
          from += count;
          return [key, average.subarray(from - count, from)];
        }),
      );
    },

    /** Goes on from these weights, with moments of 0. */
    restart(weights: Weights): void {
      let to = 0;
      for (const values of weights.values()) {
        if (values.buffer !== average.buffer) average.set(values, to);
        to += values.length;
      }
      parameters.set(average);
      for (const moment of [mean, square]) moment.fill(0);
      running = Number.NaN;
    },

    /** @returns the last step up to `until` whose state was saved and is now loaded, 0 without any */
    async load(until: number): Promise<number> {
      const pattern = new RegExp(`^${name}-(\\d+)\\.state$`);
      const saved = (existsSync(cache) ? await readdir(cache) : [])
        .map((file) => Number(pattern.exec(file)?.[1] ?? 0))
        .filter((step) => step <= until);
      const last = Math.max(0, ...saved);
      if (last === 0) return 0;
      const path = join(cache, `${name}-${last}.state`);
      const bytes = await readFile(path);
      if (bytes.length !== 4 * length * state.length) throw new Error(`${path} is of another network or vocabulary`);
      state.forEach((values, i) => {
        new Uint8Array(values.buffer, values.byteOffset, 4 * length).set(
          bytes.subarray(4 * length * i, 4 * length * (i + 1)),
        );
      });
      say(`goes on after step ${last}`);
      return last;
    },

    async train({ from, to, restart = 0, rate, keepUntil }: Schedule): Promise<void> {
      for (let step = from + 1; step <= to; step++) {
        const loss = await learn(step);
        if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss} in step ${step}`);
        running = Number.isNaN(running) ? loss : 0.98 * running + 0.02 * loss;
        update(step - restart, rate(step));
        if (step % 100 === 0 || step === 1) {
          say(`step ${step}, loss ${running.toFixed(3)}, processor ${(process.cpuUsage().user / 1e6).toFixed(0)} s`);
        }
        if (step % SAVE_EVERY === 0 && step <= keepUntil) await saveState(step);
      }
    },

    async close(): Promise<void> {
      for (const { worker } of helpers) await worker.terminate();
    },
  };
}

/** Weights as one file, in the order of their names. */
export async function saveWeights(path: string, weights: Weights): Promise<void> {
  await writeFile(`${path}.partial`, Buffer.concat([...weights.values()].map((a) => new Uint8Array(a.slice().buffer))));
  await rename(`${path}.partial`, path);
}

/** @param like weights of the same names and lengths. @throws where the file is of others */
export async function loadWeights(path: string, like: Weights): Promise<Weights> {
  const bytes = await readFile(path);
  const length = [...like.values()].reduce((sum, values) => sum + values.length, 0);
  if (bytes.length !== 4 * length) throw new Error(`${path} is of another network or vocabulary`);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  let from = 0;
  return new Map(
    [...like].map(([name, values]) => {
      from += values.length;
      return [name, all.subarray(from - values.length, from)];
    }),
  );
}
