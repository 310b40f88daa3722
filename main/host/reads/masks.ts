/** Ids of one frame as an image: of the objects, or of a named mask set. */
import { type FileHandle, open } from 'node:fs/promises';
import sharp from 'sharp';
import {
  type FrameMasks,
  LiftscopeError,
  labelsOfFrame,
  MASKS_TRAILER_BYTES,
  type MasksEntry,
  masksIndexOffset,
  OBJECT_MASKS,
  parseMasksFrame,
  parseMasksIndex,
} from '../../../contract/index.ts';
import { liftedMasks, objectMasks } from '../../instances/index.ts';
import type { Project } from '../../project/index.ts';

const MAX_ID = 0xff_ff_ff;
/** Mask files whose index is kept. */
const KEPT_INDICES = 4;

/** @throws LiftscopeError `not-found` for a frame or a set that is not there */
export async function maskImage(
  project: Project,
  captureId: number,
  position: number,
  set: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const frame = project.captures.frame(captureId, position);
  if (frame === undefined) throw new LiftscopeError({ code: 'not-found', message: 'The capture has no such frame.' });
  const masks =
    set === OBJECT_MASKS
      ? await masksOfObjects(project, captureId, position, frame)
      : await masksOfSet(project, captureId, set, frame);
  const { labels } = labelsOfFrame(masks);
  const rgb = new Uint8Array(labels.length * 3);
  for (let i = 0; i < labels.length; i++) {
    const id = labels[i] ?? 0;
    if (id > MAX_ID) {
      throw new LiftscopeError({ code: 'unsupported', message: `Mask id ${id} is too large to be shown.` });
    }
    rgb[i * 3] = id & 0xff;
    rgb[i * 3 + 1] = (id >> 8) & 0xff;
    rgb[i * 3 + 2] = id >> 16;
  }
  const raw = { width: masks.width, height: masks.height, channels: 3 } as const;
  const png = await sharp(rgb, { raw }).png({ compressionLevel: 3 }).toBuffer();
  return new Uint8Array(png);
}

interface Sized {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** Lifted maps and what people drew over them, under the ids of the objects. */
async function masksOfObjects(
  project: Project,
  captureId: number,
  position: number,
  frame: Sized,
): Promise<Omit<FrameMasks, 'frame'>> {
  const lifted = liftedMasks(project, captureId);
  const maps = lifted && (await masksOfSet(project, captureId, lifted.set.info.name, frame));
  const own = lifted && maps && { masks: { frame: frame.name, ...maps }, objects: lifted.objects };
  return objectMasks(project, captureId, position, frame, own);
}

const indices = new Map<string, ReadonlyMap<string, MasksEntry>>();

async function masksOfSet(
  project: Project,
  captureId: number,
  set: string,
  frame: Sized,
): Promise<Omit<FrameMasks, 'frame'>> {
  const row = project.maskSets.get(captureId, set);
  if (row === undefined) throw new LiftscopeError({ code: 'not-found', message: `There are no masks named "${set}".` });
  const file = project.artifacts.path(row.artifact);
  const handle = await open(file, 'r');
  try {
    let index = indices.get(file);
    if (index === undefined) {
      index = await readIndex(handle, file);
      indices.set(file, index);
      for (const oldest of [...indices.keys()].slice(0, -KEPT_INDICES)) indices.delete(oldest);
    }
    const entry = index.get(frame.name);
    // Nobody has looked at this frame yet: nothing to show, and no error.
    if (entry === undefined) return { width: frame.width, height: frame.height, segments: [] };
    return parseMasksFrame(file, await readPart(handle, entry.offsetBytes, entry.sizeBytes), frame.name);
  } finally {
    await handle.close();
  }
}

async function readIndex(handle: FileHandle, file: string): Promise<ReadonlyMap<string, MasksEntry>> {
  const { size } = await handle.stat();
  const trailer = await readPart(handle, Math.max(0, size - MASKS_TRAILER_BYTES), MASKS_TRAILER_BYTES);
  const offset = masksIndexOffset(file, trailer, size);
  const bytes = await readPart(handle, offset, size - MASKS_TRAILER_BYTES - offset);
  return new Map(parseMasksIndex(file, bytes, offset).map((entry) => [entry.name, entry]));
}

async function readPart(handle: FileHandle, offset: number, sizeBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(sizeBytes);
  let done = 0;
  while (done < sizeBytes) {
    const { bytesRead } = await handle.read(bytes, done, sizeBytes - done, offset + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
