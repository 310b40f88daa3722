import { describe, expect, it } from 'vitest';
import type { ObservationState, TrackedObservation } from '../../contract/index.ts';
import { StateScore } from './figures.ts';
import type { FrameStates, TrueObject } from './state-truth.ts';

const truth = (state: TrueObject['state'], place: [number, number, number] = [0, 0, 1], occluder?: number) => {
  return { state, wholePx: 9, seenPx: 0, occluder, place };
};
const frame = (objects: Record<number, TrueObject>, past = false): FrameStates => ({
  objects: new Map(Object.entries(objects).map(([id, object]) => [Number(id), object])),
  seesPast: () => past,
});
const told = (object: number, state: ObservationState, occluder?: number): TrackedObservation => {
  return { object, state, ...(occluder !== undefined && { occluder }) };
};

describe('states against the truth', () => {
  it('are counted from the first match on; a sliver is nothing', () => {
    const score = new StateScore();
    score.add(new Map(), [told(1, 'visible')], frame({ 5: truth('visible') }));
    expect(score.accuracy).toBeNull();
    score.add(new Map([[1, 5]]), [told(1, 'visible')], frame({ 5: truth('visible') }));
    score.add(new Map(), [told(1, 'occluded', 0)], frame({ 5: truth(undefined) }));
    score.add(new Map(), [told(1, 'occluded', 0)], frame({ 5: truth('out-of-view') }));
    expect(score.accuracy).toBe(0.5);
    expect(score.perState().find(({ state }) => state === 'visible')).toEqual({
      ...{ state: 'visible', truth: 1, told: 1, precision: 1, recall: 1 },
    });
    expect(score.perState().find(({ state }) => state === 'occluded')).toMatchObject({ precision: 0, recall: null });
  });

  it('what hides an object is right when it is the true one under its present id', () => {
    const score = new StateScore();
    const hidden = frame({ 5: truth('occluded', [0, 0, 1], 6), 6: truth('visible') });
    score.add(
      new Map([
        [1, 5],
        [2, 6],
      ]),
      [],
      frame({ 5: truth('visible'), 6: truth('visible') }),
    );
    score.add(new Map([[2, 6]]), [told(1, 'occluded', 2), told(2, 'visible')], hidden);
    expect(score.occluderAccuracy).toBe(1);
    score.add(new Map([[2, 6]]), [told(1, 'occluded', 0), told(2, 'visible')], hidden);
    expect(score.occluderAccuracy).toBe(0.5);
  });

  it('an object that was moved unseen is absent where its place is seen empty, and else nobody can tell', () => {
    const score = new StateScore();
    score.add(new Map([[1, 5]]), [told(1, 'visible')], frame({ 5: truth('visible') }));
    score.add(new Map(), [told(1, 'absent')], frame({ 5: truth('out-of-view', [2, 0, 1]) }, true));
    score.add(new Map(), [told(1, 'occluded')], frame({ 5: truth('out-of-view', [2, 0, 1]) }, false));
    expect([...score.confusion]).toEqual([
      ['visible → visible', 1],
      ['absent → absent', 1],
    ]);
    score.restart();
    score.add(new Map(), [told(1, 'absent')], frame({ 5: truth('visible') }));
    expect(score.accuracy).toBe(1);
  });
});
