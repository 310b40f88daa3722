/** What an annotator works on: objects of a capture, their tracks, what is seen of them per frame, and masks. */
import { z } from 'zod';
import { maxImageSidePx } from './camera.ts';
import { maxFrames } from './capture.ts';
import { MAX_QUERY_CHARACTERS, queryScaleSchema } from './language.ts';
import { OBSERVATION_FLAGS, OBSERVATION_STATES } from './studio/index.ts';

/** Longest accepted name of an object or a class, in UTF-16 code units. */
const maxNameLength = 200;
/** Longest accepted inline mask, in characters of compressed runs; a larger one goes to an artifact. */
export const maxInlineMaskCharacters = 65_536;
/** Largest id that a project gives out. */
const maxRecordId = 2 ** 40;

/** Text that SQLite gives back as it was: no NUL, which ends it there, and no half of a surrogate pair. */
function storedText(maxLength: number) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), {
      error: 'must be well-formed text without a NUL character',
    });
}

const recordIdSchema = z.int().min(1).max(maxRecordId);
const captureIdSchema = z.int().min(1);
/** Index of a frame within its capture, from 0. */
const positionSchema = z
  .int()
  .min(0)
  .max(maxFrames - 1);

/**
 * Where a record comes from. `human`: a person made or changed it, and no job may touch it again. `model`: a 2D model or
 * an imported file said so. `lifted`: computed from the 3D objects.
 */
export const provenanceSchema = z.enum(['human', 'model', 'lifted']);
export type Provenance = z.infer<typeof provenanceSchema>;

/** Bits that a stored observation may have: whether a person made it is its provenance's to say. */
const storedFlags = 0xff & ~OBSERVATION_FLAGS.human;

/** A 3D thing of a capture. */
const objectRecordSchema = z.strictObject({
  type: z.literal('object'),
  id: recordIdSchema,
  captureId: captureIdSchema,
  name: storedText(maxNameLength),
  /** Null: of no class. */
  className: storedText(maxNameLength).nullable(),
  /** Index into the colour-blind-safe palette, modulo its length, or `#rrggbb` in lower case. */
  colour: z.union([z.int().min(0).max(1_000_000), z.string().regex(/^#[0-9a-f]{6}$/)]),
  hidden: z.boolean(),
  /** No job may change this object, its tracks or their observations. */
  locked: z.boolean(),
  provenance: provenanceSchema,
});
export type ObjectRecord = z.infer<typeof objectRecordSchema>;

/**
 * A run of observations that carry one identity. An object has many. Merging two objects re-points tracks; splitting one
 * moves tracks, and observations of the track that straddles the cut.
 */
const trackRecordSchema = z.strictObject({
  type: z.literal('track'),
  id: recordIdSchema,
  captureId: captureIdSchema,
  /** Null: belongs to no object yet. */
  objectId: recordIdSchema.nullable(),
  /** The id that the 2D tracker or the imported file gave; null when made here. */
  sourceId: storedText(maxNameLength).nullable(),
  locked: z.boolean(),
  provenance: provenanceSchema,
});
export type TrackRecord = z.infer<typeof trackRecordSchema>;

/** What a track is in one frame. At most one per track and frame; its identity is (trackId, position). */
const observationRecordSchema = z.strictObject({
  type: z.literal('observation'),
  trackId: recordIdSchema,
  position: positionSchema,
  state: z.enum(OBSERVATION_STATES),
  /** Between the given mask and the rendered one: 0 agree, 1 nothing in common, null not measured. */
  disagreement: z
    .number()
    .min(0)
    .max(1)
    // Minus zero does not survive storage.
    .transform((value) => value + 0)
    .nullable(),
  /** Bits of `OBSERVATION_FLAGS` without `human`. */
  flags: z
    .int()
    .min(0)
    .max(255)
    .refine((flags) => (flags & ~storedFlags) === 0, { error: 'must not have the bit "human"; provenance says that' }),
  maskId: recordIdSchema.nullable(),
  provenance: provenanceSchema,
});
export type ObservationRecord = z.infer<typeof observationRecordSchema>;

/** A binary mask of a frame. Exactly one of `rle` and `artifact`. */
const maskRecordSchema = z
  .strictObject({
    type: z.literal('mask'),
    id: recordIdSchema,
    captureId: captureIdSchema,
    position: positionSchema,
    width: z.int().min(1).max(maxImageSidePx),
    height: z.int().min(1).max(maxImageSidePx),
    /** Counts along the rows in COCO's compressed code, as {@link Segment.rle}. */
    rle: z
      .string()
      .regex(/^[0-o]+$/)
      .max(maxInlineMaskCharacters)
      .nullable(),
    /** Name of an artifact that holds the same text, for masks beyond {@link maxInlineMaskCharacters}. */
    artifact: z
      .string()
      .regex(/^[0-9a-f]{64}\.[a-z0-9]{1,16}$/)
      .nullable(),
    provenance: provenanceSchema,
  })
  .refine((mask) => (mask.rle === null) !== (mask.artifact === null), {
    error: 'a mask has either rle or an artifact',
  });
export type MaskRecord = z.infer<typeof maskRecordSchema>;

/** A choice that undo covers, for example the list of classes. Choices that it does not cover are no records. */
const settingRecordSchema = z.strictObject({
  type: z.literal('setting'),
  key: z.string().regex(/^[a-z][a-z0-9.-]{0,99}$/),
  value: z.json(),
});
export type SettingRecord = z.infer<typeof settingRecordSchema>;

/** What was asked of a capture in words. Those that are not saved are the history. */
const queryRecordSchema = z.strictObject({
  type: z.literal('query'),
  id: recordIdSchema,
  captureId: captureIdSchema,
  text: storedText(MAX_QUERY_CHARACTERS),
  /** Phrases that an answer must beat. */
  negatives: z.array(storedText(1000)).max(31),
  /** Least raw relevancy that is shown. */
  threshold: z
    .number()
    .min(0)
    .max(1)
    .transform((value) => value + 0),
  scale: queryScaleSchema,
  saved: z.boolean(),
  /** Milliseconds since 1970 (UTC). */
  createdAt: z.int().min(0),
});
export type QueryRecord = z.infer<typeof queryRecordSchema>;

export const studioRecordSchema = z.discriminatedUnion('type', [
  objectRecordSchema,
  trackRecordSchema,
  observationRecordSchema,
  maskRecordSchema,
  queryRecordSchema,
  settingRecordSchema,
]);
/** Everything that edits and undo work on. */
export type StudioRecord = z.infer<typeof studioRecordSchema>;

/** `object:ID`, `track:ID`, `mask:ID`, `query:ID`, `observation:TRACK:POSITION` or `setting:KEY`: the identity of a record. */
export type RecordKey =
  | `object:${number}`
  | `track:${number}`
  | `mask:${number}`
  | `query:${number}`
  | `observation:${number}:${number}`
  | `setting:${string}`;

export function recordKey(record: StudioRecord): RecordKey {
  switch (record.type) {
    case 'object':
    case 'track':
    case 'mask':
    case 'query':
      return `${record.type}:${record.id}`;
    case 'observation':
      return `observation:${record.trackId}:${record.position}`;
    case 'setting':
      return `setting:${record.key}`;
    default:
      return record satisfies never;
  }
}

/** Entry of {@link ObservationColumns.disagreement} for null; measured values are `floor(254 * value + 0.5)`. */
export const noDisagreement = 255;

/**
 * All observations of a capture's objects, one row each, as the timeline draws them. Sorted by object, then frame, then
 * track. Tracks of no object are left out. Every array is [N].
 */
export interface ObservationColumns {
  /** Index into the capture's objects in the order of their ids. */
  readonly object: Uint32Array<ArrayBuffer>;
  /** Position of the frame within the capture. */
  readonly frame: Uint32Array<ArrayBuffer>;
  /** Index into `OBSERVATION_STATES`. */
  readonly state: Uint8Array<ArrayBuffer>;
  /** 0-254 for 0-1, or {@link noDisagreement}. */
  readonly disagreement: Uint8Array<ArrayBuffer>;
  /** Bits of `OBSERVATION_FLAGS`, `human` among them. */
  readonly flags: Uint8Array<ArrayBuffer>;
}
