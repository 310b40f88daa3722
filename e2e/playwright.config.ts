import { resolve } from 'node:path';
import { defineConfig } from 'playwright/test';
import { CHROMIUM, PROGRAM, runFolder } from './environment.ts';
import type { ShellOption } from './fixtures.ts';

runFolder();
const report = process.env.LIFTSCOPE_TEST_REPORT?.replace(/\.json$/, '.e2e.json');

export default defineConfig<object, ShellOption>({
  testDir: '.',
  outputDir: '../build/e2e',
  globalSetup: './setup.ts',
  globalTeardown: './teardown.ts',
  // Two cores: a studio, its worker and a browser are enough for them.
  workers: 1,
  // A browser on a shared machine may starve once; what needs the second attempt is named by .ci/summary.ts.
  retries: 1,
  fullyParallel: false,
  forbidOnly: process.env.CI !== undefined,
  // Generous, because nothing here asserts how fast a machine is: what hangs is caught all the same.
  timeout: 180_000,
  expect: { timeout: 45_000 },
  reporter: [['list'], ...(report === undefined ? [] : [['json', { outputFile: resolve(PROGRAM, report) }] as const])],
  use: {
    // Chromium writes no trace of its own; a picture of what was seen is what a person looks at first.
    screenshot: 'only-on-failure',
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'browser', use: { shell: 'browser' } },
    { name: 'electron', use: { shell: 'electron' } },
  ],
});
