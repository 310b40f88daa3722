/** Initial tracks from a `.masks` file, one frame in memory at a time. */
import { type FileHandle, open } from 'node:fs/promises';
import {
  LiftscopeError,
  labelsOfFrame,
  MASKS_LIMITS,
  MASKS_TRAILER_BYTES,
  type MaskSetInfo,
  type MasksEntry,
  masksIndexOffset,
  parseMasksFrame,
  parseMasksHeader,
  parseMasksIndex,
} from '../../contract/index.ts';
import type { SegmentedFrame } from './observe.ts';

export interface FileFrame extends SegmentedFrame {
  /** What was wrong with the frame's masks; it is then tracked without segments, or with what is left of them. */
  readonly warning?: string;
}

export class MasksVideo implements AsyncDisposable {
  readonly set: MaskSetInfo;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, MasksEntry>;
  readonly #names: ReadonlyMap<number, string>;

  private constructor(path: string, handle: FileHandle, set: MaskSetInfo, entries: readonly MasksEntry[]) {
    this.#path = path;
    this.#handle = handle;
    this.set = set;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.#names = new Map(set.classes.map(({ id, name }) => [id, name]));
  }

  /** @throws LiftscopeError `bad-input` */
  static async open(path: string): Promise<MasksVideo> {
    const handle = await open(path, 'r').catch((error: Error) => {
      throw new LiftscopeError({ code: 'bad-input', message: `${path}: cannot be opened (${error.message})` });
    });
    try {
      const { size } = await handle.stat();
      const trailerAt = Math.max(0, size - MASKS_TRAILER_BYTES);
      const indexAt = masksIndexOffset(path, await readAt(handle, trailerAt, MASKS_TRAILER_BYTES), size);
      const entries = parseMasksIndex(path, await readAt(handle, indexAt, trailerAt - indexAt), indexAt);
      const headerEnd = entries.reduce((least, { offsetBytes }) => Math.min(least, offsetBytes), indexAt);
      const header = await readAt(handle, 0, Math.min(headerEnd, MASKS_LIMITS.headerBytes));
      return new MasksVideo(path, handle, parseMasksHeader(path, header), entries);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** A frame that the file does not have, or whose masks cannot be used, has no segments. */
  async frame(name: string, { width, height }: { width: number; height: number }): Promise<FileFrame> {
    const empty = { name, labels: new Int32Array(width * height), info: new Map() };
    const entry = this.#entries.get(name);
    if (entry === undefined) return { ...empty, warning: 'it has no masks' };
    let masks: ReturnType<typeof parseMasksFrame>;
    try {
      masks = parseMasksFrame(this.#path, await readAt(this.#handle, entry.offsetBytes, entry.sizeBytes), name);
      if (masks.width !== width || masks.height !== height) {
        return { ...empty, warning: `its masks are ${masks.width}x${masks.height}, its image is ${width}x${height}` };
      }
      const { labels, overlapPx } = labelsOfFrame(masks);
      const info = new Map(
        masks.segments.map(({ id, classId, confidence }) => {
          return [id, { category: classId === undefined ? undefined : this.#categoryOf(classId), confidence }];
        }),
      );
      const warning = overlapPx > 0 ? `${overlapPx} pixels lie in several segments; the smallest one was taken` : '';
      return { name, labels, info, ...(warning !== '' && { warning }) };
    } catch (error) {
      if (!(error instanceof LiftscopeError)) throw error;
      return { ...empty, warning: error.message };
    }
  }

  #categoryOf(classId: number): string {
    return this.#names.get(classId) ?? `class ${classId}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(length - at, 1 << 28), offset + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}
