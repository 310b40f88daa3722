/** What takes long to make and is only read: made once per run by the command line, copied by whoever needs it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FOX, PROGRAM, runFolder } from './environment.ts';

const run = promisify(execFile);

/** One verb of the command line. */
async function liftscope(...argv: string[]): Promise<void> {
  await run(process.execPath, [join(PROGRAM, 'main/liftscope.mjs'), ...argv], { cwd: PROGRAM, maxBuffer: 16 << 20 });
}

/** Makes `name` of the run folder unless it is there. A half-made one never has that name. */
async function once(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(runFolder(), name);
  if (existsSync(path)) return path;
  const unfinished = join(runFolder(), `unfinished-${process.pid}-${name}`);
  await make(unfinished);
  await rename(unfinished, path);
  return path;
}

export const ROOM_VIEWS = 16;

/** A generated room: photos with poses, points and masks. */
export function roomCapture(): Promise<string> {
  const size = ['--objects', '8', '--views', String(ROOM_VIEWS), '--size', '128'];
  return once('room', (path) => liftscope('scene', 'messy-rooms', '--out', path, ...size));
}

/** The capture that specs import: the fox where its photos are, else the room. */
export async function capture(): Promise<{ readonly path: string; readonly name: string; readonly frames: number }> {
  return FOX === undefined
    ? { path: await roomCapture(), name: 'room', frames: ROOM_VIEWS }
    : { path: FOX, name: 'fox-quarter', frames: 50 };
}

function trainedProject(): Promise<string> {
  return once('trained.liftscope', async (path) => {
    await liftscope('import', await roomCapture(), '--project', path);
    await liftscope('train', path, '--iterations', '400', '--max-gaussians', '9000');
  });
}

/** A project of the room with a trained model, masks and lifted objects, closed. Copy it before opening it. */
export function roomProject(): Promise<string> {
  return once('lifted.liftscope', async (path) => {
    await cp(await trainedProject(), path, { recursive: true });
    const masks = join(await roomCapture(), 'truth', 'instance');
    await liftscope('masks', 'import', path, masks, '--name', 'truth', '--consistent');
    await liftscope('lift', path, '--recipe', 'closed-form');
  });
}
