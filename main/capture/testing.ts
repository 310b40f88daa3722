/** Test-only: random captures and tiny writers of the formats that the importers read. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { type Camera, type CameraId, type CameraModel, cameraModels, type Pose } from '../../contract/index.ts';
import { openglMatrixFromPose } from './pose.ts';

/** One seed for all random tests, so that a failure here is a failure everywhere. */
export const testSeed = 20_261_120;

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'liftscope-capture-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const pngs = new Map<string, Promise<Buffer>>();

/** A small valid PNG of the given size; the same bytes for the same size. */
export function pngOf(width: number, height: number): Promise<Buffer> {
  const key = `${width}x${height}`;
  let png = pngs.get(key);
  if (png === undefined) {
    png = sharp({ create: { width, height, channels: 3, background: { r: 90, g: 120, b: 150 } } })
      .png()
      .toBuffer();
    pngs.set(key, png);
  }
  return png;
}

export async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

export interface TestFrame {
  readonly name: string;
  readonly camera: Camera;
  readonly pose: Pose;
  /** x, y, index of a point or -1. */
  readonly observations: readonly (readonly [number, number, number])[];
}

export interface TestPoint {
  readonly xyz: readonly [number, number, number];
  readonly rgb: readonly [number, number, number];
  readonly error: number;
}

export interface TestCapture {
  readonly cameras: readonly Camera[];
  readonly frames: readonly TestFrame[];
  readonly points: readonly TestPoint[];
}

/** Without -0, which text formats print as 0. */
const finite = (bound: number): fc.Arbitrary<number> =>
  fc.double({ min: -bound, max: bound, noNaN: true }).map((value) => value + 0);

/** Coefficients of a believable lens: invertible over the whole image. */
export function cameraArbitrary(
  models: readonly CameraModel[] = Object.keys(cameraModels) as CameraModel[],
): fc.Arbitrary<Camera> {
  return fc.constantFrom(...models).chain((model) => {
    const values: Record<string, fc.Arbitrary<number>> = {};
    for (const name of cameraModels[model].params) {
      if (name === 'f' || name === 'fx' || name === 'fy') values[name] = fc.double({ min: 20, max: 40, noNaN: true });
      else if (name === 'cx' || name === 'cy') values[name] = fc.double({ min: 7, max: 11, noNaN: true });
      else if (name === 'omega') values[name] = fc.double({ min: 0.1, max: 1, noNaN: true });
      else if (name === 'alpha') values[name] = fc.double({ min: 0, max: 0.8, noNaN: true });
      else if (name === 'beta') values[name] = fc.double({ min: 0.5, max: 1.5, noNaN: true });
      else values[name] = finite(name.startsWith('k') ? 0.05 : 0.003);
    }
    return fc
      .record({ size: fc.constantFrom([18, 20], [20, 16], [16, 16]), params: fc.record(values) })
      .map(
        ({ size, params }) =>
          ({ id: 1 as CameraId, model, width: size[0], height: size[1], params }) as unknown as Camera,
      );
  });
}

export const poseArbitrary: fc.Arbitrary<Pose> = fc
  .tuple(finite(1), finite(1), finite(1), finite(1), finite(100), finite(100), finite(100))
  .filter(([w, x, y, z]) => Math.hypot(w, x, y, z) > 0.1)
  .map(([w, x, y, z, tx, ty, tz]) => {
    const n = Math.hypot(w, x, y, z);
    return { quaternion: [w / n, x / n, y / n, z / n], translation: [tx, ty, tz] };
  });

/** Names as people have them: spaces, dots, folders, any script; never what the path rules refuse. */
const nameArbitrary = fc
  .stringMatching(/^[A-Za-z0-9_éßж日][A-Za-z0-9_ .éßж日-]{0,12}$/)
  .map((text) => text.trim().replace(/\s+/g, ' ').replace(/\.+$/, ''))
  .filter((text) => text !== '');

export function captureArbitrary(models?: readonly CameraModel[]): fc.Arbitrary<TestCapture> {
  const camera = cameraArbitrary(models);
  const point = fc.record({
    xyz: fc.tuple(finite(1e4), finite(1e4), finite(1e4)),
    rgb: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)),
    error: fc.double({ min: 0, max: 10, noNaN: true }),
  });
  return fc
    .record({
      cameras: fc.array(camera, { minLength: 1, maxLength: 3 }),
      names: fc.uniqueArray(nameArbitrary, { minLength: 1, maxLength: 5 }),
      poses: fc.array(poseArbitrary, { minLength: 5, maxLength: 5 }),
      points: fc.array(point, { maxLength: 12 }),
      observed: fc.array(fc.tuple(fc.double({ min: 0, max: 16, noNaN: true }), fc.nat(100)), { maxLength: 20 }),
      folder: fc.constantFrom('', 'left/', 'a b/c/'),
    })
    .map(({ cameras, names, poses, points, observed, folder }) => {
      const numbered = cameras.map((item, i) => ({ ...item, id: (i * 7 + 3) as CameraId }));
      const frames = names.map((name, i) => ({
        name: `${folder}${name}.png`,
        camera: numbered[i % numbered.length]!,
        pose: poses[i]!,
        observations: observed.map(([x, n], j): [number, number, number] => {
          const index = n % (points.length + 1);
          return [x, x / 2 + j / 8, index === points.length ? -1 : index];
        }),
      }));
      return { cameras: numbered, frames, points };
    });
}

export async function writeImages(folder: string, capture: TestCapture): Promise<void> {
  for (const frame of capture.frames) {
    await put(join(folder, frame.name), await pngOf(frame.camera.width, frame.camera.height));
  }
}

function paramsOf(camera: Camera): number[] {
  const params: Readonly<Record<string, number>> = camera.params;
  return cameraModels[camera.model].params.map((name) => params[name]!);
}

/** Point ids are not their indices, so that an importer that mixes them up is caught. */
const pointId = (index: number): number => index * 3 + 5;

class Bytes {
  readonly parts: Buffer[] = [];

  put(size: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.alloc(size);
    write(buffer);
    this.parts.push(buffer);
    return this;
  }

  u8 = (value: number): this => this.put(1, (b) => b.writeUInt8(value));
  u32 = (value: number): this => this.put(4, (b) => b.writeUInt32LE(value));
  u64 = (value: number): this => this.put(8, (b) => b.writeBigUInt64LE(value < 0 ? 2n ** 64n - 1n : BigInt(value)));
  f64 = (value: number): this => this.put(8, (b) => b.writeDoubleLE(value));
  text = (value: string): this => {
    this.parts.push(Buffer.from(`${value}\0`));
    return this;
  };
  done = (): Buffer => Buffer.concat(this.parts);
}

export function colmapBinaryFiles(capture: TestCapture): Record<'cameras.bin' | 'images.bin' | 'points3D.bin', Buffer> {
  const cameras = new Bytes().u64(capture.cameras.length);
  for (const camera of capture.cameras) {
    cameras.u32(camera.id).u32(cameraModels[camera.model].colmapId).u64(camera.width).u64(camera.height);
    for (const value of paramsOf(camera)) cameras.f64(value);
  }
  const images = new Bytes().u64(capture.frames.length);
  capture.frames.forEach((frame, i) => {
    images.u32(i + 1);
    for (const value of [...frame.pose.quaternion, ...frame.pose.translation]) images.f64(value);
    images.u32(frame.camera.id).text(frame.name).u64(frame.observations.length);
    for (const [x, y, index] of frame.observations)
      images
        .f64(x)
        .f64(y)
        .u64(index < 0 ? -1 : pointId(index));
  });
  const points = new Bytes().u64(capture.points.length);
  capture.points.forEach((point, i) => {
    points.u64(pointId(i));
    for (const value of point.xyz) points.f64(value);
    for (const value of point.rgb) points.u8(value);
    points.f64(point.error).u64(i % 3);
    for (let j = 0; j < i % 3; j++) points.u32(j).u32(j);
  });
  return { 'cameras.bin': cameras.done(), 'images.bin': images.done(), 'points3D.bin': points.done() };
}

export function colmapTextFiles(capture: TestCapture): Record<'cameras.txt' | 'images.txt' | 'points3D.txt', string> {
  const lines = (rows: readonly string[]): string => ['# a comment', '', ...rows, ''].join('\n');
  return {
    'cameras.txt': lines(capture.cameras.map((c) => [c.id, c.model, c.width, c.height, ...paramsOf(c)].join(' '))),
    'images.txt': lines(
      capture.frames.flatMap((frame, i) => [
        [i + 1, ...frame.pose.quaternion, ...frame.pose.translation, frame.camera.id, frame.name].join(' '),
        frame.observations.map(([x, y, index]) => `${x} ${y} ${index < 0 ? -1 : pointId(index)}`).join(' '),
      ]),
    ),
    'points3D.txt': lines(
      capture.points.map((point, i) => [pointId(i), ...point.xyz, ...point.rgb, point.error, 1, 0, 2, 5].join(' ')),
    ),
  };
}

/** nerfstudio's file, intrinsics in every frame; only cameras that it can express. */
export function transformsJson(capture: TestCapture): string {
  return JSON.stringify({
    camera_model: 'OPENCV',
    applied_transform: [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]], // biome-ignore format: one matrix
    frames: capture.frames.map((frame) => {
      const { cx, cy, ...rest } = frame.camera.params;
      const [fx, fy] = 'f' in rest ? [rest.f, rest.f] : [rest.fx, rest.fy];
      const distortion = Object.fromEntries(Object.entries(rest).filter(([name]) => /^[kp]\d$/.test(name)));
      return {
        file_path: frame.name,
        fl_x: fx,
        fl_y: fy,
        cx,
        cy,
        w: frame.camera.width,
        h: frame.camera.height,
        ...distortion,
        camera_model: frame.camera.model,
        transform_matrix: openglMatrixFromPose(frame.pose),
      };
    }),
  });
}

export function epicFieldsJson(capture: TestCapture): string {
  const camera = capture.cameras[0]!;
  const { id, model, width, height } = camera;
  return JSON.stringify({
    camera: { id, model, width, height, params: paramsOf(camera) },
    images: Object.fromEntries(capture.frames.map((f) => [f.name, [...f.pose.quaternion, ...f.pose.translation]])),
    points: capture.points.map((point) => [...point.xyz, ...point.rgb]),
  });
}

/** Binary little-endian PLY with float properties. */
export function plyFile(
  names: readonly string[],
  rows: readonly (readonly number[])[],
  format: 'binary_little_endian' | 'binary_big_endian' | 'ascii' = 'binary_little_endian',
): Buffer {
  const header = `ply\nformat ${format} 1.0\nelement vertex ${rows.length}\n${names.map((name) => `property float ${name}\n`).join('')}end_header\n`;
  if (format === 'ascii') return Buffer.from(header + rows.map((row) => `${row.join(' ')}\n`).join(''));
  const data = Buffer.alloc(rows.length * names.length * 4);
  rows.flat().forEach((value, i) => {
    if (format === 'binary_little_endian') data.writeFloatLE(value, i * 4);
    else data.writeFloatBE(value, i * 4);
  });
  return Buffer.concat([Buffer.from(header), data]);
}

/** Small deterministic generator for byte-level fuzzing (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
