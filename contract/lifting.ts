/** Lifting: inconsistent 2D masks in, consistent 3D objects out. Requests, results, and the `.lift` artifact. */
import { z } from 'zod';
import { maskSetNameSchema } from './masks.ts';
import { noisePresetSchema } from './scenes.ts';
import { SPLATS_LIMITS } from './splats.ts';
import { backendNameSchema, computeOptionsSchema, trainingFrameSchema } from './training.ts';

const count = z.number().int().min(0);
const finite = z.number();
const share = z.number().min(0).max(1);
const path = z.string().min(1).max(4096);
const vector3 = z.tuple([finite, finite, finite]);

/** How to lift; methods 2.1 to 2.5. */
export const liftingRecipes = [
  'closed-form',
  'contrastive-lift',
  'contrastive-lift-without-concentration',
  'contrastive-lift-network',
  'gaussian-clustering',
  'linear-assignment',
  'vanilla',
  'vanilla-concentration',
  'associative',
  'margin',
  'dino',
  'mask-tracking-2d',
] as const;
export const liftingRecipeSchema = z.enum(liftingRecipes);
export type LiftingRecipe = z.infer<typeof liftingRecipeSchema>;

/** From embeddings to objects (methods 2.2). The defaults are the released program's. */
export const clusteringParametersSchema = z.strictObject({
  method: z.enum(['hdbscan', 'dbscan', 'mean-shift']).default('hdbscan'),
  viewpoints: z.number().int().min(1).max(10_000).default(100).describe('random viewpoints that are sampled'),
  samples: z.number().int().min(10).max(10_000_000).default(100_000).describe('pixels sampled over all viewpoints'),
  minSamples: z.number().int().min(1).max(1000).default(1).describe('HDBSCAN, DBSCAN: neighbours of a core point'),
  outlierSigmas: z
    .number()
    .positive()
    .max(1000)
    .default(6)
    .describe('samples beyond this many standard deviations in any dimension are left out'),
  rescale: z
    .enum(['common', 'dimension'])
    .default('common')
    .describe('samples are scaled to [0, 1]: all dimensions alike, or each on its own (published)'),
  sweepFrom: z.number().min(1).default(10).describe('HDBSCAN: least min_cluster_size, per 50,000 points'),
  sweepTo: z.number().min(1).default(190).describe('HDBSCAN: largest min_cluster_size, per 50,000 points'),
  sweepStep: z.number().min(1).default(10).describe('HDBSCAN: step of the sweep, per 50,000 points'),
  distances: z
    .array(z.number().positive())
    .min(1)
    .max(100)
    .default([0.01, 0.02, 0.03, 0.05, 0.08])
    .describe('DBSCAN: epsilons, MeanShift: bandwidths, in units of the embedding rescaled to [0, 1]'),
  sweepShare: share.default(0.1).describe('share of the training frames that the sweep is scored on'),
});
export type ClusteringParameters = z.infer<typeof clusteringParametersSchema>;

/**
 * `file`: a `.masks` file (contract/masks-file.ts); frames without masks in it are left out, frames that the capture lacks are
 * reported. `simulated`: what the simulated segmenter makes of a generated scene's truth, in `truthDir`.
 */
const maskSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), path }),
  z.object({ kind: z.literal('simulated'), noise: noisePresetSchema, seed: z.number().int().min(0).max(0xffffffff) }),
]);
export type MaskSource = z.infer<typeof maskSourceSchema>;

export const liftingRequestSchema = computeOptionsSchema.extend({
  splatsPath: path,
  /** All frames of the capture; those with the role `train` are lifted. Their size is the size the masks must have. */
  frames: z.array(trainingFrameSchema).min(1).max(100_000),
  /** Where the masks come from. */
  masks: maskSourceSchema,
  recipe: liftingRecipeSchema,
  /** Overrides of the recipe's own parameters; unknown names are refused. */
  parameters: z.record(z.string().max(100), z.json()).default({}),
  clustering: clusteringParametersSchema.partial().default({}),
  seed: z.number().int().min(0).max(0xffffffff).default(0),
  /** Folder of a generated capture: the held-out frames are scored against its truth. */
  truthDir: path.optional(),
  /** The `.lift` file: written beside it under a temporary name, fsynced, renamed. */
  outputPath: path,
  /** Also write what the studio shows: instance maps of all frames, and what each frame shows of each object. */
  instances: z
    .object({
      /** A `.masks` file with the objects' ids. */
      masksPath: path,
      /** Name of that set. */
      setName: maskSetNameSchema,
      /** See lifting-observations.ts. */
      observationsPath: path,
    })
    .optional(),
});
export type LiftingRequest = z.infer<typeof liftingRequestSchema>;

/** One row of the objects table. */
const liftedObjectSchema = z.object({
  /** From 1; 0 is background. */
  id: z.number().int().min(1),
  gaussians: count,
  /** World units; null for an object that no Gaussian belongs to. */
  centroid: vector3.nullable(),
  /** Axis-aligned, between the 2nd and the 98th percentile of its Gaussians. */
  extent: z.object({ min: vector3, max: vector3 }).nullable(),
  /** Lifted frames that show it. */
  frames: count,
  /** Those that show most of it, largest first. */
  bestFrames: z.array(z.object({ frame: z.string().max(1024), areaPx: count })).max(100),
  /** Mean over its Gaussians, in [0, 1]. */
  confidence: share,
});
export type LiftedObject = z.infer<typeof liftedObjectSchema>;

const panopticFiguresSchema = z.object({ pq: finite, sq: finite, rq: finite });

/** In percent. Things: the foreground class. */
export const liftQualitySchema = z.object({
  /** PQ^scene over the foreground class: held-out frames pooled, ids must agree over all of them. */
  things: panopticFiguresSchema.extend({ truePositives: count, falsePositives: count, falseNegatives: count }),
  /** Mean of foreground and background: the published convention. */
  twoClass: panopticFiguresSchema,
  /** Mean over frames of PQ over the foreground class: of the masks as given, and of the lifted maps. Null without masks. */
  perFrame: z.object({ before: finite.nullable(), after: finite.nullable() }),
  /** The same foreground, all of it one instance. */
  allOneInstance: panopticFiguresSchema.extend({ twoClassPq: finite }),
  frames: count,
});
export type LiftQuality = z.infer<typeof liftQualitySchema>;

export const liftingResultSchema = z.object({
  recipe: liftingRecipeSchema,
  objects: z.array(liftedObjectSchema),
  liftPath: path,
  /** sha256 of the arrays of the `.lift` file, hexadecimal. */
  liftHash: z.string(),
  /** Every parameter that was used, defaults filled in. */
  parameters: z.record(z.string(), z.json()),
  seed: count,
  /** sha256, hexadecimal: of the masks file, and of the splats' arrays. */
  fingerprints: z.object({ masks: z.string(), splats: z.string() }),
  framesLifted: count,
  segments: count,
  /** What was wrong with the masks, frame by frame; the lift went on without those. */
  warnings: z.array(z.string()),
  /** Absent without `truthDir`. */
  quality: liftQualitySchema.optional(),
  /** By stage; `total` from the splats in memory to the objects, without evaluation and writing. */
  seconds: z.record(z.string(), z.number()),
  /** What was written for the studio; absent where nobody asked for it. */
  instances: z.object({ frames: count, observations: count, segments: count }).optional(),
  /** What the recipe reports about itself: losses, chosen cluster size, ms per step. */
  report: z.record(z.string(), z.json()),
  gaussians: count,
  peakMemoryBytes: count,
  backend: backendNameSchema,
  threads: count,
});
export type LiftingResult = z.infer<typeof liftingResultSchema>;

export const liftEvaluationRequestSchema = computeOptionsSchema.extend({
  splatsPath: path,
  liftPath: path,
  /** Frames to score. */
  frames: z.array(trainingFrameSchema).min(1).max(100_000),
  /** The masks that were lifted, for the figure `before`. */
  masks: maskSourceSchema.optional(),
  truthDir: path,
});
export type LiftEvaluationRequest = z.infer<typeof liftEvaluationRequestSchema>;
export const liftEvaluationResultSchema = z.object({
  quality: liftQualitySchema,
  seconds: z.number().min(0),
  peakMemoryBytes: count,
});
export type LiftEvaluationResult = z.infer<typeof liftEvaluationResultSchema>;

/**
 * The `.lift` artifact: which Gaussian belongs to which object, and what is needed to draw instance maps of any view.
 *
 * ```
 * offset          content
 * 0               8 bytes ASCII `LSLIFT01`
 * 8               u32 little endian: byte length H of the header
 * 12              H bytes UTF-8 JSON, a `LiftHeader`
 * 12 + H          zero bytes up to the next multiple of 64, then the arrays in the header's order, 4 bytes a value,
 *                 little endian, without gaps; no trailing bytes
 * ```
 * Arrays, N Gaussians, K objects, object ids from 1:
 * `objectOfGaussian` u32 [N] (0 = background), `confidence` f32 [N], `foreground` f32 [N]; and by readout
 * votes: `voteStart` u32 [N + 1], `voteObjects` u32 [E], `voteShares` f32 [E];
 * embedding: `features` f32 [N, D], `centroids` f32 [K, D]; logits: `features` f32 [N, K].
 */
export const LIFT_MAGIC = 'LSLIFT01';
export const LIFT_LIMITS = { headerBytes: 1 << 26, values: 2 ** 31 } as const;
const LIFT_ALIGNMENT_BYTES = 64;

const liftReadoutSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('votes') }),
  z.object({ kind: z.literal('embedding'), dimensions: z.number().int().min(1).max(4096), unitLength: z.boolean() }),
  z.object({ kind: z.literal('logits') }),
]);

export const liftHeaderSchema = z.object({
  gaussians: z.number().int().min(0).max(SPLATS_LIMITS.gaussians),
  /** K. */
  objectCount: z.number().int().min(0).max(10_000_000),
  readout: liftReadoutSchema,
  foregroundShare: share,
  recipe: liftingRecipeSchema,
  parameters: z.record(z.string(), z.json()),
  seed: count,
  fingerprints: z.object({ masks: z.string().max(200), splats: z.string().max(200) }),
  generator: z.string().max(1000),
  objects: z.array(liftedObjectSchema),
  arrays: z
    .array(z.object({ name: z.string().max(100), type: z.enum(['u32', 'f32']), length: count.max(LIFT_LIMITS.values) }))
    .max(100),
});
export type LiftHeader = z.infer<typeof liftHeaderSchema>;

/** Where the arrays begin. */
export function liftDataOffset(headerBytes: number): number {
  return Math.ceil((12 + headerBytes) / LIFT_ALIGNMENT_BYTES) * LIFT_ALIGNMENT_BYTES;
}
