import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { seededRandom } from '../testing/index.ts';
import { buildPointTree, NeighbourSearch, PointsError } from './index.ts';
import { leastReachabilityOutside, nearestDistances } from './reference.ts';

/** Seeded points in several shapes; the last two hold ties and duplicates throughout. */
function pointSet(shape: string, count: number, dimensions: number): Float64Array {
  const random = seededRandom(count * 31 + dimensions);
  const points = new Float64Array(count * dimensions);
  for (let i = 0; i < points.length; i++) {
    const blob = Math.floor(i / dimensions) % 5;
    if (shape === 'uniform') points[i] = random.uniform();
    else if (shape === 'blobs') points[i] = blob * 3 + (random.uniform() - 0.5) * (random.uniform() < 0.05 ? 40 : 0.5);
    else if (shape === 'far away') points[i] = 1e9 + random.uniform() * 1e-3;
    else if (shape === 'grid') points[i] = Math.floor(random.uniform() * 3);
    else points[i] = 7;
  }
  return points;
}

const SHAPES = ['uniform', 'blobs', 'far away', 'grid', 'all equal'];
const SIZES: [number, number][] = [
  [2, 1],
  [15, 3],
  [16, 4],
  [17, 5],
  [33, 16],
  [300, 3],
  [300, 24],
  [257, 9],
];

describe('neighbour searches', () => {
  let backend: WasmBackend;
  let single: WasmBackend;
  beforeAll(async () => {
    backend = await WasmBackend.create({ threads: 2 });
    single = await WasmBackend.create({ threads: 1 });
  });
  afterAll(async () => {
    await backend.dispose();
    await single.dispose();
  });

  it.each(SHAPES)('find what all pairs give: %s', async (shape) => {
    for (const [count, dimensions] of SIZES) {
      const points = pointSet(shape, count, dimensions);
      const tree = buildPointTree(points, dimensions);
      expect([...tree.pointOfSlot].filter((point) => point >= 0).sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
      const keep = Math.min(4, count - 1);
      const rank = Math.min(7, count - 1);
      const search = new NeighbourSearch(backend, tree, rank, keep);
      const lists = await search.nearest();
      const coreOfSlot = search.core();
      const core = new Float64Array(count);
      const components = Array.from({ length: count }, (_, i) => (i * 7 + (i >> 3)) % 3);
      for (let point = 0; point < count; point++) {
        const expected = nearestDistances(points, dimensions, point);
        const slot = tree.slotOfPoint[point]!;
        core[point] = coreOfSlot[slot]! / tree.scale;
        expect(core[point]).toBe(expected[rank - 1]);
        for (let k = 0; k < keep; k++) {
          expect(lists.distances[slot * keep + k]! / tree.scale).toBe(expected[k]);
          expect(tree.pointOfSlot[lists.slots[slot * keep + k]!]).not.toBe(point);
        }
      }
      const views = search.outside();
      for (let slot = 0; slot < tree.slots; slot++) {
        const point = tree.pointOfSlot[slot]!;
        views.components[slot] = point < 0 ? -1 : components[point]!;
      }
      // Half of the nodes claim to be mixed, which costs time but must not change an answer.
      views.nodeComponents.fill(-1);
      views.bounds.fill(Infinity, 0, 3);
      const queries = Array.from(tree.pointOfSlot.keys()).filter((slot) => tree.pointOfSlot[slot]! >= 0);
      views.queries.set(queries);
      search.nearestOutside(count);
      for (const slot of queries) {
        const point = tree.pointOfSlot[slot]!;
        const expected = leastReachabilityOutside(points, dimensions, core, components, point);
        expect(views.weights[slot]! / tree.scale).toBe(expected);
        expect(views.targets[slot]! >= 0).toBe(expected < Infinity);
      }
      search.dispose();
    }
  });

  it('say that nothing lies below the bound', async () => {
    const tree = buildPointTree(Float64Array.from([0, 1, 5]), 1);
    const search = new NeighbourSearch(backend, tree, 1, 1);
    await search.nearest();
    search.core();
    const views = search.outside();
    const slot = tree.slotOfPoint[2]!;
    views.components.set(
      [0, 0, 1, -1].map((_, at) => (tree.pointOfSlot[at] === 2 ? 1 : tree.pointOfSlot[at]! < 0 ? -1 : 0)),
    );
    views.nodeComponents.fill(-1);
    // The nearest outside of point 2 (at 5) is point 1, 4 away; in the scaled frame 4 * scale.
    for (const [bound, target] of [
      [4 * tree.scale, -1],
      [4.001 * tree.scale, tree.slotOfPoint[1]!],
    ] as const) {
      views.bounds.fill(bound, 0, 2);
      views.queries[0] = slot;
      search.nearestOutside(1);
      expect(views.targets[slot]).toBe(target);
      expect(views.weights[slot]).toBe(4 * tree.scale);
    }
    search.dispose();
  });

  it('give the same lists on one thread and on two', async () => {
    const points = pointSet('grid', 600, 3);
    const tree = buildPointTree(points, 3);
    const listsOn = async (chosen: WasmBackend) => {
      const search = new NeighbourSearch(chosen, tree, 5, 5);
      const slots = Int32Array.from((await search.nearest()).slots);
      search.dispose();
      return slots;
    };
    const [one, two] = [await listsOn(single), await listsOn(backend)];
    const isPoint = (_: number, i: number) => tree.pointOfSlot[Math.floor(i / 5)]! >= 0;
    expect(one.filter(isPoint)).toEqual(two.filter(isPoint));
  });

  it('release their memory, and refuse points they cannot order', () => {
    const before = backend.memory.usedBytes;
    const tree = buildPointTree(pointSet('uniform', 50, 2), 2);
    const search = new NeighbourSearch(backend, tree, 3, 3);
    expect(backend.memory.usedBytes).toBeGreaterThan(before);
    search.dispose();
    expect(backend.memory.usedBytes).toBe(before);
    expect(() => new NeighbourSearch(backend, tree, 50, 3)).toThrow(RangeError);
    expect(() => buildPointTree(Float64Array.from([1, Number.NaN]), 1)).toThrow(/point 1 has the coordinate NaN/);
    expect(() => buildPointTree(Float64Array.from([1, 2, 3]), 2)).toThrow(PointsError);
  });

  it('have no static data, which would collide between kernels', async () => {
    const bytes = readFileSync(new URL('../../../build/kernels/neighbours.wasm', import.meta.url));
    let at = 8;
    const sections: number[] = [];
    while (at < bytes.length) {
      sections.push(bytes[at++]!);
      let size = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++]!;
        size |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      at += size;
    }
    expect(sections).toContain(10);
    expect(sections).not.toContain(11);
  });
});
