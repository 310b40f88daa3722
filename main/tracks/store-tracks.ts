/** Results of tracking into a project, and what a person decided out of it. */
import { readFile } from 'node:fs/promises';
import {
  type FrameMasks,
  LiftscopeError,
  maxInlineMaskCharacters,
  OBSERVATION_FLAGS,
  type StudioRecord,
  type TrackedObject,
  type TrackLock,
  type TracksFrame,
} from '../../contract/index.ts';
import { type JobWriteReport, type Project, parseArtifactName } from '../project/index.ts';
import { joinsKey, placesKey, placesSchema } from './insight.ts';
import { keepOccluders } from './occluders.ts';
import { readTracksFile } from './tracks-file.ts';

/** Records of one transaction: bounds memory. */
const BATCH = 20_000;
const MAX_JOINS = 1000;
/** Runs whose places are kept. */
const KEPT_RUNS = 5;

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

type ReadFrame = Pick<TracksFrame, 'name' | 'observations' | 'carried'>;

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
  const read: ReadFrame[] = [];
  const found = await readTracksFile(tracksPath, (frame) => read.push(frame), signal);
  const positionOf = new Map(
    project.captures.get(captureId)?.capture.frames.map(({ name }, position) => [name, position]) ?? [],
  );
  for (const { name } of read) if (!positionOf.has(name)) throw missing(name);
  const frames = await withoutRejected(project, captureId, read, positionOf, masks);
  const firstSource = new Map<number, number>();
  for (const { observations } of frames) {
    for (const { object, segment } of observations) {
      if (segment !== undefined && !firstSource.has(object)) firstSource.set(object, segment);
    }
  }
  const objects = found.filter(({ object }) => firstSource.has(object));
  const given = project.jobRecords.clear(captureId);
  const existing = new Set(project.objects.list(captureId).map(({ id }) => id));
  const protectedFrames = framesOfKeptObjects(project, captureId);

  const lanes = new Map<number, Lane>();
  const fresh = objects.filter(({ objectId }) => objectId === undefined || !existing.has(objectId));
  const firstObject = fresh.length === 0 ? 0 : project.newIds('object', fresh.length);
  const names = new NameList(project.objects.list(captureId).map(({ name }) => name));
  const objectRecords = fresh.map(({ object, category }, index): StudioRecord => {
    const id = firstObject + index;
    lanes.set(object, { objectId: id, locked: false, tracks: new Map(), current: 0 });
    return {
      ...{ type: 'object', id, captureId, name: names.next(category ?? 'object'), className: category, colour: id },
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
  const places: number[] = [];
  const occluders: number[] = [];
  let records: StudioRecord[] = [];
  const flush = (): void => {
    const report = write(project, records);
    counts.observations += report.written - records.filter(({ type }) => type === 'track' || type === 'mask').length;
    records = [];
  };
  /** The track of an initial id within its object, made when it comes first. */
  const trackOf = (lane: Lane, source: number | undefined): number => {
    const known = lane.tracks.get(source ?? 0);
    if (known !== undefined) return known;
    const id = ids.track();
    lane.tracks.set(source ?? 0, id);
    counts.tracks++;
    records.push({
      ...{ type: 'track', id, captureId, objectId: lane.objectId },
      ...{ sourceId: source === undefined ? null : String(source), locked: false, provenance: 'lifted' },
    });
    return id;
  };
  const maskOf = async (
    position: number,
    { width, height, rle }: { readonly width: number; readonly height: number; readonly rle: string },
    provenance: 'model' | 'lifted',
  ): Promise<number> => {
    const id = ids.mask();
    const inline = rle.length <= maxInlineMaskCharacters;
    records.push({
      ...{ type: 'mask', id, captureId, position, width, height, provenance },
      rle: inline ? rle : null,
      artifact: inline ? null : await project.artifacts.put(new TextEncoder().encode(rle), 'rle'),
    });
    return id;
  };
  for (const { name, observations, carried = [] } of frames) {
    signal?.throwIfAborted();
    const position = positionOf.get(name)!;
    const frameMasks = observations.some(({ segment }) => segment !== undefined) ? await masks.frame(name) : undefined;
    const segments = new Map(frameMasks?.segments.map((segment) => [segment.id, segment]));
    const size = frameMasks ?? project.captures.frame(captureId, position)!;
    const proposals = new Map(
      carried.map(({ object, rle }) => [object, { width: size.width, height: size.height, rle }]),
    );
    /** Track, and object in front: that one's track of this frame may come later in the list. */
    const hidden: [number, number][] = [];
    const stays = ({ objectId, locked }: Lane): boolean =>
      locked || protectedFrames.get(objectId)?.has(position) === true;
    for (const observation of observations) {
      const lane = lanes.get(observation.object);
      if (lane === undefined) {
        if (firstSource.has(observation.object)) throw missing(`object ${observation.object}`);
        continue;
      }
      const proposal = proposals.get(observation.object);
      proposals.delete(observation.object);
      if (stays(lane)) {
        counts.skipped++;
        continue;
      }
      const { segment: source, at, occluder } = observation;
      if (source !== undefined || lane.current === 0) lane.current = trackOf(lane, source);
      if (occluder !== undefined) hidden.push([lane.current, occluder]);
      const segment = source === undefined ? undefined : segments.get(source);
      let maskId: number | null = null;
      if (segment !== undefined && frameMasks !== undefined) {
        const { width, height } = frameMasks;
        maskId = await maskOf(position, { width, height, rle: segment.rle }, 'model');
        if (at !== undefined) places.push(maskId, ...at);
      } else if (proposal !== undefined && source === undefined) maskId = await maskOf(position, proposal, 'lifted');
      records.push({
        ...{ type: 'observation', trackId: lane.current, position, state: observation.state, maskId },
        disagreement: observation.disagreement ?? null,
        flags:
          (observation.idSwitch === true ? OBSERVATION_FLAGS.idSwitch : 0) |
          (observation.rivals === undefined ? 0 : OBSERVATION_FLAGS.ambiguous) |
          (source === undefined && maskId !== null ? OBSERVATION_FLAGS.carried : 0),
        provenance: 'lifted',
      });
      if (records.length >= BATCH) flush();
    }
    for (const [track, object] of hidden) {
      const front = lanes.get(object);
      // One that was left as it is has tracks of its own.
      const frontTrack = front && (front.current || project.tracks.ofObject(front.objectId)[0]?.id);
      if (object === 0 || frontTrack !== undefined) occluders.push(track, position, frontTrack ?? 0);
    }
    for (const [object, proposal] of proposals) {
      const lane = lanes.get(object);
      if (lane === undefined || stays(lane)) continue;
      // Before its first sighting it has no track yet: it gets the one that it will be seen with.
      const trackId = lane.current === 0 ? trackOf(lane, firstSource.get(object)) : lane.current;
      records.push({
        ...{ type: 'observation', trackId, position, state: 'visible', disagreement: null, provenance: 'lifted' },
        ...{ maskId: await maskOf(position, proposal, 'lifted'), flags: OBSERVATION_FLAGS.carried },
      });
    }
  }
  flush();
  storeGeometry(project, options, frames, lanes);
  await keepOccluders(project, captureId, occluders);
  await storeHelp(project, captureId, { places, objects, lanes });
  return { objects: lanes.size, ...counts };
}

/** Names that are not taken yet: `mug 3`. */
class NameList {
  readonly #taken: Set<string>;
  readonly #last = new Map<string, number>();

  constructor(taken: readonly string[]) {
    this.#taken = new Set(taken);
  }

  next(label: string): string {
    let number = this.#last.get(label) ?? 0;
    do number++;
    while (this.#taken.has(`${label} ${number}`));
    this.#last.set(label, number);
    return `${label} ${number}`;
  }
}

/** A person deleted the objects that these masks were of: the frames without such segments, and without what hangs on them alone. */
async function withoutRejected(
  project: Project,
  captureId: number,
  frames: readonly ReadFrame[],
  positionOf: ReadonlyMap<string, number>,
  masks: MasksOfFrames,
): Promise<readonly ReadFrame[]> {
  const rejected = new Map<number, Set<string>>();
  for (const track of project.tracks.list(captureId)) {
    if (track.objectId !== null || track.provenance !== 'human') continue;
    for (const { position, maskId } of project.observations.ofTrack(track.id)) {
      const rle = maskId === null ? undefined : project.masks.get(maskId)?.rle;
      if (typeof rle !== 'string') continue;
      const known = rejected.get(position);
      if (known === undefined) rejected.set(position, new Set([rle]));
      else known.add(rle);
    }
  }
  if (rejected.size === 0) return frames;
  const kept: ReadFrame[] = [];
  for (const frame of frames) {
    const gone = rejected.get(positionOf.get(frame.name) ?? -1);
    const given = gone === undefined ? undefined : await masks.frame(frame.name);
    const ids = new Set(given?.segments.filter(({ rle }) => gone?.has(rle)).map(({ id }) => id));
    const observations = frame.observations.filter(({ segment }) => segment === undefined || !ids.has(segment));
    kept.push({ ...frame, observations });
  }
  return kept;
}

/** What corrections are helped by: where each mask is, and which objects may be one. */
async function storeHelp(
  project: Project,
  captureId: number,
  {
    places,
    objects,
    lanes,
  }: {
    readonly places: readonly number[];
    readonly objects: readonly TrackedObject[];
    readonly lanes: ReadonlyMap<number, Lane>;
  },
): Promise<void> {
  if (places.length > 0) {
    const artifact = await project.artifacts.put(new Uint8Array(Float64Array.from(places).buffer), 'places');
    const before = project.settings.get(placesKey(captureId), placesSchema) ?? [];
    // Masks that a person keeps may be of an earlier run.
    project.settings.set(placesKey(captureId), [{ artifact }, ...before].slice(0, KEPT_RUNS));
  }
  const trackOf = (object: number): number | undefined => [...(lanes.get(object)?.tracks.values() ?? [])][0];
  const joins = objects.flatMap(({ object, joins: list = [] }) =>
    list.flatMap(({ object: other, cost }): [number, number, number][] => {
      const [a, b] = [trackOf(object), trackOf(other)];
      return a === undefined || b === undefined ? [] : [[a, b, cost]];
    }),
  );
  joins.sort((a, b) => a[2] - b[2]);
  project.settings.set(joinsKey(captureId), joins.slice(0, MAX_JOINS));
}

/** Ids in blocks: giving one out is a transaction. */
class IdBlocks {
  #track: number;
  #mask: number;

  /** As many as these frames can need; what is left over is never given again. */
  constructor(project: Project, frames: readonly ReadFrame[]) {
    let segments = 0;
    const lanes = new Set<string>();
    for (const { observations, carried = [] } of frames) {
      segments += carried.length;
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
  frames: readonly ReadFrame[],
  lanes: ReadonlyMap<number, Lane>,
): void {
  const last = new Map<number, readonly [number, number, number]>();
  for (const { observations } of frames) {
    for (const { object, at } of observations) if (at !== undefined && lanes.has(object)) last.set(object, at);
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
