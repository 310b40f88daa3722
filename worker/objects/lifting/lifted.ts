/** What a lift knows about Gaussians, however it was made, and the instance map of any view that follows from it. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import type { PinholeView } from '../../kernels/index.ts';
import { nearestCentroids } from './embedding-clusters.ts';
import type { SparseRows } from './evidence.ts';
import type { GaussianObjects } from './vote.ts';
import type { WeightReader } from './weights.ts';

/** How objects are read off. Objects are numbered from 1; object k has centroid k - 1, or logit k - 1. */
export type Readout =
  /** Shares of votes. Rows: Gaussians; ids: objects. */
  | { readonly kind: 'votes'; readonly shares: SparseRows }
  | {
      readonly kind: 'embedding';
      readonly dimensions: number;
      /** [N, D] */
      readonly features: Float32Array;
      /** [objects, D] */
      readonly centroids: Float32Array;
      /** Rendered vectors are scaled to unit length before they are compared. */
      readonly unitLength: boolean;
    }
  /** [N, objects] scores; the largest rendered one wins. */
  | { readonly kind: 'logits'; readonly features: Float32Array };

export interface LiftedGaussians {
  readonly gaussians: number;
  readonly objects: number;
  /** [N] share of foreground, in [0, 1]. */
  readonly foreground: Float32Array;
  /** Above this rendered share a pixel is foreground. */
  readonly foregroundShare: number;
  readonly readout: Readout;
}

/** Less alpha than this is nothing to look at. */
const LEAST_ALPHA = 0.05;
/** Features per pass: memory of a rendered view stays bounded whatever the number of logits. */
const CHANNELS_PER_PASS = 32;

/**
 * Instance maps of a lift. Class first, then instance: a pixel is foreground when its rendered foreground share, divided by
 * alpha, is above the threshold; background has no instance; a foreground pixel that no object claims is background.
 */
export class InstanceRenderer {
  readonly #backend: Backend;
  readonly #reader: WeightReader;
  readonly #lifted: LiftedGaussians;
  /** [N, channels] each; the first one starts with the foreground share. */
  readonly #passes: { readonly features: DeviceBuffer; readonly channels: number }[] = [];

  constructor(backend: Backend, reader: WeightReader, lifted: LiftedGaussians) {
    this.#backend = backend;
    this.#reader = reader;
    this.#lifted = lifted;
    const { readout, gaussians, foreground } = lifted;
    if (readout.kind === 'votes') return;
    const dimensions = channelsOf(lifted);
    for (let first = -1; first < dimensions; first += CHANNELS_PER_PASS) {
      const channels = Math.min(CHANNELS_PER_PASS, dimensions - first);
      const packed = new Float32Array(gaussians * channels);
      for (let i = 0; i < gaussians; i++) {
        for (let c = 0; c < channels; c++) {
          packed[i * channels + c] = first + c < 0 ? foreground[i]! : readout.features[i * dimensions + first + c]!;
        }
      }
      const features = backend.createBuffer('instance features', packed.byteLength);
      backend.write(features, packed);
      this.#passes.push({ features, channels });
    }
  }

  /** [H·W] object 1 … objects, 0 = background. */
  async map(view: PinholeView): Promise<Uint32Array> {
    const { readout } = this.#lifted;
    return readout.kind === 'votes' ? this.#byVotes(view, readout.shares) : this.#byFeatures(view, readout);
  }

  async #byVotes(view: PinholeView, shares: SparseRows): Promise<Uint32Array> {
    const { objects, foreground: inside, foregroundShare } = this.#lifted;
    const { rowStart, columns, weights } = await this.#reader.read(view);
    const { start, ids, weights: share } = shares;
    const map = new Uint32Array(rowStart.length - 1);
    const score = new Float64Array(objects + 1);
    for (let pixel = 0; pixel < map.length; pixel++) {
      const [first, end] = [rowStart[pixel]!, rowStart[pixel + 1]!];
      let alpha = 0;
      let foreground = 0;
      for (let entry = first; entry < end; entry++) {
        alpha += weights[entry]!;
        foreground += weights[entry]! * inside[columns[entry]!]!;
      }
      if (!(alpha >= LEAST_ALPHA && foreground > foregroundShare * alpha)) continue;
      const touched: number[] = [];
      for (let entry = first; entry < end; entry++) {
        const gaussian = columns[entry]!;
        for (let k = start[gaussian]!; k < start[gaussian + 1]!; k++) {
          const object = ids[k]!;
          if (score[object] === 0) touched.push(object);
          score[object]! += weights[entry]! * share[k]!;
        }
      }
      let best = 0;
      for (const object of touched) if (score[object]! > score[best]!) best = object;
      map[pixel] = best;
      for (const object of touched) score[object] = 0;
    }
    return map;
  }

  async #byFeatures(view: PinholeView, readout: Exclude<Readout, { kind: 'votes' }>): Promise<Uint32Array> {
    const { foregroundShare } = this.#lifted;
    const pixels = view.widthPixels * view.heightPixels;
    const map = new Uint32Array(pixels);
    const highest = readout.kind === 'logits' ? new Float32Array(pixels).fill(-Infinity) : undefined;
    const inside: number[] = [];
    let vectors = new Float32Array(0);
    let at = 0;
    for (const [pass, { features, channels }] of this.#passes.entries()) {
      const rendered = await this.#reader.render(view, features, channels);
      if (pass === 0) {
        for (let pixel = 0; pixel < pixels; pixel++) {
          const alpha = rendered.alpha[pixel]!;
          if (alpha >= LEAST_ALPHA && rendered.features[pixel]! > foregroundShare * alpha) inside.push(pixel);
        }
        if (readout.kind === 'embedding') vectors = new Float32Array(inside.length * readout.dimensions);
      }
      for (let c = pass === 0 ? 1 : 0; c < channels; c++, at++) {
        const plane = rendered.features.subarray(c * pixels, (c + 1) * pixels);
        for (const [row, pixel] of inside.entries()) {
          const value = plane[pixel]!;
          if (readout.kind === 'embedding') {
            // Of unit vectors only the direction counts.
            vectors[row * readout.dimensions + at] = readout.unitLength ? value : value / rendered.alpha[pixel]!;
          } else if (value > highest![pixel]!) {
            highest![pixel] = value;
            map[pixel] = at + 1;
          }
        }
      }
    }
    if (readout.kind === 'embedding') {
      if (readout.unitLength) normaliseRows(vectors, readout.dimensions);
      const { nearest } = nearestCentroids(vectors, readout.dimensions, readout.centroids);
      for (const [row, pixel] of inside.entries()) map[pixel] = nearest[row]!;
    }
    return map;
  }

  dispose(): void {
    for (const { features } of this.#passes.splice(0)) this.#backend.destroyBuffer(features);
  }
}

function channelsOf({ readout, objects }: LiftedGaussians): number {
  switch (readout.kind) {
    case 'embedding':
      return readout.dimensions;
    case 'logits':
      return objects;
    case 'votes':
      return 0;
    default:
      return readout satisfies never;
  }
}

/** Rows to unit length, in place; zero rows stay. @param rows [n, D] */
export function normaliseRows(rows: Float32Array, dimensions: number): void {
  for (let at = 0; at < rows.length; at += dimensions) {
    let squared = 0;
    for (let d = 0; d < dimensions; d++) squared += rows[at + d]! ** 2;
    if (squared === 0) continue;
    const scale = 1 / Math.sqrt(squared);
    for (let d = 0; d < dimensions; d++) rows[at + d]! *= scale;
  }
}

/**
 * Object of every Gaussian by its own features, where it is foreground. Confidence: of votes the winner's share; of an embedding
 * 1 - d1/d2 with the distances to the nearest two centroids; of logits the winner's softmax.
 */
export function objectsOfGaussians(lifted: LiftedGaussians): GaussianObjects {
  const { gaussians, foreground, foregroundShare, readout, objects } = lifted;
  const objectOfGaussian = new Uint32Array(gaussians);
  const confidence = Float32Array.from(foreground, (share) => 1 - share);
  const put = (i: number, object: number, value: number) => {
    if (object === 0 || !(foreground[i]! > foregroundShare)) return;
    objectOfGaussian[i] = object;
    confidence[i] = value;
  };
  if (readout.kind === 'votes') {
    const { start, ids, weights } = readout.shares;
    for (let i = 0; i < gaussians; i++) {
      let best = start[i]!;
      for (let k = best + 1; k < start[i + 1]!; k++) if (weights[k]! > weights[best]!) best = k;
      if (best < start[i + 1]!) put(i, ids[best]!, weights[best]!);
    }
  } else if (readout.kind === 'embedding') {
    const vectors = readout.features.slice();
    if (readout.unitLength) normaliseRows(vectors, readout.dimensions);
    const found = nearestCentroids(vectors, readout.dimensions, readout.centroids);
    for (let i = 0; i < gaussians; i++) {
      const [first, second] = [found.squaredDistance[i]!, found.squaredRunnerUp[i]!];
      put(i, found.nearest[i]!, second > 0 ? 1 - Math.sqrt(first / second) : 0);
    }
  } else {
    for (let i = 0; i < gaussians; i++) {
      const row = readout.features.subarray(i * objects, (i + 1) * objects);
      let best = 0;
      for (let k = 1; k < objects; k++) if (row[k]! > row[best]!) best = k;
      const total = row.reduce((sum, value) => sum + Math.exp(value - row[best]!), 0);
      if (objects > 0) put(i, best + 1, 1 / total);
    }
  }
  return { objectOfGaussian, confidence };
}
