import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCounts, maskOfCounts, type PinholeView, type ViewAnswer } from '../../contract/index.ts';
import { writeLift } from '../lifting/artifact.ts';
import { objectsOfGaussians } from '../objects/index.ts';
import { type LabelledWorld, labelledWorld, OBJECTS } from '../objects/lifting/testing.ts';
import { writeSplats } from '../splats/index.ts';
import { recolour } from './blocks.ts';
import { ModelCache } from './models.ts';
import { hiddenGaussians, tintsOf } from './object-look.ts';
import { ViewService } from './service.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-view-objects-'));
const splatsPath = join(directory, 'world.splats');
const idsPath = join(directory, 'world.ids');
let world: LabelledWorld;
let service: ViewService;
let view: PinholeView;

beforeAll(async () => {
  world = await labelledWorld(1);
  await writeSplats(splatsPath, world.splats, {});
  const count = world.splats.count;
  const bytes = new Uint8Array(8 * count);
  new Uint32Array(bytes.buffer, 0, count).set(world.objectOf);
  new Float32Array(bytes.buffer, 4 * count, count).fill(1);
  await writeFile(idsPath, bytes);
  service = new ViewService(world.backend, 1e9);
  const { widthPixels: width, heightPixels: height, fx, fy, cx, cy } = world.views[0]!;
  const still = { quaternion: [1, 0, 0, 0], translation: [0, 0, 4] } satisfies PinholeView['cameraFromWorld'];
  view = { width, height, fx, fy, cx, cy, cameraFromWorld: still };
});
afterAll(async () => {
  service.dispose();
  await world.backend.dispose();
  await rm(directory, { recursive: true });
});

/** A lift whose embedding has one place for each object, [OBJECTS + 1, D]; the last one is the wall's. */
async function embeddingLift(name: string, places: readonly (readonly number[])[], unitLength: boolean) {
  const path = join(directory, name);
  const dimensions = places[0]!.length;
  const gaussians = world.splats.count;
  const features = Float32Array.from({ length: gaussians * dimensions }, (_, at) => {
    const object = world.objectOf[Math.floor(at / dimensions)]!;
    return places[object === 0 ? OBJECTS : object - 1]![at % dimensions]!;
  });
  const lifted = {
    ...{ gaussians, objects: OBJECTS, foregroundShare: 0.5 },
    foreground: Float32Array.from(world.objectOf, (object) => (object === 0 ? 0 : 1)),
    readout: {
      ...{ kind: 'embedding' as const, dimensions, features, unitLength },
      centroids: Float32Array.from(places.slice(0, OBJECTS).flat()),
    },
  };
  const fingerprints = { masks: '', splats: '' };
  const header = { recipe: 'vanilla' as const, parameters: {}, seed: 0, fingerprints, generator: 'test', objects: [] };
  await writeLift(path, { header, lifted, objects: objectsOfGaussians(lifted) });
  return path;
}

const signal = new AbortController().signal;
const segment = async (call: object) =>
  (await service.answer({ kind: 'segment', splatsPath, view, ...call }, signal)) as ViewAnswer<'segment'>;

/** A pixel in the middle of an object. */
function middleOf(object: number): { x: number; y: number } {
  const [x, y] = [-1.2 + 0.6 * (object - 1), object % 2 === 0 ? 0.35 : -0.3];
  return { x: (view.fx * x) / 4 + view.cx, y: (view.fy * y) / 4 + view.cy };
}

/** How well the mask is the object's. */
function iouOf(rle: string, object: number): number {
  const truth = world.truth[0]!;
  const mask = maskOfCounts(decodeCounts(rle, truth.length), truth.length);
  let [both, either] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === object && mask[i] === 1) both++;
    if (truth[i] === object || mask[i] === 1) either++;
  }
  return both / either;
}

describe('segmenting by clicks', () => {
  const oneHot = Array.from({ length: OBJECTS + 1 }, (_, k) => Array.from({ length: 8 }, (_v, d) => (d === k ? 1 : 0)));
  const apart = Array.from({ length: OBJECTS + 1 }, (_, k) => [3 * k, (k % 2) * 2, 1]);

  it.each([
    ['cosine', oneHot, true],
    ['distance', apart, false],
  ] as const)('finds what was clicked by %s', async (similarity, places, unitLength) => {
    const liftPath = await embeddingLift(`${similarity}.lift`, places, unitLength);
    const call = { liftPath, points: [{ ...middleOf(2), positive: true }], threshold: 0.5, withGaussians: true };
    const first = await segment(call);
    expect(first).toMatchObject({ similarity, warm: false, gaussians: 40 });
    expect(iouOf(first.mask.rle, 2)).toBeGreaterThan(0.6);
    const members = maskOfCounts(decodeCounts(first.gaussiansRle!, world.splats.count), world.splats.count);
    expect([...members].every((inside, i) => (inside === 1) === (world.objectOf[i] === 2))).toBe(true);

    const points = [2, 4].map((object) => ({ ...middleOf(object), positive: true }));
    const both = await segment({ ...call, points, maps: [view] });
    expect(both).toMatchObject({ warm: true, gaussians: 80 });
    expect(both.maps[0]).toEqual(both.mask);
    const large = { ...view, width: 10 * view.width, height: 10 * view.height };
    const zoomed = { ...large, fx: 10 * view.fx, fy: 10 * view.fy, cx: 10 * view.cx, cy: 10 * view.cy };
    const drawn = await segment({ ...call, memberViews: [view, zoomed] });
    expect(iouOf(drawn.memberMaps[0]!.rle, 2)).toBeGreaterThan(0.6);
    expect(drawn.memberMaps[1]).toMatchObject({ width: large.width, height: large.height });
    expect(drawn.memberMaps[1]!.areaPx / drawn.memberMaps[0]!.areaPx / 100).toBeCloseTo(1, 0);
    const own = [0, 1, 2].map((axis) =>
      world.splats.means.filter((_, at) => at % 3 === axis && world.objectOf[Math.floor(at / 3)] === 2),
    );
    for (const [axis, values] of own.entries()) {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      expect(drawn.shape!.extent.min[axis]).toBeGreaterThanOrEqual(low - 1e-5);
      expect(drawn.shape!.extent.max[axis]).toBeLessThanOrEqual(high + 1e-5);
      expect(drawn.shape!.centroid[axis]! - low).toBeGreaterThan(0.3 * (high - low));
      expect(high - drawn.shape!.centroid[axis]!).toBeGreaterThan(0.3 * (high - low));
    }
    const without = await segment({ ...call, points: [...points, { ...middleOf(4), positive: false, view }] });
    expect(without.gaussians).toBe(40);
    expect(without.mask.areaPx).toBeLessThan(both.mask.areaPx);
    expect((await segment({ ...call, threshold: 1 })).mask.areaPx).toBeLessThan(first.mask.areaPx);
  });

  it('says what is wrong with a click', async () => {
    const liftPath = await embeddingLift('bad.lift', oneHot, true);
    const outside = segment({ liftPath, points: [{ x: 1e4, y: 1, positive: true }] });
    await expect(outside).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('outside') });
    const nothing = segment({ liftPath, points: [{ ...middleOf(1), positive: false }] });
    await expect(nothing).rejects.toMatchObject({ code: 'bad-input' });
    const missing = segment({ liftPath: join(directory, 'none.lift'), points: [{ ...middleOf(1), positive: true }] });
    await expect(missing).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('none.lift') });
  });

  it('shows embeddings from where they spread most', async () => {
    // Objects differ along the third axis, and half as much along the first.
    const places = Array.from({ length: OBJECTS + 1 }, (_, k) => [k % 2, 0, 4 * k, 0]);
    const liftPath = await embeddingLift('pca.lift', places, false);
    const call = { kind: 'embedding', splatsPath, liftPath, samples: 50 };
    const shown = (await service.answer(call, signal)) as ViewAnswer<'embedding'>;
    expect(shown).toMatchObject({ dimensions: 4, source: 'embedding' });
    expect(shown.gaussians).toHaveLength(50);
    expect(shown.explained[0]).toBeGreaterThan(0.95);
    expect(shown.explained[0] + shown.explained[1]).toBeCloseTo(1, 6);
    const along = (object: number) => {
      const k = shown.gaussians.findIndex((gaussian) => world.objectOf[gaussian] === object);
      return shown.points[2 * k]!;
    };
    expect(Math.abs(along(4) - along(2))).toBeCloseTo(8, 1);
  });
});

describe('objects in pictures', () => {
  const colours: [number, string][] = [[2, '#ff0000']];
  const membership = () => ({
    path: idsPath,
    ids: Uint32Array.from(world.objectOf),
    confidence: new Float32Array(world.splats.count).fill(1),
  });
  const render = async (objects: object | undefined, change: object = {}) => {
    const call = {
      kind: 'render',
      splatsPath,
      view,
      format: 'rgba',
      ...(objects && { objects: { idsPath, ...objects } }),
    };
    const { bytes, width } = (await service.answer({ ...call, ...change }, signal)) as ViewAnswer<'render'>;
    return ({ x, y }: { x: number; y: number }) => {
      const at = 4 * (Math.floor(y) * width + Math.floor(x));
      return [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!] as const;
    };
  };

  it('are tinted, selected and left out, and the model is as before afterwards', async () => {
    const plain = await render(undefined);
    const [own, other] = [middleOf(2), middleOf(4)];
    const tinted = await render({ colours, tint: 1 });
    expect(tinted(own)[0]).toBeGreaterThan(200);
    expect(tinted(own)[1]).toBeLessThan(60);
    expect(tinted(other)).toEqual(plain(other));
    const selected = await render({ colours, selected: [2] });
    expect(selected(own)[0]).toBeGreaterThan(selected(own)[1]! + 60);
    expect((await render({ colours, tint: 0 }))(own)).toEqual(plain(own));
    const alone = await render({ only: [2] });
    expect(alone(own)[0]).toBeGreaterThan(60);
    expect(alone(other)).toEqual([0, 0, 0]);
    const membershipOf = await render({ object: 2 }, { channel: 'membership' });
    expect(membershipOf(own)[0]).toBeGreaterThan(150);
    expect(membershipOf(other)[0]).toBeLessThan(10);
    expect((await render(undefined))(other)).toEqual(plain(other));
  });

  it('are picked only where they are drawn', async () => {
    const pick = (objects?: object) =>
      service.answer({ kind: 'pick', splatsPath, view, ...middleOf(2), ...(objects && { objects }) }, signal);
    const objectOf = (answer: unknown) => world.objectOf[(answer as { gaussian: number }).gaussian];
    expect(objectOf(await pick())).toBe(2);
    expect(objectOf(await pick({ idsPath, hidden: [2] }))).toBe(0);
    expect(await pick({ idsPath, only: [5] })).toBeNull();
    const short = join(directory, 'short.ids');
    await writeFile(short, new Uint8Array(16));
    await expect(pick({ idsPath: short })).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('are recoloured and hidden in the blocks of a moving camera', async () => {
    const { model } = await new ModelCache(world.backend, 1e9).get(splatsPath);
    const tints = tintsOf(membership(), { idsPath, hidden: [], colours, tint: 1, selected: [] });
    const hidden = hiddenGaussians(membership(), { hidden: [4] });
    const { order } = model.blocks;
    const { arrays } = recolour(model.blocks, hidden?.mask, tints?.values).level(0);
    const before = model.blocks.level(0).arrays;
    for (let slot = 0; slot < order.length; slot++) {
      if (order[slot]! < 0) continue;
      const object = world.objectOf[order[slot]!]!;
      const at = 3 * (slot - (slot % 4)) + (slot % 4);
      const rgb = [0, 4, 8].map((step) => 0.5 + 0.28209479177387814 * arrays.sh[at + step]!);
      if (object === 2) for (const [c, value] of [1, 0, 0].entries()) expect(rgb[c]).toBeCloseTo(value, 5);
      else expect(arrays.sh[at]).toBe(before.sh[at]);
      if (object === 4) expect(arrays.logitOpacities[slot]).toBeLessThan(-20);
      else expect(arrays.logitOpacities[slot]).toBe(before.logitOpacities[slot]);
    }
  });
});
