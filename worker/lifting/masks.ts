/** The masks of a request: read frame by frame, checked against the frames they claim to be of. */
import { createHash } from 'node:crypto';
import {
  type FrameMasks,
  LiftscopeError,
  labelsOfFrame,
  type MaskSetInfo,
  type TrainingFrame,
} from '../../contract/index.ts';
import type { NamedSegments } from '../objects/index.ts';
import { viewOf } from '../splats/index.ts';
import { readMasksFile } from './masks-file.ts';

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
  const hash = createHash('sha256');
  const known = new Map(frames.map((frame) => [frame.name, frame]));
  const loaded = new Map<string, NamedSegments>();
  const warnings: string[] = [];
  const missing = new Set(known.keys());
  const set = await readMasksFile(path, ({ name, bytes, parse }) => {
    hash.update(bytes);
    const frame = known.get(name);
    if (frame === undefined) {
      warnings.push(`${name}: has masks but is no frame of the capture; left out.`);
      return;
    }
    missing.delete(name);
    try {
      const usable = usableMasks(parse(), frame, warnings);
      if (usable !== undefined) loaded.set(name, usable);
    } catch (error) {
      if (!(error instanceof LiftscopeError)) throw error;
      warnings.push(`${name}: ${error.message} Left out.`);
    }
  });
  for (const name of missing) warnings.push(`${name}: has no masks; its image was not lifted.`);
  return { set, frames: loaded, warnings, fingerprint: hash.digest('hex') };
}

function usableMasks(masks: FrameMasks, frame: TrainingFrame, warnings: string[]): NamedSegments | undefined {
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
