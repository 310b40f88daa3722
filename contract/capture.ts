/** A capture: posed images, their cameras and the sparse points that came with them. */
import { z } from 'zod';
import { cameraSchema, pinholeCameraSchema } from './camera.ts';
import { fileText, frameSchema, maxFrameNameLength, maxPathLength, vector3Schema } from './frame.ts';

/** Most frames in one capture. */
export const maxFrames = 1_000_000;
/** Most cameras in one capture. */
export const maxCameras = 1_000_000;
/** Most sparse points in one capture: at 15 bytes each the arrays stay below 1.5 GB. */
export const maxSparsePoints = 100_000_000;
/** Most warnings kept one by one; `warningCounts` goes on counting. */
export const maxWarnings = 1000;

export const captureFormatSchema = z.enum(['colmap-bin', 'colmap-txt', 'nerfstudio', 'instant-ngp', 'epic-fields']);
export type CaptureFormat = z.infer<typeof captureFormatSchema>;

const captureWarningCodeSchema = z.enum([
  /** An image file that the capture names does not exist. The frame was left out. */
  'image-missing',
  /** An image file exists and cannot be decoded. The frame was left out. */
  'image-unreadable',
  /** The image is not of its camera's size; intrinsics were scaled to it, or the frame was left out. */
  'image-size-mismatch',
  /** Transparency was composited and, where asked for, kept as a mask. */
  'image-alpha',
  /** A mask or depth file that the capture names is missing or unreadable; the frame stays without it. */
  'side-file-missing',
  /** A frame without a usable pose was left out. */
  'pose-invalid',
  /** Sparse points with coordinates that are not finite were left out. */
  'point-invalid',
  /** The capture's sparse points are absent or unreadable; training starts from random points. */
  'points-missing',
  /** A field was understood but is not used, or its value was replaced by a default. */
  'field-ignored',
  /** Two frames have the same name; the later one was left out. */
  'frame-duplicate',
  /** An asked-for frame name (hold-out list) is not in the capture. */
  'name-unknown',
]);
export type CaptureWarningCode = z.infer<typeof captureWarningCodeSchema>;

/** Something the import survived and the user should know. */
export const captureWarningSchema = z.strictObject({
  code: captureWarningCodeSchema,
  /** One sentence: what is wrong, and what was done about it. */
  message: z.string().min(1).max(8192),
  file: z.string().max(maxPathLength).optional(),
  field: z.string().max(256).optional(),
});
export type CaptureWarning = z.infer<typeof captureWarningSchema>;

/** Axis-aligned box in world coordinates, scene units. */
export const boundsSchema = z
  .strictObject({ min: vector3Schema, max: vector3Schema })
  .refine((b) => b.min.every((low, axis) => low <= (b.max[axis] ?? Number.NaN)), { error: 'min must not exceed max' });
export type Bounds = z.infer<typeof boundsSchema>;

const sparsePointsSummarySchema = z.strictObject({
  count: z.int().min(0).max(maxSparsePoints),
  /** Mean reprojection error in pixels as the source file states it. */
  meanErrorPx: z.number().finite().min(0).optional(),
  /** 1st to 99th percentile of each axis: a few far outliers do not blow it up. Absent without points. */
  bounds: boundsSchema.optional(),
});
export type SparsePointsSummary = z.infer<typeof sparsePointsSummarySchema>;

/** Where the cameras are; its radius is the usual `scene extent` that learning rates scale with. */
const cameraSpanSchema = z.strictObject({
  /** Mean of the camera centres in world coordinates. */
  centre: vector3Schema,
  /** Largest distance of a camera centre from `centre`, in scene units. */
  radius: z.number().finite().min(0),
});
export type CameraSpan = z.infer<typeof cameraSpanSchema>;

const captureFields = {
  name: fileText(maxFrameNameLength),
  /** Absolute path of the folder or file that was imported. */
  sourcePath: fileText(maxPathLength),
  /** Absolute path of the folder that frame names are relative to. */
  imagesPath: fileText(maxPathLength),
  format: captureFormatSchema,
  frames: z.array(frameSchema).min(1).max(maxFrames),
  points: sparsePointsSummarySchema,
  cameraSpan: cameraSpanSchema,
  /** Points' bounds joined with the camera centres: what a viewer frames. */
  bounds: boundsSchema,
  warnings: z.array(captureWarningSchema).max(maxWarnings),
  /** How often each warning occurred, including those beyond `maxWarnings`. */
  warningCounts: z.partialRecord(captureWarningCodeSchema, z.int().min(1)),
  /** `sha256:` + hex over model files and the names and sizes of the images: tells a relink from a change. */
  fingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/),
};

export const captureSchema = z.strictObject({
  ...captureFields,
  cameras: z.array(cameraSchema).min(1).max(maxCameras),
});
export type Capture = z.infer<typeof captureSchema>;

/**
 * A capture that a worker can use as it is: PINHOLE cameras only, upright 8-bit RGB images of exactly
 * their camera's size, and a role for every frame.
 */
export const preparedCaptureSchema = z.strictObject({
  ...captureFields,
  cameras: z.array(pinholeCameraSchema).min(1).max(maxCameras),
});
export type PreparedCapture = z.infer<typeof preparedCaptureSchema>;
