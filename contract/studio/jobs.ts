/** Jobs as the studio shows them. A job row outlives the process that ran it. */
import { z } from 'zod';
import { failureSchema, jobStateSchema } from '../events.ts';
import { languageRecipeSchema } from '../language.ts';
import { trackingRecipes } from '../tracking-recipes.ts';
import { computeOptionsSchema, trainingParametersSchema } from '../training.ts';
import { pathSchema } from './project.ts';

const count = z.int().min(0);

/** What the queue can run. Later recipes (lift, language, tracking) are further kinds. */
export const studioJobKindSchema = z.enum([
  'import-capture',
  'train-splats',
  'evaluate-splats',
  'lift-objects',
  'segment-frames',
  'track-objects',
  'amodal-masks',
  'train-language',
]);
export type StudioJobKind = z.infer<typeof studioJobKindSchema>;

/** Higher runs first; equal ones in the order they were queued. */
export const jobPrioritySchema = z.int().min(-100).max(100).default(0);

/** What the user asks for; the host turns it into a worker's request. */
export const jobSpecSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('import-capture'),
    path: pathSchema,
    /** Factor for the images' width and height. */
    scale: z.number().gt(0).max(1).default(1),
    /** As the CLI's `--holdout`: N, 0, or names with commas; absent: the source's own split, else every 8th. */
    holdout: z.string().max(100_000).optional(),
  }),
  z.object({
    kind: z.literal('train-splats'),
    captureId: count,
    parameters: trainingParametersSchema.partial().default({}),
    ...computeOptionsSchema.partial().shape,
  }),
  z.object({ kind: z.literal('evaluate-splats'), splatsId: count }),
  z.object({
    kind: z.literal('lift-objects'),
    splatsId: count,
    recipe: z.string().min(1).max(100),
    /** Absent: the set made last that is no lift's; without any, the frames are segmented first. */
    masks: z.string().min(1).max(200).optional(),
    /** Overrides of the recipe's own parameters, as `lift --set`. */
    parameters: z.record(z.string().max(100), z.json()).optional(),
    seed: z.int().min(0).max(0xffffffff).optional(),
  }),
  z.object({
    kind: z.literal('segment-frames'),
    captureId: count,
    method: z.string().min(1).max(100),
    name: z.string().min(1).max(200),
  }),
  z.object({
    kind: z.literal('track-objects'),
    captureId: count,
    recipe: z.enum(trackingRecipes).default('spatial'),
    /** A mask set whose ids go on from frame to frame, or `simulated` for a generated scene; absent: the newest such set. */
    masks: z.string().min(1).max(200).optional(),
    depth: z.enum(['simulated', 'splats', 'none']).optional(),
    /** Overrides of the recipe's own parameters, as `track --set`. */
    parameters: z.record(z.string().max(100), z.json()).optional(),
    seed: z.int().min(0).max(0xffffffff).optional(),
  }),
  z.object({
    kind: z.literal('amodal-masks'),
    captureId: count,
    /** Absent: all that are occluded in some frame and stand still. */
    objects: z.array(count).min(1).max(10_000).optional(),
    depth: z.enum(['simulated', 'splats']).optional(),
  }),
  z.object({
    kind: z.literal('train-language'),
    splatsId: count,
    recipe: languageRecipeSchema,
    /** Name of a dual encoder's folder; absent: the one that comes with the program. */
    model: z.string().min(1).max(200).optional(),
    /** Mask sets whose segments are embedded; absent: as the recipe's job chooses. */
    segments: z.array(z.string().min(1).max(200)).min(1).max(32).optional(),
    parameters: z.record(z.string().max(100), z.json()).optional(),
    seed: z.int().min(0).max(0xffffffff).optional(),
  }),
]);
export type JobSpec = z.infer<typeof jobSpecSchema>;
export type JobSpecInput = z.input<typeof jobSpecSchema>;

export const jobViewSchema = z.object({
  id: count,
  kind: studioJobKindSchema,
  /** For people: `Train fox, 3000 iterations`. */
  title: z.string(),
  state: jobStateSchema,
  priority: z.int(),
  captureId: count.nullable(),
  splatsId: count.nullable(),
  /** 0 to 1; null where it is not known. */
  progress: z.number().min(0).max(1).nullable(),
  /** What is being done now: `1200 of 3000 iterations, 61 it/s`. */
  detail: z.string(),
  secondsLeft: z.number().min(0).nullable(),
  /** `wasm, 2 threads`; null before it has started. */
  device: z.string().nullable(),
  memoryBytes: z.number().min(0).nullable(),
  failure: failureSchema.nullable(),
  /** There is a checkpoint to go on from. */
  resumable: z.boolean(),
  /** Number of the newest preview image (see `routes.ts`); 0 without one. */
  preview: count,
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
});
export type JobView = z.infer<typeof jobViewSchema>;

/** One point of a live curve; a field is null where the event did not carry it. */
export const curvePointSchema = z.object({
  iteration: count,
  loss: z.number().nullable(),
  gaussians: z.number().nullable(),
  iterationsPerSecond: z.number().nullable(),
  /** Of the held-out frames. */
  psnr: z.number().nullable(),
  ssim: z.number().nullable(),
});
export type CurvePoint = z.infer<typeof curvePointSchema>;

export const jobLogLineSchema = z.object({
  at: z.number(),
  level: z.enum(['info', 'warning', 'error']),
  text: z.string(),
});
export type JobLogLine = z.infer<typeof jobLogLineSchema>;
