export { binStarts, type DeviceCount, prefixSums, radixSort, sortPasses } from './kernel.wgsl.ts';
export { type MortonFrame, mortonOrder } from './morton.wgsl.ts';
