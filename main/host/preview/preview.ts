/** What import would do with a capture, found out without writing anything. */
import { readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import {
  type CaptureWarning,
  type Frame,
  type ImportPreview,
  LiftscopeError,
  type Vector3,
} from '../../../contract/index.ts';
import { decodeMask, type ImportedCapture, importCapture, projectorOf, transformPoint } from '../../capture/index.ts';
import { findSceneTruth, testSplitOf } from '../../jobs/index.ts';

const MAX_SAMPLE_POINTS = 20_000;
const SAMPLE_FRAMES = 6;
const POINTS_PER_SAMPLE = 250;
const SAMPLE_MASKS = 8;
/** Larger masks are not looked at: the preview must stay quick. */
const MAX_MASK_PIXELS = 40_000_000;
const MAX_SKIPPED = 100;

/** Where the photos of a previewed capture are; the page names them by frame and never by path. */
export interface PreviewImage {
  readonly name: string;
  readonly path: string;
  /** Whether the poses belong to the photo as its EXIF tag turns it. */
  readonly orient: boolean;
}

export interface CapturePreview {
  readonly preview: ImportPreview;
  readonly images: readonly PreviewImage[];
}

/** @throws CaptureError */
export async function previewCapture(path: string): Promise<CapturePreview> {
  const imported = await importCapture(path, { observationsPerFrame: POINTS_PER_SAMPLE });
  const { capture, points } = imported;
  const framesOfCamera = new Map<number, number>();
  for (const frame of capture.frames) framesOfCamera.set(frame.cameraId, (framesOfCamera.get(frame.cameraId) ?? 0) + 1);
  const chosen = evenly(points.count, MAX_SAMPLE_POINTS);
  const skipped = skippedFrames(imported);
  const unposed = await unposedPhotos(imported);
  const preview: ImportPreview = {
    path: capture.sourcePath,
    name: capture.name,
    format: capture.format,
    frames: capture.frames.length,
    skipped: [
      ...skipped.list,
      ...unposed.map((name) => ({ name, reason: 'The reconstruction has no pose for this photo.' })),
    ].slice(0, MAX_SKIPPED),
    skippedCount: skipped.count + unposed.length,
    cameras: capture.cameras.map(({ id, model, width, height }) => ({
      model,
      width,
      height,
      frames: framesOfCamera.get(id) ?? 0,
    })),
    points: points.count,
    reprojectionErrorPx: imported.reprojection?.meanErrorPx ?? null,
    bounds: capture.bounds,
    cameraSpan: capture.cameraSpan,
    up: upOf(capture.frames),
    ...columnsOf(imported),
    names: capture.frames.map((frame) => frame.name),
    samplePoints: chosen.flatMap((i) => Array.from(points.positions.subarray(i * 3, i * 3 + 3), rounded)),
    sampleColors: chosen.flatMap((i) => [...points.colors.subarray(i * 3, i * 3 + 3)]),
    samples: samplesOf(imported),
    maskedShare: await maskedShareOf(imported),
    warnings: capture.warnings,
    warningCounts: capture.warningCounts,
    holdout: await sourceSplitOf(imported),
  };
  const images = capture.frames.map((frame) => ({
    name: frame.name,
    path: frame.imagePath,
    orient: imported.images.get(frame.id)?.applyOrientation ?? false,
  }));
  return { preview, images };
}

/** `count` or fewer indices below `total`, evenly spread. */
function evenly(total: number, count: number): number[] {
  const n = Math.min(total, count);
  return Array.from({ length: n }, (_, i) => Math.floor(((i + 0.5) * total) / n));
}

/** Six digits are enough to be drawn, and half the text. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** Frames that the source names and import leaves out. The messages of their warnings say why. */
function skippedFrames(imported: ImportedCapture): { list: { name: string; reason: string }[]; count: number } {
  const { warnings, warningCounts } = imported.capture;
  const leavesOut = ({ code, message }: CaptureWarning): boolean =>
    code === 'image-missing' ||
    code === 'image-unreadable' ||
    code === 'pose-invalid' ||
    code === 'frame-duplicate' ||
    (code === 'image-size-mismatch' && message.endsWith('left out.'));
  const list = warnings.filter(leavesOut).map((warning) => ({
    name:
      /^Image (.+?) (?:does not exist|appears twice|is|has|cannot)/.exec(warning.message)?.[1] ??
      warning.field ??
      warning.file ??
      '',
    reason: warning.message,
  }));
  const counted = (['image-missing', 'image-unreadable', 'pose-invalid', 'frame-duplicate'] as const).reduce(
    (sum, code) => sum + (warningCounts[code] ?? 0),
    0,
  );
  return { list, count: Math.max(counted, list.length) };
}

/** Photos that lie among those of the capture and that its model does not name. */
async function unposedPhotos({ capture }: ImportedCapture): Promise<string[]> {
  const known = new Set(capture.frames.map((frame) => frame.name));
  const sides = new Set(capture.frames.map((frame) => frame.maskPath));
  const named = new Set(
    capture.warnings.map((warning) => /^Image (.+?) (?:does|appears|is|has|cannot)/.exec(warning.message)?.[1]),
  );
  const folders = new Set(capture.frames.map((frame) => posix.dirname(frame.name)));
  const found: string[] = [];
  for (const folder of folders) {
    const path = join(capture.imagesPath, folder);
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      const name = folder === '.' ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isFile() || !/\.(jpe?g|png|webp|tiff?)$/i.test(entry.name)) continue;
      if (!known.has(name) && !named.has(name) && !sides.has(join(path, entry.name))) found.push(name);
    }
  }
  return found.sort();
}

/** Names of the frames that the source itself holds out. */
async function sourceSplitOf({ capture }: ImportedCapture): Promise<string[]> {
  const own = capture.frames.filter((frame) => frame.role === 'holdout').map((frame) => frame.name);
  if (own.length > 0) return own;
  const scene = await findSceneTruth(capture);
  if (scene === undefined) return [];
  const test = new Set(await testSplitOf(scene));
  return capture.frames.map((frame) => frame.name).filter((name) => test.has(posix.parse(name).name));
}

/** Cameras look along z with y down: their up axis is the second row of the rotation, negated. */
function upOf(frames: readonly Frame[]): ImportPreview['up'] {
  const sum: Vector3 = [0, 0, 0];
  for (const { cameraFromWorld } of frames) {
    const [w, x, y, z] = cameraFromWorld.quaternion;
    sum[0] -= 2 * (x * y + w * z);
    sum[1] -= 1 - 2 * (x * x + z * z);
    sum[2] -= 2 * (y * z - w * x);
  }
  const length = Math.hypot(...sum);
  const agreement = Math.min(1, length / Math.max(1, frames.length));
  const direction: Vector3 = length > 1e-9 ? [sum[0] / length, sum[1] / length, sum[2] / length] : [0, -1, 0];
  return { direction, agreement };
}

function columnsOf({ capture }: ImportedCapture): Pick<ImportPreview, 'poses' | 'intrinsics'> {
  const cameras = new Map(capture.cameras.map((camera) => [camera.id, camera]));
  const poses: number[] = [];
  const intrinsics: number[] = [];
  for (const frame of capture.frames) {
    poses.push(...frame.cameraFromWorld.quaternion, ...frame.cameraFromWorld.translation);
    const camera = cameras.get(frame.cameraId);
    if (camera === undefined)
      throw new LiftscopeError({ code: 'internal', message: `Frame ${frame.name} has no camera.` });
    const { params } = camera;
    const [fx, fy] = 'f' in params ? [params.f, params.f] : [params.fx, params.fy];
    intrinsics.push(frame.width, frame.height, fx, fy, params.cx, params.cy);
  }
  return { poses, intrinsics };
}

/** Sparse points over a few frames, evenly spread, as projected by the poses and as the source saw them. */
function samplesOf({ capture, points, observations }: ImportedCapture): ImportPreview['samples'] {
  const projectors = new Map(capture.cameras.map((camera) => [camera.id, projectorOf(camera)]));
  const pixel = new Float64Array(2);
  const fallback = evenly(points.count, MAX_SAMPLE_POINTS);
  return evenly(capture.frames.length, SAMPLE_FRAMES).map((index) => {
    const frame = capture.frames[index] as Frame;
    const seen = observations.get(frame.id);
    const projector = projectors.get(frame.cameraId);
    const projected: number[] = [];
    const observed: number[] = [];
    const indices = seen === undefined ? fallback : evenly(seen.pointIndices.length, POINTS_PER_SAMPLE);
    for (const i of indices) {
      const at = 3 * (seen?.pointIndices[i] ?? i);
      const world: Vector3 = [points.positions[at] ?? 0, points.positions[at + 1] ?? 0, points.positions[at + 2] ?? 0];
      const [x, y, z] = transformPoint(frame.cameraFromWorld, world);
      if (projector?.project(x, y, z, pixel) !== true) continue;
      const [u = -1, v = -1] = pixel;
      if (seen !== undefined) observed.push(rounded(seen.pixels[i * 2] ?? 0), rounded(seen.pixels[i * 2 + 1] ?? 0));
      // Without observations nobody knows which points the frame sees; those behind others are shown too.
      else if (!(u >= 0 && v >= 0 && u <= frame.width && v <= frame.height)) continue;
      projected.push(rounded(u), rounded(v));
      if (projected.length >= 2 * POINTS_PER_SAMPLE) break;
    }
    return { frame: frame.name, width: frame.width, height: frame.height, projected, observed };
  });
}

async function maskedShareOf({ capture, images }: ImportedCapture): Promise<number | null> {
  const masked = capture.frames.filter((frame) => frame.maskPath !== undefined);
  let ignored = 0;
  let pixels = 0;
  for (const index of evenly(masked.length, SAMPLE_MASKS)) {
    const frame = masked[index] as Frame;
    try {
      const { mask } = await decodeMask(frame.maskPath ?? '', {
        applyOrientation: images.get(frame.id)?.applyOrientation ?? false,
        maxPixels: MAX_MASK_PIXELS,
      });
      for (const value of mask) if (value === 0) ignored += 1;
      pixels += mask.length;
    } catch {
      // Import names the masks that it cannot read; here one less is looked at.
    }
  }
  return pixels === 0 ? null : ignored / pixels;
}
