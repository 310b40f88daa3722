import { describe, expect, test } from 'vitest';
import { type Content, genericTarget, lookWords, type Meaning, verdict, vocabulary } from './captions.ts';
import { LOOK_KINDS } from './look-network.ts';
import { PART_NAMES } from './looks.ts';

const object = (category: string, colour: string): Content['objects'][number] =>
  ({ category, colour, accent: 'white', pattern: 'plain', material: 'ceramic', shapeSeed: '' }) as never;
const red = object('mug', 'red');
const pair: Content = { kind: 'group', objects: [red, object('plate', 'blue')], context: true };
const handle: Content = { kind: 'part', part: 'handle', objects: [red], context: true };
const both = (content: Content, meaning: Meaning) => [verdict(content, meaning), verdict(content, meaning, true)];

describe('what a crop shows in the wider sense', () => {
  test('a group is what each of its members is called, and nothing else', () => {
    expect(both(pair, { category: 'mug', colour: 'red' })).toEqual([0, 1]);
    expect(both(pair, { category: 'plate' })).toEqual([0, 1]);
    // A red plate is not there, though a plate and something red are.
    expect(both(pair, { category: 'plate', colour: 'red' })).toEqual([0, -1]);
    expect(both(pair, { category: 'bottle' })).toEqual([-1, -1]);
    const said: Meaning = { category: 'mug', colour: 'red', other: { category: 'plate', colour: 'blue' } };
    expect(both(pair, said)).toEqual([1, 1]);
  });

  test('a part is its owner as well, where enough of it can be seen', () => {
    expect(both(handle, { category: 'mug', colour: 'red' })).toEqual([0, 1]);
    expect(both({ ...handle, context: false }, { category: 'mug' })).toEqual([0, 0]);
    expect(both(handle, { category: 'plate' })).toEqual([-1, -1]);
    expect(both(handle, { part: 'handle', category: 'mug' })).toEqual([1, 1]);
  });

  test('words of scale tell whole objects and parts apart, the negatives stay as they are', () => {
    const whole: Content = { kind: 'object', objects: [red], context: true };
    const cosines = (content: Content, text: string, generic: 'thing' | 'part') =>
      [false, true].map((wider) => genericTarget(content, generic, 0.2, text, wider));
    expect(cosines(whole, 'thing', 'thing')).toEqual([0.2, 0.4]);
    expect(cosines(pair, 'the thing', 'thing')).toEqual([0.2, 0.05]);
    expect(cosines(handle, 'part', 'part')).toEqual([0.2, 0.4]);
    expect(cosines(pair, 'things', 'thing')).toEqual([0.2, 0.2]);
    expect(cosines(handle, 'object', 'thing')).toEqual([expect.closeTo(0.14, 9), expect.closeTo(0.14, 9)]);
  });
});

test('every look has words of the vocabulary, and none of them is also the name of a thing', () => {
  const words = vocabulary(PART_NAMES);
  const named = LOOK_KINDS.flatMap(({ name, values }) => values.flatMap((value) => lookWords(name, value)));
  expect(named.filter((word) => !words.includes(word))).toEqual([]);
  expect(new Set(named).size).toBe(named.length);
  expect(lookWords('pattern', 'stars')).toEqual(['starry']);
  expect(lookWords('pattern', 'stripes')).toEqual(['striped', 'stripes']);
  expect(lookWords('material', 'metal')).toEqual(['metal', 'metallic']);
});
