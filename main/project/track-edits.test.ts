import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCounts, OBSERVATION_FLAGS, type StudioRecord, type TrackEdit } from '../../contract/index.ts';
import { EditHistory } from './edits.ts';
import { JobRecords } from './job-records.ts';
import { MemoryRecordStore } from './memory-records.ts';

const CAPTURE = 1;
const FRAMES = 12;
const PIXELS = 64;
const { carried } = OBSERVATION_FLAGS;

/** A letter a frame: `v` seen, `c` carried mask, `o` occluded, `.` nothing. Object k has the k-th list of tracks. */
function projectOf(...objects: readonly (readonly string[])[]) {
  const store = new MemoryRecordStore(new Map([[CAPTURE, FRAMES]]));
  const put: StudioRecord[] = [];
  let [trackId, maskId] = [0, 0];
  objects.forEach((tracks, k) => {
    put.push({
      ...{ type: 'object', id: k + 1, captureId: CAPTURE, name: `mug ${k + 1}`, className: 'mug', colour: k },
      ...{ hidden: false, locked: false, provenance: 'lifted' },
    });
    for (const track of tracks) {
      trackId++;
      put.push({
        ...{ type: 'track', id: trackId, captureId: CAPTURE, objectId: k + 1, sourceId: String(trackId) },
        ...{ locked: false, provenance: 'lifted' },
      });
      [...track].forEach((letter, position) => {
        if (letter === '.') return;
        const masked = letter === 'v' || letter === 'c';
        if (masked) {
          maskId++;
          put.push({
            ...{ type: 'mask', id: maskId, captureId: CAPTURE, position, width: 8, height: 8, artifact: null },
            ...{ rle: encodeCounts([0, maskId, PIXELS - maskId]), provenance: letter === 'v' ? 'model' : 'lifted' },
          });
        }
        put.push({
          ...{ type: 'observation', trackId, position, disagreement: null, provenance: 'lifted' },
          ...{ state: masked ? 'visible' : 'occluded', maskId: masked ? maskId : null },
          flags: letter === 'c' ? carried : 0,
        });
      });
    }
  });
  new JobRecords(store).write({ put });
  for (const kind of ['object', 'track', 'mask'] as const) store.transaction(() => store.nextIds(kind, 100));
  return { store, history: new EditHistory(store), jobs: new JobRecords(store) };
}

/** What an object is in each frame: as above, `a` absent, `2` twice. */
function laneOf(store: MemoryRecordStore, objectId: number): string {
  const letters = new Array<string>(FRAMES).fill('.');
  for (const { position, state, maskId, flags } of store.observationsOfObject(objectId)) {
    const letter = state === 'absent' ? 'a' : maskId === null ? 'o' : (flags & carried) === 0 ? 'v' : 'c';
    letters[position] = letters[position] === '.' ? letter : '2';
  }
  return letters.join('');
}

describe('corrections of tracks', () => {
  it('split: from the frame on it is a new object of the same class', () => {
    const { store, history } = projectOf(['vvvvoovvv...', '..........vv']);
    const { objectId, step } = history.applyTrackEdit(CAPTURE, { type: 'split-track', objectId: 1, position: 5 });
    expect(step.label).toBe('Split mug 1 at frame 6');
    expect(laneOf(store, 1)).toBe('vvvvo.......');
    expect(laneOf(store, objectId ?? 0)).toBe('.....ovvv.vv');
    expect(store.get(`object:${objectId ?? 0}`)).toMatchObject({ className: 'mug', provenance: 'human' });
    expect(() => history.applyTrackEdit(CAPTURE, { type: 'split-track', objectId: 1, position: 0 })).toThrow(/split/);
  });

  it('swap: each is the other from the frame on', () => {
    const { store, history } = projectOf(['vvvv....oooo'], ['oovvvvvv....']);
    history.applyTrackEdit(CAPTURE, { type: 'swap-tracks', a: 1, b: 2, position: 3 });
    expect([laneOf(store, 1), laneOf(store, 2)]).toEqual(['vvvvvvvv....', 'oovv....oooo']);
  });

  it('assign: one track goes over, and an object without tracks is gone', () => {
    const { store, history } = projectOf(['vvv.........', '.....vvv....'], ['ooovvooo....']);
    history.applyTrackEdit(CAPTURE, { type: 'assign-track', objectId: 1, position: 6, to: 2 });
    expect([laneOf(store, 1), laneOf(store, 2)]).toEqual(['vvv.........', 'ooovvvvv....']);
    history.applyTrackEdit(CAPTURE, { type: 'assign-track', objectId: 1, position: 0, to: 2 });
    expect(store.get('object:1')).toBeUndefined();
    expect(laneOf(store, 2)).toBe('vvvvvvvv....');
    const { objectId } = history.applyTrackEdit(CAPTURE, { type: 'assign-track', objectId: 2, position: 1 });
    expect(laneOf(store, objectId ?? 0)).toBe('vvv.........');
  });

  it('absent: to the end of what is said without a break', () => {
    const { store, history } = projectOf(['vvvvoovv.vv.']);
    history.applyTrackEdit(CAPTURE, { type: 'mark-absent', ids: [1], position: 2 });
    expect(laneOf(store, 1)).toBe('vvaaoovv.vv.');
    history.applyTrackEdit(CAPTURE, { type: 'mark-absent', ids: [1], position: 4 });
    expect(laneOf(store, 1)).toBe('vvaaaavv.vv.');
    expect(() => history.applyTrackEdit(CAPTURE, { type: 'mark-absent', ids: [1], position: 8 })).toThrow(
      /nothing to change/,
    );
  });

  it('carried masks: accepted where nothing is segmented, and then a person’s', () => {
    const { store, history } = projectOf(['ccvvcccovv..']);
    history.applyTrackEdit(CAPTURE, { type: 'accept-carried', ids: [1], from: 1, to: 5 });
    expect(laneOf(store, 1)).toBe('cvvvvvcovv..');
    expect(store.get('observation:1:4')).toMatchObject({ provenance: 'human', state: 'visible' });
  });

  it('merge: what is seen wins over what is not, and two masks of a frame both stay', () => {
    const { store, history } = projectOf(['vvvvoooooo..'], ['..cvoovvvo..']);
    history.applyObjectEdit(CAPTURE, { type: 'merge-objects', into: 1, ids: [2] });
    expect(laneOf(store, 1)).toBe('vvv2oovvvo..');
    expect(store.get('object:2')).toBeUndefined();
  });

  it('locked objects are left alone; jobs leave alone what was corrected', () => {
    const { store, history, jobs } = projectOf(['vvvvvvvv....'], ['....oooo....']);
    history.applyTrackEdit(CAPTURE, { type: 'split-track', objectId: 1, position: 4 });
    jobs.clear(CAPTURE);
    expect(laneOf(store, 1)).toBe('vvvv........');
    expect(store.get('object:2')).toBeUndefined();
    history.applyObjectEdit(CAPTURE, { type: 'update-objects', ids: [1], change: { locked: true } });
    const edit = { type: 'split-track', objectId: 1, position: 2 } as const;
    expect(() => history.applyTrackEdit(CAPTURE, edit)).toThrow(/locked/);
    expect(() => history.applyTrackEdit(CAPTURE, { ...edit, objectId: 77 })).toThrow(/no object 77/);
  });

  it('any series of them is undone step by step to what was there, and redone', () => {
    const id = fc.integer({ min: 1, max: 3 });
    const position = fc.integer({ min: 0, max: FRAMES - 1 });
    const edits = fc.oneof(
      fc.record({ type: fc.constant('split-track' as const), objectId: id, position }),
      fc.record({ type: fc.constant('swap-tracks' as const), a: id, b: id, position }),
      fc.record({ type: fc.constant('assign-track' as const), objectId: id, position, to: id }),
      fc.record({
        type: fc.constant('mark-absent' as const),
        ids: fc.array(id, { minLength: 1, maxLength: 3 }),
        position,
      }),
      fc.record({ type: fc.constant('accept-carried' as const), ids: fc.array(id, { minLength: 1, maxLength: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(edits, { maxLength: 6 }), (series: TrackEdit[]) => {
        const { store, history } = projectOf(['vvvoocccvv..', '.....v......'], ['oovvvv..ccc.'], ['....vvvvvvvv']);
        const lanes = (): string[] =>
          store.objects(CAPTURE).map((object) => `${object.id} ${laneOf(store, object.id)}`);
        const states = [lanes()];
        for (const edit of series) {
          try {
            history.applyTrackEdit(CAPTURE, edit);
            states.push(lanes());
          } catch {
            // Refused: nothing has changed.
            expect(lanes()).toEqual(states.at(-1));
          }
        }
        for (let i = states.length - 2; i >= 0; i--) {
          expect(history.undo()?.skipped).toEqual([]);
          expect(lanes()).toEqual(states[i]);
        }
        expect(history.undo()).toBeUndefined();
        for (let i = 1; i < states.length; i++) {
          history.redo();
          expect(lanes()).toEqual(states[i]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
