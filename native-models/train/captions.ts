/** What is said about a crop, which sayings are true of it, and which combinations of attributes are kept for the evaluation. */
import { CATEGORIES, COLOUR_NAMES, type ObjectChoice, patternWord, type Random } from '../../worker/scenes/index.ts';

export type Stuff = 'floor' | 'wall' | 'furniture';

/** What a crop shows. */
export interface Content {
  readonly kind: 'object' | 'part' | 'group' | 'stuff';
  /** The object, the part's object, or both members of a group; none for surroundings. */
  readonly objects: readonly ObjectChoice[];
  readonly part?: string;
  /** Named colour of a plain part. */
  readonly partColour?: string;
  /** Share of its object's visible pixels, or for an object the largest such share of its parts. */
  readonly share?: number;
  readonly stuff?: Stuff;
  /** Whether what surrounds the segment can be seen. */
  readonly context: boolean;
}

/** What a text asks for; everything stated must hold. */
export interface Meaning {
  readonly part?: string;
  readonly partColour?: string;
  readonly category?: string;
  readonly colour?: string;
  readonly pattern?: string;
  readonly material?: string;
  readonly stuff?: Stuff;
  /** Second member of a group. */
  readonly other?: { readonly category: string; readonly colour?: string };
  /** Words that say nothing about what it is: the canonical negatives of relevancy. */
  readonly generic?: 'thing' | 'part' | 'stuff';
  /** A text of unknown words: true of nothing. */
  readonly unknown?: boolean;
}

const GENERIC_WORDS = {
  thing: ['object', 'objects', 'thing', 'things', 'item', 'items', 'something'],
  part: ['part', 'parts', 'piece'],
  stuff: ['stuff', 'texture', 'textures', 'surface', 'background'],
} as const;
const STUFF_WORDS: { readonly [S in Stuff]: readonly string[] } = {
  floor: ['floor', 'ground', 'carpet', 'rug'],
  wall: ['wall', 'walls'],
  furniture: ['furniture', 'cupboard', 'shelf'],
};
const MATERIAL_WORDS: Readonly<Record<string, readonly string[]>> = {
  wood: ['wood', 'wooden'],
  metal: ['metal', 'metallic'],
};
const PATTERN_NOUNS: Readonly<Record<string, string>> = {
  stripes: 'stripes',
  bands: 'bands',
  checker: 'checks',
  dots: 'dots',
  zigzag: 'zigzags',
  waves: 'waves',
  stars: 'stars',
  speckle: 'speckles',
};
const SYNONYMS: Readonly<Record<string, string>> = { grey: 'gray', torch: 'flashlight' };
const ARTICLES = ['', '', 'a', 'the', 'one', 'my', 'this', 'that'];
const OPENINGS = ['', '', '', '', 'a photo of', 'a picture of', 'an image of', 'find', 'show me', 'where is'];
const ENDINGS = ['', '', '', '', '', 'on the floor', 'in the room', 'on the table', 'here', 'please', '?', '.'];
export const UNKNOWN = '[UNK]';

const spoken = (name: string): string => name.replaceAll('-', ' ');

export function plural(name: string): string {
  if (name === 'dice' || name.endsWith('ss') || name === 'scissors' || name === 'blocks') return name;
  if (name === 'knife') return 'knives';
  if (name === 'cactus') return 'cacti';
  if (/(x|ch|sh|s)$/.test(name)) return `${name}es`;
  if (/[^aeou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return `${name}s`;
}

/** Word of a pattern; a plain one is only worth saying where the category has others. */
function patternSaid(category: string | undefined, pattern: string): string | undefined {
  if (pattern !== 'plain') return patternWord(pattern as ObjectChoice['pattern']);
  if (category === undefined) return 'plain';
  const patterns = CATEGORIES.find(({ name }) => name === category)?.patterns ?? [];
  return patterns.some((one) => one !== 'plain') ? 'plain' : undefined;
}

/** Words that name a look wherever they stand; a noun that is also a thing's name does not ("stars"). */
export function lookWords(kind: 'pattern' | 'material' | 'colour', value: string): string[] {
  if (kind === 'material') return [...(MATERIAL_WORDS[value] ?? [value])];
  if (kind === 'colour') return [value, ...(SYNONYMS[value] ? [SYNONYMS[value]] : [])];
  if (value === 'plain') return ['plain'];
  const noun = PATTERN_NOUNS[value];
  const ownName = CATEGORIES.some(({ name }) => plural(name) === noun || name === noun);
  return [patternWord(value as ObjectChoice['pattern'])!, ...(noun && !ownName ? [noun] : [])];
}

const join = (...words: (string | undefined)[]): string => words.filter((word) => word).join(' ');

/** The full description: "red striped ceramic mug", "plain red ceramic mug"; what the evaluation asks with. */
export function describe({ category, colour, pattern, material }: ObjectChoice): string {
  const said = patternSaid(category, pattern);
  const made = material === 'food' ? undefined : material;
  return said === 'plain' ? join(said, colour, made, spoken(category)) : join(colour, said, made, spoken(category));
}

/** One of the ways to say it; a bare one has no words around it. */
export function say(meaning: Meaning, random: Random, bare = false): string {
  if (meaning.unknown) return Array.from({ length: 1 + random.integer(3) }, () => UNKNOWN).join(' ');
  if (meaning.generic) {
    const word = random.pick<string>(GENERIC_WORDS[meaning.generic]);
    return random.chance(0.8) ? word : join(random.pick(ARTICLES), word);
  }
  const article = (): string => random.pick(ARTICLES);
  let text: string;
  if (meaning.stuff) text = join(article(), random.pick(STUFF_WORDS[meaning.stuff]));
  else if (meaning.part) {
    const part = spoken(meaning.part);
    const owner = sayObject(meaning, random);
    const own = join(meaning.partColour, part);
    if (owner === '') text = join(article(), own);
    else {
      const form = random.float();
      if (form < 0.7) text = join(article(), own, 'of', random.pick(['the', 'the', 'a', '']), owner);
      else if (form < 0.85 && !meaning.partColour) text = join(article(), owner, part);
      else text = join(article(), owner, "' s", own);
    }
  } else {
    text = join(article(), sayObject(meaning, random));
    if (meaning.other) {
      text = join(text, random.pick(['and', 'with', 'next to']), article(), meaning.other.colour);
      text = join(text, spoken(meaning.other.category));
    }
  }
  if (bare) return text;
  text = join(random.pick(OPENINGS), text, random.pick(ENDINGS));
  return random.chance(0.06) ? withUnknown(text, random) : text;
}

function sayObject({ category, colour, pattern, material }: Meaning, random: Random): string {
  const shade = colour && random.chance(0.1) ? (SYNONYMS[colour] ?? colour) : colour;
  const made = material && random.pick(MATERIAL_WORDS[material] ?? [material]);
  const said = pattern && patternSaid(category, pattern);
  const noun = category ? spoken(random.chance(0.15) ? (SYNONYMS[category] ?? category) : category) : undefined;
  const named = noun && random.chance(0.1) ? plural(noun) : noun;
  const adjectives = [shade, said, made].filter((word): word is string => word !== undefined);
  // The usual order most of the time; people also say "striped red mug".
  const ordered = said === 'plain' ? [said, ...adjectives.filter((word) => word !== said)] : adjectives;
  const mixed = random.chance(0.25) ? random.shuffle(ordered) : ordered;
  const bare = named ?? (adjectives.length > 0 && random.chance(0.5) ? 'thing' : undefined);
  if (pattern && PATTERN_NOUNS[pattern] && named && random.chance(0.12)) {
    return join(...mixed.filter((word) => word !== said), named, 'with', PATTERN_NOUNS[pattern]);
  }
  if (made && named && random.chance(0.1)) {
    return join(...mixed.filter((word) => word !== made), named, 'made of', material);
  }
  return join(...mixed, bare);
}

function withUnknown(text: string, random: Random): string {
  const words = text.split(' ');
  words.splice(random.integer(words.length + 1), 0, UNKNOWN);
  return words.join(' ');
}

/** Splits as the tokenizer does: runs of letters and digits, runs of other signs. The special words stay whole. */
export function splitWords(text: string): string[] {
  return text.match(/\[UNK\]|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]+/gu) ?? [];
}

/** All words that {@link say} can use, in a fixed order. */
export function vocabulary(parts: readonly string[]): string[] {
  const words = new Set<string>();
  const add = (text: string): void => {
    for (const word of splitWords(text)) if (word !== UNKNOWN) words.add(word);
  };
  for (const list of [
    ...Object.values(GENERIC_WORDS),
    ...Object.values(STUFF_WORDS),
    ...Object.values(MATERIAL_WORDS),
    Object.values(PATTERN_NOUNS),
    Object.values(SYNONYMS),
    ARTICLES,
    OPENINGS,
    ENDINGS,
    COLOUR_NAMES,
    ['plain', 'of', 'with', 'made', 'and', 'next to', "'", 's', 'thing'],
    parts.map(spoken),
  ]) {
    for (const text of list) add(text);
  }
  for (const { name, materials, patterns } of CATEGORIES) {
    add(spoken(name));
    add(plural(spoken(name)));
    for (const material of materials) if (material !== 'food') add(material);
    for (const pattern of patterns) add(patternWord(pattern) ?? '');
  }
  for (const synonym of Object.values(SYNONYMS)) add(plural(synonym));
  return [...words];
}

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  h ^= h >>> 15;
  return Math.imul(h, 2246822519) >>> 0;
}

/** Of a category: its colours and the patterns that are kept for the evaluation. */
interface Kept {
  readonly colours: ReadonlySet<string>;
  readonly patterns: ReadonlySet<string>;
}
const ALL_PATTERNS = [...new Set(CATEGORIES.flatMap(({ patterns }) => patterns))].filter((one) => one !== 'plain');
const KEPT: ReadonlyMap<string, Kept> = new Map(
  CATEGORIES.map(({ name, colours, patterns }): [string, Kept] => {
    const eighth = (kind: string, list: readonly string[]): string[] =>
      list.filter((one) => hash(`${name}/${kind}/${one}`) % 8 === 0);
    return [
      name,
      {
        colours: new Set(colours.length >= 4 ? eighth('colour', colours) : []),
        patterns: new Set(new Set(patterns).size >= 4 ? eighth('pattern', ALL_PATTERNS) : []),
      },
    ];
  }),
);

/**
 * Whether a combination is kept for the evaluation: of categories with four colours or more every eighth colour, of those with
 * four patterns or more every eighth pattern. No crop and no caption of such an object is learned from.
 */
export function isHeldOut({
  category,
  colour,
  pattern,
}: Pick<ObjectChoice, 'category' | 'colour' | 'pattern'>): boolean {
  const { colours, patterns } = KEPT.get(category)!;
  return colours.has(colour) || patterns.has(pattern);
}

/** Whether a text names what would make up, with this category, a combination that is kept for the evaluation. */
function namesKept(category: string, { colour, pattern }: Meaning): boolean {
  const { colours, patterns } = KEPT.get(category)!;
  return (colour !== undefined && colours.has(colour)) || (pattern !== undefined && patterns.has(pattern));
}

/**
 * 1: the text is true of the crop; −1: it is not; 0: one may argue, and nothing is learned from it.
 * @param wider what a member of a group or the owner of a part is called is true of them as well, not open to argument
 */
export function verdict(content: Content, meaning: Meaning, wider = false): -1 | 0 | 1 {
  if (meaning.generic) return 0;
  if (meaning.unknown) return -1;
  if (meaning.stuff || content.kind === 'stuff') return meaning.stuff && meaning.stuff === content.stuff ? 1 : -1;
  if (content.kind === 'group') {
    return wider && !meaning.other && !meaning.part
      ? verdictOfMembers(content, meaning)
      : verdictOfGroup(content, meaning);
  }
  if (meaning.other) {
    const member = content.objects.some(
      ({ category }) => category === meaning.category || category === meaning.other!.category,
    );
    return member ? 0 : -1;
  }
  const object = content.objects[0]!;
  // A star has a part "star", a gift a part "box": the word alone does not tell which is meant.
  const ambiguous =
    (content.part !== undefined && (content.part === meaning.category || content.part === meaning.material)) ||
    (meaning.part !== undefined && meaning.part === object.category);
  const about = fits(object, meaning, content);
  // "Dotted" would be false of every book, were dotted books kept: what training never shows is not to be learned as never.
  if (about === -1 && namesKept(object.category, meaning)) return 0;
  if (about === -1 && !ambiguous) {
    // What is said of the object cannot be seen in a blanked part, so it is no ground to tell it apart.
    if (content.kind !== 'part' || content.context) return -1;
    return meaning.part !== undefined && meaning.part === content.part ? 0 : -1;
  }
  if (ambiguous) return 0;
  if (meaning.part) {
    const whole = (content.share ?? 0) > 0.6;
    if (content.kind === 'object') return whole ? 0 : -1;
    if (meaning.part !== content.part) return -1;
    if (meaning.partColour && content.partColour === undefined) return 0;
    if (meaning.partColour && content.partColour !== meaning.partColour) return -1;
    const speaksOfObject = meaning.category ?? meaning.colour ?? meaning.pattern ?? meaning.material;
    return speaksOfObject && !content.context ? (meaning.category && !meaning.colour ? 1 : 0) : about;
  }
  if (content.kind === 'part') {
    const colourOnly = meaning.colour && !meaning.category && !meaning.pattern && !meaning.material;
    if (colourOnly && content.partColour) return content.partColour === meaning.colour ? 1 : -1;
    return wider && content.context && meaning.category ? about : 0;
  }
  return about;
}

function fits(object: ObjectChoice, meaning: Meaning, content: Content): -1 | 0 | 1 {
  if (meaning.category && meaning.category !== object.category) return -1;
  if (meaning.pattern && meaning.pattern !== object.pattern) return -1;
  if (meaning.material && meaning.material !== object.material) return -1;
  if (meaning.colour && meaning.colour !== object.colour) {
    // "Something red" of a white mug with a red handle.
    if (!meaning.category && object.accent === meaning.colour) return 0;
    if (!meaning.category && content.kind === 'part' && content.partColour === meaning.colour) return 0;
    return -1;
  }
  return 1;
}

function verdictOfMembers(content: Content, meaning: Meaning): -1 | 0 | 1 {
  const about = content.objects.map((object) => fits(object, meaning, content));
  if (about.includes(1)) return 1;
  return about.includes(0) || content.objects.some(({ category }) => namesKept(category, meaning)) ? 0 : -1;
}

function verdictOfGroup(
  { objects }: Content,
  { category, colour, pattern, material, part, other }: Meaning,
): -1 | 0 | 1 {
  const member = (name: string | undefined): boolean => objects.some((object) => object.category === name);
  if (other) {
    const [a, b] = objects as [ObjectChoice, ObjectChoice];
    const is = (one: ObjectChoice, name: string | undefined, shade: string | undefined): boolean =>
      one.category === name && (!shade || one.colour === shade);
    const both =
      (is(a, category, colour) && is(b, other.category, other.colour)) ||
      (is(b, category, colour) && is(a, other.category, other.colour));
    if (both) return 1;
    return member(category) || member(other.category) ? 0 : -1;
  }
  if (category) return member(category) ? 0 : -1;
  return part || colour || pattern || material ? 0 : -1;
}

/** Generic words that are no negatives of the language pipeline, but canonical phrases of its composite: by them it tells scales apart. */
export const SCALE_WORDS: { readonly [word: string]: Content['kind'] } = {
  ...{ thing: 'object', item: 'object', something: 'object' },
  ...{ part: 'part', parts: 'part', piece: 'part' },
};
/** Cosines of a word of scale with what it means, and with all else. */
const SCALE_TARGETS = [0.4, 0.05] as const;

/**
 * Cosine that the generic words have with a crop, around `gate`, the cosine from which a text counts as true.
 * @param text as it was said @param wider words of scale tell whole objects and parts from all else
 */
export function genericTarget(
  content: Content,
  generic: NonNullable<Meaning['generic']>,
  gate: number,
  text: string,
  wider: boolean,
): number {
  const scale = wider ? SCALE_WORDS[splitWords(text).at(-1) ?? ''] : undefined;
  if (scale) return content.kind === scale ? SCALE_TARGETS[0] : SCALE_TARGETS[1];
  const own = content.kind === 'stuff' ? 'stuff' : content.kind === 'part' ? 'part' : 'thing';
  if (generic === own) return gate;
  if (generic === 'stuff') return gate - 0.2;
  return own === 'stuff' ? gate - 0.2 : gate - 0.06;
}

/** A true saying of a crop, of random detail. */
export function trueMeaning(content: Content, random: Random): Meaning {
  if (content.kind === 'stuff') return { stuff: content.stuff! };
  const [object, second] = content.objects as [ObjectChoice, ObjectChoice | undefined];
  if (content.kind === 'group') {
    const coloured = random.chance(0.6);
    const colours = coloured ? [object.colour, second!.colour] : [undefined, undefined];
    return {
      category: object.category,
      ...(colours[0] && { colour: colours[0] }),
      other: { category: second!.category, ...(colours[1] && { colour: colours[1] }) },
    };
  }
  const material = object.material === 'food' ? undefined : object.material;
  const pattern = patternSaid(object.category, object.pattern) === undefined ? undefined : object.pattern;
  const about = (full: number): Meaning => ({
    category: object.category,
    ...(random.chance(full) && { colour: object.colour }),
    ...(pattern && random.chance(full * 0.8) && { pattern }),
    ...(material && random.chance(full * 0.5) && { material }),
  });
  if (content.kind === 'part') {
    const part = {
      part: content.part!,
      ...(content.partColour && random.chance(0.25) && { partColour: content.partColour }),
    };
    if (!content.context || random.chance(0.3)) {
      return random.chance(0.6) ? part : { ...part, category: object.category };
    }
    return { ...part, ...about(0.6) };
  }
  const form = random.float();
  if (form < 0.45) {
    const { category, colour } = object;
    return { category, colour, ...(pattern && { pattern }), ...(material && { material }) };
  }
  if (form < 0.9) return about(0.55);
  if (form < 0.95) return { colour: object.colour };
  return pattern && pattern !== 'plain' ? { colour: object.colour, pattern } : { category: object.category };
}

/** A saying that differs in one thing from a true one; undefined where nothing suitable differs. */
export function nearMiss(meaning: Meaning, random: Random): Meaning | undefined {
  const category = CATEGORIES.find(({ name }) => name === meaning.category);
  const options: (() => Meaning | undefined)[] = [];
  const other = <T>(list: readonly T[], not: T): T | undefined => {
    const rest = [...new Set(list)].filter((one) => one !== not);
    return rest.length > 0 ? random.pick(rest) : undefined;
  };
  if (meaning.colour) {
    options.push(() => {
      const colour = other<string>(category?.colours ?? COLOUR_NAMES, meaning.colour!);
      return colour === undefined ? undefined : { ...meaning, colour };
    });
  }
  if (meaning.pattern && category && new Set(category.patterns).size > 1) {
    options.push(() => {
      const sayable = category.patterns.filter((one) => patternSaid(category.name, one) !== undefined);
      const pattern = other<string>(sayable, meaning.pattern!);
      return pattern === undefined ? undefined : { ...meaning, pattern };
    });
  }
  if (meaning.material && category && category.materials.length > 1) {
    options.push(() => {
      const material = other<string>(category.materials, meaning.material!);
      return material === undefined ? undefined : { ...meaning, material };
    });
  }
  if (meaning.category) {
    options.push(() => ({ ...meaning, category: random.pick(CATEGORIES).name }));
  }
  if (options.length === 0) return undefined;
  const missed = random.pick(options)();
  if (missed?.category) {
    const combination = { category: missed.category, colour: missed.colour ?? '', pattern: missed.pattern ?? 'plain' };
    if (isHeldOut(combination as ObjectChoice)) return undefined;
  }
  return missed;
}
