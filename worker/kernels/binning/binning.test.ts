import { afterAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { PROJECTED, PROJECTED_FLOATS } from '../shared/index.ts';
import { seededRandom } from '../testing/index.ts';
import { binReference, binTiles, TileLists } from './index.ts';

const SEED = 20_261;

/** Random ellipses, some culled, some with equal depths. */
function randomRecords(count: number, width: number, height: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const records = new Float32Array(count * PROJECTED_FLOATS);
  for (let g = 0; g < count; g++) {
    const set = (name: keyof typeof PROJECTED, value: number) => {
      records[g * PROJECTED_FLOATS + PROJECTED[name]] = value;
    };
    const angle = random.uniform(0, Math.PI);
    const long = 0.3 + random.uniform(0, 1) ** 3 * 200;
    const short = 0.3 + random.uniform(0, 1) ** 3 * 10;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const xx = cos * cos * long + sin * sin * short;
    const yy = sin * sin * long + cos * cos * short;
    const xy = cos * sin * (long - short);
    const det = xx * yy - xy * xy;
    const opacity = random.uniform(0.005, 0.999);
    const cutoff = 2 * Math.log(255 * opacity);
    set('x', random.uniform(-20, width + 20));
    set('y', random.uniform(-20, height + 20));
    set('conicA', yy / det);
    set('conicB', -xy / det);
    set('conicC', xx / det);
    set('opacity', opacity);
    set('depth', Math.round(random.uniform(1, 9) * 8) / 8);
    set('cutoff', cutoff);
    set('conicDet', 1 / det);
    set('extentY', Math.sqrt(cutoff * yy));
    set('extentX', random.uniform(0, 1) < 0.1 ? -1 : Math.sqrt(cutoff * xx));
  }
  return records;
}

const backends = new Map<number, WasmBackend>();
afterAll(() => Promise.all([...backends.values()].map((backend) => backend.dispose())));

async function bin(records: Float32Array, count: number, width: number, height: number, threads: number) {
  const backend = backends.get(threads) ?? (await WasmBackend.create({ threads }));
  backends.set(threads, backend);
  const projected = backend.createBuffer('projected', records.byteLength);
  backend.write(projected, records);
  const lists = new TileLists(backend);
  backend.run(binTiles, { projected, count, width, height, lists });
  const tileStart = new Uint32Array(await backend.read(lists.tileStart, 0, (lists.tileCount + 1) * 4));
  const slotStart = new Uint32Array(await backend.read(lists.slotStart, 0, (count + 1) * 4));
  const instances = new Uint32Array(await backend.read(lists.instances, 0, lists.instanceCount * 8));
  const tiles = Array.from({ length: lists.tileCount }, (_, tile) => {
    const list: { gaussian: number; slot: number }[] = [];
    for (let i = tileStart[tile]!; i < tileStart[tile + 1]!; i++) {
      list.push({ gaussian: instances[2 * i]!, slot: instances[2 * i + 1]! });
    }
    return list;
  });
  lists.dispose();
  backend.destroyBuffer(projected);
  return { tiles, slotStart, used: backend.memory.usedBytes };
}

describe.each([0, 1, 15, 16, 17, 400])('binTiles with %i Gaussians', (count) => {
  it.each([
    [16, 16],
    [33, 47],
    [160, 100],
  ])(`lists what %i x %i tiles need, in depth order (seed ${SEED})`, async (width, height) => {
    const records = randomRecords(count, width, height, SEED + count);
    const reference = binReference(records, count, width, height);
    const { tiles, slotStart, used } = await bin(records, count, width, height, 2);
    expect(used).toBe(0);
    expect(tiles.length).toBe(reference.required.length);
    const rank = new Map(
      Array.from({ length: count }, (_, g) => g)
        .sort((g, h) => records[g * 16 + PROJECTED.depth]! - records[h * 16 + PROJECTED.depth]! || g - h)
        .map((g, index) => [g, index]),
    );
    const slotsSeen = new Set<number>();
    tiles.forEach((list, tile) => {
      const listed = new Set(list.map((entry) => entry.gaussian));
      expect([...reference.required[tile]!].filter((gaussian) => !listed.has(gaussian))).toEqual([]);
      expect([...listed].filter((gaussian) => !reference.allowed[tile]!.has(gaussian))).toEqual([]);
      const ranks = list.map((entry) => rank.get(entry.gaussian)!);
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      const isElsewhere = ({ gaussian, slot }: { gaussian: number; slot: number }): boolean =>
        !(slot >= slotStart[gaussian]! && slot < slotStart[gaussian + 1]!);
      expect(list.filter(isElsewhere)).toEqual([]);
      for (const { slot } of list) slotsSeen.add(slot);
    });
    expect(slotsSeen.size).toBe(slotStart[count]);
  });

  it('gives the same lists on 1, 2 and 3 threads', async () => {
    const records = randomRecords(count, 90, 70, SEED);
    const one = await bin(records, count, 90, 70, 1);
    expect((await bin(records, count, 90, 70, 2)).tiles).toEqual(one.tiles);
    expect((await bin(records, count, 90, 70, 3)).tiles).toEqual(one.tiles);
  });
});
