/**
 * `GET /api/events`: newline-delimited JSON, one {@link StudioMessage} a line, for as long as the reader reads.
 *
 * Two lanes in one stream. `event` messages are ordered and never dropped: `sequence` counts without a gap within one
 * `epoch` (one run of the host); a reader that comes back asks for `?epoch=E&after=S` and gets what it missed, or a
 * `reset` when the host no longer has it, after which it fetches the state anew. `snapshot` messages are latest-wins by `key`.
 */
import { z } from 'zod';
import { curvePointSchema, jobLogLineSchema, jobViewSchema } from './jobs.ts';
import { projectStateSchema } from './project.ts';

const count = z.int().min(0);

const studioEventSchema = z.discriminatedUnion('type', [
  /** Another project, or none. */
  z.object({ type: z.literal('project-changed'), project: projectStateSchema.nullable() }),
  /** Records changed: objects, tracks, observations or masks of the named tables must be fetched again. */
  z.object({ type: z.literal('records-changed'), tables: z.array(z.string()), revision: count }),
  /** A job was queued, changed its state, or ended. */
  z.object({ type: z.literal('job-changed'), job: jobViewSchema }),
  z.object({ type: z.literal('job-removed'), jobId: count }),
  z.object({ type: z.literal('job-curve'), jobId: count, points: z.array(curvePointSchema) }),
  z.object({ type: z.literal('job-log'), jobId: count, lines: z.array(jobLogLineSchema) }),
  /** For people, without a job: `The view process ended and was started again.` */
  z.object({ type: z.literal('notice'), level: z.enum(['info', 'warning', 'error']), text: z.string() }),
]);
export type StudioEvent = z.infer<typeof studioEventSchema>;

const studioSnapshotSchema = z.discriminatedUnion('type', [
  /** Progress between state changes, at most a few times a second. */
  z.object({ type: z.literal('job-progress'), job: jobViewSchema }),
  /** A newer preview image of a job: `routes.preview(jobId, preview)`. */
  z.object({ type: z.literal('job-preview'), jobId: count, preview: count, iteration: count }),
  z.object({ type: z.literal('saved'), revision: count, savedAt: z.number() }),
]);
export type StudioSnapshot = z.infer<typeof studioSnapshotSchema>;

export const studioMessageSchema = z.discriminatedUnion('lane', [
  z.object({ lane: z.literal('hello'), epoch: z.string(), sequence: count }),
  z.object({ lane: z.literal('reset'), epoch: z.string(), sequence: count }),
  z.object({ lane: z.literal('event'), sequence: count, event: studioEventSchema }),
  z.object({ lane: z.literal('snapshot'), key: z.string(), snapshot: studioSnapshotSchema }),
  /** Every few seconds on a silent stream, so that both ends notice a lost connection. */
  z.object({ lane: z.literal('ping') }),
]);
export type StudioMessage = z.infer<typeof studioMessageSchema>;
