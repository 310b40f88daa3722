/** Masks: which pixels of a frame belong to which segment, whoever said so. */
import { z } from 'zod';
import { maxImageSidePx } from './camera.ts';
import { fileText, maxFrameNameLength } from './frame.ts';
import { areaOfCounts, countsByLabel, decodeCounts, encodeCounts, forEachRun } from './rle.ts';

/** Most segments in one frame: label images of 16 bits still hold them. A frame with more is a photo taken for a mask. */
export const maxSegmentsPerFrame = 65_535;
/** Ids fit a signed 32-bit label image; 0 is no segment. */
export const maxSegmentId = 0x7fffffff;
const maxClassId = 0x7fffffff;
const maxClasses = 100_000;

/** Id of a segment within its frame; the same object has the same id in all frames only where `consistentIds` says so. */
const segmentIdSchema = z.int().min(1).max(maxSegmentId);

const segmentSchema = z.strictObject({
  id: segmentIdSchema,
  /** Id in the set's `classes`; absent where nothing is known. */
  classId: z.int().min(0).max(maxClassId).optional(),
  /** Of the segmenter, in [0, 1]; absent is as good as 1. */
  confidence: z.number().min(0).max(1).optional(),
  /** Counts along the rows of the whole frame, in COCO's compressed code (`encodeCounts`, `decodeCounts`). */
  rle: z.string().max(2 ** 26),
});
export type Segment = z.infer<typeof segmentSchema>;

/**
 * All segments of one frame. They may overlap (a part and its whole); ids are unique. No segments: somebody looked and found
 * nothing, which is not the same as a frame without masks.
 */
export const frameMasksSchema = z
  .strictObject({
    /** Name of the frame in its capture. */
    frame: fileText(maxFrameNameLength),
    width: z.int().min(1).max(maxImageSidePx),
    height: z.int().min(1).max(maxImageSidePx),
    segments: z.array(segmentSchema).max(maxSegmentsPerFrame),
  })
  .refine(({ segments }) => new Set(segments.map(({ id }) => id)).size === segments.length, {
    error: 'two segments have the same id',
    path: ['segments'],
  });
export type FrameMasks = z.infer<typeof frameMasksSchema>;

const maskClassSchema = z.strictObject({
  id: z.int().min(0).max(maxClassId),
  name: z.string().min(1).max(200),
  /** False for stuff (wall, sky), which has no instances; absent where the source does not say. */
  isThing: z.boolean().optional(),
});
export type MaskClass = z.infer<typeof maskClassSchema>;

const maskProvenanceSchema = z.strictObject({
  /** `human`: drawn or corrected by a person; `model`: a 2D segmenter, built in, simulated or elsewhere; `lifted`: rendered from objects in 3D. */
  kind: z.enum(['human', 'model', 'lifted']),
  /** What made them: `graph segmenter`, `SAM tiny-colour`, `COCO panoptic masks.json`. */
  source: z.string().min(1).max(1000),
  /** Whatever is needed to make them again. */
  parameters: z.record(z.string().max(100), z.json()).optional(),
});
export type MaskProvenance = z.infer<typeof maskProvenanceSchema>;

/** Name of a mask set: it becomes part of commands and URLs. */
export const maskSetNameSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u, { error: 'must be letters, digits, spaces, dots, dashes or underscores' });

export const maskSetInfoSchema = z.strictObject({
  name: maskSetNameSchema,
  provenance: maskProvenanceSchema,
  /** Whether one id means one object in all frames. False for any segmenter that looks at one image at a time. */
  consistentIds: z.boolean(),
  classes: z.array(maskClassSchema).max(maxClasses),
});
export type MaskSetInfo = z.infer<typeof maskSetInfoSchema>;

/** Pixels of a segment; `[height, width]`. @throws LiftscopeError `bad-input` for a code that is not of this size */
export function countsOfSegment(segment: Pick<Segment, 'rle'>, width: number, height: number): number[] {
  return decodeCounts(segment.rle, width * height);
}

/** Segments of a label image, 0 = none, in ascending order of id. @param labels [height, width] */
export function segmentsOfLabels(labels: Uint8Array | Uint16Array | Uint32Array | Int32Array): Segment[] {
  return countsByLabel(labels).map(({ label, counts }) => ({ id: label, rle: encodeCounts(counts) }));
}

export interface LabelImage {
  /** [height, width] ids, 0 = none. */
  readonly labels: Int32Array;
  /** Pixels that belong to more than one segment; only one of them shows. */
  readonly overlapPx: number;
}

/** Where segments overlap the smaller one shows (a part on its whole), and of equal ones the one with the lower id. */
export function labelsOfFrame({ width, height, segments }: Omit<FrameMasks, 'frame'>): LabelImage {
  const labels = new Int32Array(width * height);
  let overlapPx = 0;
  const largestFirst = segments
    .map((segment) => ({ id: segment.id, counts: countsOfSegment(segment, width, height) }))
    .map((segment) => ({ ...segment, area: areaOfCounts(segment.counts) }))
    .sort((a, b) => b.area - a.area || b.id - a.id);
  const twice = new Uint8Array(width * height);
  for (const { id, counts } of largestFirst) {
    forEachRun(counts, (start, end) => {
      for (let i = start; i < end; i++) {
        if (labels[i] !== 0 && twice[i] === 0) {
          twice[i] = 1;
          overlapPx++;
        }
        labels[i] = id;
      }
    });
  }
  return { labels, overlapPx };
}
