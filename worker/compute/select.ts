import type { Backend, BackendKind } from './backend.ts';
import { WasmBackend, type WasmBackendOptions } from './wasm/index.ts';

/**
 * Picks and starts a backend.
 * @throws when a named backend cannot run here; `auto` never throws for want of a GPU.
 */
export async function createBackend(kind: BackendKind | 'auto', options: WasmBackendOptions = {}): Promise<Backend> {
  switch (kind) {
    case 'auto':
    case 'wasm':
      return WasmBackend.create(options);
    case 'webgpu':
      throw new Error('The webgpu backend is not part of this version yet; use --backend wasm.');
    default:
      return kind satisfies never;
  }
}
