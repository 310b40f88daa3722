/** @public door of worker/kernels/neighbours */
export { type NearestLists, NeighbourSearch, type OutsideViews } from './search.ts';
export { buildPointTree, PointsError, type PointTree } from './tree.ts';
