/**
 * Appearance of a segment without any weights: dense SIFT-like histograms of gradients (Lowe 2004: 4 x 4 cells, 8 orientations,
 * clipped at 0.2), pooled over the mask, beside a soft histogram of its colours. Unit length.
 */
import type { SegmentShape } from './segments.ts';

const CELLS = 4;
const ORIENTATIONS = 8;
const CELL_PX = 2;
const STRIDE_PX = 2;
const CLIP = 0.2;
const GRADIENTS = CELLS * CELLS * ORIENTATIONS;
/** Bins of each of the two opponent colours, and of lightness. */
const CHROMA_BINS = 6;
const LIGHT_BINS = 4;
const COLOURS = CHROMA_BINS * CHROMA_BINS + LIGHT_BINS;
/** Share of the squared length that is colour. */
const COLOUR_SHARE = 0.7;

export const DESCRIPTOR_LENGTH = GRADIENTS + COLOURS;

/** A photo as three planes of bytes. */
export interface Photo {
  readonly width: number;
  readonly height: number;
  /** [3, H, W] 8-bit sRGB. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Descriptor of one segment. [DESCRIPTOR_LENGTH] @param labels [H, W] */
export function describeSegment(photo: Photo, labels: ArrayLike<number>, shape: SegmentShape): Float32Array {
  const descriptor = new Float32Array(DESCRIPTOR_LENGTH);
  const gradients = pooledGradients(photo, labels, shape);
  const colours = colourHistogram(photo, labels, shape);
  const gradientScale = Math.sqrt(1 - COLOUR_SHARE) / (lengthOf(gradients) || 1);
  const colourScale = Math.sqrt(COLOUR_SHARE) / (lengthOf(colours) || 1);
  for (let k = 0; k < GRADIENTS; k++) descriptor[k] = gradients[k]! * gradientScale;
  for (let k = 0; k < COLOURS; k++) descriptor[GRADIENTS + k] = colours[k]! * colourScale;
  const length = lengthOf(descriptor);
  // Without any gradient the colours are all there is, and take the whole length.
  if (length > 0) for (let k = 0; k < descriptor.length; k++) descriptor[k]! /= length;
  return descriptor;
}

/** Mean over the segment of histograms whose gradients outside of it count nothing. */
function pooledGradients(photo: Photo, labels: ArrayLike<number>, shape: SegmentShape): Float64Array {
  const { width, height, data } = photo;
  const plane = width * height;
  const [wide, high] = [shape.right - shape.left, shape.bottom - shape.top];
  const light = (x: number, y: number): number => {
    const i = Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x));
    return 0.299 * data[i]! + 0.587 * data[plane + i]! + 0.114 * data[2 * plane + i]!;
  };
  const magnitude = new Float32Array(wide * high);
  const orientation = new Float32Array(wide * high);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const [px, py] = [shape.left + x, shape.top + y];
      if (labels[py * width + px] !== shape.id) continue;
      const [dx, dy] = [light(px + 1, py) - light(px - 1, py), light(px, py + 1) - light(px, py - 1)];
      magnitude[y * wide + x] = Math.hypot(dx, dy);
      orientation[y * wide + x] = ((Math.atan2(dy, dx) / (2 * Math.PI) + 1) * ORIENTATIONS) % ORIENTATIONS;
    }
  }
  const pooled = new Float64Array(GRADIENTS);
  const one = new Float64Array(GRADIENTS);
  const half = (CELLS * CELL_PX) / 2;
  for (let cy = 0; cy < high; cy += STRIDE_PX) {
    for (let cx = 0; cx < wide; cx += STRIDE_PX) {
      if (labels[(shape.top + cy) * width + shape.left + cx] !== shape.id) continue;
      one.fill(0);
      for (let y = Math.max(0, cy - half); y < Math.min(high, cy + half); y++) {
        for (let x = Math.max(0, cx - half); x < Math.min(wide, cx + half); x++) {
          const strength = magnitude[y * wide + x]!;
          if (strength === 0) continue;
          const cell = Math.floor((y - cy + half) / CELL_PX) * CELLS + Math.floor((x - cx + half) / CELL_PX);
          const angle = orientation[y * wide + x]!;
          const low = Math.floor(angle) % ORIENTATIONS;
          const part = angle - Math.floor(angle);
          one[cell * ORIENTATIONS + low]! += strength * (1 - part);
          one[cell * ORIENTATIONS + ((low + 1) % ORIENTATIONS)]! += strength * part;
        }
      }
      const length = lengthOf(one);
      if (length === 0) continue;
      for (let k = 0; k < GRADIENTS; k++) pooled[k]! += Math.min(CLIP, one[k]! / length);
    }
  }
  return pooled;
}

/** Square roots of a soft histogram: the distance between two is Hellinger's. */
function colourHistogram({ width, height, data }: Photo, labels: ArrayLike<number>, shape: SegmentShape): Float64Array {
  const plane = width * height;
  const histogram = new Float64Array(COLOURS);
  const soft = (value: number, bins: number): [number, number] => {
    const at = Math.min(bins - 1, Math.max(0, value * (bins - 1)));
    const low = Math.min(bins - 2, Math.floor(at));
    return [low, at - low];
  };
  for (let y = shape.top; y < shape.bottom; y++) {
    for (let x = shape.left; x < shape.right; x++) {
      const i = y * width + x;
      if (labels[i] !== shape.id) continue;
      const [red, green, blue] = [data[i]!, data[plane + i]!, data[2 * plane + i]!];
      const sum = red + green + blue + 30;
      const [a, s] = soft(0.5 + (0.9 * (red - green)) / sum, CHROMA_BINS);
      const [b, t] = soft(0.5 + (0.55 * (red + green - 2 * blue)) / sum, CHROMA_BINS);
      const [l, w] = soft(sum / 795, LIGHT_BINS);
      histogram[a * CHROMA_BINS + b]! += (1 - s) * (1 - t);
      histogram[a * CHROMA_BINS + b + 1]! += (1 - s) * t;
      histogram[(a + 1) * CHROMA_BINS + b]! += s * (1 - t);
      histogram[(a + 1) * CHROMA_BINS + b + 1]! += s * t;
      // Light changes from place to place: it counts for less.
      histogram[CHROMA_BINS * CHROMA_BINS + l]! += 0.3 * (1 - w);
      histogram[CHROMA_BINS * CHROMA_BINS + l + 1]! += 0.3 * w;
    }
  }
  return histogram.map(Math.sqrt);
}

function lengthOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k]! * values[k]!;
  return Math.sqrt(sum);
}
