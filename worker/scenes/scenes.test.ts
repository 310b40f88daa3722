import { describe, expect, test } from 'vitest';
import { createScene } from './create.ts';
import { createKitchen } from './kitchen.ts';
import { benchmarkViewCount, createMessyRoom, publishedViewCount } from './messy-rooms.ts';
import { buildObject, CATEGORIES, chooseObjects, wordsFor } from './objects/index.ts';
import { createRandom } from './random.ts';
import { createTracer } from './render/index.ts';
import { contactSheet } from './sheet.ts';
import { createTurntable } from './turntable.ts';

describe('catalogue', () => {
  test('at least 40 categories, each a finite mesh with named parts of the stated size', () => {
    expect(CATEGORIES.length).toBeGreaterThanOrEqual(40);
    expect(new Set(CATEGORIES.map(({ name }) => name)).size).toBe(CATEGORIES.length);
    const random = createRandom('catalogue');
    for (const category of CATEGORIES) {
      const choice = chooseObjects(1, random.fork(category.name), [category])[0]!;
      const model = buildObject(choice, createRandom);
      expect(model.parts.length).toBeGreaterThan(0);
      expect(model.parts.some(({ solid }) => solid)).toBe(true);
      let [low, high] = [Infinity, -Infinity];
      for (const { shapes, name } of model.parts) {
        expect(name).toMatch(/^[a-z-]+$/);
        for (const shape of shapes) {
          expect(shape.normals.length).toBe(shape.positions.length);
          expect(shape.coords.length).toBe(shape.positions.length);
          expect(shape.indices.every((index) => index >= 0 && index < shape.positions.length / 3)).toBe(true);
          for (const value of shape.positions) {
            low = Math.min(low, value);
            high = Math.max(high, value);
          }
          expect(shape.normals.every(Number.isFinite)).toBe(true);
        }
      }
      expect(high - low).toBeGreaterThan(0.1);
      expect(high - low).toBeLessThan(0.6);
    }
  });

  test('choices repeat with the seed, and look-alikes differ from their original in one look', () => {
    const choices = chooseObjects(24, createRandom(4));
    expect(chooseObjects(24, createRandom(4))).toEqual(choices);
    const twins = choices.filter(({ lookAlikeOf }) => lookAlikeOf !== undefined);
    expect(twins).toHaveLength(6);
    for (const twin of twins) {
      const original = choices[twin.lookAlikeOf!]!;
      expect(twin.category).toBe(original.category);
      expect(twin.shapeSeed).toBe(original.shapeSeed);
      expect([twin.colour, twin.pattern]).not.toEqual([original.colour, original.pattern]);
    }
  });

  test('words go from the most specific to the category', () => {
    expect(wordsFor({ category: 'mug', colour: 'red', material: 'ceramic', pattern: 'stripes' })).toEqual([
      'red striped ceramic mug',
      'red striped mug',
      'red mug',
      'striped mug',
      'mug',
    ]);
    expect(wordsFor({ category: 'ice-cream', colour: 'pink', material: 'food', pattern: 'plain' })).toEqual([
      'pink ice cream',
      'ice cream',
    ]);
  });
});

describe('messy rooms', () => {
  test('camera counts of the protocol', () => {
    expect([25, 50, 100, 500].map(publishedViewCount)).toEqual([600, 848, 1200, 1200]);
    expect([25, 100].map(benchmarkViewCount)).toEqual([60, 120]);
  });

  test('the same seed gives the same scene, another seed another', async () => {
    const options = { seed: 9, objects: 6, views: 5, size: 16 };
    const [a, b] = [await createMessyRoom(options), await createMessyRoom(options)];
    expect(b.frames).toEqual(a.frames);
    const first = createTracer(a.render).render(a.frames[0]!.view);
    expect(createTracer(b.render).render(b.frames[0]!.view).rgb).toEqual(first.rgb);
    const other = await createMessyRoom({ ...options, seed: 10 });
    expect(other.frames[0]!.objectPoses).not.toEqual(a.frames[0]!.objectPoses);
  });

  test('objects rest on the floor inside the room, cameras follow the protocol', async () => {
    const scene = await createMessyRoom({ seed: 2, objects: 25, views: 10, size: 36 });
    for (const pose of scene.frames[0]!.objectPoses) {
      expect(Math.abs(pose!.translation[0])).toBeLessThan(0.9);
      expect(Math.abs(pose!.translation[1])).toBeLessThan(0.9);
      expect(pose!.translation[2]).toBeGreaterThan(-0.1);
      expect(pose!.translation[2]).toBeLessThan(0.8);
    }
    // 35 mm on a 36 mm sensor of 36 pixels.
    expect(scene.frames[0]!.view.intrinsics.fx).toBeCloseTo(35, 10);
    expect(scene.frames.map(({ split }) => split)).toEqual([...Array(8).fill('train'), 'test', 'test']);
  });

  test('options out of range are refused', async () => {
    await expect(createMessyRoom({ seed: 1, objects: 0 })).rejects.toThrow(/objects is 0/);
    await expect(createMessyRoom({ seed: 1, objects: 2.5 })).rejects.toThrow(RangeError);
    await expect(createScene({ kind: 'kitchen', seed: 1, objects: 400 })).rejects.toThrow(/objects is 400/);
  });
});

describe('kitchen', () => {
  test('things are picked up, carried and put down at their old height over another surface', async () => {
    const scene = await createKitchen({ seed: 6, objects: 8, frames: 120, size: 16 });
    const held = scene.frames.map(({ heldObject }) => heldObject);
    const first = held.findIndex((id) => id > 0);
    const after = held.findIndex((id, i) => i > first && id === 0);
    expect(first).toBeGreaterThan(0);
    expect(after).toBeGreaterThan(first);
    const index = held[first]! - 1;
    const [start, end] = [scene.frames[0]!.objectPoses[index]!, scene.frames[after]!.objectPoses[index]!];
    expect(
      Math.hypot(end.translation[0] - start.translation[0], end.translation[1] - start.translation[1]),
    ).toBeGreaterThan(0.3);
    expect(end.translation[2]).toBeGreaterThan(0.6);
    expect(scene.frames[after + 1]!.objectPoses[index]).toBe(end);
    // A hand is in the picture while something is carried.
    const images = createTracer(scene.render).renderLabels(scene.frames[Math.floor((first + after) / 2)]!.view);
    expect(images.classId).toContain(4);
  });
});

describe('turntable', () => {
  test('five views about 72 degrees apart around each object', () => {
    const scene = createTurntable({ seed: 1, objects: 4, size: 16 });
    expect(scene.frames).toHaveLength(20);
    const centre = scene.frames[0]!.view.lightOffset!;
    const angles = scene.frames.slice(0, 5).map(({ view }) => {
      const [x, y] = view.worldFromCamera.translation;
      return (Math.atan2(y - centre[1], x - centre[0]) * 180) / Math.PI;
    });
    for (let k = 1; k < 5; k++) {
      const step = (((angles[k]! - angles[k - 1]!) % 360) + 360) % 360;
      expect(Math.abs(step - 72)).toBeLessThan(13);
    }
    const tracer = createTracer(scene.render);
    scene.frames.forEach(({ view }, i) => {
      const { instance } = tracer.renderLabels(view);
      expect(instance).toContain(Math.floor(i / 5) + 1);
    });
  });

  test('a contact sheet is a PNG', async () => {
    const sheet = await contactSheet(createTurntable({ seed: 1, objects: 2 }), {
      frames: 1,
      cellWidth: 16,
      threads: 0,
    });
    expect([...sheet.subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
  });
});
