/** `test` with studios that start on folders of their own and end with the test. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test as base, expect } from 'playwright/test';
import { runFolder, type Shell, whyAbsent } from './environment.ts';
import { type Studio, type StudioOptions, startBrowserStudio, startElectronStudio } from './studio.ts';
import { kitchenProject, roomProject, wordsProject } from './templates.ts';

const TEMPLATE_TIMEOUT_MS = 600_000;

export interface ShellOption {
  shell: Shell;
}

interface TestFixtures {
  /** Skips by name where the shell cannot run. */
  available: undefined;
  /** An empty folder of this test; the first root of its studios. */
  folder: string;
  /** Starts a studio; it is closed after the test, which fails when its page had an error that nobody caught. */
  launch: (options?: Partial<StudioOptions>) => Promise<Studio>;
  /** A copy of the room's project, in `folder`. */
  room: string;
  /** The same of the kitchen's, in which nothing is tracked yet. */
  kitchen: string;
  /** The same with a language field that knows colours. */
  words: string;
}

export const test = base.extend<TestFixtures, ShellOption>({
  shell: ['browser', { option: true, scope: 'worker' }],
  available: [
    async ({ shell }, use, testInfo) => {
      const why = whyAbsent(shell);
      testInfo.skip(why !== undefined, why ?? '');
      await use(undefined);
    },
    { auto: true },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures from here
  folder: async ({}, use) => {
    await mkdir(runFolder(), { recursive: true });
    const folder = await mkdtemp(join(runFolder(), 'test-'));
    await use(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  },
  launch: async ({ shell, folder, playwright, launchOptions }, use) => {
    const browser = shell === 'browser' ? await playwright.chromium.launch(launchOptions) : undefined;
    const started: Studio[] = [];
    await use(async (options = {}) => {
      const complete = { roots: [folder], home: join(folder, '.home'), ...options };
      const studio =
        browser === undefined ? await startElectronStudio(complete) : await startBrowserStudio(browser, complete);
      started.push(studio);
      return studio;
    });
    for (const studio of started) await studio.close();
    await browser?.close();
    expect(started.flatMap(({ pageErrors }) => pageErrors)).toEqual([]);
  },
  room: [
    async ({ folder }, use) => {
      const path = join(folder, 'room.liftscope');
      await cp(await roomProject(), path, { recursive: true });
      await use(path);
    },
    // The first one waits until it has been generated and trained; the test's own time does not pay for that.
    { timeout: TEMPLATE_TIMEOUT_MS },
  ],
  words: [
    async ({ folder }, use) => {
      const path = join(folder, 'words.liftscope');
      await cp(await wordsProject(), path, { recursive: true });
      await use(path);
    },
    { timeout: TEMPLATE_TIMEOUT_MS },
  ],
  kitchen: [
    async ({ folder }, use) => {
      const path = join(folder, 'kitchen.liftscope');
      await cp(await kitchenProject(), path, { recursive: true });
      await use(path);
    },
    { timeout: TEMPLATE_TIMEOUT_MS },
  ],
});

export { expect };
