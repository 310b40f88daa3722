/** The heat map of an object: how much of each pixel belongs to it, in colours with a fixed range. */
import { errorColor } from '../../ui/index.ts';

const STEPS = 256;
/** Below this share the photo shows through, so that what is nothing is not painted. */
const FULL_FROM = 0.1;

/** RGBA [256]: the colour of each grey value. Opaque from 10 % on. */
export function heatTable(): Uint32Array {
  const table = new Uint32Array(STEPS);
  for (let value = 0; value < STEPS; value++) {
    const share = value / (STEPS - 1);
    const rgb = Number.parseInt(errorColor(share).slice(1), 16);
    const alpha = Math.round(255 * Math.min(1, share / FULL_FROM));
    // Little endian: bytes red, green, blue, alpha.
    table[value] = ((alpha << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
  }
  return table;
}

/** Coloured in place of its grey values. RGBA [H * W * 4], any of the three channels. */
export function paintHeat(rgba: Uint8ClampedArray<ArrayBuffer>, table: Uint32Array): void {
  const words = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = table[rgba[4 * i]!]!;
}

/** The whole range as CSS, for the legend. */
export function heatGradient(): string {
  const stops = Array.from({ length: 9 }, (_, i) => errorColor(i / 8));
  return `linear-gradient(90deg, ${stops.join(', ')})`;
}
