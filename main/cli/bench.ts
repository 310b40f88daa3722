import type { Command } from 'commander';
import type { BenchmarkResult } from '../../contract/index.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { naturalNumber } from './values.ts';

interface BenchFlags extends ComputeFlags {
  readonly quick?: boolean;
  readonly seed?: number;
  readonly capture?: string;
  readonly holdout?: string;
  readonly set?: readonly string[];
}

/** `bench NAME`. Benchmarks of whole jobs run here and start those jobs; all others are one job in a worker. */
export function addBenchmarks(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const bench = verb('bench <name>', 'Run a benchmark and compare with its targets')
    .option('--quick', 'fewer or shorter runs; targets that need the long ones are left out')
    .option('--seed <n>', 'seed of every run', naturalNumber)
    .option('--capture <path>', 'the capture to use, for benchmarks on real photos')
    .option('--holdout <rule>', 'splat-fox: frames to hold out, names or N (default: 0074.png, then every 8th)')
    .option('--set <key=value...>', 'further arguments of the benchmark');
  addComputeOptions(bench);
  bench.action(async (name: string, options: BenchFlags) => {
    const startedAt = performance.now();
    const document =
      name === 'splat-fox' ? await runHere(options, invocation) : await runInWorker(name, options, invocation);
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
      }),
      {
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
        note: (text) => out.note(text),
        onEvent: (event) => showEvent(out, event),
      },
    );
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
        onEvent: (event) => showEvent(out, event),
        ...(out.json ? {} : { onLog: (text: string) => out.note(text.trimEnd()) }),
      },
    );
  }
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

/** Targets as a table, then every figure. */
function formatBenchmark(document: object, targets: BenchmarkResult['targets']): string {
  const rows = targets.map((target) => {
    const value =
      typeof target.value === 'number' ? Number(target.value.toPrecision(5)) : (target.value ?? 'not measured');
    return [target.met ? 'met   ' : 'MISSED', target.name, `target ${target.target}`, `measured ${String(value)}`];
  });
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const figures = Object.entries(document)
    .filter(([key]) => key !== 'targets')
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  return [...figures, '', ...table].join('\n');
}
