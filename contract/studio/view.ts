/** The free camera of the Scene panel, drawn by our own rasteriser in the view worker. */
import { z } from 'zod';

const finite = z.number();

const objectIds = z.array(z.int().min(1)).max(10_000);

/** What is to be seen of the objects. Where it is given, hidden objects are neither drawn nor picked. */
const viewObjectOptionsSchema = z.object({
  /** How much of the splats' own colour is replaced by their object's: 0 none, 1 all. */
  tint: z.number().min(0).max(1).default(0),
  /** Tinted strongly whatever `tint` says. */
  selected: objectIds.default([]),
  /** Nothing but these is drawn and picked, hidden or not. */
  only: objectIds.optional(),
});

export const viewImageRequestSchema = z.object({
  /** Requests of one stream replace one another; two panels use two streams. */
  stream: z.string().min(1).max(100),
  /** Pixels of the answer. */
  width: z.int().min(1).max(4096),
  height: z.int().min(1).max(4096),
  /** Focal length in pixels of the answer; the principal point is its centre. */
  focal: z.number().positive().max(1e6),
  /** wxyz, and scene units; OpenCV axes. */
  cameraFromWorld: z.object({
    quaternion: z.tuple([finite, finite, finite, finite]),
    translation: z.tuple([finite, finite, finite]),
  }),
  channel: z.enum(['colour', 'depth', 'alpha', 'relevancy']).default('colour'),
  /** Of channel `relevancy`: `QueryAnswer.map`. The picture is a grey PNG then. */
  map: z.string().max(200).optional(),
  /** `moving`: as coarse as it takes to keep up. `rest`: exact. */
  quality: z.enum(['moving', 'rest']),
  /** Absent: the model as it is. Channel `colour` alone is tinted. */
  objects: viewObjectOptionsSchema.optional(),
});
export type ViewImageRequest = z.infer<typeof viewImageRequestSchema>;

/** Status of an answer to a request that a newer one of its stream has replaced: no content, and no error. */
export const SUPERSEDED_STATUS = 204;

export const viewPickRequestSchema = viewImageRequestSchema
  .omit({ stream: true, channel: true, map: true, quality: true })
  .extend({
    splatsId: z.int().min(0),
    /** Pixels of the view. */
    x: z.number().min(0),
    y: z.number().min(0),
  });
export const viewPickResultSchema = z
  .object({
    gaussian: z.int().min(0),
    /** World coordinates of the surface under the pixel. */
    position: z.tuple([finite, finite, finite]),
    depth: z.number(),
    alpha: z.number(),
    /** Null before a lift. */
    objectId: z.int().nullable(),
  })
  .nullable();
export type ViewPickResult = z.infer<typeof viewPickResultSchema>;

/** Where clicks are made: the camera of a frame, or a free one. Pixels are those of an image of `width` x `height`. */
const clickViewSchema = z.union([
  z.object({
    captureId: z.int().min(0),
    frameId: z.string().min(1).max(1024),
    /** Width of the image that is clicked on; absent: the frame's own. */
    width: z.int().min(1).max(4096).optional(),
  }),
  viewImageRequestSchema.pick({ width: true, height: true, focal: true, cameraFromWorld: true }),
]);
export type ClickView = z.infer<typeof clickViewSchema>;

export const segmentClickSchema = z.object({
  splatsId: z.int().min(0),
  view: clickViewSchema,
  /** At least one of them positive. `view`: where it was made, absent: the view of the request. */
  points: z
    .array(
      z.object({ x: z.number().min(0), y: z.number().min(0), positive: z.boolean(), view: clickViewSchema.optional() }),
    )
    .min(1)
    .max(100),
  /** Least similarity to a positive click, 0 to 1. */
  threshold: z.number().min(0).max(1).default(0.8),
});
export type SegmentClick = z.infer<typeof segmentClickSchema>;

const clickMaskSchema = z.object({
  width: z.int().min(1),
  height: z.int().min(1),
  areaPx: z.int().min(0),
  /** Counts along the rows in COCO's compressed code: `decodeCounts`, `forEachRun`. */
  rle: z.string(),
});
export type ClickMask = z.infer<typeof clickMaskSchema>;

export const segmentClickResultSchema = z.object({
  mask: clickMaskSchema,
  /** Of the frames that were asked for, in their order. */
  maps: z.array(clickMaskSchema.extend({ frameId: z.string() })),
  /** Gaussians in the 3D set. */
  gaussians: z.int().min(0),
  /** Recipe of the lift whose features answered, and how they are compared. */
  recipe: z.string(),
  similarity: z.enum(['cosine', 'distance']),
  totalMs: z.number(),
});

/** A finished lift of a model. */
export const liftSummarySchema = z.object({
  id: z.int(),
  recipe: z.string(),
  /** Mask set that was lifted. */
  masks: z.string(),
  objects: z.int().min(0),
  createdAt: z.number(),
});
export type LiftSummary = z.infer<typeof liftSummarySchema>;

export const embeddingPointsSchema = z.object({
  recipe: z.string(),
  /** Of the embedding. */
  dimensions: z.int().min(0),
  /** `votes`: the lift trained no embedding; each object has a random direction, a Gaussian the sum of its votes. */
  source: z.enum(['embedding', 'votes']),
  /** Share of the variance along each axis. */
  explained: z.tuple([z.number(), z.number()]),
  /** [S, 2] along the first two principal components. */
  points: z.array(z.number()),
  /** [S] id in `objects.list`, 0 for none. */
  objects: z.array(z.int().min(0)),
  /** [S] index of the Gaussian in the model. */
  gaussians: z.array(z.int().min(0)),
});
export type EmbeddingPoints = z.infer<typeof embeddingPointsSchema>;
