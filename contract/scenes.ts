/** Generated scenes: what is asked for, what comes back, and how a scene's own truth enters import and evaluation. */
import { z } from 'zod';

const count = z.number().int().min(0);
const share = z.number().min(0).max(1);
const path = z.string().min(1).max(4096);

const SCENE_LIMITS = {
  objects: 2000,
  views: 10_000,
  /** Pixels. The generator keeps 64 whole frames in memory to find sparse points; wider ones would need gigabytes. */
  imageSide: 1024,
  threads: 256,
} as const;

export const sceneKindSchema = z.enum(['messy-rooms', 'kitchen', 'turntable']);
export type SceneName = z.infer<typeof sceneKindSchema>;

/** Error rates of the simulated teachers: none, as measured on real ones, or twice those. */
export const noisePresetSchema = z.enum(['none', 'default', 'harsh']);
export type TeacherNoise = z.infer<typeof noisePresetSchema>;

export const sceneSeedSchema = z.number().int().min(0).max(0xffffffff);
export const sceneObjectsSchema = z.number().int().min(1).max(SCENE_LIMITS.objects);
export const sceneViewsSchema = z.number().int().min(2).max(SCENE_LIMITS.views);
export const sceneSizeSchema = z.number().int().min(8).max(SCENE_LIMITS.imageSide);

/** A scene to generate; what is left out takes the scene's own default. */
export const sceneRequestSchema = z
  .object({
    scene: sceneKindSchema,
    seed: sceneSeedSchema.default(0),
    objects: sceneObjectsSchema.optional(),
    /** Cameras of a messy room, frames of a kitchen; a turntable has five views of each object. */
    views: sceneViewsSchema.optional(),
    /** Image width in pixels; the height too, except in a kitchen: three quarters of it. */
    size: sceneSizeSchema.optional(),
    noise: noisePresetSchema.default('default'),
    /** Render threads; 0 takes one per available core. The images do not depend on it. */
    threads: z.number().int().min(0).max(SCENE_LIMITS.threads).default(0),
    /** Folder of the capture: new or empty, and afterwards complete or as it was. */
    outputDir: path.optional(),
    /** PNG with rows of RGB, depth, instances and parts. */
    sheetPath: path.optional(),
  })
  .refine((request) => request.outputDir !== undefined || request.sheetPath !== undefined, {
    error: 'either outputDir or sheetPath is needed',
    path: ['outputDir'],
  });
export type SceneRequest = z.infer<typeof sceneRequestSchema>;

const sceneCheckSchema = z.object({ name: z.string(), value: z.number(), target: z.string(), met: z.boolean() });

/** What the simulated teachers' output is worth on this scene; null where a scene has nothing to score. */
const teacherQualitySchema = z.object({
  noise: noisePresetSchema,
  segmenter: z.object({
    /** Mean over frames of PQ of the foreground class, in percent. */
    pq: z.number().nullable(),
    framesScored: count,
  }),
  /** Frames in the capture's order. Views of a messy room or turntable are no video: their ids break at every jump. */
  tracker: z
    .object({ hota: share, detA: share, assA: share, idf1: share, mota: z.number(), idSwitches: count, tracks: count })
    .nullable(),
  /** Of the affine-invariant disparity after the least-squares fit of scale and shift per frame. */
  depth: z.object({ absoluteRelative: z.number().nullable(), delta125: share.nullable() }),
});
export type TeacherQuality = z.infer<typeof teacherQualitySchema>;

export const sceneResultSchema = z.object({
  scene: sceneKindSchema,
  seed: sceneSeedSchema,
  objects: count,
  width: count,
  height: count,
  /** Null when only the sheet was asked for. */
  capture: z
    .object({
      path,
      frames: count,
      testFrames: count,
      points: count,
      /** The protocol's figures: visible objects per image, coverage of every object, and what a kitchen must show. */
      checks: z.array(sceneCheckSchema),
      teachers: teacherQualitySchema,
    })
    .nullable(),
  sheetPath: path.nullable(),
  /** Wall time by stage: layout (objects, physics, cameras), capture (rendering, writing), teachers, sheet. */
  seconds: z.object({ layout: z.number(), capture: z.number(), teachers: z.number(), sheet: z.number() }),
  peakMemoryBytes: count,
});
export type SceneResult = z.infer<typeof sceneResultSchema>;

/** Where a generated capture says which frames are its test split, relative to the capture's folder. */
export const SCENE_TRUTH_FILE = 'truth/scene.json';
export const SCENE_TRUTH_FORMAT = 'liftscope-scene-truth';

/** The part of `truth/scene.json` that import needs. */
export const sceneSplitSchema = z.object({
  format: z.literal(SCENE_TRUTH_FORMAT),
  frames: z
    .array(z.object({ name: z.string().min(1).max(1024), split: z.enum(['train', 'test']) }))
    .min(1)
    .max(1_000_000),
});

const frameTruthQualitySchema = z.object({
  name: z.string(),
  /** Mean of |expected − true| / true over the covered pixels; null when none is covered. */
  depthAbsoluteRelative: z.number().nullable(),
  /** Share of the covered pixels whose depth is within a factor of 1.25; null when none is covered. */
  depthDelta125: share.nullable(),
  /** Share of pixels with alpha > 0.5. */
  coverage: share,
});
export type FrameTruthQuality = z.infer<typeof frameTruthQualitySchema>;

/** Splats against a generated scene's ground truth; means over `perFrame`, frames without a figure left out. */
export const truthQualitySchema = z.object({
  depthAbsoluteRelative: z.number().nullable(),
  depthDelta125: share.nullable(),
  coverage: share,
  perFrame: z.array(frameTruthQualitySchema).min(1),
});
export type TruthQuality = z.infer<typeof truthQualitySchema>;
