/**
 * Every procedure of the host: `POST /api/NAME` with the input as JSON; 200 with the output, or a status of
 * {@link statusOf} with a `Failure`. A procedure named here does not compile until the host has a handler for it.
 */
import { z } from 'zod';
import type { FailureCode } from '../events.ts';
import { modelStatementSchema, modelsResultSchema } from '../models.ts';
import { curvePointSchema, jobLogLineSchema, jobPrioritySchema, jobSpecSchema, jobViewSchema } from './jobs.ts';
import {
  languageFieldSummarySchema,
  queryAnswerSchema,
  queryChangeSchema,
  queryFramesSchema,
  querySettingsSchema,
  queryViewSchema,
} from './language.ts';
import { maskSetSummarySchema, objectEditSchema, objectViewSchema } from './objects.ts';
import {
  fileEntrySchema,
  frameColumnsSchema,
  frameMetricsSchema,
  importPreviewSchema,
  pathSchema,
  projectStateSchema,
} from './project.ts';
import {
  objectOccluderSchema,
  objectOutlineSchema,
  trackEditSchema,
  trackEffortSchema,
  trackReviewSchema,
  trackSuggestionSchema,
  trackTrailSchema,
} from './tracks.ts';
import {
  embeddingPointsSchema,
  liftSummarySchema,
  segmentClickResultSchema,
  segmentClickSchema,
  viewPickRequestSchema,
  viewPickResultSchema,
} from './view.ts';

const count = z.int().min(0);
const none = z.object({});
const done = z.object({});
const settingKey = z.string().regex(/^[a-z][a-z0-9.-]{0,99}$/);
const framesSchema = z.object({ captureId: count, ids: z.array(z.string().min(1).max(1024)).max(49) });
const step = z.object({ project: projectStateSchema });

export const procedures = {
  /** First call of a page: everything to draw the first screen. */
  'app.state': {
    input: none,
    output: z.object({
      version: z.string(),
      platform: z.string(),
      /** Where the browser shell may look for files; empty in the desktop, which has native dialogs. */
      roots: z.array(z.string()),
      recent: z.array(z.object({ folder: z.string(), name: z.string(), openedAt: z.number(), exists: z.boolean() })),
      project: projectStateSchema.nullable(),
      jobs: z.array(jobViewSchema),
      /** Compute backend that jobs will use, for people: `wasm, 2 threads` and why. */
      backend: z.object({ name: z.string(), detail: z.string() }),
    }),
  },
  'app.forgetRecent': { input: z.object({ folder: pathSchema }), output: done },
  /** Settings of this machine (theme, layouts), not of a project. Values are at most 256 KiB of JSON. */
  'settings.get': { input: z.object({ key: settingKey }), output: z.object({ value: z.json().nullable() }) },
  'settings.set': { input: z.object({ key: settingKey, value: z.json() }), output: done },
  /** The folder browser of the browser shell; refused outside the roots given at start. */
  'files.list': {
    input: z.object({ path: pathSchema.optional() }),
    output: z.object({
      path: z.string().nullable(),
      parent: z.string().nullable(),
      entries: z.array(fileEntrySchema),
      /** More entries than are listed. */
      truncated: z.boolean(),
    }),
  },
  'files.createFolder': {
    input: z.object({ parent: pathSchema, name: z.string().min(1).max(255) }),
    output: z.object({ path: z.string() }),
  },

  'project.create': { input: z.object({ folder: pathSchema }), output: step },
  'project.open': { input: z.object({ folder: pathSchema }), output: step },
  'project.close': { input: none, output: done },
  /** A consistent copy while the project stays open. */
  'project.backup': {
    input: z.object({ path: pathSchema, withArtifacts: z.boolean().default(true) }),
    output: z.object({ path: z.string(), bytes: count }),
  },
  'project.check': {
    input: none,
    output: z.object({ ok: z.boolean(), problems: z.array(z.string()), checkedArtifacts: count }),
  },
  'project.select': {
    input: z.object({ captureId: count.optional(), splatsId: count.optional() }),
    output: step,
  },

  'capture.preview': { input: z.object({ path: pathSchema }), output: importPreviewSchema },
  'capture.relinkCheck': {
    input: z.object({ captureId: count, folder: pathSchema }),
    output: z.object({
      found: count,
      missing: z.array(z.string()).max(100),
      missingCount: count,
      /** Files of the right name whose contents differ from what was imported. */
      different: z.array(z.string()).max(100),
      differentCount: count,
      /** Everything is there and is what it was. */
      complete: z.boolean(),
    }),
  },
  'capture.relink': {
    /** `allowPartial`: take the folder although some files are missing or differ there. */
    input: z.object({ captureId: count, folder: pathSchema, allowPartial: z.boolean().default(false) }),
    output: step,
  },
  'capture.frames': { input: z.object({ captureId: count }), output: frameColumnsSchema },
  'splats.metrics': { input: z.object({ splatsId: count }), output: frameMetricsSchema },
  /** Opens a splat PLY as a model of its own. */
  'splats.import': { input: z.object({ path: pathSchema }), output: step },
  'splats.export': {
    /** `withObjects`: with the int property `object_id`, the id in `objects.list`, 0 for none. */
    input: z.object({ splatsId: count, path: pathSchema, withObjects: z.boolean().default(false) }),
    output: z.object({ path: z.string(), bytes: count }),
  },
  /** Mask sets of a capture, in the order they were made. */
  'masks.list': {
    input: z.object({ captureId: count }),
    output: z.object({ sets: z.array(maskSetSummarySchema) }),
  },
  /** A mask set, or the objects (`OBJECT_MASKS`), in the format of others: a folder for `-png`, else a file. */
  'masks.export': {
    input: z.object({
      captureId: count,
      set: z.string().min(1).max(200),
      format: z.enum(['id-png', 'coco-panoptic', 'coco-instances', 'mots-txt', 'mots-png']),
      path: pathSchema,
    }),
    output: z.object({
      path: z.string(),
      frames: count,
      segments: count,
      /** What the format could not hold, for people. */
      notes: z.array(z.string()),
    }),
  },
  /** Lifts of a model, newest first: the newest says which Gaussian belongs to which object. */
  'lifts.list': { input: z.object({ splatsId: count }), output: z.object({ lifts: z.array(liftSummarySchema) }) },
  /** A sample of the newest trained embeddings of a model (or, without any, of its votes), in two dimensions. */
  'lifts.embedding': {
    input: z.object({ splatsId: count, samples: z.int().min(10).max(20_000).default(5000) }),
    output: embeddingPointsSchema,
  },
  /** What clicks select, in the view clicked on, in 3D, and in other frames. */
  'segment.click': {
    input: segmentClickSchema.extend({
      /** Frames that the mask is wanted of too, by id. */
      frames: framesSchema.optional(),
    }),
    output: segmentClickResultSchema,
  },
  /** A new object of what clicks select: one undoable step. Its Gaussians leave the objects that they were of. */
  'segment.create': {
    input: segmentClickSchema.extend({
      name: z.string().min(1).max(200),
      className: z.string().max(200).default(''),
      /** Frames that get its mask, besides the one that was clicked on. */
      frames: framesSchema.optional(),
    }),
    output: z.object({ project: projectStateSchema, objectId: count, gaussians: count }),
  },
  'view.pick': { input: viewPickRequestSchema, output: viewPickResultSchema },

  /** Language fields of a model, newest first: the newest one answers. */
  'queries.fields': {
    input: z.object({ splatsId: count }),
    output: z.object({
      fields: z.array(languageFieldSummarySchema),
      /** Names of the text models on this machine that another field can be trained with, the user's own first. */
      models: z.array(z.string()),
    }),
  },
  /** Saved queries of a capture and the newest of the others, newest first. */
  'queries.list': {
    input: z.object({ captureId: count }),
    output: z.object({ queries: z.array(queryViewSchema) }),
  },
  /** Asks, and keeps what was asked in the history. Asking the same again is the same entry. */
  'queries.ask': {
    input: querySettingsSchema.extend({ splatsId: count, fieldId: count.optional() }),
    output: z.object({ query: queryViewSchema, answer: queryAnswerSchema }),
  },
  /** What the project holds as the answer, else asks. */
  'queries.answer': {
    input: z.object({ queryId: count, splatsId: count, fieldId: count.optional() }),
    output: z.object({ query: queryViewSchema, answer: queryAnswerSchema }),
  },
  /** Looks for the answer in the frames of the capture: takes longer than the answer itself. */
  'queries.frames': {
    input: z.object({ queryId: count, splatsId: count, fieldId: count.optional() }),
    output: queryFramesSchema,
  },
  /** Undoable where the query is saved, or gets saved. */
  'queries.change': {
    input: z.object({ queryId: count, change: queryChangeSchema }),
    output: z.object({ project: projectStateSchema, query: queryViewSchema }),
  },
  /** Undoable for those that are saved. */
  'queries.remove': { input: z.object({ ids: z.array(count).min(1).max(10_000) }), output: step },

  'objects.list': {
    input: none,
    output: z.object({
      objects: z.array(objectViewSchema),
      revision: count,
      /** Of the last change of an observation or a track: hiding an object need not fetch a million observations again. */
      observationsRevision: count,
    }),
  },
  /** One undoable step. */
  'objects.edit': { input: objectEditSchema, output: step },
  /** One undoable step; `objectId` is the object that it made. */
  'tracks.edit': { input: trackEditSchema, output: step.extend({ objectId: count.nullable() }) },
  /** Merges that may be right, the cheapest first. */
  'tracks.suggestions': { input: none, output: z.object({ suggestions: z.array(trackSuggestionSchema) }) },
  'tracks.trails': {
    input: z.object({ ids: z.array(count).max(100) }),
    output: z.object({ trails: z.array(trackTrailSchema) }),
  },
  /** Carried and amodal masks of objects in a frame. */
  'tracks.outlines': {
    input: z.object({ position: count, ids: z.array(count).max(100) }),
    output: z.object({ outlines: z.array(objectOutlineSchema) }),
  },
  /** Of the objects that are occluded in a frame, by what, where tracking could tell. */
  'tracks.occluders': {
    input: z.object({ position: count, ids: z.array(count).max(100) }),
    output: z.object({ occluders: z.array(objectOccluderSchema) }),
  },
  'tracks.effort': { input: none, output: trackEffortSchema },
  /** The re-run that waits for a decision. */
  'tracks.review': { input: none, output: z.object({ review: trackReviewSchema.nullable() }) },
  /** Shows the tracks before or after a re-run; `accept` and `reject` end the review. */
  'tracks.decide': {
    input: z.object({ action: z.enum(['show-before', 'show-after', 'accept', 'reject']) }),
    output: step.extend({ review: trackReviewSchema.nullable() }),
  },
  'edits.undo': { input: none, output: step },
  'edits.redo': { input: none, output: step },
  'edits.history': {
    input: z.object({ limit: z.int().min(1).max(1000).default(100) }),
    output: z.object({
      edits: z.array(z.object({ id: count, label: z.string(), at: z.number(), undone: z.boolean() })),
    }),
  },

  /** Models of this machine by their manifests or layouts, and the kinds that are missing; nothing is hashed or run. */
  'models.list': { input: none, output: modelsResultSchema },
  /** The same after every hash and one forward pass of the named ones; absent: of all. */
  'models.check': {
    input: z.object({ ids: z.array(z.string().min(1).max(200)).max(1000).optional() }),
    output: modelsResultSchema,
  },
  /** Copies a model into the user's folder after running it once there. Refused outside of what the studio may open. */
  'models.add': {
    input: z.object({ path: pathSchema, statement: modelStatementSchema.default({}) }),
    output: modelsResultSchema,
  },

  'jobs.start': {
    input: z.object({ spec: jobSpecSchema, priority: jobPrioritySchema }),
    output: z.object({ job: jobViewSchema }),
  },
  'jobs.list': { input: none, output: z.object({ jobs: z.array(jobViewSchema) }) },
  'jobs.cancel': { input: z.object({ jobId: count }), output: z.object({ job: jobViewSchema }) },
  /** Queues a new job that continues an interrupted one from its newest checkpoint. */
  'jobs.resume': { input: z.object({ jobId: count }), output: z.object({ job: jobViewSchema }) },
  'jobs.setPriority': {
    input: z.object({ jobId: count, priority: z.int().min(-100).max(100) }),
    output: z.object({ job: jobViewSchema }),
  },
  /** Removes an ended job from the list, with its checkpoints. */
  'jobs.remove': { input: z.object({ jobId: count }), output: done },
  'jobs.curve': { input: z.object({ jobId: count }), output: z.object({ points: z.array(curvePointSchema) }) },
  'jobs.log': { input: z.object({ jobId: count }), output: z.object({ lines: z.array(jobLogLineSchema) }) },
} as const;

export type ProcedureName = keyof typeof procedures;
/** As a caller writes it, defaults left out. */
export type ProcedureInput<N extends ProcedureName> = z.input<(typeof procedures)[N]['input']>;
/** As the handler gets it. */
export type ProcedureParsedInput<N extends ProcedureName> = z.infer<(typeof procedures)[N]['input']>;
export type ProcedureOutput<N extends ProcedureName> = z.infer<(typeof procedures)[N]['output']>;

/** Largest accepted body of a procedure, bytes; a larger one is answered with 413, one that is not JSON by its type with 415. */
export const MAX_BODY_BYTES = 4 << 20;

/** HTTP status of a failure. */
export function statusOf(code: FailureCode): number {
  switch (code) {
    case 'usage':
    case 'bad-input':
      return 400;
    case 'not-found':
      return 404;
    case 'cancelled':
      return 499;
    case 'newer-project':
    case 'damaged-project':
      return 409;
    case 'unsupported':
    case 'no-backend':
      return 501;
    default:
      return 500;
  }
}
