export { binStarts, type DeviceCount, prefixSums, radixSort } from './kernel.wgsl.ts';
