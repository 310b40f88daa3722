/**
 * `bench splat-kernels`: every kernel of a training step on random scenes, against what this machine can do at most.
 *
 * Scenes: N Gaussians spread over the image at random depths, with footprints chosen so that every pixel is covered about
 * forty times whatever N is. Time is the best of several runs on all threads, and on one.
 */
import type { BenchmarkRequest, BenchmarkResult } from '../../contract/index.ts';
import { type DeviceBuffer, WasmBackend } from '../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendBackward,
  blendBackwardCost,
  blendedBlocks,
  blendForward,
  blendForwardCost,
  createGaussianBuffers,
  type GaussianBuffers,
  IMAGE_LOSS_SUMS_BYTES,
  ImageLossWorkspace,
  imageLoss,
  imageLossCost,
  type KernelCost,
  measureRoofline,
  type PinholeView,
  PROJECTED_BYTES,
  packGaussians,
  project,
  projectCost,
  type Roofline,
  SLOT_BYTES,
  splatUpdate,
  splatUpdateCost,
  TileLists,
} from '../kernels/index.ts';
import type { BenchmarkContext } from './index.ts';

const SIZES = [
  [256, 256],
  [512, 512],
  [1920, 1080],
] as const;
const COUNTS = [10_000, 100_000, 1_000_000] as const;
const COVERAGE = 40;
const SH_DEGREE = 3;
/** Share of one-thread speed that the second thread must add. */
const TARGET_SPEED_UP = 1.7;
const GROUPS = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;

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

export async function run(request: BenchmarkRequest, { signal, emit }: BenchmarkContext): Promise<BenchmarkResult> {
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
        const fast = measure(many, gaussians, width, height, request.seed, repetitions);
        const slow = measure(one, gaussians, width, height, request.seed, Math.min(3, repetitions));
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
function measure(
  backend: WasmBackend,
  count: number,
  width: number,
  height: number,
  seed: number,
  repetitions: number,
): Measured {
  const owned: DeviceBuffer[] = [];
  const create = (label: string, sizeBytes: number) => {
    const buffer = backend.createBuffer(label, sizeBytes);
    owned.push(buffer);
    return buffer;
  };
  const lists = new TileLists(backend);
  const state = new BlendState(backend);
  const workspace = new ImageLossWorkspace(backend);
  try {
    const view = viewOf(width, height);
    const parameters = gaussians(backend, 'parameters', count, owned);
    const firstMoments = gaussians(backend, 'first moments', count, owned);
    const secondMoments = gaussians(backend, 'second moments', count, owned);
    const scene = packGaussians(randomScene(count, view, seed));
    for (const group of GROUPS) {
      backend.write(parameters[group], scene[group]);
      backend.bytes(firstMoments[group]).fill(0);
      backend.bytes(secondMoments[group]).fill(0);
    }
    const pixels = width * height;
    const projected = create('projected', count * PROJECTED_BYTES);
    const rgb = create('rgb', 12 * pixels);
    const upstream = create('gradient', 12 * pixels);
    const target = create('target', 3 * pixels);
    const sums = create('sums', IMAGE_LOSS_SUMS_BYTES);
    backend.bytes(target).forEach((_, i, bytes) => {
      bytes[i] = (i * 2_654_435_761) >>> 24;
    });
    const shared = { parameters, count, shDegree: SH_DEGREE, activeShDegree: SH_DEGREE, view, projected } as const;
    const picture = { projected, lists, state, width, height, background: [0, 0, 0] } as const;
    let slots: DeviceBuffer | undefined;
    const phases: [string, () => void][] = [
      ['projection', () => backend.run(project, shared)],
      ['sort and tiles', () => backend.run(binTiles, { projected, count, width, height, lists })],
      ['blend forward', () => backend.run(blendForward, { ...picture, rgb, record: true })],
      [
        'loss',
        () =>
          backend.run(imageLoss, {
            width,
            height,
            rendered: rgb,
            target,
            lambda: 0.2,
            gradient: upstream,
            sums,
            workspace,
          }),
      ],
      [
        'blend backward',
        () => {
          slots ??= create('slots', lists.instanceCount * SLOT_BYTES);
          backend.run(blendBackward, { ...picture, upstream, slots });
        },
      ],
      [
        'update',
        () =>
          backend.run(splatUpdate, {
            ...shared,
            ...{ firstMoments, secondMoments, slotStart: lists.slotStart, slots: slots! },
            // Rates of zero: the scene stays the same, so every repetition does the same work.
            rates: { means: 0, quaternions: 0, logScales: 0, logitOpacities: 0, shDc: 0, shRest: 0 },
            ...{
              beta1: 0.9,
              beta2: 0.999,
              epsilon: 1e-15,
              step: 1,
              opacityRegularisation: 0.01,
              scaleRegularisation: 0.01,
            },
            ...{ noiseScale: 0, seed: 0, iteration: 0, selective: true },
          }),
      ],
    ];
    const best = new Map<string, number>();
    // One round more than is counted, for memory to be touched and code to be compiled.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      for (const [name, work] of phases) {
        const start = performance.now();
        work();
        const seconds = (performance.now() - start) / 1000;
        if (repetition > 0) best.set(name, Math.min(best.get(name) ?? Infinity, seconds));
      }
    }
    const blocks = blendedBlocks(backend, lists, state);
    const { visibleCount: visible, instanceCount: instances } = lists;
    const costs: Record<string, KernelCost> = {
      projection: projectCost(count, SH_DEGREE),
      // Key, id and count of every Gaussian, three radix passes, a list entry per instance.
      'sort and tiles': { flops: 0, bytes: count * (16 + 8) + visible * 8 * 6 + instances * (4 + 4 + 8) },
      'blend forward': blendForwardCost(visible, instances, blocks, pixels),
      loss: imageLossCost({ width, height, hasMeans: false }),
      'blend backward': blendBackwardCost(visible, instances, blocks, pixels),
      update: splatUpdateCost(visible, instances, SH_DEGREE),
    };
    return new Map(phases.map(([name]) => [name, { seconds: best.get(name)!, cost: costs[name]! }]));
  } finally {
    for (const buffer of owned) backend.destroyBuffer(buffer);
    lists.dispose();
    state.dispose();
    workspace.dispose();
  }
}

function gaussians(backend: WasmBackend, label: string, count: number, owned: DeviceBuffer[]): GaussianBuffers {
  const buffers = createGaussianBuffers(backend, label, count, SH_DEGREE);
  owned.push(...GROUPS.map((group) => buffers[group]));
  return buffers;
}

function viewOf(width: number, height: number): PinholeView {
  const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];
  return {
    widthPixels: width,
    heightPixels: height,
    fx: width,
    fy: width,
    cx: width / 2,
    cy: height / 2,
    cameraFromWorld: identity,
  };
}

/** Gaussians that project into the image, each covering COVERAGE / N of it on average. */
function randomScene(count: number, view: PinholeView, seed: number) {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const { widthPixels: width, heightPixels: height, fx } = view;
  // A Gaussian of deviation s pixels and opacity 1/2 is drawn over about pi (3.1 s)^2 pixels.
  const deviationPixels = Math.sqrt((COVERAGE * width * height) / count / (Math.PI * 3.1 ** 2));
  const scene = {
    means: new Float32Array(3 * count),
    quaternions: new Float32Array(4 * count),
    logScales: new Float32Array(3 * count),
    logitOpacities: new Float32Array(count),
    sh: new Float32Array(48 * count),
    shDegree: SH_DEGREE,
  } as const;
  for (let i = 0; i < count; i++) {
    const depth = 2 + 4 * uniform();
    scene.means[3 * i] = ((uniform() - 0.5) * width * depth) / fx;
    scene.means[3 * i + 1] = ((uniform() - 0.5) * height * depth) / fx;
    scene.means[3 * i + 2] = depth;
    for (let k = 0; k < 4; k++) scene.quaternions[4 * i + k] = uniform() - 0.5;
    for (let k = 0; k < 3; k++)
      scene.logScales[3 * i + k] = Math.log((deviationPixels * depth) / fx) + 1.5 * (uniform() - 0.5);
    scene.logitOpacities[i] = 4 * (uniform() - 0.5);
    for (let k = 0; k < 48; k++) scene.sh[48 * i + k] = 0.4 * (uniform() - 0.5);
  }
  return scene;
}
