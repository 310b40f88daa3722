/** The way of a newcomer, by mouse: a project, a capture, a model, a look at it. */
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from './fixtures.ts';
import { measured } from './measure.ts';
import {
  createProject,
  currentFrame,
  finishImport,
  frameShown,
  jobEnded,
  newestJob,
  openTrainMenu,
  panel,
  picture,
  previewImport,
  startTraining,
} from './steps.ts';
import { capture } from './templates.ts';

test('imports a capture by mouse, trains it, and shows model, frames and cameras together', async ({
  launch,
  folder,
}, info) => {
  test.setTimeout(420_000);
  const source = await capture();
  const root = dirname(source.path);
  const studio = await launch({ roots: [folder, root] });
  const { page } = studio;

  await test.step('a project is made in the folder browser', async () => {
    await createProject(studio, folder, join(folder, 'first.liftscope'));
    await expect(page.getByRole('banner').getByRole('heading', { name: 'first' })).toBeVisible();
  });

  await test.step('the preview shows every camera before anything is imported', async () => {
    const dialog = await previewImport(studio, root, source.path);
    await expect(dialog.getByRole('heading', { name: `Import ${source.name}` })).toBeVisible();
    await expect(dialog.getByRole('img', { name: `From above: ${source.frames} cameras` })).toBeVisible();
    await expect(dialog.getByRole('img', { name: `From the side: ${source.frames} cameras` })).toBeVisible();
    const checks = dialog.getByRole('list', { name: 'Checks' });
    await expect(checks).toContainText(`${source.frames} frames`);
    // Poses, axes, up, scale and points: a sound capture has nothing red.
    await expect(checks.locator('[data-tone="bad"]')).toHaveCount(0);
    await expect(checks).toContainText(/Poses fit the photos|Axes look right/);
    const photo = dialog.getByRole('img', { name: /as photographed/ });
    await expect.poll(() => photo.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    expect((await studio.call('jobs.list', {})).jobs).toEqual([]);

    const start = Date.now();
    await finishImport(studio, dialog, source.frames);
    measured(info, 'import to first photo', Date.now() - start, 'ms');
    const timeline = page.getByRole('slider', { name: 'Current frame' });
    await expect(timeline).toHaveAttribute('aria-valuemax', String(source.frames));
    expect(await currentFrame(page)).toBe(1);
  });

  await test.step('300 iterations: the curve falls, the preview changes, the model is better than none', async () => {
    const photo = await picture(await frameShown(page));
    const longBefore = await longTasks(page);
    const start = Date.now();
    await startTraining(page, 300);
    const jobs = await panel(page, 'Jobs');
    const preview = jobs.getByRole('img', { name: /^What Train .* looks like now$/ });
    await expect(preview).toBeVisible();
    await expect.poll(() => preview.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    measured(info, 'Train to first preview', Date.now() - start, 'ms');
    const first = await bytesOf(page, await preview.getAttribute('src'));

    await jobEnded(jobs, 'Done', 240_000);
    measured(info, 'training, 300 iterations', Date.now() - start, 'ms');
    const long = (await longTasks(page)).slice(longBefore.length);
    measured(info, 'longest task of the page while training', Math.max(0, ...long), 'ms');

    const job = await newestJob(studio, 'train-splats');
    const { points } = await studio.call('jobs.curve', { jobId: job.id });
    const losses = points.map(({ loss }) => loss).filter((loss) => loss !== null);
    const [early, late] = [losses[0] as number, losses.at(-1) as number];
    expect(losses.length).toBeGreaterThan(2);
    expect(late).toBeLessThan(early * 0.7);
    // What is written over the chart is what the trainer reported last.
    await expect(jobs.getByRole('img', { name: /^Loss over the iterations/ })).toHaveAccessibleName(
      new RegExp(`now ${late.toFixed(4)}`),
    );

    const last = await bytesOf(page, await preview.getAttribute('src'));
    expect(last.equals(first)).toBe(false);
    // The first preview shows the sparse points before any step: PSNR against the photo must rise well above it.
    const frameName = await heldOutFrame();
    const truth = await bytesOf(page, `/data/captures/${job.captureId}/photos/${frameName}`);
    const [before, after] = [await psnr(first, truth), await psnr(last, truth)];
    measured(info, 'PSNR of the preview', after, 'dB');
    expect(after).toBeGreaterThan(before + 2);

    const metrics = await panel(page, 'Metrics');
    await expect(metrics.getByRole('complementary', { name: 'Means' })).toContainText(/PSNR\s*\d\d\.\d\d/);
    expect((await picture(await frameShown(page))).equals(photo)).toBe(true);

    async function heldOutFrame(): Promise<string> {
      const frames = await studio.call('capture.frames', { captureId: job.captureId as number });
      const held = Math.max(0, frames.holdout.indexOf(1));
      return encodeURIComponent(frames.ids[held] as string);
    }
  });

  await test.step('the model is in the 3D view and in the Train menu', async () => {
    const scene = await panel(page, 'Scene');
    await expect(scene.getByText(/Gaussians · our rasteriser/)).toBeVisible();
    await openTrainMenu(page);
    await expect(page.getByRole('menuitemcheckbox', { name: /^Model 1, .* dB$/ })).toBeChecked();
    await page.keyboard.press('Escape');
  });
});

function longTasks(page: import('playwright/test').Page): Promise<number[]> {
  return page.evaluate(() => (globalThis as unknown as { longTasksMs: number[] }).longTasksMs);
}

async function bytesOf(page: import('playwright/test').Page, url: string | null): Promise<Buffer> {
  if (url === null) throw new Error('no image');
  const base64 = await page.evaluate(async (path) => {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  }, url);
  return Buffer.from(base64, 'base64');
}

/** dB between two images, the first scaled to 64 pixels of width like the second. */
async function psnr(image: Buffer, truth: Buffer): Promise<number> {
  const [a, b] = await Promise.all(
    [image, truth].map((one) => sharp(one).removeAlpha().resize(64, 64, { fit: 'fill' }).raw().toBuffer()),
  );
  if (a === undefined || b === undefined || a.length !== b.length) throw new Error('images differ in size');
  const squared = a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / a.length;
  return 10 * Math.log10(255 ** 2 / squared);
}
