import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  encodeCounts,
  MasksEncoder,
  OBJECT_MASKS,
  OBSERVATIONS_MAGIC,
  routes,
  SUPERSEDED_STATUS,
} from '../../contract/index.ts';
import { openProject } from '../project/index.ts';
import { startHost, writeProject } from './testing.ts';
import { ThumbnailCache } from './thumbnails.ts';

describe('photos', () => {
  it('serves them as they are and smaller, with HEAD, ranges and 304', async () => {
    await using test = await startHost();
    const { project, captureId } = await writeProject(test.folder);
    await test.call('project.open', { folder: project });
    const url = routes.photo(captureId, 'frame-1');
    const original = await readFile(join(test.folder, 'capture', 'images', '1.png'));
    const whole = await test.get(url);
    expect(whole.headers.get('content-type')).toBe('image/png');
    expect(whole.headers.get('cache-control')).toBe('private, no-cache');
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(original);
    const part = await test.get(url, { range: 'bytes=1-3' });
    expect([part.status, await part.text()]).toEqual([206, 'PNG']);
    const head = await test.get(url, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(original.length),
      '',
    ]);
    const etag = whole.headers.get('etag') ?? '';
    expect((await test.get(url, { 'if-none-match': etag })).status).toBe(304);

    const small = await test.get(routes.photo(captureId, 'frame-1', 16));
    expect(small.headers.get('content-type')).toBe('image/jpeg');
    expect(await sharp(Buffer.from(await small.arrayBuffer())).metadata()).toMatchObject({ width: 16, height: 12 });
    for (const width of ['0', '-3', '9999', '1e3', 'x', '']) {
      expect((await test.get(`${url}?width=${width}`)).status, width).toBe(400);
    }
    expect((await test.get(routes.photo(captureId, 'frame-9'))).status).toBe(404);
    expect((await test.get(routes.photo(77, 'frame-1'))).status).toBe(404);
    expect((await test.get('/data/captures/x/photos/frame-1')).status).toBe(400);

    await rm(join(test.folder, 'capture', 'images', '1.png'));
    expect(await (await test.get(url)).json()).toMatchObject({ code: 'not-found', hint: 'Relink the capture.' });
  });

  it('shows nothing that a hostile project names: other folders, links out, files that are no images', async () => {
    await using test = await startHost();
    const secret = join(test.folder, 'secret.png');
    const { project, captureId } = await writeProject(test.folder);
    await writeFile(
      secret,
      await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    const images = join(test.folder, 'capture', 'images');
    await symlink(secret, join(images, 'link.png'));
    await writeFile(join(images, 'text.png'), 'root:x:0:0:root:/root:/bin/sh');
    await mkdir(join(images, 'folder.png'));
    await test.call('project.open', { folder: project });
    const db = new Database(join(project, 'project.sqlite'));
    const claim = (path: string, imagesPath = images): void => {
      db.prepare("UPDATE frames SET image_path = ? WHERE frame_id = 'frame-1'").run(path);
      db.prepare('UPDATE captures SET images_path = ?').run(imagesPath);
    };
    const cases: [string, string?][] = [
      ['/etc/passwd'],
      ['/etc/passwd', '/'],
      ['/etc/passwd', '/etc'],
      [secret],
      [`${images}/../../secret.png`],
      [join(images, 'link.png')],
      [join(images, 'text.png')],
      [join(images, 'folder.png')],
      ['relative.png'],
      ['//server/share/photo.png'],
    ];
    for (const [path, imagesPath] of cases) {
      claim(path, imagesPath);
      for (const width of [undefined, 16]) {
        const response = await test.get(routes.photo(captureId, 'frame-1', width));
        expect([400, 404], `${path}: ${response.status}`).toContain(response.status);
        expect(await response.json()).toMatchObject({ code: expect.any(String) });
      }
    }
    claim(join(images, '1.png'));
    expect((await test.get(routes.photo(captureId, 'frame-1'))).status).toBe(200);
    db.close();
  });

  it('makes a thumbnail once, anew when the photo changes, and keeps within its bytes', async () => {
    await using test = await startHost();
    const folder = join(test.folder, 'thumbs');
    const photo = join(test.folder, 'photo.png');
    const noise = (seed: number) =>
      sharp(
        Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * seed * 7919) % 256),
        {
          raw: { width: 64, height: 64, channels: 3 },
        },
      )
        .png()
        .toFile(photo);
    await noise(3);
    const cache = new ThumbnailCache(folder, 8000);
    const request = { path: photo, width: 40, orient: false };
    const [first, same] = await Promise.all([cache.get(request), cache.get(request)]);
    expect(same).toEqual(first);
    expect(await readdir(folder)).toHaveLength(1);
    await noise(5);
    await utimes(photo, 1, 1);
    expect((await cache.get(request)).etag).not.toBe(first.etag);
    for (let width = 41; width < 60; width++) await cache.get({ ...request, width });
    const sizes = await Promise.all(
      (await readdir(folder)).map(async (name) => (await readFile(join(folder, name))).length),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(8000);
    expect(sizes.length).toBeGreaterThan(1);
    await writeFile(photo, 'no image at all');
    await expect(cache.get(request)).rejects.toMatchObject({ code: 'bad-input' });
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('other resources', () => {
  it('serves points, observations and masks of the objects', async () => {
    await using test = await startHost();
    const { project: folder, captureId } = await writeProject(test.folder);
    const object = { type: 'object', id: 0, captureId, name: 'mug', className: null, colour: 1 } as const;
    const plain = { hidden: false, locked: false, provenance: 'model' } as const;
    let objectId = 0;
    {
      using project = await openProject(folder);
      objectId = project.newIds('object') + 300;
      const [trackId, maskId] = [project.newIds('track'), project.newIds('mask')];
      project.jobRecords.write({
        put: [
          { ...object, id: objectId, ...plain },
          { type: 'track', id: trackId, captureId, objectId, sourceId: null, locked: false, provenance: 'model' },
          {
            ...{ type: 'mask', id: maskId, captureId, position: 1, width: 32, height: 24, artifact: null },
            ...{ rle: encodeCounts([33, 2, 32 * 24 - 35]), provenance: 'model' },
          } as const,
          {
            ...{ type: 'observation', trackId, position: 1, state: 'occluded', disagreement: 0.5, flags: 1, maskId },
            provenance: 'model',
          } as const,
        ],
      });
      const info = {
        name: 'teacher',
        provenance: { kind: 'model', source: 'a model' },
        consistentIds: false,
        classes: [],
      } as const;
      const encoder = new MasksEncoder();
      const file = Buffer.concat([
        encoder.header({ ...info, classes: [] }),
        encoder.frame({
          ...{ frame: '1.png', width: 32, height: 24 },
          segments: [{ id: 70_000, rle: encodeCounts([0, 1, 32 * 24 - 1]) }],
        }),
        encoder.finish(),
      ]);
      const artifact = await project.artifacts.put(file, 'masks');
      project.maskSets.add({ captureId, info: { ...info, classes: [] }, artifact, frames: 1, jobId: null });
    }
    const { project } = await test.call('project.open', { folder });
    expect((await test.get(routes.points(captureId))).headers.get('content-length')).toBe('15');

    const response = await test.get(routes.observations(captureId, project.revision));
    const bytes = await response.arrayBuffer();
    const view = new DataView(bytes);
    expect(new TextDecoder().decode(bytes.slice(0, 8))).toBe(OBSERVATIONS_MAGIC);
    // N, O, objectIds, object, frame.
    expect([8, 12, 16, 20, 24].map((at) => view.getUint32(at, true))).toEqual([1, 1, objectId, 0, 1]);
    expect([...new Uint8Array(bytes, 28)]).toEqual([1, 127, 1]);
    const etag = response.headers.get('etag') ?? '';
    expect((await test.get(routes.observations(captureId, project.revision), { 'if-none-match': etag })).status).toBe(
      304,
    );

    const url = routes.masks(captureId, 'frame-1', OBJECT_MASKS, project.revision);
    const png = Buffer.from(await (await test.get(url)).arrayBuffer());
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 32, height: 24, channels: 3 });
    const ids = Array.from({ length: 32 * 24 }, (_, i) => (data[i * 3] ?? 0) + 256 * (data[i * 3 + 1] ?? 0));
    expect(ids.flatMap((id, i) => (id === 0 ? [] : [[i, id]]))).toEqual([
      [33, objectId],
      [34, objectId],
    ]);
    expect((await test.call('masks.list', { captureId })).sets).toEqual([
      { name: 'teacher', provenance: 'model', source: 'a model', frames: 1, consistentIds: false },
    ]);
    const first = async (frame: string) => {
      const answer = await test.get(routes.masks(captureId, frame, 'teacher', project.revision));
      return [
        ...(
          await sharp(Buffer.from(await answer.arrayBuffer()))
            .raw()
            .toBuffer()
        ).subarray(0, 6),
      ];
    };
    // 70,000 = 112 + 256 * 17 + 65,536; a frame that nobody looked at is empty.
    expect(await first('frame-1')).toEqual([112, 17, 1, 0, 0, 0]);
    expect(await first('frame-0')).toEqual([0, 0, 0, 0, 0, 0]);
    expect((await test.get(routes.masks(captureId, 'frame-1', 'none', 1))).status).toBe(404);
  });

  it('draws frames and free views through the view process, and says when a newer one replaced it', async () => {
    await using test = await startHost();
    const { project, captureId, splatsId } = await writeProject(test.folder);
    await test.call('project.open', { folder: project });
    const depth = await test.get(routes.render(splatsId, captureId, 'frame-1', 'depth', 16));
    expect(Object.fromEntries(depth.headers)).toMatchObject({
      'content-type': 'image/jpeg',
      'x-depth-near': '1',
      'x-depth-far': '5',
    });
    expect(test.views.calls.at(-1)?.call).toMatchObject({
      splatsPath: expect.stringContaining(project),
      view: { width: 16, height: 12, fx: 15, fy: 15.5, cx: 8, cy: 6 },
    });
    await test.get(routes.render(splatsId, captureId, 'frame-1', 'residual'));
    expect(test.views.calls.at(-1)?.call).toMatchObject({
      photoPath: join(test.folder, 'capture', 'images', '1.png'),
      format: 'png',
    });
    const drawn = test.views.calls.length;
    const again = { 'if-none-match': depth.headers.get('etag') ?? '' };
    expect((await test.get(routes.render(splatsId, captureId, 'frame-1', 'depth', 16), again)).status).toBe(304);
    expect(test.views.calls).toHaveLength(drawn);
    expect((await test.get(`/data/splats/${splatsId}/frames/${captureId}/frame-1?channel=x`)).status).toBe(400);
    expect((await test.get(routes.render(99, captureId, 'frame-1', 'colour'))).status).toBe(404);

    const camera = {
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 3] },
      width: 40,
      height: 20,
      focal: 30,
    };
    const view = { ...camera, stream: 'scene', quality: 'moving' };
    expect((await test.post(routes.view(splatsId), view)).headers.get('content-type')).toBe('image/jpeg');
    expect(test.views.calls.at(-1)).toMatchObject({ streamId: 'scene', call: { view: { fx: 30, cx: 20, cy: 10 } } });
    expect((await test.post(routes.view(splatsId), { ...view, width: 1e6 })).status).toBe(400);
    expect((await test.post(routes.view(splatsId), { ...view, width: 4096, height: 4096 })).status).toBe(400);
    test.views.supersede = true;
    expect((await test.post(routes.view(splatsId), view)).status).toBe(SUPERSEDED_STATUS);
    const pick = { splatsId, x: 3, y: 4, width: 40, height: 20, focal: 30 };
    const picked = await test.call('view.pick', {
      ...pick,
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 3] },
    });
    expect(picked).toMatchObject({ gaussian: 4, objectId: null });
  });

  it('serves the preview of a job while it is the newest', async () => {
    await using test = await startHost();
    const { project } = await writeProject(test.folder);
    await test.call('project.open', { folder: project });
    await test.call('jobs.start', { spec: { kind: 'train-splats', captureId: 1 } });
    expect((await test.get(routes.preview(1, 3))).headers.get('content-type')).toBe('image/png');
    expect((await test.get(routes.preview(1, 2))).status).toBe(404);
    expect((await test.get(routes.preview(8, 3))).status).toBe(404);
  });
});

describe('page', () => {
  it('serves the built files with their types, hashed ones for ever, and nothing beside them', async () => {
    await using place = await startHost();
    const page = join(place.folder, 'page');
    await mkdir(join(page, 'assets'), { recursive: true });
    await writeFile(join(page, 'index.html'), '<!doctype html>');
    await writeFile(join(page, 'assets', 'index-DiwrgTda.js'), 'export {}');
    await writeFile(join(page, 'data.sqlite'), 'x');
    await writeFile(join(place.folder, 'beside.txt'), 'secret');
    await symlink(join(place.folder, 'beside.txt'), join(page, 'link.txt'));
    await using test = await startHost({ pageFolder: page });
    const index = await test.get('/');
    expect([index.headers.get('content-type'), await index.text()]).toEqual([
      'text/html; charset=utf-8',
      '<!doctype html>',
    ]);
    expect(index.headers.get('cache-control')).toContain('no-cache');
    const script = await test.get('/assets/index-DiwrgTda.js');
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect(script.headers.get('cache-control')).toContain('immutable');
    for (const path of [
      '/../beside.txt',
      '/%2e%2e/beside.txt',
      '/..%2fbeside.txt',
      '/%2e%2e%2fbeside.txt',
      '/assets/..%5c..%5cbeside.txt',
      '/assets/%00.js',
      '//beside.txt',
      '/link.txt',
      '/data.sqlite',
      '/assets',
      '/assets/',
      '/.git/config',
    ]) {
      const response = await test.get(path);
      expect(response.status, path).toBe(404);
      expect(await response.text()).not.toContain('secret');
    }
  });
});
