export { type BinArgs, binTiles, TileLists } from './binning.ts';
export { type BinnedReference, binReference } from './reference.ts';
