import { describe, expect, test } from 'vitest';
import { CATEGORIES, COLOUR_NAMES, createRandom, patternWord } from '../../worker/scenes/index.ts';
import { isHeldOut, plural } from './captions.ts';
import { type CropSet, type Seen, SIDE } from './crops.ts';
import { drawLook } from './looks.ts';
import { GATE } from './loss.ts';
import { drawBatch, SamplePool } from './samples.ts';

const random = createRandom('samples');
/** Objects of all categories; the pictures are noise, the left half of each is the object. */
function noise(): CropSet {
  const seen = CATEGORIES.map(
    ({ name }): Seen => ({
      ...{ kind: 'object', share: 0.5 },
      objects: [{ ...drawLook({ category: name, shapeSeed: 'x' } as never, random).choice, shapeSeed: '' }],
    }),
  );
  const pixels = seen.length * SIDE * SIDE;
  return {
    kind: 'turntable',
    seen: [
      ...seen,
      ...seen.slice(0, 4).map(({ objects }): Seen => ({ kind: 'part', part: 'handle', share: 0.2, objects })),
    ],
    rgb: Uint8Array.from({ length: 3 * (pixels + 4 * SIDE * SIDE) }, () => random.integer(256)),
    mask: Uint8Array.from({ length: pixels + 4 * SIDE * SIDE }, (_, i) => (i % SIDE < SIDE / 2 ? 255 : 0)),
  };
}
const pool = new SamplePool([noise()]);

describe('batches', () => {
  const batches = Array.from({ length: 12 }, (_, i) => drawBatch(pool, 16, GATE, createRandom(`batch/${i}`)));

  test('every attribute is asked for alone, and every crop has true and false captions', () => {
    for (const { texts, verdicts } of batches) {
      const known = texts.map((text) => text.replaceAll('[UNK] ', ''));
      expect(verdicts).toHaveLength(16 * texts.length);
      for (const { name } of CATEGORIES) {
        const words = [name, plural(name)].map((word) => word.replaceAll('-', ' '));
        expect(known.some((text) => words.some((word) => text.includes(word)) || name === 'torch')).toBe(true);
      }
      for (let i = 0; i < 16; i++) {
        const row = verdicts.subarray(i * texts.length, (i + 1) * texts.length);
        expect(row).toContain(1);
        expect(row).toContain(-1);
      }
    }
  });

  test('no caption names a combination that is kept for the evaluation', () => {
    const named = <T extends string>(text: string, words: readonly (readonly [T, readonly string[]])[]): T[] =>
      words.filter(([, said]) => said.some((word) => ` ${text} `.includes(` ${word} `))).map(([one]) => one);
    const categories = CATEGORIES.map(({ name }) => {
      const word = name.replaceAll('-', ' ');
      return [name, [word, plural(word)]] as const;
    });
    const colours = COLOUR_NAMES.map((name) => [name, name === 'grey' ? ['grey', 'gray'] : [name]] as const);
    const patterns = [...new Set(CATEGORIES.flatMap((one) => one.patterns))].map(
      (pattern) => [pattern, [patternWord(pattern) ?? `no ${pattern}`]] as const,
    );
    let looked = 0;
    for (const { texts } of batches) {
      for (const text of texts) {
        const [category, ...others] = named(text, categories);
        const [colour, ...otherColours] = named(text, colours);
        if (category === undefined || others.length > 0 || otherColours.length > 0) continue;
        looked++;
        const pattern = named(text, patterns)[0] ?? 'plain';
        // A colour that no category has stands for one that is not said.
        expect([text, isHeldOut({ category, colour: colour ?? ('none' as never), pattern })]).toEqual([text, false]);
      }
    }
    expect(looked).toBeGreaterThan(12 * CATEGORIES.length);
  });
});
