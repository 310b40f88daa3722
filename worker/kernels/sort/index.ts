export { binStarts, type DeviceCount, prefixSums, radixSort, sortPasses } from './kernel.wgsl.ts';
