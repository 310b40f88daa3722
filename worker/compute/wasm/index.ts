export { WasmBackend, type WasmBackendOptions, WasmBuffer } from './backend.ts';
