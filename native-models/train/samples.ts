/** Batches of crops with captions, drawn from sets of crops. */
import type { RgbImage } from '../../worker/images/index.ts';
import { CATEGORIES, COLOUR_NAMES, patternWord, type Random } from '../../worker/scenes/index.ts';
import { augment, normalised } from './augment.ts';
import {
  type Content,
  genericTarget,
  type Meaning,
  nearMiss,
  SCALE_WORDS,
  say,
  trueMeaning,
  verdict,
} from './captions.ts';
import { type CropSet, type Seen, SIDE } from './crops.ts';
import { PART_NAMES } from './looks.ts';
import type { Rivals } from './loss.ts';

export interface Sample {
  readonly seen: Seen;
  readonly set: CropSet;
  readonly index: number;
}

/** Of a batch, so many are objects; then parts, and pairs; the rest surroundings. */
const SHARES = { object: 0.6, part: 0.27, group: 0.06 } as const;
/** Where scales are learned. */
const WIDER_SHARES = { object: 0.5, part: 0.27, group: 0.17 } as const;

/** Of what rooms and turntables both show, so many come from rooms. */
const ROOM_SHARE = 0.45;

function drawKind(random: Random, { object, part, group }: Record<keyof typeof SHARES, number>): Content['kind'] {
  const dice = random.float();
  if (dice < object) return 'object';
  if (dice < object + part) return 'part';
  return dice < object + part + group ? 'group' : 'stuff';
}

/** Samples of one kind, by where they were seen: in rooms, or on turntables. */
export interface Places {
  readonly room: Sample[];
  readonly turntable: Sample[];
}

export function place(lists: Map<string, Places>, key: string, sample: Sample): void {
  const places = lists.get(key) ?? { room: [], turntable: [] };
  lists.set(key, places);
  places[sample.set.kind === 'room' ? 'room' : 'turntable'].push(sample);
}

/** @param roomShare of what rooms and turntables both show, so many come from rooms */
export function pickSample({ room, turntable }: Places, roomShare: number, random: Random): Sample {
  const fromRoom = turntable.length === 0 || (room.length > 0 && random.chance(roomShare));
  return random.pick(fromRoom ? room : turntable);
}

/** Samples by what they show, so that rare categories are drawn as often as frequent ones. */
export class SamplePool {
  readonly #byKind = new Map<string, Map<string, Places>>();
  readonly size: number;

  constructor(sets: readonly CropSet[]) {
    this.size = sets.reduce((sum, { seen }) => sum + seen.length, 0);
    for (const set of sets) {
      set.seen.forEach((seen, index) => {
        const { kind, objects, stuff } = seen;
        const group = stuff ?? objects[0]!.category;
        const kinds = this.#byKind.get(kind) ?? new Map<string, Places>();
        this.#byKind.set(kind, kinds);
        place(kinds, group, { seen, set, index });
      });
    }
  }

  /** Groups of four of one category, so that most wrong captions of a batch differ in little. */
  draw(count: number, random: Random, wider = false): Sample[] {
    const drawn: Sample[] = [];
    while (drawn.length < count) {
      const kind = drawKind(random, wider ? WIDER_SHARES : SHARES);
      const groups = this.#byKind.get(kind);
      if (!groups) continue;
      const places = groups.get(random.pick([...groups.keys()]))!;
      const repeats = kind === 'object' || kind === 'part' ? 4 : 1;
      for (let i = 0; i < repeats && drawn.length < count; i++) {
        drawn.push(pickSample(places, ROOM_SHARE, random));
      }
    }
    return drawn;
  }
}

export interface Batch {
  /** [B, side, side, 3], −1 to 1. */
  readonly images: Float32Array;
  readonly texts: readonly string[];
  /** So many of the texts come first and are short. */
  readonly short: number;
  /** [B, C] as `verdict` says; 0 for the generic words. */
  readonly verdicts: Int8Array;
  /** [B, C], NaN but for generic words: the cosine they shall have. */
  readonly targets: Float32Array;
  readonly genericWeight: number;
  /** Columns of attributes of one kind. */
  readonly rivals: readonly Rivals[];
}

/** Of the mean squared miss of generic words; and where they tell scales apart. */
const [GENERIC_WEIGHT, SCALE_WEIGHT] = [8, 60];
const GENERICS = ['thing', 'thing', 'part', 'stuff', 'stuff'] as const;
const UNKNOWN_TEXTS = 2;
/**
 * Every attribute alone, in every batch: what a word means must not hang on the words that it is seen with. Those of one kind also compete
 * among themselves only, by this weight: patterns would drown among the other captions, and are the hardest.
 */
const KINDS: readonly { readonly weight: number; readonly meanings: readonly Meaning[] }[] = [
  { weight: 0.5, meanings: CATEGORIES.map(({ name }) => ({ category: name })) },
  { weight: 0.5, meanings: COLOUR_NAMES.map((colour) => ({ colour })) },
  {
    weight: 1,
    meanings: [...new Set(CATEGORIES.flatMap(({ patterns }) => patterns))]
      .filter((pattern) => pattern === 'plain' || patternWord(pattern) !== undefined)
      .map((pattern) => ({ pattern })),
  },
  {
    weight: 0.3,
    meanings: [...new Set(CATEGORIES.flatMap(({ materials }) => materials))]
      .filter((material) => material !== 'food')
      .map((material) => ({ material })),
  },
  { weight: 0.5, meanings: PART_NAMES.map((part) => ({ part })) },
];
const ATTRIBUTES = KINDS.flatMap(({ meanings }) => meanings);
const RIVALS: readonly Rivals[] = KINDS.map(({ weight, meanings }, i) => {
  const from = KINDS.slice(0, i).reduce((sum, kind) => sum + kind.meanings.length, 0);
  return { weight, from, to: from + meanings.length };
});

/**
 * Crops with random context, changed at random, and captions: every attribute alone, true ones of each crop, near misses, generic words.
 * @param wider see `verdict` and `genericTarget`
 */
export function drawBatch(pool: SamplePool, count: number, gate: number, random: Random, wider = false): Batch {
  const contents: Content[] = [];
  const images = new Float32Array(count * SIDE * SIDE * 3);
  const meanings = new Map<string, Meaning>();
  const want = (meaning: Meaning): void => {
    meanings.set(JSON.stringify(Object.entries(meaning).sort()), meaning);
  };
  for (const meaning of ATTRIBUTES) want(meaning);
  const drawn = pool.draw(count, random, wider);
  drawn.forEach((sample, i) => {
    const dice = random.float();
    const context = dice < 0.2 ? 0 : dice < 0.9 ? random.range(0.2, 0.4) : 1;
    const content: Content = { ...sample.seen, context: context > 0 };
    contents.push(content);
    const another = random.pick(drawn);
    augment(
      sample,
      another.seen.kind === 'object' ? another : undefined,
      context,
      random,
      images.subarray(i * SIDE * SIDE * 3, (i + 1) * SIDE * SIDE * 3),
    );
    for (let k = random.chance(0.6) ? 0 : 1; k < 2; k++) {
      const meaning = trueMeaning(content, random);
      want(meaning);
      const missed = random.chance(0.5) ? nearMiss(meaning, random) : undefined;
      if (missed) want(missed);
    }
  });
  const list = [
    ...meanings.values(),
    ...GENERICS.map((generic): Meaning => ({ generic })),
    ...Array.from({ length: UNKNOWN_TEXTS }, (): Meaning => ({ unknown: true })),
  ];
  const texts = list.map((meaning, j) => say(meaning, random, j < ATTRIBUTES.length));
  if (wider) {
    for (const [word, kind] of Object.entries(SCALE_WORDS)) {
      list.push({ generic: kind === 'part' ? 'part' : 'thing' });
      texts.push(word);
    }
  }
  const verdicts = new Int8Array(count * list.length);
  const targets = new Float32Array(count * list.length).fill(Number.NaN);
  contents.forEach((content, i) => {
    list.forEach((meaning, j) => {
      verdicts[i * list.length + j] = verdict(content, meaning, wider);
      if (!meaning.generic) return;
      targets[i * list.length + j] = genericTarget(content, meaning.generic, gate, texts[j]!, wider);
    });
  });
  const genericWeight = wider ? SCALE_WEIGHT : GENERIC_WEIGHT;
  return { images, texts, short: ATTRIBUTES.length, verdicts, targets, genericWeight, rivals: RIVALS };
}

/** [n, side, side, 3] */
export function pixelValues(images: readonly RgbImage[]): Float32Array {
  const length = images[0]!.data.length;
  const out = new Float32Array(images.length * length);
  images.forEach(({ data }, i) => {
    for (let k = 0; k < length; k++) out[i * length + k] = normalised(data[k]!);
  });
  return out;
}
