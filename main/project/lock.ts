import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LiftscopeError } from '../../contract/index.ts';

/**
 * Holds a project for one training at a time.
 * @throws LiftscopeError `bad-input` when another process holds it
 */
export function lockForTraining(projectFolder: string): Disposable {
  return lock(join(projectFolder, 'training.lock'), {
    message: `Another training is running in ${projectFolder}.`,
    hint: 'Wait for it, or stop it with Ctrl-C where it runs.',
  });
}

/**
 * Holds a project's job queue for one studio at a time.
 * @throws LiftscopeError `bad-input` when another process holds it
 */
export function lockForQueue(projectFolder: string): Disposable {
  return lock(join(projectFolder, 'queue.lock'), {
    message: `${projectFolder} is open in another studio.`,
    hint: 'Close it there, or open another project.',
  });
}

/**
 * The lock is the operating system's own (SQLite's exclusive file lock on an empty file), so that it ends with its
 * process, kill -9 included, and no stale lock file ever has to be removed by hand.
 */
function lock(file: string, held: { message: string; hint: string }): Disposable {
  const db = new Database(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      throw new LiftscopeError({ code: 'bad-input', ...held });
    }
    throw error;
  }
  return { [Symbol.dispose]: () => db.close() };
}
