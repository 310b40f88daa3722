/** Where models lie, and which folder a name means. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { LiftscopeError, type ModelFolders, type ModelKind, maxModelNameLength } from '../../contract/index.ts';
import { unpacked } from '../unpacked.ts';
import { userModelsFolder } from '../user-folders.ts';

const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 1 << 20;

export function modelFolders(): ModelFolders {
  return {
    shipped: unpacked(fileURLToPath(new URL('../../native-models', import.meta.url))),
    user: resolve(userModelsFolder()),
  };
}

/** Folder of the model of that name, the user's own before one that ships; undefined where neither has it. */
export async function findModelFolder(name: string): Promise<string | undefined> {
  if (!/^[^./\\][^/\\]*$/.test(name) || name.length > maxModelNameLength) return undefined;
  const { user, shipped } = modelFolders();
  for (const folder of [join(user, name), join(shipped, name)]) {
    if ((await stat(folder).catch(() => undefined))?.isDirectory() === true) return folder;
  }
  return undefined;
}

/**
 * What an option names: a model of the folders, or the path of one. A folder that is not there is returned all the same, for the
 * worker says what it would enable and what belongs into it.
 * @throws LiftscopeError `usage` for an empty name
 */
export async function modelFolderOf(model: string | undefined, what: string): Promise<string> {
  const { user, shipped } = modelFolders();
  if (model === undefined || model.trim() === '') {
    throw new LiftscopeError({
      code: 'usage',
      message: `${what} needs a model.`,
      hint: `Name it with --model: a folder in ${user} or ${shipped}, or the path of one. liftscope models list shows them.`,
    });
  }
  if (/[\\/]/.test(model)) return resolve(model);
  return (await findModelFolder(model)) ?? join(user, model);
}

/** Names of the installed models of a kind, by their manifests; the user's own first. */
export async function installedModels(kind: ModelKind): Promise<string[]> {
  const { user, shipped } = modelFolders();
  const names: string[] = [];
  for (const folder of [user, shipped]) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, 1000)) {
      if (!names.includes(name) && (await kindOf(join(folder, name))) === kind) names.push(name);
    }
  }
  return names;
}

async function kindOf(folder: string): Promise<string | undefined> {
  const path = join(folder, MANIFEST);
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true || info.size > MAX_MANIFEST_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return z.object({ format: z.literal('liftscope-model'), kind: z.string() }).safeParse(value).data?.kind;
  } catch {
    return undefined;
  }
}
