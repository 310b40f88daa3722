/** Cases for the storage suite: any records, diffs that fit, a small world. */
import fc from 'fast-check';
import {
  OBSERVATION_FLAGS,
  OBSERVATION_STATES,
  type ObservationColumns,
  type RecordKey,
  type RecordsDiff,
  recordKey,
  type StudioRecord,
} from '../../contract/index.ts';
import { EditHistory } from './edits.ts';
import type { RecordStore } from './records.ts';

/** Captures 1 and 2 have that many frames; there is no other. */
export const FRAMES = 6;

const smallId = fc.integer({ min: 1, max: 4 });
const captureId = fc.constantFrom(1, 1, 1, 1, 1, 1, 2);
const position = fc.integer({ min: 0, max: FRAMES - 1 });
const provenance = fc.constantFrom('human' as const, 'model' as const, 'lifted' as const);
const text = fc
  .string({ minLength: 1, maxLength: 12, unit: 'binary' })
  .filter((value) => value.isWellFormed() && !value.includes('\0'));

const objectRecord = fc.record({
  type: fc.constant('object' as const),
  id: smallId,
  captureId,
  name: text,
  className: fc.option(text),
  colour: fc.oneof(fc.nat(100), fc.constantFrom('#00ff7f', '#0072b2')),
  hidden: fc.boolean(),
  locked: fc.boolean(),
  provenance,
});
const trackRecord = fc.record({
  ...{ type: fc.constant('track' as const), id: smallId, captureId, objectId: fc.option(smallId) },
  ...{ sourceId: fc.option(text), locked: fc.boolean(), provenance },
});
const maskRecord = fc
  .record({
    ...{ type: fc.constant('mask' as const), id: smallId, captureId, position, provenance },
    ...{ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }), large: fc.boolean() },
  })
  .map(({ large, ...mask }) => ({
    ...mask,
    rle: large ? null : '0a1',
    artifact: large ? `${'0'.repeat(64)}.rle` : null,
  }));
const observationRecord = fc.record({
  ...{ type: fc.constant('observation' as const), trackId: smallId, position, provenance },
  state: fc.constantFrom(...OBSERVATION_STATES),
  disagreement: fc.option(fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0)),
  flags: fc.nat(255).map((flags) => flags & ~OBSERVATION_FLAGS.human),
  maskId: fc.option(smallId, { freq: 1 }),
});
const queryRecord = fc.record({
  ...{ type: fc.constant('query' as const), id: smallId, captureId, text, saved: fc.boolean(), createdAt: fc.nat() },
  negatives: fc.array(text, { maxLength: 3 }),
  threshold: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0),
  scale: fc.oneof(fc.constantFrom('auto' as const, 'composite' as const, 'best' as const), fc.nat(40)),
});
const settingRecord = fc.record({
  type: fc.constant('setting' as const),
  key: fc.constantFrom('a', 'b.c'),
  value: fc
    .jsonValue({ maxDepth: 2, noUnicodeString: true })
    .map((value): null | boolean | number[] => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'p'))),
});
export const record: fc.Arbitrary<StudioRecord> = fc.oneof(
  objectRecord,
  trackRecord,
  maskRecord,
  { arbitrary: observationRecord, weight: 3 },
  queryRecord,
  settingRecord,
);
export type Wish = { readonly record: StudioRecord; readonly gone: boolean };
export const wishes = fc.array(fc.record({ record, gone: fc.nat(4).map((value) => value === 0) }), { maxLength: 4 });

/** A diff that fits what is there, as far as references allow it. */
export function diffFor(store: RecordStore, all: readonly Wish[]): RecordsDiff {
  const diff: RecordsDiff = { added: [], updated: [], removed: [] };
  const seen = new Set<RecordKey>();
  for (const wish of all) {
    const key = recordKey(wish.record);
    if (seen.has(key)) continue;
    seen.add(key);
    const before = store.get(key);
    if (wish.gone) {
      if (before !== undefined) diff.removed.push(before);
    } else if (before === undefined) diff.added.push(wish.record);
    else diff.updated.push([before, wish.record]);
  }
  return diff;
}

export const keys: RecordKey[] = [1, 2, 3, 4].flatMap((id): RecordKey[] => [
  ...([`object:${id}`, `track:${id}`, `mask:${id}`, `query:${id}`] as const),
  ...Array.from({ length: FRAMES }, (_, frame) => `observation:${id}:${frame}` as const),
]);
keys.push('setting:a', 'setting:b.c');

export function contents(store: RecordStore): (StudioRecord | undefined)[] {
  return keys.map((key) => store.get(key));
}

/** A small world to start from: objects 1 and 2, tracks 1 to 3, track 3 of no object. */
export function populated(store: RecordStore): EditHistory {
  const history = new EditHistory(store);
  const base = { captureId: 1, locked: false, provenance: 'model' as const };
  const added: StudioRecord[] = [
    { ...base, type: 'object', id: 1, name: 'one', className: null, colour: 1, hidden: false },
    { ...base, type: 'object', id: 2, name: 'two', className: null, colour: 2, hidden: false },
    ...[1, 2, 3].map(
      (id): StudioRecord => ({ ...base, type: 'track', id, objectId: id === 3 ? null : id, sourceId: null }),
    ),
    ...[1, 2, 3].flatMap((trackId) => [0, 1, 2].map((frame) => seen(trackId, frame))),
  ];
  history.apply('populate', { added, updated: [], removed: [] });
  return history;
}

export function seen(trackId: number, frame: number, change: object = {}): StudioRecord {
  return {
    ...{ type: 'observation', trackId, position: frame, state: 'visible', disagreement: null, flags: 0, maskId: null },
    ...{ provenance: 'model', ...change },
  };
}

export function batchOf(rows: readonly (readonly [trackId: number, position: number])[], state = 1) {
  return {
    trackId: rows.map(([trackId]) => trackId),
    position: rows.map(([, frame]) => frame),
    state: rows.map(() => state),
    disagreement: rows.map(() => Number.NaN),
    flags: rows.map(() => 0),
  };
}

/** By the words of the rule, independently of how it is enforced. */
export function isGuarded(store: RecordStore, one: StudioRecord): boolean {
  if (one.type === 'setting' || one.type === 'query') return true;
  if (one.provenance === 'human') return true;
  if (one.type === 'object') return one.locked;
  if (one.type === 'mask') {
    return store
      .observationsOfFrame(one.captureId, one.position)
      .some((user) => user.maskId === one.id && isGuarded(store, user));
  }
  const track = one.type === 'track' ? one : store.get(`track:${one.trackId}`);
  if (track?.type !== 'track') return false;
  const owner = track.objectId === null ? undefined : store.get(`object:${track.objectId}`);
  return track.locked || track.provenance === 'human' || (owner?.type === 'object' && owner.locked);
}

export function rowsOf(columns: ObservationColumns): number[][] {
  return Array.from(columns.object, (object, i) => [
    ...[object, columns.frame[i]!, columns.state[i]!, columns.disagreement[i]!, columns.flags[i]!],
  ]);
}
