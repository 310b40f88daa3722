/** Where things are, for the configuration, the fixtures and the specs. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { electronBinary } from '../main/app/index.ts';

export const PROGRAM = resolve(import.meta.dirname, '..');

/** Debian's; LIFTSCOPE_CHROMIUM names another. */
export const CHROMIUM = process.env.LIFTSCOPE_CHROMIUM ?? '/usr/bin/chromium';

/** Which of the two shells a project of the configuration drives. */
export type Shell = 'browser' | 'electron';

/** Why a shell cannot be tested here; undefined where it can. */
export function whyAbsent(shell: Shell): string | undefined {
  if (shell === 'electron') {
    if (electronBinary() === undefined) return 'the Electron binary is not installed';
    if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
      return 'there is no display';
    return undefined;
  }
  return existsSync(CHROMIUM) ? undefined : `there is no ${CHROMIUM}; LIFTSCOPE_CHROMIUM names another Chromium`;
}

const RUN = 'LIFTSCOPE_E2E_RUN';
const TEMPORARY = 'LIFTSCOPE_E2E_TEMPORARY';

/**
 * Folder of this run: what specs share lies there, also when Playwright replaces a worker process after a failure. Whoever
 * works on the specs names one in LIFTSCOPE_E2E_RUN: it is kept, and what is in it is not made again.
 */
export function runFolder(): string {
  if (process.env[RUN] === undefined) {
    process.env[RUN] = mkdtempSync(join(tmpdir(), 'liftscope-e2e-'));
    process.env[TEMPORARY] = '1';
  }
  return resolve(process.env[RUN]);
}

/** The user's own models of every studio of this run. */
export function modelsFolder(): string {
  return join(runFolder(), 'models');
}

export function isRunTemporary(): boolean {
  return process.env[TEMPORARY] === '1';
}

/** Kept build output, ignored by git. */
export const SCREENSHOTS = join(PROGRAM, 'build', 'screenshots');

const CAPTURES = resolve(process.env.LIFTSCOPE_CAPTURES ?? join(PROGRAM, '../shared/captures'));

/** The photos of the fox at a quarter of their size; undefined where they are not. */
export const FOX: string | undefined = existsSync(join(CAPTURES, 'fox-quarter', 'sparse'))
  ? join(CAPTURES, 'fox-quarter')
  : undefined;
