/** Objects as the studio lists and edits them. */
import { z } from 'zod';

const count = z.int().min(0);
const text = z.string().max(200);

export const objectViewSchema = z.object({
  id: count,
  name: text,
  className: text,
  /** `#rrggbb`: chosen by the user, or from the colour-blind-safe palette. */
  color: z.string().regex(/^#[0-9a-f]{6}$/),
  hidden: z.boolean(),
  locked: z.boolean(),
  provenance: z.enum(['human', 'model', 'lifted']),
  /** Frames with an observation; first and last of them by position. */
  frames: count,
  firstFrame: count.nullable(),
  lastFrame: count.nullable(),
  /** World coordinates; null where the object has no 3D yet. */
  centroid: z.tuple([z.number(), z.number(), z.number()]).nullable(),
  confidence: z.number().nullable(),
});
export type ObjectView = z.infer<typeof objectViewSchema>;

/** One undoable step of a person. */
export const objectEditSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('update-objects'),
    ids: z.array(count).min(1).max(10_000),
    change: z
      .object({
        name: text.min(1),
        className: text,
        color: z.string().regex(/^#[0-9a-f]{6}$/),
        hidden: z.boolean(),
        locked: z.boolean(),
      })
      .partial()
      .refine((change) => Object.keys(change).length > 0, { error: 'nothing to change' }),
  }),
  z.object({ type: z.literal('create-object'), name: text.min(1), className: text.default('') }),
  z.object({ type: z.literal('merge-objects'), into: count, ids: z.array(count).min(1).max(10_000) }),
  z.object({ type: z.literal('delete-objects'), ids: z.array(count).min(1).max(10_000) }),
]);
export type ObjectEdit = z.infer<typeof objectEditSchema>;

/** State of an object in a frame, as the number in the `state` column of the observations. */
export const OBSERVATION_STATES = ['visible', 'occluded', 'out-of-view', 'absent'] as const;
export type ObservationState = (typeof OBSERVATION_STATES)[number];

/** Bits of the `flags` column. */
export const OBSERVATION_FLAGS = { idSwitch: 1, keyframe: 2, human: 4 } as const;

/**
 * `routes.observations`: every observation of a capture, sorted by object (in the order of `objects.list`), then frame.
 * Little endian: `LSOBS001`, u32 count N, u32 objects O, then u32 objectIds[O], u32 object[N] (index into objectIds),
 * u32 frame[N], u8 state[N], u8 disagreement[N] (0..254, 255 unknown), u8 flags[N].
 */
export const OBSERVATIONS_MAGIC = 'LSOBS001';
