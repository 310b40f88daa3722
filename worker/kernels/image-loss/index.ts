export {
  IMAGE_LOSS_SUMS_BYTES,
  type ImageLossArgs,
  ImageLossWorkspace,
  imageLoss,
  imageLossCost,
  type TargetMeansArgs,
  targetMeans,
} from './image-loss.ts';
export {
  blurZeroPadded,
  type ImageLossInputs,
  type ImageLossOutputs,
  imageLossReference,
} from './reference.ts';
