import { closeSync, existsSync, linkSync, mkdirSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import { fsyncFile, fsyncFolder } from './files.ts';
import type { Migration } from './migrations.ts';

/** `LSCP` in SQLite's application_id: tells our files from any other SQLite database. */
const APPLICATION_ID = 0x4c534350;
const SQLITE_MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;
const BUSY_TIMEOUT_MS = 5000;

/**
 * Creates a database at the newest version, unless there is one. It appears under its name only when it is complete, so that a kill at any
 * moment leaves either no project or a whole one.
 */
export function createDatabase(file: string, migrations: readonly Migration[]): void {
  if (existsSync(file)) return;
  const temporary = `${file}.${process.pid}.new`;
  rmSync(temporary, { force: true });
  const db = new Database(temporary);
  try {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    migrate(db, migrations);
  } finally {
    db.close();
  }
  fsyncFile(temporary);
  // A link, not a rename: of two processes that create at once, the second must not replace the first one's database.
  try {
    linkSync(temporary, file);
  } catch {
    // File systems without hard links (FAT, some network shares) leave the rename and its small window.
    if (!existsSync(file)) renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
  fsyncFolder(dirname(file));
}

/**
 * Opens a database for work and brings it to the newest version.
 *
 * A file of a newer version, or one that is not ours, is refused before anything is written. An older one is first copied,
 * the copy migrated and checked; only then is the original touched, and the copy of the old state stays in `backups/`.
 *
 * @param checked another connection of this process has it open and has looked through the whole file; it is not done again, and the
 *   file is touched through SQLite alone
 * @throws LiftscopeError `not-found`, `newer-project`, `damaged-project`
 */
export function openDatabase(file: string, migrations: readonly Migration[], checked = false): Database.Database {
  if (!existsSync(file)) {
    throw new LiftscopeError({
      code: 'not-found',
      message: `There is no project at ${dirname(file)} (no ${basename(file)} there).`,
      hint: 'Create one with: liftscope import CAPTURE --project DIR',
    });
  }
  const newest = migrations.length;
  // Never by hand while SQLite has it open in this process: closing any handle of a file drops all POSIX locks that the process
  // holds on it, and another program that then closes the database last would delete a log that is still in use.
  if (!checked) refuseUnreadable(file, readHeader(file), newest);
  const version = withDatabase(file, { readonly: true }, (db) => {
    // The header on disk may be older than what the write-ahead log holds; SQLite's own answer counts.
    const found = { applicationId: pragmaNumber(db, 'application_id'), userVersion: pragmaNumber(db, 'user_version') };
    refuseUnreadable(file, found, newest);
    if (!checked) refuseDamaged(file, db);
    return found.userVersion;
  });
  if (version < newest) proveMigration(file, version, migrations);

  const db = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma('journal_mode = WAL');
    // In WAL mode NORMAL survives any kill of the process; only a power cut may lose the last transactions, never the file.
    db.pragma('synchronous = NORMAL');
    db.pragma('trusted_schema = OFF');
    if (version < newest) migrate(db, migrations);
    db.pragma('foreign_keys = ON');
    return db;
  } catch (error) {
    db.close();
    throw damaged(file, error);
  }
}

interface Header {
  readonly applicationId: number;
  readonly userVersion: number;
}

/** Reads version and owner from the bytes of the file, which leaves no trace beside it. */
function readHeader(file: string): Header {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const handle = openSync(file, 'r');
  try {
    const length = readSync(handle, bytes, 0, HEADER_BYTES, 0);
    if (length < HEADER_BYTES || bytes.toString('latin1', 0, SQLITE_MAGIC.length) !== SQLITE_MAGIC) {
      throw damaged(file, 'it is not an SQLite database');
    }
  } finally {
    closeSync(handle);
  }
  return { userVersion: bytes.readInt32BE(60), applicationId: bytes.readInt32BE(68) };
}

function refuseUnreadable(file: string, header: Header, newest: number): void {
  if (header.applicationId !== APPLICATION_ID) throw damaged(file, 'it is an SQLite database of another program');
  if (header.userVersion > newest) {
    throw new LiftscopeError({
      code: 'newer-project',
      message: `${file} was written by a newer Liftscope (schema ${header.userVersion}, this program knows ${newest}). It was left untouched.`,
      hint: 'Open it with that version, or update this one.',
    });
  }
  if (header.userVersion < 1) throw damaged(file, `it has no schema version (${header.userVersion})`);
}

/** Structure and references of the whole file: half a second for a million observations. */
function refuseDamaged(file: string, db: Database.Database): void {
  const problems = databaseProblems(db, 'quick_check');
  if (problems.length > 0) throw damaged(file, problems.join('; '));
}

/** What is wrong with a database in words, at most a handful of lines. `integrity_check` also compares indexes with tables. */
export function databaseProblems(db: Database.Database, check: 'quick_check' | 'integrity_check'): string[] {
  const found = z.array(z.record(z.string(), z.string())).parse(db.pragma(`${check}(5)`));
  const problems = found.flatMap((row) => Object.values(row)).filter((line) => line !== 'ok');
  if (problems.length > 0) return problems.map((line) => line.replaceAll(/\s*\n\s*/g, ' '));
  const orphans = z.array(z.object({ table: z.string(), parent: z.string() })).parse(db.pragma('foreign_key_check'));
  const counts = new Map<string, number>();
  for (const { table, parent } of orphans) {
    const pair = `rows of ${table} refer to ${parent} that do not exist`;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return [...counts].map(([pair, count]) => `${count} ${pair}`);
}

/** Migrates a copy and checks it; on success the untouched old state remains in `backups/`. */
function proveMigration(file: string, version: number, migrations: readonly Migration[]): void {
  const folder = join(dirname(file), 'backups');
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const backup = join(folder, `project-v${version}-${stamp}.sqlite`);
  const trial = `${backup}.trial`;
  try {
    withDatabase(file, { readonly: true }, (db) => {
      db.prepare('VACUUM INTO ?').run(backup);
      db.prepare('VACUUM INTO ?').run(trial);
    });
    fsyncFile(backup);
    withDatabase(trial, {}, (db) => migrate(db, migrations));
  } catch (error) {
    rmSync(backup, { force: true });
    throw new LiftscopeError(
      {
        code: 'damaged-project',
        message: `${file} could not be brought from schema ${version} to ${migrations.length}: ${messageOf(error)}. It was left untouched.`,
        hint: 'Please report this, with the message above.',
      },
      { cause: error },
    );
  } finally {
    rmSync(trial, { force: true });
    rmSync(`${trial}-journal`, { force: true });
  }
}

/** Runs every missing step, each in one transaction that commits only when the whole database checks out. */
function migrate(db: Database.Database, migrations: readonly Migration[]): void {
  db.pragma('foreign_keys = OFF'); // SQLite's rule for table rebuilds; every step ends with a foreign-key check instead.
  for (const migration of migrations) {
    db.transaction(() => {
      // Read inside the transaction: another process may have migrated while this one waited for the lock.
      if (pragmaNumber(db, 'user_version') >= migration.version) return;
      db.exec(migration.sql);
      db.pragma(`user_version = ${migration.version}`);
      const orphans = db.pragma('foreign_key_check');
      if (!Array.isArray(orphans) || orphans.length > 0) {
        throw new Error(`migration ${migration.version} (${migration.name}) leaves rows without their parents`);
      }
      const integrity = db.pragma('integrity_check', { simple: true });
      if (integrity !== 'ok')
        throw new Error(`migration ${migration.version} (${migration.name}): ${String(integrity)}`);
    }).immediate();
  }
}

function withDatabase<T>(file: string, options: Database.Options, use: (db: Database.Database) => T): T {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { ...options, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    return use(db);
  } catch (error) {
    throw error instanceof LiftscopeError ? error : damaged(file, error);
  } finally {
    db?.close();
  }
}

function pragmaNumber(db: Database.Database, name: string): number {
  const value = db.pragma(name, { simple: true });
  if (typeof value !== 'number') throw new Error(`pragma ${name} answered ${String(value)}`);
  return value;
}

function damaged(file: string, cause: unknown): LiftscopeError {
  if (cause instanceof LiftscopeError) return cause;
  return new LiftscopeError(
    {
      code: 'damaged-project',
      message: `${file} cannot be used as a project: ${messageOf(cause)}.`,
      hint: 'Check the path. Earlier states, if any, are in the folder "backups" beside it.',
    },
    { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
