/**
 * The view worker (job kind `view-splats`): one process that keeps splat models in memory and answers calls until it is
 * told to stop. Calls and answers travel in the call lane of the job protocol (jobs.ts); the host's client is main/jobs.
 */
import { z } from 'zod';
import { languageQuerySchema } from './language.ts';
import { computeOptionsSchema, pinholeViewSchema } from './training.ts';

const finite = z.number();
const count = z.int().min(0);
const path = z.string().min(1).max(4096);
const vector3 = z.tuple([finite, finite, finite]);

/** Most pixels of one view: 16 megapixels, 256 MB of working memory. */
const MAX_VIEW_PIXELS = 16_777_216;

export const viewSplatsRequestSchema = computeOptionsSchema.extend({
  /** Models beyond this are dropped, least recently shown first; the one in use always stays. */
  modelBudgetBytes: count.default(1_500_000_000),
});
export type ViewSplatsRequest = z.infer<typeof viewSplatsRequestSchema>;

/** What the session did before it was told to stop. */
export const viewSplatsResultSchema = z.object({ calls: count, peakMemoryBytes: count });
export type ViewSplatsResult = z.infer<typeof viewSplatsResultSchema>;

/** `rgba`: rows of 8-bit RGBA, alpha 255. */
const viewFormatSchema = z.enum(['jpeg', 'webp', 'png', 'rgba']);
export type ViewFormat = z.infer<typeof viewFormatSchema>;

const unit = z.number().min(0).max(1);
const rangeSchema = z.object({ near: z.number().min(0), far: z.number().positive() }).refine((r) => r.far > r.near, {
  error: 'far must be greater than near',
});

/** A pinhole view of at most 16 megapixels. */
const viewCameraSchema = pinholeViewSchema.refine((view) => view.width * view.height <= MAX_VIEW_PIXELS, {
  error: `a view has at most ${MAX_VIEW_PIXELS} pixels`,
});

const objectId = z
  .int()
  .min(1)
  .max(2 ** 40);
const objectIds = z.array(objectId).max(100_000);

/** Which Gaussian belongs to which object, and what is to be seen of them. */
const viewObjectsSchema = z.object({
  /** Little endian: u32 [N] ids, 0 = none, then f32 [N] how much of it belongs there, 0 to 1. */
  idsPath: path,
  /** Not drawn and not picked. */
  hidden: objectIds.default([]),
  /** Where given, nothing but the Gaussians of these is drawn and picked. */
  only: objectIds.optional(),
});
const hexColour = z.string().regex(/^#[0-9a-f]{6}$/);
const viewTintSchema = viewObjectsSchema.extend({
  colours: z
    .array(z.tuple([objectId, hexColour]))
    .max(100_000)
    .default([]),
  /** How much of an object's own colour is replaced by the one that it is given: 0 none, 1 all. */
  tint: unit.default(0),
  /** Tinted strongly whatever `tint` says. */
  selected: objectIds.default([]),
  /** Of channel `membership`. */
  object: objectId.optional(),
});
export type ViewObjects = z.infer<typeof viewTintSchema>;

export const viewRenderCallSchema = z.object({
  kind: z.literal('render'),
  /** A `.splats` file. */
  splatsPath: path,
  view: viewCameraSchema,
  /**
   * `residual`: mean absolute difference of the channels to `photoPath`, white at `residualFull`. `depth`: expected depth,
   * near white, far black; pixels that are less than half covered are black. `membership`: how much of what covers a pixel
   * belongs to `objects.object`, white at 1. `relevancy`: raw, from `relevancyPath`, black at 0 and white at 1 whatever the
   * view shows; pixels that are less than half covered are black.
   */
  channel: z.enum(['colour', 'depth', 'alpha', 'residual', 'membership', 'relevancy']).default('colour'),
  /** Of channel `relevancy`: a file that a `query` call wrote; read once, so that one path must never mean two answers. */
  relevancyPath: path.optional(),
  /** Absent: the model as it is. */
  objects: viewTintSchema.optional(),
  /**
   * `rest`: exact, what `render-splats` writes. `moving`: as coarse as it takes to keep up; the answer is smaller than the
   * view (a whole fraction of it, same aspect up to a pixel) and is meant to be stretched to its size.
   */
  quality: z.enum(['moving', 'rest']).default('rest'),
  /** RGB in [0, 1] behind everything; `colour` only. */
  background: z.tuple([unit, unit, unit]).default([0, 0, 0]),
  /** For `residual`: the photo that the view belongs to. One of another size is resized to the view. */
  photoPath: path.optional(),
  /** Difference shown as white, 0 to 1. */
  residualFull: z.number().gt(0).max(1).default(0.25),
  /** Depths shown as white and black; absent: those found in the image. */
  depthRange: rangeSchema.optional(),
  format: viewFormatSchema.default('jpeg'),
  /** Of `jpeg` and `webp`. */
  encodeQuality: z.int().min(1).max(100).default(85),
});

const viewRenderAnswerSchema = z.object({
  bytes: z.instanceof(Uint8Array),
  format: viewFormatSchema,
  /** Pixels of the image. */
  width: count,
  height: count,
  /** Time in the worker: all of it, and drawing alone (loading and encoding left out). */
  totalMs: z.number(),
  drawMs: z.number(),
  /** What was handed to the rasteriser, merged ones counted once. */
  gaussians: count,
  /** Of `depth`: distances shown as white and black. Absent when nothing is covered. */
  depthRange: z.object({ near: z.number(), far: z.number() }).optional(),
  /** Of `relevancy`: the highest value in the image, before it became 8 bits. */
  maximum: z.number().optional(),
});
export type ViewRenderAnswer = z.infer<typeof viewRenderAnswerSchema>;

export const viewPickCallSchema = z.object({
  kind: z.literal('pick'),
  splatsPath: path,
  view: viewCameraSchema,
  /** Pixels; the centre of the first one is (0.5, 0.5). */
  x: finite,
  y: finite,
  objects: viewObjectsSchema.optional(),
});

const viewPickAnswerSchema = z
  .object({
    /** The one with the largest blending weight at the pixel: its index in the file. */
    gaussian: count,
    /** Its weight, and the pixel's coverage, 0 to 1. */
    weight: z.number(),
    alpha: z.number(),
    /** Distance of the Gaussian along the camera's axis, and the point of the pixel's ray at that distance, in the world. */
    depth: z.number(),
    position: vector3,
    /** Centre of the Gaussian in the world. */
    mean: vector3,
  })
  .nullable();
/** Null where nothing is drawn. */
export type ViewPickAnswer = z.infer<typeof viewPickAnswerSchema>;

const viewInfoCallSchema = z.object({ kind: z.literal('info'), splatsPath: path });

const viewInfoAnswerSchema = z.object({
  count,
  shDegree: count,
  /** Of the file. */
  sizeBytes: count,
  /** Box that holds the middle 98 % of the means along each axis. */
  bounds: z.object({ min: vector3, max: vector3 }),
  generator: z.string().optional(),
  iterations: count.optional(),
  /** How long reading and preparing the model took; 0 when it was in memory. */
  loadMs: z.number(),
});
export type ViewInfoAnswer = z.infer<typeof viewInfoAnswerSchema>;

export const viewThumbnailCallSchema = z.object({
  kind: z.literal('thumbnail'),
  splatsPath: path,
  /** Absent: from outside, so that the bounds fill the image. */
  view: viewCameraSchema.optional(),
  width: z.int().min(16).max(1024).default(256),
  height: z.int().min(16).max(1024).default(256),
  format: viewFormatSchema.default('webp'),
});

/** Most further views of one `segment` call. */
const MAX_SEGMENT_VIEWS = 50;

/** Click to segment (methods 2.3), on the features of a `.lift` file. */
export const viewSegmentCallSchema = z.object({
  kind: z.literal('segment'),
  splatsPath: path,
  liftPath: path,
  view: viewCameraSchema,
  /** Clicks, at least one of them positive. `view`: where it was made, absent: the view of the call. */
  points: z
    .array(z.object({ x: finite, y: finite, positive: z.boolean(), view: viewCameraSchema.optional() }))
    .min(1)
    .max(100),
  /** Least similarity to a positive click. */
  threshold: unit.default(0.8),
  /** Views that the mask is wanted of too. */
  maps: z.array(viewCameraSchema).max(MAX_SEGMENT_VIEWS).default([]),
  /** Views in which the Gaussians that answer are drawn: many times as fast as comparing the features of every pixel. */
  memberViews: z.array(viewCameraSchema).max(MAX_SEGMENT_VIEWS).default([]),
  /** Answer which Gaussians it is, and where they are. */
  withGaussians: z.boolean().default(false),
});
export type ViewSegmentCall = z.infer<typeof viewSegmentCallSchema>;
const segmentMaskSchema = z.object({
  width: count,
  height: count,
  areaPx: count,
  /** Counts along the rows in COCO's compressed code. */
  rle: z.string(),
});
const vector = z.tuple([finite, finite, finite]);
/** Mean of a selection's Gaussians, and the box around them without strays. */
export const selectionShapeSchema = z.object({
  centroid: vector,
  extent: z.object({ min: vector, max: vector }),
});
export type SelectionShape = z.infer<typeof selectionShapeSchema>;
const viewSegmentAnswerSchema = z.object({
  mask: segmentMaskSchema,
  maps: z.array(segmentMaskSchema),
  memberMaps: z.array(segmentMaskSchema),
  /** Gaussians that answer the clicks. */
  gaussians: count,
  /** They as a mask [N], one row, in the same code. */
  gaussiansRle: z.string().optional(),
  /** Of the Gaussians that answer, as in the table of a lift; absent where none does. */
  shape: selectionShapeSchema.optional(),
  /** `cosine` of directions; `distance`: exp(-d²) of positions in the embedding. */
  similarity: z.enum(['cosine', 'distance']),
  /** Features were in memory. */
  warm: z.boolean(),
  totalMs: z.number(),
});
export type ViewSegmentAnswer = z.infer<typeof viewSegmentAnswerSchema>;

/** The embeddings of a sample of Gaussians, seen from where they spread most (principal components). */
export const viewEmbeddingCallSchema = z.object({
  kind: z.literal('embedding'),
  splatsPath: path,
  liftPath: path,
  samples: z.int().min(10).max(20_000).default(5000),
});
export type ViewEmbeddingCall = z.infer<typeof viewEmbeddingCallSchema>;
const viewEmbeddingAnswerSchema = z.object({
  dimensions: count,
  /** Share of the variance along each axis. */
  explained: z.tuple([z.number(), z.number()]),
  /** [S, 2] */
  points: z.array(z.number()),
  /** [S] index of the Gaussian in the file. */
  gaussians: z.array(count),
  /** `votes`: the lift trained no embedding; each object has a random direction, a Gaussian the sum of its votes. */
  source: z.enum(['embedding', 'votes']),
});
export type ViewEmbeddingAnswer = z.infer<typeof viewEmbeddingAnswerSchema>;

/** Most views that one `query` call looks at. */
export const MAX_QUERY_VIEWS = 200;
/** Ranked objects beyond these are not looked for in the views. */
export const MAX_OBJECTS_IN_VIEWS = 7;

/** Text to relevancy (methods section 3): which objects, where in the given views. */
export const viewQueryCallSchema = languageQuerySchema.extend({
  kind: z.literal('query'),
  splatsPath: path,
  /** Which Gaussian belongs to which object, as in `ViewObjects`: they are ranked then. */
  idsPath: path.optional(),
  /** Where in these the answer is. */
  views: z.array(viewCameraSchema).max(MAX_QUERY_VIEWS).default([]),
  /** Share of the way from the gate to a view's highest relevancy at which its mask begins; absent: the recipe's own. */
  threshold: unit.optional(),
  /** `splatted`: relevancy of Gaussians, rendered (fast, ours). `rendered`: embeddings are rendered, then compared (published). */
  order: z.enum(['splatted', 'rendered']).default('splatted'),
  /** Answer the map of every view too. */
  withMaps: z.boolean().default(false),
  /** Where to write raw relevancy of every Gaussian: little endian f32 [N], for `render` with the channel of that name. */
  relevancyPath: path.optional(),
});
export type ViewQueryCall = z.infer<typeof viewQueryCallSchema>;

const viewQueryAnswerSchema = z.object({
  /** Some Gaussian that training has seen is above the gate. Otherwise the answer is empty: nothing is ranked. */
  found: z.boolean(),
  /** Raw relevancy above which there is an answer: what beats every negative, or what the text model states for a search over scales. */
  gate: z.number(),
  /** Raw relevancy of the best Gaussian that training has seen, at the scale that was used. */
  maximum: z.number(),
  /** Words of the text that the encoder does not know. */
  unknownWords: z.array(z.string()),
  /** What was done to the text, in words: cut to the encoder's length, for example. */
  notes: z.array(z.string()),
  /** Of the field, with the highest raw relevancy of this query at each. */
  scales: z.array(z.object({ name: z.string(), maximum: z.number() })),
  /** Index of the scale that was used, or `composite`. */
  scale: z.union([z.literal('composite'), count]),
  /** By mean raw relevancy over what training has seen of their Gaussians, highest first; empty where nothing is found. */
  objects: z.array(
    z.object({
      id: objectId,
      relevancy: z.number(),
      /** The highest of its Gaussians. */
      maximum: z.number(),
      /** Share of what was seen of it that beats every negative. */
      share: z.number(),
      /** Views of the call that show most of the answer in it, best first, at most 5; of the first objects alone. */
      views: z.array(z.object({ view: count, score: z.number() })),
    }),
  ),
  /** One for each view of the call. */
  views: z.array(
    z.object({
      /** Highest raw relevancy of a pixel. */
      maximum: z.number(),
      /** That pixel (centre, as in `pick`); null where nothing in this view beats every negative. */
      best: z.object({ x: z.number(), y: z.number() }).nullable(),
      /** Pixels of the mask. */
      areaPx: count,
      /** Rows of raw relevancy, 0 to 255 for 0 to 1, as of channel `relevancy`. */
      map: z.instanceof(Uint8Array).optional(),
    }),
  ),
  /** As used. */
  negatives: z.array(z.string()),
  threshold: z.number(),
  recipe: z.string(),
  /** Field and encoder were in memory. */
  warm: z.boolean(),
  /** Text to vector, and all of it. */
  encodeMs: z.number(),
  totalMs: z.number(),
});
export type ViewQueryAnswer = z.infer<typeof viewQueryAnswerSchema>;

/** One question to the view worker. */
export const viewCallSchema = z.discriminatedUnion('kind', [
  viewRenderCallSchema,
  viewPickCallSchema,
  viewInfoCallSchema,
  viewThumbnailCallSchema,
  viewSegmentCallSchema,
  viewEmbeddingCallSchema,
  viewQueryCallSchema,
]);
export type ViewCall = z.infer<typeof viewCallSchema>;
export type ViewRenderCall = z.infer<typeof viewRenderCallSchema>;
export type ViewPickCall = z.infer<typeof viewPickCallSchema>;
export type ViewThumbnailCall = z.infer<typeof viewThumbnailCallSchema>;

/** Answer of each call, by its kind. */
export const viewAnswerSchemas = {
  render: viewRenderAnswerSchema,
  pick: viewPickAnswerSchema,
  info: viewInfoAnswerSchema,
  thumbnail: viewRenderAnswerSchema,
  segment: viewSegmentAnswerSchema,
  embedding: viewEmbeddingAnswerSchema,
  query: viewQueryAnswerSchema,
} as const;
export type ViewAnswer<K extends ViewCall['kind'] = ViewCall['kind']> = z.infer<(typeof viewAnswerSchemas)[K]>;
