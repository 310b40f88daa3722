/**
 * Before and after a re-run: both are kept until a person decides. What a person made or locked is in both; the rest is exchanged
 * between the project and an artifact.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import {
  LiftscopeError,
  OBSERVATION_FLAGS,
  type StudioRecord,
  studioRecordSchema,
  type TrackReview,
  trackReviewSchema,
} from '../../contract/index.ts';
import { type Project, parseArtifactName } from '../project/index.ts';
import { joinsKey } from './insight.ts';

const reviewKey = (captureId: number): string => `tracks.review.${captureId}`;
const storedSchema = trackReviewSchema.extend({
  /** The state that is not shown. */
  other: z.object({ artifact: z.string() }),
});
const snapshotSchema = z.object({ records: z.array(studioRecordSchema), joins: z.json() });

/** Records of one transaction. */
const BATCH = 20_000;
/** Of more, no state before is kept: exchanging them would block the studio for seconds. */
const MAX_RECORDS = 400_000;

export type TrackState = z.infer<typeof snapshotSchema>;

/** What jobs left in a capture; undefined without tracks, or with too many. */
export function stateOfTracks(project: Project, captureId: number): TrackState | undefined {
  const records: StudioRecord[] = [];
  for (const object of project.objects.list(captureId)) if (object.provenance !== 'human') records.push(object);
  let some = false;
  for (const track of project.tracks.list(captureId)) {
    if (track.provenance === 'human') continue;
    records.push(track);
    some = true;
    for (const observation of project.observations.ofTrack(track.id)) {
      if (observation.provenance !== 'human') records.push(observation);
    }
    if (records.length > MAX_RECORDS) return undefined;
  }
  return some ? { records, joins: project.settings.get(joinsKey(captureId), z.json()) ?? [] } : undefined;
}

/** Begins the review of a run that has just been stored. */
export async function beginReview(
  project: Project,
  captureId: number,
  jobId: number,
  before: TrackState,
): Promise<void> {
  const after = figuresOf(project, captureId);
  const review: TrackReview = { jobId, shown: 'after', before: figuresOfState(before), after };
  project.settings.set(reviewKey(captureId), { ...review, other: { artifact: await keep(project, before) } });
}

export function reviewOf(project: Project, captureId: number): TrackReview | null {
  const stored = project.settings.get(reviewKey(captureId), storedSchema);
  if (stored === undefined) return null;
  const { other: _, ...review } = stored;
  return review;
}

/** What is shown stays, and the other state is given up. */
export function endReview(project: Project, captureId: number): void {
  project.settings.delete(reviewKey(captureId));
}

/** Exchanges the two states unless the wanted one is shown already. @throws LiftscopeError `not-found` without a review */
export async function showTracks(project: Project, captureId: number, shown: TrackReview['shown']): Promise<void> {
  const stored = project.settings.get(reviewKey(captureId), storedSchema);
  if (stored === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: 'There is no re-run of tracking to decide on.' });
  }
  if (stored.shown === shown) return;
  const wanted = await recall(project, stored.other.artifact);
  const current = stateOfTracks(project, captureId) ?? { records: [], joins: [] };
  const artifact = await keep(project, current);
  project.jobRecords.clear(captureId);
  for (let i = 0; i < wanted.records.length; i += BATCH) {
    project.jobRecords.write({ put: wanted.records.slice(i, i + BATCH) });
  }
  project.settings.set(joinsKey(captureId), wanted.joins);
  project.settings.set(reviewKey(captureId), { ...stored, shown, other: { artifact } });
}

async function keep(project: Project, state: TrackState): Promise<string> {
  return project.artifacts.put(new TextEncoder().encode(JSON.stringify(state)), 'json');
}

async function recall(project: Project, artifact: string): Promise<TrackState> {
  const text = await readFile(project.artifacts.path(parseArtifactName(artifact)), 'utf8');
  const parsed = snapshotSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new LiftscopeError({ code: 'damaged-project', message: 'The tracks before the re-run cannot be read.' });
}

function figuresOf(project: Project, captureId: number): TrackReview['after'] {
  const state = stateOfTracks(project, captureId);
  return figuresOfState(state ?? { records: [], joins: [] });
}

/** Of what jobs found alone: what a person made is the same on both sides. */
function figuresOfState({ records }: TrackState): TrackReview['after'] {
  const figures = { objects: 0, idSwitches: 0, seen: 0 };
  for (const record of records) {
    if (record.type === 'object') figures.objects++;
    if (record.type !== 'observation') continue;
    if ((record.flags & OBSERVATION_FLAGS.idSwitch) !== 0) figures.idSwitches++;
    if (record.maskId !== null && (record.flags & OBSERVATION_FLAGS.carried) === 0) figures.seen++;
  }
  return figures;
}
