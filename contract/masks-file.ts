/**
 * The `.masks` file: one mask set, written by workers and importers, kept as an artifact, readable frame by frame.
 *
 * ```
 * line 1                 JSON, a `MasksHeader`
 * one line for each      JSON, a `FrameMasks`; frame names are unique
 * JSON                   {"frames": [[name, offsetBytes, sizeBytes], …]}: where each frame's line is, without its line end
 * last line              20 characters: offset of the line before in bytes, padded with zeros, and a line end
 * ```
 *
 * UTF-8, every line ends with \n. The last line tells a whole file from one that was cut short.
 */
import { z } from 'zod';
import { LiftscopeError } from './events.ts';
import { fileText, maxFrameNameLength } from './frame.ts';
import { type FrameMasks, frameMasksSchema, type MaskSetInfo, maskSetInfoSchema } from './masks.ts';

const MASKS_FORMAT = 'liftscope-masks';
export const MASKS_EXTENSION = 'masks';
export const MASKS_TRAILER_BYTES = 20;

export const MASKS_LIMITS = {
  headerBytes: 64 * 2 ** 20,
  /** One frame. 65,535 segments of ragged outline come to about 20 MB. */
  frameBytes: 256 * 2 ** 20,
  indexBytes: 512 * 2 ** 20,
  frames: 1_000_000,
} as const;

const headerSchema = z.strictObject({
  format: z.literal(MASKS_FORMAT),
  version: z.literal(1),
  set: maskSetInfoSchema,
});

const indexSchema = z.strictObject({
  frames: z
    .array(z.tuple([fileText(maxFrameNameLength), z.int().min(0), z.int().min(1).max(MASKS_LIMITS.frameBytes)]))
    .max(MASKS_LIMITS.frames),
});

/** Where a frame's line lies in the file. */
export interface MasksEntry {
  readonly name: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

function damaged(file: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${file}: ${problem}.`,
    hint: 'The mask file is damaged or incomplete: make the masks again.',
  });
}

/** Produces the bytes of a `.masks` file in order: {@link header}, {@link frame} for each frame, {@link finish}. */
export class MasksEncoder {
  private readonly entries: [string, number, number][] = [];
  private readonly names = new Set<string>();
  private readonly encoder = new TextEncoder();
  private offset = 0;

  header(set: MaskSetInfo): Uint8Array<ArrayBuffer> {
    return this.line({ format: MASKS_FORMAT, version: 1, set: maskSetInfoSchema.parse(set) });
  }

  /** @throws LiftscopeError `internal` when the frame is not valid or its name was written before */
  frame(frame: FrameMasks): Uint8Array<ArrayBuffer> {
    const parsed = frameMasksSchema.safeParse(frame);
    const problem = parsed.success
      ? this.names.has(frame.frame) && 'its name was written before'
      : (parsed.error.issues[0]?.message ?? 'not valid');
    if (problem !== false) {
      throw new LiftscopeError({
        code: 'internal',
        message: `The masks of frame ${frame.frame} cannot be stored: ${problem}.`,
      });
    }
    this.names.add(frame.frame);
    const offset = this.offset;
    const bytes = this.line(parsed.data);
    this.entries.push([frame.frame, offset, bytes.length - 1]);
    return bytes;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const indexOffset = this.offset;
    const index = this.line({ frames: this.entries });
    const trailer = this.encoder.encode(`${String(indexOffset).padStart(MASKS_TRAILER_BYTES - 1, '0')}\n`);
    const bytes = new Uint8Array(index.length + trailer.length);
    bytes.set(index);
    bytes.set(trailer, index.length);
    return bytes;
  }

  private line(value: unknown): Uint8Array<ArrayBuffer> {
    const bytes = this.encoder.encode(`${JSON.stringify(value)}\n`);
    this.offset += bytes.length;
    return bytes;
  }
}

/** Where the index begins. @param trailer the last {@link MASKS_TRAILER_BYTES} bytes @throws LiftscopeError `bad-input` */
export function masksIndexOffset(file: string, trailer: Uint8Array, sizeBytes: number): number {
  const text = new TextDecoder().decode(trailer);
  const offset = /^\d{19}\n$/.test(text) ? Number(text) : Number.NaN;
  if (!(offset < sizeBytes - MASKS_TRAILER_BYTES)) throw damaged(file, 'it has no end and was cut short');
  if (sizeBytes - offset > MASKS_LIMITS.indexBytes) throw damaged(file, 'its index is too large');
  return offset;
}

/** @param index the bytes from the index's offset to the trailer @throws LiftscopeError `bad-input` */
export function parseMasksIndex(file: string, index: Uint8Array, indexOffset: number): MasksEntry[] {
  const parsed = indexSchema.safeParse(parseJson(file, index));
  if (!parsed.success) throw damaged(file, `its index is not valid: ${parsed.error.issues[0]?.message ?? ''}`);
  return parsed.data.frames.map(([name, offsetBytes, sizeBytes]) => {
    if (offsetBytes + sizeBytes > indexOffset) throw damaged(file, `its index names a place beyond it for ${name}`);
    return { name, offsetBytes, sizeBytes };
  });
}

/** @param line the first line @throws LiftscopeError `bad-input` */
export function parseMasksHeader(file: string, line: Uint8Array): MaskSetInfo {
  const parsed = headerSchema.safeParse(parseJson(file, line));
  if (!parsed.success) throw damaged(file, `its first line is not that of a mask file`);
  return parsed.data.set;
}

/** @throws LiftscopeError `bad-input` */
export function parseMasksFrame(file: string, line: Uint8Array, name: string): FrameMasks {
  const parsed = frameMasksSchema.safeParse(parseJson(file, line));
  if (!parsed.success)
    throw damaged(file, `the masks of ${name} are not valid: ${parsed.error.issues[0]?.message ?? ''}`);
  if (parsed.data.frame !== name) throw damaged(file, `the masks of ${name} are those of ${parsed.data.frame}`);
  return parsed.data;
}

function parseJson(file: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged(file, `a line is not JSON (${error instanceof Error ? error.message.slice(0, 200) : String(error)})`);
  }
}
