/** Rendering a finished model: images, depth, alpha, and their quality against photos. */
import type { FrameQuality } from '../../contract/index.ts';
import { type Backend, GrowingBuffers } from '../compute/index.ts';
import type { PlanarFloatImage, PlanarImage } from '../images/index.ts';
import {
  BlendState,
  binTiles,
  blendChannels,
  blendForward,
  completeView,
  type PinholeView,
  PROJECTED_BYTES,
  project,
  type ShDegree,
  TileLists,
} from '../kernels/index.ts';
import { psnr, ssim } from '../metrics/index.ts';
import type { SplatModel } from './model.ts';

export interface RenderedChannels {
  readonly width: number;
  readonly height: number;
  /** [3, H, W] */
  readonly rgb: Float32Array;
  /** [H, W] sum of w z: divide by alpha for the expected depth. */
  readonly depth: Float32Array;
  /** [H, W] */
  readonly alpha: Float32Array;
}

/** Renders views of a model, reusing its working memory between them. */
export class SplatRenderer {
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
    this.#buffers = new GrowingBuffers(backend, 'rendering');
  }

  /** @param shDegree default all the model has. @param background RGB behind everything. */
  async colour(
    view: PinholeView,
    shDegree = this.#model.shDegree,
    background: readonly [number, number, number] = [0, 0, 0],
  ): Promise<PlanarFloatImage> {
    const picture = this.#prepare(view, shDegree);
    const { width, height } = picture;
    const rgb = this.#buffers.ensure('rgb', 12 * width * height);
    this.#backend.run(blendForward, { ...picture, background, rgb, record: false });
    await completeView(picture);
    return { width, height, data: new Float32Array(await this.#backend.read(rgb, 0, 12 * width * height)) };
  }

  async channels(view: PinholeView): Promise<RenderedChannels> {
    const picture = this.#prepare(view, this.#model.shDegree);
    const { width, height } = picture;
    const pixels = width * height;
    const output = this.#buffers.ensure('channels', 16 * pixels);
    const alpha = this.#buffers.ensure('alpha', 4 * pixels);
    const contributors = this.#buffers.ensure('contributors', 4 * pixels);
    const features = this.#buffers.ensure('features', 0);
    this.#backend.run(blendChannels, { ...picture, features, featureDim: 0, output, alpha, contributors });
    await completeView(picture);
    const read = async (buffer: typeof output, first: number, size: number) =>
      new Float32Array(await this.#backend.read(buffer, 4 * first * pixels, 4 * size * pixels));
    return {
      width,
      height,
      rgb: await read(output, 0, 3),
      depth: await read(output, 3, 1),
      alpha: await read(alpha, 0, 1),
    };
  }

  #prepare(view: PinholeView, activeShDegree: ShDegree) {
    const { parameters, count, shDegree } = this.#model;
    const { widthPixels: width, heightPixels: height } = view;
    const projected = this.#buffers.ensure('projected', Math.max(1, count) * PROJECTED_BYTES);
    this.#backend.run(project, { parameters, count, shDegree, activeShDegree, view, projected });
    this.#backend.run(binTiles, { projected, count, width, height, lists: this.#lists });
    return { projected, lists: this.#lists, state: this.#state, width, height, background: [0, 0, 0] as const };
  }

  dispose(): void {
    this.#lists.dispose();
    this.#state.dispose();
    this.#buffers.dispose();
  }
}

/** Distances along the camera's axis. */
export interface DepthRange {
  readonly near: number;
  readonly far: number;
}

/**
 * Expected depth, near white and far black, or alpha, as a grey image. Pixels that are less than half covered have no depth
 * and are black.
 * @param range what to show as white and black; default the depths of the image.
 */
export function greyImage(
  { width, height, depth, alpha }: RenderedChannels,
  channel: 'depth' | 'alpha',
  range?: DepthRange,
): { image: PlanarFloatImage; range: DepthRange | undefined } {
  const pixels = width * height;
  const data = new Float32Array(3 * pixels);
  const expected = Float32Array.from(depth, (value, i) => value / alpha[i]!);
  let near = Infinity;
  let far = 0;
  for (let i = 0; i < pixels; i++) {
    if (alpha[i]! < 0.5) continue;
    near = Math.min(near, expected[i]!);
    far = Math.max(far, expected[i]!);
  }
  const shown = range ?? (near <= far ? { near, far } : undefined);
  if (shown !== undefined) ({ near, far } = shown);
  for (let i = 0; i < pixels; i++) {
    const value =
      channel === 'alpha' ? alpha[i]! : alpha[i]! < 0.5 ? 0 : 1 - (expected[i]! - near) / Math.max(far - near, 1e-9);
    data[i] = data[pixels + i] = data[2 * pixels + i] = value;
  }
  return { image: { width, height, data }, range: channel === 'depth' ? shown : undefined };
}

/** An exact copy has no finite PSNR, and JSON no infinity; 8-bit photos end far below this. */
const MAX_PSNR_DB = 100;

/** PSNR (at most 100 dB) and SSIM (the metric) of the rendering, clipped to [0, 1], against the photo. */
export function imageQuality(name: string, rendered: PlanarFloatImage, photo: PlanarImage): FrameQuality {
  const { width, height } = photo;
  const clipped = Float64Array.from(rendered.data, (value) => Math.min(1, Math.max(0, value)));
  const truth = Float64Array.from(photo.data, (value) => value / 255);
  const images = [
    { width, height, channels: 3, layout: 'planar', data: clipped },
    { width, height, channels: 3, layout: 'planar', data: truth },
  ] as const;
  return { name, psnr: Math.min(MAX_PSNR_DB, psnr(...images)), ssim: ssim(...images) };
}
