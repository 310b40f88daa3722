/** What a person does with the mouse and reads on the screen, as the specs say it. */
import { dirname, relative, sep } from 'node:path';
import { expect, type Locator, type Page } from 'playwright/test';
import sharp from 'sharp';
import type { JobView } from '../contract/index.ts';
import type { Studio } from './studio.ts';

/** A panel, by its title; its tab is brought to the front. */
export async function panel(page: Page, title: string): Promise<Locator> {
  // The group around the panels is a region of the same name.
  const region = page.locator(`section[aria-label="${title}"]`);
  if (!(await region.isVisible())) await page.getByRole('tab', { name: title, exact: true }).click();
  await expect(region).toBeVisible();
  return region;
}

/** In the folder browser: from the roots down to the folder that holds `path`, by double clicks. `under` is a root. */
async function walkTo(dialog: Locator, under: string, path: string): Promise<void> {
  const up = dialog.getByRole('button', { name: 'Parent folder' });
  await expect(dialog.getByRole('grid', { name: 'Files' })).toBeVisible();
  while (await up.isEnabled()) {
    await up.click();
    await expect(dialog.getByRole('grid', { name: 'Files' })).toBeVisible();
  }
  const parts = relative(under, dirname(path)).split(sep).filter(Boolean);
  for (const name of [under, ...parts]) await entry(dialog, name).dblclick();
}

function entry(dialog: Locator, name: string): Locator {
  return dialog.getByRole('row').filter({ has: dialog.page().getByText(name, { exact: true }) });
}

interface Choice {
  /** Opens the dialog. */
  readonly ask: () => Promise<void>;
  /** Title of the folder browser, and its button. */
  readonly title: string | RegExp;
  readonly action: string;
  readonly root: string;
  readonly path: string;
  /** The last part is typed into the field for a name instead of being chosen from the list. */
  readonly naming?: boolean;
}

/** Chooses a path by mouse: in the browser shell's own folder browser, in the desktop as the native dialog would answer. */
export async function choose(studio: Studio, { ask, title, action, root, path, naming }: Choice): Promise<void> {
  if (studio.electron !== undefined) {
    await studio.electron.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [chosen] });
      dialog.showSaveDialog = async () => ({ canceled: false, filePath: chosen });
    }, path);
    await ask();
    return;
  }
  await ask();
  const dialog = studio.page.getByRole('dialog', { name: title });
  await walkTo(dialog, root, path);
  const name = path.slice(dirname(path).length + 1);
  if (naming === true) await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
  else await entry(dialog, name).click();
  await dialog.getByRole('button', { name: action, exact: true }).click();
}

/** From the start screen to an empty project. */
export async function createProject(studio: Studio, root: string, path: string): Promise<void> {
  const { page } = studio;
  const ask = () => page.getByRole('button', { name: /^New project/ }).click();
  await choose(studio, { ask, title: 'New project', action: 'Create project', root, path, naming: true });
  await expect(page.getByRole('main', { name: 'Workspace' })).toBeVisible();
}

/** Opens the import dialog on a capture and waits until its checks are there. */
export async function previewImport(studio: Studio, root: string, path: string): Promise<Locator> {
  const { page } = studio;
  const ask = () => page.getByRole('banner').getByRole('button', { name: 'Import', exact: true }).click();
  await choose(studio, { ask, title: 'Import a capture', action: 'Look at it', root, path });
  const dialog = page.getByRole('dialog', { name: /^Import / });
  await expect(dialog.getByRole('list', { name: 'Checks' })).toBeVisible();
  return dialog;
}

/** Imports what the dialog shows and waits until its photos can be seen. */
export async function finishImport(studio: Studio, dialog: Locator, frames: number): Promise<void> {
  await dialog.getByRole('button', { name: `Import ${frames} frames` }).click();
  await expect(dialog).toBeHidden();
  await expect(studio.page.getByRole('button', { name: new RegExp(`^Capture: .*${frames} frames`) })).toBeVisible();
  await frameShown(studio.page);
}

/** The button of the bar; the menu bar above it has one of the same name. */
export async function openTrainMenu(page: Page): Promise<void> {
  await page.getByRole('banner').getByRole('button', { name: 'Train', exact: true }).last().click();
}

/** Starts a training from the dialog, as `train.splats` opens it. */
export async function startTraining(page: Page, iterations: number, maxGaussians = 15_000): Promise<void> {
  await openTrainMenu(page);
  await page.getByRole('menuitem', { name: 'Train splats…' }).click();
  const dialog = page.getByRole('dialog', { name: /^Train splats/ });
  await dialog.getByLabel('Iterations', { exact: true }).fill(String(iterations));
  await dialog.getByLabel('Gaussians at most').fill(String(maxGaussians));
  await dialog.getByRole('button', { name: 'Train', exact: true }).click();
  await expect(dialog).toBeHidden();
}

/** Waits until the Frames panel has drawn what it was asked for. */
export async function frameShown(page: Page): Promise<Locator> {
  const canvas = page.getByTestId('frames-canvas');
  await expect(canvas).toBeVisible();
  await expect(canvas).toHaveAttribute('data-loading', 'false');
  return canvas;
}

/** Number of the current frame, from 1, as the Timeline says it. */
export async function currentFrame(page: Page): Promise<number> {
  return Number(await page.getByRole('slider', { name: 'Current frame' }).getAttribute('aria-valuenow'));
}

/** Waits until the Scene panel shows the finest picture of its camera by our rasteriser. */
export async function sceneShown(page: Page): Promise<Locator> {
  const scene = await panel(page, 'Scene');
  await expect(scene.getByText(/our rasteriser · \d+ ms/)).toBeVisible();
  const image = scene.locator('canvas.scene-image');
  await expect(image).toHaveAttribute('data-quality', 'rest');
  await expect(scene.locator('.scene-busy')).toHaveAttribute('data-busy', 'false');
  return image;
}

/** The newest job of a kind, as the host knows it. */
export async function newestJob(studio: Studio, kind: JobView['kind']): Promise<JobView> {
  const { jobs } = await studio.call('jobs.list', {});
  const job = jobs.find((one) => one.kind === kind);
  if (job === undefined) throw new Error(`there is no ${kind} job`);
  return job;
}

/** What a canvas holds, as a PNG, when it has come to rest: twice the same, a moment apart. Nothing that lies over it is in it. */
export async function picture(canvas: Locator): Promise<Buffer> {
  const now = () => canvas.evaluate((element: HTMLCanvasElement) => element.toDataURL());
  let before = await now();
  for (let attempt = 0; attempt < 60; attempt++) {
    await canvas.page().waitForTimeout(150);
    const url = await now();
    if (url === before) return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
    before = url;
  }
  throw new Error('the picture does not come to rest');
}

/** An element's picture as RGB bytes. */
export async function pixels(element: Locator): Promise<{ data: Buffer; width: number; height: number }> {
  const image = sharp(await picture(element))
    .removeAlpha()
    .raw();
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Opens a project from the start screen, by mouse. */
export async function openProject(studio: Studio, root: string, path: string): Promise<void> {
  const ask = () => studio.page.getByRole('button', { name: /^Open project/ }).click();
  await choose(studio, { ask, title: 'Open project', action: 'Open project', root, path });
}

/** Iteration that a training has reached, from its curve; 0 before its first point. */
export async function iterationOf(studio: Studio, jobId: number): Promise<number> {
  return (await studio.call('jobs.curve', { jobId })).points.at(-1)?.iteration ?? 0;
}

/** Waits until the Jobs panel says of the job that it shows: Done, Cancelled, Failed. */
export async function jobEnded(
  jobs: Locator,
  state: 'Done' | 'Cancelled' | 'Failed',
  timeout = 150_000,
): Promise<void> {
  await expect(jobs.locator('.job-detail header')).toContainText(state, { timeout });
}
