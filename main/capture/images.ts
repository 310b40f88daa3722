/** Images through sharp: what a file holds, and its pixels as upright 8-bit sRGB. */
import sharp, { type Sharp } from 'sharp';
import { systemErrorText } from './errors.ts';
import { openRegularFile } from './file-reader.ts';

// sharp's cache is keyed by path: a file rewritten between two calls would come back old.
sharp.cache(false);

/** 134 megapixels: above any phone or 100 MP back, and 400 MB when decoded. */
export const defaultMaxImagePixels = 2 ** 27;

export interface ImageInfo {
  /** Size as stored, before any orientation. */
  readonly storedWidth: number;
  readonly storedHeight: number;
  /** EXIF orientation 1-8; 1 where there is none. */
  readonly orientation: number;
  readonly hasAlpha: boolean;
  /** 8-bit, three channels, no alpha, sRGB or untagged: a worker can read it as it is (orientation aside). */
  readonly plain: boolean;
}

/** Why a file cannot be used as an image, in a sentence. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'tiff' | 'gif' | 'avif';

const magics: readonly (readonly [ImageFormat, (head: Buffer) => boolean])[] = [
  ['jpeg', (head) => head.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))],
  ['png', (head) => head.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))],
  ['webp', (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP'],
  ['tiff', (head) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(head.toString('latin1', 0, 4))],
  ['gif', (head) => head.toString('latin1', 0, 4) === 'GIF8'],
  ['avif', (head) => head.toString('latin1', 4, 12) === 'ftypavif'],
];

/** Format of an image file by its first 16 bytes; undefined for every other file, whatever it is called. */
export function imageFormatOf(head: Buffer): ImageFormat | undefined {
  return magics.find(([, matches]) => matches(head))?.[0];
}

/** Other formats that sharp could open (SVG among them) run code of their own on hostile files: they stay out. */
async function assertKnownFormat(path: string): Promise<void> {
  const { handle } = await openRegularFile(path);
  try {
    const head = Buffer.alloc(16);
    await handle.read(head, 0, 16, 0);
    if (imageFormatOf(head) === undefined) {
      throw new ImageError(`is not one of ${magics.map(([name]) => name).join(', ')}`);
    }
  } finally {
    await handle.close();
  }
}

function openImage(path: string, maxPixels: number): Sharp {
  // 'error' also covers truncation; 'warning' would refuse cameras' slightly odd but whole JPEG files.
  return sharp(path, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true, pages: 1 });
}

/** @throws ImageError */
export async function probeImage(path: string, maxPixels = defaultMaxImagePixels): Promise<ImageInfo> {
  try {
    await assertKnownFormat(path);
    const meta = await openImage(path, maxPixels).metadata();
    if (meta.width * meta.height > maxPixels) {
      throw new ImageError(`has ${meta.width * meta.height} pixels; at most ${maxPixels} are read`);
    }
    const orientation = meta.orientation ?? 1;
    return {
      storedWidth: meta.width,
      storedHeight: meta.height,
      orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
      hasAlpha: meta.hasAlpha,
      plain:
        meta.depth === 'uchar' && meta.channels === 3 && !meta.hasAlpha && meta.space === 'srgb' && !meta.isPalette,
    };
  } catch (error) {
    throw imageError(error);
  }
}

function imageError(error: unknown): ImageError {
  if (error instanceof ImageError) return error;
  return new ImageError(`cannot be decoded (${systemErrorText(error).split('\n')[0]})`, { cause: error });
}

/** Decodes every pixel at a small size: finds files that break off in the middle. @throws ImageError */
export async function verifyImage(path: string, maxPixels = defaultMaxImagePixels): Promise<void> {
  try {
    await openImage(path, maxPixels).resize(16, 16, { fit: 'fill' }).raw().toBuffer();
  } catch (error) {
    throw imageError(error);
  }
}

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]` sRGB. */
  readonly rgb: Uint8Array;
}

export interface DecodedImage extends RgbImage {
  /** `[height, width]`, present when the file has transparency. */
  readonly alpha?: Uint8Array;
}

/**
 * All pixels as 8-bit sRGB: greyscale is repeated, 16-bit is rescaled, CMYK and tagged colour spaces are converted.
 *
 * @throws ImageError
 */
export async function decodeImage(
  path: string,
  options: { readonly applyOrientation: boolean; readonly maxPixels?: number },
): Promise<DecodedImage> {
  try {
    await assertKnownFormat(path);
    let image = openImage(path, options.maxPixels ?? defaultMaxImagePixels);
    if (options.applyOrientation) image = image.autoOrient();
    const { data, info } = await image
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const pixels = width * height;
    if (channels === 3) return { width, height, rgb: data };
    const rgb = new Uint8Array(pixels * 3);
    const hasAlpha = channels === 2 || channels === 4;
    const alpha = hasAlpha ? new Uint8Array(pixels) : undefined;
    for (let i = 0; i < pixels; i++) {
      const at = i * channels;
      rgb[i * 3] = data[at]!;
      rgb[i * 3 + 1] = data[channels > 2 ? at + 1 : at]!;
      rgb[i * 3 + 2] = data[channels > 2 ? at + 2 : at]!;
      if (alpha !== undefined) alpha[i] = data[at + channels - 1]!;
    }
    return alpha === undefined ? { width, height, rgb } : { width, height, rgb, alpha };
  } catch (error) {
    throw imageError(error);
  }
}

/** A mask file as `[height, width]` bytes, 0 or 255. @throws ImageError */
export async function decodeMask(
  path: string,
  options: { readonly applyOrientation: boolean; readonly maxPixels?: number },
): Promise<{ width: number; height: number; mask: Uint8Array }> {
  const { width, height, rgb } = await decodeImage(path, options);
  const mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) mask[i] = rgb[i * 3]! + rgb[i * 3 + 1]! + rgb[i * 3 + 2]! >= 384 ? 255 : 0;
  return { width, height, mask };
}

/** Composites `rgb` over a background, in sRGB as browsers and NeRF loaders do. Changes `rgb` in place. */
export function compositeOver(rgb: Uint8Array, alpha: Uint8Array, background: readonly [number, number, number]): void {
  for (let i = 0; i < alpha.length; i++) {
    const a = alpha[i]! / 255;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = Math.round(rgb[i * 3 + c]! * a + background[c]! * (1 - a));
  }
}

/** PNG bytes of interleaved 8-bit pixels (1 or 3 channels). Level 3: twice as fast as the default for 5 % more bytes. */
export async function encodePng(pixels: Uint8Array, width: number, height: number, channels: 1 | 3): Promise<Buffer> {
  const image = sharp(pixels, { raw: { width, height, channels } });
  return await (channels === 1 ? image.toColourspace('b-w') : image).png({ compressionLevel: 3 }).toBuffer();
}
