import { z } from 'zod';
import { truthQualitySchema } from './scenes.ts';
import { shDegreeSchema } from './splats.ts';

const finite = z.number();
const count = z.number().int().min(0);
const fraction = z.number().min(0).max(1);
const rate = z.number().min(0);
const path = z.string().min(1).max(4096);

const TRAINING_LIMITS = {
  frames: 100_000,
  imageSide: 32_768,
  points: 100_000_000,
  iterations: 10_000_000,
  threads: 256,
} as const;

/** A rigid transform into the camera's axes (OpenCV: x right, y down, z forward): `x_camera = R(quaternion) x_world + translation`. */
const cameraFromWorldSchema = z.object({
  /** wxyz, any non-zero length; the reader normalises. */
  quaternion: z.tuple([finite, finite, finite, finite]).refine((q) => q.some((value) => value !== 0), {
    error: 'quaternion must not be zero',
  }),
  translation: z.tuple([finite, finite, finite]),
});

/** A pinhole view: what the worker needs to render one. Distortion has been removed at import. */
export const pinholeViewSchema = z.object({
  /** Pixels. */
  width: z.number().int().min(1).max(TRAINING_LIMITS.imageSide),
  height: z.number().int().min(1).max(TRAINING_LIMITS.imageSide),
  /** Focal lengths and principal point in pixels; the centre of the first pixel is (0.5, 0.5). */
  fx: z.number().positive(),
  fy: z.number().positive(),
  cx: finite,
  cy: finite,
  cameraFromWorld: cameraFromWorldSchema,
});
export type PinholeView = z.infer<typeof pinholeViewSchema>;

/** One photo: upright 8-bit RGB of exactly `width` x `height` at `imagePath`. */
export const trainingFrameSchema = pinholeViewSchema.extend({
  name: z.string().min(1).max(1024),
  imagePath: path,
  role: z.enum(['train', 'holdout']),
});
export type TrainingFrame = z.infer<typeof trainingFrameSchema>;

/** Sparse points file: float32 little-endian positions [M, 3], then uint8 sRGB colours [M, 3]; exactly 15·M bytes. */
const sparsePointsSchema = z.object({
  path,
  /** M. */
  count: z.number().int().min(0).max(TRAINING_LIMITS.points),
});
export type SparsePoints = z.infer<typeof sparsePointsSchema>;

/**
 * Every hyper-parameter of the splat trainer (methods: 3D Gaussian Splatting with MCMC densification). The command line derives
 * its options from this schema, descriptions included, so a field added here appears there.
 */
export const trainingParametersSchema = z.strictObject({
  iterations: z.number().int().min(1).max(TRAINING_LIMITS.iterations).default(3000).describe('optimiser steps'),
  maxGaussians: z.number().int().min(1).max(50_000_000).default(45_000).describe('densification never exceeds this'),
  seed: z.number().int().min(0).max(0xffffffff).default(0).describe('seed of every random choice, 32 bit'),
  shDegree: shDegreeSchema.default(3).describe('highest degree of the spherical harmonics'),
  shDegreeEvery: z.number().int().min(1).default(200).describe('iterations between raising the active degree by one'),
  initialOpacity: z.number().gt(0).lt(1).default(0.3).describe('opacity of the initial Gaussians'),
  initialScale: z
    .number()
    .positive()
    .default(1)
    .describe('initial scale as a multiple of the distance to the nearest points'),
  ssimWeight: fraction.default(0.2).describe('weight of 1 - SSIM in the loss; L1 has the rest'),
  opacityPenalty: rate.default(0.03).describe('weight of the L1 penalty on opacities'),
  scalePenalty: rate.default(0.01).describe('weight of the L1 penalty on scales'),
  positionRate: rate.default(8e-4).describe('Adam rate of the means at the start, times the scene extent'),
  positionRateEnd: rate.default(8e-5).describe('Adam rate of the means at the end, times the scene extent'),
  scaleRate: rate.default(5e-3).describe('Adam rate of the log scales'),
  rotationRate: rate.default(1e-3).describe('Adam rate of the quaternions'),
  opacityRate: rate.default(5e-2).describe('Adam rate of the logit opacities'),
  shRate: rate.default(5e-3).describe('Adam rate of the degree-0 coefficients'),
  shRestRate: rate.default(5e-4).describe('Adam rate of the higher coefficients'),
  densifyFrom: count.default(200).describe('first iteration that relocates and adds Gaussians'),
  densifyUntil: fraction.default(0.85).describe('fraction of the iterations after which densification stops'),
  densifyEvery: z.number().int().min(1).default(100).describe('iterations between densification steps'),
  growth: fraction.default(0.25).describe('Gaussians added per densification step, as a fraction of their number'),
  deadOpacity: fraction.default(0.005).describe('Gaussians at or below this opacity are relocated'),
  noiseRate: rate.default(5e5).describe('strength of the exploration noise, times the position rate'),
  downscales: z
    .number()
    .int()
    .min(0)
    .max(6)
    .default(1)
    .describe('how many times the first images are halved (coarse to fine)'),
  downscaleEvery: z.number().int().min(1).default(300).describe('iterations per resolution step'),
});
export type TrainingParameters = z.infer<typeof trainingParametersSchema>;

export const backendChoiceSchema = z.enum(['auto', 'wasm', 'webgpu']);
export type BackendChoice = z.infer<typeof backendChoiceSchema>;
export const backendNameSchema = z.enum(['wasm', 'webgpu']);
export type BackendName = z.infer<typeof backendNameSchema>;

/** How a compute job may use the machine; shared by every job kind that computes. */
export const computeOptionsSchema = z.object({
  backend: backendChoiceSchema.default('auto'),
  /** Threads of the wasm backend; 0 takes one per available core. */
  threads: z.number().int().min(0).max(TRAINING_LIMITS.threads).default(0),
  /** The job fails with `out-of-memory` (or shrinks what it caches) rather than exceed this; 0 is no limit. */
  memoryBudgetBytes: count.default(0),
});
export type ComputeOptions = z.infer<typeof computeOptionsSchema>;

const framesSchema = z.array(trainingFrameSchema).min(1).max(TRAINING_LIMITS.frames);

export const trainingRequestSchema = computeOptionsSchema.extend({
  frames: framesSchema.refine((frames) => frames.some((frame) => frame.role === 'train'), {
    error: 'at least one frame must have the role "train"',
  }),
  /** Absent: the trainer starts from random points inside the cameras' reach. */
  points: sparsePointsSchema.optional(),
  parameters: trainingParametersSchema,
  /** Folder that belongs to this training alone; created by the worker when missing. */
  checkpointDir: path,
  /** Continue from the newest valid checkpoint in `checkpointDir`; none there starts from the beginning with a warning. */
  resume: z.boolean().default(false),
  /**
   * With `resume`: `bad-input` where every whole checkpoint there belongs to other settings, photos or points, instead of
   * starting from the beginning.
   */
  refuseOtherCheckpoints: z.boolean().default(false),
  /** Iterations between checkpoints; 0 writes one only when cancelled. */
  checkpointEvery: count.default(500),
  /** Iterations between evaluations on the held-out frames; 0 evaluates only at the end. */
  evaluateEvery: count.default(1000),
  /** Further iterations after which to evaluate, for example a published comparison point. */
  evaluateAt: z.array(z.number().int().min(1)).max(1000).default([]),
  /** Iterations between preview images; 0 sends none. */
  previewEvery: count.default(0),
  /**
   * Milliseconds between preview images, the first before the first iteration; 0 sends none by time. They come less often
   * where making them would take a noticeable part of the training.
   */
  previewIntervalMs: count.default(0),
  /** Frame that previews show; absent: the first held-out one, else the first. */
  previewFrame: z.string().max(1024).optional(),
  /** Where the `.splats` file goes: written beside it under a temporary name, fsynced, renamed. */
  outputPath: path,
});
export type TrainingRequest = z.infer<typeof trainingRequestSchema>;

/** Image quality of one frame: PSNR in dB and SSIM (the metric, not the training loss) of the clamped 8-bit-range rendering. */
const frameQualitySchema = z.object({ name: z.string(), psnr: z.number(), ssim: z.number() });
export type FrameQuality = z.infer<typeof frameQualitySchema>;

/** Means over `perFrame`; null when no frame was held out, so that an absent figure is never mistaken for a number. */
const qualitySchema = z.object({
  psnr: z.number().nullable(),
  ssim: z.number().nullable(),
  perFrame: z.array(frameQualitySchema),
});

export const trainingEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('started'),
    backend: backendNameSchema,
    /** Adapter or instruction set, for people. */
    device: z.string(),
    threads: count,
    trainFrames: count,
    holdoutFrames: count,
    /** Gaussians at the start (after resuming: of the checkpoint). */
    gaussians: count,
    /** 0, or the iteration of the checkpoint that was resumed. */
    iteration: count,
    iterations: count,
  }),
  z.object({
    type: z.literal('progress'),
    iteration: count,
    iterations: count,
    loss: z.number(),
    gaussians: count,
    iterationsPerSecond: z.number().min(0),
    secondsLeft: z.number().min(0),
  }),
  qualitySchema.extend({ type: z.literal('evaluation'), iteration: count, seconds: z.number().min(0) }),
  z.object({ type: z.literal('checkpoint'), iteration: count, path }),
  z.object({
    type: z.literal('preview'),
    iteration: count,
    frame: z.string(),
    width: count,
    height: count,
    png: z.instanceof(Uint8Array),
  }),
  z.object({ type: z.literal('warning'), message: z.string() }),
  z.object({ type: z.literal('finished'), iteration: count, gaussians: count }),
]);
export type TrainingEvent = z.infer<typeof trainingEventSchema>;

export const trainingResultSchema = qualitySchema.extend({
  /** Wall time of training itself: images loaded to last iteration, without evaluations, previews and checkpoints. */
  seconds: z.number().min(0),
  iterationsPerSecond: z.number().min(0),
  gaussians: count,
  /** Highest resident set of the worker process. */
  peakMemoryBytes: count,
  backend: backendNameSchema,
  threads: count,
  seed: count,
  iterations: count,
  splatsPath: path,
  /** sha256 of the arrays of the `.splats` file (not of its header), hexadecimal: equal seeds give equal hashes on wasm. */
  splatsHash: z.string(),
  parameters: trainingParametersSchema,
  /** Seconds by phase and kernel, for people and for `bench`. */
  timings: z.record(z.string(), z.number()),
});
export type TrainingResult = z.infer<typeof trainingResultSchema>;

export const evaluationRequestSchema = computeOptionsSchema.extend({
  splatsPath: path,
  /** Frames to score, whatever their role. */
  frames: framesSchema,
  /** Folder of a generated capture whose `truth/` describes the frames. Absent: photos are all there is to compare with. */
  truthDir: path.optional(),
  /** Photos whose mean per pixel is scored on `frames` too: what a constant image would reach. All of the frames' size. */
  baselineFrames: framesSchema.optional(),
});
export type EvaluationRequest = z.infer<typeof evaluationRequestSchema>;

export const evaluationResultSchema = qualitySchema.extend({
  /** Absent without `truthDir`. */
  truth: truthQualitySchema.optional(),
  /** Of the per-pixel mean of `baselineFrames`. Absent without them. */
  baseline: z.object({ psnr: z.number(), ssim: z.number() }).optional(),
  seconds: z.number().min(0),
  gaussians: count,
  peakMemoryBytes: count,
  backend: backendNameSchema,
});
export type EvaluationResult = z.infer<typeof evaluationResultSchema>;

export const renderRequestSchema = computeOptionsSchema.extend({
  splatsPath: path,
  view: pinholeViewSchema,
  /** `depth` is the expected depth, scaled to the range found in the image. */
  channel: z.enum(['colour', 'depth', 'alpha']).default('colour'),
  /** PNG, written under a temporary name and renamed. */
  outputPath: path,
});
export type RenderRequest = z.infer<typeof renderRequestSchema>;

export const renderResultSchema = z.object({
  outputPath: path,
  width: count,
  height: count,
  seconds: z.number().min(0),
  gaussians: count,
  peakMemoryBytes: count,
  backend: backendNameSchema,
});
export type RenderResult = z.infer<typeof renderResultSchema>;

/** The trainer's parameters with every default filled in. */
export function defaultTrainingParameters(overrides: Partial<TrainingParameters> = {}): TrainingParameters {
  return trainingParametersSchema.parse(overrides);
}
