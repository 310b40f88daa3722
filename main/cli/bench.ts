import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  type BenchmarkResult,
  LiftscopeError,
  type OrderedEvent,
  type TrainingParameters,
  trainingParametersSchema,
  workerBenchmarks,
} from '../../contract/index.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { formatFigure, formatTable } from './table.ts';
import { naturalNumber } from './values.ts';

interface BenchFlags extends ComputeFlags {
  readonly quick?: boolean;
  readonly seed?: number;
  readonly capture?: string;
  readonly holdout?: string;
  readonly set?: readonly string[];
}

/** `splat-threads` is a part of `splat-fox`, which hands it its photos. */
const NAMES = ['splat-fox', 'studio', 'view', ...workerBenchmarks.filter((name) => name !== 'splat-threads')].sort();

/** A benchmark may compute for minutes between two looks at its messages. */
const BENCHMARK_SILENCE_MS = 20 * 60_000;

/** `bench NAME`. Benchmarks of whole jobs run here and start those jobs; all others are one job in a worker. */
export function addBenchmarks(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const bench = verb('bench <name>', `Run a benchmark and compare with its targets: ${NAMES.join(', ')}`)
    .option('--quick', 'fewer or shorter runs; targets that need the long ones are left out')
    .option('--seed <n>', 'seed of every run', naturalNumber)
    .option('--capture <path>', 'the capture to use, for benchmarks on real photos')
    .option('--holdout <rule>', 'splat-fox: frames to hold out, names or N (default: 0074.png, then every 8th)')
    .option('--set <key=value...>', "further arguments of the benchmark; splat-fox: the trainer's parameters");
  addComputeOptions(bench);
  bench.action(async (name: string, options: BenchFlags) => {
    if (!NAMES.includes(name)) {
      const message = `There is no benchmark named "${name}".`;
      throw new LiftscopeError({ code: 'bad-input', message, hint: `Known names: ${NAMES.join(', ')}.` });
    }
    const startedAt = performance.now();
    const document =
      name === 'splat-fox'
        ? await runHere(options, invocation)
        : name === 'view'
          ? await runView(options, invocation)
          : name === 'studio'
            ? await runStudio(options, invocation)
            : isOnRooms(name) && !isCell(options)
              ? await runOnRooms(name, options, invocation)
              : await runInWorker(name, options, invocation);
    const { machine, version } = await import('./machine.ts');
    const { targets, ...figures } = document;
    const wallSeconds = (performance.now() - startedAt) / 1000;
    const full = { benchmark: name, ...figures, wallSeconds, machine: machine(), version: version(), targets };
    output.result(full, formatBenchmark(full, targets));
  });

  async function runHere(options: BenchFlags, { output: out }: Invocation): Promise<BenchmarkResult> {
    const { benchSplatFox } = await import('./splat-fox.ts');
    return benchSplatFox(
      present({
        quick: options.quick,
        seed: options.seed,
        capture: options.capture,
        holdout: options.holdout,
        backend: options.backend,
        threads: options.threads,
        parameters: options.set && trainerParameters(parsePairs(options.set)),
      }),
      {
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
        note: (text) => out.note(text),
        onEvent: (event) => showEvent(out, event),
      },
    );
  }

  async function runView(options: BenchFlags, { output: out }: Invocation): Promise<BenchmarkResult> {
    const { benchView } = await import('./view-bench.ts');
    const { ply } = parsePairs(options.set ?? []);
    const targets = await benchView({
      ...present({ seed: options.seed, backend: options.backend, threads: options.threads }),
      ...(options.quick === true && { count: 100_000, frames: 20 }),
      ...(typeof ply === 'string' && { plyPath: ply }),
      note: (text) => out.note(text),
    });
    return { targets };
  }

  async function runStudio(options: BenchFlags, { output: out }: Invocation): Promise<BenchmarkResult> {
    const { benchStudio } = await import('./studio-bench.ts');
    const captures = options.capture ?? process.env.LIFTSCOPE_CAPTURES ?? '../shared/captures';
    return benchStudio({
      ...present({ quick: options.quick, seed: options.seed }),
      captures: resolve(captures),
      note: (text) => out.note(text),
    });
  }

  async function runOnRooms(
    name: RoomBenchmark,
    { quick = false, seed, backend, threads, set }: BenchFlags,
    { output: out }: Invocation,
  ): Promise<BenchmarkResult> {
    const context = {
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      note: (text: string) => out.note(text),
      onEvent: (event: OrderedEvent) => showEvent(out, event),
      ...present({ backend, threads }),
    };
    const given = { ...(seed !== undefined && { seeds: [seed] }), ...parsePairs(set ?? []) };
    switch (name) {
      case 'messy-rooms':
        return (await import('./messy-rooms.ts')).benchMessyRooms(given, quick, context);
      case 'instances-click':
        return (await import('./instances-click.ts')).benchInstancesClick(given, quick, context);
      case 'language':
        return (await import('./language-bench.ts')).benchLanguage(given, quick, context);
      default:
        return name satisfies never;
    }
  }

  async function runInWorker(name: string, options: BenchFlags, { output: out }: Invocation): Promise<BenchmarkResult> {
    const { runJob } = await import('../jobs/index.ts');
    const request = { quick: options.quick, seed: options.seed, backend: options.backend, threads: options.threads };
    const further = present({ capture: options.capture, holdout: options.holdout });
    return runJob(
      'bench',
      { name, ...present(request), arguments: { ...further, ...parsePairs(options.set ?? []) } },
      {
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
        silenceMs: BENCHMARK_SILENCE_MS,
        onEvent: (event) => showEvent(out, event),
        ...(out.json ? {} : { onLog: (text: string) => out.note(text.trimEnd()) }),
      },
    );
  }
}

/** Those of the trainer's parameters that were given. @throws LiftscopeError `bad-input` */
function trainerParameters(given: Record<string, Json>): Partial<TrainingParameters> {
  const parsed = trainingParametersSchema.strict().safeParse(given);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench splat-fox: ${parsed.error.issues[0]?.message}` });
  }
  return Object.fromEntries(Object.entries(parsed.data).filter(([name]) => name in given));
}

/** Benchmarks on generated rooms: the host makes the rooms and runs one worker per cell. */
type RoomBenchmark = 'messy-rooms' | 'instances-click' | 'language';

function isOnRooms(name: string): name is RoomBenchmark {
  return name === 'messy-rooms' || name === 'instances-click' || name === 'language';
}

/** A single cell on splats that are there: `--set capture=DIR splats=FILE …`. */
function isCell({ set }: BenchFlags): boolean {
  return set?.some((pair) => pair.startsWith('splats=')) === true;
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** `points=1000` → `{ points: 1000 }`; what is not JSON is text. */
export function parsePairs(pairs: readonly string[]): Record<string, Json> {
  const entries = pairs.map((pair): [string, Json] => {
    const at = pair.indexOf('=');
    if (at <= 0) return [pair, true];
    const text = pair.slice(at + 1);
    try {
      return [pair.slice(0, at), JSON.parse(text) as Json];
    } catch {
      return [pair.slice(0, at), text];
    }
  });
  return Object.fromEntries(entries);
}

/** Every figure, then the targets as a table. */
function formatBenchmark(document: object, targets: BenchmarkResult['targets']): string {
  const figures = Object.entries(document).filter(([key]) => key !== 'targets');
  const rows = targets.map(({ name, target, value, met }) => {
    return [met ? 'met' : 'MISSED', name, `target ${target}`, 'measured', value ?? 'nothing'];
  });
  return [...figures.flatMap(([key, value]) => formatFigure(key, value)), '', ...formatTable(rows)].join('\n');
}
