export { type BinArgs, binTiles, TileLists } from './binning.ts';
export { deviceSortCost } from './kernel.wgsl.ts';
export { type BinnedReference, binReference } from './reference.ts';
