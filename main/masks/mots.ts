/** MOTS (Voigtlaender et al. 2019): `frame id class height width rle`, one line a segment, COCO's compressed code. */
import { decodeCounts, LiftscopeError, type MaskClass, rowCounts } from '../../contract/index.ts';
import { CaptureError, readLines } from '../capture/index.ts';
import type { ImportJob } from './import.ts';
import type { SourceSegment } from './sink.ts';

export const IGNORE_ID = 10_000;
const IGNORE_CLASS = 10;
/** Instances per class in an id. */
export const MOTS_CLASS_STEP = 1000;
/** The two classes of the data set; others keep their number alone. */
export const MOTS_CLASSES: readonly MaskClass[] = [
  { id: 1, name: 'car', isThing: true },
  { id: 2, name: 'pedestrian', isThing: true },
];
const maxSidePx = 32_768;

/** Ids below 1000 say nothing about a class. */
export function motsClassOf(id: number): number | undefined {
  return id >= MOTS_CLASS_STEP ? Math.floor(id / MOTS_CLASS_STEP) : undefined;
}

interface Line {
  readonly frame: number;
  readonly width: number;
  readonly height: number;
  readonly segment: SourceSegment;
}

/** Frames are found by the last number in their names. Lines of one frame need not follow one another. */
export async function importMotsText(path: string, job: ImportJob): Promise<void> {
  const byFrame = new Map<number, { width: number; height: number; segments: SourceSegment[] }>();
  const { notes } = job.sink;
  let lineNumber = 0;
  for await (const text of readLines(path, job.signal && { signal: job.signal })) {
    lineNumber++;
    if (text.trim() === '') continue;
    const where = `line ${lineNumber}`;
    const line = parseLine(text);
    if (typeof line === 'string') {
      notes.add('segment-invalid', `${where}: ${line}; left out.`);
      continue;
    }
    if (line.segment.classId === IGNORE_CLASS || line.segment.id === IGNORE_ID) {
      notes.add('ignore-region', `${where}: a region to be ignored is left out.`);
      // The frame was looked at all the same.
      if (!byFrame.has(line.frame)) byFrame.set(line.frame, { width: line.width, height: line.height, segments: [] });
      continue;
    }
    const known = byFrame.get(line.frame);
    if (known === undefined) {
      byFrame.set(line.frame, { width: line.width, height: line.height, segments: [line.segment] });
    } else if (known.width === line.width && known.height === line.height) known.segments.push(line.segment);
    else notes.add('segment-invalid', `${where}: its frame has another size in an earlier line; left out.`);
  }
  if (byFrame.size === 0) {
    throw new CaptureError({
      code: 'no-frames',
      file: path,
      problem: 'has no line with a segment.',
      advice: 'A line of MOTS holds six values: frame id class height width rle.',
    });
  }
  const numbers = [...byFrame.keys()].sort((a, b) => a - b);
  for (const [index, number] of numbers.entries()) {
    job.signal?.throwIfAborted();
    const name = `frame ${number}`;
    const { width, height, segments } = byFrame.get(number)!;
    const frame = job.sink.accept(job.matcher.byNumber(number), name);
    if (frame !== undefined) await job.sink.add(frame, { name, width, height }, segments);
    byFrame.delete(number);
    job.onProgress?.(index + 1, numbers.length);
  }
}

/** The segment, or what is wrong with the line. */
function parseLine(text: string): Line | string {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 6) return `has ${fields.length} values; a line of MOTS has six`;
  const [frame, id, classId, height, width] = fields
    .slice(0, 5)
    .map((field) => (/^\d{1,10}$/.test(field) ? Number(field) : Number.NaN));
  if (![frame, id, classId, height, width].every(Number.isInteger)) return 'a value is not a whole number';
  if (!(width! >= 1 && height! >= 1 && width! <= maxSidePx && height! <= maxSidePx))
    return `${width}x${height} is no size`;
  try {
    const counts = rowCounts(decodeCounts(fields[5]!, width! * height!), width!, height!);
    return {
      frame: frame!,
      width: width!,
      height: height!,
      segment: { id: id!, classId: classId === 0 ? undefined : classId, counts },
    };
  } catch (error) {
    if (error instanceof LiftscopeError) return error.message;
    throw error;
  }
}
