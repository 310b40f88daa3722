import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import { loadMigrations, type Migration } from './migrations.ts';
import { openProject } from './project.ts';
import { sampleCapture, sampleRecords } from './samples.ts';

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));
const real = loadMigrations();

let root: string;
let folder: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-database-'));
  folder = join(root, 'a.liftscope');
  file = join(folder, 'project.sqlite');
  mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Every file of the project with the hash of its contents. */
function snapshot(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

async function refusal(): Promise<LiftscopeError> {
  const error: unknown = await openProject(folder).then(
    (project) => project.close(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LiftscopeError);
  return error as LiftscopeError;
}

describe('opening', () => {
  test('a folder without a project is said so, and stays empty', async () => {
    expect((await refusal()).code).toBe('not-found');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('creating twice keeps what is there', async () => {
    const first = await openProject(folder, { create: true });
    first.settings.set('kept', true);
    first.close();
    const second = await openProject(folder, { create: true });
    expect(second.settings.get('kept', (await import('zod')).z.boolean())).toBe(true);
    second.close();
  });

  test('a project of a newer version is refused and left untouched, byte for byte', async () => {
    (await openProject(folder, { create: true })).close();
    const db = new Database(file);
    db.pragma(`user_version = ${real.length + 1}`);
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    const before = snapshot();
    const failure = await refusal();
    expect(failure.code).toBe('newer-project');
    expect(failure.message).toContain(`schema ${real.length + 1}`);
    expect(snapshot()).toEqual(before);
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('this is not a database, but it is longer than a hundred bytes '.repeat(4))],
    ['a truncated header', Buffer.from('SQLite format 3\0')],
  ])('a file that is %s is refused and left untouched', async (_name, bytes) => {
    writeFileSync(file, bytes);
    const before = snapshot();
    expect((await refusal()).code).toBe('damaged-project');
    expect(snapshot()).toEqual(before);
  });

  test('a database of another program is refused and left untouched', async () => {
    const db = new Database(file);
    db.exec('CREATE TABLE theirs (a)');
    db.close();
    const before = snapshot();
    expect((await refusal()).message).toMatch(/another program/);
    expect(snapshot()).toEqual(before);
  });

  test.each([
    ['cut short in the middle', (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2 / 4096) * 4096)],
    ['overwritten in places', (bytes: Buffer) => bytes.fill(0xa5, 4096 * 2, 4096 * 9)],
    ['with a page of zeros', (bytes: Buffer) => bytes.fill(0, bytes.length - 4096 * 3)],
  ])('a project %s is refused in words and left untouched', async (_what, damage) => {
    copyFileSync(join(fixtures, 'v2.sqlite'), file);
    writeFileSync(file, damage(readFileSync(file)));
    const before = snapshot();
    const failure = await refusal();
    expect(failure.code).toBe('damaged-project');
    expect(failure.message).toContain(file);
    expect(failure.hint).toContain('backups');
    expect(snapshot()).toEqual(before);
  });

  test('a project whose rows refer to nothing is refused and left untouched', async () => {
    copyFileSync(join(fixtures, 'v2.sqlite'), file);
    const db = new Database(file);
    db.pragma('foreign_keys = OFF');
    db.exec('DELETE FROM objects WHERE id = 1');
    db.close();
    const before = snapshot();
    expect((await refusal()).message).toMatch(/1 rows of tracks refer to objects that do not exist/);
    expect(snapshot()).toEqual(before);
  });
});

describe('migrating', () => {
  const second: Migration = {
    version: real.length + 1,
    name: 'second',
    sql: 'ALTER TABLE captures ADD COLUMN note TEXT;',
  };

  test('an older project is brought up, its old state is kept beside it', async () => {
    const old = await openProject(folder, { create: true });
    const captureId = old.captures.add(sampleCapture(), undefined, {});
    old.close();
    const project = await openProject(folder, { migrations: [...real, second] });
    expect(project.captures.get(captureId)?.capture).toEqual(sampleCapture());
    project.close();
    const db = new Database(file);
    expect(db.pragma('user_version', { simple: true })).toBe(second.version);
    expect(db.prepare('SELECT note FROM captures').pluck().all()).toEqual([null]);
    db.close();
    const [backup, ...others] = readdirSync(join(folder, 'backups'));
    expect(others).toEqual([]);
    const kept = new Database(join(folder, 'backups', backup ?? ''), { readonly: true });
    expect(kept.pragma('user_version', { simple: true })).toBe(real.length);
    expect(kept.prepare('SELECT name FROM captures').pluck().all()).toEqual(['dots']);
    kept.close();
  });

  test.each([
    ['does not run', 'ALTER TABLE nowhere ADD COLUMN note TEXT;', /nowhere/],
    [
      'fails half way',
      'CREATE TABLE half (a); INSERT INTO half VALUES (1); SELECT no_such_function();',
      /no_such_function/,
    ],
    ['orphans rows', 'DELETE FROM cameras;', /without their parents/],
  ])('a step that %s leaves the project as it was', async (_name, sql, message) => {
    const old = await openProject(folder, { create: true });
    old.captures.add(sampleCapture(), undefined, {});
    old.close();
    const before = readFileSync(file);
    const broken = [...real, { ...second, sql }];
    await expect(openProject(folder, { migrations: broken })).rejects.toThrow(message);
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(join(folder, 'backups'))).toEqual([]);
    const again = await openProject(folder);
    expect(again.captures.current().capture.name).toBe('dots');
    again.close();
  });

  test('the numbers of the migration files must not have gaps', () => {
    const migrations = join(root, 'migrations');
    mkdirSync(migrations);
    writeFileSync(join(migrations, '0001_first.sql'), '');
    writeFileSync(join(migrations, '0003_third.sql'), '');
    expect(() => loadMigrations(migrations)).toThrow(/expected number 2, found 3/);
    rmSync(join(migrations, '0003_third.sql'));
    writeFileSync(join(migrations, 'notes.txt'), '');
    expect(() => loadMigrations(migrations)).toThrow(/NNNN_name\.sql/);
  });

  test.each(real.map((migration) => migration.version))(
    'the fixture of version %i opens with all it held',
    async (version) => {
      copyFileSync(join(fixtures, `v${version}.sqlite`), file);
      const project = await openProject(folder);
      const { capture, options } = project.captures.current();
      expect(capture).toEqual(sampleCapture());
      expect(options).toEqual({ scale: 1, holdout: '8' });
      const [job] = project.jobs.list('train-splats', 1);
      expect(job).toMatchObject({ state: 'finished', options: { seed: 5 }, checkpointDir: 'checkpoints/1' });
      expect(project.jobs.events(1).map((row) => row.event)).toEqual([
        { type: 'warning', message: 'from the fixture' },
      ]);
      expect(project.splats.latest(1)).toMatchObject({ gaussians: 42, shDegree: 3, jobId: 1 });
      expect(project.splats.metrics(1)).toHaveLength(4);
      const waiting = project.jobs.waiting().map(({ id, priority }) => ({ priority, log: project.jobs.log(id) }));
      const line = { at: 7, level: 'warning', text: 'from the fixture' };
      expect(waiting).toEqual(version < 3 ? [] : [{ priority: 5, log: [line] }]);
      const query = {
        text: 'handle of the red pot',
        negatives: ['object', 'stuff'],
        threshold: 0.625,
        scale: 7,
        saved: true,
      };
      expect(project.queries.list(1, 10)).toMatchObject(version < 4 ? [] : [query]);
      project.close();
    },
  );
});

test('the fixture of version 2 has its records and its history', async () => {
  copyFileSync(join(fixtures, 'v2.sqlite'), file);
  using project = await openProject(folder);
  const renamed = sampleRecords(1).map((record) =>
    record.type === 'object' && record.id === 1 ? { ...record, name: 'kettle', provenance: 'human' } : record,
  );
  const read = [
    ...project.objects.list(1),
    ...project.tracks.list(1),
    project.masks.get(1),
    ...project.tracks.list(1).flatMap(({ id }) => project.observations.ofTrack(id)),
  ];
  expect(read).toEqual(renamed.filter(({ type }) => type !== 'setting'));
  expect(project.settings.get('classes', z.array(z.string()))).toEqual(['pot', 'cup']);
  expect(project.edits.history(10)).toMatchObject([
    { label: 'Merge 2 objects into kettle', undone: true },
    { label: 'Change pot', undone: false },
    { label: 'Add two objects', undone: false },
  ]);
  expect(project.revision.revision).toBe(4);
  expect(project.edits.redo()?.skipped).toEqual([]);
  expect(project.tracks.ofObject(1)).toHaveLength(2);
  for (let i = 0; i < 3; i++) expect(project.edits.undo()?.skipped).toEqual([]);
  expect(project.objects.count() + project.observations.count()).toBe(0);
});
