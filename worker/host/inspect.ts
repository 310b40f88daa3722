import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InspectionLine, InspectionRequest, InspectionResult } from '../../contract/index.ts';
import { describeAdapter, findAdapter, NoAdapterError, SOFTWARE_VARIABLE } from '../compute/index.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * `(module (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd))`.
 * Validating it is the standard feature test; the baseline module is the same with `f32x4.add`.
 */
const RELAXED_SIMD_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b],
);
const SIMD_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0b, 0x01, 0x09, 0x00, 0x20, 0x00, 0x20, 0x01, 0xfd, 0xe4, 0x01, 0x0b],
);

/** Looks at one part of the machine. Reports what is missing as a line, never by throwing. */
export async function inspect(request: InspectionRequest): Promise<InspectionResult> {
  switch (request.probe) {
    case 'wasm':
      return { lines: inspectWasm() };
    case 'webgpu':
      return { lines: [await inspectWebgpu()] };
    case 'onnxruntime':
      return { lines: [await inspectOnnxruntime()] };
    case 'tensorflow':
      return { lines: [await inspectTensorflow()] };
    default:
      return request.probe satisfies never;
  }
}

/** Whether this engine compiles fixed-width and relaxed SIMD. */
function simdSupport(): { simd: boolean; relaxedSimd: boolean } {
  return { simd: WebAssembly.validate(SIMD_MODULE), relaxedSimd: WebAssembly.validate(RELAXED_SIMD_MODULE) };
}

function inspectWasm(): InspectionLine[] {
  const { simd, relaxedSimd } = simdSupport();
  const enables = 'fused multiply-add in the CPU kernels';
  const simdLine: InspectionLine = relaxedSimd
    ? { name: 'wasm SIMD', state: 'ok', detail: 'SIMD and relaxed SIMD', enables }
    : {
        name: 'wasm SIMD',
        state: 'problem',
        detail: simd ? 'SIMD without relaxed SIMD' : 'no SIMD',
        enables,
        remedy: `Run under Node 24 (this is ${process.version}); npm scripts do so by themselves.`,
      };
  const threads = availableParallelism();
  let shared = true;
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  } catch {
    shared = false;
  }
  const threadLine: InspectionLine = {
    name: 'wasm threads',
    state: shared ? 'ok' : 'problem',
    detail: shared ? `${threads} usable, shared memory` : 'no shared WebAssembly memory',
    enables: 'training on all cores',
    ...(shared ? {} : { remedy: 'Run under Node 24.' }),
  };
  return [simdLine, threadLine, inspectKernels()];
}

function inspectKernels(): InspectionLine {
  const sources = join(ROOT, 'worker/kernels');
  const output = join(ROOT, 'build/kernels');
  const wanted = existsSync(sources)
    ? readdirSync(sources).filter((name) => existsSync(join(sources, name, 'kernel.as.ts')))
    : [];
  const missing = wanted.filter((name) => !existsSync(join(output, `${name}.wasm`)));
  const enables = 'training, rendering and evaluation on the CPU';
  if (wanted.length > 0 && missing.length === 0) {
    return { name: 'kernels', state: 'ok', detail: `${wanted.length} built`, enables };
  }
  return {
    name: 'kernels',
    state: 'problem',
    detail: wanted.length === 0 ? 'no kernel sources found' : `not built: ${missing.join(', ')}`,
    enables,
    remedy: 'npm run build:kernels',
  };
}

async function inspectWebgpu(): Promise<InspectionLine> {
  const line = { name: 'webgpu', enables: 'training and rendering on the GPU' };
  try {
    const found = await findAdapter({ allowSoftware: true });
    const detail = describeAdapter(found);
    if (!found.isSoftware) return { ...line, state: 'ok', detail };
    return {
      ...line,
      state: 'absent',
      detail: `software adapter only: ${detail}`,
      remedy: `${NO_GPU} ${SOFTWARE_VARIABLE}=1 with --backend webgpu runs the GPU's kernels on it all the same, for tests.`,
    };
  } catch (error) {
    const remedy =
      error instanceof NoAdapterError && /does not load/.test(error.message) ? 'npm install webgpu' : NO_GPU;
    return { ...line, state: 'absent', detail: firstLine(error), remedy };
  }
}

const NO_GPU = 'Nothing to do for the CPU path; for a GPU install its Vulkan (Linux), D3D12 or Metal driver.';

async function inspectOnnxruntime(): Promise<InspectionLine> {
  const line = { name: 'onnxruntime', enables: 'segmentation, detection and text models' };
  try {
    await import('onnxruntime-node');
    return { ...line, state: 'ok', detail: packageVersion('onnxruntime-node') };
  } catch (error) {
    return { ...line, state: 'problem', detail: firstLine(error), remedy: 'npm ci' };
  }
}

async function inspectTensorflow(): Promise<InspectionLine> {
  const line = { name: 'tfjs-node-gpu', enables: 'CUDA for the dense networks (optional)' };
  const remedy =
    'Optional: npm install --include=optional @tensorflow/tfjs-node-gpu and its own library download, with CUDA.';
  const version = packageVersion('@tensorflow/tfjs-node-gpu');
  if (version === '') return { ...line, state: 'absent', detail: 'not installed', remedy };
  // Its native part is a download of its own that an install without network leaves out; the package alone is no use.
  const require = createRequire(import.meta.url);
  try {
    const folder = join(require.resolve('@tensorflow/tfjs-node-gpu/package.json'), '..', 'lib');
    const built = existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('napi-v'));
    return built
      ? { ...line, state: 'ok', detail: version }
      : { ...line, state: 'absent', detail: `${version} without its native library`, remedy };
  } catch (error) {
    return { ...line, state: 'absent', detail: firstLine(error), remedy };
  }
}

/** Version in the package's own package.json; empty when it is not installed. */
function packageVersion(name: string): string {
  try {
    const text = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
  } catch {
    return '';
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
