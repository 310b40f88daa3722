import { describe, expect, it } from 'vitest';
import type { ImportPreview, Vector3 } from '../../../contract/index.ts';
import { importChecks, suggestedScale } from './checks.ts';
import { convergence, dot, mapAxes, nearestAxis, onMap, placeCameras, toWorld, visibleShare } from './geometry.ts';

/** Cameras on a circle of radius 4 in the plane y = 0 that look at the origin, upright along -y. */
function ring(count: number, outwards = false): number[] {
  return Array.from({ length: count }, (_, i) => {
    const half = (i / count) * Math.PI;
    return [Math.cos(half), 0, Math.sin(half), 0, 0, 0, outwards ? -4 : 4];
  }).flat();
}

const points: number[] = [];
for (let x = -1; x <= 1; x += 0.5)
  for (let y = -1; y <= 1; y += 0.5) for (let z = -1; z <= 1; z += 0.5) points.push(x, y, z);

function preview(change: Partial<ImportPreview> = {}): ImportPreview {
  const poses = ring(12);
  return {
    path: '/captures/ring',
    name: 'ring',
    format: 'colmap-bin',
    frames: 12,
    skipped: [],
    skippedCount: 0,
    cameras: [{ model: 'PINHOLE', width: 640, height: 480, frames: 12 }],
    points: 125,
    reprojectionErrorPx: null,
    bounds: { min: [-4, -4, -4], max: [4, 4, 4] },
    cameraSpan: { centre: [0, 0, 0], radius: 4 },
    up: { direction: [0, -1, 0], agreement: 1 },
    poses,
    intrinsics: Array.from({ length: 12 }, () => [640, 480, 500, 500, 320, 240]).flat(),
    names: Array.from({ length: 12 }, (_, i) => `${i}.jpg`),
    samplePoints: points,
    sampleColors: [],
    samples: [],
    maskedShare: null,
    warnings: [],
    warningCounts: {},
    holdout: [],
    ...change,
  };
}

const toneOf = (id: string, change: Partial<ImportPreview>) =>
  importChecks(preview(change)).find((check) => check.id === id)?.tone;

describe('camera geometry', () => {
  it('places cameras where they stand and lets them look where they look', () => {
    for (const { centre, forward } of placeCameras(ring(12))) {
      expect(Math.hypot(...centre)).toBeCloseTo(4, 9);
      // Towards the origin.
      expect(dot(centre, forward)).toBeCloseTo(-4, 9);
    }
  });

  it('turns by the inverse rotation, whatever the length of the quaternion', () => {
    const q = [Math.SQRT1_2 * 3, 0, 0, Math.SQRT1_2 * 3] as const;
    // cameraFromWorld turns x to y, so the camera's y is the world's x.
    const back = toWorld(q, [0, 1, 0]);
    [1, 0, 0].forEach((value, axis) => {
      expect(back[axis]).toBeCloseTo(value, 12);
    });
  });

  it('finds what the views have in common and who faces it', () => {
    const inwards = convergence(placeCameras(ring(9)));
    expect(Math.hypot(...(inwards?.point ?? [9, 9, 9]))).toBeLessThan(1e-9);
    expect(inwards?.inFront).toBe(1);
    expect(convergence(placeCameras(ring(9, true)))?.inFront).toBe(0);
    const parallel = Array.from({ length: 4 }, (_, i) => [1, 0, 0, 0, i, 0, 0]).flat();
    expect(convergence(placeCameras(parallel))).toBeNull();
    expect(convergence([])).toBeNull();
  });

  it('counts the points that cameras see', () => {
    const { poses, intrinsics } = preview();
    expect(visibleShare(poses, intrinsics, points)).toBe(1);
    expect(visibleShare(ring(12, true), intrinsics, points)).toBe(0);
    expect(visibleShare(poses, intrinsics, [])).toBeNull();
    // A narrow lens sees few of them.
    const narrow = intrinsics.map((value, i) => (i % 6 === 2 || i % 6 === 3 ? 20_000 : value));
    expect(visibleShare(poses, narrow, points)).toBeLessThan(0.2);
  });

  it.each<[Vector3, string]>([
    [[0, -1, 0], '-Y'],
    [[0, 0, 3], '+Z'],
    [[0.9, 0.1, 0], '+X'],
  ])('draws maps of a world with up along %j', (up, name) => {
    expect(nearestAxis(up).name).toBe(name);
    const side = mapAxes('side', up);
    const top = mapAxes('top', up);
    expect(onMap(up, side)[1]).toBeCloseTo(Math.hypot(...up), 9);
    expect(onMap(up, top)[0]).toBeCloseTo(0, 9);
    expect(onMap(up, top)[1]).toBeCloseTo(0, 9);
    expect(top.right).toEqual(side.right);
    expect(dot(top.right, top.up)).toBeCloseTo(0, 9);
    expect(Math.hypot(...top.up)).toBeCloseTo(1, 9);
  });
});

describe('import checks', () => {
  it('passes a sound capture', () => {
    expect(importChecks(preview()).map(({ id, tone }) => `${id} ${tone}`)).toEqual([
      'frames good',
      'cameras neutral',
      'axes good',
      'up good',
      'scale good',
      'points good',
      'masks neutral',
    ]);
  });

  it('sees poses that do not fit', () => {
    expect(toneOf('axes', { reprojectionErrorPx: 0.7 })).toBe('good');
    expect(toneOf('axes', { reprojectionErrorPx: 40 })).toBe('bad');
    expect(toneOf('axes', { reprojectionErrorPx: Number.NaN })).toBe('bad');
    expect(toneOf('axes', { poses: ring(12, true) })).toBe('bad');
    expect(toneOf('axes', { poses: ring(12, true), samplePoints: [] })).toBe('bad');
    expect(toneOf('axes', { samplePoints: [] })).toBe('good');
  });

  it('names frames that cannot be used', () => {
    const check = importChecks(preview({ skipped: [{ name: '7.jpg', reason: 'no pose' }], skippedCount: 3 }))[0];
    expect(check).toMatchObject({ tone: 'warn', title: '12 frames, 3 left out' });
    expect(check?.detail).toContain('7.jpg: no pose');
  });

  it('suspects inverted masks, tilted cameras and odd scales', () => {
    expect(toneOf('masks', { maskedShare: 0.97 })).toBe('warn');
    expect(toneOf('masks', { maskedShare: 0.2 })).toBe('good');
    expect(toneOf('up', { up: { direction: [0, 0, 1], agreement: 0.2 } })).toBe('warn');
    expect(toneOf('scale', { cameraSpan: { centre: [0, 0, 0], radius: 0 } })).toBe('bad');
    expect(toneOf('scale', { cameraSpan: { centre: [0, 0, 0], radius: 1e7 } })).toBe('warn');
    expect(toneOf('points', { points: 0 })).toBe('neutral');
  });

  it('suggests a size that trains comfortably', () => {
    const scaleFor = (width: number) =>
      suggestedScale({ cameras: [{ model: 'PINHOLE', width, height: 100, frames: 1 }] });
    expect([scaleFor(530), scaleFor(1080), scaleFor(3840), scaleFor(20_000)]).toEqual([1, 0.5, 0.25, 0.125]);
  });
});
