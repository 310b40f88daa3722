export { associative, concentration, releasedConcentration } from './concentration.ts';
export { type DinoInputs, dino } from './dino.ts';
export {
  clusteringWeight,
  gaussianClustering,
  leastSegmentPixels,
  type SpatialRegulariser,
  spatialRegulariser,
} from './gaussian-clustering.ts';
export {
  argmax,
  assignSlots,
  type ConsistencyTarget,
  compositedNegativeLogLikelihood,
  crossEntropy,
  segmentConsistency,
  segmentDistributions,
  softCrossEntropy,
} from './logits.ts';
export type { Loss, Pixels } from './segments.ts';
