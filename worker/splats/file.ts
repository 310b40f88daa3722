/** The `.splats` artifact (layout: contract/splats.ts): bounded reading, atomic writing. */
import { createHash, randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import {
  LiftscopeError,
  SPLATS_LIMITS,
  SPLATS_MAGIC,
  type SplatsHeader,
  splatsDataOffset,
  splatsFileBytes,
  splatsHeaderSchema,
  splatsLayout,
} from '../../contract/index.ts';

/** Gaussians in rows: means [N, 3], quaternions [N, 4] wxyz, logScales [N, 3], logitOpacities [N], sh [N, (d+1)², 3]. */
export interface SplatArrays {
  readonly count: number;
  readonly shDegree: number;
  readonly means: Float32Array;
  readonly quaternions: Float32Array;
  readonly logScales: Float32Array;
  readonly logitOpacities: Float32Array;
  readonly sh: Float32Array;
}

const ARRAYS = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;

/** @throws LiftscopeError naming the file and what is wrong with it; nothing is allocated before sizes agree. */
export async function readSplats(path: string): Promise<{ header: SplatsHeader; splats: SplatArrays }> {
  const fail = (problem: string): never => {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: ${problem}`,
      hint: 'Train or import the splats again.',
    });
  };
  const file = await open(path, 'r').catch((error: Error) => fail(`cannot be opened (${error.message})`));
  try {
    const { size } = await file.stat();
    const start = Buffer.alloc(12);
    const { bytesRead } = await file.read(start, 0, 12, 0);
    if (bytesRead < 12 || start.toString('latin1', 0, 8) !== SPLATS_MAGIC) fail('is not a splats file');
    const headerBytes = start.readUInt32LE(8);
    if (headerBytes > SPLATS_LIMITS.headerBytes || 12 + headerBytes > size)
      fail(`header length ${headerBytes} is not possible`);
    const text = Buffer.alloc(headerBytes);
    await file.read(text, 0, headerBytes, 12);
    const header = parseHeader(text.toString('utf8'), fail);
    const expected = splatsFileBytes(header, headerBytes);
    if (size !== expected)
      fail(`has ${size} bytes where ${header.count} Gaussians of degree ${header.shDegree} need ${expected}`);
    const layout = splatsLayout(header);
    const data = new Uint8Array(layout.dataBytes);
    for (let at = 0; at < data.length; ) {
      const read = await file.read(data, at, Math.min(data.length - at, 1 << 28), splatsDataOffset(headerBytes) + at);
      if (read.bytesRead === 0) fail('ends too early');
      at += read.bytesRead;
    }
    const array = (name: (typeof ARRAYS)[number]) =>
      new Float32Array(data.buffer, layout[name].offsetBytes, layout[name].length);
    const splats: SplatArrays = {
      count: header.count,
      shDegree: header.shDegree,
      means: array('means'),
      quaternions: array('quaternions'),
      logScales: array('logScales'),
      logitOpacities: array('logitOpacities'),
      sh: array('sh'),
    };
    for (const name of ARRAYS) {
      const bad = firstNotFinite(splats[name]);
      if (bad >= 0) fail(`${name}[${bad}] is ${splats[name][bad]}`);
    }
    return { header, splats };
  } finally {
    await file.close();
  }
}

/** Index, or -1. A loop: a callback per value takes a second for a million Gaussians. */
function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Infinity - Infinity is NaN too.
    if (!(value - value === 0)) return i;
  }
  return -1;
}

function parseHeader(text: string, fail: (problem: string) => never): SplatsHeader {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    fail('header is not JSON');
  }
  const parsed = splatsHeaderSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return fail(`header field ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

/** Writes a temporary file beside `path`, fsyncs and renames it. @returns sha256 of the arrays, hexadecimal. */
export async function writeSplats(
  path: string,
  splats: SplatArrays,
  provenance: Omit<SplatsHeader, 'count' | 'shDegree'>,
): Promise<string> {
  const header: SplatsHeader = { count: splats.count, shDegree: splats.shDegree, ...provenance };
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const head = Buffer.alloc(splatsDataOffset(text.length));
  head.write(SPLATS_MAGIC, 0, 'latin1');
  head.writeUInt32LE(text.length, 8);
  text.copy(head, 12);
  const chunks = ARRAYS.map((name) => bytesOf(splats[name]));
  await writeAtomically(path, [head, ...chunks]);
  return hashOf(chunks);
}

/** sha256 over the arrays in file order: equal for equal Gaussians, whatever the header says. */
export function splatsHash(splats: SplatArrays): string {
  return hashOf(ARRAYS.map((name) => bytesOf(splats[name])));
}

/** A crash at any moment leaves either the old file or the new one. */
export async function writeAtomically(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      for (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const bytesOf = (array: Float32Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function hashOf(chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
