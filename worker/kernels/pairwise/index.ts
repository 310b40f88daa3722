export {
  anchorsWithPositive,
  type EmbeddingRows,
  type MarginArgs,
  marginLoss,
  type SlowFastArgs,
  slowFastLoss,
  type VanillaArgs,
  vanillaLoss,
} from './pairwise.ts';
export {
  type EmbeddedPixels,
  type LossAndGradient,
  marginReference,
  type Similarity,
  slowFastReference,
  vanillaReference,
} from './reference.ts';
