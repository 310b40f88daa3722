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
export function drawLook({ category: name, shapeSeed }: ObjectChoice, random: Random): Look {
  const category = CATEGORIES.find((one) => one.name === name)!;
  for (let tries = 0; tries < 200; tries++) {
    const usual = tries > 20;
    const from = <T>(own: readonly T[], all: readonly T[], share: number): T =>
      random.pick(usual || random.chance(share) ? own : all);
    const colour = from(category.colours, COLOUR_NAMES, USUAL.colour);
    const choice: ObjectChoice = {
      category: name,
      colour,
      accent: random.pick(contrastsOf(colour)),
      material: from(category.materials, MATERIALS, USUAL.material),
      pattern: from(category.patterns, PATTERNS, USUAL.pattern),
      shapeSeed,
    };
    if (isHeldOut(choice)) continue;
    const textures = buildObject(choice, createRandom).parts.map(({ texture }) => texture);
    const { colours, patterns } = category;
    // Some categories paint themselves: then a foreign colour or pattern cannot be seen.
    if (!colours.includes(colour) && !textures.some((one) => one.colours[0] === rgbOf(colour))) continue;
    if (!patterns.includes(choice.pattern) && !textures.some((one) => one.pattern === choice.pattern)) continue;
    return { choice, textures };
  }
  throw new RangeError(`all looks of ${name} are kept for the evaluation`);
}

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
