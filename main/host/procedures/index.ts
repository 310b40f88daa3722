/** A handler for every procedure of the contract: one that is missing does not compile. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  LiftscopeError,
  type ProcedureName,
  type ProcedureOutput,
  type ProcedureParsedInput,
} from '../../../contract/index.ts';
import { createFolder, listFolder } from '../browse.ts';
import type { HostContext } from '../host.ts';
import { frameColumns } from '../state.ts';

/** An answer that is JSON already, made elsewhere so that this process need not. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Handlers = {
  readonly [N in ProcedureName]: (
    input: ProcedureParsedInput<N>,
    signal: AbortSignal,
  ) => ProcedureOutput<N> | JsonText | Promise<ProcedureOutput<N> | JsonText>;
};

function notYet(): never {
  throw new LiftscopeError({ code: 'unsupported', message: 'This part of the host is not built yet.' });
}

export function procedureHandlers(host: HostContext): Handlers {
  const { confinement, settings } = host;
  return {
    'app.state': async () => {
      const threads = host.options.threads || availableParallelism();
      const recent = await Promise.all(
        settings.recent.map(async (entry) => ({ ...entry, exists: existsSync(join(entry.folder, 'project.sqlite')) })),
      );
      return {
        version: host.options.version,
        platform: process.platform,
        roots: [...host.options.roots],
        recent,
        project: host.current?.state() ?? null,
        jobs: [],
        backend: { name: 'wasm', detail: `wasm, ${threads} ${threads === 1 ? 'thread' : 'threads'}` },
      };
    },
    'app.forgetRecent': async ({ folder }) => {
      await settings.forgetRecent(folder);
      return {};
    },
    'settings.get': ({ key }) => ({ value: settings.get(key) }),
    'settings.set': async ({ key, value }) => {
      await settings.set(key, value);
      return {};
    },
    'files.list': ({ path }) => listFolder(confinement, host.options.roots, path),
    'files.createFolder': async ({ parent, name }) => ({ path: await createFolder(confinement, parent, name) }),

    'project.create': async ({ folder }) => {
      const target = await confinement.writable(folder);
      if (existsSync(join(target, 'project.sqlite'))) {
        throw new LiftscopeError({
          code: 'bad-input',
          message: `${target} is a project already.`,
          hint: 'Open it instead.',
        });
      }
      return { project: (await host.open(target, true)).state() };
    },
    'project.open': async ({ folder }) => {
      const real = await confinement.existing(folder);
      return { project: (await host.open(real, false)).state() };
    },
    'project.close': async () => {
      await host.closeProject();
      return {};
    },
    'project.backup': notYet,
    'project.check': notYet,
    'project.select': () => ({ project: host.session().state() }),

    'capture.preview': async ({ path }) => {
      const real = await confinement.existing(path);
      const info = await stat(real);
      if (!info.isFile() && !info.isDirectory()) {
        throw new LiftscopeError({ code: 'bad-input', message: `${path} is neither a folder nor a file.` });
      }
      return host.previews.read(real);
    },
    'capture.relinkCheck': notYet,
    'capture.relink': notYet,
    'capture.frames': ({ captureId }) => frameColumns(captureId, host.session().capture(captureId)),
    'splats.metrics': notYet,
    'splats.import': notYet,
    'splats.export': notYet,
    'view.pick': notYet,
    'objects.list': () => ({ objects: [], revision: 0 }),
    'objects.edit': notYet,
    'edits.undo': notYet,
    'edits.redo': notYet,
    'edits.history': () => ({ edits: [] }),
    'jobs.start': notYet,
    'jobs.list': () => ({ jobs: [] }),
    'jobs.cancel': notYet,
    'jobs.resume': notYet,
    'jobs.setPriority': notYet,
    'jobs.remove': notYet,
    'jobs.curve': notYet,
    'jobs.log': notYet,
  };
}
