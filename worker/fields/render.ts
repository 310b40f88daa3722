/** Features of a trained field in any view. */
import { type Backend, GrowingBuffers } from '../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendChannels,
  type PinholeView,
  PROJECTED_BYTES,
  project,
  TileLists,
} from '../kernels/index.ts';
import type { SplatModel } from '../splats/index.ts';

export interface RenderedFeatures {
  readonly width: number;
  readonly height: number;
  /** [H, W, D] sum of w f, not divided by alpha. */
  readonly features: Float32Array;
  /** [H, W] */
  readonly alpha: Float32Array;
}

/** Renders per-Gaussian features, reusing its working memory between views. */
export class FieldRenderer {
  readonly #backend: Backend;
  readonly #model: SplatModel;
  readonly #lists: TileLists;
  readonly #state: BlendState;
  readonly #buffers: GrowingBuffers;
  #uploaded: Float32Array | undefined;

  constructor(backend: Backend, model: SplatModel) {
    this.#backend = backend;
    this.#model = model;
    this.#lists = new TileLists(backend);
    this.#state = new BlendState(backend);
    this.#buffers = new GrowingBuffers(backend, 'field rendering');
  }

  /** @param features [N, D]; the same array again is not uploaded again. @throws RangeError when it is not [N, D]. */
  async render(view: PinholeView, features: Float32Array, dimensions: number): Promise<RenderedFeatures> {
    const { parameters, count, shDegree } = this.#model;
    if (features.length !== count * dimensions) {
      throw new RangeError(`${features.length} features for ${count} Gaussians of ${dimensions} dimensions`);
    }
    const { widthPixels: width, heightPixels: height } = view;
    const pixels = width * height;
    const projected = this.#buffers.ensure('projected', Math.max(1, count) * PROJECTED_BYTES);
    const table = this.#buffers.ensure('features', features.byteLength);
    if (this.#uploaded !== features) this.#backend.write(table, features);
    this.#uploaded = features;
    const output = this.#buffers.ensure('channels', 4 * (4 + dimensions) * pixels);
    const alpha = this.#buffers.ensure('alpha', 4 * pixels);
    const contributors = this.#buffers.ensure('contributors', 4 * pixels);
    this.#backend.run(project, { parameters, count, shDegree, activeShDegree: 0, view, projected });
    this.#backend.run(binTiles, { projected, count, width, height, lists: this.#lists });
    this.#backend.run(blendChannels, {
      ...{ projected, lists: this.#lists, state: this.#state, width, height, background: [0, 0, 0] },
      ...{ features: table, featureDim: dimensions, output, alpha, contributors },
    });
    const planes = new Float32Array(await this.#backend.read(output, 16 * pixels, 4 * dimensions * pixels));
    const rows = new Float32Array(dimensions * pixels);
    for (let d = 0; d < dimensions; d++) {
      for (let p = 0; p < pixels; p++) rows[p * dimensions + d] = planes[d * pixels + p]!;
    }
    const covered = new Float32Array(await this.#backend.read(alpha, 0, 4 * pixels));
    return { width, height, features: rows, alpha: covered };
  }

  dispose(): void {
    this.#lists.dispose();
    this.#state.dispose();
    this.#buffers.dispose();
    this.#uploaded = undefined;
  }
}
