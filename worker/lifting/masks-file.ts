/** A `.masks` file, read frame by frame without holding all of it. */
import { open } from 'node:fs/promises';
import {
  type FrameMasks,
  LiftscopeError,
  MASKS_LIMITS,
  MASKS_TRAILER_BYTES,
  type MaskSetInfo,
  masksIndexOffset,
  parseMasksFrame,
  parseMasksHeader,
  parseMasksIndex,
} from '../../contract/index.ts';

export interface MasksLine {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** @throws LiftscopeError `bad-input` when this frame's line is damaged */
  readonly parse: () => FrameMasks;
}

/** @throws LiftscopeError `bad-input` when the file as a whole cannot be read */
export async function readMasksFile(path: string, visit: (line: MasksLine) => void): Promise<MaskSetInfo> {
  const handle = await open(path, 'r').catch((error: Error) => {
    throw new LiftscopeError({ code: 'bad-input', message: `${path}: cannot be opened (${error.message})` });
  });
  try {
    const { size } = await handle.stat();
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, at, Math.min(bytes.length - at, 1 << 28), offset + at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return bytes;
    };
    const trailer = await read(Math.max(0, size - MASKS_TRAILER_BYTES), MASKS_TRAILER_BYTES);
    const indexOffset = masksIndexOffset(path, trailer, size);
    const index = await read(indexOffset, size - MASKS_TRAILER_BYTES - indexOffset);
    const entries = parseMasksIndex(path, index, indexOffset);
    const firstLine = entries.reduce((least, { offsetBytes }) => Math.min(least, offsetBytes), indexOffset);
    const set = parseMasksHeader(path, await read(0, Math.min(firstLine, MASKS_LIMITS.headerBytes)));
    for (const { name, offsetBytes, sizeBytes } of entries) {
      const bytes = await read(offsetBytes, sizeBytes);
      visit({ name, bytes, parse: () => parseMasksFrame(path, bytes, name) });
    }
    return set;
  } finally {
    await handle.close();
  }
}
