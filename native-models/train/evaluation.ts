/** How well texts and crops of unseen objects find each other. */
import { type RgbImage, segmentCrop } from '../../worker/images/index.ts';
import {
  CATEGORIES,
  contrastsOf,
  createMessyRoom,
  createRandom,
  createTracer,
  createTurntable,
  type ObjectChoice,
} from '../../worker/scenes/index.ts';
import { describe, isHeldOut } from './captions.ts';

/** A crop's settings: those that the language pipeline uses by default. */
export const CROP = { side: 48, margin: 0.3, context: 0.3 } as const;

const ATTRIBUTES = ['colour', 'pattern', 'material'] as const;
type Attribute = (typeof ATTRIBUTES)[number];

export interface Question {
  readonly choice: ObjectChoice;
  readonly text: string;
  /** For one of a pair: the only attribute in which the pair differs. */
  readonly differsIn?: Attribute;
}

/**
 * 100 objects whose descriptions are pairwise distinct. 60 of them are 30 pairs of one category that differ in one attribute, chosen
 * evenly among those in which the category varies.
 * @param heldOut only combinations that training never showed; else only others
 */
export function questions(seed: string, heldOut: boolean, count = 100, pairs = 30): Question[] {
  const random = createRandom(`mini-clip/questions/${seed}`);
  const all = new Map(
    CATEGORIES.map(({ name, colours, materials, patterns }) => [
      name,
      colours.flatMap((colour) =>
        [...new Set(patterns)].flatMap((pattern) =>
          [...new Set(materials)].map((material) => ({ category: name, colour, pattern, material })),
        ),
      ),
    ]),
  );
  type Combination = Omit<ObjectChoice, 'accent' | 'shapeSeed'>;
  const fitting = new Map<string, Combination[]>(
    [...all].map(([name, list]) => [name, list.filter((one) => isHeldOut(one) === heldOut)]),
  );
  const chosen = new Map<string, Question>();
  const take = (combination: Combination, differsIn?: Attribute): void => {
    const shapeSeed = `${random.seed}/shape/${chosen.size}`;
    const accent = random.pick(contrastsOf(combination.colour));
    const choice: ObjectChoice = { ...combination, accent, shapeSeed };
    const text = describe(choice);
    chosen.set(text, { choice, text, ...(differsIn && { differsIn }) });
  };
  const isNew = (combination: Combination): boolean => !chosen.has(describe(combination as ObjectChoice));
  let deck: string[] = [];
  const next = (): Combination[] => {
    if (deck.length === 0) deck = random.shuffle([...fitting.keys()]);
    return fitting.get(deck.pop()!)!.filter(isNew);
  };
  for (let tries = 0; chosen.size < 2 * pairs && tries < 100_000; tries++) {
    const list = next();
    if (list.length < 2) continue;
    const first = random.pick(list);
    const candidates = ATTRIBUTES.map((attribute) => ({
      attribute,
      twins: list.filter((one) => ATTRIBUTES.every((other) => (one[other] === first[other]) === (other !== attribute))),
    })).filter(({ twins }) => twins.length > 0);
    if (candidates.length === 0) continue;
    const { attribute, twins } = random.pick(candidates);
    take(first, attribute);
    take(random.pick(twins), attribute);
  }
  for (let tries = 0; chosen.size < count && tries < 100_000; tries++) {
    const list = next();
    if (list.length > 0) take(random.pick(list));
  }
  if (chosen.size < count) throw new RangeError(`only ${chosen.size} of ${count} descriptions are possible`);
  return [...chosen.values()];
}

/** One picture of each object, on a stage of its own from a random side. */
export function* photographed(choices: readonly ObjectChoice[], seed: string, size = 128) {
  const scene = createTurntable({ seed: `mini-clip/photos/${seed}`, size, choices });
  const tracer = createTracer(scene.render);
  const random = createRandom(`mini-clip/views/${seed}`);
  const views = scene.frames.length / choices.length;
  for (const [i, object] of scene.objects.entries()) {
    const { rgb, width, height, instance, part } = tracer.render(scene.frames[i * views + random.integer(views)]!.view);
    yield { object, image: { width, height, data: rgb } satisfies RgbImage, instance, part };
  }
}

export function pixelsOf(labels: Uint16Array, label: number): Uint32Array {
  const found: number[] = [];
  labels.forEach((value, i) => {
    if (value === label) found.push(i);
  });
  return Uint32Array.from(found);
}

/** Crops of the objects, one each. @param size of the photo, in pixels */
export function objectCrops(
  choices: readonly ObjectChoice[],
  seed: string,
  { context = CROP.context, size = 128 }: { readonly context?: number; readonly size?: number } = {},
): RgbImage[] {
  return [...photographed(choices, seed, size)].map(({ object, image, instance }) =>
    segmentCrop(image, pixelsOf(instance, object.id), { ...CROP, context }),
  );
}

export interface RoomCrop {
  readonly choice: ObjectChoice;
  readonly text: string;
  readonly crop: RgbImage;
}

/** Objects of messy rooms with distinct descriptions, each in the view that shows most of it: small, cluttered, half hidden. */
export async function roomCrops(seed: string, count = 100, size = 192): Promise<RoomCrop[]> {
  const found = new Map<string, RoomCrop>();
  for (let room = 0; found.size < count; room++) {
    const scene = await createMessyRoom({ seed: `mini-clip/${seed}/${room}`, objects: 25, views: 8, size });
    const tracer = createTracer(scene.render);
    const best = new Map<number, { pixels: Uint32Array; image: RgbImage }>();
    for (const { view } of scene.frames) {
      const { rgb, width, height, instance } = tracer.render(view);
      for (const { id } of scene.objects) {
        const pixels = pixelsOf(instance, id);
        if (pixels.length >= 100 && pixels.length > (best.get(id)?.pixels.length ?? 0)) {
          best.set(id, { pixels, image: { width, height, data: rgb } });
        }
      }
    }
    for (const { id, choice } of scene.objects) {
      const text = describe(choice);
      const seen = best.get(id);
      if (!seen || found.has(text) || found.size >= count) continue;
      found.set(text, { choice, text, crop: segmentCrop(seen.image, seen.pixels, CROP) });
    }
  }
  return [...found.values()];
}

export interface Retrieval {
  /** Share of texts whose nearest crop is theirs, and of crops whose nearest text is theirs. */
  readonly textToImage: number;
  readonly imageToText: number;
  /** Texts that found another crop: [text, the text of what was found]. */
  readonly misses: readonly (readonly [string, string])[];
}

/** @param texts [n, E] and images [n, E], unit rows, the i-th of both belong together */
export function retrieval(
  texts: Float32Array,
  images: Float32Array,
  dimensions: number,
  names: readonly string[],
): Retrieval {
  const count = names.length;
  const cosine = (i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k < dimensions; k++) sum += texts[i * dimensions + k]! * images[j * dimensions + k]!;
    return sum;
  };
  const nearest = (score: (i: number) => number): number => {
    let best = 0;
    for (let i = 1; i < count; i++) if (score(i) > score(best)) best = i;
    return best;
  };
  const found = names.map((_, i) => nearest((j) => cosine(i, j)));
  const named = names.map((_, j) => nearest((i) => cosine(i, j)));
  const right = (list: readonly number[]): number => list.filter((value, i) => value === i).length / count;
  return {
    textToImage: right(found),
    imageToText: right(named),
    misses: found.flatMap((j, i) => (i === j ? [] : [[names[i]!, names[j]!] as const])),
  };
}
