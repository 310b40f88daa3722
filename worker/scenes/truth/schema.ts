/** What lies in `truth/` beside a generated capture. Every file is checked against these on reading. */
import { z } from 'zod';

export const TRUTH_FORMAT = 'liftscope-scene-truth';
export const TRUTH_VERSION = 1;

const finite = z.number().finite();
const id = z.int().min(0).max(65535);
const vector3 = z.tuple([finite, finite, finite]);
const quaternion = z
  .tuple([finite, finite, finite, finite])
  .refine((q) => Math.abs(Math.hypot(...q) - 1) < 1e-3, { error: 'the quaternion (wxyz) must have length 1' });
const safeName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[A-Za-z0-9_-]+$/, { error: 'frame names are letters, digits, _ and - only' });

/** x_outer = rotation · x_inner + translation. */
export const poseSchema = z.strictObject({ rotation: quaternion, translation: vector3 });

const checkSchema = z.strictObject({
  name: z.string(),
  value: finite,
  target: z.string(),
  met: z.boolean(),
});

const truthFrameSchema = z.strictObject({
  name: safeName,
  split: z.enum(['train', 'test']),
  timeSeconds: finite,
  fx: finite.positive(),
  fy: finite.positive(),
  cx: finite,
  cy: finite,
  worldFromCamera: poseSchema,
  /** Id of the object in hand, 0 for none. */
  heldObject: id,
});

export const truthSceneSchema = z.strictObject({
  format: z.literal(TRUTH_FORMAT),
  version: z.literal(TRUTH_VERSION),
  kind: z.enum(['messy-rooms', 'kitchen', 'turntable']),
  seed: z.string(),
  parameters: z.record(z.string(), z.union([finite, z.string()])),
  width: z.int().min(1).max(65536),
  height: z.int().min(1).max(65536),
  /** instance, class and part: 16-bit grey PNG; depth: raw little-endian float32, z in metres, 0 where nothing was hit. */
  images: z.strictObject({
    instance: z.literal('png16'),
    class: z.literal('png16'),
    part: z.literal('png16'),
    depth: z.literal('float32-le'),
  }),
  classes: z.array(z.strictObject({ id, name: z.string(), isThing: z.boolean() })).max(65536),
  frames: z.array(truthFrameSchema).max(1_000_000),
  checks: z.array(checkSchema),
});
export type TruthScene = z.infer<typeof truthSceneSchema>;
export type TruthFrame = z.infer<typeof truthFrameSchema>;

const truthObjectSchema = z.strictObject({
  id: id.min(1),
  classId: id,
  category: z.string(),
  colour: z.string(),
  material: z.string(),
  pattern: z.string(),
  /** Phrases that describe it, most specific first. */
  words: z.array(z.string()),
  lookAlikeOf: id.min(1).nullable(),
  parts: z.array(z.strictObject({ id: id.min(1), name: z.string(), words: z.array(z.string()) })),
  /** Binary PLY in the object's own frame, relative to `truth/`. */
  mesh: z.string().regex(/^meshes\/[0-9]+\.ply$/),
});
export const truthObjectsSchema = z.array(truthObjectSchema).max(65535);
export type TruthObject = z.infer<typeof truthObjectSchema>;

/** visible: at least the stated share of the image shows it; occluded: inside the view but hidden; out-of-view: not in it. */
const trackStateSchema = z.enum(['visible', 'occluded', 'out-of-view', 'absent']);
export type TrackState = z.infer<typeof trackStateSchema>;

const interval = { from: z.int().min(0), to: z.int().min(0) };
const truthTrackSchema = z.strictObject({
  objectId: id.min(1),
  /** Runs of frames, both ends included, in order, covering every frame. */
  states: z.array(z.strictObject({ ...interval, state: trackStateSchema })),
  /** Runs in which the object does not move and is in the scene. */
  staticIntervals: z.array(z.strictObject(interval)),
  /** Runs with one world pose each. */
  poses: z.array(z.strictObject({ ...interval, worldFromObject: poseSchema })),
  /** Frames in which at least one pixel shows it: [frame, pixels, left, top, right, bottom], box ends exclusive. */
  observations: z.array(z.tuple([z.int(), z.int(), z.int(), z.int(), z.int(), z.int()])),
});
export const truthTracksSchema = z.strictObject({
  /** Share of the image from which an object counts as visible. */
  visibleShare: finite,
  tracks: z.array(truthTrackSchema).max(65535),
});
export type TruthTrack = z.infer<typeof truthTrackSchema>;
export type TruthTracks = z.infer<typeof truthTracksSchema>;
