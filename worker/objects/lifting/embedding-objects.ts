/** A trained embedding to objects (methods 2.2): sample, cluster, sweep, choose. */
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { ClusteringParameters } from '../../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import type { PinholeView } from '../../kernels/index.ts';
import {
  type ClusterMethod,
  clusterEmbedding,
  clusterSizeSweep,
  type EmbeddingClusters,
  nearestCentroids,
} from './embedding-clusters.ts';
import type { PosedSegments } from './evidence.ts';
import { normaliseRows } from './lifted.ts';
import { liftRandom } from './random.ts';
import { randomViewpoints } from './viewpoints.ts';
import { divideByAlpha, type WeightReader } from './weights.ts';

export interface EmbeddingField {
  readonly dimensions: number;
  /** [N, D] */
  readonly features: Float32Array;
  readonly unitLength: boolean;
  /** [N] share of foreground, in [0, 1]. */
  readonly foreground: Float32Array;
  readonly foregroundShare: number;
}

export interface EmbeddingObjects {
  /** [objects, D] */
  readonly centroids: Float32Array;
  readonly objects: number;
  /** Every value of the sweep with its score: mean per-frame PQ of the foreground class, in percent. */
  readonly sweep: readonly { value: number; clusters: number; noiseShare: number; pq: number }[];
  readonly chosen: number | null;
  readonly samples: number;
  readonly seconds: { readonly sample: number; readonly cluster: number; readonly sweep: number };
}

/** How well an instance map [H·W], 0 = background, agrees with a frame's segments: PQ of the foreground class in [0, 1]. */
export type MapScore = (frame: PosedSegments, map: Uint32Array) => number;

/** Rendered vectors and class of the pixels that have one. */
interface RenderedEmbedding {
  /** Row-major indices of the foreground pixels. */
  readonly pixels: Uint32Array;
  /** [pixels, D] */
  readonly vectors: Float32Array;
}

const COVERED_ALPHA = 0.5;

/**
 * Objects are clusters of the rendered embedding of foreground pixels, sampled over random viewpoints. The swept value whose
 * nearest-centroid maps agree best, per frame, with the masks of a share of the training frames is taken.
 * @throws LiftscopeError, PointsError, OutOfMemoryError, the signal's reason
 */
export async function embeddingToObjects(
  backend: Backend,
  reader: WeightReader,
  field: EmbeddingField,
  frames: readonly PosedSegments[],
  parameters: ClusteringParameters,
  seed: number,
  score: MapScore,
  signal?: AbortSignal,
): Promise<EmbeddingObjects> {
  const { dimensions } = field;
  const packed = packFeatures(field);
  const features = backend.createBuffer('embedding and foreground', packed.byteLength);
  backend.write(features, packed);
  try {
    const began = performance.now();
    const samples = await sampleEmbedding(reader, features, field, frames, parameters, seed, signal);
    const sampled = performance.now();
    const method = methodOf(parameters, samples.length / dimensions);
    const clusterings = await clusterEmbedding(backend, samples, dimensions, method, parameters, signal);
    const clustered = performance.now();
    const scored = await scoreSweep(
      reader,
      features,
      field,
      frames,
      clusterings,
      parameters.sweepShare,
      seed,
      score,
      signal,
    );
    // Of equal scores the fewest clusters: the larger size explains the same with less.
    const best = scored.reduce<number>(
      (winner, { pq }, i) => (winner < 0 || pq >= scored[winner]!.pq ? i : winner),
      -1,
    );
    const chosen = clusterings[best];
    const seconds = (from: number, to: number) => (to - from) / 1000;
    return {
      centroids: chosen?.centroids ?? new Float32Array(0),
      objects: chosen?.clusters ?? 0,
      sweep: scored,
      chosen: chosen?.value ?? null,
      samples: samples.length / dimensions,
      seconds: {
        sample: seconds(began, sampled),
        cluster: seconds(sampled, clustered),
        sweep: seconds(clustered, performance.now()),
      },
    };
  } finally {
    backend.destroyBuffer(features);
  }
}

function packFeatures({ features, dimensions, foreground }: EmbeddingField): Float32Array {
  const packed = new Float32Array(foreground.length * (dimensions + 1));
  for (let i = 0; i < foreground.length; i++) {
    packed.set(features.subarray(i * dimensions, (i + 1) * dimensions), i * (dimensions + 1));
    packed[i * (dimensions + 1) + dimensions] = foreground[i]!;
  }
  return packed;
}

async function renderEmbedding(
  reader: WeightReader,
  features: DeviceBuffer,
  { dimensions, foregroundShare, unitLength }: EmbeddingField,
  view: PinholeView,
  choose: (pixel: number) => boolean,
): Promise<RenderedEmbedding> {
  const rendered = await reader.render(view, features, dimensions + 1);
  if (!unitLength) divideByAlpha(rendered, dimensions);
  const total = rendered.alpha.length;
  const pixels: number[] = [];
  for (let pixel = 0; pixel < total; pixel++) {
    const alpha = rendered.alpha[pixel]!;
    if (!(alpha >= COVERED_ALPHA && choose(pixel))) continue;
    if (rendered.features[dimensions * total + pixel]! > foregroundShare * alpha) pixels.push(pixel);
  }
  const vectors = new Float32Array(pixels.length * dimensions);
  for (const [row, pixel] of pixels.entries()) {
    for (let d = 0; d < dimensions; d++) vectors[row * dimensions + d] = rendered.features[d * total + pixel]!;
  }
  if (unitLength) normaliseRows(vectors, dimensions);
  return { pixels: Uint32Array.from(pixels), vectors };
}

async function sampleEmbedding(
  reader: WeightReader,
  features: DeviceBuffer,
  field: EmbeddingField,
  frames: readonly PosedSegments[],
  { viewpoints, samples }: ClusteringParameters,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const random = liftRandom(seed, 'viewpoints');
  const parts: Float32Array[] = [];
  const views = randomViewpoints(
    frames.map(({ view }) => view),
    viewpoints,
    random,
  );
  for (const view of views) {
    const share = samples / viewpoints / (view.widthPixels * view.heightPixels);
    const draws = liftRandom(seed, `samples ${parts.length}`);
    const { vectors } = await renderEmbedding(reader, features, field, view, () => draws() < share);
    parts.push(vectors);
    await yieldToEvents();
    signal?.throwIfAborted();
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function methodOf(parameters: ClusteringParameters, points: number): ClusterMethod {
  const { method, minSamples, distances, sweepFrom, sweepTo, sweepStep } = parameters;
  switch (method) {
    case 'hdbscan':
      return {
        kind: 'hdbscan',
        minSamples,
        minClusterSizes: clusterSizeSweep(points, sweepFrom, sweepTo, sweepStep),
      };
    case 'dbscan':
      return { kind: 'dbscan', minSamples: Math.max(2, minSamples), epsilons: distances };
    case 'mean-shift':
      return { kind: 'mean-shift', bandwidths: distances };
    default:
      return method satisfies never;
  }
}

async function scoreSweep(
  reader: WeightReader,
  features: DeviceBuffer,
  field: EmbeddingField,
  frames: readonly PosedSegments[],
  clusterings: readonly EmbeddingClusters[],
  share: number,
  seed: number,
  score: MapScore,
  signal: AbortSignal | undefined,
): Promise<EmbeddingObjects['sweep']> {
  const random = liftRandom(seed, 'sweep');
  const wanted = Math.max(1, Math.round(share * frames.length));
  const chosen = frames
    .map((frame) => ({ frame, key: random() }))
    .sort((a, b) => a.key - b.key)
    .slice(0, wanted);
  const sums = new Float64Array(clusterings.length);
  for (const { frame } of chosen) {
    const { pixels, vectors } = await renderEmbedding(reader, features, field, frame.view, () => true);
    for (const [index, { centroids }] of clusterings.entries()) {
      const predicted = new Uint32Array(frame.segments.length);
      const { nearest } = nearestCentroids(vectors, field.dimensions, centroids);
      for (const [row, pixel] of pixels.entries()) predicted[pixel] = nearest[row]!;
      sums[index]! += score(frame, predicted);
    }
    await yieldToEvents();
    signal?.throwIfAborted();
  }
  return clusterings.map(({ value, clusters, noiseShare }, index) => {
    return { value, clusters, noiseShare, pq: (100 * sums[index]!) / wanted };
  });
}
