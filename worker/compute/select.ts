import { LiftscopeError } from '../../contract/index.ts';
import type { Backend, BackendKind } from './backend.ts';
import { WasmBackend, type WasmBackendOptions } from './wasm/index.ts';
import {
  mayHaveHardware,
  NoAdapterError,
  SOFTWARE_VARIABLE,
  WebgpuBackend,
  type WebgpuBackendOptions,
} from './webgpu/index.ts';

export type BackendOptions = WasmBackendOptions & WebgpuBackendOptions;

/**
 * Picks and starts a backend: `auto` takes webgpu when a hardware adapter answers, else wasm.
 * @throws LiftscopeError 'no-backend' when webgpu was named and cannot run here; `auto` never throws for want of a GPU.
 */
export async function createBackend(kind: BackendKind | 'auto', options: BackendOptions = {}): Promise<Backend> {
  switch (kind) {
    case 'auto':
      return (await hardware(options)) ?? WasmBackend.create(options);
    case 'wasm':
      return WasmBackend.create(options);
    case 'webgpu':
      return WebgpuBackend.create(options).catch((error: unknown) => {
        if (!(error instanceof NoAdapterError)) throw error;
        throw new LiftscopeError({
          code: 'no-backend',
          message: `The webgpu backend cannot run here: ${error.message}. --backend wasm runs anywhere.`,
          hint: `Install the GPU's Vulkan (Linux), D3D12 or Metal driver. ${SOFTWARE_VARIABLE}=1 accepts a software adapter, which is far slower than wasm.`,
        });
      });
    default:
      return kind satisfies never;
  }
}

/**
 * For what runs on wasm alone, because it needs float64 and irregular walks (nearest neighbours): on this backend when it is
 * wasm, else on one beside it for as long as `work` takes.
 */
export async function withWasm<Result>(
  backend: Backend,
  work: (wasm: WasmBackend) => Promise<Result>,
): Promise<Result> {
  if (backend instanceof WasmBackend) return work(backend);
  const wasm = await WasmBackend.create();
  try {
    return await work(wasm);
  } finally {
    await wasm.dispose();
  }
}

async function hardware(options: BackendOptions): Promise<Backend | undefined> {
  if (!mayHaveHardware()) return undefined;
  try {
    return await WebgpuBackend.create({ ...options, allowSoftware: false });
  } catch {
    return undefined;
  }
}
