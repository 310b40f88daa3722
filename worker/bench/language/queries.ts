/** Questions to a generated room, with the pixels that answer them: the `language` protocol. */
import type { SceneTruth, TruthObject } from '../../scenes/index.ts';
import type { BenchmarkRandom } from '../random.ts';

export type QueryKind = 'simple' | 'compound' | 'partitive' | 'absent';

export interface RoomQuery {
  readonly text: string;
  readonly kind: QueryKind;
  /** Objects that answer it: whole ones. */
  readonly objects: readonly number[];
  /** Parts that answer it. */
  readonly parts: readonly number[];
}

/** "mug". */
const simpleName = ({ category }: TruthObject): string => category.replaceAll('-', ' ');
/** "red mug". */
const colouredName = (object: TruthObject): string => `${object.colour} ${simpleName(object)}`;

/** Of all queries, one in five. */
const ABSENT_SHARE = 0.2;

/**
 * Every category, every colour and category, one part of every object that has several; a quarter as many again that name
 * nothing here: other categories, colours that no object of a category has, parts of such.
 */
export function roomQueries({ objects, scene }: SceneTruth, random: BenchmarkRandom): RoomQuery[] {
  const present = new Map<string, RoomQuery>();
  const add = (text: string, kind: QueryKind, whole: readonly number[], parts: readonly number[]): void => {
    if (!present.has(text)) present.set(text, { text, kind, objects: whole, parts });
  };
  const ids = (matching: readonly TruthObject[]): number[] => matching.map(({ id }) => id);
  for (const object of objects) {
    add(simpleName(object), 'simple', ids(objects.filter(({ category }) => category === object.category)), []);
    const coloured = objects.filter(({ words }) => words.includes(colouredName(object)));
    if (object.words.includes(colouredName(object))) add(colouredName(object), 'compound', ids(coloured), []);
    if (object.parts.length < 2) continue;
    // Small ones too, but not always the first, which mostly is the body.
    const part = object.parts[Math.floor(random.uniform() * object.parts.length)]!;
    const text = `${part.name} of the ${colouredName(object)}`;
    const matching = objects.flatMap(({ parts }) => parts.filter(({ words }) => words.includes(text)));
    add(text, 'partitive', [], matching.map(({ id }) => id)); // biome-ignore format: one line
  }
  const queries = [...present.values()];
  const wanted = Math.round((ABSENT_SHARE / (1 - ABSENT_SHARE)) * queries.length);
  return [...queries, ...absentQueries({ objects, scene }, wanted, present, random)];
}

function absentQueries(
  { objects, scene }: Pick<SceneTruth, 'objects' | 'scene'>,
  wanted: number,
  present: ReadonlyMap<string, RoomQuery>,
  random: BenchmarkRandom,
): RoomQuery[] {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.uniform() * values.length)]!;
  const here = new Set(objects.map(({ category }) => category));
  const elsewhere = scene.classes.filter(({ name, isThing }) => isThing && !here.has(name)).map(({ name }) => name);
  const colours = [...new Set(objects.map(({ colour }) => colour))];
  const said = new Set(objects.flatMap(({ words }) => words));
  const others = objects.flatMap((object) =>
    colours.map((colour) => `${colour} ${simpleName(object)}`).filter((text) => !said.has(text)),
  );
  const absent = new Map<string, RoomQuery>();
  const makers = [
    () => pick(elsewhere).replaceAll('-', ' '),
    () => pick(others),
    () => {
      const object = pick(objects.filter(({ parts }) => parts.length > 1));
      const colour = pick(colours.filter((name) => !said.has(`${name} ${simpleName(object)}`)));
      return `${pick(object.parts).name} of the ${colour} ${simpleName(object)}`;
    },
  ];
  for (let attempt = 0; absent.size < wanted && attempt < 50 * wanted; attempt++) {
    const text = makers[attempt % makers.length]!();
    if (text.includes('undefined') || present.has(text)) continue;
    absent.set(text, { text, kind: 'absent', objects: [], parts: [] });
  }
  return [...absent.values()];
}

/**
 * The same text about something else: every other colour in place of its own, every other category in place of its own. Who answers to
 * one of these more than to the text is not what was asked for.
 * @param categories, colours all that can be named
 */
export function alternativesOf(text: string, categories: readonly string[], colours: readonly string[]): string[] {
  const names = (some: readonly string[]): string | undefined =>
    some.filter((name) => ` ${text} `.includes(` ${name} `)).sort((a, b) => b.length - a.length)[0];
  const swapped = (own: string | undefined, others: readonly string[]): string[] =>
    own === undefined
      ? []
      : others.filter((other) => other !== own).map((other) => ` ${text} `.replace(` ${own} `, ` ${other} `).trim());
  return [...swapped(names(colours), colours), ...swapped(names(categories), categories)];
}

export interface QueryTruth {
  /** [H·W] 1 inside. */
  readonly mask: Uint8Array;
  readonly areaPx: number;
  /** One for each object or part that answers: [left, top, right, bottom], ends exclusive. */
  readonly boxes: readonly (readonly [number, number, number, number])[];
}

/** @param labels [H·W] instances and parts of one view */
export function truthOf(
  query: RoomQuery,
  labels: { readonly instance: Uint16Array; readonly part: Uint16Array; readonly width: number },
): QueryTruth {
  const { instance, part, width } = labels;
  const [image, wanted] = query.parts.length > 0 ? [part, query.parts] : [instance, query.objects];
  const boxes = new Map<number, [number, number, number, number]>();
  const mask = new Uint8Array(image.length);
  let areaPx = 0;
  for (let i = 0; i < image.length; i++) {
    const id = image[i]!;
    if (id === 0 || !wanted.includes(id)) continue;
    mask[i] = 1;
    areaPx++;
    const [x, y] = [i % width, Math.floor(i / width)];
    const box = boxes.get(id) ?? [x, y, x + 1, y + 1];
    boxes.set(id, [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x + 1), Math.max(box[3], y + 1)]);
  }
  return { mask, areaPx, boxes: [...boxes.values()] };
}
