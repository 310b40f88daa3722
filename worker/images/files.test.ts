import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeImage, ImageFileError, loadImage, loadImages, writeImage } from './files.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'images-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => path.join(folder, name);

const image = {
  width: 9,
  height: 6,
  data: Uint8Array.from({ length: 3 * 54 }, (_, i) => (i * 37) & 255),
};

describe('round trip', () => {
  test('8-bit PNG comes back byte for byte and leaves no temporary file', async () => {
    await writeImage(at('a.png'), image);
    const back = await loadImage(at('a.png'), { expected: { width: 9, height: 6 } });
    expect(back).toEqual(image);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('float images are written as bytes', async () => {
    await writeImage(at('f.png'), { ...image, data: Float32Array.from(image.data, (byte) => byte / 255) });
    expect((await loadImage(at('f.png'))).data).toEqual(image.data);
  });
});

describe('other encodings become upright 8-bit RGB', () => {
  test('grey', async () => {
    await sharp(Uint8Array.of(10, 200), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(at('grey.png'));
    expect([...(await loadImage(at('grey.png'))).data]).toEqual([10, 200, 10, 200, 10, 200]);
  });

  test('alpha is dropped, not blended', async () => {
    await sharp(Uint8Array.of(10, 20, 30, 0), { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toFile(at('alpha.png'));
    expect([...(await loadImage(at('alpha.png'))).data]).toEqual([10, 20, 30]);
  });

  test('16 bits keep their high byte', async () => {
    await sharp(Uint16Array.of(0x1000, 0x8000, 0xff00), { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toFile(at('deep.png'));
    expect([...(await loadImage(at('deep.png'))).data]).toEqual([0x10, 0x80, 0xff]);
  });

  test('EXIF orientation is applied', async () => {
    await sharp({ create: { width: 4, height: 2, channels: 3, background: '#808080' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toFile(at('turned.jpg'));
    const turned = await loadImage(at('turned.jpg'));
    expect([turned.width, turned.height]).toEqual([2, 4]);
  });
});

describe('bad files are named', () => {
  const failure = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ImageFileError);
    return (error as ImageFileError).message;
  };

  test('missing', async () => {
    expect(await failure(loadImage(at('none.png')))).toMatch(/none\.png: cannot be read/);
  });

  test('not an image, empty, and a picture cut short', async () => {
    writeFileSync(at('text.png'), 'hello');
    writeFileSync(at('empty.png'), '');
    const whole = await encodeImage({
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 3 * 4096 }, (_, i) => (i * i) & 255),
    });
    writeFileSync(at('cut.png'), whole.subarray(0, whole.length / 2));
    for (const name of ['text.png', 'empty.png', 'cut.png']) {
      expect(await failure(loadImage(at(name)))).toContain(`${name}: cannot be read`);
    }
  });

  test('another size than the camera', async () => {
    await writeImage(at('b.png'), image);
    expect(await failure(loadImage(at('b.png'), { expected: { width: 6, height: 9 } }))).toMatch(
      /b\.png: is 9x6.*camera is 6x9/,
    );
  });

  test('more pixels than allowed, refused from the header', async () => {
    await writeImage(at('big.png'), image);
    expect(await failure(loadImage(at('big.png'), { maxPixels: 53 }))).toContain('big.png: ');
  });

  test('a folder that does not exist', async () => {
    expect(await failure(writeImage(at('none/x.png'), image))).toMatch(/x\.png: cannot be written/);
  });
});

test('many files keep their order, report progress, and stop at the first failure', async () => {
  const names = ['m0.png', 'm1.png', 'm2.png', 'm3.png', 'm4.png'];
  for (const [i, name] of names.entries())
    await writeImage(at(name), { ...image, data: image.data.map((byte) => byte ^ i) });
  const seen: number[] = [];
  const loaded = await loadImages(
    names.map((name) => ({ path: at(name) })),
    { onProgress: (done) => seen.push(done) },
  );
  expect(loaded.map((one) => one.data[0])).toEqual([0, 1, 2, 3, 4]);
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  await expect(loadImages([{ path: at('m0.png') }, { path: at('gone.png') }])).rejects.toThrow(/gone\.png/);
  await expect(loadImages([{ path: at('m0.png') }], { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});

test('previews are reduced and encoded', async () => {
  const wide = { width: 40, height: 20, data: new Uint8Array(3 * 800).fill(128) };
  const jpeg = await encodeImage(wide, { format: 'jpeg', maxSidePx: 10 });
  const header = await sharp(jpeg).metadata();
  expect([header.format, header.width, header.height]).toEqual(['jpeg', 10, 5]);
  await writeImage(at('p.webp'), wide, { format: 'webp' });
  expect((await sharp(await readFile(at('p.webp'))).metadata()).format).toBe('webp');
});
