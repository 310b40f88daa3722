/** The folder browser of the browser shell. */
import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FileEntry, LiftscopeError, type ProcedureOutput } from '../../contract/index.ts';
import { type Confinement, isPlainName } from './confinement.ts';

/** Entries of one folder that are listed. */
const MAX_ENTRIES = 2000;
const CONCURRENCY = 16;

const CAPTURE_MARKS = [
  'transforms.json',
  'sparse/0/cameras.bin',
  'sparse/0/cameras.txt',
  'cameras.bin',
  'cameras.txt',
  'sparse/cameras.bin',
  'sparse/cameras.txt',
  'colmap/sparse/0/cameras.bin',
  'colmap/sparse/0/cameras.txt',
];

type Listing = ProcedureOutput<'files.list'>;

/** Without a path: the roots. Hidden files, and links that lead out of the roots, are left out. */
export async function listFolder(confinement: Confinement, roots: readonly string[], path?: string): Promise<Listing> {
  if (path === undefined) {
    const entries = await inTurns(roots, (root) => entryOf(confinement, root, root));
    return { path: null, parent: null, entries: entries.filter((entry) => entry !== undefined), truncated: false };
  }
  const folder = await confinement.existing(path);
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort(byName);
  const shown = names.slice(0, MAX_ENTRIES);
  const entries = await inTurns(shown, (name) => entryOf(confinement, join(folder, name), name));
  const parent = dirname(folder);
  return {
    path: folder,
    parent: parent !== folder && (await confinement.allows(parent)) ? parent : null,
    entries: entries
      .filter((entry) => entry !== undefined)
      .sort((a, b) => Number(a.sizeBytes !== null) - Number(b.sizeBytes !== null)),
    truncated: names.length > shown.length,
  };
}

export async function createFolder(confinement: Confinement, parent: string, name: string): Promise<string> {
  if (!isPlainName(name)) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `"${name}" cannot be the name of a folder.`,
      hint: 'Choose another name.',
    });
  }
  const folder = await confinement.existing(parent);
  const path = await confinement.writable(join(folder, name));
  await mkdir(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new LiftscopeError({ code: 'bad-input', message: `${path} exists already.` });
    }
    throw error;
  });
  return path;
}

async function entryOf(confinement: Confinement, path: string, name: string): Promise<FileEntry | undefined> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || !(await confinement.allows(real))) return undefined;
  const info = await stat(real).catch(() => undefined);
  if (info === undefined) return undefined;
  if (info.isFile()) {
    const kind = /\.ply$/i.test(name) ? 'splats' : basename(name) === 'transforms.json' ? 'capture' : 'file';
    return { name, path: real, kind, sizeBytes: info.size };
  }
  if (!info.isDirectory()) return undefined;
  return { name, path: real, kind: await kindOfFolder(real), sizeBytes: null };
}

async function kindOfFolder(folder: string): Promise<FileEntry['kind']> {
  const isFile = async (name: string): Promise<boolean> =>
    (await stat(join(folder, name)).catch(() => undefined))?.isFile() === true;
  if (await isFile('project.sqlite')) return 'project';
  for (const mark of CAPTURE_MARKS) if (await isFile(mark)) return 'capture';
  return 'folder';
}

/** `frame2` before `frame10`. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
function byName(a: string, b: string): number {
  return collator.compare(a, b);
}

async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(CONCURRENCY, items.length) }, async () => {
      for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
    }),
  );
  return results;
}
