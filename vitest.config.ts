import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{contract,main,renderer,worker,native-models}/**/*.test.ts?(x)'],
    globalSetup: ['worker/compute/wasm/build.ts'],
    // Kernels block their thread in Atomics.wait; separate processes keep one suite's pool from starving another's.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
  },
});
