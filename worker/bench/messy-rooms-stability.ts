/** The stability figures of `bench messy-rooms`: noise of the gradients of two losses at the same checkpoints of one training. */
import { type FieldLoss, gradientNoise, instancePixels, trainField, WeightCache } from '../fields/index.ts';
import type { OpenedSplats } from '../lifting/index.ts';
import type { NamedSegments } from '../objects/index.ts';
import { FIELD_RECIPES } from '../recipes/index.ts';

/** Shares of the training after which the parameters are held fixed. */
const CHECKPOINTS = [0.1, 0.5, 1];
const MINIBATCHES = 64;

export interface StabilityRow {
  readonly checkpoint: number;
  readonly loss: string;
  /** tr Cov(g) / ‖E g‖² over the field's parameters. */
  readonly relativeVariance: number;
  readonly meanNorm: number;
  /** As published: over the embeddings of a batch. */
  readonly varianceOverMean: number;
}

/** @throws LiftscopeError, OutOfMemoryError */
export async function measureStability(
  { backend, model, splats }: OpenedSplats,
  frames: readonly NamedSegments[],
  seed: number,
  signal: AbortSignal,
  onProgress: (stage: string, done: number, total: number) => void,
): Promise<{ rows: StabilityRow[]; remark: string; minibatches: number }> {
  const { parameters } = FIELD_RECIPES['contrastive-lift'];
  const losses = [
    ['slow-fast', pairLoss(parameters.loss)],
    ['vanilla', pairLoss(FIELD_RECIPES.vanilla.parameters.loss)],
  ] as const;
  const views = frames.map(({ view }) => view);
  const cache = await WeightCache.extract(backend, model, views, {
    ...{ pixels: instancePixels(frames), overAlpha: true, signal },
  });
  try {
    const snapshotsAt = CHECKPOINTS.map((share) => Math.max(1, Math.round(share * parameters.steps)));
    const { snapshots, dimensions } = await trainField({
      ...{ backend, cache, frames, means: splats.means, parameters, seed, snapshotsAt, signal },
      onProgress: ({ step, steps }) => onProgress('field', step, steps),
    });
    const rows: StabilityRow[] = [];
    for (const { step, features } of snapshots) {
      for (const [name, loss] of losses) {
        onProgress('gradients', rows.length, snapshots.length * 2);
        const { batchPixels } = parameters;
        const shared = { backend, cache, frames, features, dimensions, batchPixels, seed, signal };
        const noise = await gradientNoise({ ...shared, loss, batches: MINIBATCHES });
        rows.push({
          checkpoint: step / parameters.steps,
          loss: name,
          relativeVariance: noise.relativeVariance,
          meanNorm: noise.meanNorm,
          varianceOverMean: noise.varianceOverMean,
        });
      }
    }
    return {
      rows,
      remark:
        "Var/Mean over embeddings as published: vanilla's mean gradient over the embeddings of a batch is identically zero, because " +
        'its loss depends on differences alone (translation invariance); its figure is noise over rounding.',
      minibatches: MINIBATCHES,
    };
  } finally {
    cache.dispose();
  }
}

function pairLoss(loss: FieldLoss): Extract<FieldLoss, { kind: 'slow-fast' | 'vanilla' }> {
  if (loss.kind === 'slow-fast' || loss.kind === 'vanilla') return loss;
  throw new Error(`a recipe of pairs has the loss ${loss.kind}`);
}
