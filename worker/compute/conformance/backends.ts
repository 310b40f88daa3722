/** The backends that the conformance suite is run on. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Backend, type BackendKind, createBackend, findAdapter } from '../index.ts';

export interface BackendUnderTest {
  readonly name: BackendKind;
  readonly create: () => Promise<Backend>;
  /** Why it cannot be tested here; undefined when it can. */
  readonly unavailable: string | undefined;
}

// A software driver that was fetched for the tests alone is preferred to what the system has.
const DRIVER = fileURLToPath(new URL('../../../build/vulkan/driver.json', import.meta.url));
if (existsSync(DRIVER)) process.env.VK_DRIVER_FILES ??= DRIVER;

async function whyNoWebgpu(): Promise<string | undefined> {
  try {
    await findAdapter({ allowSoftware: true });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A new kind of backend does not compile without a line here. */
const TABLE: { readonly [Kind in BackendKind]: Omit<BackendUnderTest, 'name'> } = {
  wasm: { create: () => createBackend('wasm', { threads: 2 }), unavailable: undefined },
  webgpu: { create: () => createBackend('webgpu', { allowSoftware: true }), unavailable: await whyNoWebgpu() },
};

/** What kernels with several paths are tested with on webgpu, beside what this adapter chooses. */
export type WebgpuVariant = 'least' | 'all' | 'split';
/** `split`: bindings of 64 KiB, so that few Gaussians already come in ranges. */
export const createVariant = (variant: WebgpuVariant) =>
  createBackend('webgpu', {
    ...{ allowSoftware: true },
    ...(variant === 'split' ? { bindingBytes: 2 ** 16 } : { use: variant }),
  });

export const BACKENDS: readonly BackendUnderTest[] = Object.entries(TABLE).map(([name, backend]) => ({
  name: name as BackendKind,
  ...backend,
}));

/** What a machine must be able to test: words separated by spaces or commas, of which a backend's name is one. */
export const MUST_NOT_SKIP = 'CI_MUST_NOT_SKIP';

/** The word by which test titles, and whoever reads a report, name the suite of one backend. */
export const suiteName = (backend: Pick<BackendUnderTest, 'name'>): string => `${backend.name}-conformance`;

/** Whether to run the suite on a backend, to skip it by name, or to fail because it must not be skipped. */
export function verdictOn(
  backend: Pick<BackendUnderTest, 'name' | 'unavailable'>,
  mustNotSkip = '',
): 'run' | 'skip' | 'fail' {
  if (backend.unavailable === undefined) return 'run';
  const words = mustNotSkip.toLowerCase().split(/[\s,]+/);
  return words.includes(backend.name) || words.includes(suiteName(backend)) ? 'fail' : 'skip';
}
