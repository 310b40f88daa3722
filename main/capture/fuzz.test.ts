/** Hostile files: every outcome is a capture that satisfies the contract or a `CaptureError` that names its file. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { captureSchema } from '../../contract/index.ts';
import { writeSplatPly } from '../export/index.ts';
import { CaptureError } from './errors.ts';
import { type ImportOptions, importCapture } from './import.ts';
import { Warnings } from './model.ts';
import { readPointCloudPly } from './point-cloud.ts';
import { prepareCapture } from './prepare.ts';
import { emptySplats, readSplatPly, splatPlyProperties } from './splat-ply.ts';
import { readSplatsFile, writeSplatsFile } from './splats-file.ts';
import {
  captureArbitrary,
  colmapBinaryFiles,
  colmapTextFiles,
  epicFieldsJson,
  plyFile,
  pngOf,
  put,
  randomFrom,
  type TestCapture,
  testSeed,
  transformsJson,
  withFolder,
  writeImages,
} from './testing.ts';

// Hundreds of small files each: on a machine busy with something else the usual limit is short.
vi.setConfig({ testTimeout: 120_000 });

const sample = (models?: Parameters<typeof captureArbitrary>[0]): TestCapture => {
  const found = fc.sample(captureArbitrary(models), { numRuns: 500, seed: testSeed }).find(({ frames, points }) => {
    const observed = frames[0]!.observations.length;
    return frames.length === 2 && points.length >= 3 && points.length <= 6 && observed >= 3 && observed <= 8;
  });
  if (found === undefined) throw new Error('the generator made no capture of the wanted size');
  return found;
};

/** Imports and checks the outcome. Returns the error, or undefined when the file was still valid. */
async function outcome(path: string, options: ImportOptions = {}): Promise<CaptureError | undefined> {
  try {
    const { capture } = await importCapture(path, options);
    captureSchema.parse(capture);
    return undefined;
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    expect(error.file).not.toBe('');
    expect(error.advice).not.toBe('');
    expect(error.message.length).toBeLessThan(2000);
    return error;
  }
}

async function splatOutcome(read: () => Promise<unknown>): Promise<CaptureError | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return error;
  }
}

function flipped(bytes: Buffer, random: () => number, flips: number): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < flips; i++) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
  return copy;
}

/** Allocation while `use` runs, beyond what was there before, in bytes. */
async function extraMemory(use: () => Promise<void>): Promise<number> {
  const held = (): number => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  const before = held();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, held());
  }, 1);
  await use();
  clearInterval(timer);
  return Math.max(peak, held()) - before;
}

describe('COLMAP binary', () => {
  const source = sample();
  const files = colmapBinaryFiles(source);

  it.each(['cameras.bin', 'images.bin', 'points3D.bin'] as const)('refuses %s cut anywhere', async (name) => {
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      for (const [other, bytes] of Object.entries(files)) await put(join(folder, other), bytes);
      for (let size = 0; size < files[name].length; size += 11) {
        await put(join(folder, name), files[name].subarray(0, size));
        const error = await outcome(folder);
        expect(error?.file, `cut at ${size}`).toMatch(new RegExp(`${name.replace('.', '\\.')}$`));
        expect(error?.field).toBeTruthy();
        expect(['truncated', 'invalid']).toContain(error?.code);
      }
    });
  });

  it('survives random bytes', async () => {
    const random = randomFrom(testSeed);
    let errors = 0;
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      for (let run = 0; run < 100; run++) {
        for (const [name, bytes] of Object.entries(files))
          await put(join(folder, name), flipped(bytes, random, run % 4));
        if ((await outcome(folder)) !== undefined) errors++;
      }
    });
    expect(errors).toBeGreaterThan(20);
  });

  it.each([
    ['cameras.bin', 0, 'num_cameras'],
    ['images.bin', 0, 'num_reg_images'],
    ['points3D.bin', 0, 'num_points'],
  ] as const)('believes no count of %s that the file cannot hold', async (name, offset, field) => {
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      for (const [other, bytes] of Object.entries(files)) await put(join(folder, other), bytes);
      for (const count of [1000n, 2n ** 31n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n]) {
        const bytes = Buffer.from(files[name]);
        bytes.writeBigUInt64LE(count, offset);
        await put(join(folder, name), bytes);
        const extra = await extraMemory(async () => {
          const error = await outcome(folder);
          expect(error?.code).toBe('invalid');
          expect(error?.field).toBe(field);
        });
        expect(extra).toBeLessThan(64 * 2 ** 20);
      }
    });
  });

  it.each([Number.NaN, Infinity, -Infinity, 1e300])(
    'names the field of a pose or parameter that is %s',
    async (value) => {
      await withFolder(async (folder) => {
        await writeImages(join(folder, 'images'), source);
        for (const [other, bytes] of Object.entries(files)) await put(join(folder, other), bytes);
        const images = Buffer.from(files['images.bin']);
        images.writeDoubleLE(value, 8 + 4 + 32);
        await put(join(folder, 'images.bin'), images);
        expect((await outcome(folder))?.field).toMatch(/^images\[0\].*tvec$/);
        await put(join(folder, 'images.bin'), files['images.bin']);
        const cameras = Buffer.from(files['cameras.bin']);
        cameras.writeDoubleLE(value, 8 + 24);
        await put(join(folder, 'cameras.bin'), cameras);
        expect((await outcome(folder))?.field).toMatch(/^cameras\[0\]\.params\.fx?$/);
        await put(join(folder, 'cameras.bin'), files['cameras.bin']);
        const points = Buffer.from(files['points3D.bin']);
        points.writeDoubleLE(value, 8 + 8);
        await put(join(folder, 'points3D.bin'), points);
        const { capture } = await importCapture(folder);
        expect(capture.points.count).toBe(source.points.length - 1);
        expect(capture.warningCounts).toEqual({ 'point-invalid': 1 });
      });
    },
  );

  it('refuses zero rotations, zero sizes, unknown models and unknown cameras', async () => {
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      const write = async (
        name: keyof typeof files,
        edit: (bytes: Buffer) => void,
      ): Promise<CaptureError | undefined> => {
        for (const [other, bytes] of Object.entries(files)) await put(join(folder, other), bytes);
        const bytes = Buffer.from(files[name]);
        edit(bytes);
        await put(join(folder, name), bytes);
        return await outcome(folder);
      };
      expect((await write('images.bin', (b) => b.fill(0, 12, 44)))?.field).toMatch(/qvec$/);
      expect((await write('images.bin', (b) => b.writeUInt32LE(999, 68)))?.message).toContain('uses camera 999');
      expect((await write('cameras.bin', (b) => b.writeUInt32LE(99, 12)))?.code).toBe('unsupported');
      expect((await write('cameras.bin', (b) => b.writeUInt32LE(17, 12)))?.message).toContain('equirectangular');
      expect((await write('cameras.bin', (b) => b.writeBigUInt64LE(0n, 16)))?.field).toBe('cameras[0].width');
      expect((await write('cameras.bin', (b) => b.writeBigUInt64LE(2n ** 40n, 24)))?.field).toBe('cameras[0].height');
    });
  });

  it('neither waits on a pipe nor reads a device or folder', async () => {
    await withFolder(async (folder) => {
      for (const [other, bytes] of Object.entries(files)) await put(join(folder, other), bytes);
      await mkdir(join(folder, 'images'));
      execFileSync('mkfifo', [join(folder, 'images', source.frames[0]!.name.replaceAll('/', '_'))]);
      execFileSync('mkfifo', [join(folder, 'pipe.json')]);
      expect((await outcome(join(folder, 'pipe.json')))?.code).toBe('not-found');
      expect((await outcome(folder))?.code).toBe('no-frames');
      await mkdir(join(folder, 'other/images'), { recursive: true });
      await symlink('/dev/zero', join(folder, 'other/cameras.bin'));
      await put(join(folder, 'other/images.bin'), files['images.bin']);
      expect((await outcome(join(folder, 'other')))?.code).toBe('unknown-format');
    });
  });

  it('refuses a name without an end and names that leave the capture', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'secret.png'), await pngOf(16, 16));
      const capture = join(folder, 'capture');
      await writeImages(join(capture, 'images'), source);
      const withName = async (name: string): Promise<CaptureError | undefined> => {
        const changed = { ...source, frames: [{ ...source.frames[0]!, name }] };
        for (const [other, bytes] of Object.entries(colmapBinaryFiles(changed))) await put(join(capture, other), bytes);
        return await outcome(capture);
      };
      expect((await withName('a'.repeat(5000)))?.field).toBe('images[0].name');
      expect((await withName('../../secret.png'))?.code).toBe('path-escape');
      expect((await withName(join(folder, 'secret.png')))?.code).toBe('path-escape');
      expect((await withName('..\\..\\secret.png'))?.code).toBe('path-escape');
      expect((await withName('C:\\secret.png'))?.code).toBe('path-escape');
      expect((await withName('a\u0007\u001b[2J.png'))?.message).not.toContain('\u001b');
      expect((await withName(''))?.code).toBe('invalid');
      await symlink(join(folder, 'secret.png'), join(capture, 'images/link.png'));
      expect((await withName('link.png'))?.code).toBe('path-escape');
      expect((await withName('link.png'))?.advice).toContain('images folder');
    });
  });
});

describe('COLMAP text', () => {
  const source = sample();
  const files = colmapTextFiles(source);

  it('survives cuts and random bytes', async () => {
    const random = randomFrom(testSeed + 1);
    let errors = 0;
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      for (const name of ['cameras.txt', 'images.txt', 'points3D.txt'] as const) {
        for (const [other, text] of Object.entries(files)) await put(join(folder, other), text);
        const bytes = Buffer.from(files[name]);
        for (let size = 0; size < bytes.length; size += 67) {
          await put(join(folder, name), bytes.subarray(0, size));
          if ((await outcome(folder)) !== undefined) errors++;
        }
        for (let run = 0; run < 25; run++) {
          await put(join(folder, name), flipped(bytes, random, 3));
          if ((await outcome(folder)) !== undefined) errors++;
        }
      }
    });
    expect(errors).toBeGreaterThan(25);
  });

  it.each([
    ['cameras.txt', '1 PINHOLE 16 16 nan 20 8 8', /line 1, PARAMS\[0\]/],
    ['cameras.txt', '1 PINHOLE 16 16 20 20 8', /line 1/],
    ['cameras.txt', '1 PINHOLE 0x10 16 20 20 8 8', /line 1, WIDTH/],
    ['cameras.txt', '1 PINHOLE 16 16 1e999 20 8 8', /line 1, PARAMS\[0\]/],
    ['cameras.txt', '99999999999 PINHOLE 16 16 20 20 8 8', /line 1, CAMERA_ID/],
    ['images.txt', '1 1 0 0 0 0 0 Infinity 1 a.png\n\n', /line 1, TZ/],
    ['images.txt', '1 1 0 0 0 0 0 0 1\n\n', /line 1, NAME/],
    ['images.txt', '1 1 0 0\n', /line 1, TX|line 1, QZ/],
    ['images.txt', '1 1 0 0 0 0 0 0 1 a.png\n1 2\n', /line 2, POINTS2D\[0\]/],
    ['points3D.txt', '1 0 0 0 300 0 0 0.1', /line 1, R/],
    ['points3D.txt', '1 0 0', /line 1, Z/],
  ] as const)('names line and column in %s: %s', async (name, text, field) => {
    await withFolder(async (folder) => {
      await put(join(folder, 'a.png'), await pngOf(16, 16));
      await put(join(folder, 'cameras.txt'), '1 PINHOLE 16 16 20 20 8 8\n');
      await put(join(folder, 'images.txt'), '1 1 0 0 0 0 0 0 1 a.png\n\n');
      await put(join(folder, 'points3D.txt'), '1 0 0 0 3 0 0 0.1 1 2\n');
      expect(await outcome(folder)).toBeUndefined();
      await put(join(folder, name), text);
      const error = await outcome(folder);
      expect(error?.file).toMatch(new RegExp(`${name}$`));
      expect(error?.field).toMatch(field);
    });
  });
});

it('refuses text lines and JSON documents of absurd length before they cost memory', async () => {
  await withFolder(async (folder) => {
    await put(join(folder, 'images.txt'), '');
    await put(join(folder, 'cameras.txt'), '1 '.repeat(2 ** 20));
    const path = join(folder, 'x.json');
    await put(path, Buffer.alloc(65 * 2 ** 20, '['));
    const extra = await extraMemory(async () => {
      expect(await outcome(folder)).toMatchObject({ code: 'too-large', field: 'line 1' });
      expect(await outcome(path)).toMatchObject({ code: 'too-large' });
    });
    expect(extra).toBeLessThan(32 * 2 ** 20);
  });
});

/** A document with one value somewhere replaced. */
function mutated(json: unknown, random: () => number, values: readonly unknown[]): unknown {
  const copy = structuredClone(json);
  let node = copy as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(node);
    if (keys.length === 0) return copy;
    const key = keys[Math.floor(random() * keys.length)]!;
    const child = node[key];
    if (typeof child === 'object' && child !== null && random() < 0.8) {
      node = child as Record<string, unknown>;
      continue;
    }
    if (random() < 0.2) delete node[key];
    else node[key] = values[Math.floor(random() * values.length)];
    return copy;
  }
}

const hostileValues: readonly unknown[] = [
  null, true, -1, 0, 1e308, 1e-320, '', '../../../etc/passwd', '/etc/passwd', 'a'.repeat(3000), '\u0000', '\u202egnp.a',
  [], {}, [[[[]]]], { __proto__: null, length: 1e9 }, 'NaN', [1, 2, 3], 2 ** 53, -0.5,
]; // biome-ignore format: a list

describe.each([
  ['transforms.json', transformsJson, 'PINHOLE'],
  ['epic.json', epicFieldsJson, 'OPENCV'],
] as const)('%s', (name, write, model) => {
  const source = sample([model]);
  const text = write(source);

  it('survives cuts and hostile values', async () => {
    const random = randomFrom(testSeed + 2);
    let errors = 0;
    await withFolder(async (folder) => {
      await writeImages(folder, source);
      const path = join(folder, name);
      await put(path, text);
      expect(await outcome(path)).toBeUndefined();
      for (let size = 0; size < text.length; size += 97) {
        await put(path, text.slice(0, size));
        const error = await outcome(path);
        expect(['truncated', 'invalid']).toContain(error?.code);
        expect(error?.field).toBe('text');
      }
      for (let run = 0; run < 120; run++) {
        await put(path, JSON.stringify(mutated(JSON.parse(text), random, hostileValues)));
        if ((await outcome(path)) !== undefined) errors++;
      }
      expect(errors).toBeGreaterThan(30);
      for (const hostile of [
        '[',
        '{"frames":',
        `${'['.repeat(200_000)}`,
        'null',
        '[]',
        '{}',
        '"x"',
        '\ufeff',
        '{"frames":{}}',
        '{"frames":[]}',
        '{"frames":[null]}',
        '{"camera":[],"images":[]}',
        '{"frames":[{"file_path":"a","transform_matrix":[[NaN]]}]}',
      ]) {
        await put(path, hostile);
        expect((await outcome(path))?.file).toBe(path);
      }
      await put(path, Buffer.from([0xff, 0xfe, 0x00, 0xd8]));
      expect((await outcome(path))?.code).toBe('invalid');
    });
  });
});

describe('PLY and .splats', () => {
  const properties = splatPlyProperties(1);
  const random = randomFrom(testSeed + 3);
  const rows = Array.from({ length: 5 }, () => properties.map(() => random() * 2 - 1));

  it.each(['binary_little_endian', 'binary_big_endian', 'ascii'] as const)(
    'survives %s cut or damaged',
    async (format) => {
      const bytes = plyFile(properties, rows, format);
      await withFolder(async (folder) => {
        const path = join(folder, 'x.ply');
        await put(path, bytes);
        expect(await splatOutcome(() => readSplatPly(path))).toBeUndefined();
        for (let size = 0; size < bytes.length - (format === 'ascii' ? 30 : 0); size += 13) {
          await put(path, bytes.subarray(0, size));
          expect((await splatOutcome(() => readSplatPly(path)))?.file, `cut at ${size}`).toBe(path);
        }
        let errors = 0;
        for (let run = 0; run < 100; run++) {
          await put(path, flipped(bytes, random, 1 + (run % 3)));
          if ((await splatOutcome(() => readSplatPly(path))) !== undefined) errors++;
          await splatOutcome(() => readPointCloudPly(path, new Warnings()));
        }
        expect(errors).toBeGreaterThan(50);
      });
    },
  );

  it('believes no vertex count that the file cannot hold', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'x.ply');
      for (const format of ['binary_little_endian', 'ascii'] as const) {
        for (const count of ['1000000', '99999999999', '999999999999999', '99999999999999999999', '-1', '1e9', 'x']) {
          const bytes = plyFile(properties, rows, format).toString('latin1').replace('vertex 5', `vertex ${count}`);
          await put(path, Buffer.from(bytes, 'latin1'));
          const extra = await extraMemory(async () => {
            for (const read of [() => readSplatPly(path), () => readPointCloudPly(path, new Warnings())]) {
              expect((await splatOutcome(read))?.field).toMatch(/^header/);
            }
          });
          expect(extra).toBeLessThan(64 * 2 ** 20);
        }
      }
    });
  });

  it.each([Number.NaN, Infinity, 1e30])('names Gaussian and property of a value that is %s', async (value) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'x.ply');
      for (const name of ['x', 'scale_2', 'rot_3', 'f_rest_8', 'f_dc_0']) {
        const changed = rows.map((row, i) => (i === 3 ? row.map((v, p) => (properties[p] === name ? value : v)) : row));
        for (const format of ['binary_big_endian', 'ascii'] as const) {
          await put(path, plyFile(properties, changed, format));
          expect((await splatOutcome(() => readSplatPly(path)))?.field).toBe(`vertex[3].${name}`);
        }
      }
    });
  });

  it('survives a .splats file cut or damaged', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'x.splats');
      await writeSplatsFile(path, emptySplats(7, 2), { generator: 'test' });
      const bytes = await readFile(path);
      expect(await splatOutcome(() => readSplatsFile(path))).toBeUndefined();
      for (let size = 0; size < bytes.length; size += 13) {
        await put(path, bytes.subarray(0, size));
        expect((await splatOutcome(() => readSplatsFile(path)))?.field, `cut at ${size}`).toBeTruthy();
      }
      await put(path, Buffer.concat([bytes, Buffer.alloc(1)]));
      expect((await splatOutcome(() => readSplatsFile(path)))?.field).toBe('data');
      for (let run = 0; run < 200; run++) {
        await put(path, Buffer.concat([flipped(bytes.subarray(0, 80), random, 2), bytes.subarray(80)]));
        await splatOutcome(() => readSplatsFile(path));
      }
      const hostile = Buffer.from(bytes);
      hostile.writeUInt32LE(0xffff_ffff, 8);
      await put(path, hostile);
      expect((await splatOutcome(() => readSplatsFile(path)))?.field).toBe('header length');
      await put(path, Buffer.from(bytes.toString('latin1').replace('"count":7', '"count":9'), 'latin1'));
      expect((await splatOutcome(() => readSplatsFile(path)))?.field).toBe('data');
      await expect(writeSplatPly(join(folder, 'missing/x.ply'), emptySplats(1, 0))).rejects.toThrow();
    });
  });
});

describe('images', () => {
  it('names images that are cut, damaged, empty, of another kind or too large, and goes on with the others', async () => {
    const source = sample(['PINHOLE']);
    const frames = [0, 1, 2, 3, 4, 5, 6].map((i) => ({ ...source.frames[0]!, name: `${i}.png`, observations: [] }));
    const capture = { ...source, frames };
    const { width, height } = frames[0]!.camera;
    const png = await pngOf(width, height);
    await withFolder(async (folder) => {
      for (const [other, bytes] of Object.entries(colmapBinaryFiles(capture))) await put(join(folder, other), bytes);
      await put(join(folder, '0.png'), png);
      await put(join(folder, '1.png'), png.subarray(0, 20));
      await put(join(folder, '2.png'), Buffer.alloc(0));
      await put(join(folder, '3.png'), '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"/>');
      await put(join(folder, '4.png'), png.subarray(0, png.length - 30));
      const huge = Buffer.from(png);
      huge.writeUInt32BE(60_000, 16);
      huge.writeUInt32BE(60_000, 20);
      await put(join(folder, '5.png'), huge);
      const jpeg = await sharp(png).resize(width, height).jpeg().toBuffer();
      await put(join(folder, '6.png'), jpeg.subarray(0, jpeg.length - 20));
      const imported = await importCapture(folder);
      const unreadable = imported.capture.warnings.filter((warning) => warning.code === 'image-unreadable');
      expect(unreadable.map((warning) => warning.file?.slice(-5))).toEqual(
        expect.arrayContaining(['1.png', '2.png', '3.png', '5.png']),
      );
      const prepared = await prepareCapture(imported, {}, { writeImage: async (name) => `/unused/${name}` });
      expect(prepared.capture.frames.map((frame) => frame.name)).toEqual(['0.png']);
      expect(prepared.capture.warningCounts['image-unreadable']).toBe(6);
      expect(prepared.capture.warnings.map((warning) => warning.file?.slice(-5)).sort()).toEqual([
        '1.png',
        '2.png',
        '3.png',
        '4.png',
        '5.png',
        '6.png',
      ]);
    });
  });
});
