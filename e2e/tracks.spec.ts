/** A person mends tracks of the default-noise kitchen with mouse and keyboard; nothing of it is lost, and all of it can be undone. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestInfo } from 'playwright/test';
import { planCorrections, readTracks, type TracksExport, watch } from './annotator.ts';
import { SCREENSHOTS } from './environment.ts';
import { expect, test } from './fixtures.ts';
import { Lanes } from './lanes.ts';
import { jobEnded, panel } from './steps.ts';
import type { Studio } from './studio.ts';
import { kitchenCapture, liftscope } from './templates.ts';

async function track(studio: Studio, button: 'Track' | 'Track again'): Promise<void> {
  const { page } = studio;
  await page.getByRole('banner').getByRole('button', { name: 'Track', exact: true }).click();
  await page.getByRole('dialog', { name: 'Track objects' }).getByRole('button', { name: button, exact: true }).click();
  await jobEnded(await panel(page, 'Jobs'), 'Done', 300_000);
}

async function exported(project: string): Promise<TracksExport> {
  const path = `${project}.json`;
  await liftscope('export', project, '--format', 'json', '--out', path);
  return readTracks(path);
}

async function idf1(project: string): Promise<number> {
  return JSON.parse(await liftscope('eval', project, '--tracks', '--json')).idf1;
}

function tell(info: TestInfo, description: string): void {
  info.annotations.push({ type: 'measured', description });
  console.log(`measured: ${description}`);
}

test('a kitchen is mended to IDF1 95, all of it can be undone, and a re-run keeps what is locked', async ({
  launch,
  kitchen,
}, info) => {
  test.setTimeout(1_200_000);
  let studio = await launch({ project: kitchen });
  await track(studio, 'Track');
  const found = await exported(kitchen);
  const truth = await watch(await kitchenCapture(), found);
  const before = await idf1(kitchen);
  expect(before).toBeLessThan(0.95);

  let lanes = await Lanes.open(studio);
  let [clicks, keys] = [0, 0];
  let plan = planCorrections(found, truth);
  await lanes.maximise();
  await lanes.selectAll(plan.remove);
  await lanes.press('Delete');
  await expect
    .poll(async () => (await studio.call('objects.list', {})).objects.length)
    .toBe(plan.keep.length + joined(plan.merge));
  for (const { object, frame } of plan.split.toReversed()) {
    const { corrections } = await studio.call('tracks.effort', {});
    await lanes.select([object], frame);
    await lanes.press('k');
    await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections).toBe(corrections + 1);
  }
  if (plan.split.length > 0) plan = planCorrections(await exported(kitchen), truth);
  for (const [into, ...others] of plan.merge) {
    const { corrections } = await studio.call('tracks.effort', {});
    await lanes.select([...others, into as number]);
    await lanes.press('m');
    await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections).toBe(corrections + 1);
  }
  [clicks, keys] = [lanes.clicks, lanes.keys];

  // What was done so far is there after a restart, and so is the way back.
  await studio.close();
  studio = await launch({ project: kitchen });
  lanes = await Lanes.open(studio);
  await lanes.maximise();
  await lanes.selectAll(plan.keep);
  const steps = (await studio.call('tracks.effort', {})).corrections;
  await lanes.press('b');
  await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections).toBe(steps + 1);
  [clicks, keys] = [clicks + lanes.clicks, keys + lanes.keys];
  const after = await idf1(kitchen);
  const { corrections } = await studio.call('tracks.effort', {});
  tell(info, `IDF1 ${(100 * before).toFixed(1)} before, ${(100 * after).toFixed(1)} after`);
  tell(info, `${corrections} corrections, ${clicks} clicks, ${keys} keys, for ${found.frames.length} frames`);
  expect(after).toBeGreaterThanOrEqual(0.95);
  await expect(studio.page.getByTestId('effort')).toContainText('correction');
  const mended = await exported(kitchen);

  for (let i = 0; i < corrections; i++) {
    await studio.page.keyboard.press('Control+z');
    await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections).toBe(corrections - i - 1);
  }
  expect(await exported(kitchen)).toEqual(found);
  for (let i = 0; i < corrections; i++) {
    await studio.page.keyboard.press('Control+Shift+z');
    await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections).toBe(i + 1);
  }
  expect(await exported(kitchen)).toEqual(mended);

  lanes = await Lanes.open(studio);
  await lanes.selectAll(plan.keep);
  await lanes.press('l');
  await expect
    .poll(async () => (await studio.call('objects.list', {})).objects.filter(({ locked }) => locked).length)
    .toBe(plan.keep.length);
  await track(studio, 'Track again');
  await Lanes.open(studio);
  const review = studio.page.getByRole('toolbar', { name: 'Tracked again' });
  if (await review.isVisible()) await review.getByRole('button', { name: 'Accept' }).click();
  await expect(review).toBeHidden();
  const again = await exported(kitchen);
  const of = (tracks: TracksExport) =>
    tracks.frames.map(({ name, observations }) => ({
      name,
      observations: observations.filter(({ object }) => plan.keep.includes(object)),
    }));
  expect(of(again)).toEqual(of(mended));
  tell(info, `IDF1 ${(100 * (await idf1(kitchen))).toFixed(1)} after the re-run`);
});

test('every correction is one step, and is taken back as one', async ({ launch, kitchen }) => {
  test.setTimeout(600_000);
  await liftscope('track', kitchen);
  const studio = await launch({ project: kitchen });
  const lanes = await Lanes.open(studio);
  await lanes.maximise();
  const found = await exported(kitchen);
  const seen = new Map<number, number[]>();
  for (const [frame, { observations }] of found.frames.entries()) {
    for (const { object, rle } of observations) {
      if (rle !== undefined) seen.set(object, [...(seen.get(object) ?? []), frame]);
    }
  }
  const [a, b] = [...seen].sort((x, y) => y[1].length - x[1].length);
  if (a === undefined || b === undefined) throw new Error('the kitchen has two objects');
  const middle = a[1][a[1].length >> 1] as number;
  const steps: readonly { readonly what: string; readonly ids: readonly number[]; readonly key: string }[] = [
    { what: 'split', ids: [a[0]], key: 'k' },
    { what: 'swap', ids: [a[0], b[0]], key: 'e' },
    { what: 'assign to a new object', ids: [a[0]], key: 'a' },
    { what: 'assign to another object', ids: [a[0], b[0]], key: 'a' },
    { what: 'absent', ids: [a[0]], key: 'o' },
    { what: 'merge', ids: [b[0], a[0]], key: 'm' },
    { what: 'lock', ids: [a[0]], key: 'l' },
  ];
  for (const { what, ids, key } of steps) {
    await test.step(what, async () => {
      await lanes.select(ids, middle);
      await lanes.press(key);
      await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections, { message: what }).toBe(1);
      expect(await exported(kitchen), what).not.toEqual(found);
      await lanes.press('Control+z');
      await expect.poll(async () => (await studio.call('tracks.effort', {})).corrections).toBe(0);
      expect(await exported(kitchen), `${what}, taken back`).toEqual(found);
    });
  }
});

test('amodal masks come from a job that the Timeline starts, and lie over the frame as outlines', async ({
  launch,
  kitchen,
}) => {
  test.setTimeout(600_000);
  await liftscope('track', kitchen);
  const studio = await launch({ project: kitchen });
  const { page } = studio;
  const { objects, frames } = await exported(kitchen);
  const seen = new Map(objects.map(({ id }) => [id, new Set<number>()]));
  for (const [frame, { observations }] of frames.entries()) {
    for (const { object, rle } of observations) if (rle !== undefined) seen.get(object)?.add(frame);
  }
  const ids = [...seen]
    .sort(([, a], [, b]) => b.size - a.size)
    .slice(0, 3)
    .map(([id]) => id);
  /** Frames with whole silhouettes; those in which nothing is segmented of the object first. */
  const wholes = async (): Promise<{ object: number; frame: number }[]> => {
    const found: { object: number; frame: number }[] = [];
    for (const frame of frames.keys()) {
      const { outlines } = await studio.call('tracks.outlines', { position: frame, ids });
      for (const { kind, objectId } of outlines) if (kind === 'amodal') found.push({ object: objectId, frame });
    }
    const isSeen = ({ object, frame }: { object: number; frame: number }) => Number(seen.get(object)?.has(frame));
    return found.sort((one, other) => isSeen(one) - isSeen(other));
  };
  expect(await wholes()).toEqual([]);

  const lanes = await Lanes.open(studio);
  await lanes.select(ids);
  await page.getByRole('toolbar', { name: 'Corrections' }).getByRole('button', { name: 'Amodal' }).click();
  const jobs = await panel(page, 'Jobs');
  await expect(jobs.getByText(/^Amodal masks of /).first()).toBeVisible();
  await jobEnded(jobs, 'Done', 300_000);
  const made = await wholes();
  expect(new Set(made.map(({ object }) => object)).size, 'objects with whole silhouettes').toBeGreaterThan(0);
  const [shown] = made;
  await panel(page, 'Timeline');
  await lanes.select([shown!.object], shown!.frame);
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, 'amodal.png') });
});

function joined(groups: readonly (readonly number[])[]): number {
  return groups.reduce((sum, group) => sum + group.length - 1, 0);
}
