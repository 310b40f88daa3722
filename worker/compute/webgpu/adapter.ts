/** Finding a GPU through Dawn (npm package `webgpu`), which is loaded only when somebody asks. */
import { existsSync, readdirSync } from 'node:fs';

/** Set to 1: software adapters (Mesa's lavapipe, SwiftShader) are good enough. For tests; far slower than wasm. */
export const SOFTWARE_VARIABLE = 'LIFTSCOPE_WEBGPU_SOFTWARE';

export interface AdapterOptions {
  /** Accept an adapter that runs on the processor; default what the environment says. */
  readonly allowSoftware?: boolean;
}

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** "NVIDIA H200, nvidia, hopper" */
  readonly name: string;
  readonly isSoftware: boolean;
}

// Dawn's objects die with the last JavaScript reference to the instance, device and all.
let dawn: Promise<GPU> | undefined;

async function loadDawn(): Promise<GPU> {
  const { create } = await import('webgpu');
  // Dawn rounds timestamps to tenths of milliseconds, so that web pages cannot spy on each other; kernels take less.
  return create(['disable-dawn-features=timestamp_quantization']);
}

/** Why there is no adapter to work with, in words. */
export class NoAdapterError extends Error {
  readonly code = 'no-adapter';
  constructor(message: string) {
    super(message);
    this.name = 'NoAdapterError';
  }
}

/** The best adapter, hardware first. @throws NoAdapterError when there is none, or only software that was not asked for. */
export async function findAdapter({
  allowSoftware = process.env[SOFTWARE_VARIABLE] === '1',
}: AdapterOptions = {}): Promise<FoundAdapter> {
  let gpu: GPU;
  try {
    dawn ??= loadDawn();
    gpu = await dawn;
  } catch (error) {
    dawn = undefined;
    throw new NoAdapterError(`Dawn does not load: ${firstLine(error)}`);
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new NoAdapterError('Dawn runs, no adapter answers');
  const found = named(adapter);
  if (found.isSoftware && !allowSoftware) throw new NoAdapterError(`software adapter only: ${found.name}`);
  return found;
}

function named(adapter: GPUAdapter): FoundAdapter {
  const { vendor, architecture, device, description } = adapter.info;
  const name = [description || device || 'unnamed adapter', vendor, architecture].filter(Boolean).join(', ');
  return { adapter, name, isSoftware: adapter.info.isFallbackAdapter === true };
}

/**
 * Whether it is worth looking for hardware at all: loading Dawn and every Vulkan driver costs a third of a second, and on a
 * Linux machine without a device file nothing but software can answer.
 */
export function mayHaveHardware(): boolean {
  if (process.platform !== 'linux') return true;
  if (['/dev/nvidiactl', '/dev/dxg', '/dev/kgsl-3d0', '/dev/mali0'].some((path) => existsSync(path))) return true;
  try {
    return readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  } catch {
    return false;
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

/** What kernels have to work with, for people: "NVIDIA H200, nvidia; 2048 MiB per binding, 48 KiB of workgroup memory, …". */
export function describeAdapter({ adapter, name }: FoundAdapter): string {
  const { maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } =
    adapter.limits;
  const { subgroupMinSize: least, subgroupMaxSize: most } = adapter.info;
  const sizes = least === undefined ? '' : ` of ${least === most ? least : `${least} to ${most}`}`;
  const features = ['subgroups', 'shader-f16', 'timestamp-query']
    .filter((feature) => adapter.features.has(feature))
    .map((feature) => (feature === 'subgroups' ? `${feature}${sizes}` : feature));
  const limits = [
    `${Math.floor(maxStorageBufferBindingSize / 2 ** 20)} MiB per binding`,
    `${Math.floor(maxComputeWorkgroupStorageSize / 2 ** 10)} KiB of workgroup memory`,
    `${maxStorageBuffersPerShaderStage} buffers per kernel`,
  ];
  return `${name}; ${[...limits, ...features].join(', ')}`;
}
