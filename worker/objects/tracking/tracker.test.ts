import { describe, expect, it } from 'vitest';
import { type TrackingParameters, trackingParametersSchema } from '../../../contract/index.ts';
import { distanceOf, locationCost, visualCost } from './costs.ts';
import { FeatureMemory } from './feature-memory.ts';
import { ObjectTracker, type TrackDetection } from './tracker.ts';

/** Metres and unit features. */
const METRIC = {
  locationCost: 'scaled',
  alphaLocation: 0.3,
  alphaVisual: 4,
  alphaCategory: 2,
  alphaInstance: 1,
  gamma: 3,
} as const;
const tracker = (given: Partial<TrackingParameters> = {}) => {
  return new ObjectTracker(trackingParametersSchema.parse({ ...METRIC, ...given }));
};
const RED = Float32Array.from([1, 0, 0]);
const BLUE = Float32Array.from([0, 0, 1]);
const mug = (x: number, sourceId: number, feature = RED): TrackDetection => ({
  ...{ sourceId, category: 'mug', location: [x, 0, 1], feature },
});
const idsOf = (one: ObjectTracker, detections: readonly TrackDetection[]) => [...one.step(detections).trackIds];
const rest = (one: ObjectTracker, frames: number): void => {
  for (let i = 0; i < frames; i++) one.step([]);
};

describe('costs', () => {
  it('are the printed ones, and the scaled form', () => {
    const published = trackingParametersSchema.parse({});
    expect(locationCost(2, published)).toBeCloseTo(-Math.log(Math.exp(-2) / 10), 12);
    expect(locationCost(2, { ...published, locationScale: 3 })).toBeCloseTo(6 + Math.log(10), 12);
    expect(locationCost(2, { ...published, locationCost: 'scaled' })).toBeCloseTo(0.2 + Math.log(10), 12);
    expect(visualCost(3, 2)).toBeCloseTo(-Math.log(1 / 7), 12);
    for (const locationCostForm of ['published', 'scaled'] as const) {
      const one = { ...published, locationCost: locationCostForm, locationScale: 3, alphaLocation: 0.4 };
      expect(distanceOf(locationCost(1.7, one), one)).toBeCloseTo(1.7, 12);
    }
  });

  it('the mean of appearances is that of the last N', () => {
    const memory = new FeatureMemory(3);
    for (const value of [1, 2, 3, 4, 5]) memory.add(Float32Array.from([value, -value]));
    expect([...memory.sum].map((sum) => sum / memory.count)).toEqual([4, -4]);
  });
});

describe('object permanence', () => {
  it('an object that comes back to its place keeps its track, whatever the 2D tracker calls it', () => {
    const one = tracker();
    expect(idsOf(one, [mug(0, 1), mug(3, 2, BLUE)])).toEqual([1, 2]);
    rest(one, 500);
    expect(idsOf(one, [mug(3.05, 9, BLUE), mug(-0.04, 8)])).toEqual([2, 1]);
  });

  it('a new object of a known category 2 m from an idle track opens a new track', () => {
    const one = tracker();
    idsOf(one, [mug(0, 1)]);
    rest(one, 20);
    expect(idsOf(one, [mug(2, 2)])).toEqual([2]);
    // As published, with raw metres, no place is ever too far.
    const published = tracker({ ...trackingParametersSchema.parse({}) });
    idsOf(published, [mug(0, 1)]);
    rest(published, 20);
    expect(idsOf(published, [mug(2, 2)])).toEqual([1]);
    expect(idsOf(tracker(), [])).toEqual([]);
  });

  it('with locationScale the published cost opens it too', () => {
    const one = tracker({ ...trackingParametersSchema.parse({ locationScale: 20 }) });
    idsOf(one, [mug(0, 1)]);
    rest(one, 20);
    expect(idsOf(one, [mug(0.1, 5), mug(2, 2)])).toEqual([1, 2]);
  });

  it('an object that is carried is followed by its initial id over any distance in small steps', () => {
    const one = tracker();
    for (let i = 0; i <= 40; i++) expect(idsOf(one, [mug(i * 0.1, 4), mug(2, 7, BLUE)])[0]).toBe(1);
  });

  it('every cost can be switched off', () => {
    const far = (given: Partial<TrackingParameters>, next: TrackDetection) => {
      const one = tracker(given);
      idsOf(one, [mug(0, 1)]);
      return idsOf(one, [next])[0];
    };
    expect(far({}, mug(5, 1))).toBe(2);
    expect(far({ useLocation: false }, mug(5, 1))).toBe(1);
    const other = { ...mug(0, 2, BLUE), category: 'pan' };
    expect(far({}, other)).toBe(2);
    expect(far({ useCategory: false, useVisual: false, useInstance: false }, other)).toBe(1);
    expect(far({ useCategory: false, useVisual: false, alphaInstance: 9 }, other)).toBe(2);
  });

  it('memory grows with tracks, not with frames', () => {
    const one = tracker({ featureMemory: 4 });
    for (let i = 0; i < 300; i++) one.step([mug(0, 1, Float32Array.from([1, 0, i]))]);
    expect(one.tracks).toHaveLength(1);
    expect(one.tracks[0]).toMatchObject({ id: 1, firstFrame: 0, lastFrame: 299, sightings: 300, category: 'mug' });
  });

  it('the pairs of a frame have the least total, and a segment without a partner opens a track', () => {
    const one = tracker({ useVisual: false, useInstance: false });
    idsOf(one, [mug(0, 1), mug(1, 2)]);
    // Nearest first would give 0.4 to track 1 and leave 0.9 with nothing better than track 2.
    expect(idsOf(one, [mug(0.4, 3), mug(-0.3, 4), mug(0.9, 5)])).toEqual([3, 1, 2]);
  });
});

describe('look-alikes', () => {
  it('two that swap places out of view are reported as ambiguous', () => {
    const one = tracker();
    for (let i = 0; i < 10; i++) idsOf(one, [mug(0, 1), mug(2, 2)]);
    rest(one, 30);
    const { trackIds, ambiguities } = one.step([mug(2, 11), mug(0, 12)]);
    expect([...trackIds]).toEqual([2, 1]);
    expect(ambiguities).toEqual([
      { frame: 40, detection: 0, trackId: 2, rivals: [1] },
      { frame: 40, detection: 1, trackId: 1, rivals: [2] },
    ]);
    expect(one.step([mug(2, 11), mug(0, 12)]).ambiguities).toEqual([]);
  });

  it('so is a place whose thing looks like the other one', () => {
    const one = tracker({ alphaVisual: 0.5 });
    for (let i = 0; i < 10; i++) idsOf(one, [mug(0, 1, RED), mug(2, 2, BLUE)]);
    rest(one, 30);
    expect(one.step([mug(2, 11, RED)]).ambiguities).toMatchObject([{ trackId: 2, rivals: [1] }]);
  });

  it('different things, and things in sight all the while, are not', () => {
    const one = tracker();
    for (let i = 0; i < 10; i++) idsOf(one, [mug(0, 1, RED), mug(2, 2, BLUE)]);
    rest(one, 30);
    expect(one.step([mug(0, 11, RED), mug(2, 12, BLUE)]).ambiguities).toEqual([]);
    const other = tracker();
    for (let i = 0; i < 10; i++) idsOf(other, [mug(0, 1), mug(2, 2)]);
    for (let i = 0; i < 30; i++) idsOf(other, [mug(2, 2)]);
    expect(other.step([mug(0, 1), mug(2, 2)]).ambiguities).toEqual([]);
  });
});

describe('odd input is named and nothing is lost', () => {
  it('ids beyond range, twice, missing places and appearances', () => {
    const one = tracker();
    const { trackIds } = one.step([
      mug(0, 0),
      mug(1, 2 ** 31),
      mug(2, 7),
      mug(3, 7),
      { category: 'pan' },
      { ...mug(4, 9), location: [Number.NaN, 0, 0] },
      { ...mug(5, 10), feature: Float32Array.from([1, 2]) },
      { ...mug(6, 11), feature: Float32Array.from([1, Number.NaN, 0]) },
    ]);
    expect(new Set(trackIds).size).toBe(8);
    expect(one.notes.counts).toEqual({
      ...{ 'id-out-of-range': 2, 'id-twice': 1, 'location-not-finite': 1, 'feature-length': 1 },
      'feature-not-finite': 1,
    });
    expect(one.notes.messages.every((message) => message.includes('frame 0'))).toBe(true);
  });

  it('without a place the initial id and the looks carry a track on; a stranger opens one', () => {
    const one = tracker();
    idsOf(one, [mug(0, 1)]);
    const blind = { sourceId: 1, category: 'mug', feature: RED };
    expect(idsOf(one, [blind])).toEqual([1]);
    expect(idsOf(one, [{ sourceId: 2, category: 'pan', feature: BLUE }])).toEqual([2]);
    // The place is remembered meanwhile.
    expect(idsOf(one, [mug(0.02, 3)])).toEqual([1]);
  });

  it('a category that changes within a track is named; the most frequent one stays', () => {
    const one = tracker();
    for (let i = 0; i < 5; i++) idsOf(one, [mug(0, 1)]);
    expect(idsOf(one, [{ ...mug(0, 1), category: 'pan' }])).toEqual([1]);
    expect(one.notes.counts).toEqual({ 'category-changed': 1 });
    expect(one.tracks[0]!.category).toBe('mug');
  });
});

describe('locks', () => {
  it('keep what a person decided, against every cost', () => {
    const one = tracker();
    expect(idsOf(one, [{ ...mug(0, 1), lockedTo: 77 }, mug(2, 2, BLUE)])).toEqual([1, 2]);
    rest(one, 5);
    const moved = { ...mug(9, 5, BLUE), category: 'pan', lockedTo: 77 };
    expect(idsOf(one, [mug(0, 1), moved])).toEqual([3, 1]);
    expect(one.tracks[0]).toMatchObject({ lockedTo: 77 });
    expect(idsOf(one, [moved, { ...mug(2, 2, BLUE), lockedTo: 77 }])).toEqual([1, 2]);
    expect(one.notes.counts['locked-twice']).toBe(1);
  });
});
