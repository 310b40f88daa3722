/** What an importer hands to assembly: the content of the model files, before any image has been opened. */

import type { CaptureFormat, CaptureWarning, CaptureWarningCode, FrameRole, Pose } from '../../contract/index.ts';
import {
  type Camera,
  type CameraId,
  type CameraModel,
  cameraModels,
  cameraSchema,
  maxWarnings,
} from '../../contract/index.ts';
import { CaptureError, clip, printable } from './errors.ts';

export interface SparsePoints {
  readonly count: number;
  /** `[M, 3]` world coordinates. */
  readonly positions: Float64Array;
  /** `[M, 3]` sRGB. */
  readonly colors: Uint8Array;
  /** `[M]` reprojection error in pixels, where the source has it. */
  readonly errors?: Float32Array;
}

/** Where a frame saw some of the sparse points. */
export interface Observations {
  /** `[K]` indices into the sparse points. */
  readonly pointIndices: Uint32Array;
  /** `[K, 2]` pixels of the source camera, top-left pixel centre at (0.5, 0.5). */
  readonly pixels: Float32Array;
}

export interface ParsedFrame {
  readonly name: string;
  /** The path as the model file states it, relative to its folder. */
  readonly imageReference: string;
  /** Where in the model file, for messages. */
  readonly field: string;
  readonly camera: CameraSource;
  readonly cameraFromWorld: Pose;
  readonly maskReference?: string | undefined;
  readonly timestampSeconds?: number | undefined;
  readonly role?: FrameRole | undefined;
  readonly observations?: Observations | undefined;
}

/** A camera, or how to make one once the image's size is known (`id` is assigned later). */
export type CameraSource = Camera | { readonly fromSize: (width: number, height: number) => Camera };

export interface ParsedModel {
  readonly format: CaptureFormat;
  readonly modelFiles: readonly string[];
  readonly frames: readonly ParsedFrame[];
  readonly points: SparsePoints;
  /** How image references resolve. */
  readonly imageExtensionOptional: boolean;
  /** Image references start at the model file, not at an images folder: folders that all share are no part of names. */
  readonly foldersAreLayout: boolean;
  /** Whether the program that made the model read pixels in stored order when the EXIF tag says otherwise. */
  readonly posesIgnoreExif: boolean;
}

export const noPoints: SparsePoints = { count: 0, positions: new Float64Array(0), colors: new Uint8Array(0) };

/** Collects warnings with a bound on how many are kept. */
export class Warnings {
  readonly list: CaptureWarning[] = [];
  readonly counts: Partial<Record<CaptureWarningCode, number>> = {};

  add(code: CaptureWarningCode, message: string, file?: string, field?: string): void {
    this.counts[code] = (this.counts[code] ?? 0) + 1;
    if (this.list.length >= maxWarnings) return;
    this.list.push({
      code,
      message: clip(printable(message), 2000),
      ...(file === undefined ? {} : { file: clip(file, 4096) }),
      ...(field === undefined ? {} : { field: clip(printable(field), 256) }),
    });
  }

  merge(other: Warnings): void {
    for (const [code, count] of Object.entries(other.counts) as [CaptureWarningCode, number][]) {
      this.counts[code] = (this.counts[code] ?? 0) + count;
    }
    this.list.push(...other.list.slice(0, maxWarnings - this.list.length));
  }
}

/** A JSON document of a model file. Bounded because parsing multiplies its size in memory. */
export const maxJsonBytes = 64 * 2 ** 20;

/** Builds a camera from its parameters in COLMAP's order and checks it against the contract. */
export function cameraFromParams(
  source: { file: string; field: string },
  model: CameraModel,
  id: number,
  width: number,
  height: number,
  values: readonly number[],
): Camera {
  const names = cameraModels[model].params;
  if (values.length !== names.length) {
    throw new CaptureError({
      code: 'invalid',
      ...source,
      problem: `has ${values.length} parameters; ${model} has ${names.length} (${names.join(', ')}).`,
      advice: 'Correct the parameters or export the model again.',
    });
  }
  const params = Object.fromEntries(names.map((name, i) => [name, values[i]]));
  return checkedCamera(source, { id, model, width, height, params });
}

export function checkedCamera(source: { file: string; field: string }, candidate: unknown): Camera {
  const parsed = cameraSchema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CaptureError({
    code: 'invalid',
    file: source.file,
    field: [source.field, ...(issue?.path ?? [])].filter((part) => part !== '').join('.'),
    problem: `is not a valid camera value (${issue?.message ?? 'unknown'}).`,
    advice: 'Correct the value or calibrate the camera again.',
  });
}

/** The model of a COLMAP numeric id or name; a clear refusal for those outside the contract. */
export function cameraModelOf(source: { file: string; field: string }, idOrName: number | string): CameraModel {
  const found = (Object.keys(cameraModels) as CameraModel[]).find((name) =>
    typeof idOrName === 'number' ? cameraModels[name].colmapId === idOrName : name === idOrName,
  );
  if (found !== undefined) return found;
  const panorama = idOrName === 17 || idOrName === 'EQUIRECTANGULAR';
  throw new CaptureError({
    code: 'unsupported',
    ...source,
    problem: panorama
      ? 'is an equirectangular (360°) camera, which no single pinhole image can replace.'
      : `names the unknown camera model ${JSON.stringify(idOrName)}.`,
    advice: panorama
      ? 'Cut the panoramas into perspective views first.'
      : `Supported models: ${Object.keys(cameraModels).join(', ')}.`,
  });
}

/** Keeps an evenly spaced sample of a stream whose length is not known: every 2^k-th item, k rising as needed. */
export class StrideSample<T> {
  readonly #limit: number;
  #items: T[] = [];
  #stride = 1;
  #seen = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True when the next item would be kept; calls must alternate with `add` or `pass`. */
  get wantsNext(): boolean {
    return this.#limit > 0 && this.#seen % this.#stride === 0;
  }

  add(item: T): void {
    this.#seen++;
    this.#items.push(item);
    if (this.#items.length > this.#limit) {
      this.#items = this.#items.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
    }
  }

  pass(): void {
    this.#seen++;
  }

  get items(): readonly T[] {
    return this.#items;
  }
}

/** Keys cameras by everything but their id, so that equal intrinsics share one. */
export function intrinsicsKey(camera: Camera): string {
  return JSON.stringify([camera.model, camera.width, camera.height, Object.entries(camera.params).sort()]);
}

export function withId(camera: Camera, id: number): Camera {
  return { ...camera, id: id as CameraId };
}
