/** Pictures of everything that can be seen, kept as build output for people to look at: dark and light, 1x and 2x. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright/test';
import { SCREENSHOTS } from './environment.ts';
import { expect, test } from './fixtures.ts';
import { frameShown, panel, sceneShown } from './steps.ts';
import type { WindowOptions } from './studio.ts';

const PANELS = ['Frames', 'Scene', 'Timeline', 'Objects', 'Inspector', 'Jobs', 'Metrics', 'Query'];
const DIALOGS = [
  ['train', 'train splats'],
  ['lift', 'lift objects'],
  ['track', 'track objects'],
  ['train-language', 'train language'],
  ['shortcuts', 'keyboard shortcuts'],
  ['layouts', 'layouts'],
] as const;

const LOOKS = (['dark', 'light'] as const).flatMap((theme) => [1, 2].map((scale) => ({ theme, scale })));

/** The look that is shown, by name of the file. */
function keeper(shell: string, { theme, scale }: WindowOptions) {
  const folder = join(SCREENSHOTS, `${theme}-${scale}x${shell === 'electron' ? '-desktop' : ''}`);
  return {
    folder,
    keep: async (page: Page, name: string) => {
      // Tooltips and hover states are not what is looked at here.
      await page.mouse.move(720, 1);
      await page.waitForTimeout(250);
      await page.screenshot({ path: join(folder, `${name}.png`) });
    },
  };
}

test('every panel and dialog', async ({ launch, room, shell }) => {
  test.setTimeout(420_000);
  const studio = await launch({ project: room });
  for (const look of LOOKS) {
    const { folder, keep } = keeper(shell, look);
    await mkdir(folder, { recursive: true });
    const page = await studio.window(look);
    await expect(page.locator('html')).toHaveAttribute('data-theme', look.theme);
    await frameShown(page);
    await sceneShown(page);
    await (await panel(page, 'Objects')).locator('.objects-name').first().click();
    await frameShown(page);
    await keep(page, 'window');
    for (const title of PANELS) {
      const region = await panel(page, title);
      await region.screenshot({ path: join(folder, `panel-${title.toLowerCase()}.png`) });
    }
    await panel(page, 'Timeline');
    await panel(page, 'Objects');
    const frames = await panel(page, 'Frames');
    for (const layer of ['Render', 'Residual', 'Depth', 'Photo']) {
      await frames.getByText(layer, { exact: true }).first().click();
      await frameShown(page);
      await frames.screenshot({ path: join(folder, `frames-${layer.toLowerCase()}.png`) });
    }
    for (const [name, command] of DIALOGS) {
      await page.keyboard.press('Control+k');
      await page.keyboard.type(command);
      if (name === 'train') await keep(page, 'dialog-palette');
      await page.keyboard.press('Enter');
      await expect(page.getByRole('dialog')).toBeVisible();
      await keep(page, `dialog-${name}`);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
    }
    if (page !== studio.page) await page.close();
  }
});

test('the start screen, an empty project and import', async ({ launch, folder, shell }) => {
  const studio = await launch();
  for (const look of LOOKS) {
    const page = await studio.window(look);
    await expect(page.getByRole('main', { name: 'Start' })).toBeVisible();
    const { folder: to, keep } = keeper(shell, look);
    await mkdir(to, { recursive: true });
    await keep(page, 'start');
    if (page !== studio.page) await page.close();
  }
  await studio.call('project.create', { folder: join(folder, 'empty.liftscope') });
  for (const look of LOOKS) {
    const page = await studio.window(look);
    await expect(page.getByRole('main', { name: 'Workspace' })).toBeVisible();
    const { keep } = keeper(shell, look);
    for (const title of ['Query', 'Jobs', 'Metrics', 'Timeline', 'Objects']) await panel(page, title);
    await keep(page, 'empty');
    if (studio.electron === undefined) {
      await page.keyboard.press('Control+i');
      await expect(page.getByRole('grid', { name: 'Files' })).toBeVisible();
      await keep(page, 'dialog-files');
    }
    if (page !== studio.page) await page.close();
  }
});
