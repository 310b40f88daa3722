/** Which Gaussian belongs to which object of the project now: the newest lift, and what people did since. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  decodeCounts,
  forEachRun,
  LiftscopeError,
  type SelectionShape,
  selectionShapeSchema,
} from '../../contract/index.ts';
import type { ArtifactName, FieldRow, Project } from '../project/index.ts';
import { readLiftedMembers } from './lift-file.ts';

/**
 * Objects of a lift as `[lifted, track, object]`: Gaussians of `lifted` are of the object of that track, so that merging,
 * splitting and deleting, which re-point tracks, and their undo, move Gaussians along. No track: the object was locked
 * when the lift came; a track that is gone: a later lift has replaced it, and a person kept the object.
 */
const liftedTracksSchema = z.array(z.tuple([z.int().min(1), z.int().nullable(), z.int()]));
export type LiftedTracks = z.infer<typeof liftedTracksSchema>;

/** Marks tracks of Gaussians that a person selected: `gaussians:SPLATS`. */
const SELECTION_TRACK = 'gaussians:';
/** What such a track selects, a setting that undo covers. */
const selectionSchema = z.object({
  gaussians: z.int().min(0),
  rle: z.string(),
  /** Absent in projects from before it was measured. */
  shape: selectionShapeSchema.optional(),
});

export function selectionTrack(splatsId: number): string {
  return `${SELECTION_TRACK}${splatsId}`;
}

export function selectionKey(trackId: number): string {
  return `gaussians.${trackId}`;
}

export function liftsOf(project: Project, splatsId: number): FieldRow[] {
  return project.fields.list(splatsId, 'instance');
}

/** @returns object in the project of each object of a lift, 0 for none; undefined when it was not stored with objects */
export function projectObjects(project: Project, lift: FieldRow): Map<number, number> | undefined {
  const tracks = liftedTracksSchema.safeParse(lift.options.objects).data;
  if (tracks === undefined) return undefined;
  return new Map(
    tracks.map(([lifted, trackId, objectId]) => {
      const track = trackId === null ? undefined : project.tracks.get(trackId);
      const fallback = project.objects.get(objectId) === undefined ? 0 : objectId;
      return [lifted, track === undefined ? fallback : (track.objectId ?? 0)];
    }),
  );
}

export interface Membership {
  /** Says what it holds: equal keys, equal arrays. */
  readonly key: string;
  /** [N] object of the project, 0 = none. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** [N] in [0, 1] */
  readonly confidence: Float32Array<ArrayBuffer>;
}

/** What says who belongs where, cheap to ask for. */
interface Sources {
  readonly key: string;
  readonly lift: FieldRow | undefined;
  readonly objects: ReadonlyMap<number, number>;
  readonly selections: readonly { readonly objectId: number; readonly rle: string }[];
}

function sourcesOf(project: Project, splatsId: number): Sources | undefined {
  const splats = project.splats.get(splatsId);
  const lift = liftsOf(project, splatsId)[0];
  const objects = (lift && projectObjects(project, lift)) ?? new Map<number, number>();
  const selections =
    splats?.captureId == null
      ? []
      : project.tracks
          .list(splats.captureId)
          .filter(({ sourceId }) => sourceId === selectionTrack(splatsId))
          .flatMap(({ id, objectId }) => {
            const rle = project.settings.get(selectionKey(id), selectionSchema)?.rle;
            return rle === undefined ? [] : [{ objectId: objectId ?? 0, rle }];
          });
  if (lift === undefined && selections.length === 0) return undefined;
  const key = JSON.stringify([
    splatsId,
    lift?.artifact ?? null,
    [...objects],
    selections.map(({ objectId, rle }) => [objectId, createHash('sha256').update(rle).digest('base64url')]),
  ]);
  return { key, lift, objects, selections };
}

/** Where objects are that people made of Gaussians they selected, and of how many; by object, the newest selection. */
export function selectionShapes(
  project: Project,
  captureId: number,
): ReadonlyMap<number, SelectionShape & { readonly gaussians: number }> {
  const shapes = new Map<number, SelectionShape & { gaussians: number }>();
  for (const { id, objectId, sourceId } of project.tracks.list(captureId)) {
    if (objectId === null || !sourceId?.startsWith(SELECTION_TRACK)) continue;
    const { gaussians, shape } = project.settings.get(selectionKey(id), selectionSchema) ?? {};
    if (shape !== undefined && gaussians !== undefined) shapes.set(objectId, { ...shape, gaussians });
  }
  return shapes;
}

/** Keeps the newest answer and the newest lift in memory: a picture or a pick asks every time. */
export class Memberships {
  readonly #project: Project;
  #known:
    | { readonly splatsId: number; readonly revision: number; readonly membership: Promise<Membership | undefined> }
    | undefined;
  #built: Membership | undefined;
  #lift:
    | { readonly artifact: ArtifactName; readonly members: Awaited<ReturnType<typeof readLiftedMembers>> }
    | undefined;

  constructor(project: Project) {
    this.#project = project;
  }

  /** Undefined for a model that nothing has been lifted on. @throws LiftscopeError `bad-input` for a damaged lift */
  async of(splatsId: number): Promise<Membership | undefined> {
    const { revision } = this.#project.revision;
    if (this.#known?.splatsId !== splatsId || this.#known.revision !== revision) {
      const membership = this.#build(splatsId);
      this.#known = { splatsId, revision, membership };
      membership.catch(() => {
        this.#known = undefined;
      });
    }
    return this.#known.membership;
  }

  async #build(splatsId: number): Promise<Membership | undefined> {
    const sources = sourcesOf(this.#project, splatsId);
    if (sources === undefined) return undefined;
    if (this.#built?.key === sources.key) return this.#built;
    const { key, lift, objects, selections } = sources;
    const gaussians = this.#project.splats.get(splatsId)?.gaussians ?? 0;
    let [ids, confidence] = [new Uint32Array(gaussians), new Float32Array(gaussians)];
    if (lift !== undefined) {
      const members = await this.#membersOf(lift.artifact);
      if (members.objectOfGaussian.length !== gaussians) throw otherSize(members.objectOfGaussian.length, gaussians);
      ids = members.objectOfGaussian.map((object) => objects.get(object) ?? 0);
      confidence = members.confidence.slice();
    }
    for (const { objectId, rle } of selections) {
      forEachRun(decodeCounts(rle, gaussians), (start, end) => {
        ids.fill(objectId, start, end);
        confidence.fill(1, start, end);
      });
    }
    this.#built = { key, ids, confidence };
    return this.#built;
  }

  async #membersOf(artifact: ArtifactName) {
    if (this.#lift?.artifact !== artifact) {
      this.#lift = { artifact, members: await readLiftedMembers(this.#project.artifacts.path(artifact)) };
    }
    return this.#lift.members;
  }
}

function otherSize(lifted: number, gaussians: number): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `The lift is of ${lifted} Gaussians, the splats have ${gaussians}.`,
    hint: 'Lift the masks again on these splats.',
  });
}
