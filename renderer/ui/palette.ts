import { colourOfNumber } from '../../contract/index.ts';

/** Colour of the n-th thing of a kind, as the host colours objects; repeats. */
export const objectColor = colourOfNumber;

/** Sequential scale for errors, from calm to loud; perceptually ordered and readable without hue (viridis-like end points). */
const ERROR_STOPS = [
  [0x3b, 0x52, 0x8b],
  [0x21, 0x91, 0x8c],
  [0xb5, 0xde, 0x2b],
  [0xfd, 0xa3, 0x31],
  [0xf0, 0x3b, 0x20],
] as const;

/** `fraction` 0 (good) to 1 (bad) as `#rrggbb`. */
export function errorColor(fraction: number): string {
  const clamped = Number.isFinite(fraction) ? Math.max(0, Math.min(1, fraction)) : 0;
  const at = clamped * (ERROR_STOPS.length - 1);
  const low = Math.min(ERROR_STOPS.length - 2, Math.floor(at));
  const mix = [0, 1, 2].map((channel) => {
    const a = ERROR_STOPS[low]?.[channel] ?? 0;
    const b = ERROR_STOPS[low + 1]?.[channel] ?? 0;
    return Math.round(a + (b - a) * (at - low));
  });
  return `#${mix.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
