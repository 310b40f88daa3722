/** Batches of crops of objects with what they are painted with, for the tower of looks. */
import type { ObjectChoice, Random } from '../../worker/scenes/index.ts';
import { augment } from './augment.ts';
import { type CropSet, SIDE } from './crops.ts';
import { LOOK_KINDS, withDetail } from './look-network.ts';
import { SHOWS_MATERIAL } from './looks.ts';
import { type Places, pickSample, place, type Sample } from './samples.ts';

/** Of a batch, so many are drawn by their pattern, each but plain as often as another; the rest by their material. */
const BY_PATTERN = 0.5;
/** Rooms show patterns too small to learn from, and are what is asked about. */
const FROM_ROOMS = 0.2;

/** Index of each kind's value of {@link LOOK_KINDS}; −1 where it has no word, or cannot be seen. */
export function lookLabels(choice: Pick<ObjectChoice, 'category' | 'pattern' | 'material' | 'colour'>): number[] {
  return LOOK_KINDS.map(({ name, values }) =>
    name === 'material' && !SHOWS_MATERIAL.includes(choice.category) ? -1 : values.indexOf(choice[name]),
  );
}

export interface LookBatch {
  /** [B, side, side, 6], see `withDetail`. */
  readonly images: Float32Array;
  /** For each kind [B]. */
  readonly labels: readonly Int32Array[];
}

/** Objects by what they are painted with. */
export class LookPool {
  readonly #byPattern = new Map<string, Places>();
  readonly #byMaterial = new Map<string, Places>();
  readonly #all: Sample[] = [];

  constructor(sets: readonly CropSet[]) {
    for (const set of sets) {
      set.seen.forEach((seen, index) => {
        if (seen.kind !== 'object') return;
        const { pattern, material } = seen.objects[0]!;
        const sample: Sample = { seen, set, index };
        this.#all.push(sample);
        const [painted, made] = lookLabels(seen.objects[0]!) as [number, number];
        if (painted >= 0 && pattern !== 'plain') place(this.#byPattern, pattern, sample);
        if (made >= 0) place(this.#byMaterial, material, sample);
      });
    }
  }

  get size(): number {
    return this.#all.length;
  }

  draw(count: number, random: Random): LookBatch {
    const length = SIDE * SIDE * 3;
    const images = new Float32Array(count * length);
    const labels = LOOK_KINDS.map(() => new Int32Array(count));
    for (let i = 0; i < count; i++) {
      const lists = random.chance(BY_PATTERN) ? this.#byPattern : this.#byMaterial;
      const sample = pickSample(lists.get(random.pick([...lists.keys()]))!, FROM_ROOMS, random);
      const context = random.chance(0.2) ? 0 : random.range(0.2, 0.4);
      augment(sample, random.pick(this.#all), context, random, images.subarray(i * length, (i + 1) * length));
      lookLabels(sample.seen.objects[0]!).forEach((label, kind) => {
        labels[kind]![i] = label;
      });
    }
    return { images: withDetail(images), labels };
  }
}
