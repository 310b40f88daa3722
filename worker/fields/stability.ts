/** How noisy the gradients of an objective are at fixed features: the stability figures of `bench messy-rooms`. */
import type { Backend } from '../compute/index.ts';
import { BatchSampler, partOf } from './batches.ts';
import { TableField } from './field.ts';
import type { LiftFrame } from './frames.ts';
import { PairObjective } from './objective.ts';
import type { FieldLoss } from './parameters.ts';
import { cancelled, type WeightCache } from './weight-cache.ts';

export interface GradientNoiseOptions {
  readonly backend: Backend;
  readonly cache: WeightCache;
  readonly frames: readonly LiftFrame[];
  /** [N, dimensions]: a snapshot of a table field; both fields where the loss has a slow one. */
  readonly features: Float32Array;
  readonly dimensions: number;
  readonly loss: Extract<FieldLoss, { kind: 'slow-fast' | 'vanilla' | 'margin' }>;
  readonly batchPixels: number;
  /** Minibatches; default 64. */
  readonly batches?: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

export interface GradientNoise {
  readonly batches: number;
  /** tr Cov(g) / ‖E g‖² of the gradient g by all of the field's parameters, over minibatches. */
  readonly relativeVariance: number;
  /** ‖E g‖ */
  readonly meanNorm: number;
  /**
   * As in the released program: Σ over dimensions of the variance of the pixels' gradients over their mean, averaged over
   * minibatches. The gradients of a loss of differences (vanilla, margin) sum to zero over the batch, whatever the features:
   * there the denominator is rounding and the figure says nothing.
   */
  readonly varianceOverMean: number;
}

const DEFAULT_BATCHES = 64;
/** Added to the mean in the released program. */
const RELEASED_EPSILON = 1e-15;

/** The same batches for every loss of one seed and batch size. @throws LiftscopeError, OutOfMemoryError */
export async function gradientNoise(options: GradientNoiseOptions): Promise<GradientNoise> {
  const { backend, cache, frames, features, dimensions, loss, batchPixels, seed, signal } = options;
  const batches = options.batches ?? DEFAULT_BATCHES;
  const sampler = new BatchSampler(cache, frames, batchPixels, seed, 'instances');
  const objective = new PairObjective(backend, loss, batchPixels);
  const field = new TableField(backend, features, dimensions, {});
  const { stride } = field;
  const create = (label: string, values: number) => backend.createBuffer(`gradient noise: ${label}`, values * 4);
  const buffers = {
    fastRows: create('rows', batchPixels),
    slowRows: create('slow rows', batchPixels),
    fast: create('features', batchPixels * stride),
    slow: create('slow features', batchPixels * stride),
    upstream: create('gradient', batchPixels * stride),
  };
  const sum = new Float64Array(features.length);
  let squares = 0;
  let released = 0;
  try {
    for (let index = 1; index <= batches; index++) {
      if (signal?.aborted) throw cancelled();
      const drawn = sampler.draw(index, objective.usesSlow ? 2 : 1);
      const half = objective.usesSlow ? Math.ceil(drawn.rows.length / 2) : drawn.rows.length;
      const [first, second] = [partOf(drawn, 0, half), partOf(drawn, half, drawn.rows.length)];
      const { matrix } = cache.views[drawn.view]!;
      const batchOf = ({ rows }: typeof drawn, buffer: typeof buffers.fastRows) => {
        backend.write(buffer, rows);
        return { matrix, rows: buffer, rowCount: rows.length, hostRows: rows };
      };
      await field.forward(batchOf(first, buffers.fastRows), buffers.fast);
      if (objective.usesSlow) await field.forward(batchOf(second, buffers.slowRows), buffers.slow);
      await objective.evaluate({
        ...{ step: index, dimensions, stride, upstream: buffers.upstream },
        fast: { pixels: first, features: buffers.fast },
        slow: objective.usesSlow ? { pixels: second, features: buffers.slow } : undefined,
        imagePixels: frames[drawn.view]!.segments.length,
      });
      const upstream = new Float32Array(await backend.read(buffers.upstream, 0, half * stride * 4));
      released += varianceOverMean(upstream, half, dimensions, stride) / batches;
      const gradient = new Float64Array(features.length);
      const host = await cache.host(drawn.view);
      for (const [b, row] of first.rows.entries()) {
        for (let e = host.rowStart[row]!; e < host.rowStart[row + 1]!; e++) {
          const at = host.columns[e]! * dimensions;
          for (let d = 0; d < dimensions; d++) gradient[at + d]! += host.weights[e]! * upstream[b * stride + d]!;
        }
      }
      for (const [i, value] of gradient.entries()) {
        sum[i]! += value;
        squares += value * value;
      }
    }
  } finally {
    for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
    field.dispose();
    objective.dispose();
  }
  const squaredMean = sum.reduce((total, value) => total + (value / batches) ** 2, 0);
  const trace = (squares / batches - squaredMean) * (batches / Math.max(1, batches - 1));
  return {
    batches,
    relativeVariance: trace / squaredMean,
    meanNorm: Math.sqrt(squaredMean),
    varianceOverMean: released,
  };
}

function varianceOverMean(rows: Float32Array, count: number, dimensions: number, stride: number): number {
  let total = 0;
  for (let d = 0; d < dimensions; d++) {
    let mean = 0;
    for (let u = 0; u < count; u++) mean += rows[u * stride + d]! / count;
    let variance = 0;
    for (let u = 0; u < count; u++) variance += (rows[u * stride + d]! - mean) ** 2 / Math.max(1, count - 1);
    total += variance / (mean + RELEASED_EPSILON);
  }
  return total;
}
