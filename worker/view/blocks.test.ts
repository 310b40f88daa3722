import { describe, expect, it } from 'vitest';
import { LANES, PROJECTED, PROJECTED_FLOATS, projectGaussians, unpackLanes } from '../kernels/index.ts';
import { viewOf } from '../splats/index.ts';
import { arrange } from './blocks.ts';
import { diagonalise, type LaneArrays, mergeFours } from './merge.ts';
import { select, visitBlocks } from './selection.ts';
import { roomView, smallRoom, uniform } from './testing.ts';

const room = smallRoom(8000);
const blocks = arrange(room);

/** Weights, mean and covariance (xx, xy, xz, yy, yz, zz) of rows `from` .. `from + length` of lane arrays, in float64. */
function mixture(lanes: LaneArrays, from: number, length: number) {
  const count = lanes.logitOpacities.length;
  const means = unpackLanes(lanes.means, count, 3);
  const scales = unpackLanes(lanes.logScales, count, 3).map(Math.exp);
  const quaternions = unpackLanes(lanes.quaternions, count, 4);
  const rows = Array.from({ length }, (_, i) => from + i);
  const [a, b, c] = [0, 1, 2].map((k) => (i: number) => scales[3 * i + k]!) as [F, F, F];
  const area = (i: number) => a(i) * b(i) + b(i) * c(i) + c(i) * a(i);
  const weight = (i: number) => area(i) / (1 + Math.exp(-lanes.logitOpacities[i]!));
  const total = rows.reduce((sum, i) => sum + weight(i), 0);
  const average = (value: F) => rows.reduce((sum, i) => sum + weight(i) * value(i), 0) / total;
  const mean = [0, 1, 2].map((k) => average((i) => means[3 * i + k]!));
  const covariance = (p: number, q: number) =>
    average((i) => {
      const [w, x, y, z] = Array.from(quaternions.subarray(4 * i, 4 * i + 4)) as [number, number, number, number];
      const n = w * w + x * x + y * y + z * z;
      // biome-ignore format: one row of the matrix per line
      const r = [
        1 - (2 * (y * y + z * z)) / n, (2 * (x * y - w * z)) / n, (2 * (x * z + w * y)) / n,
        (2 * (x * y + w * z)) / n, 1 - (2 * (x * x + z * z)) / n, (2 * (y * z - w * x)) / n,
        (2 * (x * z - w * y)) / n, (2 * (y * z + w * x)) / n, 1 - (2 * (x * x + y * y)) / n,
      ];
      const own = [0, 1, 2].reduce((sum, k) => sum + r[3 * p + k]! * r[3 * q + k]! * scales[3 * i + k]! ** 2, 0);
      return own + (means[3 * i + p]! - mean[p]!) * (means[3 * i + q]! - mean[q]!);
    });
  return { total, mean, covariance: [0, 1, 2].flatMap((p) => [0, 1, 2].map((q) => covariance(p, q))) };
}
type F = (i: number) => number;

describe('arrange', () => {
  it('holds every Gaussian that can be drawn once, and nothing else', () => {
    const visible = [...room.logitOpacities.keys()].filter((i) => room.logitOpacities[i]! > -5.6);
    const held = [...blocks.order].filter((i) => i >= 0).sort((a, b) => a - b);
    expect(visible.length).toBeLessThan(room.count);
    expect(held).toEqual(visible);
    const means = unpackLanes(blocks.level(0).arrays.means, blocks.order.length, 3);
    const expected = means.map((value, at) => {
      const i = blocks.order[Math.floor(at / 3)]!;
      return i < 0 ? value : room.means[3 * i + (at % 3)]!;
    });
    expect(means).toEqual(expected);
  });

  it('keeps neighbours together: blocks are small beside the room', () => {
    const radii = [...blocks.bounds.radii].sort((a, b) => a - b);
    // Blocks of Gaussians in file order would all span the room: a radius of 3.4.
    expect(radii[radii.length >> 1]!).toBeLessThan(1);
  });

  it('works on a model of no Gaussian, of one, and on one where none is visible', () => {
    for (const [count, visible] of [
      [0, 0],
      [1, 1],
      [5, 0],
    ] as const) {
      const model = smallRoom(count, 7);
      model.logitOpacities.fill(visible === 0 ? -9 : 1);
      const arranged = arrange(model);
      expect(arranged.blocks).toBe(visible);
      const { count: drawn } = select(arranged, viewOf(roomView(0)), 1000);
      expect(Number.isFinite(drawn)).toBe(true);
    }
  });
});

describe('mergeFours', () => {
  it('keeps weight, mean and covariance of the four', () => {
    const from = blocks.level(0).arrays;
    const { arrays } = mergeFours(from);
    for (const slot of [0, 1, 7, 50, 101]) {
      const before = mixture(from, LANES * slot, LANES);
      const after = mixture(arrays, slot, 1);
      for (let k = 0; k < 3; k++) expect(after.mean[k]!).toBeCloseTo(before.mean[k]!, 5);
      const size = before.covariance[0]! + before.covariance[4]! + before.covariance[8]!;
      for (let k = 0; k < 9; k++) {
        const error = Math.abs(after.covariance[k]! - before.covariance[k]!) / size;
        expect(error, `${slot}: ${k}`).toBeLessThan(2e-5);
      }
      // An opacity cannot pass 1: then the merged Gaussian is fainter than the four, never stronger.
      expect(after.total).toBeLessThan(before.total * 1.0001);
    }
  });

  it('keeps opacity times area where one Gaussian can carry it', () => {
    const faint = smallRoom(400, 3);
    faint.logitOpacities.fill(-3);
    const from = arrange(faint).level(0).arrays;
    const { arrays } = mergeFours(from);
    const before = mixture(from, 40, LANES).total;
    expect(mixture(arrays, 10, 1).total / before).toBeCloseTo(1, 4);
  });
});

describe('diagonalise', () => {
  it('gives the eigenvalues and a rotation that restores the matrix', () => {
    const random = uniform(4);
    for (let round = 0; round < 50; round++) {
      const a = Array.from({ length: 9 }, () => random() - 0.5);
      const at = (p: number, q: number) => [0, 1, 2].reduce((sum, k) => sum + a[3 * p + k]! * a[3 * q + k]!, 0);
      const matrix = [at(0, 0), at(0, 1), at(0, 2), at(1, 1), at(1, 2), at(2, 2)];
      const m = Float64Array.from(matrix);
      const q = new Float64Array(4);
      diagonalise(m, q);
      const [w, x, y, z] = [...q] as [number, number, number, number];
      expect(Math.hypot(w, x, y, z)).toBeCloseTo(1, 12);
      // biome-ignore format: one row of the matrix per line
      const r = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
      ];
      const values = [m[0]!, m[3]!, m[5]!];
      const back = (p: number, c: number) =>
        values.reduce((sum, value, k) => sum + r[3 * p + k]! * r[3 * c + k]! * value, 0);
      const restored = [back(0, 0), back(0, 1), back(0, 2), back(1, 1), back(1, 2), back(2, 2)];
      for (let k = 0; k < 6; k++) expect(restored[k]!, `${round}`).toBeCloseTo(matrix[k]!, 7);
    }
  });
});

describe('visitBlocks', () => {
  it.each([
    ['inside', 0, 1, 1.6],
    ['inside', 0.7, 1, 1.6],
    ['far away', 1.9, 12, 8],
    ['far away', 3.1, 20, 8],
    ['far away', 4.6, 20, 12],
  ] as const)('leaves out no block with a Gaussian in the view, from %s at %f, zoom %f', (place, angle, zoom, z) => {
    const wide = roomView(angle);
    const { quaternion } = wide.cameraFromWorld;
    const cameraFromWorld: typeof wide.cameraFromWorld = { quaternion, translation: [0.1, -0.05, z] };
    const view = viewOf({ ...wide, fx: wide.fx * zoom, fy: wide.fy * zoom, cameraFromWorld });
    const visited = new Set<number>();
    visitBlocks(blocks, view, { x0: 0, y0: 0, x1: view.widthPixels, y1: view.heightPixels }, (block) =>
      visited.add(block),
    );
    const records = projectGaussians({ ...room, shDegree: 1 }, view);
    const drawn = [...blocks.order.keys()].filter((slot) => {
      const i = blocks.order[slot]!;
      return i >= 0 && records[i * PROJECTED_FLOATS + PROJECTED.extentX]! >= 0;
    });
    expect(drawn.length).toBeGreaterThan(50);
    expect(drawn.filter((slot) => !visited.has(Math.floor(slot / blocks.sizes[0]!)))).toEqual([]);
    if (place === 'far away') expect(visited.size).toBeLessThan(0.8 * blocks.blocks);
  });
});

describe('select', () => {
  const view = viewOf(roomView(0.7));
  it('draws everything in view at the finest level when the budget allows it, and less when it does not', () => {
    const all = select(blocks, view, Number.MAX_SAFE_INTEGER);
    const some = select(blocks, view, all.count / 3);
    const least = select(blocks, view, 0);
    expect(Math.max(...some.levels)).toBeGreaterThan(0);
    expect(some.count).toBeLessThanOrEqual(all.count / 3);
    expect(least.count).toBe(least.blocks.length * blocks.sizes.at(-1)!);
    for (const selection of [all, some, least]) {
      const total = selection.levels.reduce((sum, level) => sum + blocks.sizes[level]!, 0);
      expect(selection.count).toBe(total);
    }
  });
});
