import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ImportOptions, importCapture } from './import.ts';
import { plyFile, pngOf, put, withFolder } from './testing.ts';

const identity = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]; // biome-ignore format: one matrix
const frame = (file_path: string, more: object = {}): object => ({ file_path, transform_matrix: identity, ...more });

async function importJson(folder: string, json: object, options: ImportOptions = {}): ReturnType<typeof importCapture> {
  await put(join(folder, 'capture/transforms.json'), JSON.stringify(json));
  return await importCapture(join(folder, 'capture'), options);
}

describe('instant-ngp', () => {
  it('finds images without extension, and takes size and focal length from image and angle', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'capture/images/0001.png'), await pngOf(20, 10));
      await put(join(folder, 'capture/images/0002.jpg'), await pngOf(20, 10));
      const { capture } = await importJson(folder, {
        camera_angle_x: Math.PI / 2,
        aabb_scale: 16,
        scale: 0.33,
        offset: [0.5, 0.5, 0.5],
        frames: [frame('./images/0002', { sharpness: 3 }), frame('images\\0001')],
      });
      expect(capture.format).toBe('instant-ngp');
      expect(capture.warnings).toEqual([]);
      expect(capture.frames.map((item) => item.name)).toEqual(['0001.png', '0002.jpg']);
      expect(capture.cameras).toHaveLength(1);
      expect(capture.cameras[0]).toMatchObject({ model: 'PINHOLE', width: 20, height: 10 });
      const { fx, fy, cx, cy } = capture.cameras[0]!.params as { fx: number; fy: number; cx: number; cy: number };
      for (const difference of [fx - 10, fy - 10, cx - 10, cy - 5]) expect(difference).toBeCloseTo(0, 12);
    });
  });

  it('names and counts missing images', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'capture/images/a.png'), await pngOf(20, 10));
      const { capture } = await importJson(folder, {
        fl_x: 20,
        frames: [frame('images/a.png'), frame('images/b.png'), frame('images/c')],
      });
      expect(capture.frames).toHaveLength(1);
      expect(capture.warningCounts).toEqual({ 'image-missing': 2 });
      expect(capture.warnings.map((warning) => [warning.field, warning.message.includes('images/b.png')])).toEqual([
        ['frames[1].file_path', true],
        ['frames[2].file_path', false],
      ]);
    });
  });

  it('scales intrinsics to images that were resized after calibration, and leaves out other shapes', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'capture/a.png'), await pngOf(20, 10));
      await put(join(folder, 'capture/b.png'), await pngOf(10, 20));
      const { capture } = await importJson(folder, {
        fl_x: 100,
        cx: 50,
        cy: 26,
        w: 100,
        h: 50,
        frames: [frame('a.png'), frame('b.png')],
      });
      expect(capture.frames.map((item) => item.name)).toEqual(['a.png']);
      expect(capture.cameras[0]).toMatchObject({ width: 20, height: 10, params: { fx: 20, fy: 20, cx: 10, cy: 5.2 } });
      expect(capture.warningCounts).toEqual({ 'image-size-mismatch': 2 });
    });
  });
});

describe('nerfstudio', () => {
  it('reads distortion, per-frame intrinsics, masks, splits and the point cloud', async () => {
    await withFolder(async (folder) => {
      for (const name of ['a', 'b', 'c']) await put(join(folder, `capture/images/${name}.png`), await pngOf(20, 10));
      await put(join(folder, 'capture/masks/a.png'), await pngOf(20, 10));
      await put(join(folder, 'capture/sparse_pc.ply'), plyFile(['x', 'y', 'z'], [[1, 2, 3], [4, 5, 6]], 'ascii')); // biome-ignore format: rows
      const { capture, points } = await importJson(folder, {
        camera_model: 'OPENCV',
        fl_x: 20,
        fl_y: 21,
        cx: 10,
        cy: 5,
        w: 20,
        h: 10,
        k1: 0.1,
        k2: 0.2,
        p1: 0.01,
        p2: 0.02,
        ply_file_path: 'sparse_pc.ply',
        train_filenames: ['images/a.png', 'images/b.png'],
        test_filenames: ['images/c.png'],
        frames: [
          frame('images/a.png', { mask_path: 'masks/a.png' }),
          frame('images/b.png', {
            mask_path: 'masks/none.png',
            camera_model: 'OPENCV_FISHEYE',
            fl_x: 7,
            k3: 0.3,
            p1: 0,
            p2: 0,
          }),
          frame('images/c.png', { k3: 0.5 }),
        ],
      });
      const cameraOf = (i: number): unknown =>
        capture.cameras.find((camera) => camera.id === capture.frames[i]!.cameraId);
      expect(capture.format).toBe('nerfstudio');
      expect(cameraOf(0)).toMatchObject({
        model: 'OPENCV',
        params: { fx: 20, fy: 21, cx: 10, cy: 5, k1: 0.1, k2: 0.2, p1: 0.01, p2: 0.02 },
      });
      expect(cameraOf(1)).toMatchObject({
        model: 'OPENCV_FISHEYE',
        params: { fx: 7, fy: 7, cx: 10, cy: 5, k1: 0.1, k2: 0.2, k3: 0.3, k4: 0 },
      });
      expect(cameraOf(2)).toMatchObject({
        model: 'FULL_OPENCV',
        params: { k1: 0.1, k2: 0.2, k3: 0.5, k4: 0, k5: 0, k6: 0 },
      });
      expect(capture.frames.map((item) => item.role)).toEqual(['train', 'train', 'holdout']);
      expect(capture.frames[0]!.maskPath).toMatch(/masks\/a\.png$/);
      expect(capture.frames[1]!.maskPath).toBeUndefined();
      expect(capture.warningCounts).toEqual({ 'side-file-missing': 1 });
      expect([...points.positions]).toEqual([1, 2, 3, 4, 5, 6]);
      expect([...points.colors]).toEqual([128, 128, 128, 128, 128, 128]);
      expect(capture.points).toMatchObject({ count: 2 });
    });
  });

  it.each([
    [{ frames: [frame('a.png')] }, 'frames[0].fl_x'],
    [{ camera_angle_x: 4, frames: [frame('a.png')] }, 'camera_angle_x'],
    [{ fl_x: 20, k4: 0.1, frames: [frame('a.png')] }, 'frames[0].k4'],
    [{ fl_x: '20', frames: [frame('a.png')] }, 'fl_x'],
    [{ fl_x: -20, frames: [frame('a.png')] }, 'frames[0].params.fx'],
    [{ fl_x: 20, camera_model: 'EQUIRECTANGULAR', frames: [frame('a.png')] }, 'camera_model'],
    [{ fl_x: 20, camera_model: 'FOV', frames: [frame('a.png')] }, 'camera_model'],
    [{ fl_x: 20, frames: [{ file_path: 'a.png' }] }, 'frames[0].transform_matrix'],
    [{ fl_x: 20, frames: [{ file_path: 'a.png', transform_matrix: [[1]] }] }, 'frames[0].transform_matrix'],
    [{ fl_x: 20, frames: [{ transform_matrix: identity }] }, 'frames[0].file_path'],
    [{ fl_x: 20, frames: [frame('../a.png')] }, 'frames[0].file_path'],
    [{ fl_x: 20, ply_file_path: '../x.ply', frames: [frame('a.png')] }, 'ply_file_path'],
  ])('names the field of %j', async (json, field) => {
    await withFolder(async (folder) => {
      await put(join(folder, 'a.png'), await pngOf(20, 10));
      await put(join(folder, 'x.ply'), plyFile(['x', 'y', 'z'], []));
      await put(join(folder, 'capture/a.png'), await pngOf(20, 10));
      await expect(importJson(folder, json)).rejects.toMatchObject({ name: 'CaptureError', field });
    });
  });
});

describe('an explicit images folder', () => {
  it('holds images that the file places elsewhere, behind links too', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'photos/x/0001.png'), await pngOf(20, 10));
      await symlink(join(folder, 'photos'), join(folder, 'linked'));
      const json = { fl_x: 20, frames: [frame('../elsewhere/images/x/0001.png')] };
      await expect(importJson(folder, json)).rejects.toMatchObject({ code: 'path-escape' });
      for (const imagesPath of [join(folder, 'photos'), join(folder, 'linked'), join(folder, 'photos/x')]) {
        const { capture } = await importJson(folder, json, { imagesPath });
        expect(capture.frames[0]!.imagePath).toMatch(/0001\.png$/);
        expect(capture.imagesPath).toBe(imagesPath);
      }
      await expect(importJson(folder, json, { imagesPath: join(folder, 'none') })).rejects.toMatchObject({
        code: 'not-found',
      });
    });
  });

  it('does not follow a linked images folder by itself', async () => {
    await withFolder(async (folder) => {
      await put(join(folder, 'photos/0001.png'), await pngOf(20, 10));
      await put(join(folder, 'capture/readme'), '');
      await symlink(join(folder, 'photos'), join(folder, 'capture/images'));
      const json = { fl_x: 20, frames: [frame('images/0001.png')] };
      await expect(importJson(folder, json)).rejects.toMatchObject({
        code: 'path-escape',
        field: 'frames[0].file_path',
      });
    });
  });
});

it('names the field of a NaN that Python wrote, and lets it be where it is not used', async () => {
  await withFolder(async (folder) => {
    await put(join(folder, 'a.png'), await pngOf(20, 10));
    const path = join(folder, 'transforms.json');
    const write = (text: string): Promise<void> => put(path, text);
    const good = JSON.stringify({ fl_x: 20, frames: [frame('a.png', { sharpness: 1, note: 'NaN "Infinity" \\' })] });
    await write(good.replace('"sharpness":1', '"sharpness":NaN'));
    expect((await importCapture(folder)).capture.frames).toHaveLength(1);
    for (const [from, to, field] of [
      ['"fl_x":20', '"fl_x":NaN', 'fl_x'],
      ['"fl_x":20', '"fl_x":20,"k1":-Infinity', 'k1'],
      ['[0,0,0,1]', '[0,0,0,NaN]', 'frames[0].transform_matrix[3][3]'],
      ['[[1,0', '[[Infinity,0', 'frames[0].transform_matrix[0][0]'],
    ] as const) {
      await write(good.replace(from, to));
      await expect(importCapture(folder)).rejects.toMatchObject({ code: 'invalid', file: path, field });
    }
  });
});

it('stops when aborted', async () => {
  await withFolder(async (folder) => {
    await put(join(folder, 'a.png'), await pngOf(20, 10));
    await put(join(folder, 'transforms.json'), JSON.stringify({ fl_x: 20, frames: [frame('a.png')] }));
    const reason = new Error('stop');
    await expect(importCapture(folder, {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const running = importCapture(
      folder,
      {},
      { signal: controller.signal, onProgress: () => controller.abort(reason) },
    );
    await expect(running)
      .rejects.toBe(reason)
      .catch(() => running);
  });
});
