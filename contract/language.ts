/**
 * Language: segments with embeddings in, a field that answers text out (methods section 3). Requests, results, queries, and the
 * `.language` artifact.
 */
import { z } from 'zod';
import { noisePresetSchema } from './scenes.ts';
import { SPLATS_LIMITS } from './splats.ts';
import { backendNameSchema, computeOptionsSchema, trainingFrameSchema } from './training.ts';

const count = z.number().int().min(0);
const seed = z.number().int().min(0).max(0xffffffff);
const path = z.string().min(1).max(4096);

/** How a field is made, and what people call it. */
export const LANGUAGE_RECIPE_TITLES = {
  n2f2: 'Nested field (N2F2)',
  lerf: 'Scale-conditioned field (LERF-style)',
  langsplat: 'Three levels, autoencoded (LangSplat-style)',
  'language-closed-form': 'Closed form (nothing is trained)',
} as const;
export const languageRecipes = ['n2f2', 'lerf', 'langsplat', 'language-closed-form'] as const;
export const languageRecipeSchema = z.enum(languageRecipes);
export type LanguageRecipe = z.infer<typeof languageRecipeSchema>;

/**
 * `files`: `.masks` files of one capture, together the layers of its segments (parts, objects, groups; masks may overlap).
 * `simulated`: noisy masks of the parts, objects and touching groups of a generated scene, in `truthDir`.
 */
const segmentSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('files'), paths: z.array(path).min(1).max(32) }),
  z.object({ kind: z.literal('simulated'), noise: noisePresetSchema, seed }),
]);
export type SegmentSource = z.infer<typeof segmentSourceSchema>;

export const languageTrainingRequestSchema = computeOptionsSchema.extend({
  splatsPath: path,
  /** All frames of the capture; those with the role `train` are used. */
  frames: z.array(trainingFrameSchema).min(1).max(100_000),
  segments: segmentSourceSchema,
  /** Folder of a dual encoder: `manifest.json` and the common CLIP layout. */
  modelDir: path,
  /** Folder that keeps embeddings of segments by (photo, masks, model); absent: nothing is kept. */
  cacheDir: path.optional(),
  recipe: languageRecipeSchema,
  /** Overrides of the recipe's own parameters; unknown names are refused. */
  parameters: z.record(z.string().max(100), z.json()).default({}),
  seed: seed.default(0),
  /** Folder of a generated capture. */
  truthDir: path.optional(),
  /** The `.language` file: written beside it under a temporary name, fsynced, renamed. */
  outputPath: path,
});
export type LanguageTrainingRequest = z.infer<typeof languageTrainingRequestSchema>;

/** The dual encoder whose embeddings a field holds; only its texts can be compared with them. */
const languageModelSchema = z.object({
  name: z.string().min(1).max(200),
  /** sha256 over the model's files, hexadecimal. */
  fingerprint: z.string().min(1).max(200),
  /** Of an embedding, E. */
  dimensions: z.number().int().min(1).max(4096),
});
export type LanguageModel = z.infer<typeof languageModelSchema>;

/** sha256, hexadecimal: of masks with their embeddings, and of the splats' arrays. */
const languageFingerprintsSchema = z.object({ segments: z.string().max(200), splats: z.string().max(200) });

export const languageTrainingResultSchema = z.object({
  recipe: languageRecipeSchema,
  languagePath: path,
  /** sha256 of the arrays of the `.language` file, hexadecimal. */
  languageHash: z.string(),
  model: languageModelSchema,
  /** Values per Gaussian of one scale or level. */
  dimensions: count,
  /** Scales or levels that a query may name. */
  scales: z.array(z.string()),
  /** Every parameter that was used, defaults filled in. */
  parameters: z.record(z.string(), z.json()),
  seed: count,
  fingerprints: languageFingerprintsSchema,
  framesUsed: count,
  segments: count,
  /** Frames whose embeddings were found in `cacheDir`. */
  framesCached: count,
  warnings: z.array(z.string()),
  /** By stage: `segments`, `embeddings`, `weights`, `field`, `total`. */
  seconds: z.record(z.string(), z.number()),
  /** What the recipe reports about itself. */
  report: z.record(z.string(), z.json()),
  gaussians: count,
  peakMemoryBytes: count,
  backend: backendNameSchema,
  threads: count,
});
export type LanguageTrainingResult = z.infer<typeof languageTrainingResultSchema>;

/** What a query is compared with unless it says otherwise (methods section 3). */
export const LANGUAGE_NEGATIVES = ['object', 'things', 'stuff', 'texture'] as const;
/** Whose agreement decides how the composite embedding weighs scales. */
export const CANONICAL_PHRASES = ['object', 'stuff', 'thing', 'part', 'texture'] as const;

/** Relevancy above this beats every negative; below it nothing is an answer. */
export const RELEVANCY_GATE = 0.5;

/** Of an empty answer: whether it is a text model's own gate that keeps it back, and no negative. */
export function isHeldBack({ maximum, gate }: { readonly maximum: number; readonly gate: number }): boolean {
  return gate > RELEVANCY_GATE && maximum > RELEVANCY_GATE;
}

/** Longer texts are refused before anybody reads them; encoders cut much earlier, and say so. */
export const MAX_QUERY_CHARACTERS = 100_000;

/**
 * `auto`: `best` where the text model states a gate for such fields, else `composite` where the field is nested, else `best`.
 * `composite`: all scales weighed once for all queries. `best`: the scale with the highest maximum for this query. A number: that one of
 * the field's scales.
 */
export const queryScaleSchema = z.union([z.enum(['auto', 'composite', 'best']), z.int().min(0).max(4095)]);
export type QueryScale = z.infer<typeof queryScaleSchema>;

/** A question to a language field. */
export const languageQuerySchema = z.object({
  /** A `.language` file of the splats that are looked at. */
  languagePath: path,
  /** The dual encoder that it was made with. */
  modelDir: path,
  /** Must say something; what the encoder does not know of it is in the answer. */
  text: z.string().max(MAX_QUERY_CHARACTERS),
  negatives: z
    .array(z.string().max(1000))
    .min(1)
    .max(31)
    .default([...LANGUAGE_NEGATIVES]),
  scale: queryScaleSchema.default('auto'),
  /** Factor of the products inside the exponentials; 1 is the formula as published, and 10 what LERF's program computes. */
  sharpness: z.number().positive().max(1000).default(1),
});
export type LanguageQuery = z.infer<typeof languageQuerySchema>;

/**
 * Share of the way from the gate to a view's highest relevancy at which its mask begins, by recipe. Chosen by `bench language`
 * on rooms whose seeds it does not report.
 */
export const LANGUAGE_THRESHOLDS: Readonly<Record<LanguageRecipe, number>> = {
  n2f2: 0.1,
  lerf: 0.1,
  langsplat: 0.1,
  'language-closed-form': 0.2,
};

/**
 * The `.language` artifact: a language field on a set of Gaussians.
 *
 * ```
 * offset          content
 * 0               8 bytes ASCII `LSLANG01`
 * 8               u32 little endian: byte length H of the header
 * 12              H bytes UTF-8 JSON, a `LanguageHeader`
 * 12 + H          zero bytes up to the next multiple of 64, then the arrays in the header's order, little endian, each padded
 *                 with zero bytes to a multiple of 4; no trailing bytes
 * ```
 * Arrays, N Gaussians, embeddings of E values: `visibility` f32 [N] (how much training saw of each Gaussian inside segments; 0:
 * nothing was said about it, and its relevancy is the gate's); and by field, nested: `theta` bf16 [N, D], `projection` f32
 * [E, D]; levels: `level0` … bf16 [N, E], not of unit length.
 */
export const LANGUAGE_MAGIC = 'LSLANG01';
export const LANGUAGE_LIMITS = { headerBytes: 1 << 24, values: 2 ** 32, levels: 64, dimensions: 4096 } as const;
const LANGUAGE_ALIGNMENT_BYTES = 64;

const fieldDimensions = z.number().int().min(1).max(LANGUAGE_LIMITS.dimensions);

const languageFieldSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('nested'),
    /** D */
    dimensions: fieldDimensions,
    /** k: scales use k, 2k, … dimensions. */
    step: fieldDimensions,
    /** Temperature of the composite's weights. */
    temperature: z.number().positive().max(1e6),
    /** Physical scales (world units) between bins, ascending. */
    scaleEdges: z.array(z.number()).max(LANGUAGE_LIMITS.dimensions),
  }),
  z.object({
    kind: z.literal('levels'),
    names: z.array(z.string().min(1).max(100)).min(1).max(LANGUAGE_LIMITS.levels),
  }),
]);

export const languageHeaderSchema = z.object({
  gaussians: z.number().int().min(0).max(SPLATS_LIMITS.gaussians),
  field: languageFieldSchema,
  model: languageModelSchema,
  recipe: languageRecipeSchema,
  parameters: z.record(z.string().max(100), z.json()),
  seed: count,
  fingerprints: languageFingerprintsSchema,
  generator: z.string().max(1000),
  arrays: z
    .array(
      z.object({ name: z.string().max(100), type: z.enum(['f32', 'bf16']), length: count.max(LANGUAGE_LIMITS.values) }),
    )
    .max(100),
});
export type LanguageHeader = z.infer<typeof languageHeaderSchema>;

/** Where the arrays begin. */
export function languageDataOffset(headerBytes: number): number {
  return Math.ceil((12 + headerBytes) / LANGUAGE_ALIGNMENT_BYTES) * LANGUAGE_ALIGNMENT_BYTES;
}
