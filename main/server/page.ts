/** The built page that the browser shell serves. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LiftscopeError } from '../../contract/index.ts';

const PROGRAM = fileURLToPath(new URL('../../', import.meta.url));
/** What the page is made of, in the repository. */
const SOURCES = ['renderer', 'contract', 'vite.config.ts', 'package-lock.json'];

export interface PageFolders {
  readonly program: string;
  readonly page: string;
}

/** Why the page has to be built; undefined when it is there and newer than everything it is made of. */
export async function whyBuild({ program, page }: PageFolders): Promise<string | undefined> {
  const built = await stat(join(page, 'index.html')).catch(() => undefined);
  // An installed program has no sources: its page is what was shipped.
  if (!existsSync(join(program, 'renderer', 'index.html'))) return undefined;
  if (built === undefined) return 'The page has not been built yet';
  for (const source of SOURCES) {
    if ((await newestMs(join(program, source))) > built.mtimeMs) return `${source} is newer than the built page`;
  }
  return undefined;
}

async function newestMs(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  let newest = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /\.test\.tsx?$/.test(entry.name)) continue;
    newest = Math.max(newest, (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.mtimeMs ?? 0);
  }
  return newest;
}

/**
 * Folder of the page, built first where needed.
 * @throws LiftscopeError `unsupported` when it cannot be built
 */
export async function builtPage(onNote: (text: string) => void): Promise<string> {
  const page = join(PROGRAM, 'build', 'renderer');
  const why = await whyBuild({ program: PROGRAM, page });
  if (why === undefined) {
    if (existsSync(join(page, 'index.html'))) return page;
    throw new LiftscopeError({
      code: 'unsupported',
      message: 'This installation has no page.',
      hint: 'Install it again.',
    });
  }
  onNote(`${why}; building it (a few seconds).`);
  const vite = join(PROGRAM, 'node_modules', 'vite', 'bin', 'vite.js');
  if (!existsSync(vite)) {
    throw new LiftscopeError({
      code: 'unsupported',
      message: `${why}, and vite, which builds it, is not installed.`,
      hint: 'Run "npm ci" (with development packages), then start again.',
    });
  }
  // A process of its own: what building takes in memory is given back, and its talk stays off stdout.
  const child = spawn(process.execPath, [vite, 'build', '--logLevel', 'error'], {
    cwd: PROGRAM,
    stdio: ['ignore', 2, 2],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code === 0) return page;
  if (existsSync(join(page, 'index.html'))) {
    onNote('Building the page failed; the reason is above. The page of the last build is served.');
    return page;
  }
  throw new LiftscopeError({ code: 'internal', message: 'Building the page failed; the reason is above.' });
}
