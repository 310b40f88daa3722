/** Models of this machine. Each question is a worker of its own: what a broken model takes down is not the studio. */
import type { JobInputOf, ModelsResult } from '../../../contract/index.ts';
import { runJob } from '../../jobs/index.ts';
import { modelFolders } from '../../models/index.ts';
import type { HostContext } from '../context.ts';
import type { HandlersOf } from './types.ts';

/** Hashing gigabytes from a slow disk sends no sign of life in between. */
const MODELS_SILENCE_MS = 10 * 60_000;

export function modelProcedures(host: HostContext): HandlersOf<'models'> {
  const { confinement, options } = host;
  const ask = (action: JobInputOf<'models'>['action'], signal: AbortSignal): Promise<ModelsResult> =>
    runJob(
      'models',
      { folders: modelFolders(), action, ...(options.threads !== undefined && { threads: options.threads }) },
      {
        ...{ signal, silenceMs: MODELS_SILENCE_MS, audience: 'studio' },
        ...(options.nodePath !== undefined && { nodePath: options.nodePath }),
      },
    );
  return {
    'models.list': (_input, signal) => ask({ kind: 'list' }, signal),
    'models.check': ({ ids }, signal) => ask({ kind: 'check', ...(ids !== undefined && { ids }) }, signal),
    // Links that lead out of the folder are refused by the worker: only the folder itself was confined.
    'models.add': async ({ path, statement }, signal) =>
      ask({ kind: 'add', path: await confinement.existing(path), statement, followLinks: false }, signal),
  };
}
