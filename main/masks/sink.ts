/** Where importers put what they read: checks each frame's segments, fits them to the frame, counts, and passes them on. */
import {
  areaOfCounts,
  boundsOfCounts,
  encodeCounts,
  type FrameMasks,
  forEachRun,
  maxSegmentId,
  maxSegmentsPerFrame,
  RunCollector,
  type Segment,
} from '../../contract/index.ts';
import type { FrameMatcher, MaskFrame, Match } from './match.ts';
import { type MaskImportReport, Names, Notes } from './report.ts';

/** A segment as a file has it: counts along the rows of the file's image. */
export interface SourceSegment {
  readonly id: number;
  readonly classId?: number | undefined;
  readonly confidence?: number | undefined;
  readonly counts: readonly number[];
}

/** More than any annotator draws; blurred masks and photos have this many. */
const MANY_SEGMENTS = 5000;
/** Share of the frame that is nearly all of it. */
const GIANT_SHARE = 0.98;

export class MaskSink {
  readonly notes = new Notes();
  readonly #matcher: FrameMatcher;
  readonly #write: (frame: FrameMasks) => Promise<void>;
  readonly #seen = new Set<MaskFrame>();
  readonly #unmatched = new Names();
  readonly #empty = new Names();
  #frames = 0;
  #segments = 0;

  constructor(matcher: FrameMatcher, write: (frame: FrameMasks) => Promise<void>) {
    this.#matcher = matcher;
    this.#write = write;
  }

  /** The frame to which a mask called `name` belongs; otherwise says so and returns undefined. */
  accept(match: Match, name: string): MaskFrame | undefined {
    if (match === undefined || match === 'ambiguous') {
      this.#unmatched.add(name);
      if (match === undefined) this.notes.add('mask-without-frame', `${name}: no frame has this name; left out.`);
      else this.notes.add('mask-ambiguous', `${name}: several frames have this name; left out.`);
      return undefined;
    }
    if (this.#seen.has(match)) {
      this.notes.add('mask-duplicate', `${name}: frame ${match.name} has masks already; left out.`);
      return undefined;
    }
    return match;
  }

  /** @param source name of the mask, and the size of the image that its segments are of */
  async add(
    frame: MaskFrame,
    source: { readonly name: string; readonly width: number; readonly height: number },
    segments: readonly SourceSegment[],
  ): Promise<void> {
    const { width, height, name } = frame;
    if (segments.length > maxSegmentsPerFrame) {
      this.notes.add(
        'segments-too-many',
        `${source.name}: has ${segments.length} segments, more than ${maxSegmentsPerFrame}; left out. Is it a photo, or saved with loss?`,
      );
      return;
    }
    const same = source.width === width && source.height === height;
    if (!same && !sameShape(source, frame)) {
      this.notes.add(
        'size-mismatch',
        `${source.name}: is ${source.width}x${source.height}, frame ${name} is ${width}x${height}, of another shape; left out.`,
      );
      return;
    }
    if (!same) {
      this.notes.add(
        'resized',
        `${source.name}: resized from ${source.width}x${source.height} to ${width}x${height} by nearest neighbour.`,
      );
    }
    const ids = new UniqueIds(segments);
    const out: Segment[] = [];
    for (const segment of segments) {
      const counts = same ? segment.counts : this.#resized(segment, source, frame);
      const area = areaOfCounts(counts);
      if (area === 0) {
        this.notes.add(
          'segment-empty',
          `${source.name}: segment ${segment.id} has no pixels; there is nothing to keep.`,
        );
        continue;
      }
      if (area >= GIANT_SHARE * width * height) {
        this.notes.add('segment-giant', `${source.name}: segment ${segment.id} covers nearly the whole frame.`);
      }
      const id = ids.take(segment.id);
      if (id !== segment.id) {
        this.notes.add(
          'id-changed',
          `${source.name}: a segment of id ${segment.id} is now ${id}: ids are unique in a frame, from 1 to ${maxSegmentId}.`,
        );
      }
      out.push({
        id,
        ...(segment.classId !== undefined && { classId: segment.classId }),
        ...(segment.confidence !== undefined && { confidence: segment.confidence }),
        rle: encodeCounts(counts),
      });
    }
    if (out.length > MANY_SEGMENTS) {
      this.notes.add('segments-many', `${source.name}: has ${out.length} segments. Is it a photo, or saved with loss?`);
    }
    this.#seen.add(frame);
    this.#frames++;
    this.#segments += out.length;
    if (out.length === 0) this.#empty.add(name);
    await this.#write({ frame: name, width, height, segments: out });
  }

  report(format: string): MaskImportReport {
    const without = new Names();
    for (const frame of this.#matcher.frames) if (!this.#seen.has(frame)) without.add(frame.name);
    return {
      format,
      frames: this.#frames,
      segments: this.#segments,
      framesWithoutMasks: without.list(),
      masksWithoutFrames: this.#unmatched.list(),
      emptyFrames: this.#empty.list(),
      notes: this.notes.list,
      noteCounts: this.notes.counts,
    };
  }

  #resized(
    segment: SourceSegment,
    source: { readonly name: string; readonly width: number; readonly height: number },
    frame: MaskFrame,
  ): number[] {
    const counts = resizeCounts(segment.counts, source, frame);
    if (areaOfCounts(counts) > 0) return counts;
    const box = boundsOfCounts(segment.counts, source.width);
    if (box === undefined) return counts;
    this.notes.add(
      'segment-vanished',
      `${source.name}: segment ${segment.id} is smaller than a pixel of the frame; kept as one pixel.`,
    );
    const first = segment.counts[0]!;
    const scaled = (value: number, from: number, to: number): number =>
      Math.min(to - 1, Math.floor(((value + 0.5) / from) * to));
    const x = scaled(first % source.width, source.width, frame.width);
    const y = scaled(Math.floor(first / source.width), source.height, frame.height);
    const runs = new RunCollector();
    runs.add(y * frame.width + x, y * frame.width + x + 1);
    return runs.finish(frame.width * frame.height);
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Whether one size is the other scaled, up to the rounding of a side to whole pixels. */
function sameShape(a: Size, b: Size): boolean {
  const [small, large] = a.width * a.height < b.width * b.height ? [a, b] : [b, a];
  // By the longer side, whose rounding says least; the other may be off by one pixel of the smaller image.
  const factor = large.width >= large.height ? small.width / large.width : small.height / large.height;
  return Math.abs(large.width * factor - small.width) <= 1 && Math.abs(large.height * factor - small.height) <= 1;
}

/** Nearest neighbour: each pixel takes what lies under its centre. The cost is that of the mask's box, not of the image. */
function resizeCounts(counts: readonly number[], from: Size, to: Size): number[] {
  const runs = new RunCollector();
  const box = boundsOfCounts(counts, from.width);
  if (box !== undefined) {
    const wide = box.right - box.left;
    const mask = new Uint8Array(wide * (box.bottom - box.top));
    forEachRun(counts, (start, end) => {
      for (let i = start; i < end; ) {
        const y = Math.floor(i / from.width);
        const rowEnd = Math.min(end, (y + 1) * from.width);
        const at = (y - box.top) * wide - y * from.width - box.left;
        mask.fill(1, at + i, at + rowEnd);
        i = rowEnd;
      }
    });
    const scaleX = from.width / to.width;
    const scaleY = from.height / to.height;
    const firstX = Math.max(0, Math.floor(box.left / scaleX) - 1);
    const lastX = Math.min(to.width, Math.ceil(box.right / scaleX) + 1);
    const firstY = Math.max(0, Math.floor(box.top / scaleY) - 1);
    const lastY = Math.min(to.height, Math.ceil(box.bottom / scaleY) + 1);
    const inside = (x: number, row: number): boolean => {
      const column = Math.floor((x + 0.5) * scaleX) - box.left;
      return column >= 0 && column < wide && mask[row * wide + column] === 1;
    };
    for (let y = firstY; y < lastY; y++) {
      const row = Math.floor((y + 0.5) * scaleY) - box.top;
      if (row < 0 || row >= box.bottom - box.top) continue;
      for (let x = firstX; x < lastX; x++) {
        if (!inside(x, row)) continue;
        const start = x;
        while (x < lastX && inside(x, row)) x++;
        runs.add(y * to.width + start, y * to.width + x);
      }
    }
  }
  return runs.finish(to.width * to.height);
}

/** Keeps the ids that may stay; those that may not get the smallest that none of the others has. */
class UniqueIds {
  readonly #reserved: ReadonlySet<number>;
  readonly #used = new Set<number>();
  #next = 1;

  constructor(segments: readonly { readonly id: number }[]) {
    this.#reserved = new Set(segments.map(({ id }) => id));
  }

  take(id: number): number {
    if (Number.isInteger(id) && id >= 1 && id <= maxSegmentId && !this.#used.has(id)) {
      this.#used.add(id);
      return id;
    }
    while (this.#used.has(this.#next) || this.#reserved.has(this.#next)) this.#next++;
    this.#used.add(this.#next);
    return this.#next;
  }
}
