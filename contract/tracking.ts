/** Tracking: segments with broken 2D track ids in, objects that keep their identity out (methods 4). */
import { z } from 'zod';
import { fileText, maxFrameNameLength } from './frame.ts';
import { maxSegmentId } from './masks.ts';
import { noisePresetSchema } from './scenes.ts';
import { OBSERVATION_STATES } from './studio/index.ts';
import { trackingRecipes } from './tracking-recipes.ts';
import { computeOptionsSchema, trainingFrameSchema } from './training.ts';

export { trackingRecipes } from './tracking-recipes.ts';

const count = z.number().int().min(0);
const finite = z.number();
const path = z.string().min(1).max(4096);
const cost = z.number().min(0);
const vector3 = z.tuple([finite, finite, finite]);

const trackingRecipeSchema = z.enum(trackingRecipes);
export type TrackingRecipe = z.infer<typeof trackingRecipeSchema>;

/** Weights, threshold and switches of the assignment; the defaults are the published ones. */
export const trackingParametersSchema = z.strictObject({
  locationCost: z.enum(['published', 'scaled']).default('published').describe('-log(exp(-d)/a), or d/a + log a'),
  locationScale: z.number().positive().default(1).describe('distances are multiplied by this before they cost'),
  alphaLocation: z.number().positive().default(10),
  alphaVisual: z.number().min(0).default(2),
  alphaCategory: cost.default(1e4).describe('cost of another category'),
  alphaInstance: cost.default(10).describe('cost of another initial track id'),
  gamma: z.number().default(30).describe('a pair must cost less, or a new track opens'),
  useLocation: z.boolean().default(true),
  useVisual: z.boolean().default(true),
  useCategory: z.boolean().default(true),
  useInstance: z.boolean().default(true),
  unknownCost: cost.default(1).describe('what place or appearance cost where one side has none'),
  featureMemory: z.number().int().min(1).max(10_000).default(100).describe('appearances that the mean is taken over'),
  centroid: z.enum(['mean-pixel', 'median-depth']).default('mean-pixel').describe('which depth lifts a segment'),
  idleFrames: z.number().int().min(1).default(8).describe('unseen for so long, an object may have been exchanged'),
  ambiguityMargin: cost.default(0.1).describe('appearances that differ by less are taken for look-alikes'),
});
export type TrackingParameters = z.infer<typeof trackingParametersSchema>;

/** Parameters of the recipe `byte-track`. */
export const byteTrackParametersSchema = z.strictObject({
  highConfidence: z.number().min(0).max(1).default(0.6).describe('segments from here on match first and open tracks'),
  minIou: z.number().min(0).max(1).default(0.2).describe('least box overlap of a match in the first round'),
  minIouLow: z.number().min(0).max(1).default(0.5).describe('least box overlap of a match in the second round'),
  bufferFrames: z.number().int().min(0).max(1_000_000).default(30).describe('a lost track is kept for so long'),
});
export type ByteTrackParameters = z.infer<typeof byteTrackParametersSchema>;

/**
 * `file`: a `.masks` file whose segment ids are the 2D tracker's. `simulated`: what the simulated tracker makes of a generated
 * scene; its masks are written to `writeMasksTo`.
 */
const tracksSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), path }),
  z.object({
    kind: z.literal('simulated'),
    noise: noisePresetSchema,
    seed: z.number().int().min(0).max(0xffffffff),
    writeMasksTo: path,
  }),
]);
export type TracksSource = z.infer<typeof tracksSourceSchema>;

/**
 * Where depth comes from. `simulated`: the simulated monocular network of a generated scene, aligned to the sparse points.
 * `model`: a depth network, aligned to them too. `splats`: expected depth of a trained model. `none`: no places; appearance, category and initial ids alone.
 */
export const depthSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('simulated'), noise: noisePresetSchema, seed: z.number().int().min(0).max(0xffffffff) }),
  z.object({ kind: z.literal('model'), modelDir: path }),
  z.object({ kind: z.literal('splats'), path }),
  z.object({ kind: z.literal('none') }),
]);
export type DepthSource = z.infer<typeof depthSourceSchema>;

/** What segments look like. `gradients`: histograms of gradients and colours, built in. `model`: a network of visual features. */
const featureSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('gradients') }),
  z.object({ kind: z.literal('model'), modelDir: path }),
]);
export type FeatureSource = z.infer<typeof featureSourceSchema>;

/** A decision of a person that tracking must keep: this segment is that object. */
const trackLockSchema = z.object({
  position: count,
  /** Pixels of the locked mask; the segment that overlaps it most is meant. */
  rle: z.string().max(2 ** 26),
  /** Id of the object's record. */
  objectId: z.number().int().min(1),
});
export type TrackLock = z.infer<typeof trackLockSchema>;

export const trackingRequestSchema = computeOptionsSchema.extend({
  /** In the order of the video. */
  frames: z.array(trainingFrameSchema).min(1).max(100_000),
  masks: tracksSourceSchema,
  depth: depthSourceSchema,
  features: featureSourceSchema.prefault({ kind: 'gradients' }),
  /** Sparse points, as training gets them: float32 [M, 3], then uint8 [M, 3]. Needed to align monocular depth. */
  points: z.object({ path, count }).optional(),
  recipe: trackingRecipeSchema.default('spatial'),
  /** Overrides of the recipe's parameters. */
  parameters: z.record(z.string().max(100), z.json()).default({}),
  locks: z.array(trackLockSchema).max(10_000_000).default([]),
  /** Also propose masks of what nothing segmented, and objects that may be the same: what a person's corrections begin with. */
  proposals: z.boolean().default(false),
  /** A generated scene's folder: simulated inputs come from it, and figures are added to the result. */
  truthDir: path.optional(),
  /** The `.tracks` file to write. */
  outputPath: path,
});
export type TrackingRequest = z.infer<typeof trackingRequestSchema>;

const share = z.number().min(0).max(1);
const trackingFiguresSchema = z.object({
  hota: share,
  detA: share,
  assA: share,
  idf1: share,
  mota: z.number(),
  idSwitches: count,
  /** Pairs of true objects that one id was given to, each in at least two frames. */
  mergedPairs: count,
  tracks: count,
});
export type TrackingFigures = z.infer<typeof trackingFiguresSchema>;

export const trackingResultSchema = z.object({
  recipe: trackingRecipeSchema,
  tracksPath: path,
  /** Present when the masks were simulated. */
  masksPath: path.optional(),
  frames: count,
  framesWithSegments: count,
  segments: count,
  objects: count,
  /** Initial track ids that came in. */
  initialTracks: count,
  ambiguities: count,
  /** Frames by how their depth was aligned: fitted, taken from the previous frame, none. */
  depth: z.object({ fitted: count, previous: count, none: count }),
  /** By kind, and the first of each in words. */
  noteCounts: z.record(z.string(), count),
  notes: z.array(z.string()),
  parameters: z.record(z.string(), z.json()),
  /** Absent without `truthDir`. */
  quality: z
    .object({
      input: trackingFiguresSchema,
      output: trackingFiguresSchema,
      /** Share of object-frames whose state of the four is the true one; null without any. */
      stateAccuracy: share.nullable(),
      /** Object-frames in which each state is true and told; absent in results of earlier versions. */
      states: z
        .array(
          z.object({
            state: z.enum(OBSERVATION_STATES),
            truth: count,
            told: count,
            precision: share.nullable(),
            recall: share.nullable(),
          }),
        )
        .optional(),
      /** Of the objects rightly told occluded, the share whose occluder is right. */
      occluderAccuracy: share.nullable().optional(),
    })
    .optional(),
  seconds: z.record(z.string(), z.number()),
  peakMemoryBytes: count,
});
export type TrackingResult = z.infer<typeof trackingResultSchema>;

/** Tracks as masks whose ids go on from frame to frame, to be compared with a generated scene. */
export const tracksEvaluationRequestSchema = z.object({
  masksPath: path,
  truthDir: path,
  frames: z
    .array(
      z.object({ name: fileText(maxFrameNameLength), width: z.number().int().min(1), height: z.number().int().min(1) }),
    )
    .min(1)
    .max(100_000),
});
export type TracksEvaluationRequest = z.infer<typeof tracksEvaluationRequestSchema>;
export const tracksEvaluationResultSchema = trackingFiguresSchema.extend({
  frames: count,
  segments: count,
  /** Visible true objects, all frames together. */
  truths: count,
});
export type TracksEvaluationResult = z.infer<typeof tracksEvaluationResultSchema>;

/**
 * The `.tracks` file: one JSON document a line, UTF-8. First a {@link TracksHeader}, then one {@link TracksFrame} for each frame in
 * order, then the objects, one {@link TrackedObject} a line, and `{"end": N}` with the number of objects.
 */
export const TRACKS_FORMAT = 'liftscope-tracks';
export const TRACKS_EXTENSION = 'tracks';
export const tracksHeaderSchema = z.strictObject({
  format: z.literal(TRACKS_FORMAT),
  version: z.literal(1),
  recipe: trackingRecipeSchema,
  frames: count,
});
export type TracksHeader = z.infer<typeof tracksHeaderSchema>;

export const tracksFrameSchema = z.strictObject({
  name: fileText(maxFrameNameLength),
  observations: z.array(
    z.strictObject({
      /** From 1, this file's own. */
      object: z.number().int().min(1),
      state: z.enum(OBSERVATION_STATES),
      /** Id of the segment in the masks: the initial track id. Absent where nothing is segmented. */
      segment: z.number().int().min(1).max(maxSegmentId).optional(),
      /** World coordinates of the centroid: measured in this frame when there is a segment, else where it was last seen. */
      at: vector3.optional(),
      /** The initial id is another than when the object was last seen. */
      idSwitch: z.boolean().optional(),
      /** Between the segment and what was expected of the last sighting, 1 − IoU: 0 agree, 1 nothing in common. */
      disagreement: share.optional(),
      /** Object in front of it; 0 for something that is no object. Only when occluded. */
      occluder: count.optional(),
      /** Objects that it may be instead, as far as the tracker can tell. */
      rivals: z.array(z.number().int().min(1)).optional(),
    }),
  ),
  /** Masks of what nothing segmented here, carried over in 3D from the frame that an object was last or next seen in. */
  carried: z
    .array(
      z.strictObject({
        object: z.number().int().min(1),
        rle: z.string().min(1),
      }),
    )
    .optional(),
});
export type TracksFrame = z.infer<typeof tracksFrameSchema>;
export type TrackedObservation = TracksFrame['observations'][number];

export const trackedObjectSchema = z.strictObject({
  object: z.number().int().min(1),
  /** Category that most of its segments have; null where none has one. */
  category: z.string().max(200).nullable(),
  /** Record that a person's lock tied it to. */
  objectId: z.number().int().min(1).optional(),
  firstFrame: count,
  lastFrame: count,
  segments: count,
  /** Objects that may be the same, by what it would have cost to join them, the cheapest first. */
  joins: z.array(z.strictObject({ object: z.number().int().min(1), cost: finite })).optional(),
  /** Runs of frames, both ends included, in which it does not move. */
  staticIntervals: z.array(z.strictObject({ from: count, to: count, at: vector3 })),
});
export type TrackedObject = z.infer<typeof trackedObjectSchema>;
