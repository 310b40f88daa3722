import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { routes } from '../../../contract/index.ts';
import { pngOf } from '../../capture/testing.ts';
import { startHost } from '../testing.ts';
import { previewCapture } from './preview.ts';

const [WIDTH, HEIGHT, FOCAL] = [40, 30, 50];

/** Two cameras side by side that look along z at a grid of points, as COLMAP text. */
async function writeColmap(folder: string, names = ['a.png', 'b.png']): Promise<void> {
  await mkdir(join(folder, 'images'), { recursive: true });
  await mkdir(join(folder, 'sparse', '0'), { recursive: true });
  const points = Array.from({ length: 9 }, (_, i) => [((i % 3) - 1) * 0.5, (Math.floor(i / 3) - 1) * 0.3, 4] as const);
  const images: string[] = [];
  for (const [index, name] of names.entries()) {
    await writeFile(join(folder, 'images', name), await pngOf(WIDTH, HEIGHT));
    // Seen half a pixel to the right of where they project.
    const seen = points.map(([x, y, z], id) => {
      const u = (FOCAL * (x - index)) / z + WIDTH / 2 + 0.5;
      return `${u} ${(FOCAL * y) / z + HEIGHT / 2} ${id + 1}`;
    });
    images.push(`${index + 1} 1 0 0 0 ${-index} 0 0 1 ${name}`, seen.join(' '));
  }
  const model = join(folder, 'sparse', '0');
  await writeFile(
    join(model, 'cameras.txt'),
    `1 PINHOLE ${WIDTH} ${HEIGHT} ${FOCAL} ${FOCAL} ${WIDTH / 2} ${HEIGHT / 2}\n`,
  );
  await writeFile(join(model, 'images.txt'), `${images.join('\n')}\n`);
  const lines = points.map((point, id) => `${id + 1} ${point.join(' ')} 200 100 ${id} 0.5 1 ${id} 2 ${id}`);
  await writeFile(join(model, 'points3D.txt'), `${lines.join('\n')}\n`);
}

describe('import preview', () => {
  it('says what a person needs to judge poses, scale, axes and points', async () => {
    await using test = await startHost();
    const folder = join(test.folder, 'room');
    await writeColmap(folder);
    await writeFile(join(folder, 'images', 'extra.png'), await pngOf(WIDTH, HEIGHT));
    const { preview, images } = await previewCapture(folder);
    expect(preview).toMatchObject({
      name: 'room',
      format: 'colmap-txt',
      frames: 2,
      points: 9,
      cameras: [{ model: 'PINHOLE', width: WIDTH, height: HEIGHT, frames: 2 }],
      skipped: [{ name: 'extra.png', reason: 'The reconstruction has no pose for this photo.' }],
      skippedCount: 1,
      maskedShare: null,
      holdout: [],
      names: ['a.png', 'b.png'],
      intrinsics: [
        WIDTH,
        HEIGHT,
        FOCAL,
        FOCAL,
        WIDTH / 2,
        HEIGHT / 2,
        WIDTH,
        HEIGHT,
        FOCAL,
        FOCAL,
        WIDTH / 2,
        HEIGHT / 2,
      ],
    });
    expect(preview.poses.slice(7)).toEqual([1, 0, 0, 0, -1, 0, 0]);
    expect(preview.reprojectionErrorPx).toBeCloseTo(0.5, 6);
    // y points down in the camera.
    expect(preview.up).toEqual({ direction: [0, -1, 0], agreement: 1 });
    expect(preview.cameraSpan).toMatchObject({ centre: [0.5, 0, 0], radius: 0.5 });
    expect(preview.samplePoints).toHaveLength(27);
    expect(preview.sampleColors.slice(0, 3)).toEqual([200, 100, 0]);
    const sample = preview.samples.find(({ frame }) => frame === 'a.png');
    expect(sample?.projected).toHaveLength(18);
    sample?.projected.forEach((value, i) => {
      expect((sample.observed[i] ?? Number.NaN) - value).toBeCloseTo(i % 2 === 0 ? 0.5 : 0, 4);
    });
    expect(images.map(({ path }) => path)).toEqual(['a.png', 'b.png'].map((name) => join(folder, 'images', name)));
  });

  it('names frames without a file, and the share that masks leave out', async () => {
    await using test = await startHost();
    const folder = join(test.folder, 'masked');
    await writeColmap(folder);
    await rename(join(folder, 'images', 'b.png'), join(folder, 'b.png'));
    const { preview } = await previewCapture(folder);
    expect(preview).toMatchObject({ frames: 1, skippedCount: 1, skipped: [{ name: 'b.png' }] });
    expect(preview.skipped[0]?.reason).toContain('does not exist');

    const nerf = join(test.folder, 'nerf');
    await mkdir(nerf);
    await writeFile(join(nerf, 'a.png'), await pngOf(WIDTH, HEIGHT));
    const half = Buffer.alloc(WIDTH * HEIGHT, 255).fill(0, 0, (WIDTH * HEIGHT) / 4);
    const { default: sharp } = await import('sharp');
    await sharp(half, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
      .png()
      .toFile(join(nerf, 'mask.png'));
    const frame = {
      file_path: 'a.png',
      mask_path: 'mask.png',
      transform_matrix: [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ],
    };
    const camera = { fl_x: FOCAL, fl_y: FOCAL, cx: WIDTH / 2, cy: HEIGHT / 2, w: WIDTH, h: HEIGHT };
    await writeFile(join(nerf, 'transforms.json'), JSON.stringify({ ...camera, frames: [frame] }));
    const masked = await previewCapture(nerf);
    expect(masked.preview.maskedShare).toBeCloseTo(0.25, 6);
    expect(masked.preview).toMatchObject({ skipped: [], reprojectionErrorPx: null });
  });

  it('is made in a process of its own, shows only the photos of what was previewed, and refuses in words', async () => {
    await using test = await startHost();
    const folder = join(test.folder, 'room');
    await writeColmap(folder);
    const photo = routes.previewPhoto(folder, 'a.png', 20);
    expect((await test.get(photo)).status).toBe(404);
    const preview = await test.call('capture.preview', { path: folder });
    expect(preview).toMatchObject({ path: folder, frames: 2 });
    const shown = await test.get(photo);
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect((await test.get(routes.previewPhoto(folder, '../room/images/a.png', 20))).status).toBe(404);
    expect((await test.get(routes.previewPhoto('/etc', 'passwd', 20))).status).toBe(400);
    expect(await test.failure('capture.preview', { path: test.folder })).toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('no known capture'),
    });
    expect(await test.failure('capture.preview', { path: '/etc' })).toMatchObject({
      message: expect.stringContaining('outside'),
    });
  });
});
