import {
  type ColourName,
  type Mapping,
  type Material,
  type ObjectPart,
  type Pattern,
  paint,
  type Texture,
} from '../model/index.ts';
import type { Random } from '../random.ts';

/** What a builder gets: the object's own look, and the dice for proportions. */
export interface Style {
  readonly colour: ColourName;
  readonly accent: ColourName;
  readonly material: Material;
  readonly pattern: Pattern;
  readonly random: Random;
  /** The main texture. */
  readonly main: Texture;
  /** The main texture mapped flat on box sides, or with another period. */
  painted(options: { mapping?: Mapping; period?: number }): Texture;
  /** Plain accent-coloured paint of the main material. */
  readonly second: Texture;
  /** Plain main-coloured paint. */
  readonly base: Texture;
}

export interface Category {
  readonly name: string;
  readonly colours: readonly ColourName[];
  readonly materials: readonly Material[];
  readonly patterns: readonly Pattern[];
  readonly build: (style: Style) => ObjectPart[];
  /** Shown lying or tumbled without losing its meaning; others are dropped upright. */
  readonly tumbles: boolean;
}

const PERIODS: Partial<Record<Pattern, number>> = {
  stripes: 0.05,
  bands: 0.07,
  checker: 0.08,
  dots: 0.075,
  plaid: 0.07,
  zigzag: 0.06,
  waves: 0.06,
  stars: 0.08,
  marble: 0.1,
  wood: 0.06,
  speckle: 0.05,
};

export function createStyle(
  colour: ColourName,
  accent: ColourName,
  material: Material,
  pattern: Pattern,
  random: Random,
): Style {
  const variation = random.integer(1000);
  const painted = (options: { mapping?: Mapping; period?: number }): Texture =>
    paint(pattern === 'wood' ? [0xb98248, 0x7d4f27] : [colour, accent], material, {
      pattern,
      period: options.period ?? PERIODS[pattern] ?? 0.06,
      mapping: options.mapping ?? 'cylinder',
      variation,
    });
  return {
    colour,
    accent,
    material,
    pattern,
    random,
    main: painted({}),
    painted,
    second: paint(accent, material, { variation }),
    base: paint(colour, material, { variation }),
  };
}

export const ANY_COLOUR: readonly ColourName[] = [
  'red',
  'orange',
  'yellow',
  'green',
  'teal',
  'blue',
  'purple',
  'pink',
  'white',
  'black',
];
export const PATTERNED: readonly Pattern[] = [
  'plain',
  'plain',
  'bands',
  'dots',
  'stripes',
  'checker',
  'zigzag',
  'waves',
];
