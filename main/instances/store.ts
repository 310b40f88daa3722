/** What a lift found becomes objects, tracks and observations of the project. */
import { readFile } from 'node:fs/promises';
import {
  decodeLiftedObservations,
  type LiftedObject,
  type LiftedObservations,
  type LiftingResult,
  OBSERVATION_FLAGS,
  OBSERVATION_STATES,
  type ObjectRecord,
  type StudioRecord,
  type TrackRecord,
} from '../../contract/index.ts';
import type { ArtifactName, FieldRow, JobWriteReport, Project, SplatsRow } from '../project/index.ts';
import { readLiftedMembers } from './lift-file.ts';
import { type LiftedTracks, Memberships } from './membership.ts';

/** The mask set with the instance maps of the newest lift. */
export const LIFTED_MASKS = 'lifted';

export interface StoredLift {
  readonly field: FieldRow;
  readonly objects: number;
  /** Objects that were there before and were found again. */
  readonly found: number;
  /** Records that a person made or locked and that stayed as they are. */
  readonly kept: number;
}

export interface LiftToStore {
  readonly captureId: number;
  readonly splats: SplatsRow;
  readonly jobId: number;
  readonly result: LiftingResult;
  /** The `.lift` file. */
  readonly artifact: ArtifactName;
  /** Name of the set that was lifted. */
  readonly masks: string;
  /** Instance maps of all frames. */
  readonly maps: ArtifactName;
  readonly observationsPath: string;
}

/** Least IoU, in Gaussians, of an object with one of the lift before for both to be the same. */
const SAME_OBJECT = 0.3;
/** Longest text of a record. */
const MAX_SOURCE = 200;

/**
 * Replaces what jobs left in the capture by what a lift found. An object that shares most of its Gaussians with one that was
 * there is the same: it keeps id, name, colour and whether it is hidden. What a person made or locked stays as it is.
 * @throws LiftscopeError
 */
export async function storeLift(project: Project, lift: LiftToStore): Promise<StoredLift> {
  const { captureId, splats, jobId, result } = lift;
  const observed = decodeLiftedObservations(await readFile(lift.observationsPath));
  const objectOf = await sameObjects(project, splats, lift.artifact);
  const before = new Map(project.objects.list(captureId).map((object) => [object.id, object]));
  const found = objectOf.size;
  const fresh = result.objects.filter(({ id }) => !objectOf.has(id));
  let nextId = fresh.length === 0 ? 0 : project.newIds('object', fresh.length);
  for (const { id } of fresh) objectOf.set(id, nextId++);

  const tracks = new Map<number, number>();
  const put: StudioRecord[] = [];
  let nextTrack = project.newIds('track', Math.max(1, result.objects.length));
  for (const { id } of result.objects) {
    const objectId = objectOf.get(id)!;
    const known = before.get(objectId);
    if (known === undefined) put.push(newObject(captureId, objectId));
    else if (known.provenance !== 'human' && !known.locked) put.push(known);
    // No job adds to what is locked.
    if (known?.locked === true) continue;
    tracks.set(id, nextTrack);
    put.push(track(captureId, nextTrack++, objectId, `lift:${id}`, 'lifted'));
  }
  const given = givenTracks(project, captureId, observed.segments, lift.masks, (lifted) => {
    const objectId = objectOf.get(lifted);
    return objectId === undefined || before.get(objectId)?.locked === true ? undefined : objectId;
  });

  const { object, frame, disagreement } = observed;
  const rows = rowsWhere(object.length, (i) => tracks.has(object[i]!));
  // Nothing of the old goes before all of the new is there.
  const { field, reports } = project.jobRecords.together(() => {
    const added = project.fields.add({
      splatsId: splats.id,
      jobId,
      kind: 'instance',
      recipe: result.recipe,
      dimensions: Math.max(1, result.objects.length),
      artifact: lift.artifact,
      options: {
        masks: lift.masks,
        parameters: result.parameters,
        seed: result.seed,
        objects: result.objects.map(({ id }): LiftedTracks[number] => [id, tracks.get(id) ?? null, objectOf.get(id)!]),
      },
    });
    const written: JobWriteReport[] = [
      project.jobRecords.clear(captureId),
      project.jobRecords.write({ put: [...put, ...given.tracks] }),
      project.jobRecords.writeObservations(
        captureId,
        batch(rows, (i) => [tracks.get(object[i]!)!, frame[i]!, disagreement[i]!, 0]),
        { provenance: 'lifted' },
      ),
      project.jobRecords.writeObservations(captureId, given.batch, { provenance: 'model' }),
    ];
    project.objects.setGeometry(geometryOf(project, result.objects, objectOf), jobId);
    project.maskSets.add({
      captureId,
      info: {
        name: LIFTED_MASKS,
        provenance: {
          kind: 'lifted',
          source: `lift by ${result.recipe} of ${lift.masks}`,
          parameters: { splats: splats.id, lift: added.id },
        },
        consistentIds: true,
        classes: [],
      },
      artifact: lift.maps,
      frames: result.instances?.frames ?? 0,
      jobId,
    });
    return { field: added, reports: written };
  });
  const kept = reports.reduce(
    (sum, { reasons }) => sum + reasons.filter(({ reason }) => reason !== 'in-use').length,
    0,
  );
  return { field, objects: result.objects.length, found, kept };
}

/**
 * Objects of a lift that are objects of the project already, one to one, those that share most first.
 * @returns the project's id by the lift's
 */
async function sameObjects(project: Project, splats: SplatsRow, artifact: ArtifactName): Promise<Map<number, number>> {
  const before = await new Memberships(project).of(splats.id);
  if (before === undefined) return new Map();
  const { objectOfGaussian } = await readLiftedMembers(project.artifacts.path(artifact));
  const shared = new Map<number, Map<number, number>>();
  const [sizeNow, sizeBefore] = [new Map<number, number>(), new Map<number, number>()];
  const add = (counts: Map<number, number>, key: number): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  for (let i = 0; i < objectOfGaussian.length; i++) {
    const [now, then] = [objectOfGaussian[i]!, before.ids[i]!];
    if (now !== 0) add(sizeNow, now);
    if (then !== 0) add(sizeBefore, then);
    if (now === 0 || then === 0) continue;
    let own = shared.get(now);
    if (own === undefined) {
      own = new Map();
      shared.set(now, own);
    }
    add(own, then);
  }
  const pairs = [...shared].flatMap(([now, own]) =>
    [...own].map(([then, both]) => {
      return { now, then, iou: both / (sizeNow.get(now)! + sizeBefore.get(then)! - both) };
    }),
  );
  const same = new Map<number, number>();
  const taken = new Set<number>();
  for (const { now, then, iou } of pairs.sort((a, b) => b.iou - a.iou || a.now - b.now)) {
    if (iou < SAME_OBJECT || same.has(now) || taken.has(then)) continue;
    same.set(now, then);
    taken.add(then);
  }
  return same;
}

/** Colour by number, so that neighbours in the list differ. */
function newObject(captureId: number, id: number): ObjectRecord {
  return {
    type: 'object',
    ...{ id, captureId, name: `object ${id}`, className: null, colour: id },
    ...{ hidden: false, locked: false, provenance: 'lifted' },
  };
}

function track(
  captureId: number,
  id: number,
  objectId: number | null,
  sourceId: string,
  provenance: 'model' | 'lifted',
): TrackRecord {
  return { type: 'track', id, captureId, objectId, sourceId: sourceId.slice(0, MAX_SOURCE), locked: false, provenance };
}

/** Given segments whose ids are tracks: each goes to the object that most of its frames lie on. */
function givenTracks(
  project: Project,
  captureId: number,
  segments: LiftedObservations['segments'],
  masks: string,
  objectOf: (lifted: number) => number | undefined,
): { tracks: TrackRecord[]; batch: ReturnType<typeof batch> } {
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < segments.id.length; i++) {
    const own = rowsOf.get(segments.id[i]!);
    if (own === undefined) rowsOf.set(segments.id[i]!, [i]);
    else own.push(i);
  }
  const tracks: TrackRecord[] = [];
  const kept: { row: number; track: number; flags: number }[] = [];
  let nextTrack = rowsOf.size === 0 ? 0 : project.newIds('track', rowsOf.size);
  for (const [id, rows] of rowsOf) {
    const frames = new Map<number, number>();
    for (const row of rows) frames.set(segments.object[row]!, (frames.get(segments.object[row]!) ?? 0) + 1);
    const [lifted] = [...frames].filter(([object]) => object !== 0).sort((a, b) => b[1] - a[1] || a[0] - b[0])[0] ?? [
      0,
    ];
    const objectId = objectOf(lifted);
    if (objectId === undefined) continue;
    const trackId = nextTrack++;
    tracks.push(track(captureId, trackId, objectId, `${masks}:${id}`, 'model'));
    let last = 0;
    for (const row of rows) {
      const object = segments.object[row]!;
      const switched = last !== 0 && object !== 0 && object !== last;
      if (object !== 0) last = object;
      kept.push({ row, track: trackId, flags: switched ? OBSERVATION_FLAGS.idSwitch : 0 });
    }
  }
  return {
    tracks,
    batch: batch(kept, ({ row, track: id, flags }) => [id, segments.frame[row]!, segments.disagreement[row]!, flags]),
  };
}

const VISIBLE = OBSERVATION_STATES.indexOf('visible');

function batch<Row>(rows: readonly Row[], columnsOf: (row: Row) => readonly [number, number, number, number]) {
  const columns = rows.map(columnsOf);
  return {
    trackId: columns.map(([trackId]) => trackId),
    position: columns.map(([, position]) => position),
    state: columns.map(() => VISIBLE),
    disagreement: columns.map(([, , disagreement]) => Math.min(1, Math.max(0, disagreement))),
    flags: columns.map(([, , , flags]) => flags),
  };
}

function rowsWhere(count: number, test: (row: number) => boolean): number[] {
  const rows: number[] = [];
  for (let i = 0; i < count; i++) if (test(i)) rows.push(i);
  return rows;
}

function geometryOf(project: Project, objects: readonly LiftedObject[], objectOf: ReadonlyMap<number, number>) {
  return objects.flatMap(({ id, centroid, gaussians, confidence }) => {
    const objectId = objectOf.get(id)!;
    if (centroid === null || project.objects.get(objectId) === undefined) return [];
    return [{ objectId, centroid, gaussians, confidence }];
  });
}
