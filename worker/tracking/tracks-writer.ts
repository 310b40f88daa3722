/** Writes a `.tracks` file (contract/tracking.ts) line by line; it appears complete or not at all. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TRACKS_FORMAT, type TrackedObject, type TrackingRecipe, type TracksFrame } from '../../contract/index.ts';

/** Characters that are collected before they are written. */
const CHUNK = 1 << 20;

export class TracksWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #text = '';
  #finished = false;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async create(path: string, recipe: TrackingRecipe, frames: number): Promise<TracksWriter> {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}.tmp`;
    const writer = new TracksWriter(path, temporary, await open(temporary, 'wx'));
    await writer.#line({ format: TRACKS_FORMAT, version: 1, recipe, frames });
    return writer;
  }

  async frame(frame: TracksFrame): Promise<void> {
    await this.#line(frame);
  }

  async finish(objects: readonly TrackedObject[]): Promise<void> {
    for (const object of objects) await this.#line(object);
    await this.#line({ end: objects.length });
    await this.#file.writeFile(this.#text);
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#temporary, this.#path);
    this.#finished = true;
  }

  async #line(value: unknown): Promise<void> {
    this.#text += `${JSON.stringify(value)}\n`;
    if (this.#text.length < CHUNK) return;
    await this.#file.writeFile(this.#text);
    this.#text = '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#finished) return;
    await this.#file.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }
}
