/** Frames, Scene and Timeline of one trained project show the same frame, and show it truly. */
import type { Locator } from 'playwright/test';
import { expect, test } from './fixtures.ts';
import { currentFrame, frameShown, panel, picture, pixels, sceneShown } from './steps.ts';
import { ROOM_VIEWS } from './templates.ts';

test('scrubbing the Timeline moves photo and 3D camera; without following, the camera stays', async ({
  launch,
  room,
}) => {
  const { page } = await launch({ project: room });
  const scene = await panel(page, 'Scene');
  const view = await sceneShown(page);
  const frames = await frameShown(page);
  const [photo, camera] = [await picture(frames), await picture(view)];

  const timeline = page.getByTestId('timeline-canvas');
  const box = await timeline.boundingBox();
  if (box === null) throw new Error('no timeline');
  await page.mouse.move(box.x + box.width * 0.4, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 10, { steps: 5 });
  const halfway = await currentFrame(page);
  await page.mouse.move(box.x + box.width * 0.9, box.y + 10, { steps: 5 });
  await page.mouse.up();
  const reached = await currentFrame(page);
  expect(halfway).toBeGreaterThan(1);
  expect(reached).toBeGreaterThan(halfway);
  expect(reached).toBeLessThanOrEqual(ROOM_VIEWS);
  await frameShown(page);
  expect((await picture(frames)).equals(photo)).toBe(false);
  await expect.poll(async () => (await picture(view)).equals(camera)).toBe(false);

  // Back at the first frame everything is as it was: the camera is a function of the frame.
  for (let at = await currentFrame(page); at > 1; at--)
    await page.getByRole('button', { name: 'Previous frame' }).click();
  await frameShown(page);
  expect((await picture(frames)).equals(photo)).toBe(true);
  await expect.poll(async () => (await picture(view)).equals(camera)).toBe(true);

  const follow = scene.getByRole('button', { name: 'Camera follows the current frame' });
  await expect(follow).toHaveAttribute('aria-pressed', 'true');
  await follow.click();
  await sceneShown(page);
  const resting = await picture(view);
  await page.getByRole('button', { name: 'Next frame' }).click();
  await frameShown(page);
  expect((await picture(frames)).equals(photo)).toBe(false);
  expect((await picture(view)).equals(resting)).toBe(true);
});

test('dragging the 3D view turns it, and shows everything again on request', async ({ launch, room }) => {
  const { page } = await launch({ project: room });
  const scene = await panel(page, 'Scene');
  const view = await sceneShown(page);
  const followed = await picture(view);
  await scene.getByRole('button', { name: 'Show everything' }).click();
  await expect.poll(async () => (await picture(view)).equals(followed)).toBe(false);
  await sceneShown(page);
  const before = await picture(view);
  const box = await view.boundingBox();
  if (box === null) throw new Error('no view');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 80, box.y + box.height / 2 + 20, { steps: 6 });
  await page.mouse.up();
  await page.mouse.move(box.x + 5, box.y - 20);
  await expect.poll(async () => (await picture(view)).equals(before)).toBe(false);
  await scene.getByRole('button', { name: 'Show everything' }).click();
  await expect.poll(async () => (await picture(view)).equals(before)).toBe(true);
});

test('photo and render are compared: the split shows each on its side, the blend their mean', async ({
  launch,
  room,
}) => {
  const { page } = await launch({ project: room });
  const frames = await panel(page, 'Frames');
  // As large as the window: its toolbar keeps to one line, and pictures stay where they are.
  await frames.getByTestId('frames-canvas').click();
  await page.keyboard.press('Shift+Space');
  const canvas = await frameShown(page);
  const masks = frames.getByRole('button', { name: 'Show masks' });
  if ((await masks.getAttribute('aria-pressed')) === 'true') await masks.click();
  const show = async (name: string) => {
    await frames
      .getByRole('radio', { name, exact: true })
      .or(frames.getByRole('button', { name, exact: true }))
      .click();
    await frameShown(page);
  };
  const pictures = [await middle(canvas)];
  for (const name of ['Render', 'Residual', 'Depth']) {
    await show(name);
    pictures.push(await middle(canvas));
  }
  for (const [i, one] of pictures.entries())
    for (const other of pictures.slice(i + 1)) expect(difference(one, other, 0, 1)).toBeGreaterThan(2);

  // Comparing has controls of its own, which take room: what it shows is compared with pictures taken beside them.
  await frames.getByRole('button', { name: 'Split with another image' }).click();
  const compare = async (base: string, other: string) => {
    await frames.getByLabel('Compare with').selectOption({ label: other });
    await show(base);
    return middle(canvas);
  };
  const photo = await compare('Photo', 'Photo');
  const render = await compare('Render', 'Render');
  const depth = await compare('Depth', 'Depth');
  // A model of the photo: far nearer to it than a picture of its depth is.
  expect(difference(photo, render, 0, 0.45)).toBeLessThan(difference(photo, depth, 0, 0.45) / 2);
  const split = await compare('Photo', 'Render');
  // The line between the two halves is left out.
  const sides = [
    difference(split, photo, 0, 0.45),
    difference(split, render, 0, 0.45),
    difference(split, photo, 0.55, 1),
    difference(split, render, 0.55, 1),
  ].map((value) => value < 0.5);
  // Each half is one of the two images, and not the same.
  expect([
    [true, false, false, true],
    [false, true, true, false],
  ]).toContainEqual(sides);

  await frames.getByRole('button', { name: 'Blend with another image' }).click();
  await frameShown(page);
  const blend = await middle(canvas);
  const mean = { ...photo, data: Buffer.from(photo.data.map((value, i) => (value + (render.data[i] as number)) / 2)) };
  expect(difference(blend, mean, 0, 0.45)).toBeLessThan(1.5);
  expect(difference(blend, photo, 0, 0.45)).toBeGreaterThan(1.5);
});

test('a selected object is the same one in Objects, Timeline and Inspector', async ({ launch, room }) => {
  const studio = await launch({ project: room });
  const { page } = studio;
  const { objects } = await studio.call('objects.list', {});
  expect(objects.length).toBeGreaterThan(2);
  const table = (await panel(page, 'Objects')).getByRole('grid', { name: 'Objects' });
  const frames = await frameShown(page);
  const before = await picture(frames);
  const lanes = await picture(page.getByTestId('timeline-canvas'));
  const chosen = objects.find(({ name }) => objects.filter((other) => other.name === name).length === 1);
  if (chosen === undefined) throw new Error('no object with a name of its own');
  await table.getByRole('row').filter({ hasText: chosen.name }).first().click();
  await expect(table.locator('[aria-selected="true"]')).toHaveCount(1);
  await expect((await panel(page, 'Inspector')).getByRole('textbox', { name: 'Name' })).toHaveValue(chosen.name);
  expect((await picture(page.getByTestId('timeline-canvas'))).equals(lanes)).toBe(false);
  expect((await picture(frames)).equals(before)).toBe(false);
});

interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** The largest square around the middle of an element, which the square photos of the room fill. */
async function middle(element: Locator): Promise<Pixels> {
  const all = await pixels(element);
  const side = Math.floor(Math.min(all.width, all.height) * 0.9);
  const [x0, y0] = [Math.floor((all.width - side) / 2), Math.floor((all.height - side) / 2)];
  const rows = Array.from({ length: side }, (_, y) => {
    const start = ((y0 + y) * all.width + x0) * 3;
    return all.data.subarray(start, start + side * 3);
  });
  return { data: Buffer.concat(rows), width: side, height: side };
}

/** Mean absolute difference of two pictures between two fractions of their width, in steps of 8 bits. */
function difference(a: Pixels, b: Pixels, from: number, to: number): number {
  if (a.data.length !== b.data.length) throw new Error('pictures differ in size');
  let [sum, count] = [0, 0];
  for (let y = 0; y < a.height; y++) {
    for (let x = Math.floor(from * a.width); x < Math.floor(to * a.width); x++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = (y * a.width + x) * 3 + channel;
        sum += Math.abs((a.data[at] as number) - (b.data[at] as number));
        count++;
      }
    }
  }
  return sum / count;
}
