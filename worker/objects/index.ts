/** @public door of worker/objects */
export {
  type Assignment,
  AssignmentError,
  type AssignmentOptions,
  AssignmentSolver,
  linearAssignment,
} from './assignment/index.ts';
export {
  type ClusterSelection,
  type DbscanOptions,
  dbscan,
  type FlatClusters,
  type HdbscanOptions,
  hdbscan,
  type MeanShiftOptions,
  type MeanShiftResult,
  meanShift,
  mutualReachabilityTree,
  PointsError,
  referenceTreeWeight,
  type SpanningTree,
  type SpanningTreeCost,
} from './clustering/index.ts';
export * from './lifting/index.ts';
export * from './tracking/index.ts';
