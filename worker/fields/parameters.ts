/** What a field is, what it is trained with, and how long. Recipes give the values and say where they come from. */
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import type { Similarity } from '../kernels/index.ts';
import type { ConsistencyTarget } from './losses/index.ts';

export type FieldShape =
  | {
      /** One row per Gaussian. */
      readonly kind: 'table';
      /** Standard deviation of the initial features. */
      readonly sigma: number;
      /** Added to them: this many times a function of place (start.ts); 0: noise alone. */
      readonly positions: number;
      /** 0: linear in place; else waves that tell places apart from this many radii of the median segment on. */
      readonly reach: number;
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

const positive = z.number().positive().max(1e6);
const count = z.number().int().min(1);
const decay = z.number().min(0).lt(1);
const weight = z.number().min(0).max(1e6);

const fieldSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('table'), sigma: positive, positions: weight, reach: weight }),
  z.object({
    kind: z.literal('mlp'),
    layers: count.min(2).max(32),
    width: count.max(4096).multipleOf(4),
    frequencies: z.number().int().min(0).max(32),
  }),
]);

const lossSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('slow-fast'),
    gamma: positive,
    similarity: z.enum(['squared', 'released']),
    concentration: weight,
  }),
  z.object({ kind: z.literal('vanilla'), gamma: positive, concentration: weight }),
  z.object({ kind: z.literal('associative'), sigma: positive }),
  z.object({ kind: z.literal('margin'), margin: positive }),
  z.object({
    kind: z.literal('dino'),
    outputs: count.max(65_536),
    fastTemperature: positive,
    slowTemperature: positive,
    centreDecay: decay,
  }),
  z.object({
    kind: z.literal('gaussian-clustering'),
    regulariserEvery: z.number().int().min(0),
    regulariserGaussians: count.min(2).max(20_000),
  }),
  z.object({ kind: z.literal('linear-assignment') }),
  z.object({
    kind: z.literal('semantic'),
    rendering: z.enum(['logits', 'probabilities']),
    consistency: weight,
    consistencyTarget: z.enum(['argmax', 'soft']),
    consistencyFrom: z.number().min(0).max(1),
  }),
]);

const parametersSchema = z.object({
  field: fieldSchema,
  dimensions: count.max(4096),
  loss: lossSchema,
  steps: count.max(10_000_000),
  batchPixels: count.min(2).max(65_536),
  rate: positive,
  finalRate: positive,
  slowDecay: decay,
}) satisfies z.ZodType<FieldParameters>;

/** What is known of the parameters, checked. @throws LiftscopeError 'bad-input' naming the parameter and what it may be. */
export function checkedParameters(parameters: FieldParameters): FieldParameters {
  const parsed = parametersSchema.safeParse(parameters);
  if (parsed.success) return parsed.data;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `Field training: ${z.prettifyError(parsed.error)}`,
    hint: 'Leave the parameter out to use the recipe’s own value.',
  });
}
