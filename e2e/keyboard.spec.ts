/** The main path without a mouse: a project, a capture, a model, frames. */
import { dirname } from 'node:path';
import type { Page } from 'playwright/test';
import { expect, test } from './fixtures.ts';
import { currentFrame, frameShown, newestJob } from './steps.ts';
import type { Studio } from './studio.ts';
import { ROOM_VIEWS, roomCapture } from './templates.ts';

/** Presses Tab until what has the focus matches; fails where it never does. */
async function tabTo(page: Page, selector: string, key = 'Tab'): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`Tab never reaches ${selector}`);
}

/** In the folder browser: down to an entry by name with the arrow keys, and Enter. */
async function enter(page: Page, name: string): Promise<void> {
  const row = page.locator('dialog [role="row"]').filter({ has: page.getByText(name, { exact: true }) });
  await expect(row).toBeVisible();
  await tabTo(page, '[role="grid"]');
  for (let i = 0; i < 60 && (await row.getAttribute('aria-selected')) !== 'true'; i++)
    await page.keyboard.press('ArrowDown');
  await expect(row).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
}

/** The folder browser by keys, from its roots. */
async function browse(studio: Studio, root: string, path: string): Promise<void> {
  await enter(studio.page, root);
  for (const part of path.slice(root.length).split('/').filter(Boolean)) await enter(studio.page, part);
}

test('creates, imports, trains and steps through frames by keyboard alone', async ({ launch, folder, shell }) => {
  test.skip(shell === 'electron', 'native dialogs are the system’s, with keys of its own');
  const capture = await roomCapture();
  const studio = await launch({ roots: [folder, dirname(capture)] });
  const { page } = studio;
  await expect(page.getByRole('main', { name: 'Start' })).toBeVisible();

  await page.keyboard.press('Control+Alt+n');
  await expect(page.getByRole('dialog', { name: 'New project' })).toBeVisible();
  await enter(page, folder);
  await tabTo(page, 'input');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('keys');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main', { name: 'Workspace' })).toBeVisible();
  await expect(page.getByRole('banner').getByRole('heading', { name: 'keys' })).toBeVisible();

  await page.keyboard.press('Control+i');
  const files = page.getByRole('dialog', { name: 'Import a capture' });
  await expect(files).toBeVisible();
  await tabTo(page, '[aria-label="Parent folder"]');
  for (let i = 0; i < 10 && (await page.locator('[aria-label="Parent folder"]').isEnabled()); i++) {
    await tabTo(page, '[aria-label="Parent folder"]');
    await page.keyboard.press('Enter');
    await page.waitForTimeout(300);
  }
  await browse(studio, dirname(capture), capture);
  const preview = page.getByRole('dialog', { name: /^Import room/ });
  await expect(preview.getByRole('list', { name: 'Checks' })).toBeVisible();
  await expect(preview.getByRole('button', { name: `Import ${ROOM_VIEWS} frames` })).toBeEnabled();
  await tabTo(page, 'dialog footer [data-variant="primary"]');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: new RegExp(`^Capture: room.*${ROOM_VIEWS} frames`) })).toBeVisible();
  await frameShown(page);

  await page.keyboard.press('Control+Enter');
  const train = page.getByRole('dialog', { name: /^Train splats/ });
  await expect(train).toBeVisible();
  const iterations = await train.getByLabel('Iterations', { exact: true }).getAttribute('id');
  await tabTo(page, `[id="${iterations}"]`);
  await page.keyboard.press('Control+a');
  await page.keyboard.type('60');
  await page.keyboard.press('Enter');
  await expect(train).toBeHidden();
  await expect.poll(async () => (await newestJob(studio, 'train-splats')).state, { timeout: 90_000 }).toBe('finished');
  expect((await studio.call('app.state', {})).project?.splats).toHaveLength(1);

  // The Jobs panel came to the front of the Timeline when the training began.
  await page.keyboard.press('Alt+3');
  await page.keyboard.press('Alt+1');
  expect(await currentFrame(page)).toBe(1);
  await page.keyboard.press('f');
  await page.keyboard.press('f');
  await page.keyboard.press('d');
  await expect.poll(() => currentFrame(page)).toBe(2);
  await page.keyboard.press('v');
  await expect.poll(() => currentFrame(page)).toBe(12);
  await page.keyboard.press('.');
  await expect.poll(() => currentFrame(page)).toBe(13);
  await page.keyboard.press('2');
  await frameShown(page);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('first frame');
  await page.keyboard.press('Enter');
  await expect.poll(() => currentFrame(page)).toBe(1);
});
