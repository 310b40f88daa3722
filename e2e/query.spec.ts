/** Words in, places out: in the photo, in 3D, in the list of objects; kept with the project. */
import type { Locator, Page } from 'playwright/test';
import { accessibilityProblems } from './audit.ts';
import { expect, test } from './fixtures.ts';
import { currentFrame, frameShown, newestJob, panel, pixels, sceneShown } from './steps.ts';
import { TEXT_MODEL, textModel } from './templates.ts';

/** Colours of the first and the second open query, at half their way to white. */
const FIRST = [236, 180, 57] as const;
const SECOND = [123, 198, 239] as const;

/** Takes the keyboard out of whatever field has it. */
async function leave(page: Page): Promise<void> {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
}

/** Types into the box of the bar, which `/` focuses, and waits for the answer. */
async function ask(page: Page, text: string): Promise<Locator> {
  await leave(page);
  await page.keyboard.press('/');
  await expect(page.getByRole('textbox', { name: 'Query', exact: true })).toBeFocused();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  const query = await panel(page, 'Query');
  await answered(query, text);
  return query;
}

async function answered(query: Locator, text: string): Promise<void> {
  const open = query.getByRole('list', { name: 'Open queries' }).getByRole('listitem').filter({ hasText: text });
  await expect(open).toHaveAttribute('data-active', 'true');
  await expect(open.getByRole('status')).toHaveCount(0);
}

interface Change {
  /** Share of the pixels that are others. */
  readonly changed: number;
  /** Share of those that are nearer to the colour than before. */
  readonly nearer: number;
}

type Picture = Awaited<ReturnType<typeof pixels>>;

/** What a picture became, with a sign: towards a colour or away from it. */
function changeTo(before: Picture, after: Picture, color: readonly number[]): Change {
  expect([after.width, after.height]).toEqual([before.width, before.height]);
  let [changed, nearer] = [0, 0];
  for (let i = 0; i < after.data.length; i += 3) {
    const away = (picture: Picture) =>
      Math.hypot(...color.map((channel, c) => channel - (picture.data[i + c] as number)));
    const moved = [0, 1, 2].some((c) => Math.abs((after.data[i + c] as number) - (before.data[i + c] as number)) > 6);
    if (!moved) continue;
    changed += 1;
    if (away(after) < away(before)) nearer += 1;
  }
  return { changed: changed / (after.width * after.height), nearer: nearer / Math.max(1, changed) };
}

/** Waits until the maps that the Frames panel wants are over the photo. */
async function mapShown(page: Page): Promise<Locator> {
  const canvas = await frameShown(page);
  await expect(canvas).toHaveAttribute('data-relevancy', 'true');
  return canvas;
}

test('a query, its map, and a click that takes every panel to an object', async ({ launch, words }) => {
  test.setTimeout(360_000);
  const studio = await launch({ project: words });
  const { page } = studio;
  await panel(page, 'Objects');
  await page.keyboard.press('i');
  await frameShown(page);
  await sceneShown(page);
  const overlay = page.getByTestId('scene-relevancy');

  const query = await ask(page, 'red mug');
  const canvas = await mapShown(page);
  const painted = await pixels(canvas);
  await expect(overlay).toHaveAttribute('data-relevancy', 'true');
  // The key takes the map away and brings it back: the photo moved towards the colour of the query, and nowhere else.
  await leave(page);
  await page.keyboard.press('y');
  await expect(canvas).toHaveAttribute('data-relevancy', 'false');
  const photo = await pixels(canvas);
  const red = changeTo(photo, painted, FIRST);
  expect(red.changed).toBeGreaterThan(0.005);
  expect(red.changed).toBeLessThan(0.9);
  expect(red.nearer).toBeGreaterThan(0.9);
  await page.keyboard.press('y');
  expect(changeTo(painted, await pixels(await mapShown(page)), FIRST).changed).toBe(0);

  const first = query.getByRole('list', { name: 'Ranked objects' }).getByRole('button').first();
  await expect(query.getByRole('list', { name: 'Best frames', exact: true })).toBeVisible();
  expect(await accessibilityProblems(page)).toEqual([]);
  const { queries } = await studio.call('queries.list', { captureId: 1 });
  const found = queries.find(({ text }) => text === 'red mug');
  const call = { queryId: found?.id as number, splatsId: 1 };
  const { answer } = await studio.call('queries.answer', call);
  expect(answer.stored).toBe(true);
  const objectId = answer.objects[0]?.id as number;
  const { objects: best } = await studio.call('queries.frames', call);
  const frameId = best.find(({ id }) => id === objectId)?.frameIds[0] as string;
  const { ids } = await studio.call('capture.frames', { captureId: 1 });
  const { objects } = await studio.call('objects.list', {});
  const name = objects.find(({ id }) => id === objectId)?.name as string;

  const away = ids.indexOf(frameId) === 0 ? 'End' : 'Home';
  await leave(page);
  await page.keyboard.press(away);
  await frameShown(page);
  const scene = await pixels(await sceneShown(page));
  await first.click();
  expect(await currentFrame(page)).toBe(ids.indexOf(frameId) + 1);
  await expect((await panel(page, 'Inspector')).getByRole('heading', { name })).toBeVisible();
  await expect(first).toHaveAttribute('aria-pressed', 'true');
  await mapShown(page);
  const jumped = await pixels(await sceneShown(page));
  expect(changeTo(scene, jumped, FIRST).changed).toBeGreaterThan(0.2);
  await expect(overlay).toHaveAttribute('data-relevancy', 'true');
  const table = (await panel(page, 'Objects')).getByRole('grid', { name: 'Objects' });
  await expect(table.getByRole('row', { selected: true }).getByText(name, { exact: true })).toBeVisible();
});

test('several at once, an honest nothing, and what is kept over a restart', async ({ launch, words }) => {
  test.setTimeout(360_000);
  let studio = await launch({ project: words });
  let { page } = studio;
  await page.keyboard.press('i');
  await frameShown(page);
  let query = await ask(page, 'red');
  const one = await pixels(await mapShown(page));
  const box = query.getByRole('textbox', { name: 'What to look for' });
  await box.fill('white');
  await box.press('Shift+Enter');
  await answered(query, 'white');
  const both = changeTo(one, await pixels(await mapShown(page)), SECOND);
  expect(both.changed).toBeGreaterThan(0.005);
  expect(both.nearer).toBeGreaterThan(0.9);
  await query.getByText('Side by side', { exact: true }).click();
  await expect(query.getByRole('list', { name: 'Queries side by side' }).getByRole('button')).toHaveCount(2);

  // Another negative is another question: one that says the same as the query cannot be beaten.
  await query.getByRole('textbox', { name: 'Another negative' }).fill('white');
  await query.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(query.getByText('Nothing beats every negative.')).toBeVisible();
  await query.getByRole('button', { name: 'Remove the negative white' }).click();
  await expect(query.getByText('Nothing beats every negative.')).toBeHidden();

  await box.fill('flurb');
  await box.press('Enter');
  await answered(query, 'flurb');
  await expect(query.getByText('Nothing beats every negative.')).toBeVisible();
  await expect(query.getByText(/does not know “flurb”/)).toBeVisible();

  const saved = query.getByRole('list', { name: 'Saved queries' });
  await query.getByRole('button', { name: 'Save red', exact: true }).click();
  await expect(saved.getByText('red', { exact: true })).toBeVisible();
  await studio.close();
  studio = await launch({ project: words });
  ({ page } = studio);
  query = await panel(page, 'Query');
  await query.getByRole('list', { name: 'Saved queries' }).getByText('red', { exact: true }).click();
  await answered(query, 'red');
  await expect(query.getByText(/kept in the project/)).toBeVisible();
  await leave(page);
  await page.keyboard.press('Control+z');
  await expect(page.getByText('Undid: Save query “red”')).toBeVisible();
  await expect(query.getByRole('list', { name: 'Saved queries' })).toHaveCount(0);
  await expect(query.getByRole('list', { name: 'History of queries' }).getByText('red', { exact: true })).toBeVisible();
});

test('without a language field the panel says what to do, and it is made from there', async ({ launch, room }) => {
  test.setTimeout(480_000);
  await textModel();
  const studio = await launch({ project: room });
  const { page } = studio;
  const query = await panel(page, 'Query');
  await expect(query.getByText('No language field yet')).toBeVisible();
  await query.getByRole('button', { name: 'Train language field…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Train language field' });
  await dialog.getByRole('radio', { name: /^Quick look/ }).click();
  await dialog.getByLabel('Text model').selectOption(TEXT_MODEL);
  await dialog.getByRole('button', { name: 'Train', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect
    .poll(async () => (await newestJob(studio, 'train-language')).state, { timeout: 300_000 })
    .toBe('finished');
  const asked = await ask(page, 'red mug');
  await expect(asked.getByRole('list', { name: 'Ranked objects' }).getByRole('button').first()).toBeVisible();
});
