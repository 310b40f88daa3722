/** Where the text model of a language field lies on this machine. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LiftscopeError } from '../../contract/index.ts';

/** By name of its folder: the user's own first, then what came with the program. @throws LiftscopeError `not-found` */
export function findTextModel(name: string): string {
  const own = process.env.LIFTSCOPE_MODELS;
  const shipped = fileURLToPath(new URL('../../native-models', import.meta.url));
  const folders = own === undefined || own === '' ? [shipped] : [resolve(own), shipped];
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    for (const folder of folders) if (existsSync(join(folder, name, 'manifest.json'))) return join(folder, name);
  }
  throw new LiftscopeError({
    code: 'not-found',
    message: `The text model "${name}" is not on this machine, and nothing else understands what this field holds.`,
    hint: `Put its folder into ${folders[0]}, or train a language field with a model that is here.`,
  });
}
