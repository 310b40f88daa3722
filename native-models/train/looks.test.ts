import { describe, expect, test } from 'vitest';
import { buildObject, CATEGORIES, createRandom, type ObjectChoice } from '../../worker/scenes/index.ts';
import { isHeldOut } from './captions.ts';
import { drawLook, drawPaint, SHOWS_MATERIAL, SHOWS_PATTERN } from './looks.ts';

const draws = (category: string, count: number) => {
  const random = createRandom(`looks/${category}`);
  const shape = { category, shapeSeed: 'looks' } as ObjectChoice;
  return Array.from({ length: count }, () => drawLook(shape, random));
};

describe('looks of an object in training', () => {
  test('none is kept for the evaluation, although every category has some that are', () => {
    let kept = 0;
    for (const { name, colours } of CATEGORIES) {
      kept += colours.filter((colour) => isHeldOut({ category: name, colour, pattern: 'plain' })).length;
      for (const { choice } of draws(name, 4)) expect(isHeldOut(choice)).toBe(false);
    }
    expect(kept).toBeGreaterThan(20);
  });

  test('colours, patterns and materials are also those that the category never has, and the textures are the model’s', () => {
    const { colours, patterns, materials } = CATEGORIES.find(({ name }) => name === 'plate')!;
    const looks = draws('plate', 60).map((look) => ({ ...look, ...look.choice }));
    expect(looks.filter(({ colour }) => !colours.includes(colour)).length).toBeGreaterThan(5);
    expect(looks.filter(({ pattern }) => !patterns.includes(pattern)).length).toBeGreaterThan(5);
    expect(looks.filter(({ material }) => !materials.includes(material)).length).toBeGreaterThan(2);
    for (const { choice, textures } of looks.slice(0, 5)) {
      expect(textures).toEqual(buildObject(choice, createRandom).parts.map(({ texture }) => texture));
    }
  });

  test('of painted turntables are mostly patterned where that can be seen, never in what is kept', () => {
    expect(SHOWS_PATTERN).toContain('plate');
    expect(SHOWS_PATTERN).not.toContain('kettle');
    expect(SHOWS_MATERIAL).toContain('spoon');
    let patterned = 0;
    for (const category of SHOWS_PATTERN.slice(0, 6)) {
      const random = createRandom(`painted/${category}`);
      const shape = { category, shapeSeed: 'painted' } as ObjectChoice;
      for (let i = 0; i < 10; i++) {
        const { choice } = drawPaint(shape, random);
        expect(isHeldOut(choice)).toBe(false);
        patterned += Number(choice.pattern !== 'plain');
      }
    }
    expect(patterned).toBeGreaterThan(30);
    expect(patterned).toBeLessThan(60);
  });

  test('a foreign pattern is only worn where it can be seen', () => {
    const { patterns } = CATEGORIES.find(({ name }) => name === 'kettle')!;
    for (const { choice } of draws('kettle', 20)) expect(patterns).toContain(choice.pattern);
  });
});
