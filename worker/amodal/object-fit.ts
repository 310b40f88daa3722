/**
 * Object-only splats (methods 4): Gaussians fitted over black to the object's own pixels, pixels of what is in front ignored, with an
 * opacity term: alpha is 1 on the object and 0 beside it. What they render is the whole object, seen or not.
 */
import { AMODAL_FIT_DEFAULTS } from '../../contract/index.ts';
import { type Backend, GrowingBuffers } from '../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendChannels,
  blendChannelsBackward,
  completeView,
  PROJECTED_BYTES,
  project,
  SLOT_BYTES,
  splatUpdate,
  TileLists,
} from '../kernels/index.ts';
import { cameraOf, type Vector } from '../objects/index.ts';
import { randomFor, type SplatArrays, SplatModel, shuffled, viewOf } from '../splats/index.ts';
import { IGNORED, OBJECT, type ObjectView, pointsOfView } from './object-views.ts';

export interface ObjectFitOptions {
  /** What is left out is as in AMODAL_FIT_DEFAULTS. */
  readonly iterations?: number;
  readonly maxGaussians?: number;
  /** Weight of |alpha − mask| against the mean colour difference. */
  readonly opacityWeight?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface FittedObject {
  /** Where it is, world. */
  readonly place: Vector;
  /** Half its width, scene units. */
  readonly radius: number;
}

const SH_C0 = 0.28209479177387814;
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-15 } as const;
/** Of the object's radius, per step, at the start and at the end. */
const POSITION_RATES = [0.03, 0.003] as const;
const INITIAL_OPACITY = 0.6;

/** @returns undefined when no view has a pixel of the object */
export async function fitObject(
  backend: Backend,
  views: readonly ObjectView[],
  object: FittedObject,
  options: ObjectFitOptions = {},
): Promise<SplatArrays | undefined> {
  const { iterations, maxGaussians, opacityWeight, seed, signal } = { ...AMODAL_FIT_DEFAULTS, seed: 0, ...options };
  const random = randomFor(seed, 'initial points', 0);
  const start = initialGaussians(views, object, maxGaussians, random);
  if (start === undefined) return undefined;
  const model = new SplatModel(backend, start.count, 0, { trainable: true });
  const step = new FitStep(backend, model);
  try {
    model.upload(start);
    let order: Int32Array = new Int32Array(0);
    for (let iteration = 0; iteration < iterations; iteration++) {
      signal?.throwIfAborted();
      const turn = iteration % views.length;
      if (turn === 0) order = shuffled(views.length, random);
      const [first, last] = POSITION_RATES;
      const rate = object.radius * first * (last / first) ** (iteration / iterations);
      await step.run(views[order[turn]!]!, iteration, rate, opacityWeight);
    }
    return await model.download();
  } finally {
    step.dispose();
    model.dispose();
  }
}

class FitStep {
  readonly #backend: Backend;
  readonly #model: SplatModel;
  readonly #lists: TileLists;
  readonly #state: BlendState;
  readonly #buffers: GrowingBuffers;

  constructor(backend: Backend, model: SplatModel) {
    this.#backend = backend;
    this.#model = model;
    this.#lists = new TileLists(backend);
    this.#state = new BlendState(backend);
    this.#buffers = new GrowingBuffers(backend, 'object fit');
  }

  async run(target: ObjectView, iteration: number, positionRate: number, opacityWeight: number): Promise<void> {
    const [backend, model] = [this.#backend, this.#model];
    const { parameters, count, shDegree } = model;
    const view = viewOf(target.view);
    const { width, height } = target.view;
    const pixels = width * height;
    const projected = this.#buffers.ensure('projected', count * PROJECTED_BYTES);
    const output = this.#buffers.ensure('output', 16 * pixels);
    const alpha = this.#buffers.ensure('alpha', 4 * pixels);
    const contributors = this.#buffers.ensure('contributors', 4 * pixels);
    const features = this.#buffers.ensure('features', 0);
    const scene = { parameters, count, shDegree, activeShDegree: shDegree, view, projected };
    const picture = {
      ...{ projected, lists: this.#lists, state: this.#state, width, height },
      background: [0, 0, 0] as const,
    };
    backend.run(project, scene);
    backend.run(binTiles, { projected, count, width, height, lists: this.#lists });
    backend.run(blendChannels, { ...picture, features, featureDim: 0, output, alpha, contributors });
    await completeView(picture);
    const rendered = new Float32Array(await backend.read(output, 0, 12 * pixels));
    const covered = new Float32Array(await backend.read(alpha, 0, 4 * pixels));
    const [colourGradient, alphaGradient] = gradients(target, rendered, covered, opacityWeight);
    const upstream = this.#buffers.ensure('upstream', 16 * pixels);
    const upstreamAlpha = this.#buffers.ensure('upstream alpha', 4 * pixels);
    backend.write(upstream, colourGradient);
    backend.write(upstreamAlpha, alphaGradient);
    const slots = this.#buffers.ensure('slots', this.#lists.instanceCapacity * SLOT_BYTES);
    const featureSlots = this.#buffers.ensure('feature slots', 0);
    backend.run(blendChannelsBackward, {
      ...{ ...picture, features, featureDim: 0, upstream, upstreamAlpha, slots, featureSlots },
    });
    backend.run(splatUpdate, {
      ...{ ...scene, firstMoments: model.moments!.first, secondMoments: model.moments!.second },
      ...{ slotStart: this.#lists.slotStart, slots },
      rates: {
        ...{ means: positionRate, quaternions: 2e-3, logScales: 1e-2, logitOpacities: 5e-2 },
        ...{ shDc: 2e-2, shRest: 0 },
      },
      ...ADAM,
      step: iteration + 1,
      ...{ opacityRegularisation: 0, scaleRegularisation: 0, noiseScale: 0 },
      ...{ seed: 0, iteration, selective: true },
    });
  }

  dispose(): void {
    this.#lists.dispose();
    this.#state.dispose();
    this.#buffers.dispose();
  }
}

/**
 * Of the mean over the pixels that count of |colour − photo·mask| / 3 + weight·|alpha − mask|.
 * @returns [4, H, W] for colour and depth, [H, W] for alpha
 */
function gradients(
  { photo, roles }: ObjectView,
  rendered: Float32Array,
  alpha: Float32Array,
  opacityWeight: number,
): [Float32Array, Float32Array] {
  const pixels = roles.length;
  let counted = 0;
  for (let i = 0; i < pixels; i++) if (roles[i] !== IGNORED) counted++;
  const share = 1 / Math.max(1, counted);
  const colour = new Float32Array(4 * pixels);
  const opacity = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) {
    if (roles[i] === IGNORED) continue;
    const own = roles[i] === OBJECT ? 1 : 0;
    for (let c = 0; c < 3; c++) {
      colour[c * pixels + i] =
        (share / 3) * Math.sign(rendered[c * pixels + i]! - (own * photo[c * pixels + i]!) / 255);
    }
    opacity[i] = share * opacityWeight * Math.sign(alpha[i]! - own);
  }
  return [colour, opacity];
}

/** One Gaussian per pixel of the object, of all views together no more than `most`; as wide as the pixel. */
function initialGaussians(
  views: readonly ObjectView[],
  { place, radius }: FittedObject,
  most: number,
  random: () => number,
): SplatArrays | undefined {
  const points: { position: Vector; colour: readonly [number, number, number]; size: number }[] = [];
  for (const one of views) {
    const camera = cameraOf(one.view);
    if (camera === undefined) continue;
    const z = camera.project(place)[2];
    if (!(z > 0)) continue;
    const size = z / camera.focal;
    for (const point of pointsOfView(one, camera.unproject, z, radius)) points.push({ ...point, size });
  }
  if (points.length === 0) return undefined;
  const order = shuffled(points.length, random).subarray(0, most);
  const count = order.length;
  // Thinned points are as much wider as they are fewer than the pixels of one view.
  const perView = points.length / Math.max(1, views.length);
  const spread = Math.max(1, Math.sqrt(perView / count));
  const splats = {
    ...{ count, shDegree: 0, means: new Float32Array(3 * count), quaternions: new Float32Array(4 * count) },
    ...{ logScales: new Float32Array(3 * count), sh: new Float32Array(3 * count) },
    logitOpacities: new Float32Array(count).fill(Math.log(INITIAL_OPACITY / (1 - INITIAL_OPACITY))),
  };
  order.forEach((index, k) => {
    const { position, colour, size } = points[index]!;
    for (let axis = 0; axis < 3; axis++) {
      splats.means[3 * k + axis] = position[axis]!;
      splats.logScales[3 * k + axis] = Math.log(0.7 * size * spread);
      splats.sh[3 * k + axis] = (colour[axis]! - 0.5) / SH_C0;
    }
    splats.quaternions[4 * k] = 1;
  });
  return splats;
}
