import { defineConfig } from 'vitest/config';

const report = process.env.LIFTSCOPE_TEST_REPORT;

export default defineConfig({
  test: {
    include: ['architecture.test.ts', '{contract,main,renderer,worker,native-models}/**/*.test.{ts,tsx}'],
    setupFiles: ['./vitest.setup.ts'],
    globalSetup: ['worker/compute/wasm/build.ts'],
    // Kernels block their thread in Atomics.wait; separate processes keep one suite's pool from starving another's.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
});
