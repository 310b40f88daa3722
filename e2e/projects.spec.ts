/** Projects that cannot simply be opened: moved photos, damage, a newer program. */
import { createHash } from 'node:crypto';
import { cp, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from './fixtures.ts';
import { choose, frameShown, openProject, panel, picture } from './steps.ts';
import { ROOM_VIEWS, roomCapture } from './templates.ts';

test('photos that were moved are found again by mouse', async ({ launch, folder }) => {
  const photos = join(folder, 'photos');
  await cp(await roomCapture(), photos, { recursive: true });
  const project = join(folder, 'moved.liftscope');
  let studio = await launch();
  await studio.call('project.create', { folder: project });
  await studio.call('jobs.start', { spec: { kind: 'import-capture', path: photos, scale: 1 } });
  await expect(studio.page.getByRole('button', { name: new RegExp(`^Capture: .*${ROOM_VIEWS} frames`) })).toBeVisible();
  const photo = await picture(await frameShown(studio.page));
  await studio.close();

  const away = join(folder, 'elsewhere');
  await rename(photos, away);
  studio = await launch({ project });
  const { page } = studio;
  const find = (await panel(page, 'Frames')).getByRole('button', { name: 'Find moved photos…' });
  await expect(find).toBeVisible();
  await find.click();
  const dialog = page.getByRole('dialog', { name: 'Find moved photos' });
  await expect(dialog).toContainText(`${ROOM_VIEWS} photos of`);
  const ask = () => dialog.getByRole('button', { name: 'Choose folder…' }).click();
  const title = /^Folder with the photos of/;
  await choose(studio, { ask, title, action: 'Look here', root: folder, path: away });
  await expect(dialog).toContainText(`${ROOM_VIEWS} photos found`);
  await dialog.getByRole('button', { name: 'Use this folder' }).click();
  await expect(dialog).toBeHidden();
  await expect(find).toBeHidden();
  await expect.poll(async () => (await picture(await frameShown(page))).equals(photo)).toBe(true);
});

test('a damaged and a newer project are refused in words and left as they are', async ({ launch, folder, room }) => {
  const newer = join(folder, 'newer.liftscope');
  await cp(room, newer, { recursive: true });
  const database = new Database(join(newer, 'project.sqlite'));
  database.pragma('user_version = 4711');
  database.pragma('journal_mode = DELETE');
  database.close();

  const damaged = join(folder, 'damaged.liftscope');
  await cp(room, damaged, { recursive: true });
  const file = await open(join(damaged, 'project.sqlite'), 'r+');
  // The header stays whole: what is broken shows only when the pages are read.
  await file.write(Buffer.alloc(24_000, 0xa5), 0, 24_000, 4096);
  await file.close();

  const studio = await launch();
  const { page } = studio;
  for (const [path, words] of [
    [newer, /written by a newer Liftscope \(schema 4711/],
    [damaged, /damaged/],
  ] as const) {
    const before = await contentsOf(path);
    await openProject(studio, folder, path);
    const alert = page.getByRole('alert').filter({ hasText: words });
    await expect(alert).toBeVisible();
    await page.getByRole('listitem').filter({ has: alert }).getByRole('button', { name: 'Dismiss' }).click();
    await expect(page.getByRole('main', { name: 'Start' })).toBeVisible();
    // SQLite leaves an empty log beside a file that it only read; nothing that was there has changed.
    expect(await contentsOf(path)).toMatchObject(before);
  }
  // The studio goes on: a sound one opens.
  await openProject(studio, folder, room);
  await expect(page.getByRole('main', { name: 'Workspace' })).toBeVisible();
  await frameShown(page);
});

/** Every file of a folder with the digest of its bytes. */
async function contentsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digests = files.sort().map(async (path) => {
    const digest = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    return [path, digest] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}
