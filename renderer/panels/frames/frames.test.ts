import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { outlinesOf } from '../../tools/index.ts';
import { BitmapCache } from './bitmaps.ts';
import { fillOf, idsOf } from './instances.ts';
import { atScale, fitView, pannedBy, toImage, toPanel, zoomAround } from './zoom.ts';

describe('zooming', () => {
  const panel = { width: 800, height: 600 };
  const image = { width: 132, height: 236 };

  it('fits the whole image and puts its middle in the middle', () => {
    const view = fitView(panel, image);
    expect(toPanel(view, panel, 0, 0).y).toBeCloseTo(0);
    expect(toPanel(view, panel, 132, 236).y).toBeCloseTo(600);
    expect(toPanel(view, panel, 66, 118)).toEqual({ x: 400, y: 300 });
  });

  it('keeps the image point under the pointer, as far as the image reaches', () => {
    const inside = fc.record({ x: fc.integer({ min: 300, max: 500 }), y: fc.integer({ min: 100, max: 500 }) });
    fc.assert(
      fc.property(inside, fc.double({ min: 1, max: 30, noNaN: true }), ({ x, y }, factor) => {
        const before = fitView(panel, image);
        const after = zoomAround(before, panel, image, x, y, factor);
        const [a, b] = [toImage(before, panel, x, y), toImage(after, panel, x, y)];
        expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeLessThan(1e-6);
      }),
    );
  });

  it('cannot lose the image', () => {
    let view = atScale(fitView(panel, image), 1);
    for (let i = 0; i < 100; i++) view = pannedBy(view, image, 500, -500);
    expect([view.x, view.y]).toEqual([0, 236]);
    for (let i = 0; i < 100; i++) view = zoomAround(view, panel, image, 10, 10, 0.1);
    expect(view.scale).toBeGreaterThan(0.5);
  });
});

describe('instance overlays', () => {
  const ids = Uint32Array.from([0, 7, 7, 0, 7, 70_000, 0, 0, 70_000]);

  it('ids and colours survive the way through an image', () => {
    const rgba = new Uint8ClampedArray(4 * ids.length);
    ids.forEach((id, i) => {
      rgba.set([id & 255, (id >> 8) & 255, id >> 16, 255], 4 * i);
    });
    expect(idsOf(rgba)).toEqual(ids);
    const fill = fillOf(ids, (id) => (id === 7 ? '#102030' : null));
    expect([...fill.subarray(4, 8)]).toEqual([0x10, 0x20, 0x30, 255]);
    expect([...fill.subarray(20, 24)]).toEqual([0, 0, 0, 0]);
  });

  it('the outline of an id is exactly its edges, whatever the shape', () => {
    const size = fc.record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(size, fc.array(fc.nat(3), { minLength: 81, maxLength: 81 }), ({ width, height }, values) => {
        const map = Uint32Array.from(values.slice(0, width * height));
        const lines = outlinesOf(map, width, height);
        const at = (x: number, y: number): number =>
          x < 0 || y < 0 || x >= width || y >= height ? 0 : map[y * width + x]!;
        for (const id of [1, 2, 3]) {
          let expected = 0;
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              if (at(x, y) !== id) continue;
              for (const [dx, dy] of [
                [1, 0],
                [-1, 0],
                [0, 1],
                [0, -1],
              ] as const)
                expected += at(x + dx, y + dy) === id ? 0 : 1;
            }
          }
          const line = lines.get(id) ?? [];
          let length = 0;
          for (let i = 0; i < line.length; i += 4) length += line[i + 2]! - line[i]! + line[i + 3]! - line[i + 1]!;
          expect(length).toBe(expected);
        }
      }),
    );
  });
});

describe('decoded images', () => {
  const bitmap = (side: number) => ({ width: side, height: side, close: vi.fn() }) as unknown as ImageBitmap;

  function setUp(maxBytes: number) {
    const asked: { url: string; signal: AbortSignal }[] = [];
    const bitmaps: ImageBitmap[] = [];
    const cache = new BitmapCache(
      (url, init) => {
        asked.push({ url, signal: init.signal! });
        if (url === 'bad') return Promise.reject(new Error('gone'));
        return Promise.resolve(new Response('x'));
      },
      () => {
        bitmaps.push(bitmap(10));
        return Promise.resolve(bitmaps.at(-1)!);
      },
      maxBytes,
    );
    return { cache, asked, bitmaps };
  }

  it('are fetched once, and the longest unused goes first', async () => {
    const { cache, asked, bitmaps } = setUp(1000);
    await Promise.all([cache.load('a'), cache.load('a'), cache.load('b')]);
    expect(asked.map(({ url }) => url)).toEqual(['a', 'b']);
    expect(cache.peek('a')).toBeDefined();
    await cache.load('c');
    expect(cache.peek('b')).toBeUndefined();
    expect(bitmaps[1]!.close).toHaveBeenCalledTimes(1);
    expect(cache.peek('a')).toBeDefined();
    expect(cache.peek('c')).toBeDefined();
  });

  it('a failure is not kept, and what nobody waits for is given up', async () => {
    const { cache, asked } = setUp(1000);
    await expect(cache.load('bad')).rejects.toThrow('gone');
    await expect(cache.load('bad')).rejects.toThrow('gone');
    expect(asked).toHaveLength(2);
    const pending = cache.load('d');
    cache.keepLoading(new Set(['e']));
    expect(asked[2]!.signal.aborted).toBe(true);
    await pending;
    expect(cache.peek('d')).toBeUndefined();
  });
});
