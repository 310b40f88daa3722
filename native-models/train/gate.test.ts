import { expect, test } from 'vitest';
import { LANGUAGE_NEGATIVES } from '../../contract/index.ts';
import type { RoomCrop } from './evaluation.ts';
import { gateShares } from './gate.ts';

/** Two dimensions: along the first lies what an encoder finds in every crop, generic words at a cosine of 0.5. */
const GENERIC = new Set<string>(LANGUAGE_NEGATIVES);
const unit = (cosine: number): number[] => [cosine, Math.sqrt(1 - cosine * cosine)];
const encoder = (cosineOf: (text: string) => number) => ({
  dimensions: 2,
  encodeTexts: async (texts: readonly string[]) =>
    Float32Array.from(texts.flatMap((text) => unit(GENERIC.has(text) ? 0.5 : cosineOf(text)))),
});
const rooms = ['red', 'blue', 'green', 'white'].map(
  (colour): RoomCrop => ({
    choice: {
      ...{ category: 'mug', accent: 'black', pattern: 'plain', material: 'ceramic', shapeSeed: '' },
      colour: colour as 'red',
    },
    text: `plain ${colour} ceramic mug`,
    crop: { width: 1, height: 1, data: new Uint8Array(3) },
  }),
);
const images = Float32Array.from(rooms.flatMap(() => [1, 0]));

test('names pass the gate where they lie above every generic word; absent ones are those of no crop', async () => {
  const asked: string[] = [];
  const half = await gateShares(
    encoder((text) => {
      asked.push(text);
      return text === 'red mug' || text === 'blue mug' ? 0.9 : 0.1;
    }),
    rooms,
    images,
    'gate',
  );
  expect(half).toEqual({ present: 0.5, absent: 0, anywhere: 0 });
  expect(asked.filter((text) => /^(red|blue|green|white) mug$/.test(text))).toHaveLength(rooms.length);
  expect(asked).toHaveLength(2 * rooms.length);
  expect(
    await gateShares(
      encoder(() => 0.9),
      rooms,
      images,
      'gate',
    ),
  ).toEqual({ present: 1, absent: 1, anywhere: 1 });
});

test('an absent name that passes on one crop of a room only is found in that room', async () => {
  const seen = Float32Array.from(rooms.flatMap((_, i) => (i === 0 ? [0, 1] : [1, 0])));
  // Generic words lie at 0.87 of the first crop; what is at 0.1 of the others is at 0.99 of it.
  const shares = await gateShares(
    encoder(() => 0.1),
    rooms,
    seen,
    'gate',
  );
  expect(shares).toEqual({ present: 0.25, absent: 0.25, anywhere: 1 });
});
