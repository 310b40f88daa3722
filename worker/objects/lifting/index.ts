/** @public door of worker/objects/lifting */
export {
  associateSegments,
  CLOSED_FORM_DEFAULTS,
  type ClosedFormLift,
  type ClosedFormParameters,
  closedFormLift,
  gatherEvidence,
} from './closed-form.ts';
export { type EmbeddingField, type EmbeddingObjects, embeddingToObjects } from './embedding-objects.ts';
export type { PosedSegments, SegmentEvidence, SparseRows } from './evidence.ts';
export { InstanceRenderer, type LiftedGaussians, objectsOfGaussians, type Readout } from './lifted.ts';
export { objectsTable } from './objects-table.ts';
export { decideGaussians, type GaussianObjects, type GaussianVotes, voteOnGaussians } from './vote.ts';
export { type PixelWeights, type RenderedFeatures, WeightReader } from './weights.ts';
