/** `bench assignment`: linear assignment of uniform [0, 1) float64 costs, median of the runs after some to warm up. */
import type { BenchmarkTarget } from '../../contract/index.ts';
import { linearAssignment } from '../objects/index.ts';
import type { Benchmark } from './index.ts';
import { benchmarkRandom, median } from './random.ts';

const ROWS = [
  { rows: 1000, columns: 1000, warmUps: 5, runs: 9, targetMs: 40 },
  { rows: 1000, columns: 2000, warmUps: 1, runs: 5, targetMs: undefined },
  { rows: 5000, columns: 5000, warmUps: 1, runs: 3, targetMs: 2500 },
] as const;

export const run: Benchmark = async (request, { signal, emit }) => {
  const random = benchmarkRandom(request.seed);
  const targets: BenchmarkTarget[] = [];
  const results: {
    rows: number;
    columns: number;
    milliseconds: number;
    runs: number[];
    cold: number[];
    total: number;
  }[] = [];
  for (const [index, { rows, columns, warmUps, runs, targetMs }] of ROWS.entries()) {
    emit({ type: 'work', stage: `assignment ${rows} x ${columns}`, done: index, total: ROWS.length });
    const times: number[] = [];
    const cold: number[] = [];
    let total = 0;
    for (let i = 0; i < warmUps + (request.quick ? 3 : runs); i++) {
      signal.throwIfAborted();
      const cost = Float64Array.from({ length: rows * columns }, () => random.uniform());
      const start = performance.now();
      total = linearAssignment(cost, rows, columns).total;
      (i < warmUps ? cold : times).push(performance.now() - start);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const milliseconds = median(times);
    results.push({ rows, columns, milliseconds, runs: times, cold, total });
    if (targetMs === undefined) continue;
    targets.push({
      name: `${rows} x ${columns}, milliseconds`,
      target: `<= ${targetMs}`,
      value: milliseconds,
      met: milliseconds <= targetMs,
    });
  }
  return {
    protocol:
      'a new cost matrix per run, checked and solved; the first runs, in which the code is compiled, are shown apart',
    parameters: { cost: 'uniform [0, 1), float64' },
    seed: request.seed,
    rows: results,
    targets,
  };
};
