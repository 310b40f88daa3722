/** From what the rasteriser returns to the bytes of an answer. */
import sharp from 'sharp';
import type { ViewFormat } from '../../contract/index.ts';
import {
  encodeImage,
  loadImage,
  type PlanarFloatImage,
  type PlanarImage,
  toInterleavedBytes,
} from '../images/index.ts';

/** An image file, or 8-bit RGBA. */
export async function encodePicture(
  image: PlanarFloatImage,
  format: ViewFormat,
  quality: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (format !== 'rgba') return encodeImage(image, { format, quality });
  const rgb = toInterleavedBytes(image);
  const rgba = new Uint8Array((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from]!;
    rgba[to + 1] = rgb[from + 1]!;
    rgba[to + 2] = rgb[from + 2]!;
    rgba[to + 3] = 255;
  }
  return rgba;
}

/** The photo at `path` at `width` x `height` pixels. @throws ImageFileError */
export async function photoAt(path: string, width: number, height: number): Promise<PlanarImage> {
  const photo = await loadImage(path);
  if (photo.width === width && photo.height === height) return photo;
  const raw = { width: photo.width, height: photo.height, channels: 3 } as const;
  const bytes = await sharp(toInterleavedBytes(photo), { raw })
    .resize({ width, height, fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  const pixels = width * height;
  const data = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) data[c * pixels + i] = bytes[3 * i + c]!;
  }
  return { width, height, data };
}

/** Mean absolute difference of the channels, white at `full`. The rendering counts as it is shown: clipped to [0, 1]. */
export function residualImage(rendered: PlanarFloatImage, photo: PlanarImage, full: number): PlanarFloatImage {
  const { width, height } = rendered;
  const pixels = width * height;
  const data = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    let sum = 0;
    for (let at = i; at < 3 * pixels; at += pixels) {
      sum += Math.abs(Math.min(1, Math.max(0, rendered.data[at]!)) - photo.data[at]! / 255);
    }
    const value = sum / (3 * full);
    data[i] = data[pixels + i] = data[2 * pixels + i] = value;
  }
  return { width, height, data };
}
