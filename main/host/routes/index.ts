/** Binary resources: see contract/studio/routes.ts. */
import type { Hono } from 'hono';
import { LiftscopeError } from '../../../contract/index.ts';
import { fileResponse } from '../files.ts';
import type { HostContext } from '../host.ts';
import { REVALIDATE } from '../http.ts';
import { capturePhoto, imageFormat, parseWidth, photoResponse } from './photos.ts';

export function mountData(app: Hono, host: HostContext): void {
  app.get('/data/captures/:capture/photos/:frame', async (c) => {
    const width = parseWidth(c.req.query('width'));
    const photo = await capturePhoto(host, parseId(c.req.param('capture')), c.req.param('frame'));
    return photoResponse(host, c.req.raw, { ...photo, width, orient: false });
  });
  app.get('/data/import-preview/photo', async (c) => {
    const path = await host.confinement.existing(c.req.query('path') ?? '');
    const known = host.previews.photo(path, c.req.query('frame') ?? '');
    const format = await imageFormat(known.path, 'The photo');
    return photoResponse(host, c.req.raw, { ...known, format, width: parseWidth(c.req.query('width')) });
  });
  app.get('/data/captures/:capture/points', async (c) => {
    const id = parseId(c.req.param('capture'));
    const { project } = host.session();
    const name = project.captures.get(id)?.pointsArtifact;
    if (name === undefined)
      throw new LiftscopeError({ code: 'not-found', message: 'This capture has no sparse points.' });
    return fileResponse(c.req.raw, {
      path: project.artifacts.path(name),
      type: 'application/octet-stream',
      cacheControl: REVALIDATE,
      etag: `"${name}"`,
    });
  });
}

/** @throws LiftscopeError `bad-input` */
export function parseId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new LiftscopeError({ code: 'bad-input', message: `"${text.slice(0, 40)}" is not an id.` });
}
