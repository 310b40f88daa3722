/** What people do to objects is saved as they do it, and can be taken back after any number of restarts. */
import type { Page } from 'playwright/test';
import { expect, test } from './fixtures.ts';
import { panel } from './steps.ts';

async function names(page: Page): Promise<string[]> {
  const table = (await panel(page, 'Objects')).getByRole('grid', { name: 'Objects' });
  await expect(table.getByRole('row').nth(1)).toBeVisible();
  return table.locator('.objects-name').allInnerTexts();
}

test('undo and redo go on across restarts', async ({ launch, room }) => {
  let studio = await launch({ project: room });
  const table = async () => (await panel(studio.page, 'Objects')).getByRole('grid', { name: 'Objects' });
  const before = await names(studio.page);
  const [first, second] = [before[0] as string, before[1] as string];

  await (await table()).getByText(first, { exact: true }).first().click();
  await studio.page.keyboard.press('F2');
  await studio.page.keyboard.press('Control+a');
  await studio.page.keyboard.type('the red mug');
  await studio.page.keyboard.press('Enter');
  await expect.poll(() => names(studio.page)).toContain('the red mug');
  const renamed = await names(studio.page);
  await (await table()).getByText(second, { exact: true }).first().click();
  await studio.page.keyboard.press('Delete');
  await expect.poll(async () => (await names(studio.page)).length).toBe(before.length - 1);
  const deleted = await names(studio.page);
  expect(deleted).toContain('the red mug');

  await studio.close();
  studio = await launch({ project: room });
  expect(await names(studio.page)).toEqual(deleted);
  await studio.page.keyboard.press('Control+z');
  await expect(studio.page.getByText(/^Undid: /)).toBeVisible();
  await expect.poll(() => names(studio.page)).toEqual(renamed);

  await studio.close();
  studio = await launch({ project: room });
  expect(await names(studio.page)).toEqual(renamed);
  await studio.page.keyboard.press('Control+z');
  await expect.poll(() => names(studio.page)).toEqual(before);

  await studio.close();
  studio = await launch({ project: room });
  expect(await names(studio.page)).toEqual(before);
  await studio.page.keyboard.press('Control+Shift+z');
  await expect.poll(() => names(studio.page)).toEqual(renamed);
  await studio.page.keyboard.press('Control+Shift+z');
  await expect.poll(() => names(studio.page)).toEqual(deleted);
});
