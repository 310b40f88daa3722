import { describe, expect, test } from 'vitest';
import { createRandom, type ObjectChoice } from '../../worker/scenes/index.ts';
import { type CropSet, type Seen, SIDE } from './crops.ts';
import { LOOK_KINDS } from './look-network.ts';
import { LookPool, lookLabels } from './look-samples.ts';

const object = (pattern: string, material: string, colour = 'red'): ObjectChoice =>
  ({ category: 'mug', accent: 'white', shapeSeed: '', pattern, material, colour }) as ObjectChoice;
const setOf = (...choices: ObjectChoice[]): CropSet => ({
  kind: 'painted',
  seen: choices.map((choice): Seen => ({ kind: 'object', objects: [choice] })),
  rgb: new Uint8Array(choices.length * SIDE * SIDE * 3).fill(90),
  mask: new Uint8Array(choices.length * SIDE * SIDE).fill(255),
});

describe('batches for the tower of looks', () => {
  test('a look has the index of its word, and none where no word names it', () => {
    const [patterns, materials, colours] = LOOK_KINDS.map(({ values }) => values) as [string[], string[], string[]];
    expect(lookLabels(object('dots', 'wood', 'teal'))).toEqual([
      patterns.indexOf('dots'),
      materials.indexOf('wood'),
      colours.indexOf('teal'),
    ]);
    expect(lookLabels(object('segments', 'food'))).toEqual([-1, -1, colours.indexOf('red')]);
    expect(lookLabels(object('wood', 'wood'))[0]).toBe(-1);
    expect(new Set(patterns).size).toBe(patterns.length);
  });

  test('a rare pattern is drawn as often as a frequent one, and plain things by their material', () => {
    const frequent = Array.from({ length: 60 }, () => object('dots', 'ceramic'));
    const pool = new LookPool([setOf(...frequent, object('stars', 'ceramic'), object('plain', 'glass'))]);
    expect(pool.size).toBe(62);
    const { images, labels } = pool.draw(400, createRandom('look-samples'));
    expect(images).toHaveLength(400 * SIDE * SIDE * 6);
    const drawn = (kind: number, value: string): number =>
      labels[kind]!.filter((label) => LOOK_KINDS[kind]!.values[label] === value).length;
    expect(drawn(0, 'stars')).toBeGreaterThan(60);
    expect(drawn(0, 'dots')).toBeGreaterThan(60);
    expect(drawn(1, 'glass')).toBeGreaterThan(40);
    expect(pool.draw(8, createRandom('again'))).toEqual(pool.draw(8, createRandom('again')));
  });
});
