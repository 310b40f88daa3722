import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type InspectionLine,
  type InspectionProbe,
  inspectionProbeSchema,
  LiftscopeError,
} from '../../contract/index.ts';
import { runJob } from '../jobs/index.ts';
import { modelFolders } from '../models/index.ts';
import { formatBytes } from './output.ts';

export interface Diagnosis {
  /** Whether everything that training on this machine needs is there. */
  readonly ready: boolean;
  /** What `--backend auto` takes. */
  readonly backend: 'webgpu' | 'wasm' | 'none';
  readonly why: string;
  readonly lines: readonly InspectionLine[];
}

const SMALL_MEMORY_BYTES = 4e9;
const PROBE_TIMEOUT_MS = 60_000;

/** Looks at everything the program uses. What may crash is tried in a worker process of its own. */
export async function diagnose(signal?: AbortSignal): Promise<Diagnosis> {
  const lines: InspectionLine[] = [inspectNode(), inspectProcessor(), inspectMemory()];
  for (const probe of inspectionProbeSchema.options) lines.push(...(await inspectInWorker(probe, signal)));
  lines.push(await inspectSqlite(), await inspectSharp(), inspectElectron(), ...(await inspectModels(signal)));
  const failed = lines.filter((line) => line.state === 'problem');
  const needed = failed.filter((line) => NEEDED.has(line.name));
  const gpu = lines.find((line) => line.name === 'webgpu');
  return {
    ready: needed.length === 0,
    backend: needed.length > 0 ? 'none' : gpu?.state === 'ok' ? 'webgpu' : 'wasm',
    why:
      needed.length > 0
        ? `not ready: ${needed.map((line) => line.name).join(', ')}`
        : gpu?.state === 'ok'
          ? 'a hardware adapter answers'
          : `no usable GPU (${gpu?.detail ?? 'not looked at'})`,
    lines,
  };
}

/** Without these nothing can be trained. */
const NEEDED: ReadonlySet<string> = new Set([
  'node',
  'wasm SIMD',
  'wasm threads',
  'kernels',
  'sqlite',
  'sharp',
  'wasm',
]);

export function formatDiagnosis(diagnosis: Diagnosis): string {
  const marks = { ok: 'ok     ', absent: 'absent ', problem: 'PROBLEM' } as const;
  const width = Math.max(...diagnosis.lines.map((line) => line.name.length));
  const rows = diagnosis.lines.flatMap((line) => [
    `${marks[line.state]}  ${line.name.padEnd(width)}  ${line.detail}  (${line.enables})`,
    ...(line.remedy === undefined ? [] : [`${' '.repeat(width + 11)}→ ${line.remedy}`]),
  ]);
  return [...rows, '', `--backend auto takes: ${diagnosis.backend} (${diagnosis.why})`].join('\n');
}

async function inspectInWorker(
  probe: InspectionProbe,
  signal: AbortSignal | undefined,
): Promise<readonly InspectionLine[]> {
  try {
    const { lines } = await runJob('inspect', { probe }, { silenceMs: PROBE_TIMEOUT_MS, ...(signal && { signal }) });
    return lines;
  } catch (error) {
    if (!(error instanceof LiftscopeError) || error.code === 'cancelled') throw error;
    return [
      {
        name: probe,
        state: 'problem',
        detail: error.message.split('\n', 1)[0] ?? '',
        enables: probe === 'wasm' ? 'training on the CPU' : 'optional parts',
        remedy: 'Looking at it ended its process; the rest of the program is not affected. Try: npm ci',
      },
    ];
  }
}

function inspectNode(): InspectionLine {
  const line = { name: 'node', enables: 'everything', detail: `${process.versions.node} (${process.execPath})` };
  const major = Number(process.versions.node.split('.', 1)[0]);
  return major >= 24
    ? { ...line, state: 'ok' }
    : { ...line, state: 'problem', remedy: 'npm ci, then use npm run liftscope' };
}

function inspectProcessor(): InspectionLine {
  const model = cpus()[0]?.model.trim();
  const cores = availableParallelism();
  const detail = `${cores} usable ${cores === 1 ? 'core' : 'cores'}${model === undefined ? '' : `, ${model}`}`;
  return { name: 'processor', state: 'ok', detail, enables: 'one training thread per core' };
}

function inspectMemory(): InspectionLine {
  // In a container the limit of the control group counts, not the memory of the machine.
  const constrained = process.constrainedMemory();
  const total = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  const line = {
    name: 'memory',
    enables: 'large scenes',
    detail: `${formatBytes(total)}, ${formatBytes(freemem())} free`,
  };
  return total >= SMALL_MEMORY_BYTES
    ? { ...line, state: 'ok' }
    : {
        ...line,
        state: 'absent',
        remedy: 'Little memory: import at --scale 0.5 and train with --max-gaussians 50000.',
      };
}

async function inspectSqlite(): Promise<InspectionLine> {
  const line = { name: 'sqlite', enables: 'projects' };
  try {
    const { default: Database } = await import('better-sqlite3');
    const db = new Database(':memory:');
    const version = db.prepare('SELECT sqlite_version()').pluck().get();
    db.close();
    return { ...line, state: 'ok', detail: `SQLite ${String(version)}` };
  } catch (error) {
    return { ...line, state: 'problem', detail: messageOf(error), remedy: 'npm ci' };
  }
}

async function inspectSharp(): Promise<InspectionLine> {
  const line = { name: 'sharp', enables: 'reading photos' };
  try {
    const { default: sharp } = await import('sharp');
    const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const { width } = await sharp(png).metadata();
    if (width !== 2) throw new Error('a PNG of its own is not read back');
    return { ...line, state: 'ok', detail: `libvips ${sharp.versions.vips}` };
  } catch (error) {
    return { ...line, state: 'problem', detail: messageOf(error), remedy: 'npm ci' };
  }
}

/** One line for each kind of model; which ones are there, not whether they run: `models check` tries them. */
async function inspectModels(signal: AbortSignal | undefined): Promise<readonly InspectionLine[]> {
  const request = { folders: modelFolders(), action: { kind: 'list' } } as const;
  try {
    const { kinds, models, folders } = await runJob('models', request, {
      ...{ silenceMs: PROBE_TIMEOUT_MS, ...(signal && { signal }) },
    });
    return kinds.map(({ kind, title, enables, files }): InspectionLine => {
      const found = models.filter((model) => model.kind === kind);
      const broken = found.filter(({ state }) => state === 'broken');
      const line = { name: `model ${kind}`, enables };
      if (broken.length > 0) {
        const [first] = broken;
        return {
          ...line,
          state: 'problem',
          detail: `${first!.id}: ${first!.problem}`,
          remedy: first!.hint ?? 'liftscope models check',
        };
      }
      return found.length > 0
        ? { ...line, state: 'ok', detail: found.map(({ id, licence }) => `${id} (${licence})`).join(', ') }
        : {
            ...line,
            state: 'absent',
            detail: `${title}: none installed`,
            remedy: `Optional: put a folder with ${files.join(', ')} into ${folders.user}, or: liftscope models add FOLDER`,
          };
    });
  } catch (error) {
    if (!(error instanceof LiftscopeError) || error.code === 'cancelled') throw error;
    const detail = error.message.split('\n', 1)[0] ?? '';
    return [{ name: 'models', state: 'problem', detail, enables: 'optional parts', remedy: 'liftscope models check' }];
  }
}

function inspectElectron(): InspectionLine {
  const line = { name: 'electron', enables: 'the desktop window (the command line does not need it)' };
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
    return existsSync(join(folder, 'path.txt'))
      ? { ...line, state: 'ok', detail: 'installed with its binary' }
      : {
          ...line,
          state: 'absent',
          detail: 'installed without its binary',
          remedy: 'npx install-electron, with network',
        };
  } catch {
    return { ...line, state: 'absent', detail: 'not installed', remedy: 'npm install, without --omit=dev' };
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
