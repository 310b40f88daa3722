import { accessibilityProblems } from './audit.ts';
import { expect, test } from './fixtures.ts';
import { frameShown, panel, sceneShown } from './steps.ts';

const PANELS = ['Frames', 'Scene', 'Timeline', 'Objects', 'Inspector', 'Jobs', 'Metrics', 'Query'];
const DIALOGS = [
  ['Keyboard shortcuts', 'keyboard shortcuts'],
  ['Command palette', undefined],
  ['Train splats of room', 'train splats'],
  ['Lift objects', 'lift objects'],
  ['Track objects', 'track objects'],
  ['Train language field', 'train language'],
  ['Layouts', 'layouts'],
  ['Find moved photos', 'find moved photos'],
  ['About Liftscope', 'about liftscope'],
] as const;

for (const theme of ['dark', 'light'] as const) {
  test(`every panel and dialog passes axe, ${theme}`, async ({ launch, room }) => {
    test.setTimeout(300_000);
    const { page } = await launch({ project: room, theme });
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
    await frameShown(page);
    await sceneShown(page);
    const found: string[] = [];
    const audit = async (what: string) => {
      for (const problem of await accessibilityProblems(page)) found.push(`${what}: ${problem}`);
    };
    for (const title of PANELS) {
      const region = await panel(page, title);
      if (title === 'Objects') await region.locator('.objects-name').first().click();
      await audit(title);
    }
    for (const [title, command] of DIALOGS) {
      await page.keyboard.press('Control+k');
      if (command !== undefined) {
        await page.keyboard.type(command);
        await page.keyboard.press('Enter');
      }
      await expect(page.getByRole('dialog', { name: title })).toBeVisible();
      await audit(title);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
    }
    expect(found).toEqual([]);
  });

  test(`the start screen, empty panels and the folder browser pass axe, ${theme}`, async ({ launch, folder }) => {
    const studio = await launch({ theme });
    const { page } = studio;
    await expect(page.getByRole('main', { name: 'Start' })).toBeVisible();
    const found = (await accessibilityProblems(page)).map((problem) => `start: ${problem}`);
    await studio.call('project.create', { folder: `${folder}/empty.liftscope` });
    await expect(page.getByRole('main', { name: 'Workspace' })).toBeVisible();
    for (const title of PANELS) {
      await panel(page, title);
      found.push(...(await accessibilityProblems(page)).map((problem) => `empty ${title}: ${problem}`));
    }
    if (studio.electron === undefined) {
      await page.keyboard.press('Control+i');
      await expect(page.getByRole('grid', { name: 'Files' })).toBeVisible();
      found.push(...(await accessibilityProblems(page)).map((problem) => `files: ${problem}`));
    }
    expect(found).toEqual([]);
  });
}
