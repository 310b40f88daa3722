import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LANGUAGE_NEGATIVES } from '../contract/index.ts';
import { segmentCrop } from '../worker/images/index.ts';
import { type DualEncoder, openDualEncoder } from '../worker/models/index.ts';
import type { ObjectChoice } from '../worker/scenes/index.ts';
import { categoryNamed } from '../worker/scenes/objects/index.ts';
import { CROP, objectCrops, photographed, pixelsOf, questions, retrieval } from './train/evaluation.ts';

const folder = fileURLToPath(new URL('./mini-clip', import.meta.url));
let encoder: DualEncoder;
beforeAll(async () => {
  // Opening checks every hash of the manifest.
  encoder = await openDualEncoder(folder, { threads: 1 });
});
afterAll(() => encoder?.dispose());

const rowsOf = (values: Float32Array): Float32Array[] =>
  Array.from({ length: values.length / encoder.dimensions }, (_, i) =>
    values.subarray(i * encoder.dimensions, (i + 1) * encoder.dimensions),
  );
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
async function texts(...words: string[]): Promise<Float32Array[]> {
  return rowsOf(await encoder.encodeTexts(words));
}
const object = (category: string, colour: ObjectChoice['colour']): ObjectChoice => ({
  ...{
    category,
    colour,
    accent: colour === 'white' ? 'blue' : 'white',
    pattern: 'plain',
    shapeSeed: `test/${category}`,
  },
  material: categoryNamed(category).materials[0]!,
});

describe('the shipped mini-clip', () => {
  test('has the dimensions of its two networks and its looks, and at most 6 MB', () => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    const bytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
    expect(bytes).toBeLessThanOrEqual(6_000_000);
    expect(encoder.dimensions).toBe(95);
  });

  test('finds most of 16 objects that training never saw by their descriptions, look-alikes among them', async () => {
    const asked = questions('test', false, 16, 5);
    const names = asked.map(({ text }) => text);
    const images = await encoder.encodeImages(
      objectCrops(
        asked.map(({ choice }) => choice),
        'test',
        { size: 64 },
      ),
    );
    const found = retrieval(await encoder.encodeTexts(names), images, encoder.dimensions, names);
    expect(found.textToImage).toBeGreaterThanOrEqual(0.85);
    expect(found.imageToText).toBeGreaterThanOrEqual(0.85);
  });

  test('tells four patterns of one thing apart, and a look that is said twice is said once', async () => {
    const patterns = ['stripes', 'dots', 'plaid', 'plain'] as const;
    const choices = patterns.flatMap((pattern) =>
      ['a', 'b'].map((shape) => ({ ...object('teapot', 'blue'), pattern, shapeSeed: `looks/${pattern}/${shape}` })),
    );
    const images = rowsOf(await encoder.encodeImages(objectCrops(choices, 'looks', { size: 96 })));
    const words = await texts('striped teapot', 'dotted teapot', 'plaid teapot', 'plain teapot');
    const right = images.filter((image, i) => {
      const cosines = words.map((word) => cosine(word, image));
      return cosines.indexOf(Math.max(...cosines)) === Math.floor(i / 2);
    });
    expect(right.length).toBeGreaterThanOrEqual(7);
    const [once, twice] = await texts('striped', 'striped striped');
    const looks = (text: Float32Array): number =>
      Math.hypot(...text.subarray(64)) / Math.hypot(...text.subarray(0, 64));
    expect(looks(twice!)).toBeCloseTo(looks(once!), 4);
    expect(looks(once!)).toBeGreaterThan(0.3);
  });

  test('tells colours and parts apart, and generic words lie between right and wrong ones', async () => {
    const photos = [
      ...photographed([object('mug', 'red'), object('mug', 'blue'), object('teapot', 'green')], 'parts', 80),
    ];
    const [red, blue] = rowsOf(
      await encoder.encodeImages(
        photos
          .slice(0, 2)
          .map(({ image, instance, object: { id } }) => segmentCrop(image, pixelsOf(instance, id), CROP)),
      ),
    );
    const teapot = photos[2]!;
    const crops = ['handle', 'lid'].map((name) => {
      const { id } = teapot.object.parts.find((part) => part.name === name)!;
      return segmentCrop(teapot.image, pixelsOf(teapot.part, id), CROP);
    });
    const [handle, lid] = rowsOf(await encoder.encodeImages(crops));
    const [redMug, blueMug, handleText, lidText, clock] = await texts('red mug', 'blue mug', 'handle', 'lid', 'clock');
    expect(cosine(redMug!, red!)).toBeGreaterThan(cosine(redMug!, blue!) + 0.1);
    expect(cosine(blueMug!, blue!)).toBeGreaterThan(cosine(blueMug!, red!) + 0.1);
    expect(cosine(handleText!, handle!)).toBeGreaterThan(cosine(handleText!, lid!) + 0.05);
    expect(cosine(lidText!, lid!)).toBeGreaterThan(cosine(lidText!, handle!) + 0.05);
    const generic = await texts(...LANGUAGE_NEGATIVES);
    for (const [crop, right, wrong] of [
      [red!, redMug!, blueMug!],
      [blue!, blueMug!, clock!],
    ] as const) {
      const gate = Math.max(...generic.map((words) => cosine(words, crop)));
      expect(cosine(right, crop)).toBeGreaterThan(gate);
      expect(cosine(wrong, crop)).toBeLessThan(gate);
    }
  });

  test('unknown words, other languages and emoji are unknown tokens, and match no crop', async () => {
    expect(encoder.unknownWords('eine rote mug')).toEqual(['eine', 'rote']);
    const unknown = await texts('Kaffeetasse', '杯子', '🫖🫖', 'xyzzy plugh');
    const generic = await texts(...LANGUAGE_NEGATIVES);
    const images = rowsOf(
      await encoder.encodeImages(objectCrops([object('mug', 'red'), object('car', 'blue')], 'test', { size: 64 })),
    );
    for (const image of images) {
      const gate = Math.max(...generic.map((words) => cosine(words, image)));
      for (const text of unknown) expect(cosine(text, image)).toBeLessThan(gate);
    }
  });
});
