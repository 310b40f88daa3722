/**
 * `bench cluster`: HDBSCAN on a seeded mixture of 100 Gaussian blobs, whose centres have unit norm, with uniform noise
 * in [-1, 1] per dimension; continuous draws, checked to hold no duplicates. Times are those of the whole call, from
 * points to labels, median of the runs; the first run of a process includes compiling the kernels.
 */
import { z } from 'zod';
import { type BenchmarkRequest, type BenchmarkTarget, LiftscopeError } from '../../contract/index.ts';
import { WasmBackend } from '../compute/index.ts';
import { adjustedRandIndex } from '../metrics/index.ts';
import { hdbscan, mutualReachabilityTree, referenceTreeWeight, type SpanningTreeCost } from '../objects/index.ts';
import type { Benchmark } from './index.ts';
import { benchmarkRandom, median } from './random.ts';

const BLOBS = 100;

const argumentsSchema = z.strictObject({
  /** Standard deviation of a blob per dimension. */
  sigma: z.number().positive().default(0.05),
  noiseShare: z.number().min(0).max(1).default(0.1),
  minClusterSize: z.number().int().min(2).default(100),
  minSamples: z.number().int().min(1).default(10),
  runs: z.number().int().min(1).max(20).default(3),
});
type Parameters = z.infer<typeof argumentsSchema>;

interface Row {
  readonly points: number;
  readonly dimensions: number;
  readonly data: 'blobs' | 'uniform';
  /** Seconds a run of this row must not pass. */
  readonly targetSeconds?: number;
  readonly isLong?: boolean;
}

const ROWS: readonly Row[] = [
  { points: 20_000, dimensions: 3, data: 'blobs' },
  { points: 20_000, dimensions: 16, data: 'blobs' },
  { points: 20_000, dimensions: 24, data: 'blobs', isLong: true },
  { points: 100_000, dimensions: 3, data: 'blobs', targetSeconds: 3 },
  { points: 100_000, dimensions: 16, data: 'blobs', targetSeconds: 15 },
  { points: 100_000, dimensions: 24, data: 'blobs', isLong: true },
  { points: 20_000, dimensions: 16, data: 'uniform', isLong: true },
];

/** Memory per point may grow by this factor from 20k to 100k points and still be called linear. */
const LINEAR_FACTOR = 1.2;
const AGREEMENT_POINTS = 5000;

export const run: Benchmark = async (request, { signal, emit }) => {
  const parameters = parse(request);
  const rows = ROWS.filter((row) => !(request.quick && row.isLong));
  const results: Result[] = [];
  for (const [index, row] of rows.entries()) {
    emit({ type: 'work', stage: `cluster ${nameOf(row)}`, done: index, total: rows.length + 1 });
    results.push(await measure(row, request, parameters, signal));
  }
  emit({ type: 'work', stage: 'brute force', done: rows.length, total: rows.length + 1 });
  const agreement: { dimensions: number; relativeDifference: number }[] = [];
  for (const dimensions of [3, 16]) agreement.push(await agree(dimensions, request, parameters, signal));
  return {
    protocol:
      'points to labels, median wall time of the runs; Euclidean, excess of mass, no single cluster; ' +
      'core distance to the min-samples-th other point',
    parameters: {
      ...parameters,
      blobs: BLOBS,
      noise: 'uniform in [-1, 1]',
      centres: 'unit norm',
      threads: threads(request),
    },
    seed: request.seed,
    rows: results.map(({ target: _, ...row }) => row),
    agreement: agreement.map((entry) => ({ points: AGREEMENT_POINTS, ...entry })),
    targets: targetsOf(results, agreement),
  };
};

function parse(request: BenchmarkRequest): Parameters {
  if (request.backend === 'webgpu') {
    throw new LiftscopeError({
      code: 'unsupported',
      message: 'Clustering runs on the wasm backend only.',
      hint: 'Leave --backend out.',
    });
  }
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench cluster: ${z.prettifyError(parsed.error)}` });
  }
  return parsed.data;
}

const threads = (request: BenchmarkRequest) => (request.threads > 0 ? request.threads : 'all');
const nameOf = (row: Row) => `${row.points / 1000}k x ${row.dimensions} ${row.data}`;

const startBackend = (request: BenchmarkRequest) =>
  WasmBackend.create({
    ...(request.threads > 0 ? { threads: request.threads } : {}),
    ...(request.memoryBudgetBytes > 0 ? { memoryBudgetBytes: request.memoryBudgetBytes } : {}),
  });

async function measure(row: Row, request: BenchmarkRequest, parameters: Parameters, signal: AbortSignal) {
  const { points, truth, duplicates } = mixture(row, request.seed, parameters);
  // A backend of its own, so that its peak is this row's.
  const backend = await startBackend(request);
  try {
    const seconds: number[] = [];
    let clusters = 0;
    let randIndex = 0;
    const cost: SpanningTreeCost = { treeMs: 0, nearestMs: 0, roundsMs: 0, rounds: 0, searches: 0 };
    for (let i = 0; i < (request.quick || row.isLong ? 1 : parameters.runs); i++) {
      const start = performance.now();
      const { minClusterSize, minSamples } = parameters;
      const found = await hdbscan(backend, points, row.dimensions, { minClusterSize, minSamples, signal, cost });
      seconds.push((performance.now() - start) / 1000);
      clusters = found.clusters;
      randIndex = adjustedRandIndex(found.labels, truth);
    }
    return {
      ...{ name: nameOf(row), points: row.points, dimensions: row.dimensions, data: row.data, duplicates },
      ...{ seconds: median(seconds), runs: seconds, clusters, adjustedRandIndex: randIndex },
      ...{ treeSeconds: cost.treeMs / 1000, nearestSeconds: cost.nearestMs / 1000 },
      ...{ roundsSeconds: cost.roundsMs / 1000, rounds: cost.rounds, searches: cost.searches },
      bytesPerPoint: backend.memory.peakBytes / row.points,
      target: row.targetSeconds ?? null,
    };
  } finally {
    await backend.dispose();
  }
}

type Result = Awaited<ReturnType<typeof measure>>;

async function agree(dimensions: number, request: BenchmarkRequest, parameters: Parameters, signal: AbortSignal) {
  const { points } = mixture({ points: AGREEMENT_POINTS, dimensions, data: 'blobs' }, request.seed, parameters);
  const backend = await startBackend(request);
  try {
    const { minSamples } = parameters;
    const tree = await mutualReachabilityTree(backend, points, dimensions, { minSamples, signal });
    const expected = referenceTreeWeight(points, dimensions, minSamples);
    const weight = tree.weights.reduce((sum, value) => sum + value, 0);
    return { dimensions, relativeDifference: Math.abs(weight - expected) / expected };
  } finally {
    await backend.dispose();
  }
}

/** Blob of each point in `truth`, -1 = noise. */
function mixture(row: Row, seed: number, { sigma, noiseShare }: Parameters) {
  const random = benchmarkRandom(seed);
  const { dimensions } = row;
  const centres = Array.from({ length: BLOBS }, () => {
    const direction = Array.from({ length: dimensions }, () => random.normal());
    const norm = Math.hypot(...direction);
    return direction.map((value) => value / norm);
  });
  const points = new Float64Array(row.points * dimensions);
  const truth = new Int32Array(row.points);
  for (let i = 0; i < row.points; i++) {
    const isNoise = row.data === 'uniform' || random.uniform() < noiseShare;
    const blob = Math.floor(random.uniform() * BLOBS);
    truth[i] = isNoise ? -1 : blob;
    for (let k = 0; k < dimensions; k++) {
      points[i * dimensions + k] = isNoise ? 2 * random.uniform() - 1 : centres[blob]![k]! + sigma * random.normal();
    }
  }
  // Points that share no first coordinate share nothing.
  const first = Float64Array.from(truth, (_, i) => points[i * dimensions]!);
  return { points, truth, duplicates: row.points - new Set(first).size };
}

function targetsOf(
  results: readonly Result[],
  agreement: readonly { relativeDifference: number }[],
): BenchmarkTarget[] {
  const targets = results
    .filter(({ target }) => target !== null)
    .map(
      ({ name, seconds, target }): BenchmarkTarget => ({
        name: `${name}, seconds`,
        target: `<= ${target}`,
        value: seconds,
        met: seconds <= target!,
      }),
    );
  const perPoint = (points: number) =>
    results.find((row) => row.points === points && row.dimensions === 16 && row.data === 'blobs')!.bytesPerPoint;
  const growth = perPoint(100_000) / perPoint(20_000);
  const difference = Math.max(...agreement.map(({ relativeDifference }) => relativeDifference));
  targets.push(
    {
      name: 'memory per point, 100k over 20k points',
      target: `<= ${LINEAR_FACTOR}`,
      value: growth,
      met: growth <= LINEAR_FACTOR,
    },
    {
      name: 'weight of the spanning tree against brute force at 5k, relative difference',
      target: '<= 1e-12',
      value: difference,
      met: difference <= 1e-12,
    },
  );
  return targets;
}
