/** The images that a field is trained from: a camera, and instance segments whose ids mean nothing outside their image. */
import { LiftscopeError } from '../../contract/index.ts';
import type { PinholeView } from '../kernels/index.ts';

export interface LiftFrame {
  readonly name: string;
  /** Its size is the size of the masks. */
  readonly view: PinholeView;
  /** [H, W] segment of each pixel; 0 = none: background or unlabelled. */
  readonly segments: Uint16Array | Uint32Array;
  /** By segment, in [0, 1]; default 1. */
  readonly confidences?: ReadonlyMap<number, number>;
  /** By segment; default 1. Class 0 is background: a pixel without a segment. */
  readonly classes?: ReadonlyMap<number, number>;
}

/** The pixels inside a segment, all that instance losses look at; of an image with more than `limit`, a random part. */
export function instancePixels(
  frames: readonly LiftFrame[],
  limit = Number.POSITIVE_INFINITY,
  seed = 0,
): (view: number) => Uint32Array {
  return (view) => {
    const { segments } = frames[view]!;
    const pixels: number[] = [];
    for (let pixel = 0; pixel < segments.length; pixel++) if (segments[pixel] !== 0) pixels.push(pixel);
    if (pixels.length <= limit) return Uint32Array.from(pixels);
    return drawWithoutRepetition(pixels.length, limit, fieldRandom(seed, 'pixels', view))
      .map((position) => pixels[position]!)
      .sort();
  };
}

/** A part of all pixels, ascending; the whole image when it has no more than `perView`. */
export function sampledPixels(
  frames: readonly LiftFrame[],
  perView: number,
  seed: number,
): (view: number) => Uint32Array {
  return (view) => {
    const total = frames[view]!.segments.length;
    return drawWithoutRepetition(total, Math.min(total, perView), fieldRandom(seed, 'pixels', view)).sort();
  };
}

/** @throws LiftscopeError naming the first frame whose masks are not of its camera's size. */
export function requireFrames(frames: readonly LiftFrame[]): void {
  for (const { name, view, segments } of frames) {
    const { widthPixels, heightPixels } = view;
    if (segments.length === widthPixels * heightPixels) continue;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The masks of frame ${name} have ${segments.length} pixels; its camera sees ${widthPixels}x${heightPixels}.`,
      hint: 'Give masks of the size of the imported image.',
    });
  }
}

const PURPOSES = {
  pixels: 0x2545f491,
  batches: 0x9e6c63d0,
  initial: 0x1b56c4e9,
  pairs: 0x7feb352d,
  regulariser: 0x846ca68b,
};

/** Uniform [0, 1) numbers that depend on (seed, purpose, index) alone, so that no generator state links the steps. */
export function fieldRandom(seed: number, purpose: keyof typeof PURPOSES, index: number): () => number {
  let a = avalanche(seed ^ PURPOSES[purpose]);
  let b = avalanche(a ^ Math.floor(seed / 2 ** 32) ^ index);
  let c = avalanche(b ^ 0x9e3779b9);
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

function avalanche(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}

/** `count` different numbers below `total`, in random order (Floyd's choice would not be in random order). */
export function drawWithoutRepetition(total: number, count: number, random: () => number): Uint32Array {
  const drawn = new Uint32Array(count);
  if (count * 4 > total) {
    const all = new Uint32Array(total);
    for (let i = 0; i < total; i++) all[i] = i;
    for (let i = 0; i < count; i++) {
      const j = i + Math.floor(random() * (total - i));
      drawn[i] = all[j]!;
      all[j] = all[i]!;
    }
    return drawn;
  }
  // A partial shuffle whose moved places live in a map: the cost is that of what is drawn.
  const moved = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (total - i));
    drawn[i] = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
  }
  return drawn;
}

/** Standard normal deviates (Box-Muller), as float32. */
export function normals(count: number, sigma: number, random: () => number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = sigma * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
