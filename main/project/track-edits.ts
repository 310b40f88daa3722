/** What corrections of tracks mean for the records. All of them read only; the history carries them out. */
import {
  LiftscopeError,
  OBSERVATION_FLAGS,
  type ObjectRecord,
  type ObservationRecord,
  type RecordKey,
  type RecordsDiff,
  recordKey,
  type StudioRecord,
  sameRecord,
  type TrackEdit,
  type TrackRecord,
} from '../../contract/index.ts';
import type { RecordStore } from './records.ts';

/** The records as they will be, and the diff that makes them so. */
export class Changes {
  readonly store: RecordStore;
  readonly #changed = new Map<RecordKey, { before: StudioRecord | undefined; after: StudioRecord | undefined }>();

  constructor(store: RecordStore) {
    this.store = store;
  }

  put(record: StudioRecord): void {
    const key = recordKey(record);
    const known = this.#changed.get(key);
    if (known === undefined) this.#changed.set(key, { before: this.store.get(key), after: record });
    else known.after = record;
  }

  remove(record: StudioRecord): void {
    const key = recordKey(record);
    const known = this.#changed.get(key);
    if (known === undefined) this.#changed.set(key, { before: this.store.get(key), after: undefined });
    else known.after = undefined;
  }

  /** By id. */
  tracksOf(objectId: number): TrackRecord[] {
    const known = new Map(this.store.tracksOfObject(objectId).map((track) => [track.id, track]));
    for (const { before, after } of this.#changed.values()) {
      if (before?.type === 'track') known.delete(before.id);
      if (after?.type === 'track' && after.objectId === objectId) known.set(after.id, after);
    }
    return [...known.values()].sort((a, b) => a.id - b.id);
  }

  /** By position. */
  observationsOf(trackId: number): ObservationRecord[] {
    const known = new Map(this.store.observationsOfTrack(trackId).map((record) => [record.position, record]));
    for (const { before, after } of this.#changed.values()) {
      if (before?.type === 'observation' && before.trackId === trackId) known.delete(before.position);
      if (after?.type === 'observation' && after.trackId === trackId) known.set(after.position, after);
    }
    return [...known.values()].sort((a, b) => a.position - b.position);
  }

  diff(): RecordsDiff {
    const diff: RecordsDiff = { added: [], updated: [], removed: [] };
    for (const { before, after } of this.#changed.values()) {
      if (before === undefined) {
        if (after !== undefined) diff.added.push(after);
      } else if (after === undefined) diff.removed.push(before);
      else if (!sameRecord(before, after)) diff.updated.push([before, after]);
    }
    return diff;
  }
}

interface Corrected {
  readonly label: string;
  readonly diff: RecordsDiff;
  /** The object that the edit made. */
  readonly objectId: number | null;
}

/** @throws LiftscopeError `not-found`, or `bad-input` when there is nothing to correct */
export function trackEditDiff(store: RecordStore, captureId: number, edit: TrackEdit): Corrected {
  const changes = new Changes(store);
  const objectOf = (id: number): ObjectRecord => freeObject(store, captureId, id);
  const done = (label: string, objectId: number | null = null): Corrected => {
    const diff = changes.diff();
    if (diff.added.length + diff.updated.length + diff.removed.length > 0) return { label, diff, objectId };
    throw new LiftscopeError({ code: 'bad-input', message: `${label}: there is nothing to change here.` });
  };
  switch (edit.type) {
    case 'split-track': {
      const object = objectOf(edit.objectId);
      const parts = changes.tracksOf(object.id).flatMap(({ id }) => changes.observationsOf(id));
      if (
        !parts.some(({ position }) => position < edit.position) ||
        !parts.some((part) => part.position >= edit.position)
      ) {
        throw new LiftscopeError({
          code: 'bad-input',
          message: `${object.name} has nothing on ${parts.length === 0 ? 'either' : 'one'} side of this frame: it cannot be split here.`,
        });
      }
      const made = newObject(store, captureId, object);
      changes.put(made);
      moveFrom(changes, object.id, made.id, edit.position);
      return done(`Split ${short(object.name)} at frame ${edit.position + 1}`, made.id);
    }
    case 'swap-tracks': {
      const [a, b] = [objectOf(edit.a), objectOf(edit.b)];
      if (a.id === b.id)
        throw new LiftscopeError({ code: 'bad-input', message: 'An object cannot be swapped with itself.' });
      // Moved tracks are taken before either move: what has gone over must not come back.
      const [ofA, ofB] = [changes.tracksOf(a.id), changes.tracksOf(b.id)];
      for (const track of ofA) moveTrack(changes, track, b.id, edit.position);
      for (const track of ofB) moveTrack(changes, track, a.id, edit.position);
      return done(`Swap ${short(a.name)} and ${short(b.name)} from frame ${edit.position + 1}`);
    }
    case 'assign-track': {
      const object = objectOf(edit.objectId);
      const track = trackAt(changes, object.id, edit.position);
      if (track === undefined) {
        throw new LiftscopeError({ code: 'bad-input', message: `${object.name} has no track in this frame.` });
      }
      const target = edit.to === undefined ? newObject(store, captureId, object) : objectOf(edit.to);
      if (edit.to === undefined) changes.put(target);
      changes.put({ ...track, objectId: target.id, provenance: 'human' });
      settleFrames(changes, target.id);
      if (changes.tracksOf(object.id).length === 0) changes.remove(object);
      const label = `Give a track of ${short(object.name)} to ${short(target.name)}`;
      return done(label, edit.to === undefined ? target.id : null);
    }
    case 'mark-absent': {
      const objects = [...new Set(edit.ids)].map(objectOf);
      for (const { id } of objects) markAbsent(changes, id, edit.position);
      return done(`Mark ${named(objects)} as absent from frame ${edit.position + 1}`);
    }
    case 'accept-carried': {
      const objects = [...new Set(edit.ids)].map(objectOf);
      const { from = 0, to = Infinity } = edit;
      for (const { id } of objects) acceptCarried(changes, id, from, to);
      return done(`Accept carried masks of ${named(objects)}`);
    }
    default:
      return edit satisfies never;
  }
}

/** Objects become `into`: its tracks are theirs too, and each frame says one thing of it. */
export function mergeTracks(changes: Changes, into: number, ids: readonly number[]): void {
  for (const id of ids) {
    for (const track of changes.tracksOf(id)) changes.put({ ...track, objectId: into, provenance: 'human' });
  }
  settleFrames(changes, into);
}

/** @throws LiftscopeError `not-found`, or `bad-input` for a locked one */
function freeObject(store: RecordStore, captureId: number, id: number): ObjectRecord {
  const record = store.get(`object:${id}`);
  if (record?.type !== 'object' || record.captureId !== captureId) {
    throw new LiftscopeError({ code: 'not-found', message: `There is no object ${id} in this capture.` });
  }
  if (!record.locked) return record;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `${record.name} is locked.`,
    hint: 'Unlock it to correct its tracks.',
  });
}

function newObject(store: RecordStore, captureId: number, like: ObjectRecord): ObjectRecord {
  const id = store.transaction(() => store.nextIds('object', 1));
  const label = like.className ?? 'object';
  const names = new Set(store.objects(captureId).map(({ name }) => name));
  let number = names.size + 1;
  while (names.has(`${label} ${number}`)) number++;
  return {
    ...{ type: 'object', id, captureId, name: `${label} ${number}`, className: like.className, colour: id },
    ...{ hidden: false, locked: false, provenance: 'human' },
  };
}

function moveFrom(changes: Changes, from: number, to: number, position: number): void {
  for (const track of changes.tracksOf(from)) moveTrack(changes, track, to, position);
}

/** What a track says from `position` on goes over to an object: the track itself, or a new one where it straddles the cut. */
function moveTrack(changes: Changes, track: TrackRecord, to: number, position: number): void {
  const observations = changes.observationsOf(track.id);
  const moved = observations.filter((observation) => observation.position >= position);
  if (moved.length === 0) return;
  if (moved.length === observations.length) {
    changes.put({ ...track, objectId: to, provenance: 'human' });
    return;
  }
  const { store } = changes;
  const id = store.transaction(() => store.nextIds('track', 1));
  changes.put({ ...track, id, objectId: to, locked: false, provenance: 'human' });
  changes.put({ ...track, provenance: 'human' });
  for (const observation of moved) {
    changes.remove(observation);
    changes.put({ ...observation, trackId: id });
  }
}

/** The track that says what an object is in a frame, else the last one before. */
function trackAt(changes: Changes, objectId: number, position: number): TrackRecord | undefined {
  let best: TrackRecord | undefined;
  let bestRank = 0;
  for (const track of changes.tracksOf(objectId)) {
    const observation = changes.observationsOf(track.id).find((one) => one.position === position);
    if (observation !== undefined && rankOf(observation) > bestRank) {
      best = track;
      bestRank = rankOf(observation);
    }
  }
  return best;
}

const isCarried = ({ flags }: ObservationRecord): boolean => (flags & OBSERVATION_FLAGS.carried) !== 0;
const isSeen = (observation: ObservationRecord): boolean =>
  observation.maskId !== null && !isCarried(observation) && observation.state === 'visible';

/** Of two observations of one object in one frame the greater one counts: a mask, then a person's word, then a proposal. */
function rankOf(observation: ObservationRecord): number {
  if (isSeen(observation)) return 4;
  if (observation.provenance === 'human') return 3;
  return isCarried(observation) ? 2 : 1;
}

/**
 * One observation a frame, where there are several: what is unseen gives way to what is seen, and of two that are unseen the one
 * that was seen later knows better. Two masks both stay: which of them is right is for a person to say.
 */
function settleFrames(changes: Changes, objectId: number): void {
  const byPosition = new Map<number, ObservationRecord[]>();
  for (const track of changes.tracksOf(objectId)) {
    for (const observation of changes.observationsOf(track.id)) {
      const others = byPosition.get(observation.position);
      if (others === undefined) byPosition.set(observation.position, [observation]);
      else others.push(observation);
    }
  }
  let newest = 0;
  for (const position of [...byPosition.keys()].sort((a, b) => a - b)) {
    const here = byPosition.get(position)!;
    const ranked = here.toSorted(
      (a, b) => rankOf(b) - rankOf(a) || Number(b.trackId === newest) - Number(a.trackId === newest),
    );
    const [best, ...others] = ranked;
    if (best === undefined) continue;
    if (isSeen(best)) newest = best.trackId;
    for (const other of others) if (!isSeen(other)) changes.remove(other);
  }
}

function markAbsent(changes: Changes, objectId: number, position: number): void {
  const rows = changes
    .tracksOf(objectId)
    .flatMap((track) => changes.observationsOf(track.id).map((observation) => ({ track, observation })))
    .sort((a, b) => a.observation.position - b.observation.position);
  const here = rows.filter(({ observation }) => observation.position === position);
  const seen = here.some(({ observation }) => isSeen(observation));
  let next = position;
  for (const { track, observation } of rows) {
    if (observation.position < position) continue;
    if (observation.position > next || isSeen(observation) !== seen) break;
    next = observation.position + 1;
    changes.put({
      ...observation,
      ...{ state: 'absent', maskId: null, provenance: 'human' },
      flags:
        observation.flags & ~(OBSERVATION_FLAGS.carried | OBSERVATION_FLAGS.idSwitch | OBSERVATION_FLAGS.ambiguous),
    });
    changes.put({ ...track, provenance: 'human' });
  }
}

function acceptCarried(changes: Changes, objectId: number, from: number, to: number): void {
  const tracks = changes.tracksOf(objectId);
  const byPosition = Map.groupBy(
    tracks.flatMap(({ id }) => changes.observationsOf(id)),
    ({ position }) => position,
  );
  for (const [position, here] of byPosition) {
    if (position < from || position > to || here.some(isSeen)) continue;
    const proposal = here.find((observation) => isCarried(observation) && observation.maskId !== null);
    if (proposal === undefined) continue;
    for (const other of here) if (other !== proposal) changes.remove(other);
    changes.put({
      ...proposal,
      ...{ state: 'visible', provenance: 'human', flags: proposal.flags & ~OBSERVATION_FLAGS.carried },
    });
    const track = tracks.find(({ id }) => id === proposal.trackId);
    if (track !== undefined) changes.put({ ...track, provenance: 'human' });
  }
}

function named(objects: readonly ObjectRecord[]): string {
  return objects.length === 1 ? short(objects[0]!.name) : `${objects.length} objects`;
}

/** Labels are short: a menu shows them. */
function short(name: string): string {
  const characters = [...name];
  return characters.length <= 40 ? name : `${characters.slice(0, 39).join('')}…`;
}
