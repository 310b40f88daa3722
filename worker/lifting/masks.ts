/** The masks of a request: read frame by frame, checked against the frames they claim to be of. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  LiftscopeError,
  labelsOfFrame,
  MASKS_LIMITS,
  MASKS_TRAILER_BYTES,
  type MaskSetInfo,
  masksIndexOffset,
  parseMasksFrame,
  parseMasksHeader,
  parseMasksIndex,
  type TrainingFrame,
} from '../../contract/index.ts';
import type { NamedSegments } from '../objects/index.ts';
import { viewOf } from '../splats/index.ts';

export interface LoadedMasks {
  readonly set: MaskSetInfo;
  /** By name of the frame; frames without usable masks are missing. */
  readonly frames: ReadonlyMap<string, NamedSegments>;
  /** What was wrong, and with which frame. */
  readonly warnings: readonly string[];
  /** sha256 of the file, hexadecimal. */
  readonly fingerprint: string;
}

/** One segment over more of the image than this, alone, says nothing about instances. */
const GIANT_SHARE = 0.95;

/**
 * Frames whose masks cannot be used (another size, a damaged line) are named and left out; the others are kept.
 * @throws LiftscopeError `bad-input` when the file as a whole cannot be read, or nothing in it belongs to these frames
 */
export async function loadMasks(path: string, frames: readonly TrainingFrame[]): Promise<LoadedMasks> {
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

    const hash = createHash('sha256');
    const known = new Map(frames.map((frame) => [frame.name, frame]));
    const loaded = new Map<string, NamedSegments>();
    const warnings: string[] = [];
    const missing = new Set(known.keys());
    for (const { name, offsetBytes, sizeBytes } of entries) {
      const bytes = await read(offsetBytes, sizeBytes);
      hash.update(bytes);
      const frame = known.get(name);
      if (frame === undefined) {
        warnings.push(`${name}: has masks but is no frame of the capture; left out.`);
        continue;
      }
      missing.delete(name);
      try {
        const usable = usableMasks(parseMasksFrame(path, bytes, name), frame, warnings);
        if (usable !== undefined) loaded.set(name, usable);
      } catch (error) {
        if (!(error instanceof LiftscopeError)) throw error;
        warnings.push(`${name}: ${error.message} Left out.`);
      }
    }
    for (const name of missing) warnings.push(`${name}: has no masks; its image was not lifted.`);
    return { set, frames: loaded, warnings, fingerprint: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

function usableMasks(
  masks: ReturnType<typeof parseMasksFrame>,
  frame: TrainingFrame,
  warnings: string[],
): NamedSegments | undefined {
  const { name } = frame;
  if (masks.width !== frame.width || masks.height !== frame.height) {
    warnings.push(
      `${name}: its masks are ${masks.width}x${masks.height}, its image is ${frame.width}x${frame.height}; left out.`,
    );
    return undefined;
  }
  const { labels, overlapPx } = labelsOfFrame(masks);
  if (overlapPx > 0) {
    warnings.push(`${name}: ${overlapPx} pixels lie in several segments; the smallest one was taken.`);
  }
  if (masks.segments.length === 0) warnings.push(`${name}: has no segments; all of it is background.`);
  const segments = Uint32Array.from(labels);
  const covered = segments.reduce((sum, label) => sum + (label > 0 ? 1 : 0), 0);
  if (masks.segments.length === 1 && covered > GIANT_SHARE * segments.length) {
    warnings.push(`${name}: one segment covers the whole image.`);
  }
  const confidences = new Map(
    masks.segments.flatMap(({ id, confidence }) => (confidence === undefined ? [] : [[id, confidence] as const])),
  );
  return { name, view: viewOf(frame), segments, confidences };
}
