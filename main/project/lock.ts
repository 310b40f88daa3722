import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LiftscopeError } from '../../contract/index.ts';

/**
 * Holds a project for one training at a time. The lock is the operating system's own (SQLite's exclusive file lock on an
 * empty file), so that it ends with its process, kill -9 included, and no stale lock file ever has to be removed by hand.
 *
 * @throws LiftscopeError `bad-input` when another process holds it
 */
export function lockForTraining(projectFolder: string): Disposable {
  const db = new Database(join(projectFolder, 'training.lock'), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Another training is running in ${projectFolder}.`,
        hint: 'Wait for it, or stop it with Ctrl-C where it runs.',
      });
    }
    throw error;
  }
  return { [Symbol.dispose]: () => db.close() };
}
