import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  renderRequestSchema,
  splatsFileBytes,
  type ViewAnswer,
  type ViewCall,
  type ViewRenderAnswer,
} from '../../contract/index.ts';
import { WasmBackend } from '../compute/index.ts';
import { loadImage, type PlanarFloatImage, writeImage } from '../images/index.ts';
import { renderSplats, type SplatArrays, SplatModel, SplatRenderer, viewOf, writeSplats } from '../splats/index.ts';
import { arrange } from './blocks.ts';
import { ModelCache } from './models.ts';
import { MovingRenderer, reducedView } from './moving.ts';
import { ViewService } from './service.ts';
import { roomView, smallRoom } from './testing.ts';

const folder = await mkdtemp(join(tmpdir(), 'liftscope-view-'));
const splatsPath = join(folder, 'room.splats');
const room = smallRoom(3000, 5);
const view = roomView(0.7);
const never = new AbortController().signal;

let backend: WasmBackend;
let service: ViewService;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
  service = new ViewService(backend, 1e9);
  await writeSplats(splatsPath, room, { generator: 'test', iterations: 7 });
});
afterAll(async () => {
  service.dispose();
  await backend.dispose();
  await rm(folder, { recursive: true });
});

async function ask<K extends ViewCall['kind']>(
  call: { readonly kind: K } & Record<string, unknown>,
  signal = never,
): Promise<ViewAnswer<K>> {
  return (await service.answer(call, signal)) as ViewAnswer<K>;
}
const render = (call: object): Promise<ViewRenderAnswer> =>
  ask({ kind: 'render', splatsPath, view, format: 'rgba', ...call });

describe('an exact picture', () => {
  it.each(['colour', 'depth', 'alpha'] as const)('of %s equals that of render-splats bit for bit', async (channel) => {
    const outputPath = join(folder, `${channel}.png`);
    const request = { backend: 'wasm', threads: 1, splatsPath, view, channel, outputPath };
    await renderSplats(renderRequestSchema.parse(request));
    const answer = await render({ channel, format: 'png' });
    expect(answer).toMatchObject({ width: view.width, height: view.height, gaussians: room.count });
    const path = join(folder, `${channel}-view.png`);
    await writeFile(path, answer.bytes);
    const [expected, drawn] = [await loadImage(outputPath), await loadImage(path)];
    expect(drawn.data).toEqual(expected.data);
    expect(new Set(drawn.data).size).toBeGreaterThan(20);
  });

  it('of depth says which distances are white and black, and keeps those it is given', async () => {
    const free = await render({ channel: 'depth' });
    expect(free.depthRange!.near).toBeGreaterThan(0);
    expect(free.depthRange!.far).toBeGreaterThan(free.depthRange!.near);
    const depthRange = { near: 0.5, far: 20 };
    const fixed = await render({ channel: 'depth', depthRange });
    expect(fixed.depthRange).toEqual(depthRange);
    expect(fixed.bytes).not.toEqual(free.bytes);
  });

  it('has the background behind it', async () => {
    const empty = { ...view, cameraFromWorld: { ...view.cameraFromWorld, translation: [0, 0, -90] } };
    const { bytes, depthRange } = await render({ view: empty, background: [0, 0.2, 1] });
    expect([...bytes.subarray(0, 4)]).toEqual([0, 51, 255, 255]);
    expect(bytes).toHaveLength(4 * view.width * view.height);
    expect(depthRange).toBeUndefined();
    expect((await render({ view: empty, channel: 'depth' })).depthRange).toBeUndefined();
  });

  it('of the residual is black against its own photo, and bright where the photo differs, at any photo size', async () => {
    const size = { width: view.width, height: view.height };
    const photoPath = join(folder, 'photo.png');
    await writeFile(photoPath, (await render({ format: 'png' })).bytes);
    const same = await render({ channel: 'residual', photoPath });
    const strongest = same.bytes.reduce((most, value, i) => (i % 4 === 3 ? most : Math.max(most, value)), 0);
    // Half an 8-bit step, four times as bright.
    expect(strongest).toBeLessThanOrEqual(3);
    const white = { width: 2 * size.width, height: 2 * size.height };
    const whitePath = join(folder, 'white.png');
    await writeImage(whitePath, { ...white, data: new Float32Array(3 * white.width * white.height).fill(1) });
    const different = await render({ channel: 'residual', photoPath: whitePath });
    expect(different.bytes.filter((value) => value === 255).length).toBeGreaterThan(2 * size.width * size.height);
    await expect(render({ channel: 'residual' })).rejects.toMatchObject({ code: 'bad-input' });
    await expect(render({ channel: 'residual', photoPath: join(folder, 'none.png') })).rejects.toThrow(/none\.png/);
  });
});

describe('a moving picture', () => {
  it('of a small model is the whole model with fewer pixels', async () => {
    const large = roomView(0.7, 800, 600);
    const { width, height, bytes } = await render({ view: large, quality: 'moving' });
    expect([width, height]).toEqual([400, 300]);
    const half = { ...large, width, height, fx: large.fx / 2, fy: large.fy / 2, cx: large.cx / 2, cy: large.cy / 2 };
    expect(bytes).toEqual((await render({ view: half })).bytes);
  });

  /** dB between images clipped to [0, 1]. */
  function psnr(a: PlanarFloatImage, b: PlanarFloatImage): number {
    const clip = (value: number) => Math.min(1, Math.max(0, value));
    const squares = a.data.reduce((sum, value, i) => sum + (clip(value) - clip(b.data[i]!)) ** 2, 0);
    return -10 * Math.log10(squares / a.data.length);
  }

  it('of blocks is that of degree 0 exactly at the finest level, and close to it with a third of the Gaussians', async () => {
    const flat = viewOf(roomView(0.7, 160, 120));
    const model = new SplatModel(backend, room.count, 1, { trainable: false });
    model.upload(room);
    const exact = new SplatRenderer(backend, model);
    const blocks = arrange(room);
    const moving = new MovingRenderer(backend);
    const reference = await exact.colour(flat, 0);
    const all = moving.prepare(blocks, flat, Number.MAX_SAFE_INTEGER);
    const finest = await all.renderer.colour(flat);
    // Equal depths may be drawn in another order.
    expect(psnr(finest, reference)).toBeGreaterThan(60);
    expect(psnr(finest, await exact.colour(flat))).toBeGreaterThan(28);
    const few = moving.prepare(blocks, flat, all.gaussians / 3);
    expect(few.gaussians).toBeLessThanOrEqual(all.gaussians / 3);
    expect(psnr(await few.renderer.colour(flat), reference)).toBeGreaterThan(18);
    moving.dispose();
    exact.dispose();
    model.dispose();
  });

  it('draws less when pictures take long, and more again when they do not', () => {
    const moving = new MovingRenderer(backend);
    const usual = moving.budget;
    for (let i = 0; i < 3; i++) moving.tookMs(400);
    const slow = moving.budget;
    expect(slow).toBeLessThan(usual);
    for (let i = 0; i < 100; i++) moving.tookMs(4000);
    expect(moving.budget).toBeGreaterThan(1000);
    for (let i = 0; i < 100; i++) moving.tookMs(5);
    expect(moving.budget).toBe(usual);
  });

  it('has a whole fraction of the size, and no less than one pixel', () => {
    expect(reducedView(viewOf(roomView(0, 1280, 720)))).toMatchObject({ widthPixels: 640, heightPixels: 360 });
    expect(reducedView(viewOf(roomView(0, 320, 240)))).toMatchObject({
      widthPixels: 320,
      heightPixels: 240,
      cx: 166.4,
    });
    expect(reducedView(viewOf(roomView(0, 1, 4000)), 1000)).toMatchObject({ widthPixels: 1, heightPixels: 2000 });
  });
});

describe('info, thumbnail and pick', () => {
  it('tell about the model', async () => {
    const info = await ask({ kind: 'info', splatsPath });
    expect(info).toMatchObject({ count: room.count, shDegree: 1, generator: 'test', iterations: 7, loadMs: 0 });
    for (let k = 0; k < 3; k++) {
      expect(info.bounds.min[k]!).toBeCloseTo(-2, 1);
      expect(info.bounds.max[k]!).toBeCloseTo(2, 1);
    }
    expect(await ask({ kind: 'pick', splatsPath, view, x: 40, y: 30 })).toMatchObject({ depth: expect.any(Number) });
    expect(await ask({ kind: 'pick', splatsPath, view, x: -40, y: 30 })).toBeNull();
  });

  it('a thumbnail shows the model from outside, whole, or from a view, cut to the size', async () => {
    const outside = await ask({ kind: 'thumbnail', splatsPath, width: 64, height: 48, format: 'rgba' });
    expect(outside).toMatchObject({ width: 64, height: 48 });
    const lit = (x: number, y: number) =>
      outside.bytes.subarray(4 * (64 * y + x), 4 * (64 * y + x) + 3).some((v) => v > 8);
    expect(lit(32, 24)).toBe(true);
    for (const [x, y] of [
      [0, 0],
      [63, 0],
      [0, 47],
      [63, 47],
    ] as const) {
      expect(lit(x, y), `${x} ${y}`).toBe(false);
    }
    const inside = await ask({ kind: 'thumbnail', splatsPath, view, width: 64, height: 64, format: 'webp' });
    expect(Buffer.from(inside.bytes.subarray(8, 12)).toString()).toBe('WEBP');
  });
});

describe('what is refused', () => {
  it('names the file that is missing, damaged or too short, and the field that is wrong', async () => {
    const missing = join(folder, 'missing.splats');
    await expect(render({ splatsPath: missing })).rejects.toMatchObject({ code: 'not-found' });
    await expect(render({ splatsPath: missing })).rejects.toThrow(missing);
    const damaged = join(folder, 'damaged.splats');
    await writeFile(damaged, Buffer.alloc(splatsFileBytes({ count: 1, shDegree: 0 }, 30)));
    await expect(ask({ kind: 'info', splatsPath: damaged })).rejects.toMatchObject({ code: 'bad-input' });
    await expect(render({ view: { ...view, fx: Number.NaN } })).rejects.toThrow(/view\.fx/);
    await expect(render({ view: { ...view, width: 30_000, height: 30_000 } })).rejects.toThrow(/pixels/);
    await expect(ask({ kind: 'nothing' as 'info', splatsPath })).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('a call that was given up before its turn; the next one is answered', async () => {
    const given = new AbortController();
    given.abort(new Error('given up'));
    await expect(ask({ kind: 'info', splatsPath }, given.signal)).rejects.toThrow('given up');
    expect(await ask({ kind: 'info', splatsPath })).toMatchObject({ count: room.count });
  });
});

describe('ModelCache', () => {
  const write = async (name: string, arrays: SplatArrays): Promise<string> => {
    const path = join(folder, name);
    await writeSplats(path, arrays, {});
    return path;
  };

  it('keeps what the budget holds, drops what was shown least recently, and always keeps the one in use', async () => {
    const paths = await Promise.all(['a', 'b', 'c'].map((name, i) => write(`${name}.splats`, smallRoom(400, i))));
    const [a, b, c] = paths as [string, string, string];
    const used = backend.memory.usedBytes;
    const first = new ModelCache(backend, 0);
    const { model } = await first.get(a);
    expect(model.upload()).toBe(model.upload());
    expect((await first.get(a)).loaded).toBe(false);
    await first.get(b);
    expect(first.paths).toEqual([b]);
    // Room for two and a half.
    const cache = new ModelCache(backend, 2.5 * model.sizeBytes);
    await cache.get(a);
    await cache.get(b);
    expect((await cache.get(a)).loaded).toBe(false);
    await cache.get(c);
    expect(cache.paths).toEqual([a, c]);
    cache.dispose();
    first.dispose();
    expect(backend.memory.usedBytes).toBe(used);
  });

  it('reads a file again that was written anew', async () => {
    const cache = new ModelCache(backend, 1e9);
    const path = await write('anew.splats', smallRoom(100, 1));
    await cache.get(path);
    await write('anew.splats', smallRoom(101, 1));
    await utimes(path, 5, 5);
    const again = await cache.get(path);
    expect(again.loaded).toBe(true);
    expect(again.model.header.count).toBe(101);
    cache.dispose();
  });
});
