/**
 * Checkpoints: everything that the next iteration depends on, so that interrupted plus resumed equals uninterrupted bit
 * for bit. Random numbers depend on the iteration alone, so there is no generator to save.
 *
 * ```
 * 8 bytes ASCII `LSCHECK1`, u32 LE header length, JSON header, then the buffers of the model one after another,
 * then the sha256 of everything before it (32 bytes).
 * ```
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Backend } from '../compute/index.ts';
import { writeAtomically } from './file.ts';
import type { SplatModel } from './model.ts';

const MAGIC = 'LSCHECK1';
const HASH_BYTES = 32;
const MAX_HEADER_BYTES = 1 << 20;
/** The newest two are kept: the older one survives if the newer turns out to be damaged. */
const KEPT = 2;

const headerSchema = z.object({
  /** Iterations done. */
  iteration: z.number().int().min(0),
  count: z.number().int().min(0),
  shDegree: z.number().int().min(0).max(3),
  /** Of the request; another training must not resume from this one. */
  fingerprint: z.string(),
  /** Training seconds so far. */
  seconds: z.number().min(0),
  buffers: z.array(z.object({ name: z.string(), bytes: z.number().int().min(0) })),
});
export type CheckpointHeader = z.infer<typeof headerSchema>;

/** @returns the path. */
export async function writeCheckpoint(
  directory: string,
  backend: Backend,
  model: SplatModel,
  progress: Pick<CheckpointHeader, 'iteration' | 'fingerprint' | 'seconds'>,
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const state = model.state();
  const header: CheckpointHeader = {
    ...progress,
    count: model.count,
    shDegree: model.shDegree,
    buffers: state.map(({ name, usedBytes }) => ({ name, bytes: usedBytes })),
  };
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const head = Buffer.alloc(12);
  head.write(MAGIC, 0, 'latin1');
  head.writeUInt32LE(text.length, 8);
  const chunks: Uint8Array[] = [head, text];
  for (const { buffer, usedBytes } of state) chunks.push(new Uint8Array(await backend.read(buffer, 0, usedBytes)));
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  const path = join(directory, `iteration-${String(progress.iteration).padStart(9, '0')}.checkpoint`);
  await writeAtomically(path, [...chunks, hash.digest()]);
  for (const old of (await checkpointFiles(directory)).slice(KEPT)) await rm(old, { force: true });
  return path;
}

export interface LoadedCheckpoint {
  readonly path: string;
  readonly header: CheckpointHeader;
  /** By buffer name. */
  readonly buffers: ReadonlyMap<string, Uint8Array>;
}

/**
 * The newest checkpoint of this training that is whole. Damaged ones and those of other trainings are passed over and
 * named in `skipped`; `others` counts the latter.
 */
export async function readNewestCheckpoint(
  directory: string,
  fingerprints: readonly string[],
): Promise<{ checkpoint: LoadedCheckpoint | undefined; skipped: string[]; others: number }> {
  const skipped: string[] = [];
  let others = 0;
  for (const path of await checkpointFiles(directory)) {
    const loaded = await readCheckpoint(path).catch((error: Error) => error.message);
    if (typeof loaded === 'string') skipped.push(`${path}: ${loaded}`);
    else if (!fingerprints.includes(loaded.header.fingerprint)) {
      skipped.push(`${path}: belongs to a training with other settings or data`);
      others += 1;
    } else return { checkpoint: loaded, skipped, others };
  }
  return { checkpoint: undefined, skipped, others };
}

/** Puts the checkpoint's state into a model made with the same degree. @throws when it does not fit. */
export function restoreModel(checkpoint: LoadedCheckpoint, backend: Backend, model: SplatModel): void {
  const { count, shDegree } = checkpoint.header;
  if (count > model.capacity || shDegree !== model.shDegree) {
    throw new Error(`${checkpoint.path}: ${count} Gaussians of degree ${shDegree} do not fit this training`);
  }
  model.count = count;
  for (const { name, buffer, usedBytes } of model.state()) {
    const bytes = checkpoint.buffers.get(name);
    if (bytes?.length !== usedBytes) throw new Error(`${checkpoint.path}: ${name} has the wrong size`);
    backend.write(buffer, bytes);
  }
}

/** Newest first. */
async function checkpointFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => /^iteration-\d{9}\.checkpoint$/.test(name))
    .sort()
    .reverse()
    .map((name) => join(directory, name));
}

async function readCheckpoint(path: string): Promise<LoadedCheckpoint> {
  const { size } = await stat(path);
  if (size > 2 ** 32) throw new Error('is larger than a checkpoint can be');
  const bytes = await readFile(path);
  if (bytes.length < 12 + HASH_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC)
    throw new Error('is not a checkpoint');
  const end = bytes.length - HASH_BYTES;
  const hash = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!hash.equals(bytes.subarray(end))) throw new Error('is damaged (checksum)');
  const headerBytes = bytes.readUInt32LE(8);
  if (headerBytes > MAX_HEADER_BYTES || 12 + headerBytes > end) throw new Error('has an impossible header length');
  const header = headerSchema.parse(JSON.parse(bytes.toString('utf8', 12, 12 + headerBytes)));
  const buffers = new Map<string, Uint8Array>();
  let at = 12 + headerBytes;
  for (const { name, bytes: size } of header.buffers) {
    if (at + size > end) throw new Error('ends too early');
    buffers.set(name, bytes.subarray(at, at + size));
    at += size;
  }
  return { path, header, buffers };
}
