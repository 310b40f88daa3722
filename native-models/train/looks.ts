/** Paint that an object of a category may wear in training: every colour, pattern and material, so that none of them hints at another. */
import {
  buildObject,
  CATEGORIES,
  COLOUR_NAMES,
  contrastsOf,
  createRandom,
  type Material,
  type ObjectChoice,
  type Pattern,
  paint,
  type Random,
  type Texture,
} from '../../worker/scenes/index.ts';
import { isHeldOut } from './captions.ts';

/** Of the draws, so many keep to what the category is found in; the rest are of anything. */
const USUAL = { colour: 0.6, pattern: 0.6, material: 0.75 } as const;
/** Of painted turntables. */
const UNUSUAL = { colour: 0.4, pattern: 0.3, material: 0.3 } as const;
const PATTERNED = 0.75;
const PATTERNS: readonly Pattern[] = [
  ...(['plain', 'plain', 'plain', 'bands', 'dots', 'stripes', 'checker', 'zigzag', 'waves'] as const),
  ...(['plaid', 'stars', 'marble', 'speckle'] as const),
];
/** Materials that differ in more than their name. */
const MATERIALS: readonly Material[] = ['metal', 'glass', 'plastic', 'wood', 'ceramic'];

const rgbOf = (colour: ObjectChoice['colour']): number => paint(colour, 'plastic').colours[0]!;
const COLOUR_BY_VALUE = new Map(COLOUR_NAMES.map((name) => [rgbOf(name), name]));

/** Name of a plain texture's colour. */
export function colourOf(texture: Texture): string | undefined {
  return texture.pattern === 'plain' ? COLOUR_BY_VALUE.get(texture.colours[0]!) : undefined;
}

export interface Look {
  readonly choice: ObjectChoice;
  /** One texture for each part of the model. */
  readonly textures: readonly Texture[];
}

/** Another look of the same shape; never a combination that is kept for the evaluation. */
export function drawLook(object: ObjectChoice, random: Random): Look {
  return drawOf(object, random, USUAL, PATTERNS);
}

/** A look of any colour, pattern (plain where none can be seen) and material. Else as {@link drawLook}. */
export function drawPaint(object: ObjectChoice, random: Random): Look {
  const patterned = SHOWS_PATTERN.includes(object.category) && random.chance(PATTERNED);
  const own = SHOWS_MATERIAL.includes(object.category) ? UNUSUAL : { ...UNUSUAL, material: 1 };
  return drawOf(object, random, own, patterned ? PATTERNS.filter((one) => one !== 'plain') : PATTERNS, patterned);
}

type Shares = Record<'colour' | 'pattern' | 'material', number>;

function drawOf(
  { category: name, shapeSeed }: ObjectChoice,
  random: Random,
  usually: Shares,
  patterns: readonly Pattern[],
  patterned = false,
): Look {
  const category = CATEGORIES.find((one) => one.name === name)!;
  const worn = category.patterns.filter((one) => !patterned || one !== 'plain');
  for (let tries = 0; tries < 200; tries++) {
    const usual = tries > 20;
    const from = <T>(own: readonly T[], all: readonly T[], share: number): T =>
      random.pick(own.length > 0 && (usual || random.chance(share)) ? own : all);
    const colour = from(category.colours, COLOUR_NAMES, usually.colour);
    const choice: ObjectChoice = {
      category: name,
      colour,
      accent: random.pick(contrastsOf(colour)),
      material: from(category.materials, MATERIALS, usually.material),
      pattern: from(worn, patterns, usually.pattern),
      shapeSeed,
    };
    if (isHeldOut(choice)) continue;
    const textures = texturesOf(choice);
    // Some categories paint themselves: then a foreign colour or pattern cannot be seen.
    if (!category.colours.includes(colour) && !textures.some((one) => one.colours[0] === rgbOf(colour))) continue;
    if (!category.patterns.includes(choice.pattern) && !textures.some((one) => one.pattern === choice.pattern))
      continue;
    return { choice, textures };
  }
  throw new RangeError(`all looks of ${name} are kept for the evaluation`);
}

const texturesOf = (choice: ObjectChoice): Texture[] =>
  buildObject(choice, createRandom).parts.map(({ texture }) => texture);

/** Categories of which some part looks different with another such value. */
function showing(shows: (textures: (own: Partial<ObjectChoice>) => Texture[]) => boolean): string[] {
  return CATEGORIES.filter(({ name, colours }) =>
    shows((own) =>
      texturesOf({
        ...{ category: name, colour: colours[0]!, accent: 'white', material: 'ceramic', pattern: 'plain' },
        ...{ shapeSeed: 'shows', ...own },
      }),
    ),
  ).map(({ name }) => name);
}

/** Categories that can be seen to wear any pattern; the others paint themselves. */
export const SHOWS_PATTERN: readonly string[] = showing((textures) =>
  (['dots', 'zigzag'] as const).every((pattern) => textures({ pattern }).some((one) => one.pattern === pattern)),
);
/** Categories whose gloss is that of their material. */
export const SHOWS_MATERIAL: readonly string[] = showing((textures) => {
  const [wood, metal] = (['wood', 'metal'] as const).map((material) => textures({ material }));
  return wood!.some(({ gloss }, i) => gloss !== metal![i]!.gloss);
});

/** Those of painted turntables: any pattern, or one of several materials, can be seen on them. */
export const PAINTED: readonly string[] = CATEGORIES.filter(
  ({ name, materials }) =>
    SHOWS_PATTERN.includes(name) || (SHOWS_MATERIAL.includes(name) && new Set(materials).size > 1),
).map(({ name }) => name);

function partNames(): string[] {
  const names = new Set<string>();
  for (const { name, colours, materials, patterns } of CATEGORIES) {
    // Some parts come and go with the shape.
    for (let shape = 0; shape < 4; shape++) {
      const choice: ObjectChoice = {
        ...{ category: name, colour: colours[0]!, accent: 'white', material: materials[0]!, pattern: patterns[0]! },
        shapeSeed: `parts/${shape}`,
      };
      for (const part of buildObject(choice, createRandom).parts) names.add(part.name);
    }
  }
  return [...names].sort();
}

/** Names of all parts that objects have, in order. */
export const PART_NAMES: readonly string[] = partNames();
