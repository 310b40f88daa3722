import { describe, expect, it } from 'vitest';
import type { FrameColumns } from '../../../contract/index.ts';
import { sampleFrames } from '../../testing/samples.ts';
import type { Lanes } from '../timeline/index.ts';
import {
  frameFacts,
  type HistoryEdit,
  nextSighting,
  objectsInFrame,
  poseJson,
  qualityOf,
  sightingsOf,
  stateIn,
  stepsTo,
  vectorText,
} from './numbers.ts';

const close = (a: readonly number[], b: readonly number[]) => {
  expect(a).toHaveLength(b.length);
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i] ?? Number.NaN, 9);
  });
};

describe('a frame', () => {
  it('has its camera where the pose says', () => {
    // A quarter turn about y: the camera's z axis is the world's -x, and the camera stands 4 before what it looks at.
    const half = Math.SQRT1_2;
    const frames: FrameColumns = {
      ...sampleFrames(2),
      poses: [1, 0, 0, 0, 1, -2, 3, half, 0, half, 0, 0, 0, 4],
      intrinsics: [200, 100, 100, 100, 100, 50, 200, 100, 100, 50, 50, 50],
    };
    const first = frameFacts(frames, 0);
    close(first.centre, [-1, 2, -3]);
    close(first.forward, [0, 0, 1]);
    expect(first.fovX).toBeCloseTo(90, 9);
    expect(first.fovY).toBeCloseTo((2 * Math.atan(0.5) * 180) / Math.PI, 9);
    const second = frameFacts(frames, 1);
    close(second.forward, [-1, 0, 0]);
    close(second.centre, [4, 0, 0]);
    // Off-centre: each side of the principal point has its own angle.
    expect(second.fovX).toBeCloseTo(((Math.atan(0.5) + Math.atan(1.5)) * 180) / Math.PI, 9);
    expect(JSON.parse(poseJson('a.jpg', second))).toMatchObject({
      name: 'a.jpg',
      cx: 50,
      cameraFromWorld: { quaternionWxyz: [half, 0, half, 0], translation: [0, 0, 4] },
    });
  });

  it('is ranked among the measured ones', () => {
    const frame = (name: string, psnr: number) => ({ name, psnr, ssim: 0.9, holdout: false });
    const metrics = { splatsId: 1, frames: [frame('a', 30), frame('b', 20), frame('c', 25)] };
    expect(qualityOf(metrics, 'b')).toMatchObject({ rank: 1, of: 3 });
    expect(qualityOf(metrics, 'a')).toMatchObject({ psnr: 30, rank: 3 });
    expect(qualityOf(metrics, 'd')).toBeNull();
  });
});

/** Object 7: seen in 2 and 3, occluded in 4, out of view in 5; object 9: seen in 3. */
const lanes: Lanes = {
  objectIds: Uint32Array.of(7, 8, 9),
  runStart: Uint32Array.of(0, 4, 4, 5),
  from: Uint32Array.of(2, 3, 4, 5, 3),
  to: Uint32Array.of(3, 4, 5, 6, 4),
  state: Uint8Array.of(0, 0, 1, 2, 0),
  disagreement: Uint8Array.of(10, 127, 255, 255, 255),
  switches: { start: Uint32Array.of(0, 1, 1, 1), frames: Uint32Array.of(3) },
  keyframes: { start: Uint32Array.of(0, 0, 0, 0), frames: new Uint32Array(0) },
  ambiguous: { start: Uint32Array.of(0, 0, 0, 0), frames: new Uint32Array(0) },
  carried: new Uint8Array(5),
  observations: 5,
};

describe('an object', () => {
  it('is where its observations say', () => {
    expect([2, 4, 5, 9].map((frame) => stateIn(lanes, 7, frame))).toEqual(['visible', 'occluded', 'out-of-view', null]);
    expect(stateIn(lanes, 4711, 3)).toBeNull();
    expect(objectsInFrame(lanes, 3)).toEqual([7, 9]);
    expect(objectsInFrame(lanes, 4)).toEqual([7]);
    expect(objectsInFrame(lanes, 5)).toEqual([]);
    expect(sightingsOf(lanes, 7)).toEqual({
      runs: [
        { from: 2, to: 4, state: 0 },
        { from: 4, to: 5, state: 1 },
        { from: 5, to: 6, state: 2 },
      ],
      switches: [3],
      worst: { frame: 3, disagreement: 0.5 },
    });
    expect(sightingsOf(lanes, 8)).toEqual({ runs: [], switches: [], worst: null });
    expect(sightingsOf(lanes, 1)).toBeNull();
  });

  it('is seen next and last in the nearest frames', () => {
    const runs = [
      { from: 2, to: 4, state: 0 },
      { from: 5, to: 8, state: 2 },
      { from: 9, to: 11, state: 1 },
    ];
    const go = (direction: 1 | -1) => Array.from({ length: 13 }, (_, frame) => nextSighting(runs, frame, direction));
    expect(go(1)).toEqual([2, 2, 3, 9, 9, 9, 9, 9, 9, 10, null, null, null]);
    expect(go(-1)).toEqual([null, null, null, 2, 3, 3, 3, 3, 3, 3, 9, 10, 10]);
  });
});

describe('history', () => {
  const edits = (undone: readonly boolean[]): HistoryEdit[] =>
    undone.map((value, index) => ({ id: 10 - index, label: '', at: 0, undone: value }));
  it('counts the steps to any place in it', () => {
    const some = edits([true, false, false]);
    expect([10, 9, 8, null].map((id) => stepsTo(some, id))).toEqual([1, 0, -1, -2]);
    const all = edits([true, true]);
    expect([10, 9, null].map((id) => stepsTo(all, id))).toEqual([2, 1, 0]);
    expect(stepsTo(some, 99)).toBe(0);
    expect(stepsTo([], null)).toBe(0);
  });
});

describe('vectors', () => {
  it('have no negative zero', () => {
    expect(vectorText([-0.00001, 1.23456, -2], 3)).toBe('0.000  1.235  -2.000');
  });
});
