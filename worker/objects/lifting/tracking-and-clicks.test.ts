import { describe, expect, it } from 'vitest';
import { clickMask, deepestPixel, featureOfPixel, largestRegion } from './clicks.ts';
import { type TrackedFrame, type TrackingOptions, trackMasks } from './mask-tracking.ts';
import { viewAt } from './testing.ts';

const OPTIONS: TrackingOptions = {
  ...{ kind: 'consecutive', leastIou: 0.25, order: 'capture', depthTolerance: 0.05, voxelPixels: 2 },
};
const SIDE = 40;

/** Squares of 10 pixels at (x, y) with the given ids. */
function squares(...placed: readonly (readonly [id: number, x: number, y: number])[]): Uint16Array {
  const labels = new Uint16Array(SIDE * SIDE);
  for (const [id, x, y] of placed) {
    for (let dy = 0; dy < 10; dy++) labels.fill(id, (y + dy) * SIDE + x, (y + dy) * SIDE + x + 10);
  }
  return labels;
}

function frame(segments: Uint16Array, angle = 0): TrackedFrame {
  // A wall at depth 4: what the cameras see is the same plane.
  return { view: viewAt(angle, SIDE), segments, depth: new Float32Array(SIDE * SIDE).fill(4) };
}

describe('trackMasks', () => {
  it('follows squares that move a little, whatever their ids, and opens tracks for new ones', () => {
    const tracks = trackMasks(
      [
        frame(squares([1, 2, 2], [2, 20, 20])),
        frame(squares([7, 21, 22], [3, 4, 3])),
        frame(squares([1, 23, 22], [2, 4, 25])),
      ],
      OPTIONS,
    );
    expect(tracks.map((ids) => Object.fromEntries(ids))).toEqual([
      { 1: 1, 2: 2 },
      { 3: 1, 7: 2 },
      { 1: 2, 2: 3 },
    ]);
  });

  it('forgets what the last frame did not show, unless points are fused', () => {
    const frames = [frame(squares([5, 10, 10])), frame(squares()), frame(squares([6, 10, 10]))];
    const last = (kind: TrackingOptions['kind']) => trackMasks(frames, { ...OPTIONS, kind })[2]!.get(6);
    expect(last('consecutive')).toBe(2);
    // The empty frame votes for background once, the first one for the square once: the earlier vote stands.
    expect(last('fused')).toBe(1);
  });

  it('warps: the same place seen from a camera beside is the same track', () => {
    // Two parallel cameras, the second moved so far that the plane at depth 4 shifts by 15 pixels.
    const moved = frame(squares([9, 5, 20]));
    const pose = [...Array.from(moved.view.cameraFromWorld)];
    pose[3]! -= (15 / SIDE) * 4;
    const second = { ...moved, view: { ...moved.view, cameraFromWorld: pose } };
    const frames = [frame(squares([1, 20, 20])), second];
    expect(trackMasks(frames, { ...OPTIONS, kind: 'warped' })[1]!.get(9)).toBe(1);
    expect(trackMasks(frames, OPTIONS)[1]!.get(9)).toBe(2);
  });

  it('goes to the nearest camera next when photos come in no order', () => {
    const at = [0, 0.6, 0.05, 0.65];
    const frames = at.map((angle, i) => frame(squares([i + 1, i % 2 === 0 ? 5 : 25, 10]), angle));
    const tracks = trackMasks(frames, { ...OPTIONS, order: 'nearest' }).map((ids) => [...ids.values()][0]);
    expect(tracks[2]).toBe(tracks[0]);
    expect(tracks[3]).toBe(tracks[1]);
    expect(tracks[1]).not.toBe(tracks[0]);
  });

  it('bears empty frames and nothing at all', () => {
    expect(trackMasks([], OPTIONS)).toEqual([]);
    expect(trackMasks([frame(squares()), frame(squares())], OPTIONS).map((ids) => ids.size)).toEqual([0, 0]);
  });
});

describe('clicks', () => {
  it('finds the deepest pixel; the image has an edge', () => {
    const mask = new Uint8Array(7 * 5);
    for (let y = 0; y < 3; y++) for (let x = 1; x < 6; x++) mask[y * 7 + x] = 1;
    expect(deepestPixel(mask, 7, 5)).toEqual({ pixel: 7 + 2, depth: 2 });
    expect(deepestPixel(new Uint8Array(35), 7, 5)).toBeUndefined();
  });

  it('keeps the largest connected region; rows do not touch around the edge', () => {
    const mask = Uint8Array.of(1, 0, 1, 1, 1, 0, 0, 0, 1);
    expect([...largestRegion(mask, 3)]).toEqual([1, 0, 0, 1, 1, 0, 0, 0, 0]);
    expect([...largestRegion(new Uint8Array(4), 2)]).toEqual([0, 0, 0, 0]);
  });

  it('answers by cosine, whatever the length, and a negative takes away what is nearer to it', () => {
    // Planar, four vectors: along x, at 30 degrees, at 60, along y.
    const angles = [0, Math.PI / 6, Math.PI / 3, Math.PI / 2];
    const planar = Float32Array.from([...angles.map((a) => 5 * Math.cos(a)), ...angles.map((a) => 5 * Math.sin(a))]);
    const x = featureOfPixel(planar, 2, 0)!;
    const y = featureOfPixel(planar, 2, 3)!;
    expect([...clickMask(planar, 2, { positives: [x], negatives: [], threshold: 0.7 })]).toEqual([1, 1, 0, 0]);
    expect([...clickMask(planar, 2, { positives: [x, y], negatives: [], threshold: 0.7 })]).toEqual([1, 1, 1, 1]);
    expect([...clickMask(planar, 2, { positives: [x], negatives: [y], threshold: 0.4 })]).toEqual([1, 1, 0, 0]);
    const rows = Float32Array.of(5, 0, 0, 5);
    expect([...clickMask(rows, 2, { positives: [x], negatives: [], threshold: 0.7 }, 'rows')]).toEqual([1, 0]);
    expect([...clickMask(planar, 2, { positives: [], negatives: [], threshold: 0.7 })]).toEqual([0, 0, 0, 0]);
    expect(featureOfPixel(new Float32Array(2), 2, 0)).toBeUndefined();
  });
});
