/** Segmenting the frames of a capture in 2D, each by itself: the built-in graph segmenter, or a SAM-style model. */
import { z } from 'zod';
import { maskSetInfoSchema } from './masks.ts';
import { computeOptionsSchema, evaluationRequestSchema } from './training.ts';

const share = z.number().min(0).max(1);
const path = z.string().min(1).max(4096);
const count = z.number().int().min(0);

/** Every setting of the graph segmenter; the command line derives options from it. */
export const graphSegmentationSchema = z.strictObject({
  output: z
    .enum(['parts', 'nested'])
    .default('parts')
    .describe('parts: one segment per pixel; nested: every stable region, wholes and their parts'),
  minArea: share.default(0.003).describe('smallest segment, as a share of the image'),
  maxArea: share.default(0.5).describe('largest segment, as a share of the image'),
  minStability: z
    .number()
    .min(0)
    .max(10)
    .default(0.25)
    .describe('nested output: smallest log ratio of the distances at which a region ends and begins'),
  detail: z.number().min(0.1).max(10).default(1).describe('above 1 tells more alike things apart, below 1 fewer'),
  geometry: z
    .number()
    .min(0)
    .max(10)
    .default(1)
    .describe('weight of jumps in the depth of the trained splats; 0 looks at colour alone'),
});
export type GraphSegmentation = z.infer<typeof graphSegmentationSchema>;

/** Automatic mask generation with a SAM-style model (Kirillov et al. 2023, appendix B). */
export const samSegmentationSchema = z.strictObject({
  pointsPerSide: z.number().int().min(1).max(256).default(32).describe('prompt points along each side'),
  minPredictedIou: share.default(0.88).describe('masks that the model itself rates lower are dropped'),
  minStability: share.default(0.95).describe('masks that change more when the threshold moves are dropped'),
  stabilityOffset: z.number().min(0).max(100).default(1).describe('by how much that threshold moves, in logits'),
  maxBoxIou: share.default(0.7).describe('of masks whose boxes overlap more, the best stays'),
  minArea: share.default(0.000_3).describe('smallest mask, as a share of the image'),
  cropLayers: z.number().int().min(0).max(3).default(0).describe('layer n looks again at 4^n overlapping crops'),
  output: z
    .enum(['parts', 'nested'])
    .default('parts')
    .describe('parts: one segment per pixel, the smaller on top; nested: overlapping masks as they are'),
});
export type SamSegmentation = z.infer<typeof samSegmentationSchema>;

export const segmentationRequestSchema = computeOptionsSchema.extend({
  frames: evaluationRequestSchema.shape.frames,
  method: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('graph'),
      parameters: graphSegmentationSchema.prefault({}),
      /** Splats of the same capture, whose depth tells things apart where colour does not. */
      splatsPath: path.optional(),
    }),
    z.object({
      kind: z.literal('sam'),
      parameters: samSegmentationSchema.prefault({}),
      /** Folder with `manifest.json` and the model's files. */
      modelDir: path,
    }),
  ]),
  /** Name and provenance of the mask set. */
  set: maskSetInfoSchema,
  /** Where the `.masks` file goes: written beside it under a temporary name, fsynced, renamed. */
  outputPath: path,
});
export type SegmentationRequest = z.infer<typeof segmentationRequestSchema>;

export const segmentationResultSchema = z.object({
  masksPath: path,
  frames: count,
  segments: count,
  /** Frames in which nothing was found, by name; at most 100. */
  emptyFrames: z.array(z.string()).max(100),
  emptyFrameCount: count,
  /** Wall time of the whole job, and of the median frame. */
  seconds: z.number().min(0),
  medianFrameMs: z.number().min(0),
  peakMemoryBytes: count,
});
export type SegmentationResult = z.infer<typeof segmentationResultSchema>;
