/** The browser shell as a whole: page, host, server. */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { LiftscopeError } from '../../contract/index.ts';
import { failureOf } from '../failures.ts';
import { cacheFolder, configFolder, createHost } from '../host/index.ts';
import { builtPage } from './page.ts';
import { type RunningServer, serveHost } from './serve.ts';

export interface ServeStudioOptions {
  readonly version: string;
  /** Absent: one that is free. */
  readonly port?: number;
  /** Absent: the home folder and the current one. */
  readonly roots?: readonly string[];
  readonly project?: string;
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  readonly threads?: number;
  /** Told what a person at the terminal should know. */
  readonly onNote: (text: string) => void;
}

/** @throws LiftscopeError */
export async function serveStudio(options: ServeStudioOptions): Promise<RunningServer> {
  const { version, port, project, backend, threads, onNote } = options;
  if (port !== undefined && port > 65_535) {
    throw new LiftscopeError({ code: 'usage', message: `There is no port ${port}.`, hint: 'Ports go up to 65535.' });
  }
  const pageFolder = await builtPage(onNote);
  const roots = [...new Set((options.roots ?? [homedir(), process.cwd()]).map((root) => resolve(root)))];
  const host = await createHost({
    version,
    configFolder: configFolder(),
    cacheFolder: cacheFolder(),
    roots,
    pageFolder,
    ...(backend !== undefined && { backend }),
    ...(threads !== undefined && { threads }),
  });
  try {
    if (project !== undefined) {
      // The page says it too, and can open another; a studio that does not start at all would help nobody.
      await host.openProject(project).catch((error: unknown) => {
        const { message, hint } = failureOf(error);
        onNote(`${message}${hint === undefined ? '' : ` ${hint}`}`);
      });
    }
    return await serveHost(host, port === undefined ? {} : { port });
  } catch (error) {
    await host.close();
    throw error;
  }
}
