import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createFolder, listFolder } from '../browse.ts';
import type { HostContext } from '../context.ts';
import type { HandlersOf } from './types.ts';

export function appProcedures(host: HostContext): HandlersOf<'app' | 'settings' | 'files'> {
  const { confinement, settings, options } = host;
  return {
    'app.state': async () => ({
      version: options.version,
      platform: process.platform,
      roots: [...options.roots],
      recent: await Promise.all(
        settings.recent.map(async (entry) => ({
          ...entry,
          exists: await isFile(join(entry.folder, 'project.sqlite')),
        })),
      ),
      project: host.current?.state() ?? null,
      jobs: host.current?.jobs.list() ?? [],
      backend: backendOf(options),
    }),
    'app.forgetRecent': async ({ folder }) => {
      await settings.forgetRecent(folder);
      return {};
    },
    'settings.get': ({ key }) => ({ value: settings.get(key) }),
    'settings.set': async ({ key, value }) => {
      await settings.set(key, value);
      return {};
    },
    'files.list': ({ path }) => listFolder(confinement, options.roots, path),
    'files.createFolder': async ({ parent, name }) => ({ path: await createFolder(confinement, parent, name) }),
  };
}

/** What jobs will compute on unless they are told otherwise. */
function backendOf({ backend, threads }: HostContext['options']): { name: string; detail: string } {
  if (backend === 'webgpu') return { name: 'webgpu', detail: 'webgpu, as asked for at start' };
  const count = threads === undefined || threads === 0 ? availableParallelism() : threads;
  const why = backend === 'wasm' ? 'as asked for at start' : 'every core';
  return { name: 'wasm', detail: `wasm, ${count} ${count === 1 ? 'thread' : 'threads'} (${why})` };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
