/** Makes of one kept crop many: moved, turned, coarse, half hidden, with the masks that segmenters make, in other light. */
import type { Random } from '../../worker/scenes/index.ts';
import { coarse, SIDE } from './crops.ts';
import type { Sample } from './samples.ts';

/** What is blanked and what lies outside the picture: the fill of `segmentCrop`. */
const BLANK = 127;
const PIXELS = SIDE * SIDE;
/** How often crops are coarser than kept, hidden by another object, before another one, with a redrawn boundary, cut off, leaking, noisy. */
const OFTEN = { coarse: 0.12, hidden: 0.15, before: 0.15, boundary: 0.4, cut: 0.06, leak: 0.06, noise: 0.3 } as const;
/** Least share of the segment that stays when it is hidden or cut off. */
const LEAST_LEFT = 0.5;

/** As preprocessor_config.json says: mean and deviation 0.5 of values in [0, 1]. */
export const normalised = (byte: number): number => byte / 127.5 - 1;

/** A crop in work. */
interface Layer {
  /** [side, side, 3], 0 to 255. */
  readonly rgb: Float32Array;
  /** [side, side], 0 to 1. */
  readonly mask: Float32Array;
}
const layer = (): Layer => ({ rgb: new Float32Array(3 * PIXELS), mask: new Float32Array(PIXELS) });
const [own, other] = [layer(), layer()];
const [left, blurred] = [new Float32Array(PIXELS), new Float32Array(PIXELS)];

/** From pixels of the result to those of the crop, relative to the middle of both. */
type Move = readonly [xx: number, xy: number, yx: number, yy: number, x: number, y: number];

function move(angle: number, zoom: number, stretch: number, mirrored: boolean, x: number, y: number): Move {
  const [c, s] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom];
  const [h, v] = [(mirrored ? -1 : 1) / stretch, stretch];
  return [h * c, h * s, -v * s, v * c, x, y];
}

/** Bilinear; outside of the crop all is blank. */
function place(rgb: Uint8Array, mask: Uint8Array, [xx, xy, yx, yy, shiftX, shiftY]: Move, to: Layer): void {
  const middle = (SIDE - 1) / 2;
  const [toRgb, toMask] = [to.rgb, to.mask];
  for (let y = 0, p = 0; y < SIDE; y++) {
    const dy = y - middle - shiftY;
    for (let x = 0; x < SIDE; x++, p++) {
      const dx = x - middle - shiftX;
      // Kept within one pixel of the crop, where all is blank in any case.
      const u = Math.max(-1, Math.min(SIDE, xx * dx + xy * dy + middle));
      const v = Math.max(-1, Math.min(SIDE, yx * dx + yy * dy + middle));
      const u0 = Math.floor(u);
      const v0 = Math.floor(v);
      let r = 0;
      let g = 0;
      let b = 0;
      let m = 0;
      let inside = 0;
      for (let k = 0; k < 4; k++) {
        const px = u0 + (k & 1);
        const py = v0 + (k >> 1);
        if (px < 0 || py < 0 || px >= SIDE || py >= SIDE) continue;
        const share = (k & 1 ? u - u0 : 1 - u + u0) * (k >> 1 ? v - v0 : 1 - v + v0);
        const at = py * SIDE + px;
        r += share * rgb[3 * at]!;
        g += share * rgb[3 * at + 1]!;
        b += share * rgb[3 * at + 2]!;
        m += share * mask[at]!;
        inside += share;
      }
      const blank = (1 - inside) * BLANK;
      toRgb[3 * p] = r + blank;
      toRgb[3 * p + 1] = g + blank;
      toRgb[3 * p + 2] = b + blank;
      toMask[p] = m / 255;
    }
  }
}

function total(mask: Float32Array): number {
  let sum = 0;
  for (let p = 0; p < PIXELS; p++) sum += mask[p]!;
  return sum;
}

/** Keeps the mask in `left` where enough of it stays. */
function keepLeft(mask: Float32Array): boolean {
  if (total(left) < LEAST_LEFT * total(mask)) return false;
  mask.set(left);
  return true;
}

const pixelsOf = ({ set, index }: Sample): [Uint8Array, Uint8Array] => [
  set.rgb.subarray(3 * PIXELS * index, 3 * PIXELS * (index + 1)),
  set.mask.subarray(PIXELS * index, PIXELS * (index + 1)),
];

/** Another object before or behind this one, as in a messy room. */
function clutter(sample: Sample, hides: boolean, random: Random): void {
  const direction = random.range(0, 2 * Math.PI);
  const distance = SIDE * random.range(0.25, 0.6);
  const [x, y] = [distance * Math.cos(direction), distance * Math.sin(direction)];
  place(...pixelsOf(sample), move(random.range(-0.3, 0.3), random.range(0.6, 1.2), 1, random.chance(0.5), x, y), other);
  for (let p = 0; p < PIXELS; p++) left[p] = own.mask[p]! * (1 - other.mask[p]!);
  if (hides && !keepLeft(own.mask)) return;
  for (let p = 0; p < PIXELS; p++) {
    const share = hides ? other.mask[p]! : other.mask[p]! * (1 - own.mask[p]!);
    for (let k = 3 * p; k < 3 * p + 3; k++) own.rgb[k] = own.rgb[k]! + share * (other.rgb[k]! - own.rgb[k]!);
  }
}

/** Sums over 5 pixels along one axis. */
function smooth(from: Float32Array, to: Float32Array, step: number, across: number): void {
  for (let line = 0; line < SIDE; line++) {
    const start = line * across;
    let sum = from[start]! + from[start + step]!;
    for (let i = 0; i < SIDE; i++) {
      if (i + 2 < SIDE) sum += from[start + (i + 2) * step]!;
      if (i > 2) sum -= from[start + (i - 3) * step]!;
      to[start + i * step] = sum / 5;
    }
  }
}

/** Grown or shrunken by some pixels, small holes and corners gone. */
function redraw(mask: Float32Array, random: Random): void {
  smooth(mask, left, 1, SIDE);
  smooth(left, blurred, SIDE, 1);
  const threshold = random.range(0.25, 0.75);
  for (let p = 0; p < PIXELS; p++) left[p] = Math.max(0, Math.min(1, (blurred[p]! - threshold) * 3 + 0.5));
  keepLeft(mask);
}

/** Only what lies on one side of a line. */
function cut(mask: Float32Array, random: Random): void {
  const angle = random.range(0, 2 * Math.PI);
  const [x, y, offset] = [Math.cos(angle), Math.sin(angle), SIDE * random.range(0, 0.25)];
  const middle = (SIDE - 1) / 2;
  for (let p = 0; p < PIXELS; p++) {
    const along = x * ((p % SIDE) - middle) + y * (Math.floor(p / SIDE) - middle);
    left[p] = along < offset ? mask[p]! : 0;
  }
  keepLeft(mask);
}

/** A round piece of what surrounds it counts as its own. */
function leak(mask: Float32Array, random: Random): void {
  const [x, y] = [SIDE * random.range(0.15, 0.85), SIDE * random.range(0.15, 0.85)];
  const radius = random.range(3, 7);
  for (let p = 0; p < PIXELS; p++) {
    if (Math.hypot((p % SIDE) - x, Math.floor(p / SIDE) - y) < radius) mask[p] = 1;
  }
}

/**
 * The crop as `segmentCrop` makes it with this context, changed.
 * @param another an object that may stand before or behind it
 * @param out [side, side, 3], −1 to 1
 */
export function augment(
  sample: Sample,
  another: Sample | undefined,
  context: number,
  random: Random,
  out: Float32Array,
): void {
  let [rgb, mask] = pixelsOf(sample);
  const whole = sample.seen.kind !== 'part';
  // Parts are thin and small already: a redrawn or a coarser one may be anything.
  if (whole && random.chance(OFTEN.coarse)) {
    const side = 14 + random.integer(24);
    [rgb, mask] = [coarse(rgb, 3, side), coarse(mask, 1, side)];
  }
  const angle = random.chance(0.6) ? random.range(-0.25, 0.25) : 0;
  const shift = [0, 0].map(() => SIDE * random.range(-0.06, 0.06));
  const [zoom, stretch] = [random.range(0.85, 1.2), random.range(0.94, 1.06)];
  place(rgb, mask, move(angle, zoom, stretch, random.chance(0.5), shift[0]!, shift[1]!), own);
  if (another && context < 1 && whole) {
    const dice = random.float();
    if (dice < OFTEN.hidden + OFTEN.before) clutter(another, dice < OFTEN.hidden, random);
  }
  if (whole && random.chance(OFTEN.boundary)) redraw(own.mask, random);
  if (whole && random.chance(OFTEN.cut)) cut(own.mask, random);
  if (whole && random.chance(OFTEN.leak)) leak(own.mask, random);
  const [gain, brightness] = [random.range(0.82, 1.18), random.range(-0.06, 0.06)];
  const tint = [0, 0, 0].map(() => gain * random.range(0.95, 1.05));
  const noise = random.chance(OFTEN.noise) ? 0.04 : 0;
  for (let p = 0; p < PIXELS; p++) {
    const covered = own.mask[p]!;
    const kept = covered + (1 - covered) * context;
    for (let c = 0; c < 3; c++) {
      const value = BLANK + kept * (own.rgb[3 * p + c]! - BLANK);
      // The blanked parts stay exactly blank.
      const lit = kept === 0 ? normalised(BLANK) : normalised(value) * tint[c]! + brightness;
      out[3 * p + c] = noise > 0 ? lit + noise * (random.float() - 0.5) : lit;
    }
  }
}
