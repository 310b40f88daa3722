import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  type Camera,
  type CameraId,
  type CameraModel,
  type Frame,
  preparedCaptureSchema,
} from '../../contract/index.ts';
import { decodeImage } from './images.ts';
import { type ImportOptions, importCapture } from './import.ts';
import { Warnings } from './model.ts';
import { assignRoles, type PreparationResult, type PrepareOptions, prepareCapture } from './prepare.ts';
import { projectorOf } from './projection.ts';
import { colmapBinaryFiles, colmapTextFiles, put, type TestCapture, withFolder } from './testing.ts';
import { remap, resizeByArea, undistortedCamera, undistortionMap } from './undistort.ts';

const camera = (model: CameraModel, width: number, height: number, params: Record<string, number>): Camera =>
  ({ id: 1 as CameraId, model, width, height, params }) as unknown as Camera;

const lenses: readonly Camera[] = [
  camera('SIMPLE_RADIAL', 160, 120, { f: 130, cx: 80, cy: 60, k: -0.15 }),
  camera('SIMPLE_RADIAL', 160, 120, { f: 130, cx: 80, cy: 60, k: 0.15 }),
  camera('OPENCV', 120, 160, { fx: 150, fy: 152, cx: 63, cy: 77, k1: 0.06, k2: -0.08, p1: -0.001, p2: 0.0002 }),
  camera('FULL_OPENCV', 160, 120, { fx: 130, fy: 130, cx: 80, cy: 60, k1: 0.2, k2: 0.1, p1: 0, p2: 0, k3: 0, k4: 0.3, k5: 0.1, k6: 0 }),
  camera('OPENCV_FISHEYE', 160, 120, { fx: 60, fy: 60, cx: 80, cy: 60, k1: 0.02, k2: 0.001, k3: 0, k4: 0 }),
  camera('FOV', 160, 120, { fx: 90, fy: 90, cx: 80, cy: 60, omega: 0.9 }),
  camera('THIN_PRISM_FISHEYE', 160, 120, { fx: 80, fy: 80, cx: 82, cy: 59, k1: 0.05, k2: 0, p1: 0.001, p2: -0.001, k3: 0, k4: 0, sx1: 0.002, sy1: 0.001 }),
  camera('SIMPLE_DIVISION', 160, 120, { f: 120, cx: 80, cy: 60, k: -0.2 }),
  camera('EUCM', 160, 120, { fx: 90, fy: 90, cx: 80, cy: 60, alpha: 0.6, beta: 1.1 }),
]; // biome-ignore format: a table

/** Smooth, never dark: a dark pixel in the result can only be a border. */
const paint = (x: number, y: number, z: number): [number, number, number] => {
  const n = Math.hypot(x, y, z);
  return [130 + (90 * x) / n, 130 + (90 * y) / n, 130 + 60 * Math.sin((3 * (x + y)) / n)];
};

function photograph(c: Camera): Uint8Array {
  const projector = projectorOf(c);
  const pixels = new Uint8Array(c.width * c.height * 3);
  for (let v = 0; v < c.height; v++) {
    for (let u = 0; u < c.width; u++) {
      const ray = projector.unproject(u + 0.5, v + 0.5);
      const color = ray === undefined ? [0, 0, 0] : paint(...ray);
      pixels.set(color.map(Math.round), (v * c.width + u) * 3);
    }
  }
  return pixels;
}

describe('undistortion', () => {
  it.each(lenses)('of $model shows the scene where a pinhole sees it, without a border', (c) => {
    const target = undistortedCamera(c, c.id);
    const out = remap(photograph(c), c.width, c.height, 3, undistortionMap(c, target), target);
    let worst = 0;
    let darkest = 255;
    for (let v = 0; v < target.height; v++) {
      for (let u = 0; u < target.width; u++) {
        const { fx, fy, cx, cy } = target.params;
        const expected = paint((u + 0.5 - cx) / fx, (v + 0.5 - cy) / fy, 1);
        for (let k = 0; k < 3; k++) {
          const value = out[(v * target.width + u) * 3 + k]!;
          worst = Math.max(worst, Math.abs(value - expected[k]!));
          darkest = Math.min(darkest, value);
        }
      }
    }
    // Rounding twice, half a pixel of clamping at the border, and bilinear curvature.
    expect(worst).toBeLessThan(4);
    expect(darkest).toBeGreaterThan(20);
    expect(target.width * target.height).toBeGreaterThan(0.6 * c.width * c.height);
    expect(target.width).toBeLessThanOrEqual(2 * c.width);
  });

  it('cuts lenses of 180 degrees at the field of view asked for', () => {
    const fisheye = camera('FISHEYE', 300, 300, { fx: 95, fy: 95, cx: 150, cy: 150 });
    const at = (degrees: number): number => {
      const { width, params } = undistortedCamera(fisheye, fisheye.id, degrees);
      return (2 * Math.atan(width / 2 / params.fx) * 180) / Math.PI;
    };
    expect(at(120)).toBeCloseTo(120, 0);
    expect(at(90)).toBeCloseTo(90, 0);
  });

  it('refuses coefficients that leave no image', () => {
    const wild = camera('OPENCV', 100, 100, { fx: 100, fy: 100, cx: 5000, cy: 50, k1: -1e5, k2: 1e5, p1: 1e4, p2: 0 });
    expect(() => undistortedCamera(wild, wild.id)).toThrow(/distortion that leaves no usable image/);
  });
});

describe('area resize', () => {
  it('averages exactly, by fractional coverage', () => {
    const grey = Uint8Array.from([0, 100, 200, 40, 80, 120]);
    expect([...resizeByArea(grey, 3, 2, 1, 1, 1)]).toEqual([90]);
    expect([...resizeByArea(grey, 3, 2, 1, 2, 2)]).toEqual([33, 167, 53, 107]);
    expect([...resizeByArea(grey, 3, 2, 1, 3, 2)]).toEqual([...grey]);
    const flat = new Uint8Array(37 * 23 * 3).fill(201);
    expect(new Set(resizeByArea(flat, 37, 23, 3, 11, 9))).toEqual(new Set([201]));
  });
});

const pose = { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] } as const;

interface Prepared extends PreparationResult {
  readonly written: Map<string, Uint8Array>;
}

async function prepare(
  folder: string,
  images: Readonly<Record<string, { camera: Camera; bytes: Uint8Array }>>,
  options: PrepareOptions = {},
  importOptions: ImportOptions = {},
): Promise<Prepared> {
  const cameras = Object.values(images).map((image, i) => ({ ...image.camera, id: (i + 1) as CameraId }));
  const source: TestCapture = {
    cameras,
    frames: Object.keys(images).map((name, i) => ({
      name,
      camera: cameras[i]!,
      pose: { quaternion: [...pose.quaternion], translation: [i, 0, 0] },
      observations: [],
    })),
    points: [],
  };
  for (const [name, { bytes }] of Object.entries(images)) await put(join(folder, 'images', name), bytes);
  for (const [name, text] of Object.entries(colmapTextFiles(source))) await put(join(folder, name), text);
  const imported = await importCapture(folder, importOptions);
  const written = new Map<string, Uint8Array>();
  await mkdir(join(folder, 'out'), { recursive: true });
  const result = await prepareCapture(imported, options, {
    writeImage: async (name, png) => {
      const path = join(folder, 'out', name);
      await writeFile(path, png);
      written.set(path, png);
      return path;
    },
  });
  preparedCaptureSchema.parse(result.capture);
  return { ...result, written };
}

const pinhole = (width: number, height: number): Camera =>
  camera('PINHOLE', width, height, { fx: 20, fy: 20, cx: width / 2, cy: height / 2 });
const rawPng = (pixels: Uint8Array, width: number, height: number, channels: 1 | 2 | 3 | 4): Promise<Buffer> =>
  sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();

/** 4 x 2 RGB: the first pixel red, the last blue, else grey. */
const marked = (): Uint8Array => {
  const pixels = new Uint8Array(4 * 2 * 3).fill(100);
  pixels.set([255, 0, 0], 0);
  pixels.set([0, 0, 255], 21);
  return pixels;
};

async function pixelsOf(frame: Frame): Promise<{ width: number; height: number; rgb: number[] }> {
  const { width, height, rgb } = await decodeImage(frame.imagePath, { applyOrientation: false });
  return { width, height, rgb: [...rgb] };
}

describe('prepareCapture', () => {
  it('leaves images that need nothing where they are, whatever their pinhole is called', async () => {
    await withFolder(async (folder) => {
      const bytes = await rawPng(marked(), 4, 2, 3);
      const result = await prepare(folder, {
        'a.png': { camera: pinhole(4, 2), bytes },
        'b.png': { camera: camera('SIMPLE_RADIAL', 4, 2, { f: 9, cx: 2, cy: 1, k: 0 }), bytes },
      });
      expect(result.written.size).toBe(0);
      expect(result.capture.frames.map((frame) => frame.imagePath)).toEqual(
        ['a.png', 'b.png'].map((name) => join(folder, 'images', name)),
      );
      expect(result.capture.cameras.map((item) => item.model)).toEqual(['PINHOLE', 'PINHOLE']);
      expect(result.capture.frames.map((frame) => frame.role)).toEqual(['train', 'train']);
    });
  });

  it('undistorts to PNGs of exactly the camera it reports', async () => {
    await withFolder(async (folder) => {
      const lens = lenses[2]!;
      const bytes = await rawPng(photograph(lens), lens.width, lens.height, 3);
      const result = await prepare(folder, { 'a.png': { camera: lens, bytes } });
      const [frame, target] = [result.capture.frames[0]!, result.capture.cameras[0]!];
      const image = await pixelsOf(frame);
      expect([image.width, image.height]).toEqual([target.width, target.height]);
      expect([frame.width, frame.height]).toEqual([target.width, target.height]);
      const { fx, fy, cx, cy } = target.params;
      const middle = (Math.floor(image.height / 2) * image.width + 10) * 3;
      const expected = paint((10.5 - cx) / fx, (Math.floor(image.height / 2) + 0.5 - cy) / fy, 1);
      expected.forEach((value, k) => {
        expect(Math.abs(image.rgb[middle + k]! - value)).toBeLessThan(3);
      });
    });
  });

  it('scales images by area and intrinsics by the exact ratio of the sizes', async () => {
    await withFolder(async (folder) => {
      const pixels = new Uint8Array(5 * 3 * 3).map((_, i) => i * 5);
      const result = await prepare(
        folder,
        { 'a.png': { camera: pinhole(5, 3), bytes: await rawPng(pixels, 5, 3, 3) } },
        { scale: 0.5 },
      );
      expect(result.capture.cameras[0]).toMatchObject({
        width: 3,
        height: 2,
        params: { fx: 20 * (3 / 5), fy: 20 * (2 / 3), cx: 2.5 * (3 / 5), cy: 1.5 * (2 / 3) },
      });
      const image = await pixelsOf(result.capture.frames[0]!);
      expect(image.rgb).toEqual([...resizeByArea(pixels, 5, 3, 3, 3, 2)]);
      for (const scale of [0, -1, 1.5, Number.NaN]) {
        await expect(
          prepare(folder, { 'a.png': { camera: pinhole(5, 3), bytes: await rawPng(pixels, 5, 3, 3) } }, { scale }),
        ).rejects.toMatchObject({ field: 'scale' });
      }
    });
  });

  it('turns images upright when the camera is upright, and keeps stored pixels when the camera is not', async () => {
    await withFolder(async (folder) => {
      // Orientation 6: the stored image must be turned 90 degrees clockwise to be upright.
      const bytes = await sharp(marked(), { raw: { width: 4, height: 2, channels: 3 } })
        .withMetadata({ orientation: 6 })
        .png()
        .toBuffer();
      const result = await prepare(folder, {
        'stored.png': { camera: pinhole(4, 2), bytes },
        'upright.png': { camera: pinhole(2, 4), bytes },
      });
      const [stored, upright] = result.capture.frames as [Frame, Frame];
      expect((await pixelsOf(stored)).rgb).toEqual([...marked()]);
      const turned = await pixelsOf(upright);
      expect([turned.width, turned.height]).toEqual([2, 4]);
      // Top left goes to top right, bottom right to bottom left.
      expect(turned.rgb.slice(3, 6)).toEqual([255, 0, 0]);
      expect(turned.rgb.slice(18, 21)).toEqual([0, 0, 255]);
      expect(result.written.size).toBe(2);
      for (const path of result.written.keys()) expect((await sharp(path).metadata()).orientation).toBeUndefined();
      expect(result.capture.warningCounts['field-ignored']).toBe(1);
      const half = await sharp(marked(), { raw: { width: 4, height: 2, channels: 3 } })
        .withMetadata({ orientation: 3 })
        .png()
        .toBuffer();
      const images = { 'a.png': { camera: pinhole(4, 2), bytes: half } };
      const auto = await prepare(join(folder, 'auto'), images);
      expect((await pixelsOf(auto.capture.frames[0]!)).rgb.slice(0, 3)).toEqual([255, 0, 0]);
      const applied = await prepare(join(folder, 'applied'), images, {}, { orientation: 'apply' });
      expect((await pixelsOf(applied.capture.frames[0]!)).rgb.slice(0, 3)).toEqual([0, 0, 255]);
    });
  });

  it('makes 8-bit RGB of 16-bit, greyscale, palette and CMYK images', async () => {
    await withFolder(async (folder) => {
      const values = [0, 0x8080, 0xffff, 0x4040];
      const wide = (channels: 1 | 3): Promise<Buffer> =>
        sharp(Uint16Array.from(values.flatMap((v) => Array<number>(channels).fill(v))), {
          raw: { width: 2, height: 2, channels },
        })
          .toColourspace(channels === 1 ? 'grey16' : 'rgb16')
          .png()
          .toBuffer();
      const [rgb16, grey16] = [await wide(3), await wide(1)];
      expect((await sharp(rgb16).metadata()).depth).toBe('ushort');
      expect((await sharp(grey16).metadata()).depth).toBe('ushort');
      const grey = await sharp(Uint8Array.from([0, 128, 255, 64]), { raw: { width: 2, height: 2, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toBuffer();
      expect((await sharp(grey).metadata()).channels).toBe(1);
      const cmyk = await sharp(new Uint8Array(16 * 16 * 3).fill(180), { raw: { width: 16, height: 16, channels: 3 } })
        .toColourspace('cmyk')
        .jpeg()
        .toBuffer();
      expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
      const result = await prepare(folder, {
        'cmyk.jpg': { camera: pinhole(16, 16), bytes: cmyk },
        'grey.png': { camera: pinhole(2, 2), bytes: grey },
        'grey16.png': { camera: pinhole(2, 2), bytes: grey16 },
        'rgb16.png': { camera: pinhole(2, 2), bytes: rgb16 },
      });
      const [ink, ...rest] = result.capture.frames as [Frame, ...Frame[]];
      for (const frame of rest) {
        expect((await pixelsOf(frame)).rgb, frame.name).toEqual([0, 128, 255, 64].flatMap((v) => [v, v, v]));
        expect(await sharp(frame.imagePath).metadata()).toMatchObject({ depth: 'uchar', channels: 3, hasAlpha: false });
      }
      for (const value of (await pixelsOf(ink)).rgb) expect(Math.abs(value - 180)).toBeLessThan(12);
      expect(result.written.size).toBe(4);
    });
  });

  it('composites transparency over the background, or keeps it as a mask', async () => {
    await withFolder(async (folder) => {
      const rgba = Uint8Array.from([200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 128, 10, 20, 30, 100]);
      const images = { 'a.png': { camera: pinhole(2, 2), bytes: await rawPng(rgba, 2, 2, 4) } };
      const black = await prepare(join(folder, 'black'), images);
      expect((await pixelsOf(black.capture.frames[0]!)).rgb).toEqual([200, 100, 50, 0, 0, 0, 100, 50, 25, 4, 8, 12]);
      expect(black.capture.frames[0]!.maskPath).toBeUndefined();
      expect(black.capture.warningCounts).toMatchObject({ 'image-alpha': 1 });
      const white = await prepare(join(folder, 'white'), images, { background: [255, 255, 255] });
      expect((await pixelsOf(white.capture.frames[0]!)).rgb.slice(3, 6)).toEqual([255, 255, 255]);
      const mask = await prepare(join(folder, 'mask'), images, { alpha: 'mask' });
      expect((await pixelsOf(mask.capture.frames[0]!)).rgb.slice(0, 9)).toEqual([
        200, 100, 50, 200, 100, 50, 200, 100, 50,
      ]);
      const path = mask.capture.frames[0]!.maskPath!;
      expect(await sharp(path).metadata()).toMatchObject({ channels: 1, depth: 'uchar' });
      expect([...(await sharp(path).toColourspace('b-w').raw().toBuffer())]).toEqual([255, 0, 255, 0]);
    });
  });

  it('takes masks through the same resize, leaving out pixels that are partly ignored', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'images/a.png'), await rawPng(new Uint8Array(4 * 4 * 3).fill(9), 4, 4, 3));
      const mask = Uint8Array.from([255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0]);
      await put(join(folder, 'masks/a.png'), await rawPng(mask, 4, 4, 1));
      await put(join(folder, 'masks/b.png'), 'no image');
      const frames = ['a', 'b'].map((name) => ({
        file_path: `images/${name}.png`,
        mask_path: `masks/${name}.png`,
        transform_matrix: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
      })); // biome-ignore format: matrices
      await put(join(folder, 'images/b.png'), await rawPng(new Uint8Array(4 * 4 * 3).fill(9), 4, 4, 3));
      await put(join(folder, 'transforms.json'), JSON.stringify({ fl_x: 4, frames }));
      const imported = await importCapture(folder);
      const writeImage = async (name: string, png: Uint8Array): Promise<string> => {
        await put(join(folder, 'out', name), png);
        return join(folder, 'out', name);
      };
      const same = await prepareCapture(imported, {}, { writeImage });
      expect(same.capture.frames.map((frame) => frame.maskPath)).toEqual([join(folder, 'masks/a.png'), undefined]);
      expect(same.capture.warningCounts).toEqual({ 'side-file-missing': 1 });
      const half = await prepareCapture(imported, { scale: 0.5 }, { writeImage });
      const path = half.capture.frames[0]!.maskPath!;
      expect([...(await sharp(path).toColourspace('b-w').raw().toBuffer())]).toEqual([255, 0, 255, 0]);
    });
  });

  it('reports progress, and stops when aborted', async () => {
    await withFolder(async (folder) => {
      const bytes = await rawPng(marked(), 4, 2, 3);
      const source = { cameras: [pinhole(4, 2)], frames: ['a', 'b', 'c'].map((name) => ({ name: `${name}.png`, camera: pinhole(4, 2), pose: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] }, observations: [] })), points: [] } as TestCapture; // biome-ignore format: one line
      for (const frame of source.frames) await put(join(folder, frame.name), bytes);
      for (const [name, data] of Object.entries(colmapBinaryFiles(source))) await put(join(folder, name), data);
      const imported = await importCapture(folder);
      const seen: number[] = [];
      const writeImage = async (): Promise<string> => '/unused';
      await prepareCapture(imported, {}, { writeImage, onProgress: (done, total) => seen.push(done / total) });
      expect(seen).toEqual([0, 1 / 3, 2 / 3, 1]);
      const controller = new AbortController();
      const reason = new Error('stop');
      const running = prepareCapture(
        imported,
        {},
        {
          writeImage,
          signal: controller.signal,
          onProgress: (done) => {
            if (done === 1) controller.abort(reason);
          },
        },
      );
      await expect(running).rejects.toBe(reason);
    });
  });
});

describe('hold-out', () => {
  const frames = Array.from(
    { length: 20 },
    (_, i): Frame => ({ name: `x/${String(i).padStart(4, '0')}.png` }) as Frame,
  );
  const held = (rule: number | readonly string[], warnings = new Warnings()): string[] =>
    assignRoles(frames, rule, 'capture', warnings)
      .filter((frame) => frame.role === 'holdout')
      .map((frame) => frame.name);

  it('takes every n-th frame, or names in any of four forms', () => {
    expect(held(8)).toEqual(['x/0000.png', 'x/0008.png', 'x/0016.png']);
    expect(held(['x/0003.png', '0004.png', '0005', './images/x/0006.png'])).toEqual([
      'x/0003.png',
      'x/0004.png',
      'x/0005.png',
      'x/0006.png',
    ]);
    expect(held([])).toEqual([]);
    const warnings = new Warnings();
    expect(held(['0003', 'nobody'], warnings)).toEqual(['x/0003.png']);
    expect(warnings.counts).toEqual({ 'name-unknown': 1 });
  });

  it.each([[0], [1], [2.5], [Number.NaN], [['nobody']]])('refuses %j', (rule) => {
    expect(() => held(rule as number | string[])).toThrow(/holdout/);
  });

  it('refuses ambiguous names and a split without training frames', () => {
    const twice = [{ name: 'a/0.png' }, { name: 'b/0.png' }] as Frame[];
    expect(() => assignRoles(twice, ['0.png'], 'capture', new Warnings())).toThrow(/names 2 frames/);
    expect(() => assignRoles(twice, ['a/0.png', 'b/0.png'], 'capture', new Warnings())).toThrow(/no frame to train/);
  });
});
