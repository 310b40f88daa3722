import { describe, expect, it } from 'vitest';
import { TrackingNotes } from '../objects/index.ts';
import type { ObservedFrame, ObservedSegment } from './observe.ts';
import { createAssociator } from './recipes.ts';

const unit = (...values: number[]): Float32Array => {
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
};
const RED = unit(1, 0.1, 0);
const BLUE = unit(0.1, 0, 1);

const mug = (id: number, x: number, feature = RED): ObservedSegment => ({
  shape: { id, areaPx: 100, u: 5, v: 5, left: 0, top: 0, right: 10, bottom: 10 },
  ...{ category: 'mug', confidence: 1, location: [x, 0, 1], radius: 0.05, feature },
});
const frame = (...segments: ObservedSegment[]): ObservedFrame => ({
  ...{ name: '', camera: undefined, labels: new Int32Array(0), photo: undefined, segments },
  depth: { depth: undefined, from: 'none' },
});
/** The recipe as it ships. */
const spatial = () => createAssociator('spatial', {}, new TrackingNotes());

describe('the recipe spatial', () => {
  it('opens a track for a new object of a known category 2 m from an idle track, and joins what comes back', () => {
    const one = spatial();
    expect([...one.step(frame(mug(1, 0))).ids]).toEqual([1]);
    for (let i = 0; i < 20; i++) one.step(frame());
    expect([...one.step(frame(mug(2, 2))).ids]).toEqual([2]);
    for (let i = 0; i < 20; i++) one.step(frame());
    expect([...one.step(frame(mug(3, 0.03), mug(4, 2.03))).ids]).toEqual([1, 2]);
  });

  it('reports look-alikes that may have swapped places out of view, and no others', () => {
    const returning = (second: Float32Array) => {
      const one = spatial();
      for (let i = 0; i < 5; i++) one.step(frame(mug(1, 0), mug(2, 0.6, second)));
      for (let i = 0; i < 20; i++) one.step(frame());
      return one.step(frame(mug(3, 0), mug(4, 0.6, second)));
    };
    const alike = returning(RED);
    expect([...alike.ids]).toEqual([1, 2]);
    expect(alike.ambiguities.map(({ trackId, rivals }) => [trackId, ...rivals])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(returning(BLUE).ambiguities).toEqual([]);
  });
});
