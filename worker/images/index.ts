/** @public door of worker/images */
export {
  type EncodedFormat,
  type EncodeOptions,
  encodeImage,
  ImageFileError,
  type ImageRequest,
  type LoadImageOptions,
  type LoadImagesOptions,
  loadImage,
  loadImages,
  MAX_IMAGE_PIXELS,
  requireImageSize,
  writeImage,
} from './files.ts';
export {
  boxDownscale,
  downscaleIntrinsics,
  type PinholeIntrinsics,
  type PlanarFloatImage,
  type PlanarImage,
  pyramid,
  toFloat,
  toInterleavedBytes,
} from './planar.ts';
export { type RgbImage, type SegmentCropOptions, segmentCrop } from './segment-crop.ts';
