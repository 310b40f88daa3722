import { describe, expect, test } from 'vitest';
import { viewAgreement } from './agreement.ts';
import { createKitchen } from './kitchen.ts';
import { norm, subtract } from './linear.ts';
import { createMessyRoom } from './messy-rooms.ts';
import { createTracer } from './render/index.ts';

describe('rendering agrees with the geometry', () => {
  test('messy room, every view against its nearest neighbour', async () => {
    const scene = await createMessyRoom({ seed: 5, objects: 25, views: 39, size: 64 });
    const tracer = createTracer(scene.render);
    const frames = scene.frames.slice(0, 12).map(({ view }) => ({ view, images: tracer.renderLabels(view) }));
    const sums = { overlapping: 0, mutuallyVisible: 0, sameInstance: 0, interior: 0, sameNearest: 0 };
    for (const from of frames) {
      const to = frames
        .filter((frame) => frame !== from)
        .sort(
          (a, b) =>
            norm(subtract(a.view.worldFromCamera.translation, from.view.worldFromCamera.translation)) -
            norm(subtract(b.view.worldFromCamera.translation, from.view.worldFromCamera.translation)),
        )[0]!;
      const figures = viewAgreement(scene.render, tracer, from, to);
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += figures[key];
    }
    expect(sums.overlapping).toBeGreaterThan(10_000);
    expect(sums.sameInstance / sums.mutuallyVisible).toBeGreaterThanOrEqual(0.9995);
    expect(sums.sameNearest / sums.interior).toBeGreaterThanOrEqual(0.995);
  });

  test('kitchen, neighbouring frames of the static part', async () => {
    const scene = await createKitchen({ seed: 2, objects: 8, frames: 24, size: 64 });
    const tracer = createTracer(scene.render);
    const pairs = [2, 8, 14].map((i) => [scene.frames[i]!, scene.frames[i + 1]!] as const);
    for (const [a, b] of pairs) {
      const from = { view: a.view, images: tracer.renderLabels(a.view) };
      const to = { view: b.view, images: tracer.renderLabels(b.view) };
      const figures = viewAgreement(scene.render, tracer, from, to);
      expect(figures.overlapping).toBeGreaterThan(1000);
      expect(figures.mutuallyVisible / figures.overlapping).toBeGreaterThanOrEqual(0.9);
      expect(figures.sameInstance / figures.mutuallyVisible).toBeGreaterThanOrEqual(0.9995);
    }
  });
});
