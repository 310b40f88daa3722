/** Parameters of the language fields. Recipes give the values and say where they come from. */
import { z } from 'zod';
import { LiftscopeError } from '../../../contract/index.ts';

/** How a network on rendered features is trained: the same for every field that has one. */
interface NetworkSchedule {
  readonly steps: number;
  /** Pixels of one image per step. */
  readonly batchPixels: number;
  /** Adam's rate of the network, and of W. */
  readonly networkRate: number;
  /** Adam's rate of the planes. */
  readonly planeRate: number;
  /** The rate of the planes is times the extent of the scene, as published. */
  readonly planeRateTimesExtent: boolean;
  /** Both rates fall geometrically to this share of themselves. */
  readonly finalRateShare: number;
}

/** What is rendered and given to the network. */
export type LanguageBackbone =
  | {
      readonly kind: 'triplane';
      /** Texels per side of each of the three planes. */
      readonly resolution: number;
      readonly channels: number;
      /** Standard deviation of the initial planes. */
      readonly sigma: number;
    }
  | {
      /** The position itself, and sines and cosines of it: no planes. */
      readonly kind: 'positions';
      readonly frequencies: number;
    };

/** weights: of ‖φ − φ_gt‖² and of 1 − cos. */
export interface EmbeddingLossWeights {
  readonly squared: number;
  readonly cosine: number;
}

export interface NestedParameters extends NetworkSchedule {
  readonly kind: 'nested';
  readonly backbone: LanguageBackbone;
  /** Layers and width of the network. */
  readonly layers: number;
  readonly width: number;
  /** D */
  readonly dimensions: number;
  /** k: levels use k, 2k, … dimensions. */
  readonly stepSize: number;
  /** `quantile`: coarser segments use fewer dimensions; `random`: a random level each time; `none`: always all. */
  readonly nesting: 'quantile' | 'random' | 'none';
  readonly loss: EmbeddingLossWeights;
}

export interface ConditionedParameters extends NetworkSchedule {
  readonly kind: 'conditioned';
  readonly backbone: LanguageBackbone;
  readonly layers: number;
  readonly width: number;
  /** Scales that are tried at query time. */
  readonly scales: number;
  /** Octaves of sines and cosines of the scale beside itself. */
  readonly scaleFrequencies: number;
  readonly loss: EmbeddingLossWeights;
}

export interface LatentParameters {
  readonly kind: 'latent';
  /** Values of a code. */
  readonly latent: number;
  /** Levels of segments: of those that hold a pixel the smallest, the middle and the largest by physical scale. */
  readonly levels: 3;
  readonly autoencoder: {
    readonly layers: number;
    readonly width: number;
    readonly epochs: number;
    readonly batch: number;
    readonly rate: number;
    readonly loss: EmbeddingLossWeights;
  };
  /** Steps of each level. */
  readonly steps: number;
  readonly batchPixels: number;
  /** Adam's rate of the codes. */
  readonly rate: number;
  readonly finalRateShare: number;
  /** Standard deviation of the initial codes. */
  readonly sigma: number;
}

export interface ClosedFormLanguageParameters {
  readonly kind: 'closed-form';
  /** 1: all segments of a pixel together; 3: smallest, middle and largest apart. */
  readonly levels: 1 | 3;
  /** A view counts for a Gaussian only when its largest weight there is at least this. */
  readonly visibilityGate: number;
  /** Passes of the robust median; 0 leaves the weighted mean. */
  readonly medianPasses: number;
}

export type LanguageParameters =
  | NestedParameters
  | ConditionedParameters
  | LatentParameters
  | ClosedFormLanguageParameters;

const count = z.number().int().min(1);
const positive = z.number().positive().max(1e6);
const share = z.number().positive().max(1);
const weight = z.number().min(0).max(1e6);
const steps = count.max(10_000_000);
const batchPixels = count.max(65_536);

const loss = z
  .object({ squared: weight, cosine: weight })
  .refine(({ squared, cosine }) => squared + cosine > 0, 'one of the weights of the loss must be above 0');

const backbone = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('triplane'),
    resolution: count.min(2).max(4096),
    channels: count.max(1024),
    sigma: positive,
  }),
  z.object({ kind: z.literal('positions'), frequencies: z.number().int().min(0).max(32) }),
]);

const network = { backbone, layers: count.min(2).max(32), width: count.max(4096).multipleOf(4), loss };
const schedule = {
  ...{ steps, batchPixels, networkRate: positive, planeRate: positive },
  ...{ planeRateTimesExtent: z.boolean(), finalRateShare: share },
};

const schema = z.discriminatedUnion('kind', [
  z
    .object({
      kind: z.literal('nested'),
      ...network,
      ...schedule,
      dimensions: count.max(4096),
      stepSize: count,
      nesting: z.enum(['quantile', 'random', 'none']),
    })
    .refine(({ stepSize, dimensions }) => stepSize <= dimensions, 'stepSize cannot be more than dimensions'),
  z.object({
    kind: z.literal('conditioned'),
    ...network,
    ...schedule,
    scales: count.max(1000),
    scaleFrequencies: z.number().int().min(0).max(32),
  }),
  z.object({
    kind: z.literal('latent'),
    latent: count.max(1024),
    levels: z.literal(3),
    autoencoder: z.object({
      ...{ layers: count.min(2).max(32), width: count.max(4096).multipleOf(4), loss },
      ...{ epochs: count.max(100_000), batch: count.max(65_536), rate: positive },
    }),
    ...{ steps, batchPixels, rate: positive, finalRateShare: share, sigma: positive },
  }),
  z.object({
    kind: z.literal('closed-form'),
    levels: z.union([z.literal(1), z.literal(3)]),
    visibilityGate: z.number().min(0).max(1),
    medianPasses: z.number().int().min(0).max(1000),
  }),
]) satisfies z.ZodType<LanguageParameters>;

/** @throws LiftscopeError 'bad-input' naming the parameter and what it may be. */
export function checkedLanguageParameters(parameters: LanguageParameters): LanguageParameters {
  const parsed = schema.safeParse(parameters);
  if (parsed.success) return parsed.data;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `Language field: ${z.prettifyError(parsed.error)}`,
    hint: 'Leave the parameter out to use the recipe’s own value.',
  });
}
