/** Jobs end when they are told to, say why when they end otherwise, and go on where they stopped. */
import { expect, test } from './fixtures.ts';
import { iterationOf, jobEnded, newestJob, panel, sceneShown, startTraining } from './steps.ts';
import { isAlive, type Studio } from './studio.ts';

/** A training writes a checkpoint that often. */
const CHECKPOINT_EVERY = 500;
/** Far more than any machine does while a test looks. */
const ENDLESS = 500_000;

test('a job is cancelled, keeps what it has done, and is resumed to its end', async ({ launch, room }) => {
  const studio = await launch({ project: room });
  const { page } = studio;
  await startTraining(page, 900, 9000);
  const first = await newestJob(studio, 'train-splats');
  await expect.poll(() => iterationOf(studio, first.id)).toBeGreaterThan(100);
  const jobs = await panel(page, 'Jobs');
  await jobs.getByRole('button', { name: 'Cancel', exact: true }).click();
  await jobEnded(jobs, 'Cancelled');
  // The curve is drawn a few times a second; where training stopped, the panel says.
  const said = await jobs.getByText(/the last checkpoint is at iteration \d+/).innerText();
  const reached = Number(/at iteration (\d+)/.exec(said)?.[1]);
  expect(reached).toBeGreaterThan(100);
  expect(reached).toBeLessThan(900);

  await jobs.getByRole('button', { name: 'Resume', exact: true }).click();
  await expect.poll(async () => (await newestJob(studio, 'train-splats')).id).toBeGreaterThan(first.id);
  const second = await newestJob(studio, 'train-splats');
  await jobEnded(jobs, 'Done');
  const { points } = await studio.call('jobs.curve', { jobId: second.id });
  const iterations = points.map(({ iteration }) => iteration);
  expect(await startOf(studio, second.id)).toBe(reached);
  // One curve without a step back.
  expect(iterations).toEqual([...iterations].sort((a, b) => a - b));
  expect(iterations[0]).toBeLessThanOrEqual(reached);
  expect(iterations.at(-1)).toBe(900);
  await expect.poll(async () => (await studio.call('app.state', {})).project?.splats.length).toBe(2);
});

test('a killed worker is reported in words, and its job goes on from the checkpoint', async ({ launch, room }) => {
  const studio = await launch({ project: room });
  const { page } = studio;
  // The 3D view draws with a worker of its own.
  await sceneShown(page);
  const before = studio.workerPids();
  await startTraining(page, ENDLESS, 9000);
  const first = await newestJob(studio, 'train-splats');
  await expect.poll(() => iterationOf(studio, first.id), { timeout: 120_000 }).toBeGreaterThan(CHECKPOINT_EVERY);
  const started = studio.workerPids().filter((pid) => !before.includes(pid));
  expect(started).toHaveLength(1);
  // Looking elsewhere: then it is said over the window, too.
  await page.keyboard.press('Alt+1');
  process.kill(started[0] as number, 'SIGKILL');
  await expect(page.getByRole('alert').filter({ hasText: 'killed' })).toBeVisible();

  const jobs = await panel(page, 'Jobs');
  await jobEnded(jobs, 'Failed');
  await expect(jobs.getByText(/The worker was killed .*(SIGKILL|memory)/)).toBeVisible();
  await expect(jobs.getByText(/Resume continues from iteration \d+\./)).toBeVisible();
  const reached = await iterationOf(studio, first.id);

  await jobs.getByRole('button', { name: 'Resume', exact: true }).click();
  await expect.poll(async () => (await newestJob(studio, 'train-splats')).id).toBeGreaterThan(first.id);
  const second = await newestJob(studio, 'train-splats');
  await expect.poll(() => iterationOf(studio, second.id), { timeout: 120_000 }).toBeGreaterThan(reached);
  expect(await startOf(studio, second.id)).toBeGreaterThanOrEqual(CHECKPOINT_EVERY);
  const iterations = (await studio.call('jobs.curve', { jobId: second.id })).points.map(({ iteration }) => iteration);
  expect(iterations).toEqual([...iterations].sort((a, b) => a - b));
  await jobs.getByRole('button', { name: 'Cancel', exact: true }).click();
  await jobEnded(jobs, 'Cancelled');
});

test('a killed studio is opened again with nothing lost', async ({ launch, room }) => {
  let studio = await launch({ project: room });
  const table = (await panel(studio.page, 'Objects')).getByRole('grid', { name: 'Objects' });
  await table.locator('.objects-name').first().click();
  await startTraining(studio.page, ENDLESS, 9000);
  const first = await newestJob(studio, 'train-splats');
  await expect.poll(() => iterationOf(studio, first.id), { timeout: 120_000 }).toBeGreaterThan(CHECKPOINT_EVERY);
  await studio.page.keyboard.press('F2');
  await studio.page.keyboard.press('Control+a');
  await studio.page.keyboard.type('named before the crash');
  await studio.page.keyboard.press('Enter');
  await expect(table.getByText('named before the crash')).toBeVisible();
  const { project: before } = await studio.call('app.state', {});
  const workers = studio.workerPids();
  expect(workers.length).toBeGreaterThan(0);

  await studio.crash();
  // No worker outlives its studio for long: it would keep the project from being trained again.
  await expect.poll(() => workers.filter(isAlive), { timeout: 60_000 }).toEqual([]);

  studio = await launch({ project: room });
  const { project: after } = await studio.call('app.state', {});
  expect(after?.captures).toEqual(before?.captures);
  expect(after?.splats).toEqual(before?.splats);
  expect(after?.objects).toEqual(before?.objects);
  expect(after?.observations).toEqual(before?.observations);
  const again = (await panel(studio.page, 'Objects')).getByRole('grid', { name: 'Objects' });
  await expect(again.getByText('named before the crash')).toBeVisible();

  const jobs = await panel(studio.page, 'Jobs');
  await expect(jobs.getByText(/The studio was closed or killed .* last checkpoint is at iteration \d+/)).toBeVisible();
  await jobs.getByRole('button', { name: 'Resume', exact: true }).click();
  await expect.poll(async () => (await newestJob(studio, 'train-splats')).id).toBeGreaterThan(first.id);
  const second = await newestJob(studio, 'train-splats');
  await expect.poll(() => startOf(studio, second.id), { timeout: 120_000 }).toBeGreaterThanOrEqual(CHECKPOINT_EVERY);
  await jobs.getByRole('button', { name: 'Cancel', exact: true }).click();
  await jobEnded(jobs, 'Cancelled');
});

/** The iteration that a job's worker began at, as its log says; 0 for one from the beginning, NaN before it began. */
async function startOf(studio: Studio, jobId: number): Promise<number> {
  const { lines } = await studio.call('jobs.log', { jobId });
  const started = lines.map(({ text }) => text).find((text) => text.startsWith('Started '));
  return started === undefined ? Number.NaN : Number(/^Started from iteration ([\d,]+)/.exec(started)?.[1] ?? 0);
}
