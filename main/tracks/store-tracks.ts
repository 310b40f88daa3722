/** Results of tracking into a project, and what a person decided out of it. */
import { readFile } from 'node:fs/promises';
import {
  type FrameMasks,
  LiftscopeError,
  maxInlineMaskCharacters,
  OBSERVATION_FLAGS,
  type StudioRecord,
  type TrackedObservation,
  type TrackLock,
} from '../../contract/index.ts';
import { type JobWriteReport, type Project, parseArtifactName } from '../project/index.ts';
import { readTracksFile } from './tracks-file.ts';

/** Records of one transaction: bounds memory. */
const BATCH = 20_000;

/** Masks of a frame by name; undefined for a frame without. */
export interface MasksOfFrames {
  frame(name: string): Promise<FrameMasks | undefined>;
}

export interface StoreTracksOptions {
  readonly captureId: number;
  readonly jobId: number | null;
  readonly tracksPath: string;
  /** The masks that were tracked. */
  readonly masks: MasksOfFrames;
  readonly signal?: AbortSignal | undefined;
}

export interface StoredTracks {
  readonly objects: number;
  readonly tracks: number;
  readonly observations: number;
  /** Observations that a person's work stands in the way of; it stays as it is. */
  readonly skipped: number;
}

interface Lane {
  readonly objectId: number;
  /** Nothing may be added to a locked object, not even a frame that it lacks. */
  readonly locked: boolean;
  /** Track record of each initial id. */
  readonly tracks: Map<number, number>;
  current: number;
}

/**
 * Replaces what earlier jobs found in the capture. One object record for every tracked object, one track record for every initial id
 * of it, one observation a frame; frames in which it is unseen belong to the track that it was last seen in. What a person made or
 * locked stays as it is: a locked object whole, of others the frames that a person's observations are in; tracking adds the rest.
 * @throws LiftscopeError
 */
export async function storeTracks(project: Project, options: StoreTracksOptions): Promise<StoredTracks> {
  const { captureId, tracksPath, masks, signal } = options;
  const frames: { name: string; observations: readonly TrackedObservation[] }[] = [];
  const objects = await readTracksFile(tracksPath, (frame) => frames.push(frame), signal);
  const positionOf = new Map(
    project.captures.get(captureId)?.capture.frames.map(({ name }, position) => [name, position]) ?? [],
  );
  const given = project.jobRecords.clear(captureId);
  const existing = new Set(project.objects.list(captureId).map(({ id }) => id));
  const protectedFrames = framesOfKeptObjects(project, captureId);

  const lanes = new Map<number, Lane>();
  const fresh = objects.filter(({ objectId }) => objectId === undefined || !existing.has(objectId));
  const firstObject = fresh.length === 0 ? 0 : project.newIds('object', fresh.length);
  const names = new Map<string, number>();
  const objectRecords = fresh.map(({ object, category }, index): StudioRecord => {
    const id = firstObject + index;
    lanes.set(object, { objectId: id, locked: false, tracks: new Map(), current: 0 });
    const label = category ?? 'object';
    const number = (names.get(label) ?? 0) + 1;
    names.set(label, number);
    return {
      ...{ type: 'object', id, captureId, name: `${label} ${number}`, className: category, colour: id },
      ...{ hidden: false, locked: false, provenance: 'lifted' },
    };
  });
  for (const { object, objectId } of objects) {
    if (objectId !== undefined && existing.has(objectId)) {
      const locked = project.objects.get(objectId)?.locked === true;
      lanes.set(object, { objectId, locked, tracks: new Map(), current: 0 });
    }
  }
  write(project, objectRecords);

  const ids = new IdBlocks(project, frames);
  const counts = { tracks: 0, observations: 0, skipped: given.skipped };
  let records: StudioRecord[] = [];
  const flush = (): void => {
    const report = write(project, records);
    counts.observations += report.written - records.filter(({ type }) => type === 'track' || type === 'mask').length;
    records = [];
  };
  for (const { name, observations } of frames) {
    signal?.throwIfAborted();
    const position = positionOf.get(name);
    if (position === undefined) throw missing(name);
    const frameMasks = observations.some(({ segment }) => segment !== undefined) ? await masks.frame(name) : undefined;
    const segments = new Map(frameMasks?.segments.map((segment) => [segment.id, segment]));
    for (const observation of observations) {
      const lane = lanes.get(observation.object);
      if (lane === undefined) throw missing(`object ${observation.object}`);
      if (lane.locked || protectedFrames.get(lane.objectId)?.has(position) === true) {
        counts.skipped++;
        continue;
      }
      const { segment: source } = observation;
      if (source !== undefined || lane.current === 0) {
        const known = lane.tracks.get(source ?? 0);
        if (known === undefined) {
          lane.current = ids.track();
          lane.tracks.set(source ?? 0, lane.current);
          counts.tracks++;
          records.push({
            ...{ type: 'track', id: lane.current, captureId, objectId: lane.objectId },
            ...{ sourceId: source === undefined ? null : String(source), locked: false, provenance: 'lifted' },
          });
        } else lane.current = known;
      }
      const segment = source === undefined ? undefined : segments.get(source);
      let maskId: number | null = null;
      if (segment !== undefined && frameMasks !== undefined) {
        maskId = ids.mask();
        const inline = segment.rle.length <= maxInlineMaskCharacters;
        records.push({
          ...{ type: 'mask', id: maskId, captureId, position, width: frameMasks.width, height: frameMasks.height },
          rle: inline ? segment.rle : null,
          artifact: inline ? null : await project.artifacts.put(new TextEncoder().encode(segment.rle), 'rle'),
          provenance: 'model',
        });
      }
      records.push({
        ...{ type: 'observation', trackId: lane.current, position, state: observation.state, maskId },
        disagreement: null,
        flags:
          (observation.idSwitch === true ? OBSERVATION_FLAGS.idSwitch : 0) |
          (observation.rivals === undefined ? 0 : OBSERVATION_FLAGS.ambiguous),
        provenance: 'lifted',
      });
      if (records.length >= BATCH) flush();
    }
  }
  flush();
  storeGeometry(project, options, frames, lanes);
  return { objects: lanes.size, ...counts };
}

/** Ids in blocks: giving one out is a transaction. */
class IdBlocks {
  #track: number;
  #mask: number;

  /** As many as these frames can need; what is left over is never given again. */
  constructor(
    project: Project,
    frames: readonly {
      readonly observations: readonly { readonly object: number; readonly segment?: number | undefined }[];
    }[],
  ) {
    let segments = 0;
    const lanes = new Set<string>();
    for (const { observations } of frames) {
      for (const { object, segment } of observations) {
        lanes.add(`${object}/${segment ?? 0}`);
        if (segment !== undefined) segments++;
      }
    }
    this.#track = lanes.size === 0 ? 0 : project.newIds('track', lanes.size);
    this.#mask = segments === 0 ? 0 : project.newIds('mask', segments);
  }

  track(): number {
    return this.#track++;
  }

  mask(): number {
    return this.#mask++;
  }
}

function write(project: Project, put: readonly StudioRecord[]): JobWriteReport {
  return project.jobRecords.write({ put });
}

/** Where each object was last seen. */
function storeGeometry(
  project: Project,
  { jobId }: StoreTracksOptions,
  frames: readonly { readonly observations: readonly TrackedObservation[] }[],
  lanes: ReadonlyMap<number, Lane>,
): void {
  const last = new Map<number, readonly [number, number, number]>();
  for (const { observations } of frames) {
    for (const { object, at } of observations) if (at !== undefined) last.set(object, at);
  }
  const rows = [...last].flatMap(([object, at]) =>
    lanes.get(object)!.locked
      ? []
      : {
          objectId: lanes.get(object)!.objectId,
          centroid: [...at] as [number, number, number],
          gaussians: null,
          confidence: null,
        },
  );
  project.objects.setGeometry(rows, jobId);
}

/** Frames in which an object that stayed has observations: after {@link JobRecords.clear} these are a person's or locked. */
function framesOfKeptObjects(project: Project, captureId: number): Map<number, Set<number>> {
  return new Map(
    project.objects
      .list(captureId)
      .map(({ id }) => [id, new Set(project.observations.ofObject(id).map(({ position }) => position))]),
  );
}

/**
 * Sightings of objects that a person locked, made or corrected: tracking must keep who they are.
 * @throws LiftscopeError when a mask cannot be read
 */
export async function locksOfProject(project: Project, captureId: number): Promise<TrackLock[]> {
  const locks: TrackLock[] = [];
  for (const object of project.objects.list(captureId)) {
    for (const track of project.tracks.ofObject(object.id)) {
      const whole = object.locked || track.locked || track.provenance === 'human';
      for (const observation of project.observations.ofTrack(track.id)) {
        if (!whole && observation.provenance !== 'human') continue;
        const mask = observation.maskId === null ? undefined : project.masks.get(observation.maskId);
        if (mask === undefined || observation.state !== 'visible') continue;
        const rle =
          mask.rle ?? (await readFile(project.artifacts.path(parseArtifactName(mask.artifact ?? '')), 'utf8'));
        locks.push({ position: observation.position, rle, objectId: object.id });
      }
    }
  }
  return locks;
}

function missing(what: string): LiftscopeError {
  return new LiftscopeError({
    code: 'internal',
    message: `The tracks name ${what}, which the capture does not have.`,
  });
}
