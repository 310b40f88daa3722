/** Smaller copies of photos, made once and kept in a folder that is bounded in bytes. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { LiftscopeError } from '../../contract/index.ts';

// libvips' cache is keyed by path: a photo rewritten between two requests would come back old.
sharp.cache(false);

/** About 25,000 thumbnails of 320 pixels. */
const CACHE_BYTES = 512 << 20;
/** Each decode takes a core and the memory of a photo; training wants the rest. */
const CONCURRENCY = 2;
const MAX_PIXELS = 2 ** 27;
const JPEG_QUALITY = 82;
/** Part of every key: a change of how they are made must not find the old ones. */
const RECIPE = 'jpeg-82-1';

export interface ThumbnailRequest {
  /** A real path. */
  readonly path: string;
  /** At most this many pixels wide; never enlarged. Absent: full size, for formats that browsers cannot show. */
  readonly width?: number | undefined;
  /** Whether to turn the photo upright by its EXIF tag. */
  readonly orient: boolean;
}

interface Entry {
  sizeBytes: number;
}

export class ThumbnailCache {
  private readonly folder: string;
  private readonly maxBytes: number;
  /** In the order of their last use. */
  private index: Promise<Map<string, Entry>> | undefined;
  private totalBytes = 0;
  private readonly running = new Map<string, Promise<string>>();
  private active = 0;
  private readonly queue: (() => void)[] = [];

  constructor(folder: string, maxBytes: number = CACHE_BYTES) {
    this.folder = folder;
    this.maxBytes = maxBytes;
  }

  /** Path of a JPEG. @throws LiftscopeError `not-found`, `bad-input` for a photo that cannot be decoded */
  async get(request: ThumbnailRequest): Promise<{ path: string; etag: string }> {
    const info = await stat(request.path, { bigint: true }).catch(() => undefined);
    if (info === undefined) {
      throw new LiftscopeError({ code: 'not-found', message: `There is no photo at ${request.path}.` });
    }
    const key = createHash('sha256')
      .update(
        JSON.stringify([
          RECIPE,
          request.path,
          String(info.size),
          String(info.mtimeNs),
          request.width ?? 0,
          request.orient,
        ]),
      )
      .digest('hex');
    const name = `${key}.jpg`;
    const etag = `"${key.slice(0, 32)}"`;
    const path = join(this.folder, name);
    const index = await this.load();
    const known = index.get(name);
    if (known !== undefined) {
      index.delete(name);
      index.set(name, known);
      if ((await stat(path).catch(() => undefined)) !== undefined) {
        // The time of last use survives a restart as the time of change.
        const now = new Date();
        void utimes(path, now, now).catch(() => undefined);
        return { path, etag };
      }
      index.delete(name);
      this.totalBytes -= known.sizeBytes;
    }
    let making = this.running.get(name);
    if (making === undefined) {
      making = this.make(request, name, index).finally(() => this.running.delete(name));
      this.running.set(name, making);
    }
    return { path: await making, etag };
  }

  private async make(request: ThumbnailRequest, name: string, index: Map<string, Entry>): Promise<string> {
    await this.enter();
    const target = join(this.folder, name);
    const temporary = join(this.folder, `${randomUUID()}.tmp`);
    try {
      await mkdir(this.folder, { recursive: true });
      let image = sharp(request.path, {
        limitInputPixels: MAX_PIXELS,
        failOn: 'error',
        sequentialRead: true,
        pages: 1,
      });
      if (request.orient) image = image.autoOrient();
      if (request.width !== undefined) image = image.resize({ width: request.width, withoutEnlargement: true });
      const { size } = await image.toColourspace('srgb').jpeg({ quality: JPEG_QUALITY }).toFile(temporary);
      await rename(temporary, target);
      index.set(name, { sizeBytes: size });
      this.totalBytes += size;
      await this.evict(index, name);
      return target;
    } catch (error) {
      await rm(temporary, { force: true });
      throw new LiftscopeError(
        {
          code: 'bad-input',
          message: `${request.path} cannot be decoded (${error instanceof Error ? error.message.split('\n')[0] : ''}).`,
        },
        { cause: error },
      );
    } finally {
      this.leave();
    }
  }

  private async evict(index: Map<string, Entry>, keep: string): Promise<void> {
    for (const [name, { sizeBytes }] of index) {
      if (this.totalBytes <= this.maxBytes) return;
      if (name === keep || this.running.has(name)) continue;
      index.delete(name);
      this.totalBytes -= sizeBytes;
      await rm(join(this.folder, name), { force: true }).catch(() => undefined);
    }
  }

  private load(): Promise<Map<string, Entry>> {
    this.index ??= this.scan();
    return this.index;
  }

  private async scan(): Promise<Map<string, Entry>> {
    const names = await readdir(this.folder).catch(() => []);
    const found: { name: string; usedAtMs: number; sizeBytes: number }[] = [];
    for (const name of names) {
      const info = await stat(join(this.folder, name)).catch(() => undefined);
      if (info?.isFile() !== true) continue;
      if (/^[0-9a-f]{64}\.jpg$/.test(name)) found.push({ name, usedAtMs: info.mtimeMs, sizeBytes: info.size });
      // Left by a killed process; another running one needs seconds for its own.
      else if (name.endsWith('.tmp') && Date.now() - info.mtimeMs > 3_600_000)
        await rm(join(this.folder, name), { force: true });
    }
    found.sort((a, b) => a.usedAtMs - b.usedAtMs);
    const index = new Map<string, Entry>();
    for (const { name, sizeBytes } of found) {
      index.set(name, { sizeBytes });
      this.totalBytes += sizeBytes;
    }
    return index;
  }

  private async enter(): Promise<void> {
    if (this.active >= CONCURRENCY) await new Promise<void>((resolve) => this.queue.push(resolve));
    else this.active += 1;
  }

  private leave(): void {
    const next = this.queue.shift();
    if (next === undefined) this.active -= 1;
    else next();
  }
}
