/** `.masks` files (contract/masks-file.ts) on disk: written frame by frame, read frame by frame. */
import { type FileHandle, open } from 'node:fs/promises';
import {
  type FrameMasks,
  LiftscopeError,
  MASKS_LIMITS,
  MASKS_TRAILER_BYTES,
  type MaskSetInfo,
  MasksEncoder,
  type MasksEntry,
  masksIndexOffset,
  parseMasksFrame,
  parseMasksHeader,
  parseMasksIndex,
} from '../../contract/index.ts';
import { writeAtomically } from '../capture/index.ts';

/**
 * Writes a whole file; it appears complete or not at all.
 * @param setOf asked once, when the first frame comes or there is none
 * @param produce hands over the frames in any order
 */
export async function writeMasksFile(
  path: string,
  setOf: () => MaskSetInfo,
  produce: (add: (frame: FrameMasks) => Promise<void>) => Promise<void>,
): Promise<void> {
  await writeAtomically(path, async (handle) => {
    const encoder = new MasksEncoder();
    let begun = false;
    const begin = async (): Promise<void> => {
      if (!begun) await handle.writeFile(encoder.header(setOf()));
      begun = true;
    };
    await produce(async (frame) => {
      await begin();
      await handle.writeFile(encoder.frame(frame));
    });
    await begin();
    await handle.writeFile(encoder.finish());
  });
}

/** Random access to the frames of a `.masks` file. */
export class MasksFile implements AsyncDisposable {
  readonly path: string;
  readonly set: MaskSetInfo;
  /** Names of the frames in the order in which they were written. */
  readonly frameNames: readonly string[];
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, MasksEntry>;

  private constructor(path: string, handle: FileHandle, set: MaskSetInfo, entries: readonly MasksEntry[]) {
    this.path = path;
    this.#handle = handle;
    this.set = set;
    this.frameNames = entries.map(({ name }) => name);
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /** @throws LiftscopeError `not-found`, or `bad-input` when the file is damaged or incomplete */
  static async open(path: string): Promise<MasksFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      const message = `${path}: the masks cannot be read (${error instanceof Error ? error.message : String(error)}).`;
      throw new LiftscopeError({ code: 'not-found', message }, { cause: error });
    }
    try {
      const { size } = await handle.stat();
      const trailerAt = Math.max(0, size - MASKS_TRAILER_BYTES);
      const trailer = await readAt(handle, trailerAt, Math.min(size, MASKS_TRAILER_BYTES));
      const indexAt = masksIndexOffset(path, trailer, size);
      const entries = parseMasksIndex(path, await readAt(handle, indexAt, trailerAt - indexAt), indexAt);
      const headerEnd = entries.reduce((least, { offsetBytes }) => Math.min(least, offsetBytes), indexAt);
      const set = parseMasksHeader(path, await readAt(handle, 0, Math.min(headerEnd, MASKS_LIMITS.headerBytes)));
      return new MasksFile(path, handle, set, entries);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Undefined when the set has no masks for the frame. @throws LiftscopeError `bad-input` */
  async frame(name: string): Promise<FrameMasks | undefined> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    return parseMasksFrame(this.path, await readAt(this.#handle, entry.offsetBytes, entry.sizeBytes), name);
  }

  /** All frames in the order of the file, one in memory at a time. */
  async *frames(): AsyncGenerator<FrameMasks, void> {
    for (const name of this.frameNames) yield (await this.frame(name))!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

async function readAt(handle: FileHandle, offset: number, size: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await handle.read(bytes, at, size - at, offset + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}
