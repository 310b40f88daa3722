/** N2F2 (Bhalgat et al. 2024): one field whose first M dimensions are the embedding at one physical scale. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import { adam, nestedProjection, nestedProjectionGradients } from '../../kernels/index.ts';
import { fieldRandom } from '../frames.ts';
import { type Backbone, columnsOf, createBackbone } from './backbone.ts';
import { rateAt, trainingLoop } from './loop.ts';
import { applyNetwork, NetworkTraining } from './network.ts';
import type { NestedParameters } from './parameters.ts';
import { LanguageSampler } from './segment-index.ts';
import { OwnedBuffers, SegmentLoss } from './step-buffers.ts';
import type { LanguageTraining } from './train.ts';
import type { NestedField } from './types.ts';

const ADAM_EPSILON = 1e-8;

export async function trainNested(training: LanguageTraining<NestedParameters>): Promise<NestedField> {
  const started = performance.now();
  const { backend, cache, index, means, extent, parameters, seed } = training;
  const { backbone: shape, dimensions, steps, finalRateShare } = parameters;
  const owned = new OwnedBuffers(backend);
  const levels = new NestedLevels(parameters, index.scales);
  const capacity = parameters.batchPixels;
  const backbone = createBackbone(backend, cache, means, shape, seed);
  const network = new NetworkTraining(
    backend,
    {
      ...{ inputs: backbone.channels, width: parameters.width, outputs: dimensions, layers: parameters.layers },
      inputGradients: true,
    },
    ...[capacity, seed, 1],
  );
  try {
    const projection = new ProjectionTraining(backend, owned, index.dimensions, network.parameters.outputStride);
    const { outputs, stride } = projection;
    const loss = new SegmentLoss(
      ...([backend, owned, index] as const),
      { targets: index.embeddings, columns: index.dimensions, stride: outputs, capacity },
      parameters.loss,
    );
    const sampler = new LanguageSampler(index, capacity, seed);
    const rendered = owned.create('rendered features', capacity * backbone.stride);
    const renderedGradients = owned.create('gradients of rendered features', capacity * backbone.stride);
    const theta = owned.create('rows', capacity * stride);
    const thetaGradients = owned.create('gradients of rows', capacity * stride);
    const embeddings = owned.create('embeddings', capacity * outputs);
    const used = owned.create('dimensions in use', capacity);
    const planeRate = parameters.planeRate * (parameters.planeRateTimesExtent ? extent : 1);

    const { losses, millisecondsPerStep } = await trainingLoop({ ...training, steps }, async (step, wantsLoss) => {
      const batch = sampler.draw(step);
      const count = batch.rows.length;
      backend.write(used, levels.dimensionsOf(batch.segments, fieldRandom(seed, 'pairs', step)));
      await backbone.forward(batch.view, batch.rows, rendered);
      network.forward(rendered, count, theta);
      const nested = { rows: theta, used, count, ...projection.shape };
      backend.run(nestedProjection, { ...nested, embeddings });
      loss.run(embeddings, batch.segments);
      backend.run(nestedProjectionGradients, {
        ...nested,
        ...{ upstream: loss.gradients, rowGradients: thetaGradients, projectionGradients: projection.gradients },
      });
      network.backward(count, thetaGradients, renderedGradients);
      backbone.backward(renderedGradients, step);
      const networkRate = rateAt(parameters.networkRate, finalRateShare, step, steps);
      backbone.update(step, rateAt(planeRate, finalRateShare, step, steps));
      network.update(step, networkRate);
      projection.update(step, networkRate);
      return wantsLoss ? loss.value(count) : undefined;
    });

    const theta1 = await thetaOfGaussians(backend, backbone, network);
    return {
      ...{ kind: 'nested', gaussians: cache.gaussians, embeddingDimensions: index.dimensions, dimensions },
      ...{ theta: theta1, projection: await projection.download(dimensions) },
      ...{ levelDimensions: levels.dimensions, scaleEdges: levels.edges },
      report: {
        ...{ parameters, seed, losses, millisecondsPerStep, figures: { levels: levels.dimensions.length } },
        seconds: (performance.now() - started) / 1000,
      },
    };
  } finally {
    owned.dispose();
    backbone.dispose();
    network.dispose();
  }
}

/** At query time the network runs per Gaussian. [N, D] */
async function thetaOfGaussians(backend: Backend, backbone: Backbone, network: NetworkTraining): Promise<Float32Array> {
  return applyNetwork(backend, await network.network(), await backbone.features(), backbone.channels);
}

/** Which dimensions a segment of some physical scale uses. */
export class NestedLevels {
  /** [levels] ascending: k, 2k, … */
  readonly dimensions: Uint32Array;
  /** [levels − 1] ascending quantiles of the segments' scales. */
  readonly edges: Float32Array;
  readonly #random: boolean;
  readonly #ofSegment: Uint32Array;

  /** @param scales [S] physical scale of each segment */
  constructor({ dimensions, stepSize, nesting }: NestedParameters, scales: Float64Array) {
    const levels = nesting === 'none' ? 1 : Math.floor(dimensions / stepSize);
    this.dimensions = Uint32Array.from({ length: levels }, (_, level) =>
      nesting === 'none' ? dimensions : stepSize * (level + 1),
    );
    const sorted = scales.toSorted();
    this.edges = Float32Array.from({ length: levels - 1 }, (_, i) => {
      return sorted[Math.min(sorted.length - 1, Math.floor(((i + 1) / levels) * sorted.length))]!;
    });
    this.#random = nesting === 'random';
    this.#ofSegment = Uint32Array.from(scales, (scale) => this.dimensions[levels - 1 - binOf(this.edges, scale)]!);
  }

  dimensionsOf(segments: Uint32Array, random: () => number): Uint32Array {
    if (!this.#random) return segments.map((segment) => this.#ofSegment[segment]!);
    return segments.map(() => this.dimensions[Math.floor(random() * this.dimensions.length)]!);
  }
}

/** b: how many edges are at or below `scale`. */
function binOf(edges: Float32Array, scale: number): number {
  let [low, high] = [0, edges.length];
  const value = Math.fround(scale);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** W [E, D], from zero. */
class ProjectionTraining {
  readonly gradients: DeviceBuffer;
  /** E and D rounded up. */
  readonly outputs: number;
  readonly stride: number;
  readonly #backend: Backend;
  readonly #embedding: number;
  readonly #values: DeviceBuffer;
  readonly #moments: readonly [DeviceBuffer, DeviceBuffer];
  readonly #zeros: Float32Array;

  constructor(backend: Backend, owned: OwnedBuffers, embedding: number, stride: number) {
    this.#backend = backend;
    this.#embedding = embedding;
    this.outputs = Math.ceil(embedding / 4) * 4;
    this.stride = stride;
    this.#zeros = new Float32Array(this.outputs * stride);
    this.#values = owned.upload('W', this.#zeros);
    this.gradients = owned.upload('gradients of W', this.#zeros);
    this.#moments = [owned.upload('first moments of W', this.#zeros), owned.upload('second moments of W', this.#zeros)];
  }

  get shape() {
    return { projection: this.#values, outputs: this.outputs, stride: this.stride };
  }

  update(step: number, rate: number): void {
    const [firstMoments, secondMoments] = this.#moments;
    this.#backend.run(adam, {
      ...{ parameters: this.#values, gradients: this.gradients, firstMoments, secondMoments },
      ...{ count: this.#zeros.length, rate, step, epsilon: ADAM_EPSILON },
    });
    this.#backend.write(this.gradients, this.#zeros);
  }

  /** [E, dimensions] */
  async download(dimensions: number): Promise<Float32Array> {
    const bytes = this.#embedding * this.stride * 4;
    return columnsOf(new Float32Array(await this.#backend.read(this.#values, 0, bytes)), dimensions, this.stride);
  }
}
