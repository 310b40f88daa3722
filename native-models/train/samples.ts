/** Segments of the pictures, and batches of crops with captions drawn from them. */
import { type RgbImage, segmentCrop } from '../../worker/images/index.ts';
import type { ObjectChoice, Random } from '../../worker/scenes/index.ts';
import {
  type Content,
  genericTarget,
  type Meaning,
  nearMiss,
  type Stuff,
  say,
  trueMeaning,
  verdict,
} from './captions.ts';
import type { PictureSet } from './pictures.ts';

/** A segment of one picture. */
export interface Sample {
  readonly content: Omit<Content, 'context'>;
  readonly image: RgbImage;
  readonly pixels: Uint32Array;
  /** Scene and object ids, to tell different objects apart. */
  readonly key: string;
}

/** Fewest visible pixels of an object and of a part. */
const LEAST_OBJECT = 60;
const LEAST_PART = 14;
const STUFF = new Set(['floor', 'wall', 'furniture']);
const STUFF_REGIONS = 3;

/** Segments of objects, their parts, pairs of neighbours and patches of the surroundings. */
export function samplesOf(set: PictureSet, keep: (choice: ObjectChoice) => boolean, random: Random): Sample[] {
  const samples: Sample[] = [];
  const { width, height } = set;
  const size = width * height;
  const objects = new Map(set.objects.map((object) => [object.id, object]));
  const parts = new Map(
    set.objects.flatMap((object) => object.parts.map((part) => [part.id, { ...part, object }] as const)),
  );
  for (let k = 0; k < set.count; k++) {
    const image: RgbImage = { width, height, data: set.rgb.subarray(k * size * 3, (k + 1) * size * 3) };
    const byInstance = pixelsByLabel(set.instance.subarray(k * size, (k + 1) * size));
    const byPart = pixelsByLabel(set.part.subarray(k * size, (k + 1) * size));
    const largest = new Map<number, number>();
    for (const [id, pixels] of byPart) {
      const { object, name, colour } = parts.get(id)!;
      const share = pixels.length / byInstance.get(object.id)!.length;
      largest.set(object.id, Math.max(share, largest.get(object.id) ?? 0));
      if (pixels.length < LEAST_PART || !keep(object.choice)) continue;
      const content = { kind: 'part', objects: [object.choice], part: name, share } as const;
      const key = `${set.scene}/${object.id}`;
      samples.push({ content: { ...content, ...(colour !== null && { partColour: colour }) }, image, pixels, key });
    }
    const seen: number[] = [];
    for (const [id, pixels] of byInstance) {
      const choice = objects.get(id)!.choice;
      if (pixels.length < LEAST_OBJECT || !keep(choice)) continue;
      seen.push(id);
      const content = { kind: 'object', objects: [choice], share: largest.get(id)! } as const;
      samples.push({ content, image, pixels, key: `${set.scene}/${id}` });
    }
    for (const [a, b] of neighbours(seen, byInstance, width)) {
      const pixels = Uint32Array.from([...byInstance.get(a)!, ...byInstance.get(b)!]).sort();
      const content = { kind: 'group', objects: [objects.get(a)!.choice, objects.get(b)!.choice] } as const;
      samples.push({ content, image, pixels, key: `${set.scene}/${a}+${b}` });
    }
    samples.push(...patches(set, k, image, random));
  }
  return samples;
}

function pixelsByLabel(labels: Uint16Array): Map<number, Uint32Array> {
  const counts = new Map<number, number>();
  for (const label of labels) if (label > 0) counts.set(label, (counts.get(label) ?? 0) + 1);
  const lists = new Map([...counts].map(([label, count]) => [label, new Uint32Array(count)]));
  const next = new Map([...counts.keys()].map((label) => [label, 0]));
  labels.forEach((label, i) => {
    if (label === 0) return;
    const at = next.get(label)!;
    lists.get(label)![at] = i;
    next.set(label, at + 1);
  });
  return lists;
}

/** Pairs whose boxes overlap, each object in at most one. */
function neighbours(ids: readonly number[], pixels: ReadonlyMap<number, Uint32Array>, width: number) {
  const boxes = ids.map((id) => {
    let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
    for (const index of pixels.get(id)!) {
      const x = index % width;
      const y = Math.floor(index / width);
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
    return { left, top, right, bottom };
  });
  const pairs: [number, number][] = [];
  const taken = new Set<number>();
  ids.forEach((a, i) => {
    ids.forEach((b, j) => {
      if (j <= i || taken.has(a) || taken.has(b)) return;
      const [p, q] = [boxes[i]!, boxes[j]!];
      if (p.left > q.right || q.left > p.right || p.top > q.bottom || q.top > p.bottom) return;
      pairs.push([a, b]);
      taken.add(a).add(b);
    });
  });
  return pairs;
}

/** Some regions of floor, walls and furniture: what of one class lies in a random box. */
function patches(set: PictureSet, k: number, image: RgbImage, random: Random): Sample[] {
  const { width, height } = set;
  const classes = set.classId.subarray(k * width * height, (k + 1) * width * height);
  const found: Sample[] = [];
  for (let n = 0; n < STUFF_REGIONS; n++) {
    const side = Math.round(width * random.range(0.12, 0.6));
    const [left, top] = [random.integer(width - side), random.integer(height - side)];
    const name = set.classes[classes[(top + (side >> 1)) * width + left + (side >> 1)]!];
    if (name === undefined || !STUFF.has(name)) continue;
    const pixels: number[] = [];
    for (let y = top; y < top + side; y++) {
      for (let x = left; x < left + side; x++) {
        if (set.classes[classes[y * width + x]!] === name) pixels.push(y * width + x);
      }
    }
    if (pixels.length < LEAST_OBJECT) continue;
    const content = { kind: 'stuff', objects: [], stuff: name as Stuff } as const;
    found.push({ content, image, pixels: Uint32Array.from(pixels), key: `${set.scene}/stuff` });
  }
  return found;
}

/** Samples by what they show, so that rare categories are drawn as often as frequent ones. */
export class SamplePool {
  readonly #byKind = new Map<string, Map<string, Sample[]>>();
  readonly size: number;

  constructor(samples: readonly Sample[]) {
    this.size = samples.length;
    for (const sample of samples) {
      const { kind, objects, stuff } = sample.content;
      const group = stuff ?? objects[0]!.category;
      const kinds = this.#byKind.get(kind) ?? new Map<string, Sample[]>();
      this.#byKind.set(kind, kinds);
      const list = kinds.get(group) ?? [];
      kinds.set(group, list);
      list.push(sample);
    }
  }

  /** Groups of three of one category, so that most wrong captions of a batch differ in little. */
  draw(count: number, random: Random): Sample[] {
    const drawn: Sample[] = [];
    while (drawn.length < count) {
      const dice = random.float();
      const kind = dice < 0.56 ? 'object' : dice < 0.88 ? 'part' : dice < 0.94 ? 'group' : 'stuff';
      const groups = this.#byKind.get(kind);
      if (!groups) continue;
      const list = groups.get(random.pick([...groups.keys()]))!;
      const repeats = kind === 'object' || kind === 'part' ? 3 : 1;
      for (let i = 0; i < repeats && drawn.length < count; i++) drawn.push(random.pick(list));
    }
    return drawn;
  }
}

export interface Batch {
  /** [B, side, side, 3], −1 to 1. */
  readonly images: Float32Array;
  readonly texts: readonly string[];
  /** [B, C] as `verdict` says; 0 for the generic words. */
  readonly verdicts: Int8Array;
  /** [B, C], NaN but for generic words: the cosine they shall have. */
  readonly targets: Float32Array;
}

const GENERICS = ['thing', 'thing', 'part', 'stuff', 'stuff'] as const;
const UNKNOWN_TEXTS = 2;

/** Crops with random margin, context, mirroring and light, and captions: a true one or two for each crop, near misses, generic words. */
export function drawBatch(pool: SamplePool, count: number, side: number, gate: number, random: Random): Batch {
  const contents: Content[] = [];
  const images = new Float32Array(count * side * side * 3);
  const meanings = new Map<string, Meaning>();
  const want = (meaning: Meaning): void => {
    meanings.set(JSON.stringify(Object.entries(meaning).sort()), meaning);
  };
  pool.draw(count, random).forEach((sample, i) => {
    const dice = random.float();
    const context = dice < 0.3 ? 0 : dice < 0.8 ? random.range(0.2, 0.4) : 1;
    const content: Content = { ...sample.content, context: context > 0 };
    contents.push(content);
    const crop = segmentCrop(sample.image, sample.pixels, { side, context, margin: random.range(0.18, 0.45) });
    images.set(augmented(crop, random), i * side * side * 3);
    for (let k = random.chance(0.4) ? 0 : 1; k < 2; k++) {
      const meaning = trueMeaning(content, random);
      want(meaning);
      const missed = random.chance(0.4) ? nearMiss(meaning, random) : undefined;
      if (missed) want(missed);
    }
  });
  const list = [
    ...meanings.values(),
    ...GENERICS.map((generic): Meaning => ({ generic })),
    ...Array.from({ length: UNKNOWN_TEXTS }, (): Meaning => ({ unknown: true })),
  ];
  const texts = list.map((meaning) => say(meaning, random));
  const verdicts = new Int8Array(count * list.length);
  const targets = new Float32Array(count * list.length).fill(Number.NaN);
  contents.forEach((content, i) => {
    list.forEach((meaning, j) => {
      verdicts[i * list.length + j] = verdict(content, meaning);
      if (meaning.generic) targets[i * list.length + j] = genericTarget(content, meaning.generic, gate);
    });
  });
  return { images, texts, verdicts, targets };
}

function augmented({ width, height, data }: RgbImage, random: Random): Float32Array {
  const mirrored = random.chance(0.5);
  const [gain, shift] = [random.range(0.82, 1.18), random.range(-0.06, 0.06)];
  const tint = [random.range(0.96, 1.04), random.range(0.96, 1.04), random.range(0.96, 1.04)];
  const noise = random.chance(0.3) ? 0.03 : 0;
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = 3 * (y * width + x);
      const from = 3 * (y * width + (mirrored ? width - 1 - x : x));
      for (let c = 0; c < 3; c++) {
        const value = normalised(data[from + c]!);
        // The blanked parts stay exactly blank.
        const lit = data[from + c] === 127 ? value : value * gain * tint[c]! + shift;
        out[to + c] = noise > 0 ? lit + noise * (random.float() - 0.5) : lit;
      }
    }
  }
  return out;
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
