/** Planar RGB images and the arithmetic on them: box-filter pyramid, conversions. No files, no libraries. */

/** 8-bit RGB, one byte per channel and pixel as stored (not linearised). */
export interface PlanarImage {
  readonly width: number;
  readonly height: number;
  /** [3, H, W] */
  readonly data: Uint8Array;
}

/** What a renderer writes: nominally in [0, 1], anything outside is clipped on the way to 8 bits. */
export interface PlanarFloatImage {
  readonly width: number;
  readonly height: number;
  /** [3, H, W] */
  readonly data: Float32Array;
}

/** Pinhole intrinsics in pixels, pixel centres at +0.5. */
export interface PinholeIntrinsics {
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
}

/**
 * Shrinks by an integer factor: every output pixel is the rounded mean of factor² input pixels. Columns and rows that do
 * not fill a whole block are dropped at the right and bottom, so that {@link downscaleIntrinsics} is exact: with pixel
 * centres at +0.5 the coordinate x of the input is x / factor of the output, whatever the size.
 * @throws RangeError when the factor is no positive integer or leaves no pixel.
 */
export function boxDownscale(image: PlanarImage, factor: number): PlanarImage {
  if (!Number.isInteger(factor) || factor < 1) {
    throw new RangeError(`downscale factor must be a positive integer, got ${factor}`);
  }
  if (factor === 1) return image;
  const width = Math.floor(image.width / factor);
  const height = Math.floor(image.height / factor);
  if (width < 1 || height < 1) {
    throw new RangeError(
      `a ${image.width}x${image.height} image cannot be reduced ${factor} times: no pixel would be left`,
    );
  }
  const data = new Uint8Array(3 * width * height);
  const sums = new Uint32Array(width);
  const area = factor * factor;
  const half = area >> 1;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      sums.fill(half);
      for (let dy = 0; dy < factor; dy++) {
        let from = (c * image.height + y * factor + dy) * image.width;
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let dx = 0; dx < factor; dx++) sum += image.data[from++]!;
          sums[x]! += sum;
        }
      }
      const to = (c * height + y) * width;
      for (let x = 0; x < width; x++) data[to + x] = Math.floor(sums[x]! / area);
    }
  }
  return { width, height, data };
}

/**
 * The image at 1, 1/2, 1/4, … of its size, each level filtered from the full image so that rounding does not pile up.
 * Stops early, with fewer levels, before a side falls under `minSide`.
 */
export function pyramid(image: PlanarImage, levels: number, minSide = 1): PlanarImage[] {
  const out = [image];
  for (let level = 1; level < levels; level++) {
    const factor = 2 ** level;
    if (Math.floor(Math.min(image.width, image.height) / factor) < Math.max(1, minSide)) break;
    out.push(boxDownscale(image, factor));
  }
  return out;
}

/** Intrinsics of an image reduced by {@link boxDownscale}: all four divided by the factor. */
export function downscaleIntrinsics(intrinsics: PinholeIntrinsics, factor: number): PinholeIntrinsics {
  return {
    fx: intrinsics.fx / factor,
    fy: intrinsics.fy / factor,
    cx: intrinsics.cx / factor,
    cy: intrinsics.cy / factor,
  };
}

/** Interleaved bytes [H, W, 3]. Floats are clipped to [0, 1]; NaN becomes 0, so a preview shows black rather than failing. */
export function toInterleavedBytes(image: PlanarImage | PlanarFloatImage): Uint8Array {
  const pixels = requireRgb(image);
  const out = new Uint8Array(3 * pixels);
  for (let c = 0; c < 3; c++) {
    const plane = image.data.subarray(c * pixels, (c + 1) * pixels);
    if (plane instanceof Uint8Array) {
      for (let i = 0; i < pixels; i++) out[3 * i + c] = plane[i]!;
    } else {
      for (let i = 0; i < pixels; i++) out[3 * i + c] = byteOf(plane[i]!);
    }
  }
  return out;
}

/** Interleaved [H, W, 3] to planar [3, H, W]. */
export function fromInterleavedBytes(width: number, height: number, bytes: Uint8Array): PlanarImage {
  const pixels = width * height;
  const data = new Uint8Array(3 * pixels);
  for (let i = 0, from = 0; i < pixels; i++) {
    data[i] = bytes[from++]!;
    data[pixels + i] = bytes[from++]!;
    data[2 * pixels + i] = bytes[from++]!;
  }
  return { width, height, data };
}

/** Bytes / 255. */
export function toFloat(image: PlanarImage): PlanarFloatImage {
  return { width: image.width, height: image.height, data: Float32Array.from(image.data, (byte) => byte / 255) };
}

function byteOf(value: number): number {
  if (!(value > 0)) return 0;
  return value >= 1 ? 255 : Math.floor(value * 255 + 0.5);
}

function requireRgb(image: PlanarImage | PlanarFloatImage): number {
  const { width, height, data } = image;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RangeError(`image size ${width}x${height} is not a positive number of pixels`);
  }
  if (data.length !== 3 * width * height) {
    throw new RangeError(
      `a planar RGB image of ${width}x${height} holds ${3 * width * height} values, got ${data.length}`,
    );
  }
  return width * height;
}
