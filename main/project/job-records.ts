import {
  LiftscopeError,
  OBSERVATION_FLAGS,
  OBSERVATION_STATES,
  type RecordKey,
  recordKey,
  type StudioRecord,
  studioRecordSchema,
  type TrackRecord,
} from '../../contract/index.ts';
import { type ObservationBatch, parseKey, type RecordStore } from './records.ts';

/** Most skipped records that a report names; it counts all. */
const MAX_REASONS = 1000;

/** Why a job's result for a record was not taken. */
export type SkipReason = 'human' | 'locked' | 'in-use';

export interface JobWriteReport {
  readonly written: number;
  readonly removed: number;
  readonly skipped: number;
  /** The first {@link MAX_REASONS}. For observations in bulk, tracks are named. */
  readonly reasons: readonly { readonly key: RecordKey; readonly reason: SkipReason }[];
}

/**
 * The only way for a job to write records. What a person made or locked is never overwritten: objects and tracks of
 * provenance `human`, locked objects with all that belongs to them, locked tracks, all observations of such tracks, single
 * observations by a person, and the masks that these use. Results are no steps of the history: a job can run again.
 */
export class JobRecords {
  private readonly store: RecordStore;
  private isTogether = false;

  constructor(store: RecordStore) {
    this.store = store;
  }

  /**
   * All that `work` does, in one transaction: where one part fails, or the process is killed between two, nothing has happened.
   */
  together<T>(work: () => T): T {
    return this.store.transaction(() => {
      this.isTogether = true;
      try {
        return work();
      } finally {
        this.isTogether = false;
      }
    });
  }

  /**
   * Puts and removes records in one transaction.
   * @throws LiftscopeError `bad-input` when a record is not valid, claims to be a person's, or refers to nothing
   */
  write(changes: { readonly put?: readonly StudioRecord[]; readonly remove?: readonly RecordKey[] }): JobWriteReport {
    const put = (changes.put ?? []).map((record) => {
      const parsed = studioRecordSchema.safeParse(record);
      if (!parsed.success)
        throw refused(`${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`);
      if (parsed.data.type === 'setting' || parsed.data.type === 'query') {
        throw refused('settings and queries are not for jobs to change');
      }
      if (parsed.data.provenance === 'human') throw refused(`${recordKey(parsed.data)} claims to be made by a person`);
      return parsed.data;
    });
    const order = ['object', 'track', 'mask', 'observation', 'query', 'setting'];
    const byType = (a: string, b: string): number => order.indexOf(a) - order.indexOf(b);
    const remove = (changes.remove ?? []).toSorted((a, b) => byType(parseKey(b).type, parseKey(a).type));
    return this.run((report) => {
      for (const record of put.toSorted((a, b) => byType(a.type, b.type))) {
        const key = recordKey(record);
        const reason = this.protection(this.store.get(key)) ?? this.protection(record);
        if (reason !== undefined) report.skip(key, reason);
        else {
          this.store.put(record);
          report.written++;
        }
      }
      for (const key of remove) {
        const current = this.store.get(key);
        if (current === undefined) continue;
        const reason =
          this.protection(current) ?? (this.store.referrer(key) === undefined ? undefined : ('in-use' as const));
        if (reason !== undefined) report.skip(key, reason);
        else {
          this.store.remove(key);
          report.removed++;
        }
      }
    });
  }

  /**
   * Puts a whole run's observations, without masks, in one transaction.
   * @param options.replace first remove what earlier jobs left in this capture
   * @throws LiftscopeError `bad-input` when columns differ in length or hold something out of range
   */
  writeObservations(
    captureId: number,
    batch: ObservationBatch,
    options: { readonly provenance: 'model' | 'lifted'; readonly replace?: boolean },
  ): JobWriteReport {
    this.check(captureId, batch);
    return this.run((report) => {
      const kept = new Map<number, SkipReason>();
      for (const track of this.store.tracks(captureId)) {
        const reason = this.protection(track);
        if (reason !== undefined) kept.set(track.id, reason);
      }
      const skip = new Set(kept.keys());
      if (options.replace === true) report.removed += this.store.clearObservations(captureId, skip);
      report.written += this.store.putObservations(batch, options.provenance, skip);
      report.skipped += batch.trackId.length - report.written;
      for (const id of new Set(batch.trackId as Iterable<number>)) {
        const reason = kept.get(id);
        if (reason !== undefined) report.name(`track:${id}`, reason);
      }
    });
  }

  /**
   * Removes what earlier jobs left in a capture, so that a new run can begin: observations, then tracks, then objects that
   * nothing refers to any more. What a person made or locked stays, with all that it needs.
   */
  clear(captureId: number): JobWriteReport {
    return this.run((report) => {
      const tracks = this.store.tracks(captureId).map((track) => [track, this.protection(track)] as const);
      const kept = new Set(tracks.filter(([, reason]) => reason !== undefined).map(([{ id }]) => id));
      report.removed += this.store.clearObservations(captureId, kept);
      const objects = this.store.objects(captureId).map((object) => [object, this.protection(object)] as const);
      for (const [record, reason] of [...tracks, ...objects]) {
        const key = recordKey(record);
        const blocked = reason ?? (this.store.referrer(key) === undefined ? undefined : 'in-use');
        if (blocked !== undefined) report.skip(key, blocked);
        else {
          this.store.remove(key);
          report.removed++;
        }
      }
    });
  }

  private check(captureId: number, batch: ObservationBatch): void {
    const count = batch.trackId.length;
    for (const column of [batch.position, batch.state, batch.disagreement, batch.flags]) {
      if (column.length !== count) throw refused('the columns of the observations differ in length');
    }
    const frames = this.store.frames(captureId);
    const tracks = new Set(this.store.tracks(captureId).map(({ id }) => id));
    for (let i = 0; i < count; i++) {
      const [trackId, position, disagreement] = [batch.trackId[i]!, batch.position[i]!, batch.disagreement[i]!];
      const where = `observation ${i} (track ${trackId}, frame ${position})`;
      if (!tracks.has(trackId)) throw refused(`${where} is of no track of capture ${captureId}`);
      if (!(Number.isInteger(position) && position >= 0 && position < frames)) throw refused(`${where} is of no frame`);
      if (OBSERVATION_STATES[batch.state[i]!] === undefined) throw refused(`${where} has no known state`);
      if (!(Number.isNaN(disagreement) || (disagreement >= 0 && disagreement <= 1))) {
        throw refused(`${where} has the disagreement ${disagreement}; 0 to 1 is possible, NaN where none was measured`);
      }
      const flags = batch.flags[i]!;
      if (!(Number.isInteger(flags) && flags >= 0 && flags <= 255 && (flags & OBSERVATION_FLAGS.human) === 0)) {
        throw refused(`${where} has the flags ${flags}`);
      }
    }
  }

  private run(work: (report: Report) => void): JobWriteReport {
    const carryOut = (): JobWriteReport => {
      const report = new Report();
      work(report);
      if (report.written + report.removed > 0) this.store.touch();
      const { written, removed, skipped, reasons } = report;
      return { written, removed, skipped, reasons };
    };
    return this.isTogether ? carryOut() : this.store.transaction(carryOut);
  }

  /** Why no job may put, change or remove this record. */
  private protection(record: StudioRecord | undefined): SkipReason | undefined {
    switch (record?.type) {
      case undefined:
        return undefined;
      case 'setting':
      case 'query':
        return 'human';
      case 'object':
        // Of a new record: a job may lock what it makes, but not a person's.
        return this.lockOf(record) ?? (record.provenance === 'human' ? 'human' : undefined);
      case 'track':
        return this.trackProtection(record);
      case 'observation': {
        if (record.provenance === 'human') return 'human';
        const track = this.store.get(`track:${record.trackId}`);
        return track?.type === 'track' ? this.trackProtection(track) : undefined;
      }
      case 'mask': {
        if (record.provenance === 'human') return 'human';
        const user = this.store.referrer(recordKey(record));
        return user === undefined ? undefined : this.protection(this.store.get(user));
      }
      default:
        return record satisfies never;
    }
  }

  private trackProtection(track: TrackRecord): SkipReason | undefined {
    const stored = this.store.get(recordKey(track));
    if (stored?.type === 'track' && stored.locked) return 'locked';
    const object = track.objectId === null ? undefined : this.store.get(`object:${track.objectId}`);
    if (object?.type === 'object' && object.locked) return 'locked';
    return track.provenance === 'human' ? 'human' : undefined;
  }

  private lockOf(object: StudioRecord): SkipReason | undefined {
    const stored = this.store.get(recordKey(object));
    return stored?.type === 'object' && stored.locked ? 'locked' : undefined;
  }
}

class Report {
  written = 0;
  removed = 0;
  skipped = 0;
  readonly reasons: { key: RecordKey; reason: SkipReason }[] = [];

  skip(key: RecordKey, reason: SkipReason): void {
    this.skipped++;
    this.name(key, reason);
  }

  name(key: RecordKey, reason: SkipReason): void {
    if (this.reasons.length < MAX_REASONS) this.reasons.push({ key, reason });
  }
}

function refused(problem: string): LiftscopeError {
  return new LiftscopeError({ code: 'bad-input', message: `The job's result was not stored: ${problem}.` });
}
