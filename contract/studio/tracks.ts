/** Corrections of tracks, and what helps to make them. */
import { z } from 'zod';

const count = z.int().min(0);
const ids = z.array(count).min(1).max(10_000);

/** One undoable step of a person each. Merging, locking and deleting are edits of objects (`objectEditSchema`). */
export const trackEditSchema = z.discriminatedUnion('type', [
  /** From `position` on it is another object, which is new. */
  z.object({ type: z.literal('split-track'), objectId: count, position: count }),
  /** From `position` on each of the two is the other. */
  z.object({ type: z.literal('swap-tracks'), a: count, b: count, position: count }),
  /** The 2D track that the object has at `position` goes over to another object; to a new one where `to` is absent. */
  z.object({ type: z.literal('assign-track'), objectId: count, position: count, to: count.optional() }),
  /** They are not there: from `position` to the end of what is said of each without a break. */
  z.object({ type: z.literal('mark-absent'), ids, position: count }),
  /** Takes the carried masks of these objects for theirs, in all frames or in some. */
  z.object({ type: z.literal('accept-carried'), ids, from: count.optional(), to: count.optional() }),
]);
export type TrackEdit = z.infer<typeof trackEditSchema>;

/** Two objects that may be one: never seen together, and near in place, appearance and category. */
export const trackSuggestionSchema = z.object({ into: count, from: count, cost: z.number() });
export type TrackSuggestion = z.infer<typeof trackSuggestionSchema>;

/** Where an object was seen: positions ascending, and a world point for each. */
export const trackTrailSchema = z.object({
  objectId: count,
  positions: z.array(count),
  /** [positions * 3] */
  points: z.array(z.number()),
});
export type TrackTrail = z.infer<typeof trackTrailSchema>;

/** A mask that is no segment of the frame: `carried` over in 3D, or `amodal`, hidden parts included. */
export const objectOutlineSchema = z.object({
  objectId: count,
  kind: z.enum(['carried', 'amodal']),
  width: count,
  height: count,
  /** Counts along the rows in COCO's compressed code. */
  rle: z.string(),
});
export type ObjectOutline = z.infer<typeof objectOutlineSchema>;

/** What stands in front of an occluded object: another one, or null for something that is none. */
export const objectOccluderSchema = z.object({ objectId: count, by: count.nullable() });
export type ObjectOccluder = z.infer<typeof objectOccluderSchema>;

/** A re-run whose result is shown, while what was before can still come back. */
export const trackReviewSchema = z.object({
  jobId: count,
  shown: z.enum(['before', 'after']),
  before: z.object({ objects: count, idSwitches: count, seen: count }),
  after: z.object({ objects: count, idSwitches: count, seen: count }),
});
export type TrackReview = z.infer<typeof trackReviewSchema>;

/** What correcting has cost so far. */
export const trackEffortSchema = z.object({
  /** Steps that stand: what was undone does not count. */
  corrections: count,
  /** Pauses of more than half a minute do not count. */
  seconds: z.number().min(0),
});
export type TrackEffort = z.infer<typeof trackEffortSchema>;
