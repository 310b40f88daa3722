import {
  type BenchmarkRequest,
  type BenchmarkResult,
  type JobEvent,
  LiftscopeError,
  type WorkerBenchmark,
  workerBenchmarks,
} from '../../contract/index.ts';

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
const benchmarks: { readonly [N in WorkerBenchmark]: () => Promise<Benchmark> } = {
  amodal: async () => (await import('./amodal.ts')).run,
  assignment: async () => (await import('./assignment.ts')).run,
  cluster: async () => (await import('./cluster.ts')).run,
  hota: async () => (await import('./hota.ts')).run,
  'instances-click': async () => (await import('./instances-click.ts')).run,
  language: async () => (await import('./language/index.ts')).run,
  'language-speed': async () => (await import('./language/index.ts')).runSpeed,
  'messy-rooms': async () => (await import('./messy-rooms.ts')).run,
  'splat-kernels': async () => (await import('./splat-kernels.ts')).run,
  'splat-threads': async () => (await import('./splat-threads.ts')).run,
  tracking: async () => (await import('./tracking.ts')).run,
};

/** @throws LiftscopeError `bad-input` for an unknown name, naming the known ones. */
export async function runBenchmark(request: BenchmarkRequest, context: BenchmarkContext): Promise<BenchmarkResult> {
  const name = workerBenchmarks.find((known) => known === request.name);
  if (name === undefined) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `There is no benchmark named "${request.name}".`,
      hint: `Known names: ${workerBenchmarks.join(', ')}.`,
    });
  }
  const benchmark = await benchmarks[name]();
  return benchmark(request, context);
}
