/**
 * One cell of `bench instances-click`: a field is trained on one room, then every object is clicked in one training view and
 * looked for in all held-out views.
 */
import { z } from 'zod';
import {
  clusteringParametersSchema,
  LiftscopeError,
  liftingRecipeSchema,
  noisePresetSchema,
} from '../../contract/index.ts';
import type { DeviceBuffer } from '../compute/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { type OpenedSplats, readSceneFrames, recipeNamed, withSplats } from '../lifting/index.ts';
import { boundaryIoU, maskIoU } from '../metrics/index.ts';
import { type ClickQuery, clickMask, deepestPixel, featureOfPixel, largestRegion } from '../objects/index.ts';
import { readSceneTruth, type SceneTruth } from '../scenes/index.ts';
import { viewOf } from '../splats/index.ts';
import type { Benchmark } from './index.ts';
import { median } from './random.ts';

const argumentsSchema = z.strictObject({
  capture: z.string().min(1),
  splats: z.string().min(1),
  recipe: liftingRecipeSchema.default('gaussian-clustering'),
  noise: noisePresetSchema.default('default'),
  parameters: z.record(z.string(), z.json()).default({}),
  threshold: z.number().min(-1).max(1).default(0.7),
});

/** Where two objects mix, a cosine of 0.7 is a share of one half; lengths add up where vectors would not. */
const SPLAT_SHARE = 0.5;
/** An object is scored in the views that show it on at least this share of the image. */
const VISIBLE_SHARE = 1e-3;
const TIMED_VIEWS = 12;
const TIMED_WIDTH = 320;
const TIMED_HEIGHT = 240;

export const run: Benchmark = async (request, { signal, emit }) => {
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench instances-click: ${z.prettifyError(parsed.error)}` });
  }
  const { capture, splats, recipe: name, noise, parameters, threshold } = parsed.data;
  const { frames, masks } = await readSceneFrames(capture, noise, request.seed);
  const truth = await readSceneTruth(capture);
  const training = frames.filter(({ role }) => role === 'train');
  return withSplats(splats, request, async (opened) => {
    const recipe = await recipeNamed(name);
    const began = performance.now();
    const outcome = await recipe({
      ...opened,
      frames: training.map((frame) => masks.get(frame.name)!),
      consistentIds: false,
      parameters,
      clustering: clusteringParametersSchema.parse({}),
      seed: request.seed,
      signal,
      onProgress: (stage, done, total) => emit({ type: 'work', stage: `${name}: ${stage}`, done, total }),
    });
    const seconds = (performance.now() - began) / 1000;
    const { lifted } = outcome;
    if (lifted.readout.kind !== 'embedding') {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Recipe ${name} gives no embedding to compare by cosine.`,
      });
    }
    const field = new ClickableField(opened, lifted.readout.features, lifted.foreground, lifted.foregroundShare);
    try {
      const trainViews = await truthsOf(truth, training);
      const heldViews = await truthsOf(
        truth,
        frames.filter(({ role }) => role === 'holdout'),
      );
      const results = await clickAll(field, trainViews, heldViews, threshold, signal);
      const orders = {} as Record<Order, z.core.util.JSONType>;
      for (const order of ['rendered', 'splatted'] as const) {
        const times = await timeCold(field, heldViews, threshold, order);
        orders[order] = {
          one: summary(results.map((result) => result[order].one)),
          three: summary(results.map((result) => result[order].three)),
          cold: { medianMs: median(times), worstMs: Math.max(...times), width: TIMED_WIDTH, height: TIMED_HEIGHT },
        };
      }
      return {
        recipe: name,
        noise,
        seed: request.seed,
        parameters: { ...outcome.parameters, threshold },
        objects: results.length,
        masks: results.reduce((sum, { rendered }) => sum + rendered.one.length, 0),
        ...orders,
        gaussians: opened.splats.count,
        seconds,
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
        threads: opened.backend.threads,
        targets: [],
      };
    } finally {
      field.dispose();
    }
  });
};

interface TrueView {
  readonly view: PinholeView;
  readonly instance: Uint16Array;
  readonly areas: ReadonlyMap<number, number>;
}

async function truthsOf(truth: SceneTruth, frames: Awaited<ReturnType<typeof readSceneFrames>>['frames']) {
  const views: TrueView[] = [];
  for (const frame of frames) {
    const { instance } = await truth.readFrame(frame.name);
    const areas = new Map<number, number>();
    for (const id of instance) areas.set(id, (areas.get(id) ?? 0) + 1);
    areas.delete(0);
    views.push({ view: viewOf(frame), instance, areas });
  }
  return views;
}

/** Renders unit-comparable features of any view, with the foreground share as the last channel. */
class ClickableField {
  readonly dimensions: number;
  readonly #features: Float32Array;
  readonly #foreground: Float32Array;
  readonly #opened: OpenedSplats;
  readonly #buffer: DeviceBuffer;
  readonly #foregroundShare: number;
  readonly #answer: DeviceBuffer;

  constructor(opened: OpenedSplats, features: Float32Array, foreground: Float32Array, foregroundShare: number) {
    this.#opened = opened;
    this.#features = features;
    this.#foreground = foreground;
    this.#answer = opened.backend.createBuffer('click answer', 12 * foreground.length);
    this.#foregroundShare = foregroundShare;
    this.dimensions = features.length / foreground.length;
    const channels = this.dimensions + 1;
    const packed = new Float32Array(foreground.length * channels);
    for (let i = 0; i < foreground.length; i++) {
      packed.set(features.subarray(i * this.dimensions, (i + 1) * this.dimensions), i * channels);
      packed[i * channels + this.dimensions] = foreground[i]!;
    }
    this.#buffer = opened.backend.createBuffer('click features', packed.byteLength);
    opened.backend.write(this.#buffer, packed);
  }

  /** Planar features, and which pixels are foreground. */
  async render(view: PinholeView): Promise<{ features: Float32Array; isForeground: Uint8Array }> {
    const { features, alpha } = await this.#opened.reader.render(view, this.#buffer, this.dimensions + 1);
    const pixels = alpha.length;
    const share = features.subarray(this.dimensions * pixels);
    const isForeground = new Uint8Array(pixels);
    for (let i = 0; i < pixels; i++) if (share[i]! > this.#foregroundShare * alpha[i]!) isForeground[i] = 1;
    return { features: features.subarray(0, this.dimensions * pixels), isForeground };
  }

  mask({ features, isForeground }: Awaited<ReturnType<ClickableField['render']>>, query: ClickQuery): Uint8Array {
    const mask = clickMask(features, this.dimensions, query);
    for (let i = 0; i < mask.length; i++) mask[i]! &= isForeground[i]!;
    return mask;
  }

  /**
   * The other order: every Gaussian is compared once, [N, 3] = {cosine · length, length, foreground share}, for one direction. The
   * first is linear in the feature, so its rendering is exact; the rendered length is an upper bound.
   */
  comparedGaussians(direction: Float32Array): Float32Array {
    const { dimensions } = this;
    const compared = new Float32Array(3 * this.#foreground.length);
    for (let i = 0; i < this.#foreground.length; i++) {
      let [dot, squared] = [0, 0];
      for (let d = 0; d < dimensions; d++) {
        const value = this.#features[i * dimensions + d]!;
        dot += value * direction[d]!;
        squared += value * value;
      }
      compared[3 * i] = dot;
      compared[3 * i + 1] = Math.sqrt(squared);
      compared[3 * i + 2] = this.#foreground[i]!;
    }
    return compared;
  }

  async maskOfGaussians(view: PinholeView, { positives, negatives }: ClickQuery): Promise<Uint8Array> {
    const { backend, reader } = this.#opened;
    const pixels = view.widthPixels * view.heightPixels;
    const best = new Float32Array(pixels);
    const mask = new Uint8Array(pixels);
    for (const [index, direction] of [...positives, ...negatives].entries()) {
      backend.write(this.#answer, this.comparedGaussians(direction));
      const { features, alpha } = await reader.render(view, this.#answer, 3);
      for (let i = 0; i < pixels; i++) {
        const dot = features[i]!;
        if (index >= positives.length) {
          if (dot >= best[i]!) mask[i] = 0;
          continue;
        }
        best[i] = Math.max(best[i]!, dot);
        const isForeground = features[2 * pixels + i]! > this.#foregroundShare * alpha[i]!;
        if (isForeground && dot > 0 && dot >= SPLAT_SHARE * features[pixels + i]!) mask[i] = 1;
      }
    }
    return mask;
  }

  dispose(): void {
    this.#opened.backend.destroyBuffer(this.#buffer);
    this.#opened.backend.destroyBuffer(this.#answer);
  }
}

/** `rendered`: features are rendered, then compared (published). `splatted`: Gaussians are compared, then rendered (ours). */
type Order = 'rendered' | 'splatted';

interface Score {
  readonly iou: number;
  readonly boundaryIou: number;
}

async function clickAll(
  field: ClickableField,
  trainViews: readonly TrueView[],
  heldViews: readonly TrueView[],
  threshold: number,
  signal: AbortSignal,
): Promise<Record<Order, { one: Score[]; three: Score[] }>[]> {
  const rendered: Awaited<ReturnType<ClickableField['render']>>[] = [];
  for (const { view } of heldViews) rendered.push(await field.render(view));
  const ids = new Set(heldViews.flatMap(({ areas }) => [...areas.keys()]));
  const results: Record<Order, { one: Score[]; three: Score[] }>[] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    signal.throwIfAborted();
    // The training view that shows most of it is where a person would click.
    const clicked = trainViews.reduce((a, b) => ((b.areas.get(id) ?? 0) > (a.areas.get(id) ?? 0) ? b : a));
    if ((clicked.areas.get(id) ?? 0) === 0) continue;
    const queries = clickThrice(field, await field.render(clicked.view), clicked, id, threshold);
    const scores = async (query: ClickQuery, order: Order): Promise<Score[]> => {
      const found: Score[] = [];
      for (const [index, { view, instance, areas }] of heldViews.entries()) {
        if ((areas.get(id) ?? 0) < VISIBLE_SHARE * instance.length) continue;
        const target = Uint8Array.from(instance, (value) => (value === id ? 1 : 0));
        const mask =
          order === 'rendered' ? field.mask(rendered[index]!, query) : await field.maskOfGaussians(view, query);
        const size = [view.heightPixels, view.widthPixels] as const;
        found.push({ iou: maskIoU(mask, target), boundaryIou: boundaryIoU(mask, target, ...size) });
      }
      return found;
    };
    const of = async (order: Order) => {
      return { one: await scores(queries[0]!, order), three: await scores(queries[2]!, order) };
    };
    results.push({ rendered: await of('rendered'), splatted: await of('splatted') });
  }
  return results;
}

/** The queries after one, two and three clicks: first the deepest pixel of the object, then that of the largest error. */
function clickThrice(
  field: ClickableField,
  rendered: Awaited<ReturnType<ClickableField['render']>>,
  { view, instance }: TrueView,
  id: number,
  threshold: number,
): ClickQuery[] {
  const { widthPixels: width, heightPixels: height } = view;
  const target = Uint8Array.from(instance, (value) => (value === id ? 1 : 0));
  const queries: ClickQuery[] = [];
  let query: ClickQuery = { positives: [], negatives: [], threshold };
  for (let click = 0; click < 3; click++) {
    const found = click === 0 ? new Uint8Array(target.length) : field.mask(rendered, query);
    const region =
      click === 0
        ? target
        : largestRegion(
            target.map((value, i) => value ^ found[i]!),
            width,
          );
    const deepest = deepestPixel(region, width, height);
    const feature = deepest && featureOfPixel(rendered.features, field.dimensions, deepest.pixel);
    if (deepest !== undefined && feature !== undefined) {
      query =
        target[deepest.pixel] === 1
          ? { ...query, positives: [...query.positives, feature] }
          : { ...query, negatives: [...query.negatives, feature] };
    }
    queries.push(query);
  }
  return queries;
}

/** A view that has not been looked at, from nothing rendered to a mask, at 320x240. */
async function timeCold(
  field: ClickableField,
  views: readonly TrueView[],
  threshold: number,
  order: Order,
): Promise<number[]> {
  const times: number[] = [];
  const direction = new Float32Array(field.dimensions).fill(1 / Math.sqrt(field.dimensions));
  const query = { positives: [direction], negatives: [], threshold };
  for (let i = 0; i <= TIMED_VIEWS; i++) {
    const { view } = views[i % views.length]!;
    const scale = TIMED_WIDTH / view.widthPixels;
    const large = {
      ...view,
      widthPixels: TIMED_WIDTH,
      heightPixels: TIMED_HEIGHT,
      fx: view.fx * scale,
      fy: view.fy * scale,
      cx: TIMED_WIDTH / 2,
      cy: TIMED_HEIGHT / 2,
    };
    const began = performance.now();
    if (order === 'rendered') field.mask(await field.render(large), query);
    else await field.maskOfGaussians(large, query);
    // The first one grows the working memory.
    if (i > 0) times.push(performance.now() - began);
  }
  return times;
}

function summary(objects: readonly (readonly Score[])[]) {
  const all = objects.flat();
  const mean = (values: readonly number[]) =>
    values.length === 0 ? null : (100 * values.reduce((sum, value) => sum + value, 0)) / values.length;
  return {
    /** Mean over (object, view) pairs. */
    miou: mean(all.map(({ iou }) => iou)),
    mbiou: mean(all.map(({ boundaryIou }) => boundaryIou)),
    /** Mean over objects of their mean over views. */
    perObject: mean(
      objects.flatMap((scores) => (mean(scores.map(({ iou }) => iou)) ?? Number.NaN) / 100).filter(Number.isFinite),
    ),
  };
}
