import { describe, expect, test } from 'vitest';
import { hota, identity } from '../../metrics/index.ts';
import {
  measureSegmenter,
  panopticFrame,
  SimulatedTracker,
  segmenterNoise,
  segmentImage,
  simulateDepth,
  TeacherInputError,
  trackingFrame,
} from './index.ts';

const SIDE = 96;

/** A grid of touching discs on background, as a stand-in for a cluttered room. */
const discs = (rows: number): Uint16Array => {
  const labels = new Uint16Array(SIDE * SIDE);
  const pitch = SIDE / (rows + 1);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [column, row] = [Math.round(x / pitch), Math.round(y / pitch)];
      if (column < 1 || row < 1 || column > rows || row > rows) continue;
      if (Math.hypot(x - column * pitch, y - row * pitch) < 0.52 * pitch)
        labels[y * SIDE + x] = (row - 1) * rows + column;
    }
  }
  return labels;
};

describe('simulated segmenter', () => {
  const truth = discs(6);

  test('without noise: exact masks under shuffled ids', () => {
    const result = segmentImage(truth, SIDE, SIDE, 'a', 'none', 1);
    const trueOf = new Map(result.segments.map(({ id, trueInstance }) => [id, trueInstance]));
    expect(result.segments).toHaveLength(36);
    expect(Array.from(result.labels, (id) => trueOf.get(id) ?? 0)).toEqual([...truth]);
    expect(measureSegmenter([panopticFrame(truth, result.labels, SIDE, SIDE)]).perFramePqThings).toBe(100);
    const other = segmentImage(truth, SIDE, SIDE, 'b', 'none', 1);
    expect(other.labels).not.toEqual(result.labels);
  });

  test('repeatable, and different for another seed or frame', () => {
    const first = segmentImage(truth, SIDE, SIDE, 'a', 'default', 1);
    expect(segmentImage(truth, SIDE, SIDE, 'a', 'default', 1)).toEqual(first);
    expect(segmentImage(truth, SIDE, SIDE, 'a', 'default', 2).labels).not.toEqual(first.labels);
  });

  test('rates: missed, split, merged and spurious segments occur as often as stated', () => {
    const only = { missed: 0, split: 0, merged: 0, spurious: 0, jitter: [0, 0] as const };
    const runs = Array.from({ length: 40 }, (_, i) => `f${i}`);
    const count = (noise: Parameters<typeof segmentImage>[4]) =>
      runs.reduce((sum, name) => sum + segmentImage(truth, SIDE, SIDE, name, noise, 3).segments.length, 0) /
      (36 * runs.length);
    expect(count({ ...only, missed: 0.1 })).toBeCloseTo(0.9, 1);
    expect(count({ ...only, split: 0.15 })).toBeCloseTo(1.15, 1);
    expect(count({ ...only, merged: 0.3 })).toBeLessThan(0.75);
    const spurious = count({ ...only, spurious: 0.3 });
    expect(spurious).toBeGreaterThan(1.1);
    expect(spurious).toBeLessThan(1.4);
  });

  test('wrong segments are less confident, and harsh is twice default', () => {
    const segments = Array.from(
      { length: 30 },
      (_, i) => segmentImage(truth, SIDE, SIDE, `c${i}`, 'default', 4).segments,
    ).flat();
    const mean = (list: readonly { confidence: number }[]) =>
      list.reduce((sum, s) => sum + s.confidence, 0) / list.length;
    expect(mean(segments.filter((s) => s.trueInstance === 0))).toBeLessThan(
      mean(segments.filter((s) => s.trueInstance > 0)) - 0.05,
    );
    expect(segmenterNoise('harsh').missed).toBeCloseTo(2 * segmenterNoise('default').missed, 12);
  });

  test('a mask that jitter would erase stays', () => {
    const labels = new Uint16Array(SIDE * SIDE);
    labels[50 * SIDE + 50] = 3;
    const noise = { missed: 0, split: 0, merged: 0, spurious: 0, jitter: [0.02, 0.02] as const };
    const result = segmentImage(labels, SIDE, SIDE, 'dot', noise, 1);
    expect(result.segments).toEqual([{ id: 1, confidence: 1, areaPx: 1, trueInstance: 3 }]);
  });

  test('an empty frame has no segments; a wrong size is an error', () => {
    expect(segmentImage(new Uint16Array(SIDE * SIDE), SIDE, SIDE, 'e', 'harsh', 1).segments).toEqual([]);
    expect(() => segmentImage(truth, SIDE, SIDE + 1, 'bad', 'none', 1)).toThrow(TeacherInputError);
    expect(() => measureSegmenter([])).toThrow(TeacherInputError);
  });
});

describe('simulated tracker', () => {
  const objects = Array.from({ length: 36 }, (_, i) => ({ id: i + 1, category: i % 2 ? 'mug' : 'bowl' }));
  const frame = (name: string, instance: Uint16Array, heldObject = 0) => ({
    name,
    width: SIDE,
    height: SIDE,
    instance,
    heldObject,
  });
  const run = (preset: 'none' | 'default' | 'harsh', length: number) => {
    const tracker = new SimulatedTracker(objects, preset, 1);
    return Array.from({ length }, (_, i) => {
      // Everything leaves the picture for ten frames in the middle.
      const gone = i >= 10 && i < 20;
      const truth = gone ? new Uint16Array(SIDE * SIDE) : discs(6);
      return { truth, result: tracker.track(frame(`t${i}`, truth)) };
    });
  };
  const figures = (preset: 'none' | 'default' | 'harsh') => {
    const frames = run(preset, 30).map(({ truth, result }) => trackingFrame(truth, result.labels, SIDE, SIDE));
    return { assA: hota({ frames }).assA, detA: hota({ frames }).detA, idf1: identity({ frames }).idf1 };
  };

  test('without noise ids last through absence; with noise they break', () => {
    expect(figures('none')).toEqual({ assA: 1, detA: 1, idf1: 1 });
    const [middle, harsh] = [figures('default'), figures('harsh')];
    expect(middle.assA).toBeLessThan(0.75);
    expect(harsh.assA).toBeLessThan(middle.assA);
    expect(harsh.idf1).toBeLessThan(middle.idf1);
    expect(harsh.detA).toBeGreaterThan(0.1);
  });

  test('repeatable, ids unique in a frame', () => {
    const [a, b] = [run('harsh', 25), run('harsh', 25)];
    a.forEach(({ result }, i) => {
      expect(b[i]!.result.labels).toEqual(result.labels);
      const ids = result.detections.map(({ trackId }) => trackId);
      expect(new Set(ids).size).toBe(ids.length);
    });
  });

  test('an instance that is not among the objects is an error', () => {
    const tracker = new SimulatedTracker([{ id: 1, category: 'mug' }], 'none', 1);
    expect(() => tracker.track(frame('x', discs(6)))).toThrow(/not among the objects/);
  });
});

describe('simulated depth', () => {
  const depth = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i === 7 ? 0 : 1 + (i % SIDE) / SIDE));

  test('without noise it is the exact disparity or depth', () => {
    const disparity = simulateDepth(depth, SIDE, SIDE, 'd', 'none', 1);
    expect(disparity.values[5]).toBeCloseTo(1 / depth[5]!, 6);
    expect(disparity.values[7]).toBe(0);
    expect(simulateDepth(depth, SIDE, SIDE, 'd', 'none', 1, 'depth').values[90]).toBeCloseTo(depth[90]!, 6);
  });

  test('with noise a new scale and shift per frame, and undoing them leaves a small error', () => {
    const a = simulateDepth(depth, SIDE, SIDE, 'a', 'default', 1);
    const b = simulateDepth(depth, SIDE, SIDE, 'b', 'default', 1);
    expect(a.scale).not.toBe(b.scale);
    let error = 0;
    for (let i = 0; i < depth.length; i++) {
      if (depth[i] !== 0) error += Math.abs((a.values[i]! - a.shift) / a.scale - 1 / depth[i]!);
    }
    expect(error / depth.length).toBeGreaterThan(0.001);
    expect(error / depth.length).toBeLessThan(0.1);
    expect(() => simulateDepth(depth, SIDE, 3, 'x', 'none', 1)).toThrow(TeacherInputError);
    const nothing = simulateDepth(new Float32Array(12), 4, 3, 'empty', 'harsh', 1);
    expect([...nothing.values]).toEqual(Array(12).fill(0));
  });
});
