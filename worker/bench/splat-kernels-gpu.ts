/**
 * `bench splat-kernels --backend webgpu`: every kernel of a training step by the device's own clock, against what the device does at most,
 * and against what a large GPU could do at best.
 */
import { z } from 'zod';
import {
  type BenchmarkRequest,
  type BenchmarkResult,
  LiftscopeError,
  trainingFrameSchema,
} from '../../contract/index.ts';
import { WasmBackend, type WebgpuBackend } from '../compute/index.ts';
import {
  type DeviceRoofline,
  deviceBlendCosts,
  deviceSortCost,
  imageLossCost,
  type KernelCost,
  measureDeviceRoofline,
  measureRoofline,
  projectCost,
  splatUpdateCost,
} from '../kernels/index.ts';
import { readSplats, viewOf } from '../splats/index.ts';
import type { BenchmarkContext } from './index.ts';
import {
  type PhaseName,
  randomStepScene,
  SH_DEGREE,
  type StepScene,
  stepView,
  type TrainingStep,
  trainingStep,
} from './splat-step.ts';

/** A software driver is slower than wasm: sizes that end. */
const SOFTWARE_CASES = [
  [10_000, 256, 256],
  [50_000, 256, 256],
] as const;
const HARDWARE_CASES = [
  [100_000, 512, 512],
  [1_000_000, 1920, 1080],
  [6_000_000, 1920, 1080],
] as const;
/** By its data sheet: what floors for a large GPU are computed from. Nothing here was measured on one. */
const LARGE_GPU = { name: 'NVIDIA H200, by its data sheet', flopsPerSecond: 67e12, bytesPerSecond: 4.8e12 } as const;
const FLOOR_CASES = [
  [1_000_000, 1920, 1080],
  [6_000_000, 1920, 1080],
] as const;

/** Splats of a file in the view of a photo, in place of random scenes. */
const argumentsSchema = z
  .strictObject({ splats: z.string().min(1), frame: trainingFrameSchema })
  .or(z.strictObject({}).transform(() => undefined));
type OwnScene = z.infer<typeof argumentsSchema>;

interface Case {
  readonly name: string;
  readonly scene: StepScene;
  readonly view: ReturnType<typeof stepView>;
}

/** Scenes are made when their turn comes: the large ones take gigabytes. */
function casesOf(backend: WebgpuBackend, own: OwnScene, { quick, seed }: BenchmarkRequest): (() => Promise<Case>)[] {
  if (own !== undefined) {
    return [
      async () => {
        const { splats } = await readSplats(own.splats);
        const { count, shDegree, ...parameters } = splats;
        const scene = { ...parameters, shDegree: shDegree as StepScene['shDegree'] };
        return {
          name: `${count} trained Gaussians, ${own.frame.width}x${own.frame.height}`,
          scene,
          view: viewOf(own.frame),
        };
      },
    ];
  }
  const cases = backend.isSoftware ? SOFTWARE_CASES : HARDWARE_CASES;
  return (quick ? cases.slice(0, 1) : cases).map(([count, width, height]) => async () => {
    const view = stepView(width, height);
    return { name: `${count} Gaussians, ${width}x${height}`, scene: randomStepScene(count, view, seed), view };
  });
}

const REPETITIONS = 3;
const STEPS_TOGETHER = 10;

export async function runOnGpu(
  backend: WebgpuBackend,
  request: BenchmarkRequest,
  { signal, emit }: BenchmarkContext,
): Promise<BenchmarkResult> {
  try {
    const parsed = argumentsSchema.safeParse(request.arguments);
    if (!parsed.success) {
      const message = `bench splat-kernels: ${z.prettifyError(parsed.error)}`;
      throw new LiftscopeError({ code: 'bad-input', message });
    }
    const cases = casesOf(backend, parsed.data, request);
    const peak = backend.isSoftware ? await processorPeak() : await measureDeviceRoofline(backend);
    const rows: (ReturnType<typeof rowOf> & { readonly name: string })[] = [];
    const steps = [];
    let perCase: CaseCounts | undefined;
    for (const [done, make] of cases.entries()) {
      signal.throwIfAborted();
      const { name, scene, view } = await make();
      emit({ type: 'work', stage: name, done, total: cases.length });
      const step = trainingStep(backend, scene, view);
      try {
        const { widthPixels: width, heightPixels: height } = view;
        const gaussians = scene.logitOpacities.length;
        const measured = await measureStep(backend, step, { gaussians, width, height, shDegree: scene.shDegree });
        perCase = measured.counts;
        for (const [kernel, cost] of Object.entries(measured.costs)) {
          rows.push({ name, ...rowOf(kernel as PhaseName, cost, measured.seconds.get(kernel as PhaseName), peak) });
        }
        steps.push({ name, ...summary(measured, peak) });
      } finally {
        step.dispose();
      }
    }
    return {
      seed: request.seed,
      backend: backend.description,
      software: backend.isSoftware,
      features: backend.features.filter((feature) => ['subgroups', 'timestamp-query'].includes(feature)),
      protocol:
        `kernels: best of ${REPETITIONS} by timestamp queries, each launch apart; step: wall time of ${STEPS_TOGETHER} steps in a row; ` +
        'flops and bytes are what the algorithm needs, each datum moved once per pass',
      peakOf: backend.isSoftware ? 'the processor, by wasm on all its threads' : 'the device',
      peak: peak === undefined ? null : { ...peak },
      rows,
      steps,
      floorsOnLargeGpu:
        perCase === undefined || parsed.data !== undefined ? [] : FLOOR_CASES.map((given) => floorOf(given, perCase)),
      targets: [],
    };
  } finally {
    await backend.dispose();
  }
}

/** What a driver that runs on the processor could do at most. */
async function processorPeak(): Promise<DeviceRoofline> {
  const wasm = await WasmBackend.create();
  try {
    return measureRoofline(wasm);
  } finally {
    await wasm.dispose();
  }
}

interface CaseCounts {
  readonly gaussians: number;
  readonly width: number;
  readonly height: number;
  readonly shDegree: StepScene['shDegree'];
  readonly visible: number;
  /** (Gaussian, tile) pairs. */
  readonly instances: number;
  /** (Gaussian, pixel) pairs. */
  readonly blended: number;
}

type Costs = Readonly<Record<PhaseName, KernelCost>>;

function costsOf({ gaussians, width, height, shDegree, visible, instances, blended }: CaseCounts): Costs {
  const tiles = Math.ceil(width / 16) * Math.ceil(height / 16);
  const { forward, backward } = deviceBlendCosts({ visible, instances, blended, pixels: width * height });
  return {
    projection: projectCost(gaussians, shDegree),
    'sort and tiles': deviceSortCost({ gaussians, instances, tiles }),
    'blend forward': forward,
    loss: imageLossCost({ width, height, hasMeans: false }),
    'blend backward': backward,
    update: splatUpdateCost(visible, instances, shDegree),
  };
}

interface Measured {
  readonly counts: CaseCounts;
  readonly costs: Costs;
  /** By the device's clock; empty where it has none. */
  readonly seconds: ReadonlyMap<PhaseName, number>;
  /** Wall time of one of several steps in a row. */
  readonly stepSeconds: number;
}

async function measureStep(
  backend: WebgpuBackend,
  step: TrainingStep,
  size: Pick<CaseCounts, 'gaussians' | 'width' | 'height' | 'shDegree'>,
): Promise<Measured> {
  await step.warmUp();
  const seconds = new Map<PhaseName, number>();
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const [phase, work] of step.phases) {
      if (!backend.startClock()) break;
      work();
      const total = [...(await backend.stopClock()).values()].reduce((sum, time) => sum + time.seconds, 0);
      seconds.set(phase, Math.min(seconds.get(phase) ?? Infinity, total));
    }
  }
  await backend.synchronise();
  const began = performance.now();
  for (let i = 0; i < STEPS_TOGETHER; i++) {
    for (const [, work] of step.phases) work();
    await backend.pace();
  }
  await backend.synchronise();
  const stepSeconds = (performance.now() - began) / 1000 / STEPS_TOGETHER;
  const { visibleCount: visible, instanceCount: instances } = step.lists;
  const counts = { ...size, visible, instances, blended: await step.blendedPairs() };
  return { counts, costs: costsOf(counts), seconds, stepSeconds };
}

/** Time that the slower of arithmetic and memory needs at least. */
const floorSeconds = ({ flops, bytes }: KernelCost, peak: DeviceRoofline): number =>
  Math.max(flops / peak.flopsPerSecond, bytes / peak.bytesPerSecond);

function rowOf(kernel: PhaseName, cost: KernelCost, seconds: number | undefined, peak: DeviceRoofline | undefined) {
  const floor = peak === undefined ? undefined : floorSeconds(cost, peak);
  return {
    kernel,
    milliseconds: seconds === undefined ? null : seconds * 1000,
    ...{ flops: cost.flops, bytes: cost.bytes },
    gflops: seconds === undefined ? null : cost.flops / seconds / 1e9,
    gigabytesPerSecond: seconds === undefined ? null : cost.bytes / seconds / 1e9,
    shareOfPeak: seconds === undefined || floor === undefined ? null : floor / seconds,
    boundBy:
      peak !== undefined && cost.flops / peak.flopsPerSecond > cost.bytes / peak.bytesPerSecond
        ? 'arithmetic'
        : 'memory',
  };
}

function summary({ costs, seconds, stepSeconds, counts }: Measured, peak: DeviceRoofline | undefined) {
  const all = Object.values(costs);
  const floor = peak === undefined ? null : all.reduce((sum, cost) => sum + floorSeconds(cost, peak), 0);
  return {
    stepMilliseconds: stepSeconds * 1000,
    kernelMilliseconds: seconds.size === 0 ? null : 1000 * [...seconds.values()].reduce((sum, value) => sum + value, 0),
    floorMilliseconds: floor === null ? null : floor * 1000,
    shareOfPeak: floor === null ? null : floor / stepSeconds,
    flops: all.reduce((sum, { flops }) => sum + flops, 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    ...{ visible: counts.visible, pairs: counts.instances, blended: counts.blended },
  };
}

/** Floors on a large GPU: pairs per Gaussian and blended pairs per pixel are those of the case that was measured last. */
function floorOf([gaussians, width, height]: (typeof FLOOR_CASES)[number], like: CaseCounts) {
  const visible = Math.round((like.visible / like.gaussians) * gaussians);
  // Coverage is the same in every case, so an ellipse's area goes with pixels / Gaussians; its tiles go with (side / 16 + 1)^2.
  const side = (counts: Pick<CaseCounts, 'gaussians' | 'width' | 'height'>) =>
    Math.sqrt((40 * counts.width * counts.height) / counts.gaussians);
  const tilesOf = (length: number) => (length / 16 + 1) ** 2;
  const perGaussian =
    (like.instances / like.visible) * (tilesOf(side({ gaussians, width, height })) / tilesOf(side(like)));
  const blended = Math.round((like.blended / (like.width * like.height)) * width * height);
  const size = { gaussians, width, height, shDegree: SH_DEGREE } as const;
  const counts = { ...size, visible, instances: Math.round(visible * perGaussian), blended };
  const costs = costsOf(counts);
  const milliseconds = Object.fromEntries(
    Object.entries(costs).map(([kernel, cost]) => [kernel, 1000 * floorSeconds(cost, LARGE_GPU)]),
  );
  return {
    device: LARGE_GPU.name,
    name: `${gaussians} Gaussians, ${width}x${height}`,
    estimated: 'pairs scaled from the case that was measured last',
    flops: Object.values(costs).reduce((sum, { flops }) => sum + flops, 0),
    bytes: Object.values(costs).reduce((sum, { bytes }) => sum + bytes, 0),
    milliseconds,
    stepMilliseconds: Object.values(milliseconds).reduce((sum, value) => sum + value, 0),
  };
}
