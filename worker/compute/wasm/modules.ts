/** Finds and compiles the kernel modules built from `worker/kernels/NAME/kernel.as.ts`. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const KERNEL_BUILD_DIR = fileURLToPath(new URL('../../../build/kernels/', import.meta.url));

export interface KernelModules {
  readonly modules: readonly WebAssembly.Module[];
  /** "module.export" to function index, numbered as {@link instantiate} does. */
  readonly names: Map<string, number>;
}

let cached: Promise<KernelModules> | undefined;

/** Compiled once per process. @throws when nothing has been built. */
export function loadModules(): Promise<KernelModules> {
  cached ??= compileAll();
  return cached;
}

async function compileAll(): Promise<KernelModules> {
  const files = await readdir(KERNEL_BUILD_DIR).catch(() => []);
  const wasm = files.filter((file) => file.endsWith('.wasm')).sort();
  if (wasm.length === 0) throw new Error(`No compute kernels in ${KERNEL_BUILD_DIR}: run "npm run build:kernels".`);
  const names = new Map<string, number>();
  const modules: WebAssembly.Module[] = [];
  let index = 0;
  for (const file of wasm) {
    const module = await WebAssembly.compile(await readFile(join(KERNEL_BUILD_DIR, file)));
    modules.push(module);
    for (const { name, kind } of WebAssembly.Module.exports(module)) {
      if (kind === 'function') names.set(`${basename(file, '.wasm')}.${name}`, index++);
    }
  }
  return { modules, names };
}
