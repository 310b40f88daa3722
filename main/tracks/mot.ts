/**
 * MOTChallenge's text format: `frame,id,left,top,width,height,confidence,…`, frames and pixels counted from 1, one line a box. Its
 * results end in three world coordinates (−1 for none), its ground truth in class and visibility, and says 0 as confidence of what
 * is to be ignored.
 */
import {
  boundsOfCounts,
  countsOfSegment,
  encodeCounts,
  type FrameMasks,
  LiftscopeError,
  RunCollector,
} from '../../contract/index.ts';
import { readLines, writeAtomically } from '../capture/index.ts';

export interface MotReport {
  readonly frames: number;
  readonly boxes: number;
  /** Lines that cannot be used, the first ones in words. */
  readonly skipped: number;
  readonly notes: readonly string[];
}

const MAX_NOTES = 20;

/** Writes the boxes of the masks; frames are numbered from 1 in their order. */
export async function writeMot(path: string, frames: AsyncIterable<FrameMasks>): Promise<MotReport> {
  let [number, boxes] = [0, 0];
  await writeAtomically(path, async (handle) => {
    for await (const frame of frames) {
      number++;
      let text = '';
      for (const segment of [...frame.segments].sort((a, b) => a.id - b.id)) {
        const box = boundsOfCounts(countsOfSegment(segment, frame.width, frame.height), frame.width);
        if (box === undefined) continue;
        boxes++;
        const { left, top, right, bottom } = box;
        const sides = [left + 1, top + 1, right - left, bottom - top].join(',');
        text += `${number},${segment.id},${sides},${segment.confidence ?? 1},-1,-1,-1\n`;
      }
      await handle.writeFile(text);
    }
  });
  return { frames: number, boxes, skipped: 0, notes: [] };
}

interface MotFrame {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/**
 * Boxes as rectangular masks, one set of segments for each frame of the capture. What lies outside the image is cut off.
 * @throws LiftscopeError `bad-input` when no line can be used
 */
export async function readMot(
  path: string,
  frames: readonly MotFrame[],
  signal?: AbortSignal,
): Promise<{ readonly frames: FrameMasks[]; readonly report: MotReport }> {
  const found = frames.map((): Map<number, FrameMasks['segments'][number]> => new Map());
  const notes: string[] = [];
  let [line, skipped, boxes] = [0, 0, 0];
  const skip = (problem: string): void => {
    skipped++;
    if (notes.length < MAX_NOTES) notes.push(`line ${line}: ${problem}; left out.`);
  };
  for await (const text of readLines(path, signal && { signal })) {
    line++;
    if (text.trim() === '') continue;
    const fields = text.trim().split(/[,\s]+/);
    const [number, id, left, top, width, height, confidence = 1] = fields.map(Number) as number[];
    if (fields.length < 6 || ![number, id, left, top, width, height, confidence].every(Number.isFinite)) {
      skip('is not frame, id, left, top, width, height');
      continue;
    }
    const frame = Number.isInteger(number) ? frames[number! - 1] : undefined;
    if (frame === undefined) {
      skip(`frame ${number} is not in 1 to ${frames.length}`);
      continue;
    }
    if (!(Number.isInteger(id) && id! >= 1 && id! <= 0x7fffffff)) {
      skip(`id ${id} is out of range`);
      continue;
    }
    if (confidence === 0) {
      skip('is to be ignored');
      continue;
    }
    const counts = rectangle(frame, left! - 1, top! - 1, width!, height!);
    if (counts === undefined) {
      skip('its box has no pixel of the image');
      continue;
    }
    const segments = found[number! - 1]!;
    if (segments.has(id!)) {
      skip(`id ${id} is in frame ${number} already`);
      continue;
    }
    boxes++;
    const known = confidence > 0 && confidence <= 1 ? { confidence } : {};
    segments.set(id!, { id: id!, ...known, rle: encodeCounts(counts) });
  }
  if (boxes === 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: has no box for a frame of the capture${notes[0] === undefined ? '' : ` (${notes[0]})`}.`,
      hint: 'A line of MOT holds frame,id,left,top,width,height,confidence; frames count from 1.',
    });
  }
  return {
    frames: frames.map(({ name, width, height }, i) => {
      return { frame: name, width, height, segments: [...found[i]!.values()] };
    }),
    report: { frames: found.filter(({ size }) => size > 0).length, boxes, skipped, notes },
  };
}

/** Pixels whose centres lie in the box. */
function rectangle(
  { width, height }: MotFrame,
  left: number,
  top: number,
  wide: number,
  high: number,
): number[] | undefined {
  const bound = (value: number, limit: number): number => Math.min(limit, Math.max(0, Math.ceil(value - 0.5)));
  const [x0, x1] = [bound(left, width), bound(left + wide, width)];
  const [y0, y1] = [bound(top, height), bound(top + high, height)];
  if (x1 <= x0 || y1 <= y0) return undefined;
  const runs = new RunCollector();
  for (let y = y0; y < y1; y++) runs.add(y * width + x0, y * width + x1);
  return runs.finish(width * height);
}
