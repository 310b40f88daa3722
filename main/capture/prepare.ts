/** From an imported capture to one that a worker can train on: pinhole cameras, upright 8-bit RGB images, a split. */
import {
  type Camera,
  type CameraId,
  type Frame,
  type FrameRole,
  type PinholeCamera,
  type PreparedCapture,
  preparedCaptureSchema,
} from '../../contract/index.ts';
import type { FrameImage, ImportedCapture } from './assemble.ts';
import { scaleCamera } from './camera-scaling.ts';
import { forEachIndex } from './concurrency.ts';
import { CaptureError } from './errors.ts';
import {
  compositeOver,
  decodeImage,
  decodeMask,
  defaultMaxImagePixels,
  encodePng,
  ImageError,
  verifyImage,
} from './images.ts';
import { type SparsePoints, Warnings } from './model.ts';
import { isUndistorted, pinholeOf } from './projection.ts';
import {
  defaultMaxFieldOfViewDegrees,
  type RowMap,
  remap,
  resizeByArea,
  undistortedCamera,
  undistortionMap,
} from './undistort.ts';

/**
 * Which frames are held out: every n-th by sorted name (indices 0, n, 2n, ...), or those named. A name may be the frame's
 * full name, its file name, that without extension, or a path that ends in its name.
 */
export type HoldoutRule = number | readonly string[];

export interface PrepareOptions {
  /** Factor for width and height, at most 1; sizes are rounded and intrinsics scaled by the sizes' exact ratio. Default 1. */
  readonly scale?: number;
  /** Default: the source's own split where it has one, else none. */
  readonly holdout?: HoldoutRule;
  /**
   * 'background' (default): transparency is composited over `background` and forgotten. 'mask': colours stay as stored
   * and pixels with alpha of at least one half become the frame's mask (joined with the mask it already has).
   */
  readonly alpha?: 'background' | 'mask';
  /** sRGB 0-255; default black, which is what is behind the Gaussians. */
  readonly background?: readonly [number, number, number];
  /** Field of view per axis beyond which undistorted images are cut. Default 120. */
  readonly maxFieldOfViewDegrees?: number;
  readonly maxImagePixels?: number;
}

export interface PrepareContext {
  /**
   * Stores a PNG in the project's artifacts and returns its absolute path. `suggestedName` is a plain file name.
   */
  readonly writeImage: (suggestedName: string, png: Uint8Array) => Promise<string>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PreparationResult {
  readonly capture: PreparedCapture;
  readonly points: SparsePoints;
  /** How many images were written; the others are used where they lie. */
  readonly writtenImages: number;
}

interface CameraPlan {
  /** After undistortion, before scaling. */
  readonly full: PinholeCamera;
  readonly final: PinholeCamera;
  readonly source: Camera;
  readonly distorted: boolean;
}

/**
 * Images that need no change (pinhole camera, 8-bit RGB, upright, scale 1) stay where they are; every image is decoded
 * once, so that a broken one is named here and not by the trainer.
 *
 * @throws CaptureError when no frame is left or the options do not fit the capture; the signal's reason when aborted
 */
export async function prepareCapture(
  imported: ImportedCapture,
  options: PrepareOptions,
  context: PrepareContext,
): Promise<PreparationResult> {
  const { capture } = imported;
  const scale = options.scale ?? 1;
  if (!(scale > 0 && scale <= 1)) {
    throw new CaptureError({
      code: 'invalid',
      file: capture.sourcePath,
      field: 'scale',
      problem: `is ${scale}; a factor above 0 and at most 1 is needed.`,
      advice: '0.5 halves width and height.',
    });
  }
  const warnings = new Warnings();
  warnings.list.push(...capture.warnings);
  Object.assign(warnings.counts, capture.warningCounts);
  const plans = new Map(
    capture.cameras.map((camera) => [camera.id, planCamera(camera, scale, options, capture.sourcePath)]),
  );
  const maps = new MapCache();
  const slots: (Frame | undefined)[] = new Array(capture.frames.length);
  // Kept apart until all are there: images finish in any order, warnings are listed in the capture's.
  const frameWarnings: Warnings[] = capture.frames.map(() => new Warnings());
  let writtenImages = 0;
  let done = 0;
  context.onProgress?.(0, capture.frames.length);
  // Two at a time: one is decoded or encoded by sharp's threads while the other is resampled here.
  await forEachIndex(capture.frames.length, 2, async (index) => {
    const frame = capture.frames[index]!;
    const plan = plans.get(frame.cameraId)!;
    context.signal?.throwIfAborted();
    try {
      const image = imported.images.get(frame.id);
      if (image === undefined) throw new RangeError(`no image information for frame ${frame.name}`);
      const result = await prepareFrame(frame, image, plan, maps, options, context, frameWarnings[index]!);
      writtenImages += result.written;
      const { maskPath: _, ...rest } = frame;
      slots[index] = {
        ...rest,
        imagePath: result.imagePath,
        width: plan.final.width,
        height: plan.final.height,
        ...(result.maskPath === undefined ? {} : { maskPath: result.maskPath }),
      };
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      const message = `Image ${frame.name} ${error.message}. Its frame was left out.`;
      frameWarnings[index]!.add('image-unreadable', message, frame.imagePath);
    }
    context.onProgress?.(++done, capture.frames.length);
  });
  for (const own of frameWarnings) warnings.merge(own);
  const frames = slots.filter((slot) => slot !== undefined);
  if (frames.length === 0) {
    throw new CaptureError({
      code: 'no-frames',
      file: capture.sourcePath,
      problem: `none of its ${capture.frames.length} images can be decoded.`,
      advice: warnings.list.at(-1)?.message ?? 'Check the images.',
    });
  }
  const split = assignRoles(frames, options.holdout, capture.sourcePath, warnings);
  const used = new Set(frames.map((frame) => frame.cameraId));
  const prepared: PreparedCapture = {
    ...capture,
    cameras: [...plans.values()].map((plan) => plan.final).filter((camera) => used.has(camera.id)),
    frames: split,
    warnings: warnings.list,
    warningCounts: warnings.counts,
  };
  return { capture: preparedCaptureSchema.parse(prepared), points: imported.points, writtenImages };
}

function planCamera(camera: Camera, scale: number, options: PrepareOptions, file: string): CameraPlan {
  const id: CameraId = camera.id;
  const distorted = !isUndistorted(camera);
  const fov = options.maxFieldOfViewDegrees ?? defaultMaxFieldOfViewDegrees;
  const full = distorted ? undistortedCamera(camera, id, fov, file) : pinholeOf(camera, id);
  const [width, height] = [Math.max(1, Math.round(full.width * scale)), Math.max(1, Math.round(full.height * scale))];
  return { source: camera, distorted, full, final: scaleCamera(full, width, height) };
}

/** Frames come in runs of one camera: the last map is enough, and one 12 MP map is 100 MB. */
class MapCache {
  #camera: Camera | undefined;
  #map: RowMap | undefined;

  get(plan: CameraPlan): RowMap {
    if (this.#map === undefined || this.#camera !== plan.source) {
      this.#map = undistortionMap(plan.source, plan.full);
      this.#camera = plan.source;
    }
    return this.#map;
  }
}

async function prepareFrame(
  frame: Frame,
  image: FrameImage,
  plan: CameraPlan,
  maps: MapCache,
  options: PrepareOptions,
  context: PrepareContext,
  warnings: Warnings,
): Promise<{ imagePath: string; maskPath?: string; written: number }> {
  const maxPixels = options.maxImagePixels ?? defaultMaxImagePixels;
  const resized = plan.final.width !== plan.full.width || plan.final.height !== plan.full.height;
  const geometryChanges = plan.distorted || resized;
  const decode = { applyOrientation: image.applyOrientation, maxPixels };
  const reshape = (pixels: Uint8Array, channels: 1 | 3): Uint8Array => {
    const { full, final } = plan;
    const flat = plan.distorted ? remap(pixels, frame.width, frame.height, channels, maps.get(plan), full) : pixels;
    return resized ? resizeByArea(flat, full.width, full.height, channels, final.width, final.height) : flat;
  };
  const sized = <T extends { width: number; height: number }>(what: string, decoded: T): T => {
    if (decoded.width === frame.width && decoded.height === frame.height) return decoded;
    throw new ImageError(
      `${what} is ${decoded.width} x ${decoded.height} pixels where ${frame.width} x ${frame.height} are expected`,
    );
  };
  let mask: Uint8Array | undefined;
  if (frame.maskPath !== undefined) {
    try {
      mask = sized('', await decodeMask(frame.maskPath, decode)).mask;
    } catch (error) {
      if (!(error instanceof ImageError) && !(error instanceof CaptureError)) throw error;
      warnings.add('side-file-missing', `The mask of ${frame.name} is left out: ${error.message}.`, frame.maskPath);
    }
  }
  const stem = `${frame.id}-${plan.final.width}x${plan.final.height}`;
  let { imagePath } = frame;
  let written = 0;
  // An EXIF tag is reason enough to write: whoever reads the file next may or may not obey it.
  if (image.plain && image.orientation === 1 && !geometryChanges) {
    await verifyImage(imagePath, maxPixels);
  } else {
    const decoded = sized('', await decodeImage(imagePath, decode));
    if (decoded.alpha !== undefined) {
      if (options.alpha === 'mask') mask = joinMasks(mask, decoded.alpha);
      else compositeOver(decoded.rgb, decoded.alpha, options.background ?? [0, 0, 0]);
    }
    const { width, height } = plan.final;
    imagePath = await context.writeImage(`${stem}.png`, await encodePng(reshape(decoded.rgb, 3), width, height, 3));
    written = 1;
  }
  if (mask === undefined) return { imagePath, written };
  if (!geometryChanges && frame.maskPath !== undefined && options.alpha !== 'mask' && image.orientation === 1) {
    return { imagePath, maskPath: frame.maskPath, written };
  }
  // Any share of an ignored pixel makes the result ignored: borders of masked objects bleed.
  const bytes = reshape(mask, 1).map((value) => (value >= 254 ? 255 : 0));
  const png = await encodePng(bytes, plan.final.width, plan.final.height, 1);
  return { imagePath, maskPath: await context.writeImage(`${stem}-mask.png`, png), written };
}

function joinMasks(mask: Uint8Array | undefined, alpha: Uint8Array): Uint8Array {
  return alpha.map((value, i) => (value >= 128 && (mask === undefined || mask[i] === 255) ? 255 : 0));
}

/** Roles by the rule. `frames` are in name order. */
export function assignRoles(
  frames: readonly Frame[],
  rule: HoldoutRule | undefined,
  file: string,
  warnings: Warnings,
): Frame[] {
  const refuse = (problem: string, advice: string): never => {
    throw new CaptureError({ code: 'invalid', file, field: 'holdout', problem, advice });
  };
  let held: Set<Frame>;
  if (rule === undefined) {
    held = new Set(frames.filter((frame) => frame.role === 'holdout'));
  } else if (typeof rule === 'number') {
    if (!Number.isInteger(rule) || rule < 2)
      return refuse(`is ${rule}; a whole number of at least 2 is needed.`, 'Use 8.');
    held = new Set(frames.filter((_, i) => i % rule === 0));
  } else {
    held = new Set();
    for (const wanted of rule) {
      const found = framesNamed(frames, wanted);
      if (found.length === 0) {
        warnings.add('name-unknown', `There is no frame named ${JSON.stringify(wanted)} to hold out.`, file, 'holdout');
      } else if (found.length > 1) {
        const names = found.slice(0, 3).map((frame) => frame.name);
        refuse(
          `names ${found.length} frames with ${JSON.stringify(wanted)} (${names.join(', ')}).`,
          'Give the full name.',
        );
      }
      for (const frame of found) held.add(frame);
    }
    if (rule.length > 0 && held.size === 0) {
      refuse(
        `names no frame of the capture: ${rule.slice(0, 5).join(', ')}.`,
        `Frames are named like ${frames[0]?.name ?? ''}.`,
      );
    }
  }
  if (held.size === frames.length) refuse('leaves no frame to train on.', 'Hold out fewer frames.');
  return frames.map((frame): Frame => {
    const role: FrameRole = held.has(frame) ? 'holdout' : 'train';
    return { ...frame, role };
  });
}

function framesNamed(frames: readonly Frame[], wanted: string): readonly Frame[] {
  const fileName = (frame: Frame): string => frame.name.slice(frame.name.lastIndexOf('/') + 1);
  const matchers: readonly ((frame: Frame) => boolean)[] = [
    (frame) => frame.name === wanted,
    (frame) => fileName(frame) === wanted,
    (frame) => fileName(frame).replace(/\.[^.]+$/, '') === wanted,
    // The path as a transforms.json writes it, with the folders that names leave out.
    (frame) => wanted.endsWith(`/${frame.name}`),
  ];
  for (const matches of matchers) {
    const found = frames.filter(matches);
    if (found.length > 0) return found;
  }
  return [];
}
