/**
 * `bench splat-kernels`: every kernel of a training step on random scenes, against what this machine can do at most.
 *
 * Scenes: N Gaussians spread over the image at random depths, with footprints chosen so that every pixel is covered about
 * forty times whatever N is. Time is the best of several runs on all threads, and on one.
 */
import type { BenchmarkRequest, BenchmarkResult } from '../../contract/index.ts';
import { createBackend, WasmBackend, WebgpuBackend } from '../compute/index.ts';
import {
  blendBackwardCost,
  blendedBlocks,
  blendForwardCost,
  imageLossCost,
  type KernelCost,
  measureRoofline,
  projectCost,
  type Roofline,
  splatUpdateCost,
} from '../kernels/index.ts';
import type { BenchmarkContext } from './index.ts';
import { runOnGpu } from './splat-kernels-gpu.ts';
import { type PhaseName, randomStepScene, SH_DEGREE, stepView, trainingStep } from './splat-step.ts';

const SIZES = [
  [256, 256],
  [512, 512],
  [1920, 1080],
] as const;
const COUNTS = [10_000, 100_000, 1_000_000] as const;
/** Share of one-thread speed that the second thread must add. */
const TARGET_SPEED_UP = 1.7;

interface Row extends KernelCost {
  readonly kernel: string;
  readonly gaussians: number;
  readonly width: number;
  readonly height: number;
  readonly milliseconds: number;
  readonly oneThreadMilliseconds: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** Time the slower of arithmetic and memory needs at least, divided by the time taken. */
  readonly shareOfPeak: number;
  readonly boundBy: 'arithmetic' | 'memory';
}

export async function run(request: BenchmarkRequest, context: BenchmarkContext): Promise<BenchmarkResult> {
  if (request.backend !== 'wasm') {
    const gpu = await createBackend(request.backend);
    if (gpu instanceof WebgpuBackend) return runOnGpu(gpu, request, context);
    await gpu.dispose();
  }
  return runOnWasm(request, context);
}

async function runOnWasm(request: BenchmarkRequest, { signal, emit }: BenchmarkContext): Promise<BenchmarkResult> {
  const many = await WasmBackend.create(request.threads > 0 ? { threads: request.threads } : {});
  const one = await WasmBackend.create({ threads: 1 });
  try {
    const roofline = measureRoofline(many);
    const oneThread = measureRoofline(one);
    const rows: Row[] = [];
    const sizes = request.quick ? SIZES.slice(0, 1) : SIZES;
    const counts = request.quick ? COUNTS.slice(0, 1) : COUNTS;
    let done = 0;
    for (const gaussians of counts) {
      for (const [width, height] of sizes) {
        signal.throwIfAborted();
        emit({
          type: 'work',
          stage: `${gaussians} Gaussians, ${width}x${height}`,
          done: done++,
          total: sizes.length * counts.length,
        });
        const repetitions = gaussians * width * height > 1e11 ? 3 : 7;
        const fast = await measure(many, gaussians, width, height, request.seed, repetitions);
        const slow = await measure(one, gaussians, width, height, request.seed, Math.min(3, repetitions));
        for (const [kernel, { seconds, cost }] of fast) {
          rows.push(
            rowOf({
              kernel,
              gaussians,
              width,
              height,
              seconds,
              oneThreadSeconds: slow.get(kernel)!.seconds,
              cost,
              roofline,
            }),
          );
        }
      }
    }
    const largest = rows.filter((row) => row.gaussians === counts.at(-1) && row.width === sizes.at(-1)![0]);
    return {
      seed: request.seed,
      backend: many.description,
      protocol: 'best of several runs; flops and bytes are what the algorithm needs, each datum moved once',
      peak: { ...roofline },
      peakOneThread: { ...oneThread },
      rows: rows.map((row) => ({ ...row })),
      targets: largest.map((row) => {
        const speedUp = row.oneThreadMilliseconds / row.milliseconds;
        return {
          name: `${row.kernel}: ${many.threads} threads over one`,
          target: `≥ ${TARGET_SPEED_UP}x`,
          value: speedUp,
          met: speedUp >= TARGET_SPEED_UP,
        };
      }),
    };
  } finally {
    await many.dispose();
    await one.dispose();
  }
}

function rowOf(input: {
  kernel: string;
  gaussians: number;
  width: number;
  height: number;
  seconds: number;
  oneThreadSeconds: number;
  cost: KernelCost;
  roofline: Roofline;
}): Row {
  const { kernel, gaussians, width, height, seconds, oneThreadSeconds, cost, roofline } = input;
  const arithmetic = cost.flops / roofline.flopsPerSecond;
  const memory = cost.bytes / roofline.bytesPerSecond;
  return {
    ...{ kernel, gaussians, width, height, ...cost },
    milliseconds: seconds * 1000,
    oneThreadMilliseconds: oneThreadSeconds * 1000,
    gflops: cost.flops / seconds / 1e9,
    gigabytesPerSecond: cost.bytes / seconds / 1e9,
    shareOfPeak: Math.max(arithmetic, memory) / seconds,
    boundBy: arithmetic > memory ? 'arithmetic' : 'memory',
  };
}

type Measured = Map<string, { seconds: number; cost: KernelCost }>;

/** Runs one training step's kernels `repetitions` times on a random scene. */
async function measure(
  backend: WasmBackend,
  count: number,
  width: number,
  height: number,
  seed: number,
  repetitions: number,
): Promise<Measured> {
  const view = stepView(width, height);
  const step = trainingStep(backend, randomStepScene(count, view, seed), view);
  try {
    const { lists, state, phases } = step;
    // Memory is touched and code compiled before anything counts.
    await step.warmUp();
    const best = new Map<string, number>();
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const [name, work] of phases) {
        const start = performance.now();
        work();
        const seconds = (performance.now() - start) / 1000;
        best.set(name, Math.min(best.get(name) ?? Infinity, seconds));
      }
    }
    const blocks = blendedBlocks(backend, lists, state);
    const { visibleCount: visible, instanceCount: instances } = lists;
    const pixels = width * height;
    const costs: Record<PhaseName, KernelCost> = {
      projection: projectCost(count, SH_DEGREE),
      // Key, id and count of every Gaussian, three radix passes, a list entry per instance.
      'sort and tiles': { flops: 0, bytes: count * (16 + 8) + visible * 8 * 6 + instances * (4 + 4 + 8) },
      'blend forward': blendForwardCost(visible, instances, blocks, pixels),
      loss: imageLossCost({ width, height, hasMeans: false }),
      'blend backward': blendBackwardCost(visible, instances, blocks, pixels),
      update: splatUpdateCost(visible, instances, SH_DEGREE),
    };
    return new Map(phases.map(([name]) => [name, { seconds: best.get(name)!, cost: costs[name] }]));
  } finally {
    step.dispose();
  }
}
