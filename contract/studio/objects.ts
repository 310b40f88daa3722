/** Objects as the studio lists and edits them. */
import { z } from 'zod';

const count = z.int().min(0);
const text = z.string().max(200);
const vector = z.tuple([z.number(), z.number(), z.number()]);

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
  /** Null where no lift has counted them. */
  gaussians: count.nullable().optional(),
  /** Axis-aligned box of the object's Gaussians in the world, without strays; null where no lift has measured it. */
  extent: z.object({ min: vector, max: vector }).nullable().optional(),
});
export type ObjectView = z.infer<typeof objectViewSchema>;

/**
 * Colours of objects by number, told apart under the common forms of colour blindness and on dark and light ground: Okabe and
 * Ito's set ("Color Universal Design", 2008) without black, then Paul Tol's "muted" (technical note SRON/EPS/TN/09-002).
 */
export const OBJECT_PALETTE = [
  '#e69f00',
  '#56b4e9',
  '#009e73',
  '#f0e442',
  '#0072b2',
  '#d55e00',
  '#cc79a7',
  '#88ccee',
  '#cc6677',
  '#ddcc77',
  '#44aa99',
  '#aa4499',
  '#999933',
  '#882255',
  '#117733',
] as const;

/** What further rounds through the palette are mixed with: lighter, then darker. */
const ROUNDS = [
  { towards: 0, share: 0 },
  { towards: 255, share: 0.5 },
  { towards: 0, share: 0.4 },
] as const;

/** Colour of the n-th object, `#rrggbb`: three rounds through the palette at different lightness, then again. */
export function colourOfNumber(index: number): string {
  const palette = OBJECT_PALETTE.length;
  const all = palette * ROUNDS.length;
  const place = ((Math.trunc(index) % all) + all) % all;
  const { towards, share } = ROUNDS[Math.floor(place / palette)]!;
  const colour = OBJECT_PALETTE[place % palette]!;
  const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return `#${channels
    .map((value) => Math.round(value + share * (towards - value)).toString(16))
    .map((text) => text.padStart(2, '0'))
    .join('')}`;
}

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
  /** Shows these and hides every other object of the capture. */
  z.object({ type: z.literal('isolate-objects'), ids: z.array(count).min(1).max(10_000) }),
  z.object({ type: z.literal('create-object'), name: text.min(1), className: text.default('') }),
  z.object({ type: z.literal('merge-objects'), into: count, ids: z.array(count).min(1).max(10_000) }),
  z.object({ type: z.literal('delete-objects'), ids: z.array(count).min(1).max(10_000) }),
]);
export type ObjectEdit = z.infer<typeof objectEditSchema>;

/** A named set of masks, as the studio lists it. */
export const maskSetSummarySchema = z.object({
  name: z.string(),
  provenance: z.enum(['human', 'model', 'lifted']),
  /** Program, model or recipe that made it. */
  source: z.string(),
  /** Frames that it has looked at. */
  frames: count,
  /** Its ids mean the same thing in every frame. */
  consistentIds: z.boolean(),
});
export type MaskSetSummary = z.infer<typeof maskSetSummarySchema>;

/** State of an object in a frame, as the number in the `state` column of the observations. */
export const OBSERVATION_STATES = ['visible', 'occluded', 'out-of-view', 'absent'] as const;
export type ObservationState = (typeof OBSERVATION_STATES)[number];

/**
 * Bits of the `flags` column. `idSwitch`: another initial id than when the object was last seen. `ambiguous`: it came back while
 * another that looks the same was unseen too, so it may be that one. `carried`: nothing segmented it here; its mask was carried over
 * in 3D from another frame, and is a proposal until a person accepts it.
 */
export const OBSERVATION_FLAGS = { idSwitch: 1, keyframe: 2, human: 4, ambiguous: 8, carried: 16 } as const;

/**
 * `routes.observations`: every observation of a capture, sorted by object (in the order of `objects.list`), then frame.
 * Little endian: `LSOBS001`, u32 count N, u32 objects O, then u32 objectIds[O], u32 object[N] (index into objectIds),
 * u32 frame[N], u8 state[N], u8 disagreement[N] (0..254, 255 unknown), u8 flags[N].
 */
export const OBSERVATIONS_MAGIC = 'LSOBS001';
