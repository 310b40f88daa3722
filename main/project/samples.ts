import fc from 'fast-check';
import { encodeCounts, type PreparedCapture, preparedCaptureSchema, type StudioRecord } from '../../contract/index.ts';

const coordinate = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0);
const vector = fc.tuple(coordinate, coordinate, coordinate);
const unit = fc
  .tuple(...[0, 1, 2, 3].map(() => fc.double({ min: -1, max: 1, noNaN: true })))
  .filter((q) => Math.hypot(...q) > 1e-3)
  .map((q) => q.map((value) => value / Math.hypot(...q) + 0));
const side = fc.integer({ min: 1, max: 65_536 });
const text = fc
  .string({ minLength: 1, maxLength: 40, unit: 'binary' })
  .filter((value) => value.isWellFormed())
  .filter((value) => !value.includes('\0'));

/** Any capture the contract allows, up to 8 frames. */
export const anyCapture: fc.Arbitrary<PreparedCapture> = fc
  .record({
    name: text,
    frames: fc.uniqueArray(
      fc.record({
        name: text,
        quaternion: unit,
        translation: vector,
        holdout: fc.boolean(),
        seconds: fc.option(coordinate),
      }),
      { minLength: 1, maxLength: 8, selector: (frame) => frame.name },
    ),
    width: side,
    height: side,
    focal: fc.double({ min: 1e-3, max: 1e7, noNaN: true }),
    points: fc.integer({ min: 0, max: 1e8 }),
    fingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  .map(({ name, frames, width, height, focal, points, fingerprint }) =>
    preparedCaptureSchema.parse({
      name,
      sourcePath: '/captures/a',
      imagesPath: '/captures/a/images',
      format: 'colmap-bin',
      cameras: [
        { id: 7, model: 'PINHOLE', width, height, params: { fx: focal, fy: focal, cx: width / 2, cy: height / 2 } },
      ],
      frames: frames.map((frame, index) => ({
        id: `frame-${index}`,
        name: frame.name,
        imagePath: `/captures/a/images/${index}.png`,
        cameraId: 7,
        cameraFromWorld: { quaternion: frame.quaternion, translation: frame.translation },
        width,
        height,
        role: frame.holdout ? 'holdout' : 'train',
        ...(frame.seconds !== null && { timestampSeconds: frame.seconds }),
      })),
      points: { count: points },
      cameraSpan: { centre: [0, 0, 0], radius: 1 },
      bounds: { min: [-1, -1, -1], max: [1, 1, 1] },
      warnings: [{ code: 'image-missing', message: 'b.png does not exist; the frame was left out.', file: 'b.png' }],
      warningCounts: { 'image-missing': 3 },
      fingerprint: `sha256:${Buffer.from(fingerprint).toString('hex')}`,
    }),
  );

/** One fixed capture of two frames. */
export function sampleCapture(imagePath = (index: number) => `/captures/dots/${index}.png`): PreparedCapture {
  return preparedCaptureSchema.parse({
    name: 'dots',
    sourcePath: '/captures/dots',
    imagesPath: '/captures/dots',
    format: 'nerfstudio',
    cameras: [{ id: 1, model: 'PINHOLE', width: 32, height: 24, params: { fx: 30, fy: 30, cx: 16, cy: 12 } }],
    frames: [0, 1].map((index) => ({
      id: `frame-${index}`,
      name: `${index}.png`,
      imagePath: imagePath(index),
      cameraId: 1,
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [index, 0, 2] },
      width: 32,
      height: 24,
      role: index === 0 ? 'train' : 'holdout',
    })),
    points: { count: 0 },
    cameraSpan: { centre: [0, 0, 0], radius: 1 },
    bounds: { min: [-1, -1, -1], max: [1, 1, 1] },
    warnings: [],
    warningCounts: {},
    fingerprint: `sha256:${'0'.repeat(64)}`,
  });
}

/** Two objects with a track each in {@link sampleCapture}: seen, hidden, one of them with a mask. */
export function sampleRecords(captureId: number): StudioRecord[] {
  const thing = (id: number, name: string): StudioRecord => ({
    type: 'object',
    id,
    captureId,
    name,
    className: id === 1 ? 'pot' : null,
    colour: id === 1 ? 3 : '#0072b2',
    hidden: false,
    locked: id === 2,
    provenance: 'model',
  });
  const track = (id: number): StudioRecord => ({
    ...{ type: 'track', id, captureId, objectId: id, sourceId: `tracker:${id}`, locked: false, provenance: 'model' },
  });
  const seen = (trackId: number, position: number, maskId: number | null): StudioRecord => ({
    ...{ type: 'observation', trackId, position, maskId, flags: position, provenance: 'model' },
    state: maskId === null ? 'occluded' : 'visible',
    disagreement: maskId === null ? null : 0.25,
  });
  return [
    ...[thing(1, 'pot'), thing(2, 'cup'), track(1), track(2)],
    {
      ...{ type: 'mask', id: 1, captureId, position: 1, width: 32, height: 24, artifact: null, provenance: 'model' },
      rle: encodeCounts([0, 32 * 24]),
    },
    ...[seen(1, 0, null), seen(1, 1, 1), seen(2, 1, null)],
    { type: 'setting', key: 'classes', value: ['pot', 'cup'] },
  ];
}
