/** @public door of worker/metrics */
export { adjustedRandIndex } from './adjusted-rand.ts';
export { type DepthError, depthError } from './depth.ts';
export { MetricInputError } from './errors.ts';
export { type FloatImage, psnr, SSIM_WINDOW_SIZE, ssim } from './image.ts';
export { type BoundaryOptions, boundaryIoU, type MeanIoU, type MeanIoUOptions, maskIoU, meanIoU } from './masks.ts';
export {
  type PanopticClass,
  type PanopticFrame,
  type PanopticOptions,
  type PanopticQuality,
  panopticQuality,
} from './panoptic.ts';
export {
  averagePrecision,
  type MeanOverQueries,
  meanAveragePrecision,
  type RankedQuery,
  recallAtK,
} from './ranking.ts';
export {
  type Clear,
  type ClearOptions,
  type ClearResult,
  clear,
  HOTA_ALPHAS,
  type Hota,
  type HotaAtAlpha,
  type HotaFigures,
  hota,
  type Identity,
  type IdentityOptions,
  identity,
  type TrackClasses,
  type TrackingFrame,
  type TrackingSequence,
} from './tracking/index.ts';
