export {
  type BatchRows,
  FeatureTable,
  type FeatureTableOptions,
  type GatherArgs,
  gatherFeatures,
  padded,
  type ScatterArgs,
  scatterGradients,
  TouchedRows,
  type UpdateFeaturesArgs,
  unpadded,
  updateFeatures,
} from './feature-table.ts';
export {
  averageReference,
  type FeatureStep,
  type FeatureTableState,
  featureStepReference,
  rowsOf,
  softmaxReference,
} from './reference.ts';
