/** Amodal masks: whole silhouettes of tracked objects, hidden parts included, from one object-only splat model per static interval. */
import { z } from 'zod';
import { maskSetInfoSchema, maxSegmentId } from './masks.ts';
import { depthSourceSchema } from './tracking.ts';
import { computeOptionsSchema, trainingFrameSchema } from './training.ts';

const count = z.number().int().min(0);
const path = z.string().min(1).max(4096);
const positions = z.array(count).max(100_000);

/**
 * How a model of one object is fitted, unless somebody says otherwise: what gave the best amodal IoU on generated kitchens that the
 * benchmark does not use. Fewer Gaussians than pixels, and colour before opacity: a silhouette of jittered masks is then their mean.
 */
export const AMODAL_FIT_DEFAULTS = {
  iterations: 400,
  /** Views that a model is fitted to, spread evenly over the sightings of its interval. */
  views: 48,
  maxGaussians: 800,
  /** Weight of |alpha − mask| against the mean colour difference. */
  opacityWeight: 0.3,
} as const;

const amodalFitSchema = z.strictObject({
  iterations: z.number().int().min(1).max(10_000).default(AMODAL_FIT_DEFAULTS.iterations),
  views: z.number().int().min(1).max(1000).default(AMODAL_FIT_DEFAULTS.views),
  maxGaussians: z.number().int().min(1).max(100_000).default(AMODAL_FIT_DEFAULTS.maxGaussians),
  seed: z.number().int().min(0).max(0xffffffff).default(0),
});

export const amodalRequestSchema = computeOptionsSchema.extend({
  /** In the order of the video. */
  frames: z.array(trainingFrameSchema).min(1).max(100_000),
  /** A `.masks` file of what is seen of the objects: ids are theirs in all frames. */
  masksPath: path,
  depth: depthSourceSchema,
  /** Sparse points, as tracking gets them: needed to align monocular depth. */
  points: z.object({ path, count }).optional(),
  /** A generated scene's folder: simulated depth comes from it. */
  truthDir: path.optional(),
  objects: z
    .array(
      z.object({
        id: z.number().int().min(1).max(maxSegmentId),
        /** In messages. */
        name: z.string().max(200),
        classId: count.optional(),
        /** A person asked for it by name: having no static interval is then an error. */
        required: z.boolean().default(false),
        /** Frames in which it is known not to be where it stands: no mask there. */
        absent: positions.default([]),
      }),
    )
    .min(1)
    .max(100_000),
  /** Frames to mask. */
  positions: positions.min(1),
  fit: amodalFitSchema.prefault({}),
  /** What the set says about itself. */
  set: maskSetInfoSchema,
  /** The `.masks` file to write; splats go beside it, under its name and numbers. */
  outputPath: path,
});
export type AmodalRequest = z.infer<typeof amodalRequestSchema>;

const fittedIntervalSchema = z.object({
  /** First and last frame in which the object was seen there. */
  from: count,
  to: count,
  gaussians: count,
  /** Frames that the model was fitted to. */
  views: count,
  splatsPath: path,
});

export const amodalResultSchema = z.object({
  masksPath: path,
  frames: count,
  /** Masks of all objects in all frames. */
  masks: count,
  objects: z.array(
    z.object({
      id: z.number().int().min(1),
      masks: count,
      /** Those of them whose frame shows nothing of the object. */
      unseenMasks: count,
      intervals: z.array(fittedIntervalSchema),
    }),
  ),
  /** What was left out, and why. */
  notes: z.array(z.string()),
  seconds: z.object({ reading: z.number(), fitting: z.number(), total: z.number() }),
  peakMemoryBytes: count,
});
export type AmodalResult = z.infer<typeof amodalResultSchema>;
