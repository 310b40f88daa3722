/**
 * VISOR-layout JSON (Darkhalil et al. 2022): `video_annotations`, of each frame its image and annotations with name, class and
 * polygons. Identity is the name within a video; ours add the id (`track-12`), which other programs keep as text, and a list of
 * classes, so that nothing is lost on the way back.
 */
import { z } from 'zod';
import {
  countsOfSegment,
  encodeCounts,
  type FrameMasks,
  LiftscopeError,
  type MaskClass,
  maxSegmentId,
} from '../../contract/index.ts';
import { readWhole, writeAtomically } from '../capture/index.ts';
import { countsOfPolygons } from '../masks/index.ts';
import { outlinesOfCounts } from './outlines.ts';

/** Parsing takes several times this much; VISOR's own files are below 100 MB. */
const MAX_BYTES = 512 * 2 ** 20;
const MAX_NOTES = 20;

const name = z.string().min(1).max(1024);
const point = z.tuple([z.number().finite(), z.number().finite()]);
const annotationSchema = z.object({
  id: z.union([z.string().max(1024), z.number()]).optional(),
  name: z.string().min(1).max(200),
  class_id: z.number().int().min(0).max(0x7fffffff).optional(),
  confidence: z.number().min(0).max(1).optional(),
  segments: z.array(z.array(point).max(1_000_000)).max(100_000),
});
const frameSchema = z.object({
  image: z.object({
    name,
    video: z.string().max(1024).optional(),
    width: z.number().int().min(1).max(32_768).optional(),
    height: z.number().int().min(1).max(32_768).optional(),
  }),
  annotations: z.array(z.unknown()).max(65_535),
});
const documentSchema = z.object({
  info: z
    .object({ classes: z.array(z.object({ id: z.int().min(0).max(0x7fffffff), name: z.string().min(1).max(200) })) })
    .optional()
    .catch(undefined),
  video_annotations: z.array(frameSchema).max(1_000_000),
});

export interface VisorOptions {
  /** Name of the video; default `video`. */
  readonly video?: string;
  readonly classes: readonly MaskClass[];
  /** Name of a track within the video; default its class and id. */
  readonly nameOf?: (id: number) => string | undefined;
}

/** @returns frames and segments written */
export async function writeVisor(
  path: string,
  frames: AsyncIterable<FrameMasks>,
  { video = 'video', classes, nameOf }: VisorOptions,
): Promise<{ readonly frames: number; readonly segments: number }> {
  const classNames = new Map(classes.map((entry) => [entry.id, entry.name]));
  const info = { description: 'VISOR layout', classes: classes.map(({ id, name: label }) => ({ id, name: label })) };
  let [count, segments] = [0, 0];
  await writeAtomically(path, async (handle) => {
    await handle.writeFile(`{"info":${JSON.stringify(info)},\n"video_annotations":[`);
    for await (const frame of frames) {
      const { width, height } = frame;
      const annotations = frame.segments.map(({ id, classId, confidence, rle }) => ({
        id: `track-${id}`,
        name: nameOf?.(id) ?? `${(classId === undefined ? undefined : classNames.get(classId)) ?? 'object'} ${id}`,
        ...(classId !== undefined && { class_id: classId }),
        ...(confidence !== undefined && { confidence }),
        segments: outlinesOfCounts(countsOfSegment({ rle }, width, height), width),
      }));
      segments += annotations.length;
      const image = { image_path: `${video}/${frame.frame}`, name: frame.frame, video, width, height };
      await handle.writeFile(`${count++ > 0 ? ',' : ''}\n${JSON.stringify({ image, annotations })}`);
    }
    await handle.writeFile(']}\n');
  });
  return { frames: count, segments };
}

interface VisorFrame {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

export interface VisorImport {
  readonly frames: FrameMasks[];
  readonly classes: MaskClass[];
  /** Name of each track. */
  readonly names: ReadonlyMap<number, string>;
  /** Annotations and frames that cannot be used. */
  readonly skipped: number;
  readonly notes: readonly string[];
}

/**
 * @param frames of the capture; annotated images are found by name, with or without the folders before it. Outlines of an image of
 *   another size are scaled.
 * @throws LiftscopeError `bad-input` for a file that is not of this layout, or of no frame of the capture
 */
export async function readVisor(
  path: string,
  frames: readonly VisorFrame[],
  signal?: AbortSignal,
): Promise<VisorImport> {
  const document = parseDocument(path, await readWhole(path, MAX_BYTES, signal && { signal }));
  const byName = new Map<string, VisorFrame>();
  for (const frame of frames) {
    byName.set(baseOf(frame.name), frame);
    byName.set(frame.name, frame);
  }
  const ids = new TrackIds(largestTrack(document));
  const notes: string[] = [];
  let skipped = 0;
  const skip = (problem: string): void => {
    skipped++;
    if (notes.length < MAX_NOTES) notes.push(problem);
  };
  const classes = new Map((document.info?.classes ?? []).map((entry) => [entry.id, entry.name]));
  const masks = new Map<string, FrameMasks>();
  for (const { image, annotations } of document.video_annotations) {
    signal?.throwIfAborted();
    const frame = byName.get(image.name) ?? byName.get(baseOf(image.name));
    if (frame === undefined || masks.has(frame.name)) {
      skip(`${image.name}: ${frame === undefined ? 'is no frame of the capture' : 'is annotated twice'}; left out.`);
      continue;
    }
    const { width, height } = frame;
    const [sx, sy] = [width / (image.width ?? width), height / (image.height ?? height)];
    const segments = new Map<number, FrameMasks['segments'][number]>();
    for (const [index, entry] of annotations.entries()) {
      const where = `${image.name}, annotation ${index}`;
      const parsed = annotationSchema.safeParse(entry);
      if (!parsed.success) {
        skip(`${where}: ${parsed.error.issues[0]?.message ?? 'not valid'}; left out.`);
        continue;
      }
      const { class_id: classId, confidence, segments: polygons } = parsed.data;
      const flat = polygons.map((polygon) => polygon.flatMap(([x, y]) => [x * sx, y * sy]));
      const counts = countsOfPolygons(flat, width, height);
      if (counts === undefined) {
        skip(`${where}: its outlines are too long; left out.`);
        continue;
      }
      if (counts.length === 1) {
        skip(`${where}: has no pixels; left out.`);
        continue;
      }
      const id = ids.of(parsed.data.id, parsed.data.name);
      if (segments.has(id)) {
        skip(`${where}: "${parsed.data.name}" is in this frame already; left out.`);
        continue;
      }
      if (classId !== undefined && !classes.has(classId)) classes.set(classId, parsed.data.name);
      segments.set(id, {
        id,
        ...(classId !== undefined && { classId }),
        ...(confidence !== undefined && { confidence }),
        rle: encodeCounts(counts),
      });
    }
    masks.set(frame.name, { frame: frame.name, width, height, segments: [...segments.values()] });
  }
  if (masks.size === 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: none of its images is a frame of the capture${notes[0] === undefined ? '' : ` (${notes[0]})`}.`,
      hint: 'Images are found by their names.',
    });
  }
  return {
    frames: [...masks.values()],
    classes: [...classes].sort(([a], [b]) => a - b).map(([id, label]) => ({ id, name: label })),
    names: ids.names,
    ...{ skipped, notes },
  };
}

/** The number in `track-12`, else one for each name, beyond all such numbers in the file. */
class TrackIds {
  readonly names = new Map<number, string>();
  readonly #byName = new Map<string, number>();
  #next: number;

  constructor(largest: number) {
    this.#next = largest + 1;
  }

  of(id: string | number | undefined, label: string): number {
    const given = trackOf(id);
    if (given !== undefined) {
      this.names.set(given, label);
      return given;
    }
    const known = this.#byName.get(label);
    if (known !== undefined) return known;
    this.#byName.set(label, this.#next);
    this.names.set(this.#next, label);
    return this.#next++;
  }
}

function trackOf(id: unknown): number | undefined {
  const digits = typeof id === 'string' ? /^track-(\d{1,10})$/.exec(id)?.[1] : undefined;
  const given = Number(digits ?? 0);
  // Half of the range stays free for names.
  return given >= 1 && given <= maxSegmentId / 2 ? given : undefined;
}

function largestTrack({ video_annotations: frames }: z.infer<typeof documentSchema>): number {
  let largest = 0;
  for (const { annotations } of frames) {
    for (const entry of annotations) {
      if (typeof entry !== 'object' || entry === null || !('id' in entry)) continue;
      largest = Math.max(largest, trackOf(entry.id) ?? 0);
    }
  }
  return largest;
}

function parseDocument(path: string, bytes: Uint8Array): z.infer<typeof documentSchema> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged(path, error instanceof Error ? error.message.slice(0, 200) : String(error));
  }
  const parsed = documentSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw damaged(path, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function damaged(path: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${path}: is not JSON in VISOR's layout (${problem}).`,
    hint: 'It has a list "video_annotations" with "image" and "annotations".',
  });
}

function baseOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
