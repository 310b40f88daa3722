import { describe, expect, it } from 'vitest';
import type { PinholeView } from '../../contract/index.ts';
import { TrackingNotes } from '../objects/index.ts';
import { ObjectHistories } from './assemble.ts';
import { observeFrame, type SegmentedFrame } from './observe.ts';
import { createAssociator } from './recipes.ts';

const [WIDTH, HEIGHT] = [32, 24];
const pixels = WIDTH * HEIGHT;
const viewWith = (translation: [number, number, number]): PinholeView => ({
  ...{ width: WIDTH, height: HEIGHT, fx: 30, fy: 30, cx: 16, cy: 12 },
  cameraFromWorld: { quaternion: [1, 0, 0, 0], translation },
});
/** Boxes of 6 x 6 pixels, left edge by id. */
const segmented = (name: string, boxes: Readonly<Record<number, number>>, category = 'mug'): SegmentedFrame => {
  const labels = new Int32Array(pixels);
  for (const [id, left] of Object.entries(boxes)) {
    for (let y = 8; y < 14; y++) labels.fill(Number(id), y * WIDTH + left, y * WIDTH + left + 6);
  }
  return { name, labels, info: new Map(Object.keys(boxes).map((id) => [Number(id), { category }])) };
};
const depth = { depth: new Float32Array(pixels).fill(1), from: 'fitted' as const };
const GOOD = viewWith([0, 0, 0]);
const UNPOSED = viewWith([Number.NaN, 0, 0]);

describe('frames that lack something', () => {
  it('a pose, depth or all segments: named, and the objects go on', () => {
    const notes = new TrackingNotes();
    const associator = createAssociator('spatial', {}, notes);
    const histories = new ObjectHistories();
    const step = (view: PinholeView, boxes: Readonly<Record<number, number>>, lacksDepth = false) => {
      const given = lacksDepth ? { depth: undefined, from: 'none' as const } : depth;
      const frame = observeFrame({ view, segmented: segmented('f', boxes), depth: given }, 'median-depth', notes);
      const found = associator.step(frame);
      return { ids: [...found.ids], frame, observations: histories.step(frame, found) };
    };
    for (let i = 0; i < 6; i++) expect(step(GOOD, { 1: 4, 2: 20 }).ids).toEqual([1, 2]);
    const unposed = step(UNPOSED, { 1: 4, 2: 20 });
    expect(unposed.ids).toEqual([1, 2]);
    expect(unposed.frame.segments.every(({ location }) => location === undefined)).toBe(true);
    expect(step(GOOD, { 1: 4, 2: 20 }, true).ids).toEqual([1, 2]);
    const empty = step(GOOD, {});
    expect(empty.ids).toEqual([]);
    // Unseen, but told of: both are where they were, and nothing is nearer.
    expect(empty.observations.map(({ object, state }) => [object, state])).toEqual([
      [1, 'visible'],
      [2, 'visible'],
    ]);
    expect(step(UNPOSED, {}).observations).toEqual([]);
    expect(step(GOOD, { 7: 4, 8: 20 }).ids).toEqual([1, 2]);
    expect(notes.counts).toEqual({ 'no-pose': 2, 'no-depth': 1, 'no-segments': 2 });
  });

  it('a category that changes within a track is named, and the object keeps the one it had most', () => {
    const notes = new TrackingNotes();
    const associator = createAssociator('spatial', {}, notes);
    const histories = new ObjectHistories();
    for (const [i, category] of ['mug', 'mug', 'mug', 'bowl', 'mug'].entries()) {
      const given = { view: GOOD, segmented: segmented(`f${i}`, { 1: 4 }, category), depth };
      const frame = observeFrame(given, 'median-depth', notes);
      const found = associator.step(frame);
      expect([...found.ids]).toEqual([1]);
      histories.step(frame, found);
    }
    expect(notes.counts).toEqual({ 'category-changed': 2 });
    expect(histories.objects(new Map())).toMatchObject([{ object: 1, category: 'mug', segments: 5 }]);
  });
});
