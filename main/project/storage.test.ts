/** The rules of {@link RecordStore}, one suite for every implementation. Numbers refer to the rules. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  LiftscopeError,
  maxDiffJsonCharacters,
  noDisagreement,
  OBSERVATION_FLAGS,
  OBSERVATION_STATES,
  recordKey,
  type StudioRecord,
  sameRecord,
} from '../../contract/index.ts';
import { createDatabase, openDatabase } from './database.ts';
import { EditHistory } from './edits.ts';
import { JobRecords } from './job-records.ts';
import { MemoryRecordStore } from './memory-records.ts';
import { loadMigrations } from './migrations.ts';
import type { RecordStore } from './records.ts';
import { SqliteRecordStore } from './sqlite-records.ts';
import {
  batchOf,
  contents,
  diffFor,
  FRAMES,
  isGuarded,
  keys,
  populated,
  record,
  rowsOf,
  seen,
  type Wish,
  wishes,
} from './storage-samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'liftscope-storage-'));
const migrations = loadMigrations();
const file = join(folder, 'project.sqlite');
createDatabase(file, migrations);
const db = openDatabase(file, migrations);
db.exec(`
  INSERT INTO captures (id, name, source_path, images_path, format, fingerprint, points_json, camera_span_json, bounds_json,
    warnings_json, warning_counts_json, options_json, imported_at)
  SELECT value, 'c', '/c', '/c', 'nerfstudio', 'f', '{}', '{}', '{}', '[]', '{}', '{}', 0 FROM json_each('[1, 2]');
  INSERT INTO cameras SELECT id, 1, 4, 3, 'PINHOLE', '{}' FROM captures;
  INSERT INTO frames (capture_id, frame_id, position, name, camera_id, image_path, qw, qx, qy, qz, tx, ty, tz, width, height, role)
  SELECT captures.id, 'f' || value, value, value || '.png', 1, '/c/' || value, 1, 0, 0, 0, 0, 0, 0, 4, 3, 'train'
  FROM captures, json_each('[0, 1, 2, 3, 4, 5]');`);
afterAll(() => {
  expect(db.pragma('foreign_key_check')).toEqual([]);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.close();
  rmSync(folder, { recursive: true });
});

const stores: [string, () => RecordStore][] = [
  [
    'memory',
    () =>
      new MemoryRecordStore(
        new Map([
          [1, FRAMES],
          [2, FRAMES],
        ]),
      ),
  ],
  [
    'SQLite',
    () => {
      db.exec(`BEGIN; DELETE FROM observations; DELETE FROM masks; DELETE FROM tracks; DELETE FROM objects; DELETE FROM edits;
        DELETE FROM queries;
        DELETE FROM settings; UPDATE revision SET revision = 0, saved_at = 0; UPDATE record_ids SET next_id = 1; COMMIT`);
      return new SqliteRecordStore(db);
    },
  ],
];

/** Applies what can be applied; returns how many were. */
function attempt(history: EditHistory, store: RecordStore, all: readonly (readonly Wish[])[]): number {
  let done = 0;
  for (const step of all) {
    const diff = diffFor(store, step);
    const before = [contents(store), store.revision(), history.history(100)];
    try {
      history.apply(`step ${done}`, diff);
      done++;
    } catch (error) {
      expect(error).toBeInstanceOf(LiftscopeError);
      expect([contents(store), store.revision(), history.history(100)]).toEqual(before); // rule 3
    }
  }
  return done;
}

describe.each(stores)('records in %s', (_name, open) => {
  test('1: a record is read back as it was put, or not at all', () => {
    let stored = 0;
    fc.assert(
      fc.property(fc.array(record, { maxLength: 15 }), (all) => {
        const store = open();
        populated(store);
        const model = new Map(keys.map((key) => [key, store.get(key)]));
        for (const one of all) {
          try {
            store.transaction(() => store.put(one));
            model.set(recordKey(one), one);
            stored++;
          } catch (error) {
            expect(error).toBeInstanceOf(LiftscopeError);
          }
        }
        for (const key of keys) expect(store.get(key)).toEqual(model.get(key));
      }),
      { numRuns: 40 },
    );
    expect(stored).toBeGreaterThan(100);
  });

  test('2: references hold, whatever is tried', () => {
    const store = open();
    populated(store);
    const refused = (work: () => void, words: RegExp): void => expect(() => store.transaction(work)).toThrow(words);
    const base = { captureId: 1, locked: false, provenance: 'model' as const };
    const track: StudioRecord = { ...base, type: 'track', id: 4, objectId: 1, sourceId: null };
    refused(() => store.put({ ...track, captureId: 3 }), /capture 3/);
    refused(() => store.put({ ...track, objectId: 9 }), /object:9/);
    refused(() => store.put({ ...track, captureId: 2 }), /object:1/);
    refused(() => store.put(seen(9, 0)), /track:9/);
    refused(() => store.put(seen(1, FRAMES)), /frame 6/);
    refused(() => store.put(seen(1, 0, { maskId: 5 })), /mask:5/);
    refused(() => store.remove('object:1'), /track:1/);
    refused(() => store.remove('track:2'), /observation:2:0/);
    refused(() => store.put({ ...track, id: 1, captureId: 2, objectId: null }), /in use/);
    const mask: StudioRecord = {
      ...{ type: 'mask', id: 1, captureId: 1, position: 1, width: 4, height: 3, rle: '0', artifact: null },
      provenance: 'model',
    };
    store.transaction(() => store.put(mask));
    refused(() => store.put(seen(1, 0, { maskId: 1 })), /mask:1/);
    store.transaction(() => store.put(seen(1, 1, { maskId: 1 })));
    refused(() => store.remove('mask:1'), /observation:1:1/);
    refused(() => store.put({ ...mask, position: 2 }), /in use/);
    expect(store.referrer('mask:1')).toBe('observation:1:1');
  });

  test('3 and 4: a failed transaction leaves no trace, a committed change one revision', () => {
    const store = open();
    const history = populated(store);
    expect(store.revision().revision).toBe(1);
    expect(store.revision().savedAt).toBeGreaterThan(0);
    const before = contents(store);
    expect(() =>
      store.transaction(() => {
        store.put(seen(1, 5));
        store.remove('observation:1:0');
        store.appendStep('x', '{}', 1);
        store.nextIds('object', 5);
        store.touch();
        throw new RangeError('stop');
      }),
    ).toThrow(RangeError);
    expect(contents(store)).toEqual(before);
    expect(store.revision().revision).toBe(1);
    expect(history.history(10)).toHaveLength(1);
    expect(store.transaction(() => store.nextIds('object', 1))).toBe(3);
    store.transaction(() => store.touch());
    store.transaction(() => undefined);
    expect(store.revision().revision).toBe(2);
    expect(() => store.touch()).toThrow(/transaction/);
    expect(() => store.transaction(() => store.transaction(() => 1))).toThrow(/nest/);
  });

  test('5: an id is given once', () => {
    const store = open();
    const history = populated(store);
    const first = store.transaction(() => store.nextIds('track', 3));
    expect(first).toBe(4);
    expect(store.transaction(() => store.nextIds('track', 1))).toBe(7);
    history.undo();
    expect(store.get('track:1')).toBeUndefined();
    expect(store.transaction(() => store.nextIds('track', 1))).toBe(8);
    expect(store.transaction(() => store.nextIds('object', 1))).toBe(3);
  });

  test('6 and 7: lists are in order and say what the records say, columns too', () => {
    fc.assert(
      fc.property(fc.array(wishes, { maxLength: 5 }), (steps) => {
        const store = open();
        attempt(populated(store), store, steps);
        const all = contents(store).filter((one) => one !== undefined);
        for (const capture of [1, 2]) {
          const objects = all.filter((one) => one.type === 'object' && one.captureId === capture);
          const tracks = all.filter((one) => one.type === 'track').filter((one) => one.captureId === capture);
          expect(store.objects(capture)).toEqual(objects);
          expect(store.tracks(capture)).toEqual(tracks);
          const observations = all
            .filter((one) => one.type === 'observation')
            .filter((one) => tracks.some(({ id }) => id === one.trackId));
          for (let frame = 0; frame < FRAMES; frame++) {
            expect(store.observationsOfFrame(capture, frame)).toEqual(
              observations.filter((one) => one.position === frame),
            );
            expect(store.masksOfFrame(capture, frame)).toEqual(
              all.filter((one) => one.type === 'mask' && one.captureId === capture && one.position === frame),
            );
          }
          const expected: number[][] = [];
          store.objects(capture).forEach(({ id }, index) => {
            const own = tracks.filter(({ objectId }) => objectId === id);
            expect(store.tracksOfObject(id)).toEqual(own);
            const lane = observations
              .filter((one) => own.some((track) => track.id === one.trackId))
              .sort((a, b) => a.position - b.position || a.trackId - b.trackId);
            expect(store.observationsOfObject(id)).toEqual(lane);
            for (const one of lane) {
              expected.push([
                ...[index, one.position, OBSERVATION_STATES.indexOf(one.state)],
                one.disagreement === null ? noDisagreement : Math.floor(254 * one.disagreement + 0.5),
                one.flags | (one.provenance === 'human' ? OBSERVATION_FLAGS.human : 0),
              ]);
            }
          });
          expect(rowsOf(store.columns(capture))).toEqual(expected);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('8: undo and redo walk through all states, a new edit drops what was undone', () => {
    let edits = 0;
    const moves = fc.array(fc.oneof(wishes, fc.constantFrom('undo' as const, 'redo' as const)), { maxLength: 14 });
    fc.assert(
      fc.property(moves, (all) => {
        const store = open();
        const states = [contents(store)];
        const history = populated(store);
        states.push(contents(store));
        let at = 1;
        let { revision } = store.revision();
        for (const move of all) {
          if (move === 'undo' || move === 'redo') {
            const result = move === 'undo' ? history.undo() : history.redo();
            expect(result !== undefined).toBe(move === 'undo' ? at > 0 : at + 1 < states.length);
            if (result === undefined) continue;
            at += move === 'undo' ? -1 : 1;
            expect(result.skipped).toEqual([]);
            expect(contents(store)).toEqual(states[at]);
          } else {
            if (attempt(history, store, [move]) === 0) continue;
            states.length = at + 1;
            states.push(contents(store));
            at++;
            edits++;
          }
          expect(store.revision().revision).toBe(++revision);
          const steps = history.history(100);
          expect(steps.map(({ undone }) => undone)).toEqual(
            states
              .slice(1)
              .map((_, i) => i >= at)
              .reverse(),
          );
        }
        // Another process finds the same history.
        if (!(store instanceof SqliteRecordStore)) return;
        const again = new EditHistory(new SqliteRecordStore(db));
        while (at > 0) {
          expect(again.undo()).toBeDefined();
          expect(contents(store)).toEqual(states[--at]);
        }
        expect(again.undo()).toBeUndefined();
      }),
      { numRuns: 60 },
    );
    expect(edits).toBeGreaterThan(50);
  });

  test('an edit that does not fit what is there changes nothing and says why', () => {
    const store = open();
    const history = populated(store);
    const [one] = store.objects(1);
    const before = contents(store);
    const stale = { ...one!, name: 'not its name' };
    expect(() => history.apply('x', { added: [], updated: [[stale, one!]], removed: [] })).toThrow(
      /object:1 has changed/,
    );
    expect(() => history.apply('x', { added: [seen(1, 4), one!], updated: [], removed: [] })).toThrow(/already exists/);
    expect(() => history.apply('x', { added: [], updated: [], removed: [seen(1, 5)] })).toThrow(/is gone/);
    expect(() => history.apply('', { added: [], updated: [], removed: [] })).toThrow(/named by/);
    expect(() => history.apply('x', { added: 3 })).toThrow(/not valid/);
    expect(contents(store)).toEqual(before);
    expect(history.history(10)).toHaveLength(1);
  });

  test('an edit that continues the newest step becomes part of it', () => {
    const store = open();
    const history = populated(store);
    const before = contents(store);
    const [one] = store.objects(1);
    const renamed = (name: string) => ({ ...one!, name });
    const rename = (from: string, to: string) => ({ added: [], updated: [[renamed(from), renamed(to)]], removed: [] });
    const { step } = history.apply('Rename', rename('one', 'o'));
    const second = history.apply('Rename more', rename('o', 'on'), { continues: step.id });
    history.apply('Rename more', rename('on', 'once'), { continues: step.id });
    expect(second.step).toMatchObject({ id: step.id, label: 'Rename more' });
    expect(second.diff.updated).toEqual([[renamed('o'), renamed('on')]]);
    expect(history.history(10)).toHaveLength(2);
    expect(history.undo()?.diff.updated).toEqual([[renamed('once'), one!]]);
    expect(contents(store)).toEqual(before);
    history.redo();
    expect(store.get('object:1')).toEqual(renamed('once'));
    // Not any more, once another step has come, or a job.
    history.apply('Other', { added: [seen(1, 5)], updated: [], removed: [] });
    history.apply('Rename', rename('once', 'one'), { continues: step.id });
    expect(history.history(10)).toHaveLength(4);
    const { id } = history.apply('Hide', {
      added: [],
      updated: [[seen(1, 5), seen(1, 5, { flags: 1 })]],
      removed: [],
    }).step;
    new JobRecords(store).write({ put: [seen(1, 5, { flags: 2 })] });
    const last = { added: [], updated: [[seen(1, 5, { flags: 2 }), seen(1, 5)]], removed: [] };
    expect(history.apply('Hide', last, { continues: id }).step.id).not.toBe(id);
  });

  test("a track that a person assigned, and the mask that a person's observation uses, are safe from jobs", () => {
    const store = open();
    const history = populated(store);
    const jobs = new JobRecords(store);
    const mask: StudioRecord = {
      ...{ type: 'mask', id: 1, captureId: 1, position: 1, width: 4, height: 3, rle: '0', artifact: null },
      provenance: 'model',
    };
    jobs.write({ put: [mask] });
    expect(jobs.write({ put: [{ ...mask, rle: '1' }] }).written).toBe(1);
    const confirmed = seen(1, 1, { maskId: 1, provenance: 'human' });
    history.apply('Confirm', { added: [], updated: [[seen(1, 1), confirmed]], removed: [] });
    expect(jobs.write({ put: [mask], remove: ['mask:1'] }).reasons).toEqual([
      { key: 'mask:1', reason: 'human' },
      { key: 'mask:1', reason: 'human' },
    ]);
    expect(store.get('mask:1')).toMatchObject({ rle: '1' });
    // What has a mask stays beside the other object's masks when both become one.
    const masks = [0, 1, 2].map((position): StudioRecord => ({ ...mask, id: 2 + position, position }));
    jobs.write({ put: [...masks, ...[0, 1, 2].map((position) => seen(2, position, { maskId: 2 + position }))] });
    history.applyObjectEdit(1, { type: 'merge-objects', into: 1, ids: [2] });
    const [, track] = store.tracks(1);
    const report = jobs.write({
      put: [{ ...track!, objectId: null, provenance: 'lifted' }, seen(2, 0, { state: 'absent', provenance: 'lifted' })],
      remove: ['observation:2:1'],
    });
    expect(report).toMatchObject({ written: 0, removed: 0, skipped: 3 });
    expect(jobs.writeObservations(1, batchOf([[2, 0]]), { provenance: 'lifted', replace: true }).reasons).toEqual([
      { key: 'track:2', reason: 'human' },
    ]);
    expect(store.observationsOfTrack(2)).toHaveLength(3);
    expect(store.get('track:2')).toEqual(track);
  });

  test('a mask moves to another frame together with its observation', () => {
    const store = open();
    const history = populated(store);
    const mask = (position: number): StudioRecord => ({
      ...{ type: 'mask', id: 1, captureId: 1, position, width: 4, height: 3, rle: '0', artifact: null },
      provenance: 'human',
    });
    const used = (position: number) => seen(2, position, { maskId: 1, provenance: 'human' });
    history.apply('Draw', { added: [mask(4), used(4)], updated: [], removed: [] });
    const before = contents(store);
    history.apply('Move', { added: [used(5)], updated: [[mask(4), mask(5)]], removed: [used(4)] });
    expect(store.masksOfFrame(1, 5)).toEqual([mask(5)]);
    expect(history.undo()?.skipped).toEqual([]);
    expect(contents(store)).toEqual(before);
  });

  test('a new run clears what earlier jobs left and nothing else', () => {
    const store = open();
    const history = populated(store);
    history.apply('Correct', {
      added: [seen(3, 5, { provenance: 'human' })],
      updated: [],
      removed: [],
    });
    history.applyObjectEdit(1, { type: 'update-objects', ids: [2], change: { locked: true } });
    const report = new JobRecords(store).clear(1);
    expect(report.reasons).toEqual([
      { key: 'track:2', reason: 'locked' },
      { key: 'track:3', reason: 'in-use' },
      { key: 'object:2', reason: 'locked' },
    ]);
    // Three observations each of tracks 1 and 3, track 1, object 1.
    expect(report.removed).toBe(8);
    expect(contents(store).flatMap((one) => (one === undefined ? [] : [recordKey(one)]))).toEqual([
      ...['object:2', 'track:2', 'observation:2:0', 'observation:2:1', 'observation:2:2'],
      ...['track:3', 'observation:3:5'],
    ]);
  });

  test('clearing and writing together happen whole or not at all', () => {
    const store = open();
    populated(store);
    const jobs = new JobRecords(store);
    const before = contents(store);
    const next = { ...store.tracks(1)[0]!, id: 9, objectId: null };
    expect(() =>
      jobs.together(() => {
        jobs.clear(1);
        jobs.write({ put: [next] });
        jobs.writeObservations(1, batchOf([[8, 0]]), { provenance: 'lifted' });
      }),
    ).toThrow(/of no track/);
    expect(contents(store)).toEqual(before);
    const reports = jobs.together(() => [jobs.clear(1), jobs.write({ put: [next] })]);
    expect(reports.map(({ written }) => written)).toEqual([0, 1]);
    expect(store.tracks(1).map(({ id }) => id)).toContain(9);
    // What is written afterwards has its own transaction again.
    expect(jobs.clear(1).removed).toBeGreaterThan(0);
  });

  test('an edit beyond the bounds is refused', () => {
    const store = open();
    const history = new EditHistory(store);
    const text = 'x'.repeat(maxDiffJsonCharacters / 4);
    const settings = ['a', 'b', 'c', 'd'].map((key): StudioRecord => ({ type: 'setting', key, value: text }));
    expect(() => history.apply('x', { added: settings, updated: [], removed: [] })).toThrow(
      /too large: \d+ characters/,
    );
    expect(store.get('setting:a')).toBeUndefined();
    expect(history.history(1)).toEqual([]);
    expect(history.apply('x', { added: settings.slice(0, 1), updated: [], removed: [] }).diff.added).toHaveLength(1);
  });

  test('an object with its tracks, observations and masks goes and comes back in one step', () => {
    const store = open();
    const history = populated(store);
    const before = contents(store);
    const removed = before.filter(
      (one) =>
        (one?.type === 'object' && one.id === 1) ||
        (one?.type === 'track' && one.id === 1) ||
        (one?.type === 'observation' && one.trackId === 1),
    );
    expect(removed).toHaveLength(5);
    history.apply('Delete all of it', { added: [], updated: [], removed: removed as StudioRecord[] });
    expect(store.objects(1).map(({ id }) => id)).toEqual([2]);
    expect(history.undo()?.skipped).toEqual([]);
    expect(contents(store)).toEqual(before);
  });

  test('edits of the object list', () => {
    const store = open();
    const history = populated(store);
    const before = contents(store);
    const merged = history.applyObjectEdit(1, { type: 'merge-objects', into: 2, ids: [1, 2] });
    expect(merged.step.label).toBe('Merge 2 objects into two');
    expect(store.objects(1).map(({ id }) => id)).toEqual([2]);
    expect(store.tracksOfObject(2).map((track) => [track.id, track.provenance])).toEqual([
      [1, 'human'],
      [2, 'model'],
    ]);
    // Neither of the two tracks has masks: one statement a frame is enough.
    expect(store.observationsOfObject(2).map((one) => [one.position, one.trackId])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    const created = history.applyObjectEdit(1, { type: 'create-object', name: 'new', className: '' });
    expect(created.diff.added).toMatchObject([{ id: 3, name: 'new', className: null, provenance: 'human' }]);
    history.applyObjectEdit(1, {
      type: 'update-objects',
      ids: [2, 3],
      change: { className: 'pot', color: '#010203', hidden: true },
    });
    expect(store.objects(1)).toMatchObject([
      { name: 'two', className: 'pot', colour: '#010203', hidden: true, provenance: 'human' },
      { name: 'new', className: 'pot', colour: '#010203', hidden: true, provenance: 'human' },
    ]);
    history.applyObjectEdit(1, { type: 'delete-objects', ids: [2] });
    expect(store.tracks(1).map(({ objectId }) => objectId)).toEqual([null, null, null]);
    expect(() => history.applyObjectEdit(2, { type: 'delete-objects', ids: [3] })).toThrow(/no object 3/);
    for (let i = 0; i < 4; i++) history.undo();
    expect(contents(store)).toEqual(before);
  });

  test("what is shown and locked can change without making an object a person's", () => {
    const store = open();
    const history = populated(store);
    const before = contents(store);
    const looks = () => store.objects(1).map(({ hidden, provenance }) => [hidden, provenance]);
    const own = looks().map(([, provenance]) => provenance);
    const hide = history.applyObjectEdit(1, { type: 'update-objects', ids: [1], change: { hidden: true } });
    expect(hide.step.label).toBe('Hide one');
    // One step, though one object appears and the other vanishes.
    expect(history.applyObjectEdit(1, { type: 'isolate-objects', ids: [1] }).step.label).toBe('Show only one');
    expect(looks()).toEqual([
      [false, own[0]],
      [true, own[1]],
    ]);
    expect(() => history.applyObjectEdit(1, { type: 'isolate-objects', ids: [9] })).toThrow(/no object 9/);
    const renamed = history.applyObjectEdit(1, { type: 'update-objects', ids: [1], change: { name: 'jug' } });
    expect([renamed.step.label, looks()[0]]).toEqual(['Rename one', [false, 'human']]);
    for (let i = 0; i < 3; i++) history.undo();
    expect(contents(store)).toEqual(before);
  });

  test('a job never overwrites what a person made or locked', () => {
    const store = open();
    const history = populated(store);
    const jobs = new JobRecords(store);
    const human = seen(1, 1, { provenance: 'human', state: 'absent' });
    history.apply('Mark as absent', { added: [], updated: [[seen(1, 1), human]], removed: [] });
    history.applyObjectEdit(1, { type: 'update-objects', ids: [2], change: { locked: true } });
    const [one, two] = store.objects(1);
    const report = jobs.write({
      put: [
        { ...one!, name: 'found by a job', provenance: 'lifted' },
        { ...two!, name: 'found by a job', locked: false, provenance: 'lifted' },
        seen(1, 0, { state: 'occluded', provenance: 'lifted' }),
        seen(1, 1, { state: 'occluded', provenance: 'lifted' }),
        seen(2, 0, { state: 'occluded', provenance: 'lifted' }),
        seen(2, 4, { provenance: 'lifted' }),
      ],
      remove: ['observation:1:2', 'observation:2:2', 'observation:1:1', 'track:3', 'object:1'],
    });
    expect(report.reasons).toEqual([
      { key: 'object:2', reason: 'locked' },
      { key: 'observation:1:1', reason: 'human' },
      { key: 'observation:2:0', reason: 'locked' },
      { key: 'observation:2:4', reason: 'locked' },
      { key: 'observation:2:2', reason: 'locked' },
      { key: 'observation:1:1', reason: 'human' },
      { key: 'track:3', reason: 'in-use' },
      { key: 'object:1', reason: 'in-use' },
    ]);
    expect(report).toMatchObject({ written: 2, removed: 1, skipped: 8 });
    expect(store.get('object:1')).toMatchObject({ name: 'found by a job' });
    expect(store.get('object:2')).toEqual(two);
    expect(store.get('observation:1:1')).toEqual(human);

    const rows = [1, 2, 3].flatMap((track) => [0, 1, 2, 3].map((frame) => [track, frame] as const));
    const bulk = jobs.writeObservations(1, batchOf(rows), { provenance: 'lifted', replace: true });
    // Track 1 had 0 and the person's 1 left, track 3 all three; track 2 is locked.
    expect(bulk).toMatchObject({ removed: 4, written: 7, skipped: 5 });
    expect(bulk.reasons).toEqual([{ key: 'track:2', reason: 'locked' }]);
    expect(store.get('observation:1:1')).toEqual(human);
    expect(store.observationsOfTrack(2)).toEqual([0, 1, 2].map((frame) => seen(2, frame)));
    expect(store.observationsOfTrack(3).map(({ state }) => state)).toEqual(Array(4).fill('occluded'));

    expect(() => jobs.write({ put: [seen(1, 3, { provenance: 'human' })] })).toThrow(/claims/);
    expect(() => jobs.write({ put: [{ type: 'setting', key: 'a', value: 1 }] })).toThrow(/settings/);
    const bad = [
      { state: [7] },
      { position: [FRAMES] },
      { trackId: [9] },
      { disagreement: [1.5] },
      { flags: [4] },
      { flags: [] },
    ];
    for (const change of bad) {
      expect(() =>
        jobs.writeObservations(1, { ...batchOf([[1, 0]]), ...change }, { provenance: 'model', replace: true }),
      ).toThrow(/not stored/);
    }
    expect(store.observationsOfTrack(3)).toHaveLength(4);
  });

  test('whatever a job writes, what a person made or locked stays as it is', () => {
    let written = 0;
    let skipped = 0;
    fc.assert(
      fc.property(
        fc.array(wishes, { maxLength: 4 }),
        fc.array(wishes, { minLength: 4, maxLength: 10 }),
        fc.boolean(),
        (edits, results, replace) => {
          const store = open();
          attempt(populated(store), store, edits);
          const jobs = new JobRecords(store);
          const guarded = contents(store).filter((one) => one !== undefined && isGuarded(store, one));
          for (const { record: one, gone } of results.flat()) {
            if (!gone && (one.type === 'setting' || one.type === 'query' || one.provenance === 'human')) continue;
            try {
              const report = jobs.write(gone ? { remove: [recordKey(one)] } : { put: [one] });
              written += report.written + report.removed;
              skipped += report.skipped;
            } catch (error) {
              expect(error).toBeInstanceOf(LiftscopeError);
            }
          }
          const rows = store.tracks(1).flatMap(({ id }) => [0, 1, 2].map((frame) => [id, frame] as const));
          jobs.writeObservations(1, batchOf(rows, 2), { provenance: 'model', replace });
          for (const one of guarded) expect(sameRecord(store.get(recordKey(one!)), one)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
    expect(written).toBeGreaterThan(20);
    expect(skipped).toBeGreaterThan(20);
  });

  test('undo leaves alone what a job has changed since, and says so', () => {
    const store = open();
    const history = populated(store);
    const jobs = new JobRecords(store);
    history.apply('Accept lifted', {
      added: [],
      updated: [[seen(1, 0), seen(1, 0, { provenance: 'lifted', state: 'occluded' })]],
      removed: [seen(1, 1)],
    });
    jobs.write({ put: [seen(1, 0, { provenance: 'lifted', state: 'out-of-view' })] });
    const undone = history.undo();
    expect(undone?.skipped).toEqual(['observation:1:0']);
    expect(undone?.diff).toEqual({ added: [seen(1, 1)], updated: [], removed: [] });
    expect(store.get('observation:1:0')).toMatchObject({ state: 'out-of-view' });
    expect(history.redo()?.skipped).toEqual(['observation:1:0']);
    expect(store.get('observation:1:1')).toBeUndefined();
  });
});
