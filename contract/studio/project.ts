/** What the renderer knows about the open project: summaries and whole-capture columns; pixels travel by URL (`routes.ts`). */
import { z } from 'zod';
import { boundsSchema, captureFormatSchema, captureWarningSchema } from '../capture.ts';
import { fileText, maxPathLength, vector3Schema } from '../frame.ts';

const count = z.int().min(0);
const timeMs = z.number();

/** A path on this machine as the user chose it; the host confines what it may lead to. */
export const pathSchema = fileText(maxPathLength);

const captureSummarySchema = z.object({
  id: count,
  name: z.string(),
  sourcePath: z.string(),
  format: captureFormatSchema,
  frames: count,
  trainFrames: count,
  holdoutFrames: count,
  points: count,
  bounds: boundsSchema,
  /** Images that are no longer where import saw them, by name, at most 100; `missingCount` counts all. */
  missing: z.array(z.string()).max(100),
  missingCount: count,
  warnings: z.array(captureWarningSchema),
  warningCounts: z.record(z.string(), count),
  importedAt: timeMs,
});
export type CaptureSummary = z.infer<typeof captureSummarySchema>;

const splatsSummarySchema = z.object({
  id: count,
  captureId: count.nullable(),
  jobId: count.nullable(),
  gaussians: count,
  shDegree: count,
  /** Means over the held-out frames; null where none were scored. */
  psnr: z.number().nullable(),
  ssim: z.number().nullable(),
  createdAt: timeMs,
});
export type SplatsSummary = z.infer<typeof splatsSummarySchema>;

export const projectStateSchema = z.object({
  folder: z.string(),
  name: z.string(),
  /** Grows with every committed change. */
  revision: count,
  /** Of the last committed change. */
  savedAt: timeMs,
  captures: z.array(captureSummarySchema),
  /** The capture that panels show; null in an empty project. */
  currentCaptureId: count.nullable(),
  splats: z.array(splatsSummarySchema),
  /** The model that panels show; null before the first training. */
  currentSplatsId: count.nullable(),
  objects: count,
  observations: count,
  undo: z.object({ label: z.string() }).nullable(),
  redo: z.object({ label: z.string() }).nullable(),
});
export type ProjectState = z.infer<typeof projectStateSchema>;

/**
 * All frames of a capture, column by column, in the order of the capture: 10,000 frames are 1 MB of JSON, parsed once.
 * Poses are cameraFromWorld (OpenCV axes), quaternion wxyz.
 */
export const frameColumnsSchema = z.object({
  captureId: count,
  ids: z.array(z.string()),
  names: z.array(z.string()),
  /** [F * 7]: qw qx qy qz tx ty tz. */
  poses: z.array(z.number()),
  /** [F * 6]: width height fx fy cx cy, pixels. */
  intrinsics: z.array(z.number()),
  /** 1: held out. */
  holdout: z.array(z.union([z.literal(0), z.literal(1)])),
  timestampsSeconds: z.array(z.number().nullable()),
});
export type FrameColumns = z.infer<typeof frameColumnsSchema>;

/** Image quality of a splat model per frame, where it was scored. */
export const frameMetricsSchema = z.object({
  splatsId: count,
  frames: z.array(z.object({ name: z.string(), psnr: z.number(), ssim: z.number(), holdout: z.boolean() })),
});
export type FrameMetrics = z.infer<typeof frameMetricsSchema>;

/** What import would do, before anything is written. */
export const importPreviewSchema = z.object({
  path: z.string(),
  name: z.string(),
  format: captureFormatSchema,
  frames: count,
  /**
   * Photos that cannot be used, with the reason, at most 100: those that the source names, and those beside them that it has no
   * pose for. `skippedCount` counts all.
   */
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })).max(100),
  skippedCount: count,
  cameras: z.array(z.object({ model: z.string(), width: count, height: count, frames: count })),
  points: count,
  /** Mean distance in pixels between sparse points as photographed and as projected; null without observations. */
  reprojectionErrorPx: z.number().nullable(),
  bounds: boundsSchema,
  cameraSpan: z.object({ centre: vector3Schema, radius: z.number() }),
  /** Unit vector: mean of the cameras' up axes; how far they agree (length of the mean, 0 to 1). */
  up: z.object({ direction: vector3Schema, agreement: z.number() }),
  /** [F * 7] cameraFromWorld like {@link frameColumnsSchema}, and [F * 6] intrinsics. */
  poses: z.array(z.number()),
  intrinsics: z.array(z.number()),
  names: z.array(z.string()),
  /** Up to 20,000 of the sparse points, [P * 3] world coordinates and [P * 3] sRGB bytes. */
  samplePoints: z.array(z.number()),
  sampleColors: z.array(z.number()),
  /** Sample frames with projected sparse points over them. */
  samples: z.array(
    z.object({
      frame: z.string(),
      width: count,
      height: count,
      /** [K * 2] pixels: where the points project. */
      projected: z.array(z.number()),
      /** [K * 2] pixels: where the source observed them; empty when it does not say. */
      observed: z.array(z.number()),
    }),
  ),
  /** Share of ignored pixels over the sampled masks; null without masks. Near 1 usually means inverted masks. */
  maskedShare: z.number().nullable(),
  warnings: z.array(captureWarningSchema),
  warningCounts: z.record(z.string(), count),
  /** Names that the source itself holds out (a generated scene's test split), if any. */
  holdout: z.array(z.string()),
});
export type ImportPreview = z.infer<typeof importPreviewSchema>;

/** One entry of the folder browser. */
export const fileEntrySchema = z.object({
  name: z.string(),
  path: z.string(),
  kind: z.enum(['folder', 'project', 'capture', 'splats', 'file']),
  sizeBytes: count.nullable(),
});
export type FileEntry = z.infer<typeof fileEntrySchema>;
