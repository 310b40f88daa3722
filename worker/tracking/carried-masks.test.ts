import { describe, expect, it } from 'vitest';
import { decodeCounts, forEachRun, type TracksFrame } from '../../contract/index.ts';
import { TrackingNotes } from '../objects/index.ts';
import { CarriedMasks } from './carried-masks.ts';
import { observeFrame } from './observe.ts';

const [WIDTH, HEIGHT] = [64, 32];
const pixels = WIDTH * HEIGHT;
const view = {
  ...{ width: WIDTH, height: HEIGHT, fx: 60, fy: 60, cx: 32, cy: 16 },
  cameraFromWorld: {
    quaternion: [1, 0, 0, 0] as [number, number, number, number],
    translation: [0, 0, 0] as [number, number, number],
  },
};

/** A thing of 8 x 8 pixels at column `left`, a metre before a wall; where `segmentedAt` differs, the segmenter errs, or finds nothing. */
function frameWith(name: string, left: number, segmentedAt: number | null) {
  const depth = new Float32Array(pixels).fill(4);
  const labels = new Int32Array(pixels);
  for (let y = 12; y < 20; y++) {
    depth.fill(1, y * WIDTH + left, y * WIDTH + left + 8);
    if (segmentedAt !== null) labels.fill(1, y * WIDTH + segmentedAt, y * WIDTH + segmentedAt + 8);
  }
  const segmented = { name, labels, info: new Map() };
  return observeFrame({ view, segmented, depth: { depth, from: 'fitted' } }, 'median-depth', new TrackingNotes());
}

/** Leftmost column of the carried mask in each frame; undefined where nothing is carried. */
function carriedOf(frames: readonly (readonly [left: number, segmentedAt: number | null])[]) {
  const masks = new CarriedMasks();
  const done: TracksFrame[] = frames.flatMap(([left, segmentedAt], i) => {
    const seen = segmentedAt !== null;
    const observation = { object: 7, state: 'visible' as const, ...(seen && { segment: 1 }) };
    return masks.step(frameWith(String(i), left, segmentedAt), [observation]);
  });
  return [...done, ...masks.finish()].map(({ carried = [] }) => {
    let least: number | undefined;
    for (const { rle } of carried) {
      forEachRun(decodeCounts(rle, pixels), (start) => {
        least = Math.min(least ?? WIDTH, start % WIDTH);
      });
    }
    return least;
  });
}

describe('carried masks', () => {
  it('lie where a thing stood in frames in which nothing segments it, before and after', () => {
    const found = carriedOf([
      [10, null],
      [10, 10],
      [10, null],
      [10, 10],
      [10, null],
    ]);
    expect(found.map((left) => left !== undefined)).toEqual([true, false, true, false, true]);
    for (const left of [found[0], found[2], found[4]]) expect(Math.abs(left! - 10)).toBeLessThanOrEqual(1);
  });

  it('one sighting elsewhere moves nothing; two do, and then back to when it came', () => {
    const slip = carriedOf([
      [10, 10],
      [10, 10],
      [10, 40],
      [10, null],
    ]);
    expect(slip[2]).toBeUndefined();
    expect(Math.abs(slip[3]! - 10)).toBeLessThanOrEqual(1);
    const moved = carriedOf([
      [10, 10],
      [10, 10],
      [40, null],
      [40, 40],
      [40, null],
      [40, 40],
      [40, null],
    ]);
    expect(moved.map((left) => left !== undefined)).toEqual([false, false, true, false, true, false, true]);
    for (const left of [moved[2], moved[4], moved[6]]) expect(Math.abs(left! - 40)).toBeLessThanOrEqual(1);
  });
});
