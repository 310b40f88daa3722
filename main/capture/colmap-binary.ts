/**
 * COLMAP's binary model: cameras.bin, images.bin, points3D.bin (format page: colmap.github.io/format.html).
 * Observations and tracks, most of the bytes, are stepped over; each frame keeps an evenly spaced sample.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Camera,
  cameraModels,
  maxCameras,
  maxFrameNameLength,
  maxFrames,
  maxSparsePoints,
} from '../../contract/index.ts';
import { PointBuilder, poseFromColmap, type RawObservation, resolveObservations, wantedIds } from './colmap-shared.ts';
import { CaptureError } from './errors.ts';
import { FileReader, type ReadOptions } from './file-reader.ts';
import {
  cameraFromParams,
  cameraModelOf,
  noPoints,
  type ParsedFrame,
  type ParsedModel,
  type SparsePoints,
  StrideSample,
  type Warnings,
} from './model.ts';

export interface ColmapOptions extends ReadOptions {
  readonly observationsPerFrame: number;
}

const minCameraBytes = 4 + 4 + 8 + 8 + 3 * 8;
const minImageBytes = 4 + 7 * 8 + 4 + 1 + 8;
const observationBytes = 24;
const pointHeadBytes = 8 + 24 + 3 + 8 + 8;
const trackElementBytes = 8;

export async function readColmapBinary(
  folder: string,
  options: ColmapOptions,
  warnings: Warnings,
): Promise<ParsedModel> {
  const files = ['cameras.bin', 'images.bin', 'points3D.bin'].map((name) => join(folder, name));
  const [camerasFile, imagesFile, pointsFile] = files as [string, string, string];
  const cameras = await readCameras(camerasFile, options);
  const images = await readImages(imagesFile, cameras, options);
  const wanted = wantedIds(images.map((image) => image.sample));
  const hasPoints = await access(pointsFile).then(
    () => true,
    () => false,
  );
  let points: SparsePoints = noPoints;
  if (hasPoints) points = await readPoints(pointsFile, wanted, options, warnings);
  else warnings.add('points-missing', 'There is no points3D.bin; training starts from random points.', pointsFile);
  const frames = images.map(({ frame, sample }) => ({ ...frame, observations: resolveObservations(sample, wanted) }));
  return {
    format: 'colmap-bin',
    modelFiles: hasPoints ? files : files.slice(0, 2),
    frames,
    points,
    foldersAreLayout: false,
    imageExtensionOptional: false,
    posesIgnoreExif: true,
  };
}

async function readCameras(path: string, options: ReadOptions): Promise<Map<number, Camera>> {
  await using reader = await FileReader.open(path, options);
  const count = await reader.count('num_cameras', minCameraBytes, maxCameras);
  const cameras = new Map<number, Camera>();
  for (let i = 0; i < count; i++) {
    const field = `cameras[${i}]`;
    await reader.need(24, field);
    const id = reader.u32();
    const modelId = reader.i32();
    const width = reader.u64();
    const height = reader.u64();
    const model = cameraModelOf({ file: path, field: `${field}.model_id` }, modelId);
    const paramCount = cameraModels[model].params.length;
    await reader.need(paramCount * 8, `${field}.params`);
    const values = Array.from({ length: paramCount }, () => reader.f64());
    if (cameras.has(id)) {
      reader.fail('invalid', `${field}.camera_id`, `repeats camera ${id}.`, 'Export the model again.');
    }
    cameras.set(id, cameraFromParams({ file: path, field }, model, id, width, height, values));
  }
  return cameras;
}

interface ImageRecord {
  readonly frame: ParsedFrame;
  readonly sample: readonly RawObservation[];
}

async function readImages(
  path: string,
  cameras: ReadonlyMap<number, Camera>,
  options: ColmapOptions,
): Promise<ImageRecord[]> {
  await using reader = await FileReader.open(path, options);
  const count = await reader.count('num_reg_images', minImageBytes, maxFrames);
  const images: ImageRecord[] = [];
  for (let i = 0; i < count; i++) {
    const field = `images[${i}]`;
    await reader.need(64, field);
    reader.consume(4);
    const q = [reader.f64(), reader.f64(), reader.f64(), reader.f64()] as const;
    const t = [reader.f64(), reader.f64(), reader.f64()] as const;
    const cameraId = reader.u32();
    const name = await reader.cString(maxFrameNameLength, `${field}.name`);
    const camera = knownCamera(cameras, cameraId, { file: path, field }, name);
    const observationCount = await reader.count(`${field}.num_points2D`, observationBytes);
    const sample = await readObservations(reader, observationCount, field, options.observationsPerFrame);
    const cameraFromWorld = poseFromColmap({ file: path, field: `${field} (${name})` }, q, t);
    images.push({ frame: { name, imageReference: name, field: `${field}.name`, camera, cameraFromWorld }, sample });
  }
  return images;
}

export function knownCamera(
  cameras: ReadonlyMap<number, Camera>,
  id: number,
  source: { file: string; field: string },
  imageName: string,
): Camera {
  const camera = cameras.get(id);
  if (camera !== undefined) return camera;
  throw new CaptureError({
    code: 'invalid',
    file: source.file,
    field: `${source.field}.camera_id`,
    problem: `image ${JSON.stringify(imageName)} uses camera ${id}, which the cameras file does not define.`,
    advice: 'Use cameras and images of the same export.',
  });
}

async function readObservations(
  reader: FileReader,
  count: number,
  field: string,
  limit: number,
): Promise<readonly RawObservation[]> {
  if (limit === 0) {
    reader.skip(count * observationBytes, `${field}.points2D`);
    return [];
  }
  const sample = new StrideSample<RawObservation>(limit);
  for (let done = 0; done < count; ) {
    await reader.need(observationBytes, `${field}.points2D`);
    const batch = Math.min(count - done, Math.floor(reader.bufferedBytes / observationBytes));
    for (let i = 0; i < batch; i++) {
      if (!sample.wantsNext) {
        // Ids are needed even of observations that are passed over: those without a point do not count.
        reader.consume(16);
        if (reader.u64() < Number.MAX_SAFE_INTEGER) sample.pass();
        continue;
      }
      const x = reader.f64();
      const y = reader.f64();
      const id = reader.u64();
      if (id < Number.MAX_SAFE_INTEGER && Number.isFinite(x) && Number.isFinite(y)) sample.add([x, y, id]);
    }
    done += batch;
  }
  return sample.items;
}

async function readPoints(
  path: string,
  wanted: Map<number, number>,
  options: ReadOptions,
  warnings: Warnings,
): Promise<SparsePoints> {
  await using reader = await FileReader.open(path, options);
  const count = await reader.count('num_points', pointHeadBytes, maxSparsePoints);
  const builder = new PointBuilder(path, warnings, wanted, count);
  for (let i = 0; i < count; i++) {
    const field = (): string => `points3D[${i}]`;
    if (reader.bufferedBytes < pointHeadBytes) await reader.need(pointHeadBytes, field);
    const id = reader.u64();
    const x = reader.f64();
    const y = reader.f64();
    const z = reader.f64();
    const r = reader.u8();
    const g = reader.u8();
    const b = reader.u8();
    const error = reader.f64();
    const trackLength = reader.checkedCount(reader.u64(), () => `points3D[${i}].track_length`, trackElementBytes);
    reader.skip(trackLength * trackElementBytes, field);
    builder.add(id, x, y, z, r, g, b, error);
  }
  return builder.finish();
}
