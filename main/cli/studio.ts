import { resolve } from 'node:path';
import type { Command } from 'commander';
import { LiftscopeError } from '../../contract/index.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present } from './common.ts';
import { version } from './machine.ts';
import { naturalNumber } from './values.ts';

interface StudioFlags extends ComputeFlags {
  readonly port?: number;
  readonly root?: readonly string[];
  readonly project?: string;
  readonly browser?: boolean;
}

/** `studio`. */
export function addStudio(
  verb: (usage: string, description: string) => Command,
  { output, interrupts }: Invocation,
): void {
  const studio = verb('studio [project]', 'Open the studio: its window where Electron is installed, else in a browser')
    .option('--browser', 'serve it to a browser even where the window could open')
    .option('--port <n>', 'port on 127.0.0.1 (default: one that is free)', naturalNumber)
    .option(
      '--root <dir>',
      'a folder that the browser may choose files in; may be repeated (default: your home folder and this one)',
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option('--project <dir>', 'the same as naming it');
  addComputeOptions(studio);
  studio.action(async (named: string | undefined, options: StudioFlags) => {
    const project = named ?? options.project;
    const { openDesktop, serveStudio } = await import('../server/index.ts');
    let why = 'as asked for with --browser';
    if (options.browser !== true) {
      const desktop = await openDesktop(project === undefined ? undefined : resolve(project), interrupts.signal);
      if ('exitCode' in desktop) {
        if (desktop.exitCode === 0) return;
        throw new LiftscopeError({ code: 'crashed', message: `The window ended with exit code ${desktop.exitCode}.` });
      }
      why = desktop.absent;
    }
    const served = await serveStudio({
      version: version(),
      ...present({
        port: options.port,
        roots: options.root,
        project,
        backend: options.backend,
        threads: options.threads,
      }),
      onNote: (text) => output.note(text),
    });
    output.announce(
      { url: served.url, port: served.port, token: served.token, shell: 'browser', why },
      [
        `The studio runs in your browser (${why}):`,
        `  ${served.url}`,
        `From another machine: ssh -L ${served.port}:127.0.0.1:${served.port} THIS_MACHINE, then open the same address there.`,
        'Ctrl-C ends it.',
      ].join('\n'),
    );
    await aborted(interrupts.signal);
    await Promise.race([served.close(), aborted(interrupts.killSignal)]);
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
