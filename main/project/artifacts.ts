import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LiftscopeError } from '../../contract/index.ts';
import { fsyncFolder } from './files.ts';

/** `SHA256.EXTENSION`: the name of a file by its contents. */
export type ArtifactName = string & { readonly __brand: 'ArtifactName' };

const NAME = /^[0-9a-f]{64}\.[a-z0-9]{1,16}$/;
const EXTENSION = /^[a-z0-9]{1,16}$/;
/** Temporary files older than this belong to no process that still runs. */
const STALE_TEMPORARY_MS = 24 * 3600 * 1000;

/** @throws LiftscopeError `bad-input` when the text is no artifact name, for example because it climbs out of the folder. */
export function parseArtifactName(text: string): ArtifactName {
  if (!NAME.test(text)) {
    throw new LiftscopeError({ code: 'bad-input', message: `"${text.slice(0, 100)}" is not the name of an artifact.` });
  }
  return text as ArtifactName;
}

/**
 * Content-addressed files of a project. Rules:
 * 1. A file under its name is complete: it was written elsewhere, fsynced and renamed.
 * 2. It never changes: the same contents are the same name, other contents another.
 * 3. Putting the same contents again is allowed at any time, from any process, and stores them once.
 * 4. What a kill leaves behind lies in `tmp/` and is swept later.
 */
export class ArtifactStore {
  /** Absolute path of `artifacts/`. */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Absolute path of an artifact; it need not exist. */
  path(name: ArtifactName): string {
    parseArtifactName(name);
    return join(this.folder, name.slice(0, 2), name);
  }

  async has(name: ArtifactName): Promise<boolean> {
    return (await sizeOf(this.path(name))) !== undefined;
  }

  /** A path for a file that will be handed to {@link adopt}: same file system, unique, ending in `.extension`. */
  async temporaryPath(extension: string): Promise<string> {
    checkExtension(extension);
    const folder = join(this.folder, 'tmp');
    await mkdir(folder, { recursive: true });
    return join(folder, `${process.pid}-${randomUUID()}.${extension}`);
  }

  async put(bytes: Uint8Array, extension: string): Promise<ArtifactName> {
    const temporary = await this.temporaryPath(extension);
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(bytes);
    } finally {
      await handle.close();
    }
    return this.settle(temporary, sha256(bytes), extension);
  }

  /** Copies a file from anywhere. */
  async putFile(source: string, extension: string): Promise<ArtifactName> {
    const temporary = await this.temporaryPath(extension);
    const hash = createHash('sha256');
    const tap = new PassThrough();
    tap.on('data', (chunk: Buffer) => hash.update(chunk));
    try {
      await pipeline(createReadStream(source), tap, createWriteStream(temporary, { flags: 'wx' }));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return this.settle(temporary, hash.digest('hex'), extension);
  }

  /** Takes over a finished file that was written to a {@link temporaryPath}. */
  async adopt(temporary: string, extension: string): Promise<ArtifactName> {
    checkExtension(extension);
    return this.settle(temporary, await hashFile(temporary), extension);
  }

  /** Whether the contents still are what the name says. */
  async verify(name: ArtifactName): Promise<boolean> {
    try {
      return (await hashFile(this.path(name))) === name.slice(0, 64);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Every artifact, in no particular order. */
  async list(): Promise<ArtifactName[]> {
    const names: ArtifactName[] = [];
    for (const folder of await entries(this.folder)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await entries(join(this.folder, folder)))
        if (NAME.test(name)) names.push(name as ArtifactName);
    }
    return names;
  }

  /** Removes what killed processes left in `tmp/`. */
  async sweep(nowMs: number = Date.now()): Promise<void> {
    const folder = join(this.folder, 'tmp');
    for (const name of await entries(folder)) {
      const file = join(folder, name);
      const info = await stat(file).catch(() => undefined);
      if (info !== undefined && nowMs - info.mtimeMs > STALE_TEMPORARY_MS)
        await rm(file, { force: true, recursive: true });
    }
  }

  private async settle(temporary: string, hash: string, extension: string): Promise<ArtifactName> {
    const name = parseArtifactName(`${hash}.${extension}`);
    const target = this.path(name);
    const [size, existing] = await Promise.all([sizeOf(temporary), sizeOf(target)]);
    if (existing !== undefined && existing === size) {
      await rm(temporary, { force: true });
      return name;
    }
    const handle = await open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    const folder = join(this.folder, name.slice(0, 2));
    await mkdir(folder, { recursive: true });
    await rename(temporary, target);
    fsyncFolder(folder);
    return name;
  }
}

function checkExtension(extension: string): void {
  if (!EXTENSION.test(extension))
    throw new Error(`"${extension}" is not an extension: lower-case letters and digits only`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
