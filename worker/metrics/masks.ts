/** Overlap of masks and of semantic label images. */
import { MetricInputError } from './errors.ts';

/**
 * Intersection over union of two masks, non-zero = inside. Two empty masks agree: 1.
 * @param a [pixels] @param b [pixels]
 * @throws MetricInputError on different sizes.
 */
export function maskIoU(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) throw new MetricInputError(`a mask of ${a.length} pixels against one of ${b.length}`);
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== 0 && b[i] !== 0) both++;
    if (a[i] !== 0 || b[i] !== 0) either++;
  }
  return either === 0 ? 1 : both / either;
}

export interface BoundaryOptions {
  /** Thickness of the boundary as a share of the image diagonal; default 0.02, at least one pixel. */
  readonly dilationRatio?: number;
}

/**
 * Boundary IoU (Cheng et al. 2021): IoU of the masks' inner boundaries, a mask minus its erosion. Outside the image is
 * background, so that a mask has a boundary where it leaves the image. Two empty masks agree: 1.
 * @param a [height, width] @param b [height, width]
 * @throws MetricInputError on wrong sizes.
 */
export function boundaryIoU(
  a: Uint8Array,
  b: Uint8Array,
  height: number,
  width: number,
  options: BoundaryOptions = {},
): number {
  for (const mask of [a, b]) checkSize(mask.length, height, width, 'mask');
  const { dilationRatio = 0.02 } = options;
  const thickness = Math.max(1, Math.round(dilationRatio * Math.hypot(height, width)));
  return maskIoU(innerBoundary(a, height, width, thickness), innerBoundary(b, height, width, thickness));
}

/** n erosions by 3x3 keep a pixel whose whole (2n + 1)² neighbourhood is inside: two sliding run-length passes. */
function innerBoundary(mask: Uint8Array, height: number, width: number, thickness: number): Uint8Array {
  const rows = new Uint8Array(mask.length);
  const span = 2 * thickness + 1;
  for (let y = 0; y < height; y++) {
    let run = 0;
    for (let x = 0; x < width; x++) {
      run = mask[y * width + x] !== 0 ? run + 1 : 0;
      if (run >= span) rows[y * width + x - thickness] = 1;
    }
  }
  const boundary = Uint8Array.from(mask, (value) => (value !== 0 ? 1 : 0));
  for (let x = 0; x < width; x++) {
    let run = 0;
    for (let y = 0; y < height; y++) {
      run = rows[y * width + x] !== 0 ? run + 1 : 0;
      if (run >= span) boundary[(y - thickness) * width + x] = 0;
    }
  }
  return boundary;
}

export interface MeanIoU {
  /** Mean over the classes present in prediction or target; NaN when none is. */
  readonly mean: number;
  /** NaN for a class in neither image. [classes] */
  readonly perClass: Float64Array;
  /** Share of the scored pixels with the right class. */
  readonly accuracy: number;
}

export interface MeanIoUOptions {
  /** Class ids are 0 … classes − 1. */
  readonly classes: number;
  /** Pixels with this target id are not scored; it may lie outside the range. */
  readonly ignore?: number;
}

/**
 * Mean intersection over union of semantic label images; pass several frames concatenated for a figure over all.
 * @param predicted [pixels] @param target [pixels]
 * @throws MetricInputError on different sizes or an id outside the range.
 */
export function meanIoU(
  predicted: Uint32Array | Int32Array | Uint8Array,
  target: Uint32Array | Int32Array | Uint8Array,
  options: MeanIoUOptions,
): MeanIoU {
  const { classes, ignore } = options;
  if (predicted.length !== target.length) {
    throw new MetricInputError(`a prediction of ${predicted.length} pixels against a target of ${target.length}`);
  }
  if (!Number.isInteger(classes) || classes < 1) throw new MetricInputError(`${classes} is not a number of classes`);
  const both = new Float64Array(classes);
  const inPrediction = new Float64Array(classes);
  const inTarget = new Float64Array(classes);
  let scored = 0;
  for (let i = 0; i < target.length; i++) {
    const expected = target[i]!;
    if (expected === ignore) continue;
    const found = predicted[i]!;
    if (!(expected >= 0 && expected < classes && found >= 0 && found < classes)) {
      throw new MetricInputError(
        `pixel ${i} has the target class ${expected} and the predicted class ${found}; ids must be below ${classes}`,
      );
    }
    scored++;
    inTarget[expected]!++;
    inPrediction[found]!++;
    if (expected === found) both[expected]!++;
  }
  const perClass = both.map((count, id) => count / (inTarget[id]! + inPrediction[id]! - count));
  const present = perClass.filter((value) => !Number.isNaN(value));
  return {
    mean: present.reduce((sum, value) => sum + value, 0) / present.length,
    perClass,
    accuracy: both.reduce((sum, value) => sum + value, 0) / scored,
  };
}

/** @throws MetricInputError unless `length` is height x width. */
export function checkSize(length: number, height: number, width: number, what: string): void {
  if (!(Number.isInteger(height) && Number.isInteger(width) && height >= 0 && width >= 0)) {
    throw new MetricInputError(`${height} x ${width} is not an image size`);
  }
  if (length !== height * width) {
    throw new MetricInputError(`${what} has ${length} pixels; an image of ${height} x ${width} has ${height * width}`);
  }
}
