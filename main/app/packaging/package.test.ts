/** Every file that the packaged program needs is in its file list, and what must lie outside the archive does. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, matchesGlob, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isStaged, STAGED_FOLDERS } from './stage.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const require = createRequire(import.meta.url);
const yaml = require('js-yaml') as { load(text: string): unknown };

const config = z
  .looseObject({
    asarUnpack: z.array(z.string()),
    files: z.array(z.union([z.string(), z.looseObject({ from: z.string(), to: z.string() })])),
    extraResources: z.array(z.looseObject({ from: z.string(), to: z.string() })),
    electronFuses: z.record(z.string(), z.boolean()),
    linux: z.looseObject({ target: z.array(z.string()) }),
    win: z.looseObject({ target: z.array(z.string()) }),
    mac: z.looseObject({ target: z.array(z.string()) }),
  })
  .parse(yaml.load(readFileSync(join(ROOT, 'electron-builder.yml'), 'utf8')));
const manifest = z
  .looseObject({ dependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));

/** As electron-builder reads the list: of our own files what is staged; of node_modules what no pattern excludes. */
const excluded = config.files
  .filter((entry) => typeof entry === 'string' && entry.startsWith('!'))
  .map((entry) => String(entry).slice(1));
const isExcluded = (path: string): boolean =>
  excluded.some(
    (pattern) =>
      (path.startsWith('node_modules/') || !pattern.startsWith('node_modules/')) && matchesGlob(path, pattern),
  );
const isUnpacked = (path: string): boolean => config.asarUnpack.some((pattern) => matchesGlob(path, pattern));

interface Needs {
  /** Relative to the root, with forward slashes. */
  readonly files: Set<string>;
  readonly packages: Set<string>;
}

/** Everything that starts at these files can reach: imports, dynamic imports, files named by `new URL(…, import.meta.url)`. */
function reachable(entries: readonly string[]): Needs {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [...entries];
  while (queue.length > 0) {
    const file = queue.pop()!;
    if (files.has(file)) continue;
    files.add(file);
    const path = join(ROOT, file);
    if (!/\.[cm]?[tj]sx?$/.test(file)) continue;
    const text = readFileSync(path, 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    const add = (specifier: string): void => {
      const target = join(dirname(path), specifier);
      if (!existsSync(target)) throw new Error(`${file} names ${specifier}, which does not exist`);
      const found = statSync(target).isFile() ? [target] : readdirSync(target).map((name) => join(target, name));
      for (const one of found) {
        const path = relative(ROOT, one).replaceAll('\\', '/');
        // Of a folder that is named as a whole, its tests are not meant.
        if (statSync(one).isFile() && (found.length === 1 || isStaged(path))) queue.push(path);
      }
    };
    const imports =
      /(?:^|[\s;}])(?:import|export)\s+(?!type\s)(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
    for (const [, plain, dynamic] of text.matchAll(imports)) {
      const specifier = (plain ?? dynamic)!;
      if (specifier.startsWith('.')) add(specifier);
      else if (!specifier.startsWith('node:'))
        packages.add(
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        );
    }
    for (const [, specifier] of text.matchAll(/new URL\(\s*'(\.[^']*)',\s*import\.meta\.url/g)) {
      // A folder above is a root that code joins further names to; what it needs there is listed below by name.
      if (!specifier!.endsWith('/') || specifier!.startsWith('./')) add(specifier!);
    }
  }
  return { files, packages };
}

const shell = reachable(['main/app/main.ts', 'main/app/preload.cjs']);
const worker = reachable(['worker/host/main.ts', 'main/host/preview/process.ts']);

describe('the package', () => {
  it('finds what the entries need', () => {
    // The check below would pass on nothing: this is what it must at least have seen.
    for (const file of ['main/host/host.ts', 'main/project/migrations/0001_first.sql', 'contract/index.ts']) {
      expect(shell.files, file).toContain(file);
    }
    for (const file of ['worker/splats/trainer.ts', 'worker/compute/wasm/thread.ts'])
      expect(worker.files).toContain(file);
    for (const name of ['better-sqlite3', 'hono', 'sharp', 'zod']) expect(shell.packages).toContain(name);
    for (const name of ['sharp', 'onnxruntime-node']) expect(worker.packages).toContain(name);
  });

  it('holds every file of ours', () => {
    for (const file of [...shell.files, ...worker.files]) {
      expect(STAGED_FOLDERS.some((folder) => file.startsWith(`${folder}/`)) && isStaged(file), file).toBe(true);
      expect(isExcluded(file), `${file} is excluded`).toBe(false);
    }
    for (const folder of ['build/renderer', 'build/kernels', 'native-models']) expect(STAGED_FOLDERS).toContain(folder);
    expect(config.files).toContainEqual({ from: 'build/desktop', to: '.', filter: ['**/*'] });
  });

  it('holds every package that is imported', () => {
    for (const name of new Set([...shell.packages, ...worker.packages])) {
      if (name === 'electron') continue;
      const optional = name === '@tensorflow/tfjs-node-gpu';
      expect(Object.hasOwn(manifest.dependencies, name) || optional, `${name} is no production dependency`).toBe(true);
      if (!optional) expect(isExcluded(`node_modules/${name}/package.json`), `${name} is excluded`).toBe(false);
    }
  });

  it('keeps outside the archive what plain Node reads: sources of workers, packages, native files', () => {
    for (const file of worker.files) expect(isUnpacked(file), file).toBe(true);
    for (const name of worker.packages) expect(isUnpacked(`node_modules/${name}/package.json`), name).toBe(true);
    for (const file of ['node_modules/better-sqlite3/prebuilds/linux-x64.node', 'build/kernels/blending.wasm'])
      expect(isUnpacked(file), file).toBe(true);
  });

  it('ships the Node binary, for every system of the list', () => {
    expect(config.extraResources).toContainEqual({
      from: 'node_modules/node/bin',
      to: 'node',
      filter: ['node', 'node.exe'],
    });
    expect([config.linux.target, config.win.target, config.mac.target]).toEqual([
      ['AppImage', 'deb'],
      ['nsis'],
      ['dmg'],
    ]);
  });

  it('leaves no door open in the binary', () => {
    expect(config.electronFuses).toMatchObject({
      runAsNode: false,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      grantFileProtocolExtraPrivileges: false,
    });
  });
});
