import { describe, expect, it } from 'vitest';
import { blendingReference, projectGaussians } from '../kernels/index.ts';
import { viewOf } from '../splats/index.ts';
import { arrange } from './blocks.ts';
import { pickAt } from './pick.ts';
import { roomView, smallRoom, uniform } from './testing.ts';

const room = smallRoom(1500, 11);
const blocks = arrange(room);

describe('pickAt', () => {
  it.each([0, 1.3, 4])('finds the largest weight of the whole model at random pixels, angle %f', (angle) => {
    const view = viewOf(roomView(angle));
    const { widthPixels, heightPixels } = view;
    const records = projectGaussians({ ...room, shDegree: 1 }, view);
    const random = uniform(8);
    const picks = Array.from({ length: 40 }, () => [random() * widthPixels, random() * heightPixels] as const);
    const scene = { widthPixels, heightPixels, records, features: [], featureDim: 0, background: [0, 0, 0] };
    let hits = 0;
    for (const [x, y] of picks) {
      const pixel = Math.floor(y) * widthPixels + Math.floor(x);
      const { columns, weights } = blendingReference.blendingWeights(scene, [pixel]);
      const all = [...weights];
      const answer = pickAt(blocks, view, x, y);
      if (all.length === 0) {
        expect(answer).toBeNull();
        continue;
      }
      hits += 1;
      const best = all.indexOf(Math.max(...all));
      expect(answer).toMatchObject({ gaussian: columns[best], weight: all[best] });
      expect(answer!.alpha).toBeCloseTo(
        all.reduce((sum, weight) => sum + weight, 0),
        12,
      );
      expect([...room.means.subarray(3 * answer!.gaussian, 3 * answer!.gaussian + 3)]).toEqual(answer!.mean);
    }
    expect(hits).toBeGreaterThan(20);
  });

  it('gives the point of the ray: it projects back to the centre of the pixel, at the depth', () => {
    const view = viewOf(roomView(0.4));
    const { position, depth } = pickAt(blocks, view, 50.9, 31.2)!;
    const m = view.cameraFromWorld;
    const row = (r: number) =>
      m[4 * r]! * position[0] + m[4 * r + 1]! * position[1] + m[4 * r + 2]! * position[2] + m[4 * r + 3]!;
    expect(row(2)).toBeCloseTo(depth, 6);
    expect((view.fx * row(0)) / row(2) + view.cx).toBeCloseTo(50.5, 5);
    expect((view.fy * row(1)) / row(2) + view.cy).toBeCloseTo(31.5, 5);
  });

  it('finds nothing outside the image and where nothing is', () => {
    const view = viewOf(roomView(0));
    for (const [x, y] of [
      [-1, 5],
      [5, -0.1],
      [view.widthPixels, 5],
      [Number.NaN, 5],
    ] as const) {
      expect(pickAt(blocks, view, x, y)).toBeNull();
    }
    const away = viewOf({ ...roomView(0), cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, -50] } });
    expect(pickAt(blocks, away, 5, 5)).toBeNull();
  });
});
