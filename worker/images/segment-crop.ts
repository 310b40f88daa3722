/** The square picture of one segment that a dual encoder sees. */

/** Interleaved 8-bit picture, row-major [H, W, 3], sRGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface SegmentCropOptions {
  /** Side of the crop in pixels. Default 48, the side that mini-clip takes; other encoders scale it themselves. */
  readonly side?: number;
  /** Room on each side of the segment's box, as a share of the box's longer side. Default 0.3. */
  readonly margin?: number;
  /** What remains of what lies outside the segment: 0 blanks it, 1 keeps it. Default 0. */
  readonly context?: number;
  /** Colour of what is blanked and of what lies outside the image. Default mid grey, zero after CLIP's normalisation. */
  readonly fill?: readonly [number, number, number];
}

const FILL = [127, 127, 127] as const;
/** Along one axis at most so many samples for a pixel of the crop: a segment as large as the photo is still sampled well. */
const MAX_SAMPLES = 8;

/**
 * Cuts out a segment: a square around the middle of its box, resampled (bilinear, averaged when it shrinks) to side x side; outside of
 * the segment the picture fades towards `fill`. A pixel that the segment covers in part is blended.
 * @param pixels the segment, as row-major indices y * width + x, at least one
 * @throws RangeError for an empty segment, an index outside the image, or options out of range
 */
export function segmentCrop(image: RgbImage, pixels: ArrayLike<number>, options: SegmentCropOptions = {}): RgbImage {
  const { side = 48, margin = 0.3, context = 0, fill = FILL } = options;
  if (!(Number.isInteger(side) && side >= 1 && side <= 4096 && margin >= 0 && context >= 0 && context <= 1)) {
    throw new RangeError(`segmentCrop: side ${side}, margin ${margin} or context ${context} is out of range`);
  }
  const { width, height, data } = image;
  const { left, top, right, bottom } = boxOf(pixels, width, height);
  const [boxWidth, boxHeight] = [right - left, bottom - top];
  const mask = new Uint8Array(boxWidth * boxHeight);
  for (let i = 0; i < pixels.length; i++) {
    const index = pixels[i]!;
    const y = (index / width) | 0;
    mask[(y - top) * boxWidth + index - y * width - left] = 1;
  }

  const length = Math.max(boxWidth, boxHeight) * (1 + 2 * margin);
  const scale = length / side;
  const samples = Math.max(1, Math.min(MAX_SAMPLES, Math.ceil(scale - 0.01)));
  const [startX, startY] = [(left + right - length) / 2, (top + bottom - length) / 2];
  const step = scale / samples;
  const out = new Uint8Array(side * side * 3);
  const share = 1 / (samples * samples);
  for (let v = 0; v < side; v++) {
    for (let u = 0; u < side; u++) {
      let [red, green, blue] = [0, 0, 0];
      for (let k = 0; k < samples * samples; k++) {
        // Pixel centres lie at +0.5: index coordinates are half a pixel less.
        const x = startX + (u * samples + (k % samples) + 0.5) * step - 0.5;
        const y = startY + (v * samples + ((k / samples) | 0) + 0.5) * step - 0.5;
        const [x0, y0] = [Math.floor(x), Math.floor(y)];
        let [r, g, b] = [0, 0, 0];
        for (let corner = 0; corner < 4; corner++) {
          const [px, py] = [x0 + (corner & 1), y0 + (corner >> 1)];
          const weight = (corner & 1 ? x - x0 : 1 - x + x0) * (corner >> 1 ? y - y0 : 1 - y + y0);
          const inImage = px >= 0 && px < width && py >= 0 && py < height;
          const inBox = px >= left && px < right && py >= top && py < bottom;
          const kept = !inImage ? 0 : inBox && mask[(py - top) * boxWidth + px - left] === 1 ? 1 : context;
          const at = inImage ? 3 * (py * width + px) : 0;
          r += weight * (fill[0] + kept * (data[at]! - fill[0]));
          g += weight * (fill[1] + kept * (data[at + 1]! - fill[1]));
          b += weight * (fill[2] + kept * (data[at + 2]! - fill[2]));
        }
        red += r;
        green += g;
        blue += b;
      }
      const at = 3 * (v * side + u);
      out[at] = Math.round(red * share);
      out[at + 1] = Math.round(green * share);
      out[at + 2] = Math.round(blue * share);
    }
  }
  return { width: side, height: side, data: out };
}

function boxOf(pixels: ArrayLike<number>, width: number, height: number) {
  if (pixels.length === 0) throw new RangeError('segmentCrop: the segment has no pixel');
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let i = 0; i < pixels.length; i++) {
    const index = pixels[i]!;
    if (!(index >= 0 && index < width * height)) {
      throw new RangeError(`segmentCrop: pixel ${index} is not in the ${width}x${height} image`);
    }
    const y = (index / width) | 0;
    const x = index - y * width;
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return { left, top, right, bottom };
}
