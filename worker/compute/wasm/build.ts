/**
 * Compiles every `worker/kernels/NAME/kernel.as.ts` to `build/kernels/NAME.wasm`; unchanged sources are left alone.
 * Also Vitest's global set-up, so that tests never run against stale kernels.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = join(ROOT, 'worker/kernels');
const OUTPUT = join(ROOT, 'build/kernels');

/** 4 GiB maximum, so that the engine can use guard pages in place of bounds checks. */
const OPTIONS = [
  ...['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--importMemory', '--sharedMemory'],
  ...['--initialMemory', '16', '--maximumMemory', '65536', '--enable', 'threads,simd,relaxed-simd'],
];

export default async function buildKernels(): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  const names = readdirSync(SOURCES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(SOURCES, entry.name, 'kernel.as.ts')))
    .map((entry) => entry.name);
  for (const file of readdirSync(OUTPUT)) {
    if (!names.includes(file.replace(/\.(wasm|hash)$/, ''))) rmSync(join(OUTPUT, file));
  }
  const compiler = readFileSync(join(ROOT, 'node_modules/assemblyscript/package.json'), 'utf8');
  for (const name of names) {
    const source = join(SOURCES, name, 'kernel.as.ts');
    const hash = createHash('sha256')
      .update(OPTIONS.join(' '))
      .update(compiler)
      .update(sourceTree(source))
      .digest('hex');
    const stamp = join(OUTPUT, `${name}.hash`);
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync(join(OUTPUT, `${name}.wasm`))) continue;
    await compile(name, source);
    writeFileSync(stamp, hash);
  }
}

async function compile(name: string, source: string): Promise<void> {
  const { default: asc } = await import('assemblyscript/asc');
  const temporary = join(OUTPUT, `${name}.${process.pid}.tmp`);
  const { error, stderr } = await asc.main([
    relative(ROOT, source),
    '--outFile',
    relative(ROOT, temporary),
    '--baseDir',
    ROOT,
    ...OPTIONS,
  ]);
  const messages = stderr.toString();
  if (error !== null)
    throw new Error(`worker/kernels/${name}/kernel.as.ts does not compile:\n${messages}\n${error.message}`);
  // Renamed into place: two test processes may build at once, and neither may load half a module.
  renameSync(temporary, join(OUTPUT, `${name}.wasm`));
}

/** A file and everything it imports by relative path, as one string. */
function sourceTree(file: string, seen = new Set<string>()): string {
  if (seen.has(file)) return '';
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const imports = [...text.matchAll(/from\s+["'](\.[^"']+)["']/g)].map((match) =>
    join(dirname(file), `${match[1]}.ts`),
  );
  return text + imports.map((path) => sourceTree(path, seen)).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernels();
