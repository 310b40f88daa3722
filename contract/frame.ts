/** A frame: one posed image of a capture. */
import { z } from 'zod';
import { cameraIdSchema, maxImageSidePx } from './camera.ts';

/** Largest accepted magnitude of a coordinate in scene units. Beyond it float32 kernels lose the scene. */
export const maxCoordinate = 1e9;
/** Longest accepted file name inside a capture, in UTF-16 code units. */
export const maxFrameNameLength = 1024;
/** Longest accepted path on this machine, in UTF-16 code units. */
export const maxPathLength = 4096;

/** Text that names a file. No NUL: file systems refuse it, and SQLite takes it for the end. */
export function fileText(maxLength: number) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => !text.includes('\0'), { error: 'must not contain a NUL character' });
}

/** Identifier of a frame: derived from its name, so importing the same capture again gives the same ids. */
const frameIdSchema = z.string().min(1).max(64).brand<'FrameId'>();
export type FrameId = z.infer<typeof frameIdSchema>;

const coordinate = z.number().finite().min(-maxCoordinate).max(maxCoordinate);
const quaternionComponent = z.number().finite().min(-1.000_001).max(1.000_001);

/** `[x, y, z]` in scene units. */
export const vector3Schema = z.tuple([coordinate, coordinate, coordinate]);
export type Vector3 = z.infer<typeof vector3Schema>;

/** Unit quaternion `[w, x, y, z]`; length 1 within 1e-6. */
const quaternionSchema = z
  .tuple([quaternionComponent, quaternionComponent, quaternionComponent, quaternionComponent])
  .refine((q) => Math.abs(Math.hypot(...q) - 1) <= 1e-6, { error: 'quaternion must have length 1' });
export type Quaternion = z.infer<typeof quaternionSchema>;

/** Rigid transform: `to = rotate(quaternion, from) + translation`. */
export const poseSchema = z.strictObject({ quaternion: quaternionSchema, translation: vector3Schema });
export type Pose = z.infer<typeof poseSchema>;

const frameRoleSchema = z.enum(['train', 'holdout']);
/** `train`: the optimiser sees it. `holdout`: only evaluation does. Undefined until a split has been chosen. */
export type FrameRole = z.infer<typeof frameRoleSchema>;

export const frameSchema = z.strictObject({
  id: frameIdSchema,
  /** Path relative to the capture's images folder, with forward slashes; unique within the capture. */
  name: fileText(maxFrameNameLength),
  /** Absolute path of the image on this machine. */
  imagePath: fileText(maxPathLength),
  cameraId: cameraIdSchema,
  /** World to camera, OpenCV camera axes. */
  cameraFromWorld: poseSchema,
  /** Size of the image in pixels after its EXIF orientation has been applied. */
  width: z.int().min(1).max(maxImageSidePx),
  height: z.int().min(1).max(maxImageSidePx),
  /** Seconds since the first frame of the video, where the source says so. */
  timestampSeconds: z.number().finite().optional(),
  /** Absolute path of an 8-bit greyscale mask of the image's size: 0 = ignore this pixel, 255 = use it. */
  maskPath: fileText(maxPathLength).optional(),
  role: frameRoleSchema.optional(),
});
export type Frame = z.infer<typeof frameSchema>;
