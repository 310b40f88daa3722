/**
 * The kernels of one training step on a random scene, for benchmarks: N Gaussians spread over the image at random depths, with
 * footprints chosen so that every pixel is covered about forty times whatever N is. Rates are zero, so every repetition of the step does
 * the same work.
 */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendBackward,
  blendChannels,
  blendForward,
  createGaussianBuffers,
  type GaussianBuffers,
  IMAGE_LOSS_SUMS_BYTES,
  ImageLossWorkspace,
  imageLoss,
  type PinholeView,
  PROJECTED_BYTES,
  packGaussians,
  project,
  type ShDegree,
  SLOT_BYTES,
  splatUpdate,
  TileLists,
} from '../kernels/index.ts';

const COVERAGE = 40;
export const SH_DEGREE = 3;
const GROUPS = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;

export interface StepScene extends Readonly<Record<(typeof GROUPS)[number], Float32Array>> {
  readonly shDegree: ShDegree;
}

export type PhaseName = 'projection' | 'sort and tiles' | 'blend forward' | 'loss' | 'blend backward' | 'update';

export interface TrainingStep {
  readonly lists: TileLists;
  readonly state: BlendState;
  /** In the order of a step; each needs the ones before it. */
  readonly phases: readonly (readonly [PhaseName, () => void])[];
  /** Runs the step until its lists hold everything. */
  warmUp(): Promise<void>;
  /** (Gaussian, pixel) pairs that are blended; after {@link warmUp}. */
  blendedPairs(): Promise<number>;
  dispose(): void;
}

export function trainingStep(backend: Backend, scene: StepScene, view: PinholeView): TrainingStep {
  const owned: DeviceBuffer[] = [];
  const create = (label: string, sizeBytes: number) => {
    const buffer = backend.createBuffer(label, sizeBytes);
    owned.push(buffer);
    return buffer;
  };
  const count = scene.logitOpacities.length;
  const { shDegree } = scene;
  const { widthPixels: width, heightPixels: height } = view;
  const lists = new TileLists(backend);
  const state = new BlendState(backend);
  const workspace = new ImageLossWorkspace(backend);
  const gaussians = (label: string): GaussianBuffers => {
    const buffers = createGaussianBuffers(backend, label, count, shDegree);
    owned.push(...GROUPS.map((group) => buffers[group]));
    return buffers;
  };
  const parameters = gaussians('parameters');
  const firstMoments = gaussians('first moments');
  const secondMoments = gaussians('second moments');
  const packed = packGaussians(scene);
  for (const group of GROUPS) {
    backend.write(parameters[group], packed[group]);
    const zeros = new Uint8Array(packed[group].byteLength);
    for (const moments of [firstMoments, secondMoments]) backend.write(moments[group], zeros);
  }
  const pixels = width * height;
  const projected = create('projected', count * PROJECTED_BYTES);
  const rgb = create('rgb', 12 * pixels);
  const upstream = create('gradient', 12 * pixels);
  const target = create('target', 3 * pixels);
  const sums = create('sums', IMAGE_LOSS_SUMS_BYTES);
  backend.write(
    target,
    Uint8Array.from({ length: 3 * pixels }, (_, i) => (i * 2_654_435_761) >>> 24),
  );
  const shared = { parameters, count, shDegree, activeShDegree: shDegree, view, projected } as const;
  const picture = { projected, lists, state, width, height, background: [0, 0, 0] } as const;
  let slots: DeviceBuffer | undefined;
  const slotsOfView = (): DeviceBuffer => {
    const bytes = lists.instanceCapacity * SLOT_BYTES;
    if (slots === undefined || slots.sizeBytes < bytes) slots = create('slots', bytes);
    return slots;
  };
  const phases: TrainingStep['phases'] = [
    ['projection', () => backend.run(project, shared)],
    ['sort and tiles', () => backend.run(binTiles, { projected, count, width, height, lists })],
    ['blend forward', () => backend.run(blendForward, { ...picture, rgb, record: true })],
    [
      'loss',
      () =>
        backend.run(imageLoss, {
          ...{ width, height, rendered: rgb, target, lambda: 0.2 },
          ...{ gradient: upstream, sums, workspace },
        }),
    ],
    ['blend backward', () => backend.run(blendBackward, { ...picture, upstream, slots: slotsOfView() })],
    [
      'update',
      () =>
        backend.run(splatUpdate, {
          ...shared,
          ...{ firstMoments, secondMoments, slotStart: lists.slotStart, slots: slotsOfView() },
          rates: { means: 0, quaternions: 0, logScales: 0, logitOpacities: 0, shDc: 0, shRest: 0 },
          ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-15, step: 1 },
          ...{ opacityRegularisation: 0.01, scaleRegularisation: 0.01 },
          ...{ noiseScale: 0, seed: 0, iteration: 0, selective: true },
        }),
    ],
  ];
  const warmUp = async () => {
    do for (const [, work] of phases) work();
    while (!(await lists.settle()));
    await backend.synchronise();
  };
  const blendedPairs = async () => {
    const none = backend.createBuffer('no features', 0);
    const [output, alpha, contributors] = [16, 4, 4].map((bytes) => backend.createBuffer('pairs', bytes * pixels));
    try {
      backend.run(project, shared);
      const channels = { features: none, featureDim: 0, output: output!, alpha: alpha!, contributors: contributors! };
      backend.run(blendChannels, { ...picture, ...channels });
      return new Uint32Array(await backend.read(contributors!)).reduce((sum, entries) => sum + entries, 0);
    } finally {
      for (const buffer of [none, output!, alpha!, contributors!]) backend.destroyBuffer(buffer);
    }
  };
  const dispose = () => {
    for (const buffer of owned) backend.destroyBuffer(buffer);
    lists.dispose();
    state.dispose();
    workspace.dispose();
  };
  return { lists, state, phases, warmUp, blendedPairs, dispose };
}

export function stepView(width: number, height: number): PinholeView {
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
export function randomStepScene(count: number, view: PinholeView, seed: number): StepScene {
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
