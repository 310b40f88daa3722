/**
 * Undistortion to a pinhole image.
 *
 * The output keeps the source's focal lengths, so its centre keeps the source's resolution, and shows the largest
 * axis-parallel rectangle around the optical axis of which every pixel has a source pixel: no black border. Very wide
 * lenses are cut at `maxFieldOfViewDegrees` per axis (a pinhole image grows with the tangent), and no side grows beyond
 * twice the source's.
 */
import { type Camera, type CameraId, maxImageSidePx, type PinholeCamera } from '../../contract/index.ts';
import { CaptureError } from './errors.ts';
import { projectorOf } from './projection.ts';

export const defaultMaxFieldOfViewDegrees = 120;
const maxGrowth = 2;
const edgeSamples = 256;

/** @throws CaptureError when the distortion leaves no rectangle (its coefficients cannot be of a real lens) */
export function undistortedCamera(
  camera: Camera,
  id: CameraId,
  maxFieldOfViewDegrees = defaultMaxFieldOfViewDegrees,
  file = `camera ${camera.id}`,
): PinholeCamera {
  const [fx, fy] = 'f' in camera.params ? [camera.params.f, camera.params.f] : [camera.params.fx, camera.params.fy];
  const limit = Math.tan(((maxFieldOfViewDegrees / 2) * Math.PI) / 180);
  const box = { left: -limit, right: limit, top: -limit, bottom: limit };
  const { width, height } = camera;
  const projector = projectorOf(camera);
  const { cx, cy } = camera.params;
  for (let i = 0; i <= edgeSamples; i++) {
    const s = i / edgeSamples;
    for (const [u, v, side] of [
      [0, s * height, 'left'],
      [width, s * height, 'right'],
      [s * width, 0, 'top'],
      [s * width, height, 'bottom'],
    ] as const) {
      const ray = rayTowards(projector, cx, cy, u, v);
      // Rays at 90 degrees and beyond leave the field-of-view limit in charge.
      if (ray === undefined || ray[2] <= 1e-6) continue;
      const [x, y] = [ray[0] / ray[2], ray[1] / ray[2]];
      if (side === 'left') box.left = Math.max(box.left, x);
      else if (side === 'right') box.right = Math.min(box.right, x);
      else if (side === 'top') box.top = Math.max(box.top, y);
      else box.bottom = Math.min(box.bottom, y);
    }
  }
  // Corners of a strongly curved image can still lie outside: shrink towards the axis until the border is covered.
  for (let step = 0; step < 200; step++) {
    const size = sizeOf(box, fx, fy, width, height);
    if (size !== undefined) {
      const result: PinholeCamera = { id, model: 'PINHOLE', ...size };
      if (borderCovered(projector, result, width, height)) return result;
    }
    for (const side of ['left', 'right', 'top', 'bottom'] as const) box[side] *= 0.98;
  }
  throw new CaptureError({
    code: 'invalid',
    file,
    field: `${camera.model} params`,
    problem: `describe a distortion that leaves no usable image (${JSON.stringify(camera.params)}).`,
    advice: 'Calibrate the camera again.',
  });
}

/** Ray of a border pixel, or of the farthest point towards it that the model can invert. */
function rayTowards(
  projector: ReturnType<typeof projectorOf>,
  cx: number,
  cy: number,
  u: number,
  v: number,
): readonly [number, number, number] | undefined {
  const direct = projector.unproject(u, v);
  if (direct !== undefined) return direct;
  let [low, high] = [0, 1];
  let found: readonly [number, number, number] | undefined;
  for (let step = 0; step < 20; step++) {
    const middle = (low + high) / 2;
    const ray = projector.unproject(cx + (u - cx) * middle, cy + (v - cy) * middle);
    if (ray === undefined) high = middle;
    else {
      low = middle;
      found = ray;
    }
  }
  return found;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function sizeOf(
  box: Box,
  fx: number,
  fy: number,
  sourceWidth: number,
  sourceHeight: number,
): Pick<PinholeCamera, 'width' | 'height' | 'params'> | undefined {
  const [spanX, spanY] = [box.right - box.left, box.bottom - box.top];
  if (!(spanX > 0 && spanY > 0)) return undefined;
  const shrink = Math.min(
    1,
    Math.min(sourceWidth * maxGrowth, maxImageSidePx) / (spanX * fx),
    Math.min(sourceHeight * maxGrowth, maxImageSidePx) / (spanY * fy),
  );
  // Whole pixels inside the box; the tolerance keeps an exact product from losing one to rounding.
  const width = Math.floor(spanX * fx * shrink + 1e-6);
  const height = Math.floor(spanY * fy * shrink + 1e-6);
  if (width < 1 || height < 1) return undefined;
  const params = { fx: fx * shrink, fy: fy * shrink, cx: 0, cy: 0 };
  params.cx = width / 2 - ((box.left + box.right) / 2) * params.fx;
  params.cy = height / 2 - ((box.top + box.bottom) / 2) * params.fy;
  return { width, height, params };
}

/** Slack of the coverage test in source pixels: bilinear sampling clamps within half a pixel of the border anyway. */
const borderSlackPx = 0.01;

function borderCovered(
  projector: ReturnType<typeof projectorOf>,
  out: PinholeCamera,
  width: number,
  height: number,
): boolean {
  const pixel = new Float64Array(2);
  const { fx, fy, cx, cy } = out.params;
  const covered = (u: number, v: number): boolean => {
    if (!projector.project((u - cx) / fx, (v - cy) / fy, 1, pixel)) return false;
    const [x, y] = [pixel[0]!, pixel[1]!];
    if (!(x >= -borderSlackPx && y >= -borderSlackPx && x <= width + borderSlackPx && y <= height + borderSlackPx))
      return false;
    // A folded distortion can land inside by the wrong branch: the way back must return here.
    const ray = projector.unproject(x, y);
    return ray !== undefined && Math.hypot(ray[0] / ray[2] - (u - cx) / fx, ray[1] / ray[2] - (v - cy) / fy) < 1e-4;
  };
  for (let i = 0; i <= 64; i++) {
    const [u, v] = [(i / 64) * out.width, (i / 64) * out.height];
    if (!covered(u, 0) || !covered(u, out.height) || !covered(0, v) || !covered(out.width, v)) return false;
  }
  return true;
}

/** Source positions `[width, 2]` of one output row, in pixels with centres at whole numbers. */
export type RowMap = (row: number) => Float32Array;

/** Largest map kept whole: 12 MP images share one of 100 MB; beyond 32 MP rows are computed anew for each image. */
const maxStoredMapPixels = 2 ** 25;

/** Where the pixels of an undistorted image come from. Rows are valid until the next call. */
export function undistortionMap(source: Camera, target: PinholeCamera): RowMap {
  const { width, height } = target;
  const { fx, fy, cx, cy } = target.params;
  const projector = projectorOf(source);
  const pixel = new Float64Array(2);
  const fill = (row: number, into: Float32Array): Float32Array => {
    const y = (row + 0.5 - cy) / fy;
    for (let column = 0; column < width; column++) {
      projector.project((column + 0.5 - cx) / fx, y, 1, pixel);
      into[column * 2] = pixel[0]! - 0.5;
      into[column * 2 + 1] = pixel[1]! - 0.5;
    }
    return into;
  };
  if (width * height > maxStoredMapPixels) {
    const scratch = new Float32Array(width * 2);
    return (row) => fill(row, scratch);
  }
  const map = new Float32Array(width * height * 2);
  const rowOf: RowMap = (row) => map.subarray(row * width * 2, (row + 1) * width * 2);
  for (let row = 0; row < height; row++) fill(row, rowOf(row));
  return rowOf;
}

/** Bilinear lookup along a map, in stored (sRGB) values; positions beyond the border take its nearest pixel. */
export function remap(
  pixels: Uint8Array,
  sourceWidth: number,
  sourceHeight: number,
  channels: 1 | 3,
  map: RowMap,
  target: { readonly width: number; readonly height: number },
): Uint8Array {
  const out = new Uint8Array(target.width * target.height * channels);
  const [maxX, maxY] = [sourceWidth - 1, sourceHeight - 1];
  const rowStride = sourceWidth * channels;
  let at = 0;
  for (let row = 0; row < target.height; row++) {
    const positions = map(row);
    for (let column = 0; column < target.width; column++) {
      const x = Math.min(maxX, Math.max(0, positions[column * 2]!));
      const y = Math.min(maxY, Math.max(0, positions[column * 2 + 1]!));
      const x0 = Math.floor(x);
      const y0 = Math.floor(y);
      const fx = x - x0;
      const fy = y - y0;
      const right = x0 < maxX ? channels : 0;
      const down = y0 < maxY ? rowStride : 0;
      const base = y0 * rowStride + x0 * channels;
      for (let p = base; p < base + channels; p++) {
        const upper = pixels[p]! + (pixels[p + right]! - pixels[p]!) * fx;
        const lower = pixels[p + down]! + (pixels[p + down + right]! - pixels[p + down]!) * fx;
        out[at++] = upper + (lower - upper) * fy + 0.5;
      }
    }
  }
  return out;
}

/** Each output pixel is the mean of the source area it covers, by exact (fractional) coverage, in stored values. */
export function resizeByArea(
  pixels: Uint8Array,
  sourceWidth: number,
  sourceHeight: number,
  channels: 1 | 3,
  width: number,
  height: number,
): Uint8Array {
  const columns = coverage(sourceWidth, width);
  const rows = coverage(sourceHeight, height);
  const out = new Uint8Array(width * height * channels);
  const line = new Float64Array(width * channels);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let j = rows.from[y]!; j < rows.from[y + 1]!; j++) {
      const rowWeight = rows.weight[j]!;
      const base = rows.index[j]! * sourceWidth * channels;
      for (let x = 0; x < width; x++) {
        for (let i = columns.from[x]!; i < columns.from[x + 1]!; i++) {
          const weight = rowWeight * columns.weight[i]!;
          const p = base + columns.index[i]! * channels;
          for (let c = 0; c < channels; c++) line[x * channels + c]! += weight * pixels[p + c]!;
        }
      }
    }
    for (let i = 0; i < line.length; i++) out[y * width * channels + i] = Math.round(line[i]!);
  }
  return out;
}

/** Source pixels and their shares (summing to 1) for each of `size` output pixels. */
function coverage(sourceSize: number, size: number): { from: Uint32Array; index: Uint32Array; weight: Float64Array } {
  const from = new Uint32Array(size + 1);
  const index: number[] = [];
  const weight: number[] = [];
  const ratio = sourceSize / size;
  for (let i = 0; i < size; i++) {
    const [start, end] = [i * ratio, (i + 1) * ratio];
    for (let j = Math.floor(start); j < Math.min(sourceSize, Math.ceil(end - 1e-9)); j++) {
      const share = (Math.min(end, j + 1) - Math.max(start, j)) / ratio;
      if (share <= 1e-12) continue;
      index.push(j);
      weight.push(share);
    }
    from[i + 1] = index.length;
  }
  return { from, index: Uint32Array.from(index), weight: Float64Array.from(weight) };
}
