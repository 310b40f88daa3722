import {
  type ColourName,
  contrastsOf,
  type Material,
  type ObjectModel,
  type Pattern,
  patternWord,
} from '../model/index.ts';
import type { Random } from '../random.ts';
import { BELONGINGS } from './belongings.ts';
import { type Category, createStyle } from './category.ts';
import { FOOD } from './food.ts';
import { GAMES } from './games.ts';
import { HOUSEHOLD } from './household.ts';
import { TABLEWARE } from './tableware.ts';
import { TOOLS } from './tools.ts';
import { TOYS } from './toys.ts';

export type { Category } from './category.ts';

/** Every kind of object the generator knows, in a fixed order: class ids follow it. */
export const CATEGORIES: readonly Category[] = [
  ...TABLEWARE,
  ...FOOD,
  ...TOYS,
  ...GAMES,
  ...TOOLS,
  ...HOUSEHOLD,
  ...BELONGINGS,
];

const BY_NAME = new Map(CATEGORIES.map((category) => [category.name, category]));

/** Throws a RangeError that lists the known names. */
export function categoryNamed(name: string): Category {
  const category = BY_NAME.get(name);
  if (!category) throw new RangeError(`no object category "${name}"; known: ${[...BY_NAME.keys()].join(', ')}`);
  return category;
}

/** What makes an object this one: equal choices give equal meshes and paint. */
export interface ObjectChoice {
  readonly category: string;
  readonly colour: ColourName;
  readonly accent: ColourName;
  readonly material: Material;
  readonly pattern: Pattern;
  readonly shapeSeed: string;
  /** Index in the same list of the object this one was made to resemble. */
  readonly lookAlikeOf?: number;
}

export function buildObject(choice: ObjectChoice, randomAt: (seed: string) => Random): ObjectModel {
  const style = createStyle(choice.colour, choice.accent, choice.material, choice.pattern, randomAt(choice.shapeSeed));
  const { category, colour, material, pattern } = choice;
  return { category, colour, material, pattern, parts: categoryNamed(category).build(style) };
}

const drawChoice = (category: Category, random: Random, shapeSeed: string): ObjectChoice => {
  const colour = random.pick(category.colours);
  return {
    category: category.name,
    colour,
    accent: random.pick(contrastsOf(colour)),
    material: random.pick(category.materials),
    pattern: random.pick(category.patterns),
    shapeSeed,
  };
};

/** Same shape and category, one visible difference: another colour where the category has one, else another accent. */
const drawLookAlike = (choice: ObjectChoice, index: number, random: Random): ObjectChoice => {
  const category = categoryNamed(choice.category);
  const colours = category.colours.filter((colour) => colour !== choice.colour);
  const patterns = category.patterns.filter((pattern) => pattern !== choice.pattern);
  if (patterns.length > 0 && random.chance(0.4))
    return { ...choice, pattern: random.pick(patterns), lookAlikeOf: index };
  if (colours.length > 0) {
    const colour = random.pick(colours);
    return { ...choice, colour, accent: random.pick(contrastsOf(colour)), lookAlikeOf: index };
  }
  return { ...choice, lookAlikeOf: index };
};

/** Share of objects that repeat an earlier one but for one attribute. */
const LOOK_ALIKE_SHARE = 0.25;

/**
 * Draws `count` objects: categories in shuffled rounds, so that a small scene repeats none by accident, and look-alikes on purpose.
 * `among` restricts the categories.
 */
export function chooseObjects(count: number, random: Random, among: readonly Category[] = CATEGORIES): ObjectChoice[] {
  const choices: ObjectChoice[] = [];
  const originals: number[] = [];
  let deck: Category[] = [];
  const lookAlikes = count < 4 ? 0 : Math.round(count * LOOK_ALIKE_SHARE);
  for (let i = 0; i < count - lookAlikes; i++) {
    if (deck.length === 0) deck = random.shuffle(among);
    originals.push(choices.length);
    choices.push(drawChoice(deck.pop()!, random, `${random.seed}/shape/${i}`));
  }
  // Categories of a single appearance (one colour, one pattern) would give an indistinguishable twin: nobody could name which.
  const twinnable = originals.filter((index) => {
    const category = categoryNamed(choices[index]!.category);
    return category.colours.length > 1 || category.patterns.length > 1;
  });
  const order = random.shuffle(twinnable.length > 0 ? twinnable : originals);
  for (let i = 0; i < lookAlikes; i++) {
    const index = order[i % order.length]!;
    choices.push(drawLookAlike(choices[index]!, index, random));
  }
  return choices;
}

/** How a person would ask for it, most specific first: "red striped ceramic mug", "red striped mug", "red mug", "mug". */
export function wordsFor(choice: Pick<ObjectChoice, 'category' | 'colour' | 'material' | 'pattern'>): string[] {
  const name = choice.category.replaceAll('-', ' ');
  const pattern = patternWord(choice.pattern);
  const material = choice.material === 'food' ? undefined : choice.material;
  const said = (...words: (string | undefined)[]): string => words.filter((word) => word !== undefined).join(' ');
  return [
    ...new Set([
      said(choice.colour, pattern, material, name),
      said(choice.colour, pattern, name),
      said(choice.colour, name),
      ...(pattern ? [said(pattern, name)] : []),
      name,
    ]),
  ];
}
