/**
 * Categorical colours that stay apart with the common colour-vision deficiencies: Okabe & Ito, "Color Universal Design" (2008), with
 * black left out (it vanishes on a dark canvas) and two tints added from Tol's muted scheme.
 */
export const OBJECT_COLORS = [
  '#e69f00',
  '#56b4e9',
  '#009e73',
  '#f0e442',
  '#0072b2',
  '#d55e00',
  '#cc79a7',
  '#88ccee',
  '#ddcc77',
  '#aa4499',
] as const;

/** Colour of the n-th thing of a kind; repeats after ten. */
export function objectColor(index: number): string {
  return OBJECT_COLORS[((index % OBJECT_COLORS.length) + OBJECT_COLORS.length) % OBJECT_COLORS.length] as string;
}

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
