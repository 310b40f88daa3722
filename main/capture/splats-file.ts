/** The `.splats` artifact (layout: contract/splats.ts), read and written with sizes checked before anything is believed. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  SPLATS_LIMITS,
  SPLATS_MAGIC,
  type SplatsArray,
  type SplatsHeader,
  splatsDataOffset,
  splatsFileBytes,
  splatsHeaderSchema,
  splatsLayout,
} from '../../contract/index.ts';
import { CaptureError } from './errors.ts';
import { decodeUtf8, openRegularFile, type ReadOptions } from './file-reader.ts';
import { readSplatPly, type SplatImport, type SplatModel } from './splat-ply.ts';

const arrayNames = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;
const chunkBytes = 16 * 2 ** 20;

export interface SplatsFile {
  readonly header: SplatsHeader;
  readonly splats: SplatModel;
}

/** @throws CaptureError naming file and header field */
export async function readSplatsFile(path: string, options: ReadOptions = {}): Promise<SplatsFile> {
  const { handle, sizeBytes } = await openRegularFile(path);
  const refuse = (code: 'invalid' | 'truncated', field: string, problem: string): never => {
    const advice = 'The file is damaged or incomplete: write it again.';
    throw new CaptureError({ code, file: path, field, problem, advice });
  };
  try {
    const head = Buffer.alloc(12);
    await readExactly(handle, head, 0, path, 'magic');
    if (head.toString('latin1', 0, 8) !== SPLATS_MAGIC) refuse('invalid', 'magic', `is not ${SPLATS_MAGIC}.`);
    const headerBytes = head.readUInt32LE(8);
    if (headerBytes > SPLATS_LIMITS.headerBytes || headerBytes > sizeBytes - 12) {
      refuse('invalid', 'header length', `is ${headerBytes}; the file has ${sizeBytes} bytes.`);
    }
    const text = Buffer.alloc(headerBytes);
    await readExactly(handle, text, 12, path, 'header');
    let json: unknown;
    try {
      json = JSON.parse(decodeUtf8(text, path, 'header'));
    } catch (error) {
      if (error instanceof CaptureError) throw error;
      refuse('invalid', 'header', 'is not JSON.');
    }
    const parsed = splatsHeaderSchema.safeParse(json);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      return refuse('invalid', `header.${issue?.path.join('.') ?? ''}`, `is not valid (${issue?.message ?? ''}).`);
    }
    const header = parsed.data;
    const expected = splatsFileBytes(header, headerBytes);
    if (sizeBytes !== expected) {
      refuse('truncated', 'data', `has ${sizeBytes} bytes in total where the header asks for ${expected}.`);
    }
    const layout = splatsLayout(header);
    const start = splatsDataOffset(headerBytes);
    const read = async (array: SplatsArray, field: string): Promise<Float32Array> => {
      const values = new Float32Array(array.length);
      const bytes = Buffer.from(values.buffer);
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        options.signal?.throwIfAborted();
        options.onBytes?.(start + array.offsetBytes + at, sizeBytes);
        await readExactly(handle, bytes.subarray(at, at + chunkBytes), start + array.offsetBytes + at, path, field);
      }
      return values;
    };
    const splats: SplatModel = {
      count: header.count,
      shDegree: header.shDegree,
      means: await read(layout.means, 'means'),
      quaternions: await read(layout.quaternions, 'quaternions'),
      logScales: await read(layout.logScales, 'logScales'),
      logitOpacities: await read(layout.logitOpacities, 'logitOpacities'),
      sh: await read(layout.sh, 'sh'),
    };
    return { header, splats };
  } finally {
    await handle.close();
  }
}

async function readExactly(
  handle: FileHandle,
  into: Buffer,
  position: number,
  file: string,
  field: string,
): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) {
      throw new CaptureError({
        code: 'truncated',
        file,
        field,
        problem: `the file ends here: ${into.length - done} bytes are missing.`,
        advice: 'The file is incomplete: write it again.',
      });
    }
    done += bytesRead;
  }
}

/** Writes under a temporary name beside the target, syncs, renames: a crash leaves the old file or none. */
export async function writeSplatsFile(
  path: string,
  splats: SplatModel,
  provenance: Partial<SplatsHeader> = {},
): Promise<void> {
  const header = splatsHeaderSchema.parse({ ...provenance, count: splats.count, shDegree: splats.shDegree });
  const layout = splatsLayout(header);
  for (const name of arrayNames) {
    if (splats[name].length !== layout[name].length) {
      throw new RangeError(`splats.${name} has ${splats[name].length} values, ${layout[name].length} are needed`);
    }
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const head = Buffer.alloc(splatsDataOffset(json.length));
  head.write(SPLATS_MAGIC, 'latin1');
  head.writeUInt32LE(json.length, 8);
  json.copy(head, 12);
  await writeAtomically(path, async (handle) => {
    await handle.writeFile(head);
    for (const name of arrayNames) {
      const { buffer, byteOffset, byteLength } = splats[name];
      await writeAll(handle, Buffer.from(buffer, byteOffset, byteLength));
    }
  });
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) await handle.writeFile(bytes.subarray(at, at + chunkBytes));
}

export async function writeAtomically(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Converts a splat PLY file to a `.splats` artifact.
 *
 * @throws CaptureError naming the PLY file and field
 */
export async function importSplatPly(
  plyPath: string,
  splatsPath: string,
  options: ReadOptions = {},
): Promise<Omit<SplatImport, 'splats' | 'objectIds'> & { readonly gaussians: number; readonly shDegree: number }> {
  const { splats, objectIds: _, ...notes } = await readSplatPly(plyPath, options);
  await writeSplatsFile(splatsPath, splats, { generator: `import ${basename(plyPath).slice(0, 200)}` });
  return { ...notes, gaussians: splats.count, shDegree: splats.shDegree };
}
