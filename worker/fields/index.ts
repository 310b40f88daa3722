/** @public door of worker/fields */
export { instancePixels, type LiftFrame, sampledPixels } from './frames.ts';
export * from './language/index.ts';
export { type FieldLoss, type FieldParameters, type FieldShape, type Readout, readoutOf } from './parameters.ts';
export { type GradientNoise, type GradientNoiseOptions, gradientNoise } from './stability.ts';
export {
  type FieldProgress,
  type FieldReport,
  type StepTimes,
  type TrainedField,
  type TrainFieldOptions,
  trainField,
} from './train.ts';
export { type CachedView, type HostWeights, WeightCache, type WeightCacheOptions } from './weight-cache.ts';
