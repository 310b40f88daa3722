/** Views of a frozen model as votes, embeddings and instance maps need them: blending weights W, and W times features. */
import { type Backend, type DeviceBuffer, GrowingBuffers } from '../../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendChannels,
  blendForward,
  blendingWeights,
  type LabelWeights,
  labelWeights,
  type PinholeView,
  PROJECTED_BYTES,
  project,
  TileLists,
} from '../../kernels/index.ts';
import type { SplatModel } from '../../splats/index.ts';

/** Sparse [pixels, N], front to back within a row. Row r is the r-th of the pixels asked for. */
export interface PixelWeights {
  /** [R + 1] */
  readonly rowStart: Uint32Array;
  /** [E] Gaussians */
  readonly columns: Uint32Array;
  /** [E] */
  readonly weights: Float32Array;
}

/** Features of every pixel of a view, planar. */
export interface RenderedFeatures {
  readonly width: number;
  readonly height: number;
  /** [H, W] */
  readonly alpha: Float32Array;
  /** [H, W] sum of w z: divide by alpha for the expected depth. */
  readonly depth: Float32Array;
  /** [D, H, W] sums of w f, not divided by alpha. */
  readonly features: Float32Array;
}

/**
 * The first `dimensions` planes divided by alpha, in place, for embeddings that are compared by distance: the mean along the ray is
 * the same wherever their origin lies. Nothing is where nothing is rendered.
 */
export function divideByAlpha({ features, alpha }: RenderedFeatures, dimensions: number): void {
  for (let i = 0; i < alpha.length; i++) {
    if (!(alpha[i]! > 0)) continue;
    for (let d = 0; d < dimensions; d++) features[d * alpha.length + i]! /= alpha[i]!;
  }
}

/** Reads W off a frozen model, view by view, reusing its working memory. */
export class WeightReader {
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
    this.#buffers = new GrowingBuffers(backend, 'weights');
  }

  /** @param pixels row-major indices, each at most once; default all, in order. @throws OutOfMemoryError, RangeError */
  async read(view: PinholeView, pixels?: ArrayLike<number>): Promise<PixelWeights> {
    const picture = this.#record(view);
    const { width, height } = picture;
    const chosen = pixels ?? Uint32Array.from({ length: width * height }, (_, i) => i);
    const matrix = await blendingWeights(this.#backend, picture, chosen);
    try {
      const [rowStart, columns, weights] = await Promise.all(
        [matrix.rowStart, matrix.columns, matrix.weights].map((buffer) => this.#backend.read(buffer)),
      );
      return {
        rowStart: new Uint32Array(rowStart!),
        columns: new Uint32Array(columns!),
        weights: new Float32Array(weights!),
      };
    } finally {
      matrix.dispose();
    }
  }

  /** Column sums of W by label. @param labels [H·W] @throws OutOfMemoryError, RangeError */
  async sums(view: PinholeView, labels: ArrayLike<number>): Promise<LabelWeights> {
    return labelWeights(this.#backend, this.#record(view), labels);
  }

  /** W times features. @param features [N, D] on the device. @throws OutOfMemoryError */
  async render(view: PinholeView, features: DeviceBuffer, featureDim: number): Promise<RenderedFeatures> {
    const picture = this.#prepare(view);
    const { width, height } = picture;
    const pixels = width * height;
    const output = this.#buffers.ensure('channels', 4 * (4 + featureDim) * pixels);
    const alpha = this.#buffers.ensure('alpha', 4 * pixels);
    const contributors = this.#buffers.ensure('contributors', 4 * pixels);
    this.#backend.run(blendChannels, { ...picture, features, featureDim, output, alpha, contributors });
    const [depth, rendered, alphas] = await Promise.all([
      this.#backend.read(output, 12 * pixels, 4 * pixels),
      this.#backend.read(output, 16 * pixels, 4 * featureDim * pixels),
      this.#backend.read(alpha, 0, 4 * pixels),
    ]);
    return {
      width,
      height,
      alpha: new Float32Array(alphas),
      depth: new Float32Array(depth),
      features: new Float32Array(rendered),
    };
  }

  /** A recording pass: what W is read from. */
  #record(view: PinholeView) {
    const picture = this.#prepare(view);
    const rgb = this.#buffers.ensure('rgb', 12 * picture.width * picture.height);
    this.#backend.run(blendForward, { ...picture, rgb, record: true });
    return picture;
  }

  #prepare(view: PinholeView) {
    const { parameters, count, shDegree } = this.#model;
    const { widthPixels: width, heightPixels: height } = view;
    const projected = this.#buffers.ensure('projected', Math.max(1, count) * PROJECTED_BYTES);
    // Colours are not looked at: degree 0 is the cheapest.
    this.#backend.run(project, { parameters, count, shDegree, activeShDegree: 0, view, projected });
    this.#backend.run(binTiles, { projected, count, width, height, lists: this.#lists });
    return { projected, lists: this.#lists, state: this.#state, width, height, background: [0, 0, 0] as const };
  }

  dispose(): void {
    this.#lists.dispose();
    this.#state.dispose();
    this.#buffers.dispose();
  }
}
