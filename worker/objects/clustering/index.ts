/** @public door of worker/objects/clustering */
export { PointsError } from '../../kernels/index.ts';
export { type ClusterSelection, type FlatClusters, type SelectionOptions, selectClusters } from './condensed-tree.ts';
export { type DbscanOptions, dbscan } from './dbscan.ts';
export { type HdbscanOptions, hdbscan } from './hdbscan.ts';
export { type MeanShiftOptions, type MeanShiftResult, meanShift } from './mean-shift.ts';
export { referenceTreeWeight } from './reference.ts';
export {
  mutualReachabilityTree,
  type SpanningTree,
  type SpanningTreeCost,
  type SpanningTreeOptions,
} from './spanning-tree.ts';
