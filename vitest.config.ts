import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const PROCESS_TESTS = '**/*.process.test.ts';
/** Libraries of a software Vulkan driver that `.ci/software-vulkan` fetched: a process finds them only if it is started with their path. */
const VULKAN_LIBRARIES = fileURLToPath(new URL('build/vulkan/lib', import.meta.url));
if (existsSync(VULKAN_LIBRARIES)) {
  process.env.LD_LIBRARY_PATH = [VULKAN_LIBRARIES, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
}

// Threads and processes that tests start find the modules compiled that an earlier one loaded.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('build/compile-cache', import.meta.url));

const FOLDERS = '{contract,main,renderer,worker,native-models}';

/**
 * Tests that start whole processes (the command line, workers, hosts that are killed), and trainings on a GPU that may be software,
 * take most of the time: they are a suite of their own, `npm run test:process` (vitest.process.config.ts).
 */
export function suite(kind: 'unit' | 'process'): ViteUserConfig {
  const processes = kind === 'process';
  const report = process.env.LIFTSCOPE_TEST_REPORT?.replace(/\.json$/, processes ? '.process.json' : '.json');
  return defineConfig({
    test: {
      include: processes ? [`${FOLDERS}/${PROCESS_TESTS}`] : ['architecture.test.ts', `${FOLDERS}/**/*.test.{ts,tsx}`],
      exclude: processes ? [] : [PROCESS_TESTS],
      setupFiles: ['./vitest.setup.ts'],
      globalSetup: ['worker/compute/wasm/build.ts'],
      // Kernels block their thread in Atomics.wait; separate processes keep one suite's pool from starving another's.
      pool: 'forks',
      maxWorkers: 2,
      // Modules are loaded once for all the files of a process: whoever changes the environment or spies puts it back.
      isolate: processes,
      testTimeout: processes ? 120_000 : 30_000,
      reporters: report === undefined ? ['default'] : ['default', 'json'],
      ...(report === undefined ? {} : { outputFile: { json: report } }),
    },
  });
}

export default suite('unit');
