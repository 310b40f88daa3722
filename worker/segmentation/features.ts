/** What the graph segmenter looks at: smoothed CIELAB colour, and creases and jumps of a depth map. */
import type { PlanarImage } from '../images/index.ts';

/** D65 white. */
const WHITE = [0.950_47, 1, 1.088_83] as const;

/** sRGB byte to linear light. */
const LINEAR = Float64Array.from({ length: 256 }, (_, byte) => {
  const value = byte / 255;
  return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

const labCurve = (t: number): number => (t > 216 / 24_389 ? Math.cbrt(t) : (24_389 / 27 / 116) * t + 16 / 116);

/** CIELAB (D65) of an sRGB image: [3, H, W], L in 0 … 100, a and b about −110 … 110. */
export function labOfImage({ width, height, data }: PlanarImage): Float32Array {
  const pixels = width * height;
  const lab = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const r = LINEAR[data[i]!]!;
    const g = LINEAR[data[pixels + i]!]!;
    const b = LINEAR[data[2 * pixels + i]!]!;
    const x = labCurve((0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / WHITE[0]);
    const y = labCurve((0.212_672_9 * r + 0.715_152_2 * g + 0.072_175 * b) / WHITE[1]);
    const z = labCurve((0.019_333_9 * r + 0.119_192 * g + 0.950_304_1 * b) / WHITE[2]);
    lab[i] = 116 * y - 16;
    lab[pixels + i] = 500 * (x - y);
    lab[2 * pixels + i] = 200 * (y - z);
  }
  return lab;
}

/** Separable Gaussian, edges repeated. @param planes [C, H, W] @returns [C, H, W] */
export function smoothed(planes: Float32Array, width: number, height: number, sigmaPx: number): Float32Array {
  if (sigmaPx <= 0) return planes;
  const reach = Math.max(1, Math.ceil(2.5 * sigmaPx));
  const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigmaPx ** 2)),
  );
  const sum = taps.reduce((total, tap) => total + tap, 0);
  for (let i = 0; i < taps.length; i++) taps[i]! /= sum;
  const out = new Float32Array(planes.length);
  const line = new Float64Array(Math.max(width, height) + 2 * reach);
  const pass = (from: Float32Array, to: Float32Array, start: number, step: number, length: number): void => {
    for (let i = 0; i < length + 2 * reach; i++) {
      line[i] = from[start + Math.min(length - 1, Math.max(0, i - reach)) * step]!;
    }
    for (let i = 0; i < length; i++) {
      let value = 0;
      for (let k = 0; k < taps.length; k++) value += taps[k]! * line[i + k]!;
      to[start + i * step] = value;
    }
  };
  for (let plane = 0; plane < planes.length; plane += width * height) {
    for (let y = 0; y < height; y++) pass(planes, out, plane + y * width, 1, width);
    for (let x = 0; x < width; x++) pass(out, out, plane + x, width, height);
  }
  return out;
}

export interface DepthJumps {
  /** [H, W] between a pixel and its right neighbour; NaN where it is not known. */
  readonly right: Float32Array;
  /** [H, W] between a pixel and the one below. */
  readonly down: Float32Array;
  /** [H, W] the part of a jump that falls on the step between the two pixels itself, ≥ 0: where exactly the outline runs. */
  readonly stepRight: Float32Array;
  readonly stepDown: Float32Array;
}

/** Jumps below this share of the depth are noise as far as a single pixel is concerned. */
const LEAST_STEP = 0.03;

/**
 * By how much log depth jumps between neighbouring pixels, with its sign: the difference across `reachPx` on either side less
 * what the slopes of both sides explain, so that a plane, however oblique, has none. The depth of splats is noisy from pixel
 * to pixel; summed along a border with their signs the jumps of noise cancel and those of an outline do not.
 * @param depth [H, W] expected depth; 0 or not finite where nothing is covered
 */
export function depthJumps(depth: Float32Array, width: number, height: number, reachPx: number): DepthJumps {
  const logDepth = despeckled(
    Float32Array.from(depth, (z) => (z > 0 && Number.isFinite(z) ? Math.log(z) : Number.NaN)),
    width,
    height,
    Math.max(1, Math.round(reachPx / 2)),
  );
  const right = new Float32Array(depth.length).fill(Number.NaN);
  const down = new Float32Array(depth.length).fill(Number.NaN);
  const stepRight = new Float32Array(depth.length);
  const stepDown = new Float32Array(depth.length);
  const along = (
    out: Float32Array,
    step: Float32Array,
    i: number,
    at: number,
    length: number,
    stride: number,
  ): void => {
    const value = (offset: number): number =>
      logDepth[i + (Math.min(length - 1, Math.max(0, at + offset)) - at) * stride]!;
    const [near, far] = [value(-reachPx), value(1 + reachPx)];
    const before = near - value(-2 * reachPx);
    const after = value(1 + 2 * reachPx) - far;
    // The slopes count over the whole distance, 2 reach + 1 pixels, measured over reach pixels each.
    const slope = ((before + after) / 2) * (2 + 1 / reachPx);
    const jump = far - near;
    // A slope may explain a jump away, never turn it round.
    out[i] = Math.sign(jump) * Math.max(0, Math.abs(jump) - Math.abs(slope));
    if (Number.isNaN(slope)) out[i] = Number.isNaN(jump) ? Number.NaN : jump;
    if (Math.abs(out[i]!) > LEAST_STEP) step[i] = Math.abs(logDepth[i + stride]! - logDepth[i]!) || 0;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x + 1 < width) along(right, stepRight, i, x, width, 1);
      if (y + 1 < height) along(down, stepDown, i, y, height, width);
    }
  }
  return { right, down, stepRight, stepDown };
}

/** Median of the known values among nine pixels `stepPx` apart; NaN where none of them is known. */
function despeckled(values: Float32Array, width: number, height: number, stepPx: number): Float32Array {
  const out = new Float32Array(values.length);
  const known = new Float32Array(9);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let count = 0;
      for (let dy = -stepPx; dy <= stepPx; dy += stepPx) {
        const row = Math.min(height - 1, Math.max(0, y + dy)) * width;
        for (let dx = -stepPx; dx <= stepPx; dx += stepPx) {
          const value = values[row + Math.min(width - 1, Math.max(0, x + dx))]!;
          if (Number.isNaN(value)) continue;
          // Insertion keeps the few values sorted.
          let at = count++;
          for (; at > 0 && known[at - 1]! > value; at--) known[at] = known[at - 1]!;
          known[at] = value;
        }
      }
      out[y * width + x] = count === 0 ? Number.NaN : known[count >> 1]!;
    }
  }
  return out;
}
