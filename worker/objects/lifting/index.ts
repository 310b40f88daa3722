/** Door of worker/objects/lifting. */

export { type ClickQuery, clickMask, deepestPixel, featureOfPixel, largestRegion } from './clicks.ts';
export {
  associateSegments,
  CLOSED_FORM_DEFAULTS,
  type ClosedFormLift,
  type ClosedFormParameters,
  closedFormLift,
  gatherEvidence,
} from './closed-form.ts';
export { type EmbeddingField, type EmbeddingObjects, embeddingToObjects, type MapScore } from './embedding-objects.ts';
export type { PosedSegments, SegmentEvidence, SparseRows } from './evidence.ts';
export { InstanceRenderer, type LiftedGaussians, objectsOfGaussians, type Readout } from './lifted.ts';
export { type TrackedFrame, type TrackingOptions, trackMasks } from './mask-tracking.ts';
export { objectsTable } from './objects-table.ts';
export type { LiftInput, LiftOutcome, LiftRecipe, NamedSegments } from './recipe.ts';
export { decideGaussians, type GaussianObjects, type GaussianVotes, voteOnGaussians } from './vote.ts';
export { divideByAlpha, type PixelWeights, type RenderedFeatures, WeightReader } from './weights.ts';
