/** Writes a `.masks` file frame by frame; it appears complete or not at all. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FrameMasks, type MaskSetInfo, MasksEncoder } from '../../contract/index.ts';

export class MasksWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #encoder = new MasksEncoder();
  #finished = false;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async create(path: string, set: MaskSetInfo): Promise<MasksWriter> {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}.tmp`;
    const writer = new MasksWriter(path, temporary, await open(temporary, 'wx'));
    await writer.#file.writeFile(writer.#encoder.header(set));
    return writer;
  }

  async add(frame: FrameMasks): Promise<void> {
    await this.#file.writeFile(this.#encoder.frame(frame));
  }

  /** Only now the file has its name. */
  async finish(): Promise<void> {
    await this.#file.writeFile(this.#encoder.finish());
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#temporary, this.#path);
    this.#finished = true;
  }

  /** Removes what was written unless {@link finish} came first. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#finished) return;
    await this.#file.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }
}
