/** The Models panel: what ships, a folder that is added, one that is broken, and what is missing. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tinyDepthFiles, tinyDinoFiles } from '../native-models/tiny-vision.ts';
import { accessibilityProblems } from './audit.ts';
import { expect, test } from './fixtures.ts';
import { choose, createProject } from './steps.ts';

async function write(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

test('models are listed, checked and added; what is missing says where it goes', async ({ launch, folder }) => {
  const models = join(folder, '.models');
  await write(join(models, 'torn'), tinyDepthFiles());
  await writeFile(join(models, 'torn', 'model.onnx'), 'torn');
  await write(join(folder, 'features'), tinyDinoFiles({ layout: 'published' }));
  const studio = await launch({ models });
  const { page } = studio;
  await createProject(studio, folder, join(folder, 'p.liftscope'));
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Show Models');
  await page.keyboard.press('Enter');

  const features = page.getByRole('region', { name: 'Visual features (DINO)' });
  await expect(features).toContainText('Not installed');
  await expect(features).toContainText(models);
  const words = page.getByRole('region', { name: 'Text and images (CLIP)' });
  await expect(words.getByText('mini-clip', { exact: true })).toBeVisible();

  await page.getByRole('button', { name: 'Check all' }).click();
  await expect(words.getByText('Works', { exact: true })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Monocular depth' })).toContainText('has the SHA-256');

  const ask = () => page.getByRole('button', { name: 'Add folder' }).click();
  await choose(studio, {
    ask,
    title: 'Add the folder of a model',
    action: 'Add',
    root: folder,
    path: join(folder, 'features'),
  });
  await expect(features.getByText('Works', { exact: true })).toBeVisible();
  await expect(features).not.toContainText('Not installed');
  expect(await accessibilityProblems(page)).toEqual([]);
});
