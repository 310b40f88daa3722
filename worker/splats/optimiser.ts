/** One optimisation step: render a photo's view, compare, send the gradient back, update. */
import type { TrainingParameters } from '../../contract/index.ts';
import { type Backend, type DeviceBuffer, GrowingBuffers } from '../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendBackward,
  blendForward,
  copyGaussians,
  IMAGE_LOSS_SUMS_BYTES,
  ImageLossWorkspace,
  imageLoss,
  laneBytes,
  PROJECTED_BYTES,
  permuteLanes,
  permuteWorkspaceBytes,
  project,
  SLOT_BYTES,
  splatUpdate,
  TileLists,
  unpackLanes,
} from '../kernels/index.ts';
import type { Group, SplatModel } from './model.ts';
import { randomFor } from './random.ts';
import { planCopies } from './relocation.ts';
import { activeShDegree, positionRate } from './schedule.ts';
import { spatialOrder } from './spatial-order.ts';
import type { Target } from './targets.ts';

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-15 } as const;

/** Steps between two looks at how many (tile, Gaussian) pairs there are, where only the device knows. */
const REPORT_EVERY = 8;

/**
 * Seconds spent per phase; those of an iteration from every sixteenth one, times sixteen. On a backend whose device runs behind the
 * program this is time to enqueue, not to run.
 */
export type PhaseTimings = Record<string, number>;

/** Iterations per one that is timed, which waits for every kernel: a look at the clock after one that has emptied the caches costs 10 µs. */
const TIMED_EVERY = 16;

export class SplatOptimiser {
  readonly #backend: Backend;
  readonly #model: SplatModel;
  readonly #parameters: TrainingParameters;
  readonly #sceneExtent: number;
  readonly #lists: TileLists;
  readonly #state: BlendState;
  readonly #loss: ImageLossWorkspace;
  readonly #buffers: GrowingBuffers;
  readonly #sums: DeviceBuffer;
  readonly timings: PhaseTimings = {};

  constructor(backend: Backend, model: SplatModel, parameters: TrainingParameters, sceneExtent: number) {
    this.#backend = backend;
    this.#model = model;
    this.#parameters = parameters;
    this.#sceneExtent = sceneExtent;
    this.#lists = new TileLists(backend);
    this.#lists.reportEvery = REPORT_EVERY;
    this.#state = new BlendState(backend);
    this.#loss = new ImageLossWorkspace(backend);
    this.#buffers = new GrowingBuffers(backend, 'training');
    this.#sums = backend.createBuffer('loss', IMAGE_LOSS_SUMS_BYTES);
  }

  /** @param iteration 0-based; decides rates, degree and noise. */
  step(iteration: number, { image, view }: Target): void {
    const backend = this.#backend;
    const model = this.#model;
    const parameters = this.#parameters;
    const { widthPixels: width, heightPixels: height } = view;
    const degree = activeShDegree(parameters, iteration);
    const projected = this.#buffers.ensure('projected', model.capacity * PROJECTED_BYTES);
    const rgb = this.#buffers.ensure('rendered', 3 * width * height * 4);
    const upstream = this.#buffers.ensure('gradient image', 3 * width * height * 4);
    const scene = {
      parameters: model.parameters,
      count: model.count,
      shDegree: model.shDegree,
      activeShDegree: degree,
      view,
      projected,
    };
    const picture = {
      projected,
      lists: this.#lists,
      state: this.#state,
      width,
      height,
      background: [0, 0, 0],
    } as const;

    const timed = iteration % TIMED_EVERY === 0;
    // A clock wants to know when a kernel has finished, those of the step before among them.
    backend.ahead = !timed;
    const clock = timed ? new PhaseClock(this.timings, TIMED_EVERY) : undefined;
    backend.run(project, scene);
    clock?.lap('projection');
    backend.run(binTiles, { projected, count: model.count, width, height, lists: this.#lists });
    clock?.lap('sort and tiles');
    backend.run(blendForward, { ...picture, rgb, record: true });
    clock?.lap('blend forward');
    backend.run(imageLoss, {
      ...{ width, height, rendered: rgb, target: image, lambda: parameters.ssimWeight },
      ...{ gradient: upstream, sums: this.#sums, workspace: this.#loss },
    });
    clock?.lap('loss');
    const slots = this.#buffers.ensure('gradient slots', this.#lists.instanceCapacity * SLOT_BYTES);
    backend.run(blendBackward, { ...picture, upstream, slots });
    clock?.lap('blend backward');
    const meansRate = positionRate(parameters, iteration, this.#sceneExtent);
    backend.run(splatUpdate, {
      ...scene,
      firstMoments: model.moments!.first,
      secondMoments: model.moments!.second,
      slotStart: this.#lists.slotStart,
      slots,
      rates: {
        means: meansRate,
        quaternions: parameters.rotationRate,
        logScales: parameters.scaleRate,
        logitOpacities: parameters.opacityRate,
        shDc: parameters.shRate,
        shRest: parameters.shRestRate,
      },
      ...ADAM,
      step: iteration + 1,
      opacityRegularisation: parameters.opacityPenalty,
      scaleRegularisation: parameters.scalePenalty,
      noiseScale: parameters.noiseRate * meansRate,
      seed: parameters.seed,
      iteration,
      selective: true,
    });
    clock?.lap('update');
  }

  /** Loss of the last step. */
  async loss(): Promise<number> {
    const [l1, ssim] = new Float64Array(await this.#backend.read(this.#sums)) as unknown as [number, number];
    const { ssimWeight } = this.#parameters;
    return (1 - ssimWeight) * l1 + ssimWeight * (1 - ssim);
  }

  /** Relocates dead Gaussians and adds new ones under the cap. */
  async densify(iteration: number): Promise<void> {
    this.#backend.ahead = false;
    const clock = new PhaseClock(this.timings, 1);
    const backend = this.#backend;
    const model = this.#model;
    const parameters = this.#parameters;
    const splats = await this.#opacitiesAndScales();
    const random = randomFor(parameters.seed, 'densification', iteration);
    const weights = Float64Array.from(splats.opacities);
    const grown = Math.min(parameters.maxGaussians, Math.ceil(model.count * (1 + parameters.growth)));
    const targets = new Uint32Array(grown);
    let targetCount = 0;
    for (let i = 0; i < model.count; i++) {
      if (splats.opacities[i]! > parameters.deadOpacity) continue;
      targets[targetCount++] = i;
      weights[i] = 0;
    }
    for (let i = model.count; i < grown; i++) targets[targetCount++] = i;
    const plan = planCopies(
      { count: model.count, ...splats, weights },
      targets.subarray(0, targetCount),
      parameters.deadOpacity,
      random,
    );
    if (plan.targets.length > 0) {
      const upload = (name: string, data: Uint32Array | Float32Array) => {
        const buffer = this.#buffers.ensure(`copies: ${name}`, data.byteLength);
        backend.write(buffer, data);
        return buffer;
      };
      backend.run(copyGaussians, {
        parameters: model.parameters,
        firstMoments: model.moments!.first,
        secondMoments: model.moments!.second,
        shDegree: model.shDegree,
        copies: plan.targets.length,
        sources: upload('sources', plan.sources),
        targets: upload('targets', plan.targets),
        newLogitOpacities: upload('opacities', plan.logitOpacities),
        newLogScales: upload('scales', plan.logScales),
      });
      model.count = Math.max(model.count, grown);
    }
    await this.sortSpatially();
    clock.lap('densification');
  }

  /** Puts neighbours in space side by side in memory; see spatial-order.ts. Nothing is computed differently for it. */
  async sortSpatially(): Promise<void> {
    const { count } = this.#model;
    if (count === 0) return;
    // The same order on every backend, and so the same random numbers for the same Gaussians.
    const order = spatialOrder(await this.#components('means', 3));
    const orderBuffer = this.#buffers.ensure('order', order.byteLength);
    this.#backend.write(orderBuffer, order);
    const workspace = this.#buffers.ensure('order workspace', permuteWorkspaceBytes(count));
    for (const { buffer: array, usedBytes } of this.#model.state()) {
      const stride = usedBytes / laneBytes(count, 1);
      this.#backend.run(permuteLanes, { array, stride, count, order: orderBuffer, workspace });
    }
  }

  async #opacitiesAndScales(): Promise<{ opacities: Float64Array; logScales: Float32Array }> {
    const logits = await this.#components('logitOpacities', 1);
    // A loop: Float64Array.from with a function takes ten times as long.
    const opacities = new Float64Array(logits.length);
    for (let i = 0; i < logits.length; i++) opacities[i] = 1 / (1 + Math.exp(-logits[i]!));
    return { opacities, logScales: await this.#components('logScales', 3) };
  }

  /** One parameter of all Gaussians, [N, components]. */
  async #components(group: Group, components: number): Promise<Float32Array> {
    const { count, parameters } = this.#model;
    const blocks = await this.#backend.read(parameters[group], 0, laneBytes(count, components));
    return unpackLanes(new Float32Array(blocks), count, components);
  }

  dispose(): void {
    this.#lists.dispose();
    this.#state.dispose();
    this.#loss.dispose();
    this.#buffers.dispose();
    this.#backend.destroyBuffer(this.#sums);
  }
}

class PhaseClock {
  readonly #timings: PhaseTimings;
  readonly #weight: number;
  #last = performance.now();
  constructor(timings: PhaseTimings, weight: number) {
    this.#timings = timings;
    this.#weight = weight;
  }
  lap(phase: string): void {
    const now = performance.now();
    this.#timings[phase] = (this.#timings[phase] ?? 0) + (this.#weight * (now - this.#last)) / 1000;
    this.#last = now;
  }
}
