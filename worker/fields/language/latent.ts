/** LangSplat-style (Qin et al. 2024): a code per Gaussian and level, a field of its own for each of three levels. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FeatureTable, gatherFeatures, scatterGradients, TouchedRows, updateFeatures } from '../../kernels/index.ts';
import { fieldRandom, normals } from '../frames.ts';
import { cancelled } from '../weight-cache.ts';
import { trainAutoencoder } from './autoencoder.ts';
import { rateAt, trainingLoop } from './loop.ts';
import type { LatentParameters } from './parameters.ts';
import { LanguageSampler } from './segment-index.ts';
import { OwnedBuffers, SegmentLoss } from './step-buffers.ts';
import type { LanguageTraining } from './train.ts';
import type { DecodedField } from './types.ts';

const LEVELS = [
  { name: 'small', place: 0 },
  { name: 'middle', place: 0.5 },
  { name: 'large', place: 1 },
] as const;

export async function trainLatent(training: LanguageTraining<LatentParameters>): Promise<DecodedField> {
  const started = performance.now();
  const { backend, cache, index, parameters, seed, signal, onProgress } = training;
  const { latent, steps } = parameters;
  const autoencoder = await trainAutoencoder(backend, index, parameters, seed, async () => {
    if (signal?.aborted) throw cancelled();
    await nextTurn();
  });
  const levels: { name: string; features: Float32Array; condition: readonly number[] }[] = [];
  const losses: { step: number; loss: number }[] = [];
  const times: number[] = [];
  for (const [level, { name, place }] of LEVELS.entries()) {
    const trained = await trainCodes(training, autoencoder.codes, level, place, (progress) => {
      const left =
        progress.secondsLeft +
        (LEVELS.length - 1 - level) * ((progress.secondsLeft / Math.max(1, progress.steps - progress.step)) * steps);
      onProgress?.({
        ...progress,
        step: level * steps + progress.step,
        steps: LEVELS.length * steps,
        secondsLeft: left,
      });
    });
    levels.push({ name, features: trained.codes, condition: [] });
    losses.push(...trained.losses.map(({ step, loss }) => ({ step: level * steps + step, loss })));
    times.push(trained.millisecondsPerStep);
  }
  return {
    ...{ kind: 'decoded', gaussians: cache.gaussians, embeddingDimensions: index.dimensions, channels: latent },
    ...{ network: autoencoder.decoder, levels },
    report: {
      ...{ parameters, seed, losses, millisecondsPerStep: times.toSorted((a, b) => a - b)[1]! },
      seconds: (performance.now() - started) / 1000,
      figures: { autoencoderSeconds: autoencoder.seconds, autoencoderMeanCosine: autoencoder.meanCosine },
    },
  };
}

/** [N, latent] codes of one level, rendered codes against those of the segments. */
async function trainCodes(
  { backend, cache, index, parameters, seed, signal }: LanguageTraining<LatentParameters>,
  targets: Float32Array,
  level: number,
  place: number,
  onProgress: Parameters<typeof trainingLoop>[0]['onProgress'],
) {
  const { latent, steps, batchPixels: capacity, rate, finalRateShare, sigma } = parameters;
  const owned = new OwnedBuffers(backend);
  const initial = normals(cache.gaussians * latent, sigma, fieldRandom(seed, 'initial', 4 + level));
  const table = new FeatureTable(backend, initial, latent);
  const touched = new TouchedRows(backend);
  try {
    const shape = { targets, columns: latent, stride: table.stride, capacity };
    const loss = new SegmentLoss(backend, owned, index, shape, { squared: 1, cosine: 0 });
    const sampler = new LanguageSampler(index, capacity, seed + level, place);
    const rows = owned.create('rows', capacity);
    const rendered = owned.create('rendered codes', capacity * table.stride);
    const result = await trainingLoop({ steps, signal, onProgress }, async (step, wantsLoss) => {
      const drawn = sampler.draw(step);
      backend.write(rows, drawn.rows);
      const batch = { matrix: cache.views[drawn.view]!.matrix, rows, rowCount: drawn.rows.length };
      backend.run(gatherFeatures, { table, batch, output: rendered });
      loss.run(rendered, drawn.segments);
      backend.run(scatterGradients, { table, touched, batch, upstream: loss.gradients, step });
      backend.run(updateFeatures, { table, touched, step, rate: rateAt(rate, finalRateShare, step, steps) });
      return wantsLoss ? loss.value(drawn.rows.length) : undefined;
    });
    return { ...result, codes: await table.features() };
  } finally {
    owned.dispose();
    table.dispose();
    touched.dispose();
  }
}
