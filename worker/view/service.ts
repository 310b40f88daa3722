/** Answers the calls of the view session, one at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  LiftscopeError,
  type ViewAnswer,
  type ViewCall,
  type ViewEmbeddingCall,
  type ViewInfoAnswer,
  type ViewObjects,
  type ViewPickCall,
  type ViewQueryCall,
  type ViewRenderAnswer,
  type ViewRenderCall,
  type ViewSegmentCall,
  type ViewThumbnailCall,
  viewCallSchema,
} from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import type { PlanarFloatImage } from '../images/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { type DepthRange, greyImage, type SplatRenderer, viewOf } from '../splats/index.ts';
import { recolour, type SplatBlocks } from './blocks.ts';
import { FeatureCache } from './click-features.ts';
import { LanguageFields, type OpenTextEncoder, RelevancyFiles } from './language.ts';
import { ModelCache, type ViewModel } from './models.ts';
import { MovingRenderer, reducedView } from './moving.ts';
import {
  type HiddenGaussians,
  hiddenGaussians,
  MembershipFiles,
  type Tints,
  tintsOf,
  ValueRenderer,
} from './object-look.ts';
import { pickAt } from './pick.ts';
import { encodePicture, photoAt, residualImage } from './picture.ts';
import { embeddingSample, segmentByClicks } from './segment.ts';

/** A thumbnail may take a little longer than a moving picture. */
const THUMBNAIL_GAUSSIANS = 400_000;

export class ViewService {
  calls = 0;
  readonly #models: ModelCache;
  readonly #moving: MovingRenderer;
  readonly #members = new MembershipFiles();
  readonly #values: ValueRenderer;
  readonly #features: FeatureCache;
  readonly #relevancies = new RelevancyFiles();
  readonly #language: LanguageFields;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param openEncoder stands in for models in tests */
  constructor(backend: Backend, modelBudgetBytes: number, openEncoder?: OpenTextEncoder) {
    this.#models = new ModelCache(backend, modelBudgetBytes);
    this.#moving = new MovingRenderer(backend);
    this.#values = new ValueRenderer(backend);
    this.#features = new FeatureCache(backend);
    this.#language = new LanguageFields(backend, openEncoder);
  }

  /** Calls wait for their turn; one whose signal aborts before it is skipped. @throws LiftscopeError, ImageFileError */
  answer(raw: unknown, signal: AbortSignal): Promise<ViewAnswer> {
    const parsed = viewCallSchema.safeParse(raw);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const message = `The view call is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`;
      return Promise.reject(new LiftscopeError({ code: 'bad-input', message }));
    }
    const answer = this.#queue.then(() => {
      signal.throwIfAborted();
      this.calls += 1;
      return this.#dispatch(parsed.data, signal);
    });
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  #dispatch(call: ViewCall, signal: AbortSignal): Promise<ViewAnswer> {
    switch (call.kind) {
      case 'render':
        return this.#render(call, signal);
      case 'pick':
        return this.#pick(call);
      case 'info':
        return this.#info(call.splatsPath);
      case 'thumbnail':
        return this.#thumbnail(call);
      case 'segment':
        return this.#segment(call);
      case 'embedding':
        return this.#embedding(call);
      case 'query':
        return this.#query(call);
      default:
        return call satisfies never;
    }
  }

  async #render(call: ViewRenderCall, signal: AbortSignal): Promise<ViewRenderAnswer> {
    const startedAt = performance.now();
    const { model } = await this.#models.get(call.splatsPath);
    const full = viewOf(call.view);
    const moving = call.quality === 'moving';
    const view = moving ? reducedView(full) : full;
    const whole =
      !moving ||
      model.header.count <= this.#moving.budget ||
      call.channel === 'membership' ||
      call.channel === 'relevancy';
    const look = call.objects && (await this.#look(model, call.objects));
    // The first use uploads it. Then, and after loading, look whether the host has changed its mind.
    if (whole) model.upload(look?.hidden);
    await nextTurn();
    signal.throwIfAborted();
    const drawnAt = performance.now();
    // A model that is small enough is drawn whole, with all its coefficients: only the pixels are fewer then.
    const { renderer, gaussians } = whole
      ? { renderer: model.upload(look?.hidden), gaussians: model.header.count }
      : this.#moving.prepare(blocksOf(model, look), view);
    const { image, range, maximum } = await this.#draw(renderer, model, view, call);
    // Merged Gaussians have taken on their colours already.
    if (whole && look?.tints !== undefined && call.channel === 'colour') {
      await this.#values.tint(image, model.reader(look.hidden), view, look.tints);
    }
    const drawMs = performance.now() - drawnAt;
    if (moving) this.#moving.tookMs(drawMs);
    return {
      bytes: await encodePicture(image, call.format, call.encodeQuality),
      ...{ format: call.format, width: image.width, height: image.height },
      ...{ totalMs: performance.now() - startedAt, drawMs, gaussians },
      ...(range !== undefined && { depthRange: range }),
      ...(maximum !== undefined && { maximum }),
    };
  }

  async #draw(renderer: SplatRenderer, model: ViewModel, view: PinholeView, call: ViewRenderCall): Promise<Drawn> {
    switch (call.channel) {
      case 'membership':
        return { image: await this.#membership(model, view, call) };
      case 'relevancy':
        return this.#relevancy(model, view, call);
      default:
        return draw(renderer, view, call.channel, call);
    }
  }

  async #relevancy(model: ViewModel, view: PinholeView, { relevancyPath, objects }: ViewRenderCall): Promise<Drawn> {
    if (relevancyPath === undefined) {
      throw new LiftscopeError({ code: 'bad-input', message: 'Whose relevancy is to be shown is not said.' });
    }
    const { count } = model.header;
    const values = await this.#relevancies.get(relevancyPath, count);
    const hidden = objects && hiddenGaussians(await this.#members.get(objects.idsPath, count), objects);
    return this.#values.relevancy(model.reader(hidden), view, relevancyPath, values);
  }

  async #query(call: ViewQueryCall): Promise<ViewAnswer<'query'>> {
    const { model } = await this.#models.get(call.splatsPath);
    return this.#language.query(call, model, this.#members);
  }

  async #look(model: ViewModel, objects: ViewObjects): Promise<Look> {
    const membership = await this.#members.get(objects.idsPath, model.header.count);
    return { hidden: hiddenGaussians(membership, objects), tints: tintsOf(membership, objects) };
  }

  async #membership(model: ViewModel, view: PinholeView, { objects }: ViewRenderCall): Promise<PlanarFloatImage> {
    if (objects?.object === undefined) {
      throw new LiftscopeError({ code: 'bad-input', message: 'Whose membership is to be shown is not said.' });
    }
    const membership = await this.#members.get(objects.idsPath, model.header.count);
    return this.#values.membership(model.reader(), view, membership, objects.object);
  }

  async #pick({ splatsPath, view, x, y, objects }: ViewPickCall): Promise<ViewAnswer<'pick'>> {
    const { model } = await this.#models.get(splatsPath);
    const members = objects && (await this.#members.get(objects.idsPath, model.header.count));
    const hidden = members && objects && hiddenGaussians(members, objects);
    return pickAt(model.blocks, viewOf(view), x, y, hidden?.mask);
  }

  async #segment(call: ViewSegmentCall): Promise<ViewAnswer<'segment'>> {
    const { model } = await this.#models.get(call.splatsPath);
    return segmentByClicks(call, this.#features, model.reader(), model);
  }

  async #embedding({ liftPath, samples }: ViewEmbeddingCall): Promise<ViewAnswer<'embedding'>> {
    return embeddingSample(await this.#features.lift(liftPath), samples);
  }

  async #info(splatsPath: string): Promise<ViewInfoAnswer> {
    const { model, loaded } = await this.#models.get(splatsPath);
    const { header, grid, fileBytes, loadMs } = model;
    return {
      ...{ count: header.count, shDegree: header.shDegree, sizeBytes: fileBytes },
      bounds: { min: [...grid.min], max: [...grid.max] },
      ...(header.generator !== undefined && { generator: header.generator }),
      ...(header.iterations !== undefined && { iterations: header.iterations }),
      loadMs: loaded ? loadMs : 0,
    };
  }

  async #thumbnail(call: ViewThumbnailCall): Promise<ViewRenderAnswer> {
    const startedAt = performance.now();
    const { model } = await this.#models.get(call.splatsPath);
    const { width, height, format } = call;
    const view = call.view === undefined ? viewFromOutside(model, width, height) : fitted(viewOf(call.view), call);
    const drawnAt = performance.now();
    const { renderer, gaussians } = this.#moving.prepare(model.blocks, view, THUMBNAIL_GAUSSIANS);
    const image = await renderer.colour(view);
    const drawMs = performance.now() - drawnAt;
    const bytes = await encodePicture(image, format, 80);
    return { bytes, format, width, height, drawMs, totalMs: performance.now() - startedAt, gaussians };
  }

  dispose(): void {
    this.#language.dispose();
    this.#values.dispose();
    this.#features.dispose();
    this.#moving.dispose();
    this.#models.dispose();
  }
}

interface Drawn {
  readonly image: PlanarFloatImage;
  readonly range?: DepthRange | undefined;
  /** Of relevancy. */
  readonly maximum?: number;
}

/** How the objects of a model are to be seen. */
interface Look {
  readonly hidden: HiddenGaussians | undefined;
  readonly tints: Tints | undefined;
}

function blocksOf(model: ViewModel, look: Look | undefined): SplatBlocks {
  const { hidden, tints } = look ?? {};
  if (hidden === undefined && tints === undefined) return model.blocks;
  const key = JSON.stringify([hidden?.key, tints?.key]);
  return model.recoloured(key, (blocks) => recolour(blocks, hidden?.mask, tints?.values));
}

async function draw(
  renderer: SplatRenderer,
  view: PinholeView,
  channel: Exclude<ViewRenderCall['channel'], 'membership' | 'relevancy'>,
  call: ViewRenderCall,
): Promise<Drawn> {
  switch (channel) {
    case 'colour':
      return { image: await renderer.colour(view, undefined, call.background) };
    case 'depth':
    case 'alpha':
      return greyImage(await renderer.channels(view), channel, call.depthRange);
    case 'residual': {
      if (call.photoPath === undefined) {
        throw new LiftscopeError({ code: 'bad-input', message: 'A residual needs the photo to compare with.' });
      }
      const image = await renderer.colour(view);
      return {
        image: residualImage(image, await photoAt(call.photoPath, image.width, image.height), call.residualFull),
      };
    }
    default:
      return channel satisfies never;
  }
}

/** The middle of `view` at another size and aspect: nothing is stretched, what does not fit is cut off. */
function fitted(view: PinholeView, size: { readonly width: number; readonly height: number }): PinholeView {
  const scale = Math.max(size.width / view.widthPixels, size.height / view.heightPixels);
  return {
    ...view,
    ...{ widthPixels: size.width, heightPixels: size.height, fx: view.fx * scale, fy: view.fy * scale },
    cx: (view.cx - view.widthPixels / 2) * scale + size.width / 2,
    cy: (view.cy - view.heightPixels / 2) * scale + size.height / 2,
  };
}

/** Half the field of view of the camera that looks at a model from outside, radians. */
const HALF_FIELD = 0.4;

/** From a little above (y points down), far enough for the ball around the bounds to fit. */
function viewFromOutside({ grid }: ViewModel, widthPixels: number, heightPixels: number): PinholeView {
  const centre = grid.min.map((low, k) => 0.5 * (low + grid.max[k]!));
  const radius = 0.5 * Math.hypot(...grid.max.map((high, k) => high - grid.min[k]!));
  const distance = radius / Math.sin(HALF_FIELD);
  const focal = Math.min(widthPixels, heightPixels) / 2 / Math.tan(HALF_FIELD);
  const [yaw, pitch] = [0.6, 0.35];
  const forward = [Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)];
  const right = [Math.cos(yaw), 0, -Math.sin(yaw)];
  const down = [-Math.sin(yaw) * Math.sin(pitch), Math.cos(pitch), -Math.cos(yaw) * Math.sin(pitch)];
  const row = (axis: number[], offset: number) => [
    ...axis,
    offset - axis.reduce((sum, value, k) => sum + value * centre[k]!, 0),
  ];
  return {
    ...{ widthPixels, heightPixels, fx: focal, fy: focal, cx: widthPixels / 2, cy: heightPixels / 2 },
    cameraFromWorld: [...row(right, 0), ...row(down, 0), ...row(forward, Math.max(distance, 1e-3))],
  };
}
