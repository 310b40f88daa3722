import { describe, expect, it } from 'vitest';
import { type CameraModel, cameraModels, cameraSchema, maxFocalPx, maxImageSidePx } from './camera.ts';
import { boundsSchema, captureSchema, preparedCaptureSchema } from './capture.ts';
import { frameSchema, maxCoordinate, poseSchema } from './frame.ts';

const models = Object.keys(cameraModels) as CameraModel[];

function cameraOf(model: CameraModel): {
  id: number;
  model: CameraModel;
  width: number;
  height: number;
  params: Record<string, number>;
} {
  const params = Object.fromEntries(
    cameraModels[model].params.map((name) => [name, name === 'beta' ? 1 : name.startsWith('f') ? 500 : 0.1]),
  );
  return { id: 1, model, width: 640, height: 480, params };
}

describe.each(models)('camera model %s', (model) => {
  it('accepts exactly the parameters of its table', () => {
    const camera = cameraOf(model);
    expect(cameraSchema.parse(camera)).toEqual(camera);
    for (const name of cameraModels[model].params) {
      const { [name]: _, ...rest } = camera.params as Record<string, number>;
      expect(cameraSchema.safeParse({ ...camera, params: rest }).success, `without ${name}`).toBe(false);
    }
    expect(cameraSchema.safeParse({ ...camera, params: { ...camera.params, extra: 0 } }).success).toBe(false);
  });

  it('refuses values that are not finite or out of bounds', () => {
    const camera = cameraOf(model);
    for (const name of cameraModels[model].params) {
      for (const value of [Number.NaN, Infinity, -Infinity, 1e9, '1', null]) {
        expect(
          cameraSchema.safeParse({ ...camera, params: { ...camera.params, [name]: value } }).success,
          `${name} = ${value}`,
        ).toBe(false);
      }
    }
    for (const size of [0, -1, 1.5, maxImageSidePx + 1, Number.NaN]) {
      expect(cameraSchema.safeParse({ ...camera, width: size }).success).toBe(false);
      expect(cameraSchema.safeParse({ ...camera, height: size }).success).toBe(false);
    }
  });
});

it('gives every camera model its own COLMAP id', () => {
  expect(models.map((model) => cameraModels[model].colmapId)).toEqual(models.map((_, i) => i));
  const focal = cameraOf('PINHOLE');
  for (const fx of [0, -1, maxFocalPx * 2])
    expect(cameraSchema.safeParse({ ...focal, params: { ...focal.params, fx } }).success).toBe(false);
});

const frame = {
  id: 'f1',
  name: '0001.png',
  imagePath: '/data/0001.png',
  cameraId: 1,
  cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
  width: 640,
  height: 480,
};

describe('frame', () => {
  it('accepts a frame with and without its optional fields', () => {
    expect(frameSchema.parse(frame)).toEqual(frame);
    const full = { ...frame, timestampSeconds: 0.5, maskPath: '/data/m.png', role: 'holdout' };
    expect(frameSchema.parse(full)).toEqual(full);
  });

  it('refuses poses that are no rigid transforms', () => {
    for (const quaternion of [
      [0, 0, 0, 0],
      [2, 0, 0, 0],
      [1, 1, 0, 0],
      [Number.NaN, 0, 0, 0],
      [1, 0, 0],
    ]) {
      // biome-ignore format: one list
      expect(poseSchema.safeParse({ quaternion, translation: [0, 0, 0] }).success, String(quaternion)).toBe(false);
    }
    for (const x of [Number.NaN, Infinity, maxCoordinate * 2]) {
      expect(poseSchema.safeParse({ quaternion: [1, 0, 0, 0], translation: [x, 0, 0] }).success, String(x)).toBe(false);
    }
  });

  it.each([{ role: 'test' }, { id: '' }, { name: '' }, { width: 0 }, { timestampSeconds: Number.NaN }, { extra: 1 }])(
    'refuses %j',
    (change) => {
      expect(frameSchema.safeParse({ ...frame, ...change }).success).toBe(false);
    },
  );
});

describe('capture', () => {
  const capture = {
    name: 'fox',
    sourcePath: '/data/fox',
    imagesPath: '/data/fox/images',
    format: 'colmap-bin',
    cameras: [cameraOf('OPENCV')],
    frames: [frame],
    points: { count: 0 },
    cameraSpan: { centre: [0, 0, 0], radius: 0 },
    bounds: { min: [0, 0, 0], max: [1, 1, 1] },
    warnings: [
      { code: 'image-missing', message: 'x does not exist', file: '/data/fox/images.bin', field: 'images[3].name' },
    ],
    warningCounts: { 'image-missing': 7 },
    fingerprint: `sha256:${'0'.repeat(64)}`,
  };

  it('is accepted, and as prepared only with pinhole cameras', () => {
    expect(captureSchema.parse(capture)).toEqual(capture);
    expect(preparedCaptureSchema.safeParse(capture).success).toBe(false);
    expect(preparedCaptureSchema.safeParse({ ...capture, cameras: [cameraOf('PINHOLE')] }).success).toBe(true);
  });

  it.each([
    { frames: [] },
    { cameras: [] },
    { format: 'zip' },
    { fingerprint: 'sha256:12' },
    { points: { count: -1 } },
    { warningCounts: { 'image-missing': 0 } },
    { warningCounts: { nonsense: 1 } },
    { bounds: { min: [2, 0, 0], max: [1, 1, 1] } },
  ])('refuses %j', (change) => {
    expect(captureSchema.safeParse({ ...capture, ...change }).success).toBe(false);
  });

  it('refuses bounds that are not numbers', () => {
    expect(boundsSchema.safeParse({ min: [0, 0, Number.NaN], max: [1, 1, 1] }).success).toBe(false);
  });
});
