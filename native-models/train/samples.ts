/** Batches of crops with captions, drawn from sets of crops. */
import type { RgbImage } from '../../worker/images/index.ts';
import { CATEGORIES, COLOUR_NAMES, patternWord, type Random } from '../../worker/scenes/index.ts';
import { type Content, genericTarget, type Meaning, nearMiss, say, trueMeaning, verdict } from './captions.ts';
import { type CropSet, type Seen, SIDE } from './crops.ts';

export interface Sample {
  readonly seen: Seen;
  readonly set: CropSet;
  readonly index: number;
}

/** Of a batch, so many are objects; then parts, and pairs; the rest surroundings. */
const SHARES = { object: 0.64, part: 0.22, group: 0.07 } as const;

function drawKind(random: Random): Content['kind'] {
  const dice = random.float();
  if (dice < SHARES.object) return 'object';
  if (dice < SHARES.object + SHARES.part) return 'part';
  return dice < SHARES.object + SHARES.part + SHARES.group ? 'group' : 'stuff';
}

/** Samples by what they show, so that rare categories are drawn as often as frequent ones. */
export class SamplePool {
  readonly #byKind = new Map<string, Map<string, Sample[]>>();
  readonly size: number;

  constructor(sets: readonly CropSet[]) {
    this.size = sets.reduce((sum, { seen }) => sum + seen.length, 0);
    for (const set of sets) {
      set.seen.forEach((seen, index) => {
        const { kind, objects, stuff } = seen;
        const group = stuff ?? objects[0]!.category;
        const kinds = this.#byKind.get(kind) ?? new Map<string, Sample[]>();
        this.#byKind.set(kind, kinds);
        const list = kinds.get(group) ?? [];
        kinds.set(group, list);
        list.push({ seen, set, index });
      });
    }
  }

  /** Groups of four of one category, so that most wrong captions of a batch differ in little. */
  draw(count: number, random: Random): Sample[] {
    const drawn: Sample[] = [];
    while (drawn.length < count) {
      const kind = drawKind(random);
      const groups = this.#byKind.get(kind);
      if (!groups) continue;
      const list = groups.get(random.pick([...groups.keys()]))!;
      const repeats = kind === 'object' || kind === 'part' ? 4 : 1;
      for (let i = 0; i < repeats && drawn.length < count; i++) drawn.push(random.pick(list));
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
}

const GENERICS = ['thing', 'thing', 'part', 'stuff', 'stuff'] as const;
const UNKNOWN_TEXTS = 2;
/** Every attribute alone, in every batch: what a word means must not hang on the words that it is seen with. */
const ATTRIBUTES: readonly Meaning[] = [
  ...CATEGORIES.map(({ name }): Meaning => ({ category: name })),
  ...COLOUR_NAMES.map((colour): Meaning => ({ colour })),
  ...[...new Set(CATEGORIES.flatMap(({ patterns }) => patterns))]
    .filter((pattern) => pattern === 'plain' || patternWord(pattern) !== undefined)
    .map((pattern): Meaning => ({ pattern })),
  ...[...new Set(CATEGORIES.flatMap(({ materials }) => materials))]
    .filter((material) => material !== 'food')
    .map((material): Meaning => ({ material })),
];

/** Crops with random context, mirroring and light, and captions: every attribute alone, true ones of each crop, near misses, generic words. */
export function drawBatch(pool: SamplePool, count: number, gate: number, random: Random): Batch {
  const contents: Content[] = [];
  const images = new Float32Array(count * SIDE * SIDE * 3);
  const meanings = new Map<string, Meaning>();
  const want = (meaning: Meaning): void => {
    meanings.set(JSON.stringify(Object.entries(meaning).sort()), meaning);
  };
  for (const meaning of ATTRIBUTES) want(meaning);
  pool.draw(count, random).forEach((sample, i) => {
    const dice = random.float();
    const context = dice < 0.2 ? 0 : dice < 0.9 ? random.range(0.2, 0.4) : 1;
    const content: Content = { ...sample.seen, context: context > 0 };
    contents.push(content);
    augment(sample, context, random, images.subarray(i * SIDE * SIDE * 3, (i + 1) * SIDE * SIDE * 3));
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
  const verdicts = new Int8Array(count * list.length);
  const targets = new Float32Array(count * list.length).fill(Number.NaN);
  contents.forEach((content, i) => {
    list.forEach((meaning, j) => {
      verdicts[i * list.length + j] = verdict(content, meaning);
      if (meaning.generic) targets[i * list.length + j] = genericTarget(content, meaning.generic, gate);
    });
  });
  return { images, texts, short: ATTRIBUTES.length, verdicts, targets };
}

/** What is blanked and what lies outside the picture: the fill of `segmentCrop`. */
const BLANK = 127;

/** The crop as `segmentCrop` makes it with this context, in other light, perhaps mirrored. @param out [side, side, 3], −1 to 1 */
function augment({ set, index }: Sample, context: number, random: Random, out: Float32Array): void {
  const mirrored = random.chance(0.5);
  const [gain, shift] = [random.range(0.82, 1.18), random.range(-0.06, 0.06)];
  const tint = [0, 0, 0].map(() => gain * random.range(0.96, 1.04));
  const noise = random.chance(0.3) ? 0.03 : 0;
  const from = index * SIDE * SIDE;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const to = 3 * (y * SIDE + x);
      const pixel = from + y * SIDE + (mirrored ? SIDE - 1 - x : x);
      const covered = set.mask[pixel]! / 255;
      const kept = covered + (1 - covered) * context;
      for (let c = 0; c < 3; c++) {
        const value = BLANK + kept * (set.rgb[3 * pixel + c]! - BLANK);
        // The blanked parts stay exactly blank.
        const lit = kept === 0 ? normalised(BLANK) : normalised(value) * tint[c]! + shift;
        out[to + c] = noise > 0 ? lit + noise * (random.float() - 0.5) : lit;
      }
    }
  }
}

/** As preprocessor_config.json says: mean and deviation 0.5 of values in [0, 1]. */
const normalised = (byte: number): number => byte / 127.5 - 1;

/** [n, side, side, 3] */
export function pixelValues(images: readonly RgbImage[]): Float32Array {
  const length = images[0]!.data.length;
  const out = new Float32Array(images.length * length);
  images.forEach(({ data }, i) => {
    for (let k = 0; k < length; k++) out[i * length + k] = normalised(data[k]!);
  });
  return out;
}
