import {
  type MaskRecord,
  noDisagreement,
  OBSERVATION_FLAGS,
  OBSERVATION_STATES,
  type ObjectRecord,
  type ObservationColumns,
  type ObservationRecord,
  type RecordKey,
  recordKey,
  type StudioRecord,
  type TrackRecord,
} from '../../contract/index.ts';
import {
  type IdKind,
  inUse,
  type ObservationBatch,
  parseKey,
  type RecordStore,
  type Revision,
  type StoredStep,
  unknownReference,
} from './records.ts';

interface State {
  records: Map<RecordKey, StudioRecord>;
  steps: StoredStep[];
  nextStep: number;
  revision: Revision;
}

/**
 * {@link RecordStore} in plain maps: the definition that the database is compared with, and the store of whatever needs no
 * file. Everything is found by going through all of it.
 */
export class MemoryRecordStore implements RecordStore {
  /** Number of frames of each capture. */
  private readonly captures: ReadonlyMap<number, number>;
  private readonly ids: Record<IdKind, number> = { object: 1, track: 1, mask: 1, query: 1 };
  private state: State = { records: new Map(), steps: [], nextStep: 1, revision: { revision: 0, savedAt: 0 } };
  private running = false;
  private touched = false;

  constructor(captures: ReadonlyMap<number, number>) {
    this.captures = captures;
  }

  transaction<T>(work: () => T): T {
    if (this.running) throw new Error('transactions of records do not nest');
    const before: State = { ...this.state, records: new Map(this.state.records), steps: [...this.state.steps] };
    const ids = { ...this.ids };
    this.running = true;
    this.touched = false;
    try {
      const result = work();
      if (this.touched) {
        this.state.revision = { revision: this.state.revision.revision + 1, savedAt: Date.now() };
      }
      return result;
    } catch (error) {
      this.state = before;
      Object.assign(this.ids, ids);
      throw error;
    } finally {
      this.running = false;
    }
  }

  touch(): void {
    if (!this.running) throw new Error('a change outside a transaction');
    this.touched = true;
  }

  revision(): Revision {
    return this.state.revision;
  }

  nextIds(kind: IdKind, count: number): number {
    const first = this.ids[kind];
    this.ids[kind] += count;
    return first;
  }

  frames(captureId: number): number {
    return this.captures.get(captureId) ?? 0;
  }

  get(key: RecordKey): StudioRecord | undefined {
    return structuredClone(this.state.records.get(key));
  }

  put(record: StudioRecord): void {
    const key = recordKey(record);
    this.checkReferences(record, key);
    const before = this.state.records.get(key);
    if (before !== undefined && 'captureId' in before && 'captureId' in record) {
      const moved =
        before.captureId !== record.captureId ||
        (before.type === 'mask' && record.type === 'mask' && before.position !== record.position);
      const referrer = moved ? this.referrer(key) : undefined;
      if (referrer !== undefined) throw inUse(key, referrer);
    }
    this.state.records.set(key, structuredClone(record));
    if ('id' in record) this.ids[record.type] = Math.max(this.ids[record.type], record.id + 1);
  }

  private checkReferences(record: StudioRecord, key: RecordKey): void {
    if (record.type === 'setting') return;
    const track = record.type === 'observation' ? this.state.records.get(`track:${record.trackId}`) : undefined;
    if (record.type === 'observation' && track?.type !== 'track')
      throw unknownReference(key, `track:${record.trackId}`);
    const captureId = record.type === 'observation' ? (track as TrackRecord).captureId : record.captureId;
    const frames = this.captures.get(captureId);
    if (frames === undefined) throw unknownReference(key, `capture ${captureId}`);
    if ('position' in record && record.position >= frames) {
      throw unknownReference(key, `frame ${record.position} of capture ${captureId}`);
    }
    if (record.type === 'track' && record.objectId !== null) {
      const object = this.state.records.get(`object:${record.objectId}`);
      if (object?.type !== 'object' || object.captureId !== captureId) {
        throw unknownReference(key, `object:${record.objectId}`);
      }
    }
    if (record.type === 'observation' && record.maskId !== null) {
      const mask = this.state.records.get(`mask:${record.maskId}`);
      if (mask?.type !== 'mask' || mask.captureId !== captureId || mask.position !== record.position) {
        throw unknownReference(key, `mask:${record.maskId}`);
      }
    }
  }

  remove(key: RecordKey): void {
    const referrer = this.referrer(key);
    if (referrer !== undefined) throw inUse(key, referrer);
    this.state.records.delete(key);
  }

  referrer(key: RecordKey): RecordKey | undefined {
    const parsed = parseKey(key);
    if (!('id' in parsed)) return undefined;
    for (const [other, record] of this.state.records) {
      if (parsed.type === 'object' && record.type === 'track' && record.objectId === parsed.id) return other;
      if (parsed.type === 'track' && record.type === 'observation' && record.trackId === parsed.id) return other;
      if (parsed.type === 'mask' && record.type === 'observation' && record.maskId === parsed.id) return other;
    }
    return undefined;
  }

  objects(captureId: number): ObjectRecord[] {
    return this.all('object', (record) => record.captureId === captureId).sort((a, b) => a.id - b.id);
  }

  tracks(captureId: number): TrackRecord[] {
    return this.all('track', (record) => record.captureId === captureId).sort((a, b) => a.id - b.id);
  }

  tracksOfObject(objectId: number): TrackRecord[] {
    return this.all('track', (record) => record.objectId === objectId).sort((a, b) => a.id - b.id);
  }

  masksOfFrame(captureId: number, position: number): MaskRecord[] {
    return this.all('mask', (record) => record.captureId === captureId && record.position === position).sort(
      (a, b) => a.id - b.id,
    );
  }

  observationsOfFrame(captureId: number, position: number): ObservationRecord[] {
    const tracks = new Set(this.tracks(captureId).map(({ id }) => id));
    return this.all('observation', (record) => record.position === position && tracks.has(record.trackId)).sort(
      (a, b) => a.trackId - b.trackId,
    );
  }

  observationsOfTrack(trackId: number): ObservationRecord[] {
    return this.all('observation', (record) => record.trackId === trackId).sort((a, b) => a.position - b.position);
  }

  observationsOfObject(objectId: number): ObservationRecord[] {
    const tracks = new Set(this.tracksOfObject(objectId).map(({ id }) => id));
    return this.all('observation', (record) => tracks.has(record.trackId)).sort(
      (a, b) => a.position - b.position || a.trackId - b.trackId,
    );
  }

  columns(captureId: number): ObservationColumns {
    const lanes = this.objects(captureId).map(({ id }) => this.observationsOfObject(id));
    const all = lanes.flat();
    return {
      object: Uint32Array.from(lanes.flatMap((lane, object) => lane.map(() => object))),
      frame: Uint32Array.from(all, ({ position }) => position),
      state: Uint8Array.from(all, ({ state }) => OBSERVATION_STATES.indexOf(state)),
      disagreement: Uint8Array.from(all, ({ disagreement }) =>
        disagreement === null ? noDisagreement : Math.floor(254 * disagreement + 0.5),
      ),
      flags: Uint8Array.from(all, ({ flags, provenance }) =>
        provenance === 'human' ? flags | OBSERVATION_FLAGS.human : flags,
      ),
    };
  }

  putObservations(batch: ObservationBatch, provenance: 'model' | 'lifted', skipTracks: ReadonlySet<number>): number {
    let written = 0;
    for (let i = 0; i < batch.trackId.length; i++) {
      const [trackId, position, disagreement] = [batch.trackId[i]!, batch.position[i]!, batch.disagreement[i]!];
      const before = this.state.records.get(`observation:${trackId}:${position}`);
      if (skipTracks.has(trackId) || (before?.type === 'observation' && before.provenance === 'human')) continue;
      this.put({
        type: 'observation',
        trackId,
        position,
        state: OBSERVATION_STATES[batch.state[i]!]!,
        disagreement: Number.isNaN(disagreement) ? null : disagreement,
        flags: batch.flags[i]!,
        maskId: null,
        provenance,
      });
      written++;
    }
    return written;
  }

  clearObservations(captureId: number, skipTracks: ReadonlySet<number>): number {
    const tracks = new Set(this.tracks(captureId).map(({ id }) => id));
    const gone = this.all(
      'observation',
      ({ trackId, provenance }) => provenance !== 'human' && tracks.has(trackId) && !skipTracks.has(trackId),
    );
    for (const record of gone) this.remove(recordKey(record));
    return gone.length;
  }

  appendStep(label: string, diffJson: string, at: number): number {
    const id = this.state.nextStep++;
    this.state.steps.push({ id, label, diffJson, at, undone: false });
    return id;
  }

  replaceStep(id: number, label: string, diffJson: string, at: number): void {
    this.state.steps = this.state.steps.map((step) => (step.id === id ? { ...step, label, diffJson, at } : step));
  }

  lastDone(): StoredStep | undefined {
    return this.state.steps.findLast((step) => !step.undone);
  }

  firstUndone(): StoredStep | undefined {
    return this.state.steps.find((step) => step.undone);
  }

  setUndone(id: number, undone: boolean): void {
    this.state.steps = this.state.steps.map((step) => (step.id === id ? { ...step, undone } : step));
  }

  dropUndone(): void {
    this.state.steps = this.state.steps.filter((step) => !step.undone);
  }

  steps(limit: number): Omit<StoredStep, 'diffJson'>[] {
    return this.state.steps
      .toReversed()
      .slice(0, limit)
      .map(({ diffJson: _, ...head }) => head);
  }

  private all<T extends StudioRecord['type']>(
    type: T,
    where: (record: Extract<StudioRecord, { type: T }>) => boolean,
  ): Extract<StudioRecord, { type: T }>[] {
    const found: Extract<StudioRecord, { type: T }>[] = [];
    for (const record of this.state.records.values()) {
      if (record.type !== type) continue;
      const typed = record as Extract<StudioRecord, { type: T }>;
      if (where(typed)) found.push(structuredClone(typed));
    }
    return found;
  }
}
