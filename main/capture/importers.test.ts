import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Camera, Capture } from '../../contract/index.ts';
import type { ImportedCapture } from './assemble.ts';
import { type ImportOptions, importCapture } from './import.ts';
import {
  captureArbitrary,
  colmapBinaryFiles,
  colmapTextFiles,
  epicFieldsJson,
  put,
  type TestCapture,
  testSeed,
  transformsJson,
  withFolder,
  writeImages,
} from './testing.ts';

const sameIntrinsics = (a: Camera, b: Camera): void => {
  expect({ ...a, id: 0 }).toEqual({ ...b, id: 0 });
};

function expectSameFrames(
  capture: Capture,
  source: TestCapture,
  nameOf: (name: string) => string,
  tolerance: number,
): void {
  const sorted = [...source.frames].sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(capture.frames.map((frame) => frame.name)).toEqual(sorted.map((frame) => nameOf(frame.name)));
  const cameras = new Map(capture.cameras.map((camera) => [camera.id, camera]));
  capture.frames.forEach((frame, i) => {
    const wanted = sorted[i]!;
    sameIntrinsics(cameras.get(frame.cameraId)!, wanted.camera);
    const { quaternion, translation } = frame.cameraFromWorld;
    const dot = quaternion.reduce((sum, value, j) => sum + value * wanted.pose.quaternion[j]!, 0);
    expect(1 - Math.abs(dot)).toBeLessThan(1e-12);
    translation.forEach((value, j) => {
      expect(Math.abs(value - wanted.pose.translation[j]!)).toBeLessThanOrEqual(tolerance);
    });
  });
}

function expectSamePoints(imported: ImportedCapture, source: TestCapture, withErrors: boolean): void {
  const { points } = imported;
  expect(points.count).toBe(source.points.length);
  expect([...points.positions]).toEqual(source.points.flatMap((point) => point.xyz));
  expect([...points.colors]).toEqual(source.points.flatMap((point) => point.rgb));
  if (withErrors) expect([...points.errors!]).toEqual(source.points.map((point) => Math.fround(point.error)));
}

function expectSameObservations(imported: ImportedCapture, source: TestCapture): void {
  for (const frame of imported.capture.frames) {
    const wanted = source.frames
      .find((item) => item.name.endsWith(frame.name))!
      .observations.filter(([, , index]) => index >= 0);
    const seen = imported.observations.get(frame.id);
    expect([...(seen?.pointIndices ?? [])]).toEqual(wanted.map(([, , index]) => index));
    expect([...(seen?.pixels ?? [])]).toEqual(wanted.flatMap(([x, y]) => [Math.fround(x), Math.fround(y)]));
  }
}

const asIs = (name: string): string => name;

/** Folders of transforms.json are layout: those that all names share are dropped. */
const withoutFolder =
  (source: TestCapture) =>
  (name: string): string => {
    const folder = source.frames[0]!.name.split('/').slice(0, -1).join('/');
    return folder === '' ? name : name.slice(folder.length + 1);
  };

const runs = { numRuns: 25, seed: testSeed };

describe('COLMAP', () => {
  it.each(['', 'sparse/0', 'sparse'])('reads back a random binary model in %j', async (place) => {
    await fc.assert(
      fc.asyncProperty(captureArbitrary(), async (source) => {
        await withFolder(async (folder) => {
          await writeImages(join(folder, 'images'), source);
          for (const [name, bytes] of Object.entries(colmapBinaryFiles(source)))
            await put(join(folder, place, name), bytes);
          const imported = await importCapture(folder);
          expect(imported.capture.format).toBe('colmap-bin');
          expect(imported.capture.warnings).toEqual([]);
          expectSameFrames(imported.capture, source, asIs, 0);
          expectSamePoints(imported, source, true);
          expectSameObservations(imported, source);
        });
      }),
      runs,
    );
  });

  it('reads back a random text model', async () => {
    await fc.assert(
      fc.asyncProperty(captureArbitrary(), async (source) => {
        await withFolder(async (folder) => {
          await writeImages(join(folder, 'images'), source);
          for (const [name, text] of Object.entries(colmapTextFiles(source)))
            await put(join(folder, 'sparse/0', name), text);
          const imported = await importCapture(join(folder, 'sparse/0'));
          expect(imported.capture.format).toBe('colmap-txt');
          expect(imported.capture.warnings).toEqual([]);
          expectSameFrames(imported.capture, source, asIs, 0);
          expectSamePoints(imported, source, true);
          expectSameObservations(imported, source);
        });
      }),
      runs,
    );
  });

  it('keeps a bounded, evenly spaced sample of the observations', async () => {
    const base = fc.sample(captureArbitrary(['PINHOLE']), { numRuns: 1, seed: 4 })[0]!;
    const point = { xyz: [0, 0, 5] as const, rgb: [1, 2, 3] as const, error: 0.5 };
    const observations = Array.from({ length: 1000 }, (_, i) => [i / 100, 1, i % 4 === 0 ? -1 : 0] as const);
    const source = { ...base, points: [point], frames: base.frames.map((frame) => ({ ...frame, observations })) };
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      for (const [name, bytes] of Object.entries(colmapBinaryFiles(source))) await put(join(folder, name), bytes);
      const imported = await importCapture(folder, { observationsPerFrame: 50 });
      const { pixels, pointIndices } = imported.observations.get(imported.capture.frames[0]!.id)!;
      expect(pointIndices.length).toBeGreaterThan(24);
      expect(pointIndices.length).toBeLessThanOrEqual(50);
      expect(pixels[pixels.length - 2]).toBeGreaterThan(9);
      expect((await importCapture(folder, { observationsPerFrame: 0 })).observations.size).toBe(0);
    });
  });

  it('gives the same result and fingerprint twice, and another fingerprint when an image changes', async () => {
    const source = fc.sample(captureArbitrary(['OPENCV']), { numRuns: 1, seed: 8 })[0]!;
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      for (const [name, bytes] of Object.entries(colmapBinaryFiles(source))) await put(join(folder, name), bytes);
      const first = await importCapture(folder);
      expect(await importCapture(folder)).toEqual(first);
      const image = first.capture.frames[0]!.imagePath;
      await put(image, Buffer.concat([await readFile(image), Buffer.alloc(1)]));
      const changed = await importCapture(folder);
      expect(changed.capture.fingerprint).not.toBe(first.capture.fingerprint);
      expect(changed.capture.frames).toEqual(first.capture.frames);
    });
  });
});

describe('transforms.json', () => {
  const models = ['PINHOLE', 'OPENCV', 'OPENCV_FISHEYE'] as const;

  it('reads back random captures', async () => {
    await fc.assert(
      fc.asyncProperty(captureArbitrary(models), async (source) => {
        await withFolder(async (folder) => {
          await writeImages(folder, source);
          await put(join(folder, 'transforms.json'), transformsJson(source));
          const { capture } = await importCapture(folder);
          expect(capture.format).toBe('nerfstudio');
          expect(capture.warnings).toEqual([]);
          expectSameFrames(capture, source, withoutFolder(source), 1e-10);
        });
      }),
      runs,
    );
  });
});

describe('EPIC-Fields', () => {
  it('reads back random captures', async () => {
    await fc.assert(
      fc.asyncProperty(captureArbitrary(), async (random) => {
        const camera = random.cameras[0]!;
        const source = { ...random, frames: random.frames.map((frame) => ({ ...frame, camera })) };
        await withFolder(async (folder) => {
          await writeImages(join(folder, 'frames'), source);
          await put(join(folder, 'P01_01.json'), epicFieldsJson(source));
          const imported = await importCapture(join(folder, 'P01_01.json'));
          expect(imported.capture.format).toBe('epic-fields');
          expect(imported.capture.warnings).toEqual([]);
          expectSameFrames(imported.capture, source, asIs, 0);
          expectSamePoints(imported, source, false);
        });
      }),
      runs,
    );
  });

  it('makes timestamps of frame numbers when told the rate', async () => {
    const random = fc.sample(captureArbitrary(['OPENCV']), { numRuns: 1, seed: testSeed })[0]!;
    const camera = random.cameras[0]!;
    const names = ['frame_0000000001.png', 'frame_0000000061.png', 'cover.png'];
    const source = { ...random, frames: names.map((name) => ({ ...random.frames[0]!, camera, name })) };
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      await put(join(folder, 'P01_01.json'), `\ufeff${epicFieldsJson(source)}`);
      const times = async (options: ImportOptions): Promise<(number | undefined)[]> =>
        (await importCapture(join(folder, 'P01_01.json'), options)).capture.frames.map(
          (frame) => frame.timestampSeconds,
        );
      expect(await times({ framesPerSecond: 60 })).toEqual([undefined, 0, 1]);
      expect(await times({})).toEqual([undefined, undefined, undefined]);
    });
  });
});

describe('detection', () => {
  const source = fc.sample(captureArbitrary(['PINHOLE']), { numRuns: 1, seed: testSeed })[0]!;
  const formatOf = async (path: string, options: ImportOptions = {}): Promise<string> =>
    (await importCapture(path, options)).capture.format;

  it('prefers COLMAP at the top, then transforms.json, then COLMAP below, and obeys a format that is asked for', async () => {
    await withFolder(async (folder) => {
      await writeImages(join(folder, 'images'), source);
      await writeImages(folder, source);
      await put(join(folder, 'transforms.json'), transformsJson(source));
      for (const [name, text] of Object.entries(colmapTextFiles(source)))
        await put(join(folder, 'colmap/sparse/0', name), text);
      expect(await formatOf(folder)).toBe('nerfstudio');
      expect(await formatOf(folder, { format: 'colmap-txt' })).toBe('colmap-txt');
      for (const [name, bytes] of Object.entries(colmapBinaryFiles(source)))
        await put(join(folder, 'sparse/0', name), bytes);
      for (const [name, text] of Object.entries(colmapTextFiles(source)))
        await put(join(folder, 'sparse/0', name), text);
      expect(await formatOf(folder)).toBe('colmap-bin');
      expect(await formatOf(folder, { format: 'instant-ngp' })).toBe('nerfstudio');
      for (const path of ['sparse', 'sparse/0', 'sparse/0/images.bin', 'sparse/0/cameras.txt']) {
        expect(await formatOf(join(folder, path)), path).toBe(path.endsWith('txt') ? 'colmap-txt' : 'colmap-bin');
      }
    });
  });

  it('says what it looked for when there is nothing', async () => {
    await withFolder(async (folder) => {
      await expect(importCapture(folder)).rejects.toMatchObject({ code: 'unknown-format', file: folder });
      await expect(importCapture(join(folder, 'none'))).rejects.toMatchObject({ code: 'not-found' });
      await put(join(folder, 'x.ply'), 'ply\n');
      await expect(importCapture(join(folder, 'x.ply'))).rejects.toThrow(/no photos/);
      await expect(importCapture(`${folder}\0`)).rejects.toMatchObject({ code: 'not-found' });
      for (const [name, bytes] of Object.entries(colmapBinaryFiles(source))) await put(join(folder, name), bytes);
      await expect(importCapture(folder)).rejects.toMatchObject({
        code: 'no-frames',
        advice: expect.stringContaining('images folder'),
      });
    });
  });
});
