import { constants, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import { type ArtifactName, ArtifactStore, parseArtifactName } from './artifacts.ts';
import { databaseProblems } from './database.ts';
import { fsyncFile, fsyncFolder } from './files.ts';

/** Pages copied between two turns of the event loop: 8 MB, some ten milliseconds. */
const PAGES_PER_STEP = 2048;

/** Every column that names an artifact. */
const ARTIFACT_COLUMNS: readonly (readonly [table: string, column: string])[] = [
  ['captures', 'points_artifact'],
  ['frames', 'image_artifact'],
  ['frames', 'mask_artifact'],
  ['splats', 'artifact'],
  ['masks', 'artifact'],
  ['mask_sets', 'artifact'],
  ['fields', 'artifact'],
  ['relevancy_maps', 'artifact'],
];

export interface BackupReport {
  /** Absolute path of the backup, a folder. */
  readonly path: string;
  /** Of all its files. */
  readonly bytes: number;
  readonly artifacts: {
    /** Named by the project. */
    readonly referenced: number;
    /** In the backup. */
    readonly copied: number;
    /** Named and not there, or there with other contents than the name says. A backup of such a project is made all the same. */
    readonly missing: readonly ArtifactName[];
    readonly damaged: readonly ArtifactName[];
  };
}

export interface BackupOptions {
  /** Copy the artifacts too, so that the backup opens as a project with all it shows. Default true. */
  readonly artifacts?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * A snapshot of an open project: everything committed when it ends, nothing half. The folder appears under its name when
 * it is whole. Checkpoints of trainings are not part of it, photos outside the project neither.
 *
 * @throws LiftscopeError `bad-input` when the target exists or cannot be written; the signal's reason when aborted
 */
export async function backUp(
  db: Database.Database,
  artifacts: ArtifactStore,
  database: string,
  target: string,
  options: BackupOptions,
): Promise<BackupReport> {
  const path = resolve(target);
  if (existsSync(path)) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path} exists already; a backup replaces nothing.`,
      hint: 'Choose a new name.',
    });
  }
  const partial = `${path}.${process.pid}.partial`;
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const file = join(partial, database);
    await db.backup(file, {
      progress: () => {
        options.signal?.throwIfAborted();
        return PAGES_PER_STEP;
      },
    });
    const copy = new Database(file);
    let names: ArtifactName[];
    try {
      const problems = databaseProblems(copy, 'quick_check');
      if (problems.length > 0) throw new Error(`the copy is damaged: ${problems.join('; ')}`);
      names = referencedArtifacts(copy);
      // One file, complete in itself.
      copy.pragma('journal_mode = DELETE');
    } finally {
      copy.close();
    }
    fsyncFile(file);
    const missing: ArtifactName[] = [];
    const damaged: ArtifactName[] = [];
    let bytes = statSync(file).size;
    let copied = 0;
    const store = new ArtifactStore(join(partial, 'artifacts'));
    await mkdir(store.folder);
    for (const name of names) {
      options.signal?.throwIfAborted();
      if (!(await artifacts.has(name))) missing.push(name);
      else if (options.artifacts === false) {
        if (!(await artifacts.verify(name))) damaged.push(name);
      } else {
        await mkdir(dirname(store.path(name)), { recursive: true });
        await copyFile(artifacts.path(name), store.path(name), constants.COPYFILE_FICLONE);
        // The copy is what counts: it shows damage of the original and of the way.
        if (await store.verify(name)) {
          fsyncFile(store.path(name));
          bytes += (await stat(store.path(name))).size;
          copied++;
        } else {
          damaged.push(name);
          rmSync(store.path(name));
        }
      }
    }
    options.signal?.throwIfAborted();
    renameSync(partial, path);
    fsyncFolder(dirname(path));
    return { path, bytes, artifacts: { referenced: names.length, copied, missing, damaged } };
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    options.signal?.throwIfAborted();
    throw new LiftscopeError(
      {
        code: 'bad-input',
        message: `The backup ${path} could not be written: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'Check the free space and the rights of that folder. The project itself is untouched.',
      },
      { cause: error },
    );
  }
}

export interface ProjectCheck {
  readonly ok: boolean;
  /** One sentence each. */
  readonly problems: readonly string[];
  readonly checkedArtifacts: number;
}

/** Reads everything: the database with its indexes, references, and every artifact that is named, against its name. */
export async function checkProject(
  db: Database.Database,
  artifacts: ArtifactStore,
  signal?: AbortSignal,
): Promise<ProjectCheck> {
  const problems = databaseProblems(db, 'integrity_check').map((problem) => `The database: ${problem}.`);
  const names = referencedArtifacts(db);
  for (const name of names) {
    signal?.throwIfAborted();
    if (!(await artifacts.has(name))) problems.push(`The file ${name} is missing from the artifacts.`);
    else if (!(await artifacts.verify(name))) problems.push(`The file ${name} is damaged: its contents have changed.`);
  }
  return { ok: problems.length === 0, problems, checkedArtifacts: names.length };
}

/** What the project cannot do without, each once: columns, and masks that only the history of edits still names. */
function referencedArtifacts(db: Database.Database): ArtifactName[] {
  const columns = ARTIFACT_COLUMNS.map(
    ([table, column]) => `SELECT ${column} AS name FROM ${table} WHERE ${column} IS NOT NULL`,
  );
  const names = z
    .array(z.string())
    .parse(db.prepare(columns.join(' UNION ')).pluck().all())
    .map((name) => parseArtifactName(name));
  const all = new Set(names);
  const diffs = db.prepare(`SELECT diff_json FROM edits WHERE diff_json LIKE '%"artifact":"%'`).pluck().iterate();
  const settings = db.prepare(`SELECT value_json FROM settings WHERE value_json LIKE '%"artifact":"%'`).pluck().all();
  for (const json of [...diffs, ...settings]) {
    for (const [, name] of String(json).matchAll(/"artifact":"([0-9a-f]{64}\.[a-z0-9]{1,16})"/g)) {
      all.add(parseArtifactName(name!));
    }
  }
  return [...all].sort();
}
