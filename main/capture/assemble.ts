/** From parsed model files to a checked capture: images found and probed, cameras matched to them, totals computed. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Bounds,
  type Camera,
  type CameraId,
  type Capture,
  captureSchema,
  type Frame,
  type FrameId,
  type Vector3,
} from '../../contract/index.ts';
import { scaleCamera } from './camera-scaling.ts';
import { forEachIndex } from './concurrency.ts';
import { CaptureError } from './errors.ts';
import { hashFile, newHash } from './file-reader.ts';
import { ImageError, type ImageInfo, probeImage } from './images.ts';
import {
  intrinsicsKey,
  type Observations,
  type ParsedFrame,
  type ParsedModel,
  type SparsePoints,
  Warnings,
  withId,
} from './model.ts';
import { cleanReference, type ResolveRule, resolveReference } from './paths.ts';
import { cameraCentre, transformPoint } from './pose.ts';
import { projectorOf } from './projection.ts';

export interface FrameImage extends ImageInfo {
  /** Whether the pixels that the pose belongs to are those after the EXIF orientation has been applied. */
  readonly applyOrientation: boolean;
}

/** How well cameras and sparse points agree, from the sampled observations. */
export interface ReprojectionCheck {
  readonly count: number;
  readonly meanErrorPx: number;
}

export interface ImportedCapture {
  readonly capture: Capture;
  readonly points: SparsePoints;
  /** Where each frame saw some of the points; pixels of the frame's camera. Empty where the source has none. */
  readonly observations: ReadonlyMap<FrameId, Observations>;
  readonly images: ReadonlyMap<FrameId, FrameImage>;
  /** Absent without observations. */
  readonly reprojection?: ReprojectionCheck;
}

export type OrientationRule = 'auto' | 'apply' | 'ignore';

export interface AssembleOptions {
  readonly name: string;
  readonly sourcePath: string;
  readonly rule: ResolveRule;
  readonly maxImagePixels: number;
  readonly orientation: OrientationRule;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const probeConcurrency = 4;

interface Placed {
  readonly parsed: ParsedFrame;
  readonly cleaned: string;
  readonly path: string;
  readonly maskPath: string | undefined;
  readonly image: FrameImage;
  readonly width: number;
  readonly height: number;
  readonly camera: Camera;
  readonly sizeBytes: number;
}

export async function assembleCapture(
  model: ParsedModel,
  options: AssembleOptions,
  warnings: Warnings,
): Promise<ImportedCapture> {
  const modelFile = model.modelFiles.find((file) => /images\.(bin|txt)$/.test(file)) ?? model.modelFiles[0]!;
  const slots: (Placed | undefined)[] = new Array(model.frames.length);
  // Kept apart until all are there: images finish in any order, warnings are listed in the capture's.
  const frameWarnings: Warnings[] = new Array(model.frames.length);
  let done = 0;
  await forEachIndex(model.frames.length, probeConcurrency, async (index) => {
    options.signal?.throwIfAborted();
    const own = new Warnings();
    frameWarnings[index] = own;
    slots[index] = await placeFrame(model.frames[index]!, model, modelFile, options, own);
    options.onProgress?.(++done, model.frames.length);
  });
  for (const own of frameWarnings) warnings.merge(own);
  const placed = withoutDuplicates(
    slots.filter((slot) => slot !== undefined),
    modelFile,
    warnings,
  );
  if (placed.length === 0) noFrames(model, modelFile, options, warnings);
  const prefix =
    options.rule.explicit || !model.foldersAreLayout ? '' : commonFolder(placed.map((frame) => frame.cleaned));
  const cameras = new CameraTable();
  const observations = new Map<FrameId, Observations>();
  const images = new Map<FrameId, FrameImage>();
  const frames = placed.map((item): Frame => {
    const { parsed } = item;
    const name = item.cleaned.slice(prefix.length);
    const id = frameIdOf(name);
    if (parsed.observations !== undefined && parsed.observations.pointIndices.length > 0) {
      observations.set(id, scaledObservations(parsed, item));
    }
    images.set(id, item.image);
    return {
      id,
      name,
      imagePath: item.path,
      cameraId: cameras.idOf(item.camera),
      cameraFromWorld: parsed.cameraFromWorld,
      width: item.width,
      height: item.height,
      ...(parsed.timestampSeconds === undefined ? {} : { timestampSeconds: parsed.timestampSeconds }),
      ...(item.maskPath === undefined ? {} : { maskPath: item.maskPath }),
      ...(parsed.role === undefined ? {} : { role: parsed.role }),
    };
  });
  const span = cameraSpanOf(frames);
  const pointBounds = percentileBounds(model.points);
  const candidate: Capture = {
    name: options.name,
    sourcePath: options.sourcePath,
    imagesPath: prefix === '' ? options.rule.root : join(options.rule.root, prefix.slice(0, -1)),
    format: model.format,
    cameras: cameras.list,
    frames,
    points: {
      count: model.points.count,
      ...meanError(model.points),
      ...(pointBounds === undefined ? {} : { bounds: pointBounds }),
    },
    cameraSpan: span,
    bounds: joinedBounds(frames, pointBounds),
    warnings: warnings.list,
    warningCounts: warnings.counts,
    fingerprint: await fingerprint(model, placed, options.signal),
  };
  const reprojection = checkReprojection(candidate, model.points, observations);
  return {
    capture: checkedCapture(candidate, modelFile),
    points: model.points,
    observations,
    images,
    ...(reprojection === undefined ? {} : { reprojection }),
  };
}

/** The contract's own word on what an importer built: a failure names the field instead of travelling on. */
function checkedCapture(candidate: Capture, file: string): Capture {
  const parsed = captureSchema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CaptureError({
    code: 'invalid',
    file,
    field: issue?.path.join('.') ?? 'capture',
    problem: `is outside the supported range (${issue?.message ?? 'unknown'}).`,
    advice: 'Correct the model file or export it again.',
  });
}

async function placeFrame(
  parsed: ParsedFrame,
  model: ParsedModel,
  modelFile: string,
  options: AssembleOptions,
  warnings: Warnings,
): Promise<Placed | undefined> {
  const reference = { text: parsed.imageReference, file: modelFile, field: parsed.field };
  const path = await resolveReference(reference, options.rule);
  const cleaned = cleanReference(reference);
  if (path === undefined) {
    warnings.add('image-missing', `Image ${cleaned} does not exist; its frame was left out.`, modelFile, parsed.field);
    return undefined;
  }
  let info: ImageInfo;
  try {
    info = await probeImage(path, options.maxImagePixels);
  } catch (error) {
    if (!(error instanceof ImageError) && !(error instanceof CaptureError)) throw error;
    const why = error instanceof CaptureError ? error.problem : `${error.message}.`;
    warnings.add('image-unreadable', `Image ${cleaned} ${why} Its frame was left out.`, path);
    return undefined;
  }
  const match = matchCamera(parsed, info, model, options.orientation, warnings, path);
  if (match === undefined) return undefined;
  if (info.hasAlpha) warnings.add('image-alpha', `Image ${cleaned} has transparency.`, path);
  const extension = options.rule.extensionOptional && !path.endsWith(cleaned) ? path.slice(path.lastIndexOf('.')) : '';
  return {
    parsed,
    cleaned: cleaned + extension,
    path,
    maskPath: await resolveMask(parsed, modelFile, options, warnings),
    image: { ...info, applyOrientation: match.applyOrientation },
    width: match.width,
    height: match.height,
    camera: match.camera,
    sizeBytes: (await stat(path)).size,
  };
}

async function resolveMask(
  parsed: ParsedFrame,
  modelFile: string,
  options: AssembleOptions,
  warnings: Warnings,
): Promise<string | undefined> {
  if (parsed.maskReference === undefined) return undefined;
  const field = `${parsed.field} (mask)`;
  const path = await resolveReference({ text: parsed.maskReference, file: modelFile, field }, options.rule);
  if (path === undefined) {
    warnings.add(
      'side-file-missing',
      `Mask ${parsed.maskReference} does not exist; the frame has none.`,
      modelFile,
      field,
    );
  }
  return path;
}

interface Match {
  readonly camera: Camera;
  readonly width: number;
  readonly height: number;
  readonly applyOrientation: boolean;
}

/**
 * Programs differ in whether they rotate by EXIF before they solve for poses, so the camera's size decides; where it
 * cannot (half turns, mirrors, squares), the source's habit does: COLMAP reads pixels as stored.
 */
function matchCamera(
  parsed: ParsedFrame,
  info: ImageInfo,
  model: ParsedModel,
  rule: OrientationRule,
  warnings: Warnings,
  path: string,
): Match | undefined {
  const stored: [number, number] = [info.storedWidth, info.storedHeight];
  const upright: [number, number] = info.orientation >= 5 ? [stored[1], stored[0]] : stored;
  const camera =
    'fromSize' in parsed.camera ? parsed.camera.fromSize(...(rule === 'ignore' ? stored : upright)) : parsed.camera;
  const preference = rule === 'auto' ? !model.posesIgnoreExif : rule === 'apply';
  const choices = preference ? [true, false] : [false, true];
  const possible = rule === 'auto' ? choices : choices.slice(0, 1);
  for (const exact of [true, false]) {
    for (const applyOrientation of possible) {
      const [width, height] = applyOrientation ? upright : stored;
      if (exact ? width !== camera.width || height !== camera.height : !sameShape(width, height, camera)) continue;
      if (info.orientation !== 1 && !applyOrientation) {
        warnings.add(
          'field-ignored',
          'The EXIF orientation is not applied: the poses were computed on the pixels as stored.',
          path,
          'EXIF Orientation',
        );
      }
      if (exact) return { camera, width, height, applyOrientation };
      const message = `The image is ${width} x ${height}, its camera ${camera.width} x ${camera.height}; the intrinsics were scaled.`;
      warnings.add('image-size-mismatch', message, path);
      return { camera: scaleCamera(camera, width, height), width, height, applyOrientation };
    }
  }
  warnings.add(
    'image-size-mismatch',
    `The image is ${upright[0]} x ${upright[1]}, its camera ${camera.width} x ${camera.height}: another shape, so the frame was left out.`,
    path,
  );
  return undefined;
}

/** Same aspect ratio up to rounding either side by one pixel. */
function sameShape(width: number, height: number, camera: Camera): boolean {
  return (
    Math.abs(height - (camera.height * width) / camera.width) <= 1 ||
    Math.abs(width - (camera.width * height) / camera.height) <= 1
  );
}

function scaledObservations(parsed: ParsedFrame, item: Placed): Observations {
  const observations = parsed.observations!;
  if ('fromSize' in parsed.camera || (parsed.camera.width === item.width && parsed.camera.height === item.height)) {
    return observations;
  }
  const [sx, sy] = [item.width / parsed.camera.width, item.height / parsed.camera.height];
  return { ...observations, pixels: observations.pixels.map((value, i) => value * (i % 2 === 0 ? sx : sy)) };
}

/** Sorted by name in code unit order, the order hold-out rules count in; the first of equal names stays. */
function withoutDuplicates(placed: readonly Placed[], modelFile: string, warnings: Warnings): Placed[] {
  const byName = new Map<string, Placed>();
  for (const frame of placed) {
    if (byName.has(frame.cleaned)) {
      const message = `Image ${frame.cleaned} appears twice; the later frame was left out.`;
      warnings.add('frame-duplicate', message, modelFile, frame.parsed.field);
    } else byName.set(frame.cleaned, frame);
  }
  return [...byName.values()].sort((a, b) => (a.cleaned < b.cleaned ? -1 : 1));
}

function noFrames(model: ParsedModel, modelFile: string, options: AssembleOptions, warnings: Warnings): never {
  if (model.frames.length === 0) {
    throw new CaptureError({
      code: 'no-frames',
      file: modelFile,
      problem: 'holds no posed image.',
      advice: 'Check that the reconstruction succeeded and export it again.',
    });
  }
  const counts = Object.entries(warnings.counts).map(([code, count]) => `${code}: ${count}`);
  throw new CaptureError({
    code: 'no-frames',
    file: modelFile,
    field: model.frames[0]!.field,
    problem: `none of its ${model.frames.length} images can be used from ${options.rule.root} (${counts.join(', ')}). First: ${warnings.list[0]?.message ?? ''}`,
    advice: 'Name the folder that holds the images explicitly (images folder option).',
  });
}

/** Longest common folder of all names, with its trailing slash, or ''. */
function commonFolder(names: readonly string[]): string {
  const folder = (name: string): string[] => name.split('/').slice(0, -1);
  let common = folder(names[0]!);
  for (const name of names) {
    const parts = folder(name);
    let same = 0;
    while (same < common.length && common[same] === parts[same]) same++;
    common = common.slice(0, same);
  }
  return common.length === 0 ? '' : `${common.join('/')}/`;
}

function frameIdOf(name: string): FrameId {
  return `f${createHash('sha256').update(name).digest('hex').slice(0, 20)}` as FrameId;
}

class CameraTable {
  readonly list: Camera[] = [];
  readonly #byKey = new Map<string, CameraId>();
  readonly #used = new Set<number>();
  #next = 1;

  /** Equal intrinsics share a camera; a source's own id stays when it is free. */
  idOf(camera: Camera): CameraId {
    const key = intrinsicsKey(camera);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    let id: number = camera.id;
    if (this.#used.has(id)) {
      while (this.#used.has(this.#next)) this.#next++;
      id = this.#next;
    }
    const own = withId(camera, id);
    this.#used.add(id);
    this.#byKey.set(key, own.id);
    this.list.push(own);
    return own.id;
  }
}

function cameraSpanOf(frames: readonly Frame[]): { centre: Vector3; radius: number } {
  const centres = frames.map((frame) => cameraCentre(frame.cameraFromWorld));
  const centre: Vector3 = [0, 1, 2].map((i) => centres.reduce((sum, c) => sum + c[i]!, 0) / centres.length) as Vector3;
  // Not Math.max(...): a million arguments overflow the stack.
  const radius = centres.reduce(
    (max, c) => Math.max(max, Math.hypot(c[0] - centre[0], c[1] - centre[1], c[2] - centre[2])),
    0,
  );
  return { centre, radius };
}

const percentileSample = 1_000_000;

function percentileBounds(points: SparsePoints): Bounds | undefined {
  if (points.count === 0) return undefined;
  const step = Math.ceil(points.count / percentileSample);
  const size = Math.ceil(points.count / step);
  const min: number[] = [];
  const max: number[] = [];
  for (let axis = 0; axis < 3; axis++) {
    const values = new Float64Array(size);
    for (let i = 0; i < size; i++) values[i] = points.positions[i * step * 3 + axis]!;
    values.sort();
    min.push(values[Math.floor((size - 1) * 0.01)]!);
    max.push(values[Math.ceil((size - 1) * 0.99)]!);
  }
  return { min: min as Vector3, max: max as Vector3 };
}

function joinedBounds(frames: readonly Frame[], points: Bounds | undefined): Bounds {
  const min: Vector3 = points === undefined ? [Infinity, Infinity, Infinity] : [...points.min];
  const max: Vector3 = points === undefined ? [-Infinity, -Infinity, -Infinity] : [...points.max];
  for (const frame of frames) {
    const centre = cameraCentre(frame.cameraFromWorld);
    for (let i = 0; i < 3; i++) {
      min[i] = Math.min(min[i]!, centre[i]!);
      max[i] = Math.max(max[i]!, centre[i]!);
    }
  }
  return { min, max };
}

function meanError(points: SparsePoints): { meanErrorPx?: number } {
  if (points.errors === undefined || points.count === 0) return {};
  let sum = 0;
  let count = 0;
  for (const error of points.errors) {
    if (!(error >= 0 && error < Infinity)) continue;
    sum += error;
    count++;
  }
  return count === 0 ? {} : { meanErrorPx: sum / count };
}

async function fingerprint(
  model: ParsedModel,
  placed: readonly Placed[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = newHash();
  for (const file of model.modelFiles) await hashFile(hash, file, { signal });
  for (const frame of placed) hash.update(`${frame.cleaned}\0${frame.sizeBytes}\n`);
  return `sha256:${hash.digest('hex')}`;
}

function checkReprojection(
  capture: Capture,
  points: SparsePoints,
  observations: ReadonlyMap<FrameId, Observations>,
): ReprojectionCheck | undefined {
  const projectors = new Map(capture.cameras.map((camera) => [camera.id, projectorOf(camera)]));
  const pixel = new Float64Array(2);
  let sum = 0;
  let count = 0;
  for (const frame of capture.frames) {
    const seen = observations.get(frame.id);
    if (seen === undefined) continue;
    seen.pointIndices.forEach((point, i) => {
      const [x, y, z] = points.positions.subarray(point * 3, point * 3 + 3) as unknown as Vector3;
      const p = transformPoint(frame.cameraFromWorld, [x, y, z]);
      if (!projectors.get(frame.cameraId)!.project(p[0], p[1], p[2], pixel)) return;
      sum += Math.hypot(pixel[0]! - seen.pixels[i * 2]!, pixel[1]! - seen.pixels[i * 2 + 1]!);
      count++;
    });
  }
  return count === 0 ? undefined : { count, meanErrorPx: sum / count };
}
