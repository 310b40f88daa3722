/** What takes long to make and is only read: made once per run by the command line, copied by whoever needs it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { tinyClipFiles } from '../native-models/tiny-clip.ts';
import { FOX, modelsFolder, PROGRAM, runFolder } from './environment.ts';

const run = promisify(execFile);

/** One verb of the command line; what it prints. */
export async function liftscope(...argv: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(PROGRAM, 'main/liftscope.mjs'), ...argv], {
    cwd: PROGRAM,
    env: { ...process.env, LIFTSCOPE_MODELS: modelsFolder() },
    maxBuffer: 16 << 20,
  });
  return stdout;
}

/** Makes `name` of the run folder unless it is there. A half-made one never has that name. */
async function once(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(runFolder(), name);
  if (existsSync(path)) return path;
  const unfinished = join(runFolder(), `unfinished-${process.pid}-${basename(name)}`);
  await make(unfinished);
  await mkdir(dirname(path), { recursive: true });
  await rename(unfinished, path);
  return path;
}

export const ROOM_VIEWS = 16;

/** A generated room: photos with poses, points and masks. */
export function roomCapture(): Promise<string> {
  const size = ['--objects', '8', '--views', String(ROOM_VIEWS), '--size', '128'];
  return once('room', async (path) => {
    await liftscope('scene', 'messy-rooms', '--out', path, ...size);
  });
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

/** Name of a text model that knows colours and nothing else, in the folder of models of every studio of the run. */
export const TEXT_MODEL = 'colours';

export function textModel(): Promise<string> {
  return once(join('models', TEXT_MODEL), async (path) => {
    const manifest = { format: 'liftscope-model', version: 1, kind: 'dual-encoder', name: TEXT_MODEL };
    const head = { ...manifest, source: 'native-models/tiny-clip.ts', licence: 'Apache-2.0' };
    const files = [...tinyClipFiles(), ['manifest.json', JSON.stringify(head)] as const];
    for (const [name, contents] of files) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), contents);
    }
  });
}

/** {@link roomProject} with a language field, closed. */
export function wordsProject(): Promise<string> {
  return once('words.liftscope', async (path) => {
    await cp(await roomProject(), path, { recursive: true });
    await textModel();
    await liftscope('train-language', path, '--recipe', 'language-closed-form', '--model', TEXT_MODEL);
  });
}

/** A walk through a generated kitchen: photos with poses, sparse points, and the truth. */
export function kitchenCapture(): Promise<string> {
  const size = ['--objects', '16', '--views', '150', '--size', '112', '--seed', '7'];
  return once('kitchen', async (path) => {
    await liftscope('scene', 'kitchen', '--out', path, ...size);
  });
}

/** A project of the kitchen, imported and no more, closed. Copy it before opening it. */
export function kitchenProject(): Promise<string> {
  return once('kitchen.liftscope', async (path) => {
    await liftscope('import', await kitchenCapture(), '--project', path);
  });
}
