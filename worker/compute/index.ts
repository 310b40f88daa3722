/** @public door of worker/compute */
export {
  type Backend,
  type BackendKind,
  type DeviceBuffer,
  DeviceLostError,
  type Kernel,
  KernelError,
  type MemoryUse,
  OutOfMemoryError,
} from './backend.ts';
export { GrowingBuffers } from './growing.ts';
export { createBackend, withWasm } from './select.ts';
export { WasmBackend, type WasmBackendOptions, WasmBuffer } from './wasm/index.ts';
export {
  type BufferSlice,
  describeAdapter,
  findAdapter,
  itemProgram,
  NoAdapterError,
  program,
  SOFTWARE_VARIABLE,
  WebgpuBackend,
  wgslFloat,
} from './webgpu/index.ts';
