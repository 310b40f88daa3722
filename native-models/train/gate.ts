/** The gate of the language pipeline: a thing counts as found where its name lies above all generic words. */
import { LANGUAGE_NEGATIVES } from '../../contract/index.ts';
import type { DualEncoder } from '../../worker/models/index.ts';
import { CATEGORIES, createRandom } from '../../worker/scenes/index.ts';
import type { RoomCrop } from './evaluation.ts';

export const CROPS_OF_A_ROOM = 25;

export interface GateShares {
  /** Of the names of colour and category ("red mug"), those that pass on their own crop: the more the better. */
  readonly present: number;
  /** Of as many names that are true of no crop, those that pass on one crop each: the fewer the better. */
  readonly absent: number;
  /** Of the same, those that pass on some crop among {@link CROPS_OF_A_ROOM}, as if a room were asked for what it does not have. */
  readonly anywhere: number;
}

const nameOf = (category: string, colour: string): string => `${colour} ${category.replaceAll('-', ' ')}`;

/** @param images [n, E] unit rows, the crops of `rooms`. @param seed chooses the absent names */
export async function gateShares(
  encoder: Pick<DualEncoder, 'encodeTexts' | 'dimensions'>,
  rooms: readonly RoomCrop[],
  images: Float32Array,
  seed: string,
): Promise<GateShares> {
  const size = encoder.dimensions;
  const rows = (values: Float32Array): Float32Array[] =>
    Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
  const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);

  const present = rooms.map(({ choice: { category, colour } }) => nameOf(category, colour));
  const others = CATEGORIES.flatMap(({ name, colours }) => colours.map((colour) => nameOf(name, colour))).filter(
    (text) => !present.includes(text),
  );
  const absent = createRandom(seed).shuffle(others).slice(0, rooms.length);
  const generic = rows(await encoder.encodeTexts(LANGUAGE_NEGATIVES));
  const crops = rows(images);
  const gates = crops.map((crop) => Math.max(...generic.map((word) => cosine(word, crop))));
  const passes = (text: Float32Array, i: number): boolean => cosine(text, crops[i]!) > gates[i]!;
  const [own, wrong] = [rows(await encoder.encodeTexts(present)), rows(await encoder.encodeTexts(absent))];
  const share = (texts: Float32Array[], test: (text: Float32Array, i: number) => boolean): number =>
    texts.filter(test).length / texts.length;
  return {
    present: share(own, passes),
    absent: share(wrong, passes),
    anywhere: share(wrong, (text, i) => {
      const first = i - (i % CROPS_OF_A_ROOM);
      return crops.slice(first, first + CROPS_OF_A_ROOM).some((_, k) => passes(text, first + k));
    }),
  };
}
