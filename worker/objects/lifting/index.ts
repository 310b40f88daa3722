/** @public door of worker/objects/lifting */
export {
  associateSegments,
  CLOSED_FORM_DEFAULTS,
  type ClosedFormLift,
  type ClosedFormParameters,
  closedFormLift,
  gatherEvidence,
} from './closed-form.ts';
/** @public */
export { type EmbeddingField, type EmbeddingObjects, embeddingToObjects } from './embedding-objects.ts';
/** @public */
export type { PosedSegments, SegmentEvidence, SparseRows } from './evidence.ts';
/** @public */
export { InstanceRenderer, type LiftedGaussians, objectsOfGaussians, type Readout } from './lifted.ts';
/** @public */
export { type TrackedFrame, type TrackingOptions, trackMasks } from './mask-tracking.ts';
/** @public */
export { objectsTable } from './objects-table.ts';
/** @public */
export type { LiftInput, LiftOutcome, LiftRecipe, NamedSegments } from './recipe.ts';
/** @public */
export { decideGaussians, type GaussianObjects, type GaussianVotes, voteOnGaussians } from './vote.ts';
/** @public */
export { type PixelWeights, type RenderedFeatures, WeightReader } from './weights.ts';
