import {
  LiftscopeError,
  type MaskRecord,
  type ObjectRecord,
  type ObservationColumns,
  type ObservationRecord,
  type RecordKey,
  type StudioRecord,
  type TrackRecord,
} from '../../contract/index.ts';

/** Kinds of records whose ids the store gives out. */
export type IdKind = 'object' | 'track' | 'mask' | 'query';

/** How far the project has come, for "saved 2 s ago". */
export interface Revision {
  /** Goes up by one with every committed change. */
  readonly revision: number;
  /** Milliseconds since 1970 (UTC); 0 before the first change. */
  readonly savedAt: number;
}

/** One step of the history with its diff as JSON. */
export interface StoredStep {
  readonly id: number;
  readonly label: string;
  readonly at: number;
  readonly undone: boolean;
  readonly diffJson: string;
}

/** Observations as columns for bulk writing, one row each; every array is [N]. */
export interface ObservationBatch {
  readonly trackId: Float64Array | Uint32Array | readonly number[];
  readonly position: Uint32Array | readonly number[];
  /** Index into `observationStates`. */
  readonly state: Uint8Array | readonly number[];
  /** 0 to 1; NaN for not measured. */
  readonly disagreement: Float32Array | Float64Array | readonly number[];
  readonly flags: Uint8Array | readonly number[];
}

/**
 * Where records and their history are kept. Rules, which one suite checks on every implementation:
 *
 * 1. A record is read back equal to what was put, and putting another of the same key replaces it.
 * 2. References hold at all times: a record is refused whose capture, frame, object, track or mask does not exist or is of
 *    another capture, and one that others refer to cannot be removed. Observations go by their track's capture.
 * 3. A transaction that throws leaves no trace. Transactions do not nest.
 * 4. A transaction that commits and said {@link touch} raises the revision by exactly one; nothing else does.
 * 5. An id is given once, also after what had it was removed.
 * 6. Lists are in order: objects and tracks by id, a frame's observations by track, a lane by frame, then track.
 * 7. {@link columns} says the same as the observations one by one.
 * 8. Steps of the history keep their order; undone ones are the newest.
 */
export interface RecordStore {
  transaction<T>(work: () => T): T;
  /** Marks the running transaction as a change. */
  touch(): void;
  revision(): Revision;
  nextIds(kind: IdKind, count: number): number;

  /** Number of frames of a capture; 0 when there is no such capture. */
  frames(captureId: number): number;
  get(key: RecordKey): StudioRecord | undefined;
  /** @throws LiftscopeError `bad-input` by rule 2 */
  put(record: StudioRecord): void;
  /** Does nothing when there is no such record. @throws LiftscopeError `bad-input` by rule 2 */
  remove(key: RecordKey): void;
  /** A record that refers to this one. */
  referrer(key: RecordKey): RecordKey | undefined;

  objects(captureId: number): ObjectRecord[];
  tracks(captureId: number): TrackRecord[];
  tracksOfObject(objectId: number): TrackRecord[];
  masksOfFrame(captureId: number, position: number): MaskRecord[];
  observationsOfFrame(captureId: number, position: number): ObservationRecord[];
  observationsOfTrack(trackId: number): ObservationRecord[];
  observationsOfObject(objectId: number): ObservationRecord[];
  columns(captureId: number): ObservationColumns;

  /**
   * Puts observations without masks in bulk, of one provenance, except where a person's observation is.
   * @returns how many were written
   */
  putObservations(batch: ObservationBatch, provenance: 'model' | 'lifted', skipTracks: ReadonlySet<number>): number;
  /** Removes all observations of a capture that no person made and whose track is not in `skipTracks`. Returns how many. */
  clearObservations(captureId: number, skipTracks: ReadonlySet<number>): number;

  appendStep(label: string, diffJson: string, at: number): number;
  replaceStep(id: number, label: string, diffJson: string, at: number): void;
  /** The step that undo takes back. */
  lastDone(): StoredStep | undefined;
  /** The step that redo brings again. */
  firstUndone(): StoredStep | undefined;
  setUndone(id: number, undone: boolean): void;
  dropUndone(): void;
  /** Newest first, without diffs. */
  steps(limit: number): Omit<StoredStep, 'diffJson'>[];
}

export type ParsedKey =
  | { readonly type: IdKind; readonly id: number }
  | { readonly type: 'observation'; readonly trackId: number; readonly position: number }
  | { readonly type: 'setting'; readonly key: string };

export function parseKey(key: RecordKey): ParsedKey {
  const [type, ...rest] = key.split(':');
  switch (type) {
    case 'object':
    case 'track':
    case 'mask':
    case 'query':
      return { type, id: Number(rest[0]) };
    case 'observation':
      return { type, trackId: Number(rest[0]), position: Number(rest[1]) };
    case 'setting':
      return { type, key: rest.join(':') };
    default:
      throw new LiftscopeError({ code: 'bad-input', message: `"${key}" is not the key of a record.` });
  }
}

export function unknownReference(key: RecordKey, target: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${key} refers to ${target}, which does not exist or is of another capture or frame.`,
    hint: 'Somebody may have removed it meanwhile; look again and repeat the edit.',
  });
}

export function inUse(key: RecordKey, referrer: RecordKey): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${key} is still in use: ${referrer} refers to it.`,
    hint: 'Remove or change that first, or in the same edit.',
  });
}
