/**
 * The part of `bench splat-fox` that compares thread counts: the same training on one thread and on several, in turns of a
 * hundred iterations or so, so that both meet the same machine. A virtual machine is a fifth faster or slower from one
 * minute to the next, which is more than what there is to measure.
 */
import { cpus } from 'node:os';
import { z } from 'zod';
import {
  type BenchmarkRequest,
  type BenchmarkResult,
  LiftscopeError,
  type TrainingRequest,
  type TrainingResult,
  trainingRequestSchema,
} from '../../contract/index.ts';
import { trainSplats } from '../splats/index.ts';
import type { BenchmarkContext } from './index.ts';

const argumentsSchema = z.strictObject({
  training: trainingRequestSchema,
  /** Iterations of a turn. */
  turn: z.number().int().min(1).default(100),
});

/** Of a training that nobody measures: code is compiled, photos are in the page cache. */
const WARM_UP_ITERATIONS = 60;

/** Both trainings run whole; each sleeps, its pool included, while the other has its turn. Their times are training time alone. */
export async function run(request: BenchmarkRequest, context: BenchmarkContext): Promise<BenchmarkResult> {
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    const message = `bench ${request.name}: ${z.prettifyError(parsed.error)}`;
    throw new LiftscopeError({ code: 'bad-input', message, hint: 'It runs as a part of bench splat-fox.' });
  }
  const { training, turn } = parsed.data;
  const warm = Math.min(WARM_UP_ITERATIONS, training.parameters.iterations);
  const parameters = { ...training.parameters, iterations: warm };
  await trainSplats({ ...training, parameters, evaluateAt: [] }, { signal: context.signal, emit: () => {} });

  const many = new Runner(training, turn, context);
  const one = new Runner({ ...training, threads: 1, outputPath: `${training.outputPath}.one` }, turn, context);
  const order = [many, one];
  for (let round = 0; !order.every((runner) => runner.finished); round++) {
    // Who goes first changes from round to round: a machine that becomes slower all the time favours nobody.
    for (const runner of round % 2 === 0 ? order : order.toReversed()) await runner.takeTurn();
    const done = Math.min(training.parameters.iterations, round * turn);
    context.emit({ type: 'work', stage: 'one thread and several', done, total: training.parameters.iterations });
  }
  return {
    several: many.figures(),
    one: one.figures(),
    speedUp: one.result.seconds / many.result.seconds,
    ...speedUpOfTurns(many.turns, one.turns),
    equal: many.result.splatsHash === one.result.splatsHash,
    targets: [],
  };
}

/** Turn by turn: how much the machine moves while it is measured, and what is left when others leave it alone. */
function speedUpOfTurns(many: readonly Turn[], one: readonly Turn[]) {
  const pairs = many.map((turn, index) => ({ many: turn, one: one[index]! }));
  const ratios = pairs.map((pair) => pair.one.seconds / pair.many.seconds).sort((a, b) => a - b);
  const quantile = (share: number) => ratios[Math.round((ratios.length - 1) * share)]!;
  const calm = pairs.filter((pair) => Math.max(pair.many.othersBusy, pair.one.othersBusy) < UNDISTURBED);
  const sum = (turns: readonly Turn[]) => turns.reduce((total, { seconds }) => total + seconds, 0);
  return {
    speedUpOfTurns: {
      turns: ratios.length,
      ...{ lowerQuartile: quantile(0.25), median: quantile(0.5), upperQuartile: quantile(0.75) },
    },
    speedUpUndisturbed: {
      turns: calm.length,
      value: calm.length === 0 ? null : sum(calm.map((pair) => pair.one)) / sum(calm.map((pair) => pair.many)),
    },
  };
}

interface Turn {
  /** Wall time. */
  readonly seconds: number;
  /** Cores that this process kept busy, and that all others did. */
  readonly coresBusy: number;
  readonly othersBusy: number;
}

/** Cores that other processes may take in a turn that counts as undisturbed. */
const UNDISTURBED = 0.03;

/** One training that goes on only while it has the turn. */
class Runner {
  readonly turns: Turn[] = [];
  readonly #training: TrainingRequest;
  readonly #turn: number;
  readonly #context: BenchmarkContext;
  #running: Promise<TrainingResult> | undefined;
  #result: TrainingResult | undefined;
  #go = Promise.withResolvers<void>();
  #handBack = Promise.withResolvers<void>();

  constructor(training: TrainingRequest, turn: number, context: BenchmarkContext) {
    this.#training = training;
    this.#turn = turn;
    this.#context = context;
  }

  get finished(): boolean {
    return this.#result !== undefined;
  }

  get result(): TrainingResult {
    if (this.#result === undefined) throw new Error('the training has not finished');
    return this.#result;
  }

  /** The first turn loads photos and points, up to the first iteration; the last one evaluates. */
  async takeTurn(): Promise<void> {
    if (this.finished) return;
    const before = performance.now();
    const own = process.cpuUsage();
    const machine = machineCpuSeconds();
    this.#handBack = Promise.withResolvers<void>();
    if (this.#running === undefined) this.#running = this.#train();
    else this.#go.resolve();
    await Promise.race([this.#handBack.promise, this.#running]);
    const seconds = (performance.now() - before) / 1000;
    const used = process.cpuUsage(own);
    const ownSeconds = (used.user + used.system) / 1e6;
    const othersBusy = Math.max(0, machineCpuSeconds() - machine - ownSeconds) / seconds;
    this.turns.push({ seconds, coresBusy: ownSeconds / seconds, othersBusy });
  }

  async #train(): Promise<TrainingResult> {
    const { signal, emit } = this.#context;
    this.#result = await trainSplats(this.#training, {
      signal,
      emit: (event) => {
        if (event.type === 'warning') emit(event);
      },
      turn: (iteration) => {
        if (iteration % this.#turn !== 0) return undefined;
        this.#go = Promise.withResolvers<void>();
        this.#handBack.resolve();
        return this.#go.promise;
      },
    });
    return this.#result;
  }

  figures() {
    const { seconds, threads, timings, splatsHash } = this.result;
    const phases = Object.values(timings).reduce((sum, value) => sum + value, 0);
    const wall = this.turns.reduce((sum, turn) => sum + turn.seconds, 0);
    const share = (key: 'coresBusy' | 'othersBusy') =>
      this.turns.reduce((sum, turn) => sum + turn[key] * turn.seconds, 0) / wall;
    return {
      seconds,
      threads,
      splatsHash,
      /** Of every sixteenth iteration, so that what is left for the outside is an estimate too. */
      timings: { ...timings, 'outside the phases': seconds - phases },
      /** Processor time per wall time of its turns, of this process and of all others: what they take was not to be had. */
      coresBusy: share('coresBusy'),
      othersBusy: share('othersBusy'),
    };
  }
}

/** Processor time of everything that runs on this machine. */
function machineCpuSeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}
