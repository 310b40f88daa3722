/**
 * The folder that Electron runs and electron-builder packs: `build/desktop`, the same in development and in a package.
 *
 * main and contract are there as JavaScript, because Electron's own Node need not know TypeScript, and as TypeScript, because
 * worker processes run on the Node binary that is shipped, from the same sources that the tests run. Nothing is bundled but
 * the page.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What is copied as it is, tests and fixtures left out. */
export const STAGED_FOLDERS = [
  'contract',
  'main',
  'worker',
  'native-models',
  'build/kernels',
  'build/renderer',
  'assets',
] as const;

const run = promisify(execFile);

/** Whether a path (relative, forward slashes) goes into the package. */
export function isStaged(path: string): boolean {
  if (/(^|\/)(fixtures|testing|conformance|golden)(\/|$)/.test(path)) return false;
  return !/\.test\.tsx?$|\.as\.ts$|\.md$|\.jpg$/.test(path);
}

/** Builds everything that the folder needs and replaces it. @returns its absolute path */
export async function stageDesktop(root: string = ROOT): Promise<string> {
  const target = join(root, 'build', 'desktop');
  const fresh = `${target}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  for (const script of ['build:kernels', 'build:renderer']) {
    await run(npm, ['run', '--silent', script], { cwd: root, shell: process.platform === 'win32' });
  }
  await transpile(root, fresh);
  for (const folder of STAGED_FOLDERS) {
    await cp(join(root, folder), join(fresh, folder), {
      recursive: true,
      filter: (source) => isStaged(source.slice(root.length).replaceAll('\\', '/')),
    });
  }
  await writeFile(join(fresh, 'package.json'), JSON.stringify(await packageOf(root), null, 2));
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
  return target;
}

/** Only what Electron and the program read at run time. */
async function packageOf(root: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(root, 'package.json'), 'utf8');
  const { name, version, description, license } = JSON.parse(text) as Record<string, unknown>;
  return { name, version, description, license, type: 'module', main: 'main/app/main.js' };
}

async function transpile(root: string, target: string): Promise<void> {
  const config = join(root, 'build', 'tsconfig.desktop.json');
  await writeFile(
    config,
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions: {
        noEmit: false,
        outDir: target,
        rootDir: root,
        allowImportingTsExtensions: false,
        rewriteRelativeImportExtensions: true,
        noUnusedLocals: false,
        declaration: false,
        // `npm run typecheck` has looked already.
        noCheck: true,
      },
      include: ['../main/app/main.ts', '../main/host/preview/process.ts', '../renderer/env.d.ts'],
      exclude: [],
    }),
  );
  const compiler = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'tsc.cmd' : 'tsc');
  await run(compiler, ['-p', config], { cwd: root, shell: process.platform === 'win32' }).catch((error: unknown) => {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    throw new Error(`The desktop shell could not be compiled:\n${output}`);
  });
}
