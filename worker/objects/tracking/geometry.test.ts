import { describe, expect, it } from 'vitest';
import type { PinholeView } from '../../../contract/index.ts';
import { ByteTracker } from './byte-track.ts';
import { surfaceOf } from './carried-mask.ts';
import { centroidOf } from './centroid.ts';
import { DepthAligner, fitScaleShift } from './depth-alignment.ts';
import { DESCRIPTOR_LENGTH, describeSegment } from './descriptors.ts';
import { shapesOfLabels } from './segments.ts';
import { StaticDepth } from './static-depth.ts';
import { StaticIntervals } from './static-intervals.ts';
import { type Camera, cameraOf } from './view.ts';
import { expectedState } from './visibility.ts';

const [WIDTH, HEIGHT] = [40, 30];
const VIEW: PinholeView = {
  ...{ width: WIDTH, height: HEIGHT, fx: 30, fy: 32, cx: 20, cy: 15 },
  cameraFromWorld: { quaternion: [0.9, 0.1, -0.3, 0.2], translation: [0.3, -0.2, 0.5] },
};
const camera = cameraOf(VIEW) as Camera;
const straight = cameraOf({
  ...VIEW,
  cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
}) as Camera;
/** Deterministic noise in [0, 1). */
const noise = (i: number): number => (Math.sin(i * 12.9898 + 4) * 43758.5453) % 1;

describe('camera', () => {
  it('projects what it unprojects', () => {
    const [u, v, z] = camera.project(camera.unproject(7.5, 21.25, 2.5));
    expect([u, v, z].map((value, k) => value - [7.5, 21.25, 2.5][k]!).every((e) => Math.abs(e) < 1e-9)).toBe(true);
  });

  it('without a finite pose there is none', () => {
    const bad = { quaternion: [Number.NaN, 0, 0, 1] as [number, number, number, number], translation: [0, 0, 0] };
    expect(cameraOf({ ...VIEW, cameraFromWorld: bad as PinholeView['cameraFromWorld'] })).toBeUndefined();
  });
});

describe('depth alignment', () => {
  const values = Float32Array.from({ length: 1200 }, (_, i) => 0.5 + Math.abs(noise(i)));
  it('finds scale and shift although a third of the reference is of other things', () => {
    const reference = values.map((value, i) => (i % 3 === 0 ? 0.2 + Math.abs(noise(i * 7)) : 1.7 * value + 0.4));
    const fit = fitScaleShift(values, reference)!;
    expect(Math.abs(fit.scale - 1.7)).toBeLessThan(0.01);
    expect(Math.abs(fit.shift - 0.4)).toBeLessThan(0.01);
  });

  it('falls back to the previous frame, flagged, and has none before the first', () => {
    const aligner = new DepthAligner('disparity');
    const nothing = new Float32Array(1200);
    expect(aligner.align(values, nothing)).toBeUndefined();
    const z = values.map((value) => 1 / (2 * value + 0.1));
    const first = aligner.align(values, z)!;
    expect(first.from).toBe('fitted');
    expect(Math.max(...first.depth.map((depth, i) => Math.abs(depth - z[i]!)))).toBeLessThan(1e-3);
    const few = z.map((depth, i) => (i < 99 ? depth : 0));
    expect(aligner.align(values, few)).toMatchObject({ from: 'previous', scale: first.scale });
    const upsideDown = values.map((value) => 1 / (3 - value));
    expect(aligner.align(values, upsideDown)).toMatchObject({ from: 'previous', scale: first.scale });
    expect(fitScaleShift(new Float32Array(1200).fill(2), z)).toBeUndefined();
  });

  it('sparse points make a surface that hides what is behind', () => {
    const points: number[] = [];
    for (let i = 0; i < 1500; i++) points.push(1.6 * noise(i), 1.6 * noise(i + 9000), 2);
    for (let i = 0; i < 1500; i++) points.push(3.2 * noise(i + 500), 3.2 * noise(i + 7000), 4);
    points.push(Number.NaN, 0, 1);
    const depth = new StaticDepth(Float32Array.from(points)).render(straight);
    const covered = depth.filter((value) => value > 0);
    expect(covered.length).toBeGreaterThan(1150);
    expect(covered.filter((value) => Math.abs(value - 2) < 0.01).length / covered.length).toBeGreaterThan(0.95);
  });
});

describe('segments', () => {
  const labels = new Int32Array(WIDTH * HEIGHT);
  // A ring: its mean pixel is not on it.
  for (let y = 5; y < 16; y++) {
    for (let x = 10; x < 21; x++) if (Math.max(Math.abs(x - 15), Math.abs(y - 10)) > 3) labels[y * WIDTH + x] = 6;
  }
  const [ring] = shapesOfLabels(labels, WIDTH, HEIGHT);
  const depth = Float32Array.from(labels, (label) => (label === 6 ? 2 : 5));

  it('have a shape', () => {
    expect(ring).toMatchObject({ id: 6, areaPx: 72, u: 15.5, v: 10.5, left: 10, top: 5, right: 21, bottom: 16 });
  });

  it('are lifted by the depth at their mean pixel, or by their own median', () => {
    const mean = centroidOf(ring!, labels, depth, camera, 'mean-pixel')!;
    expect(mean).toMatchObject({ depth: 5, outside: true });
    const median = centroidOf(ring!, labels, depth, camera, 'median-depth')!;
    expect(median.depth).toBe(2);
    expect(camera.project(median.location).map((value) => Math.round(value * 1e6) / 1e6)).toEqual([15.5, 10.5, 2]);
    expect(centroidOf(ring!, labels, new Float32Array(1200), camera, 'median-depth')).toBeUndefined();
  });

  it('have an appearance that knows colours and patterns, moves with the mask, and ignores the background', () => {
    const photo = (rgb: (x: number, y: number) => readonly [number, number, number], background = 0) => {
      const data = new Uint8Array(3 * WIDTH * HEIGHT).fill(background);
      labels.forEach((label, i) => {
        if (label === 0) return;
        rgb(i % WIDTH, Math.floor(i / WIDTH)).forEach((value, k) => {
          data[k * WIDTH * HEIGHT + i] = value;
        });
      });
      return { width: WIDTH, height: HEIGHT, data };
    };
    const of = (image: ReturnType<typeof photo>) => describeSegment(image, labels, ring!);
    const apart = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, k) => value - b[k]!));
    const red = of(photo(() => [200, 30, 30]));
    expect(red).toHaveLength(DESCRIPTOR_LENGTH);
    expect(Math.hypot(...red)).toBeCloseTo(1, 5);
    const darker = of(photo(() => [170, 26, 26]));
    const blue = of(photo(() => [30, 30, 200]));
    const striped = of(photo((x) => (x % 4 < 2 ? [200, 30, 30] : [230, 230, 230])));
    expect(apart(red, darker)).toBeLessThan(apart(red, striped));
    expect(apart(red, striped)).toBeLessThan(apart(red, blue) + 0.5);
    expect(apart(red, blue)).toBeGreaterThan(0.5);
    expect(apart(striped, of(photo((_x, y) => (y % 4 < 2 ? [200, 30, 30] : [230, 230, 230]))))).toBeGreaterThan(0.1);
  });
});

describe('visibility from geometry', () => {
  const object = { location: [0, 0, 2] as const, radius: 0.1 };
  const far = new Float32Array(WIDTH * HEIGHT).fill(5);
  const none = new Int32Array(WIDTH * HEIGHT);
  it('tells the four states, and by what it is occluded', () => {
    expect(expectedState({ ...object, location: [0, 0, -1] }, straight, far, none).state).toBe('out-of-view');
    expect(expectedState({ ...object, location: [3, 0, 2] }, straight, far, none).state).toBe('out-of-view');
    const wall = new Float32Array(WIDTH * HEIGHT).fill(1);
    expect(expectedState(object, straight, wall, none)).toEqual({ state: 'occluded', occluder: 0 });
    expect(
      expectedState(
        object,
        straight,
        wall,
        none.map(() => 4),
      ),
    ).toEqual({ state: 'occluded', occluder: 4 });
    expect(expectedState(object, straight, far, none).state).toBe('absent');
    const there = new Float32Array(WIDTH * HEIGHT).fill(2.05);
    expect(expectedState(object, straight, there, none)).toEqual({ state: 'visible', unsegmented: true });
    expect(expectedState(object, straight, undefined, none)).toEqual({ state: 'occluded' });
  });

  it('at the depth of the object, colours tell it from a board in front and from what was behind it', () => {
    const pixels = WIDTH * HEIGHT;
    const near = new Float32Array(pixels).fill(2);
    const [u, v] = straight.project(object.location);
    const labels = none.map((_, i) => (Math.hypot((i % WIDTH) + 0.5 - u, Math.floor(i / WIDTH) + 0.5 - v) < 3 ? 4 : 0));
    const grey = (level: number) => ({ width: WIDTH, height: HEIGHT, data: new Uint8Array(3 * pixels).fill(level) });
    const [shape] = shapesOfLabels(labels, WIDTH, HEIGHT);
    const surface = surfaceOf(shape!, labels, near, straight, grey(200));
    const state = (z: number, level: number) =>
      expectedState(
        { ...object, surface },
        straight,
        near.map(() => z),
        none,
        grey(level),
      );
    expect(state(2.05, 190)).toEqual({ state: 'visible', unsegmented: true });
    expect(state(1.95, 90)).toEqual({ state: 'occluded', occluder: 0 });
    expect(state(2.05, 90)).toEqual({ state: 'absent' });
  });
});

describe('static intervals', () => {
  it('end where the object is carried away, not where depth errs once', () => {
    const intervals = new StaticIntervals({ threshold: 0.1 });
    const at = (frame: number, x: number) => intervals.add({ frame, location: [x, 0, 0] });
    for (let frame = 0; frame < 10; frame++) at(frame, 0.01 * (frame % 2));
    at(10, 3);
    for (let frame = 11; frame < 15; frame++) at(frame, 0);
    for (let frame = 15; frame < 20; frame++) at(frame, 0.2 * (frame - 14));
    for (let frame = 20; frame < 30; frame++) at(frame, 1);
    const found = intervals.list();
    expect(found.map(({ from, to }) => [from, to])).toEqual([
      [0, 14],
      [19, 29],
    ]);
    expect(found[1]!.at[0]).toBeCloseTo(1, 9);
  });
});

describe('byte-track', () => {
  it('follows boxes at their speed, in two rounds of confidence', () => {
    const one = new ByteTracker({ highConfidence: 0.6, minIou: 0.2, minIouLow: 0.5, bufferFrames: 3 });
    const at = (x: number, confidence = 0.9) => ({ box: [x, 0, x + 10, 10] as const, confidence });
    expect([...one.step([at(0), at(50)])]).toEqual([1, 2]);
    expect([...one.step([at(5), at(50)])]).toEqual([1, 2]);
    expect([...one.step([at(10), at(50, 0.3)])]).toEqual([1, 2]);
    // An uncertain box that matches nothing keeps an id for itself alone.
    expect([...one.step([at(90, 0.3)])]).toEqual([3]);
    expect([...one.step([at(90, 0.3)])]).toEqual([4]);
    expect([...one.step([at(25)])]).toEqual([1]);
    for (let i = 0; i < 4; i++) one.step([]);
    expect([...one.step([at(50)])]).toEqual([5]);
  });
});
