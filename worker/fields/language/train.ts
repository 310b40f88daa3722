/** Trains a language field on cached blending weights: one door for every method of methods section 3. */
import type { Backend } from '../../compute/index.ts';
import type { WeightCache } from '../weight-cache.ts';
import { closedFormLevels } from './closed-form.ts';
import { trainConditioned } from './conditioned.ts';
import { trainLatent } from './latent.ts';
import { trainNested } from './nested.ts';
import { type ClosedFormLanguageParameters, checkedLanguageParameters, type LanguageParameters } from './parameters.ts';
import { indexSegments, type SegmentIndex } from './segment-index.ts';
import type { LanguageField, LanguageFrame, LanguageProgress } from './types.ts';

export interface TrainLanguageOptions {
  readonly backend: Backend;
  /** W of the frames' pixels; see {@link languagePixels}. */
  readonly cache: WeightCache;
  /** frames[i] is what cache.views[i] sees. */
  readonly frames: readonly LanguageFrame[];
  /** [N, 3] centres of the Gaussians. */
  readonly means: Float32Array;
  /** Extent of the scene in world units; published rates of planes are times it. */
  readonly extent: number;
  readonly parameters: LanguageParameters;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LanguageProgress) => void;
}

/** Options and the segments that they name, in the form that all methods read. */
export interface LanguageTraining<P extends LanguageParameters> extends Omit<TrainLanguageOptions, 'parameters'> {
  readonly parameters: P;
  readonly index: SegmentIndex;
}

/**
 * The same seed and data give the same bits on any number of threads.
 * @throws LiftscopeError ('bad-input', 'cancelled'), OutOfMemoryError; RangeError for arrays that do not fit together.
 */
export async function trainLanguage(options: TrainLanguageOptions): Promise<LanguageField> {
  const parameters = checkedLanguageParameters(options.parameters);
  const { cache, means, extent } = options;
  if (means.length !== 3 * cache.gaussians) {
    throw new RangeError(`${means.length} coordinates for ${cache.gaussians} Gaussians`);
  }
  if (!(extent > 0)) throw new RangeError(`language field: an extent of ${extent}`);
  const index = indexSegments(cache, options.frames);
  const shared = { ...options, index };
  switch (parameters.kind) {
    case 'closed-form':
      return closedFormField({ ...shared, parameters });
    case 'nested':
      return trainNested({ ...shared, parameters });
    case 'conditioned':
      return trainConditioned({ ...shared, parameters });
    case 'latent':
      return trainLatent({ ...shared, parameters });
  }
}

async function closedFormField(training: LanguageTraining<ClosedFormLanguageParameters>): Promise<LanguageField> {
  const { cache, index, parameters, seed, signal, onProgress } = training;
  const started = performance.now();
  const { levels, unseenGaussians } = await closedFormLevels(cache, index, parameters, {
    signal,
    onProgress: (step, steps) => {
      const seconds = (performance.now() - started) / 1000;
      onProgress?.({ step, steps, loss: 0, secondsLeft: (seconds / step) * (steps - step) });
    },
  });
  const names = levels.length === 1 ? ['all'] : ['small', 'middle', 'large'];
  return {
    ...{ kind: 'levels', gaussians: cache.gaussians, embeddingDimensions: index.dimensions },
    levels: levels.map((embeddings, i) => ({ name: names[i]!, embeddings })),
    report: {
      ...{ parameters, seed, losses: [], millisecondsPerStep: 0, unseenGaussians, figures: {} },
      seconds: (performance.now() - started) / 1000,
    },
  };
}
