/** Reading and writing image files through sharp (libvips), with bounded memory and errors that name the file. */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import sharp, { type OutputInfo } from 'sharp';
import { fromInterleavedBytes, type PlanarFloatImage, type PlanarImage, toInterleavedBytes } from './planar.ts';

/** Largest accepted image: 100 megapixels, 300 MB decoded. */
export const MAX_IMAGE_PIXELS = 100_000_000;
const LOAD_CONCURRENCY = 2;

// libvips would otherwise keep decoded tiles and a thread per core; the training pool needs both.
sharp.cache(false);
sharp.concurrency(1);

/** An image file that cannot be used; the message names the file, what is wrong, and what to do. */
export class ImageFileError extends Error {
  readonly code = 'image-file';
  readonly path: string;
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, options);
    this.name = 'ImageFileError';
    this.path = path;
  }
}

export interface LoadImageOptions {
  /** The camera's size; another size is an error. */
  readonly expected?: { readonly width: number; readonly height: number };
  /** Default {@link MAX_IMAGE_PIXELS}; checked from the header, before anything is decoded. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
}

/**
 * Decodes a file to planar 8-bit RGB, upright (EXIF orientation applied), alpha dropped, 16 bits and greys converted.
 * @throws ImageFileError when the file is missing, broken, truncated, too large or not of the expected size.
 */
export async function loadImage(path: string, options: LoadImageOptions = {}): Promise<PlanarImage> {
  options.signal?.throwIfAborted();
  const maxPixels = options.maxPixels ?? MAX_IMAGE_PIXELS;
  const image = sharp(path, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true });
  let decoded: { data: Buffer; info: OutputInfo };
  try {
    const header = await image.metadata();
    if (header.width * header.height > maxPixels) {
      throw new ImageFileError(
        path,
        `${header.width}x${header.height} pixels exceed the limit of ${maxPixels}: reduce the image`,
      );
    }
    decoded = await image
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
  } catch (error) {
    if (error instanceof ImageFileError) throw error;
    throw new ImageFileError(path, `cannot be read as an image (${reasonOf(error)}): check that the file is complete`, {
      cause: error,
    });
  }
  options.signal?.throwIfAborted();
  const { width, height, channels } = decoded.info;
  if (channels !== 3) throw new ImageFileError(path, `decoded to ${channels} channels instead of 3: save it as RGB`);
  const { expected } = options;
  if (expected !== undefined) requireSize(path, { width, height }, expected);
  return fromInterleavedBytes(width, height, decoded.data);
}

/**
 * Checks a file's header without decoding it.
 * @throws ImageFileError when it is missing, no image, or not of the expected size once upright.
 */
export async function requireImageSize(
  path: string,
  { expected, signal }: Required<Pick<LoadImageOptions, 'expected'>> & Pick<LoadImageOptions, 'signal'>,
): Promise<void> {
  signal?.throwIfAborted();
  let size: { width: number; height: number };
  try {
    size = (await sharp(path, { limitInputPixels: MAX_IMAGE_PIXELS }).metadata()).autoOrient;
  } catch (error) {
    throw new ImageFileError(path, `cannot be read as an image (${reasonOf(error)}): check that the file is complete`, {
      cause: error,
    });
  }
  requireSize(path, size, expected);
}

function requireSize(
  path: string,
  size: { width: number; height: number },
  expected: { width: number; height: number },
): void {
  if (expected.width === size.width && expected.height === size.height) return;
  throw new ImageFileError(
    path,
    `is ${size.width}x${size.height} pixels but its camera is ${expected.width}x${expected.height}: import the capture again or relink the images`,
  );
}

export interface ImageRequest {
  readonly path: string;
  readonly expected?: { readonly width: number; readonly height: number };
}

export interface LoadImagesOptions extends Omit<LoadImageOptions, 'expected'> {
  /** Called after each image with the number finished so far, in completion order. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Loads many files, two at a time, results in the order of the requests. The first failure stops the rest. */
export async function loadImages(
  requests: readonly ImageRequest[],
  { onProgress, ...options }: LoadImagesOptions = {},
): Promise<PlanarImage[]> {
  const out = new Array<PlanarImage>(requests.length);
  let next = 0;
  let done = 0;
  let failed = false;
  const lane = async () => {
    while (!failed && next < requests.length) {
      const index = next++;
      const request = requests[index]!;
      try {
        out[index] = await loadImage(request.path, {
          ...options,
          ...(request.expected === undefined ? {} : { expected: request.expected }),
        });
      } catch (error) {
        failed = true;
        throw error;
      }
      onProgress?.(++done, requests.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(LOAD_CONCURRENCY, requests.length) }, lane));
  return out;
}

export type EncodedFormat = 'png' | 'jpeg' | 'webp';

export interface EncodeOptions {
  readonly format?: EncodedFormat;
  /** Longest side of the result; larger images are reduced, smaller ones left alone. */
  readonly maxSidePx?: number;
  /** 1-100, for jpeg and webp. */
  readonly quality?: number;
}

/** Encodes an image in memory: PNG by default (lossless at 8 bits), JPEG or WebP for previews. */
export async function encodeImage(
  image: PlanarImage | PlanarFloatImage,
  { format = 'png', maxSidePx, quality = 85 }: EncodeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = toInterleavedBytes(image);
  let pipeline = sharp(bytes, { raw: { width: image.width, height: image.height, channels: 3 } });
  if (maxSidePx !== undefined && Math.max(image.width, image.height) > maxSidePx) {
    pipeline = pipeline.resize({ width: maxSidePx, height: maxSidePx, fit: 'inside' });
  }
  const encoded = await {
    png: () => pipeline.png({ compressionLevel: 6 }),
    jpeg: () => pipeline.jpeg({ quality }),
    webp: () => pipeline.webp({ quality }),
  }
    [format]()
    .toBuffer();
  return new Uint8Array(encoded);
}

/**
 * Writes an image; the file appears complete or not at all (temporary name, fsync, rename).
 * @throws ImageFileError when the folder is missing or not writable.
 */
export async function writeImage(
  path: string,
  image: PlanarImage | PlanarFloatImage,
  options: EncodeOptions = {},
): Promise<void> {
  const encoded = await encodeImage(image, options);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(encoded);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new ImageFileError(path, `cannot be written (${reasonOf(error)}): check the folder and the free space`, {
      cause: error,
    });
  }
}

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 200);
