/** Binary resources of captures and jobs: see contract/studio/routes.ts. */
import type { Hono } from 'hono';
import { LiftscopeError } from '../../../contract/index.ts';
import { parseArtifactName } from '../../project/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import { bytesResponse, fileResponse, isUnchanged } from '../files.ts';
import { REVALIDATE } from '../http.ts';
import { parseId, parseWidth } from './parse.ts';
import { capturePhoto, imageFormat, photoResponse } from './photos.ts';

export function mountCaptures(app: Hono, host: HostContext): void {
  app.get('/data/captures/:capture/photos/:frame', async (c) => {
    const width = parseWidth(c.req.query('width'));
    const photo = await capturePhoto(sessionOf(host), parseId(c.req.param('capture')), c.req.param('frame'));
    return photoResponse(host, c.req.raw, { ...photo, width, orient: false });
  });

  app.get('/data/import-preview/photo', async (c) => {
    const width = parseWidth(c.req.query('width'));
    const path = await host.confinement.existing(c.req.query('path') ?? '');
    const known = host.previews.photo(path, c.req.query('frame') ?? '');
    const format = await imageFormat(known.path, 'The photo');
    return photoResponse(host, c.req.raw, { ...known, format, width });
  });

  app.get('/data/captures/:capture/points', async (c) => {
    const session = sessionOf(host);
    const { pointsArtifact } = await session.frameTable(parseId(c.req.param('capture')));
    if (pointsArtifact === null) {
      throw new LiftscopeError({ code: 'not-found', message: 'This capture has no sparse points.' });
    }
    return fileResponse(c.req.raw, {
      path: session.project.artifacts.path(parseArtifactName(pointsArtifact)),
      type: 'application/octet-stream',
      cacheControl: REVALIDATE,
      etag: `"${pointsArtifact}"`,
    });
  });

  app.get('/data/captures/:capture/observations', async (c) => {
    const session = sessionOf(host);
    const captureId = parseId(c.req.param('capture'));
    const { revision, bytes } = await session.observationsFile(captureId);
    return bytesResponse(c.req.raw, new Uint8Array(bytes), {
      type: 'application/octet-stream',
      cacheControl: REVALIDATE,
      etag: `"${session.key}-${captureId}-${revision}"`,
      headers: { 'x-revision': String(revision) },
    });
  });

  app.get('/data/captures/:capture/masks/:set/:frame', async (c) => {
    const session = sessionOf(host);
    const captureId = parseId(c.req.param('capture'));
    const set = c.req.param('set');
    const position = await session.position(captureId, c.req.param('frame'));
    const etag = `"${session.key}-${captureId}-${position}-${session.project.revision.revision}"`;
    const headers = { etag, 'cache-control': REVALIDATE };
    if (isUnchanged(c.req.raw, etag)) return new Response(null, { status: 304, headers });
    const png = await session.reads.run('masks', { captureId, position, set });
    return bytesResponse(c.req.raw, png, { type: 'image/png', cacheControl: REVALIDATE, etag });
  });

  app.get('/data/jobs/:job/previews/:preview', (c) => {
    const session = sessionOf(host);
    const [jobId, number] = [parseId(c.req.param('job')), parseId(c.req.param('preview'))];
    const preview = session.jobs.preview(jobId, number);
    if (preview === undefined) {
      throw new LiftscopeError({ code: 'not-found', message: 'This preview is gone; a newer one may be there.' });
    }
    return bytesResponse(c.req.raw, new Uint8Array(preview.png), {
      type: 'image/png',
      cacheControl: REVALIDATE,
      etag: `"${session.key}-${jobId}-${number}"`,
    });
  });
}
