export { describeAdapter, findAdapter, mayHaveHardware, NoAdapterError, SOFTWARE_VARIABLE } from './adapter.ts';
export { type BufferSlice, WebgpuBackend, type WebgpuBackendOptions, WebgpuBuffer } from './backend.ts';
export { itemProgram, program, wgslFloat } from './program.ts';
