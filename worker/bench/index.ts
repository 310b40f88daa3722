import { type BenchmarkRequest, type BenchmarkResult, type JobEvent, LiftscopeError } from '../../contract/index.ts';

/** What a benchmark gets beside its request. */
export interface BenchmarkContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

export type Benchmark = (request: BenchmarkRequest, context: BenchmarkContext) => Promise<BenchmarkResult>;

/**
 * Benchmarks that run inside one worker. Each file of this folder exports `run: Benchmark` and is loaded on demand;
 * benchmarks that orchestrate whole jobs (`splat-fox`) live in the host.
 */
const benchmarks: { readonly [name: string]: () => Promise<Benchmark> } = {
  'splat-kernels': async () => (await import('./splat-kernels.ts')).run,
};

/** @throws LiftscopeError `bad-input` for an unknown name, naming the known ones. */
export async function runBenchmark(request: BenchmarkRequest, context: BenchmarkContext): Promise<BenchmarkResult> {
  const load = Object.hasOwn(benchmarks, request.name) ? benchmarks[request.name] : undefined;
  if (load === undefined) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `There is no benchmark named "${request.name}".`,
      hint: `Known names: ${['splat-fox', ...Object.keys(benchmarks)].sort().join(', ')}.`,
    });
  }
  const benchmark = await load();
  return benchmark(request, context);
}
