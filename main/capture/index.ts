/**
 * Captures at the door: importers, preparation for training, splat and point files. See each file for its format.
 */
export type { FrameImage, ImportedCapture, OrientationRule, ReprojectionCheck } from './assemble.ts';
export { forEachIndex } from './concurrency.ts';
export { CaptureError, type CaptureErrorCode, clip, printable, systemErrorText } from './errors.ts';
export { readLines, readWhole } from './file-reader.ts';
export { decodeMask, type ImageFormat, imageFormatOf } from './images.ts';
export {
  type DetectedCapture,
  detectCapture,
  type ImportContext,
  type ImportOptions,
  type ImportProgress,
  importCapture,
} from './import.ts';
export type { Observations, SparsePoints } from './model.ts';
export { isDirectory, isRegularFile } from './paths.ts';
export { cameraCentre, invertPose, transformPoint } from './pose.ts';
export {
  type HoldoutRule,
  type PreparationResult,
  type PrepareContext,
  type PrepareOptions,
  prepareCapture,
} from './prepare.ts';
export { type Projector, projectorOf } from './projection.ts';
export {
  OBJECT_ID_PROPERTY,
  readSplatPly,
  type SplatImport,
  type SplatModel,
  splatPlyProperties,
} from './splat-ply.ts';
export { importSplatPly, readSplatsFile, type SplatsFile, writeAtomically, writeSplatsFile } from './splats-file.ts';
