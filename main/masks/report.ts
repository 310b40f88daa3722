/** What an import of masks tells: nothing that was left out or changed goes unsaid. */
import { z } from 'zod';
import { clip, printable } from '../capture/index.ts';

/** Most notes kept one by one; the counts go on. */
const maxNotes = 1000;
/** Most names kept in a list; its count goes on. */
const maxNames = 1000;

const maskNoteCodeSchema = z.enum([
  /** A mask file, or an image of a JSON, that belongs to no frame of the capture; left out. */
  'mask-without-frame',
  /** A name that fits several frames; left out. */
  'mask-ambiguous',
  /** A second mask for a frame; left out. */
  'mask-duplicate',
  /** A mask file that is missing or cannot be read; the frame stays without masks. */
  'mask-unreadable',
  /** A mask of another size and shape than its frame; left out. */
  'size-mismatch',
  /** A mask of the frame's shape in another size, resized by nearest neighbour. */
  'resized',
  /** A segment that vanished in resizing; kept as one pixel. */
  'segment-vanished',
  /** No frame matched by name; numbers at the ends of names decided. */
  'matched-by-number',
  /** Pixels of an id that the JSON does not list; kept as a segment without a class. */
  'id-unlisted',
  /** A listed segment without pixels; there is nothing to keep. */
  'segment-empty',
  /** A segment whose outline, run-length code or entry is not valid; left out. */
  'segment-invalid',
  /** A segment of an image that the file does not list; left out. */
  'image-unknown',
  /** A segment's class is not listed; the number is kept. */
  'class-unknown',
  /** A class's entry is not valid; left out. */
  'class-invalid',
  /** An id that cannot stay (too large, or used twice in a frame); the segment got another. */
  'id-changed',
  /** A region marked to be ignored; left out. */
  'ignore-region',
  /** An RGB mask in which every pixel is grey: read as 24-bit ids all the same. */
  'rgb-grey',
  /** One segment covers nearly the whole frame. */
  'segment-giant',
  /** So many segments that a photo or a blurred mask is likely. */
  'segments-many',
  /** More segments than a frame may have; the frame was left out. */
  'segments-too-many',
]);
export type MaskNoteCode = z.infer<typeof maskNoteCodeSchema>;

export interface MaskNote {
  readonly code: MaskNoteCode;
  /** One sentence: what, where, what was done about it. */
  readonly message: string;
}

/** Names with a bound on how many are kept. */
export interface NameList {
  readonly names: readonly string[];
  readonly count: number;
}

/** A summary that `--json` prints as it is. */
export interface MaskImportReport {
  readonly format: string;
  readonly frames: number;
  readonly segments: number;
  /** Frames of the capture for which there were no masks. */
  readonly framesWithoutMasks: NameList;
  /** Masks that belong to no frame. */
  readonly masksWithoutFrames: NameList;
  /** Frames whose masks hold no segment. */
  readonly emptyFrames: NameList;
  readonly notes: readonly MaskNote[];
  readonly noteCounts: { readonly [code in MaskNoteCode]?: number };
}

export class Names {
  readonly #names: string[] = [];
  #count = 0;

  add(name: string): void {
    this.#count++;
    if (this.#names.length < maxNames) this.#names.push(clip(printable(name), 1000));
  }

  list(): NameList {
    return { names: this.#names, count: this.#count };
  }
}

export class Notes {
  readonly list: MaskNote[] = [];
  readonly counts: Partial<Record<MaskNoteCode, number>> = {};

  add(code: MaskNoteCode, message: string): void {
    this.counts[code] = (this.counts[code] ?? 0) + 1;
    if (this.list.length < maxNotes) this.list.push({ code, message: clip(printable(message), 2000) });
  }
}
