import type { Mapping, Pattern, Texture } from './texture.ts';

/** Names an observer would use, sRGB. */
const COLOURS = {
  red: 0xc62f2b,
  orange: 0xe5802a,
  yellow: 0xf2cb3b,
  green: 0x46964a,
  teal: 0x2a9896,
  blue: 0x2f63b5,
  purple: 0x7a489e,
  pink: 0xe888a6,
  brown: 0x84532e,
  white: 0xefebe3,
  grey: 0x8c8f93,
  black: 0x2b2b30,
  gold: 0xd9a93a,
  silver: 0xb9bdc2,
} as const;
export type ColourName = keyof typeof COLOURS;
export const COLOUR_NAMES = Object.keys(COLOURS) as readonly ColourName[];

const MATERIALS = {
  ceramic: 0.55,
  plastic: 0.35,
  metal: 0.8,
  glass: 0.7,
  wood: 0.08,
  fabric: 0,
  rubber: 0.1,
  paper: 0.03,
  leather: 0.2,
  wax: 0.15,
  food: 0.15,
  stone: 0.1,
} as const;
export type Material = keyof typeof MATERIALS;

/** How a pattern is said. Patterns that belong to one category (a clock's face) are not worth a word. */
const PATTERN_WORDS: Partial<Record<Pattern, string>> = {
  stripes: 'striped',
  bands: 'banded',
  checker: 'checkered',
  dots: 'dotted',
  plaid: 'plaid',
  zigzag: 'zigzag',
  waves: 'wavy',
  stars: 'starry',
  marble: 'marbled',
  speckle: 'speckled',
  wood: 'wood-grained',
};
export const patternWord = (pattern: Pattern): string | undefined => PATTERN_WORDS[pattern];

export interface PaintOptions {
  readonly pattern?: Pattern;
  readonly period?: number;
  readonly mapping?: Mapping;
  readonly variation?: number;
  readonly metallic?: boolean;
  readonly gloss?: number;
}

/** A texture from colour names or sRGB numbers; the first colour is the named one. */
export function paint(
  colours: ColourName | number | readonly (ColourName | number)[],
  material: Material,
  options: PaintOptions = {},
): Texture {
  const list = typeof colours === 'string' || typeof colours === 'number' ? [colours] : colours;
  return {
    pattern: options.pattern ?? 'plain',
    colours: list.map((colour) => (typeof colour === 'number' ? colour : COLOURS[colour])),
    period: options.period ?? 0.05,
    mapping: options.mapping ?? 'cylinder',
    variation: options.variation ?? 0,
    gloss: options.gloss ?? MATERIALS[material],
    metallic: options.metallic ?? material === 'metal',
  };
}

const CONTRAST: Record<ColourName, readonly ColourName[]> = {
  red: ['white', 'yellow', 'black'],
  orange: ['white', 'blue', 'black'],
  yellow: ['red', 'blue', 'black'],
  green: ['white', 'yellow', 'pink'],
  teal: ['white', 'orange', 'yellow'],
  blue: ['white', 'yellow', 'orange'],
  purple: ['yellow', 'white', 'pink'],
  pink: ['white', 'purple', 'teal'],
  brown: ['white', 'yellow', 'teal'],
  white: ['blue', 'red', 'green', 'purple'],
  grey: ['yellow', 'white', 'red'],
  black: ['white', 'yellow', 'pink'],
  gold: ['black', 'red'],
  silver: ['blue', 'black'],
};
/** Colours that stand out on the given one. */
export const contrastsOf = (colour: ColourName): readonly ColourName[] => CONTRAST[colour];
