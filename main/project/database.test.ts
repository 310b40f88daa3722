import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LiftscopeError } from '../../contract/index.ts';
import { loadMigrations, type Migration } from './migrations.ts';
import { openProject } from './project.ts';
import { sampleCapture } from './samples.ts';

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

  test('a project cut short in the middle is refused, not used', async () => {
    (await openProject(folder, { create: true })).close();
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    const project = await openProject(folder).catch((error: unknown) => error);
    if (!(project instanceof LiftscopeError)) {
      // SQLite may open it; the first real read then reports the damage.
      const opened = project as Awaited<ReturnType<typeof openProject>>;
      expect(() => opened.captures.add(sampleCapture(), undefined, {})).toThrow();
      opened.close();
    }
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
      project.close();
    },
  );
});

describe('kill -9', () => {
  test('in the middle of writing leaves every committed row and only whole artifacts', async () => {
    const script = fileURLToPath(new URL('./fixtures/write-for-ever.ts', import.meta.url));
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const committed = await untilLines(child, 30);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));

    const project = await openProject(folder);
    const messages = project.jobs.events(1).map((row) => row.event);
    expect(messages.length).toBeGreaterThanOrEqual(committed);
    expect(messages.slice(0, committed)).toEqual(
      Array.from({ length: committed }, (_, index) => ({ type: 'warning', message: `number ${index}` })),
    );
    const names = await project.artifacts.list();
    expect(names.length).toBeGreaterThanOrEqual(committed);
    for (const name of names) expect(await project.artifacts.verify(name)).toBe(true);
    project.close();
    expect(existsSync(file)).toBe(true);
  });
});

/** Resolves with the number of complete lines once the child has printed `count` of them. */
async function untilLines(child: ChildProcess, count: number): Promise<number> {
  let lines = 0;
  for await (const chunk of child.stdout ?? []) {
    lines += String(chunk).split('\n').length - 1;
    if (lines >= count) break;
  }
  return lines;
}
