/** What a field is, what it is trained with, and how long. Recipes give the values and say where they come from. */
import type { Similarity } from '../kernels/index.ts';
import type { ConsistencyTarget } from './losses/index.ts';

export type FieldShape =
  | {
      /** One row per Gaussian. */
      readonly kind: 'table';
      /** Standard deviation of the initial features. */
      readonly sigma: number;
    }
  | {
      /** A network on the position of the Gaussian, scaled to [−1, 1]. */
      readonly kind: 'mlp';
      /** Linear layers, at least 2; a ReLU between two. */
      readonly layers: number;
      readonly width: number;
      /** Octaves of sines and cosines beside the position itself; 0: the position alone. */
      readonly frequencies: number;
    };

export type FieldLoss =
  | {
      readonly kind: 'slow-fast';
      readonly gamma: number;
      readonly similarity: Similarity;
      /** Weight of the concentration loss; 0 leaves it out. */
      readonly concentration: number;
    }
  | { readonly kind: 'vanilla'; readonly gamma: number; readonly concentration: number }
  | { readonly kind: 'associative'; readonly sigma: number }
  | { readonly kind: 'margin'; readonly margin: number }
  | {
      readonly kind: 'dino';
      /** Size of the projections. */
      readonly outputs: number;
      readonly fastTemperature: number;
      readonly slowTemperature: number;
      readonly centreDecay: number;
    }
  | {
      readonly kind: 'gaussian-clustering';
      /** Steps from one spatial regulariser to the next; 0 leaves it out. */
      readonly regulariserEvery: number;
      readonly regulariserGaussians: number;
    }
  | { readonly kind: 'linear-assignment' }
  | {
      readonly kind: 'semantic';
      /** What is rendered: logits, or, as released, the softmax of each sample. */
      readonly rendering: 'logits' | 'probabilities';
      /** Weight of segment consistency; 0 leaves it out. */
      readonly consistency: number;
      readonly consistencyTarget: ConsistencyTarget;
      /** Share of the steps after which consistency starts. */
      readonly consistencyFrom: number;
    };

export interface FieldParameters {
  readonly field: FieldShape;
  /** Of an embedding; slots of a linear assignment; classes of a semantic field. */
  readonly dimensions: number;
  readonly loss: FieldLoss;
  readonly steps: number;
  /** Pixels of one image per step. */
  readonly batchPixels: number;
  /** Adam's rate; it falls geometrically to `finalRate` at the last step. */
  readonly rate: number;
  readonly finalRate: number;
  /** The slow field keeps this share of itself at each step. */
  readonly slowDecay: number;
}

/** How the trained features are to be read. */
export type Readout = 'embedding' | 'unit-embedding' | 'logits';

export function readoutOf({ kind }: FieldLoss): Readout {
  switch (kind) {
    case 'gaussian-clustering':
      return 'unit-embedding';
    case 'linear-assignment':
    case 'semantic':
      return 'logits';
    default:
      return 'embedding';
  }
}

/** @throws RangeError naming the parameter that makes no sense. */
export function requireParameters(parameters: FieldParameters): void {
  const { dimensions, steps, batchPixels, rate, finalRate, slowDecay, field } = parameters;
  const whole = { dimensions, steps, batchPixels };
  for (const [name, value] of Object.entries(whole)) {
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer, not ${value}`);
  }
  for (const [name, value] of Object.entries({ rate, finalRate })) {
    if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`${name} must be above 0, not ${value}`);
  }
  if (!(slowDecay >= 0 && slowDecay < 1)) throw new RangeError(`slowDecay must lie in [0, 1), not ${slowDecay}`);
  if (field.kind === 'table') {
    if (!(field.sigma > 0)) throw new RangeError(`field.sigma must be above 0, not ${field.sigma}`);
    return;
  }
  if (!Number.isInteger(field.layers) || field.layers < 2) throw new RangeError('field.layers must be at least 2');
  if (!Number.isInteger(field.width) || field.width < 4 || field.width % 4 !== 0) {
    throw new RangeError(`field.width must be a multiple of 4, not ${field.width}`);
  }
  if (!Number.isInteger(field.frequencies) || field.frequencies < 0) {
    throw new RangeError(`field.frequencies must be 0 or more, not ${field.frequencies}`);
  }
}
