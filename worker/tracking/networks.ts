/** What networks of the user's say about the frames of a video: how far things are, and what they look like. */
import { LiftscopeError, type TrackingRequest } from '../../contract/index.ts';
import type { PlanarImage } from '../images/index.ts';
import { DepthModel, DinoModel } from '../models/index.ts';
import { type AlignedDepth, type Camera, DepthAligner, type StaticDepth } from '../objects/index.ts';

export class TrackingNetworks implements AsyncDisposable {
  readonly #depth: DepthModel | undefined;
  readonly #features: DinoModel | undefined;
  readonly #aligner: DepthAligner;

  private constructor(depth: DepthModel | undefined, features: DinoModel | undefined) {
    this.#depth = depth;
    this.#features = features;
    // Metres of a network and units of the capture are two scales: metric depth is fitted as well.
    this.#aligner = new DepthAligner(depth?.manifest.values === 'disparity' ? 'disparity' : 'depth');
  }

  /** @throws LiftscopeError for a model that is missing or cannot be used */
  static async open({ depth, features, threads }: TrackingRequest): Promise<TrackingNetworks> {
    const network = depth.kind === 'model' ? await DepthModel.open(depth.modelDir, threads) : undefined;
    try {
      const visual = features.kind === 'model' ? await DinoModel.open(features.modelDir, threads) : undefined;
      return new TrackingNetworks(network, visual);
    } catch (error) {
      await network?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Depth in the capture's units; undefined where it cannot be aligned. */
  async depth(photo: PlanarImage, points: StaticDepth, camera: Camera): Promise<AlignedDepth | undefined> {
    if (this.#depth === undefined) throw new LiftscopeError({ code: 'internal', message: 'No depth network is open.' });
    return this.#aligner.align(await this.#depth.predict(photo), points.render(camera));
  }

  /** [D] of each segment by its id, unit length; undefined without a network. @param labels [H, W] */
  async describe(photo: PlanarImage, labels: Int32Array): Promise<ReadonlyMap<number, Float32Array> | undefined> {
    return this.#features?.describe(photo, labels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#depth?.[Symbol.asyncDispose]();
    await this.#features?.[Symbol.asyncDispose]();
  }
}
