import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LiftscopeError } from '../../../contract/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import { runApart } from '../reads/index.ts';
import type { HandlersOf } from './types.ts';

export function projectProcedures(host: HostContext): HandlersOf<'project'> {
  const { confinement } = host;
  return {
    'project.create': async ({ folder }) => {
      const target = await confinement.writable(folder);
      if ((await stat(join(target, 'project.sqlite')).catch(() => undefined)) !== undefined) {
        throw new LiftscopeError({
          code: 'bad-input',
          message: `${target} is a project already.`,
          hint: 'Open it, or choose another name.',
        });
      }
      return { project: (await host.open(target, true)).state() };
    },
    'project.open': async ({ folder }) => {
      // Without roots (the desktop) what was opened before may be opened again; a list of roots is a limit, and stays one.
      const known = host.options.roots.length === 0 && host.settings.recent.some((entry) => entry.folder === folder);
      if (known) confinement.grant(folder);
      const real = await confinement.existing(folder);
      return { project: (await host.open(real, false)).state() };
    },
    'project.close': async () => {
      await host.closeProject();
      return {};
    },
    'project.backup': async ({ path, withArtifacts }, signal) => {
      const { project } = sessionOf(host);
      const target = await confinement.writable(path);
      return runApart(project.folder, 'backup', { path: target, withArtifacts }, signal);
    },
    'project.check': (_input, signal) => runApart(sessionOf(host).project.folder, 'check', {}, signal),
    'project.select': (input) => {
      const session = sessionOf(host);
      session.select(input);
      return { project: session.state() };
    },
  };
}
