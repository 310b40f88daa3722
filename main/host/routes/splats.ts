/** Pictures of splat models, drawn by the view process, and the models themselves. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { z } from 'zod';
import {
  type FrameChannel,
  LiftscopeError,
  SUPERSEDED_STATUS,
  type ViewRenderAnswer,
  viewImageRequestSchema,
} from '../../../contract/index.ts';
import type { ArtifactName, SplatsRow } from '../../project/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import { bytesResponse, fileResponse, isUnchanged } from '../files.ts';
import { REVALIDATE, readJsonBody } from '../http.ts';
import { mapPath } from '../language.ts';
import { objectLook } from '../object-looks.ts';
import { runApart } from '../reads/index.ts';
import type { Session } from '../session.ts';
import { freeCameraView, MAX_VIEW_PIXELS, scaledView } from '../views.ts';
import { parseId, parseWidth } from './parse.ts';
import { capturePhoto } from './photos.ts';

const channelSchema = z.enum(['colour', 'depth', 'alpha', 'residual', 'membership', 'relevancy'] satisfies (
  | FrameChannel
  | 'membership'
  | 'relevancy'
)[]);
/** Of splat PLY files made for the page: about two models of four million Gaussians. */
const PLY_CACHE_BYTES = 2 ** 31;

export function mountSplats(app: Hono, host: HostContext): void {
  const plys = new PlyCache(join(host.options.cacheFolder, 'splats'));

  app.get('/data/splats/:splats/frames/:capture/:frame', async (c) => {
    const session = sessionOf(host);
    const row = session.splats(parseId(c.req.param('splats')));
    const captureId = parseId(c.req.param('capture'));
    const channel = channelSchema.safeParse(c.req.query('channel') ?? 'colour').data;
    if (channel === undefined) throw new LiftscopeError({ code: 'bad-input', message: 'There is no such channel.' });
    const width = parseWidth(c.req.query('width'));
    const { view } = await session.frame(captureId, c.req.param('frame'));
    const photo = channel === 'residual' ? await capturePhoto(session, captureId, c.req.param('frame')) : undefined;
    const changedAt = photo === undefined ? 0 : (await stat(photo.path)).mtimeMs;
    const camera = scaledView(view, width);
    const look = channel === 'membership' ? await membershipOf(host, session, row, c.req.query('object')) : undefined;
    const relevancyPath = channel === 'relevancy' ? mapPath(session, c.req.query('map')) : undefined;
    const identity = JSON.stringify([
      row.artifact,
      camera,
      channel,
      photo?.path,
      changedAt,
      look?.idsPath,
      look?.object,
      relevancyPath,
    ]);
    const etag = `"${createHash('sha256').update(identity).digest('base64url').slice(0, 32)}"`;
    if (isUnchanged(c.req.raw, etag)) {
      return new Response(null, { status: 304, headers: { etag, 'cache-control': REVALIDATE } });
    }
    const outcome = await host.views.render(
      {
        splatsPath: session.project.artifacts.path(row.artifact),
        view: camera,
        channel,
        quality: 'rest',
        // Whoever compares pixels wants those that were drawn; a thumbnail may be rougher.
        format: width === undefined || relevancyPath !== undefined ? 'png' : 'jpeg',
        ...(photo !== undefined && { photoPath: photo.path }),
        ...(relevancyPath !== undefined && { relevancyPath }),
        ...(look !== undefined && { objects: look }),
      },
      { signal: c.req.raw.signal },
    );
    if (outcome.status === 'superseded') return new Response(null, { status: SUPERSEDED_STATUS });
    return pictureResponse(c.req.raw, outcome.image, REVALIDATE, etag);
  });

  app.post('/data/splats/:splats/view', async (c) => {
    const session = sessionOf(host);
    const row = session.splats(parseId(c.req.param('splats')));
    const body = await readJsonBody(c.req.raw);
    if ('refused' in body) return body.refused;
    const parsed = viewImageRequestSchema.safeParse(body.value);
    const issue = parsed.error?.issues[0];
    if (!parsed.success || parsed.data.width * parsed.data.height > MAX_VIEW_PIXELS) {
      const why = issue === undefined ? 'too many pixels' : `${issue.path.join('.')}: ${issue.message}`;
      throw new LiftscopeError({ code: 'bad-input', message: `The view is not valid: ${why}` });
    }
    const { stream, channel, quality, objects, map, ...camera } = parsed.data;
    const relevancyPath = channel === 'relevancy' ? mapPath(session, map) : undefined;
    const look = objects && (await objectLook(host.memberships, session, row, objects));
    const outcome = await host.views.render(
      {
        splatsPath: session.project.artifacts.path(row.artifact),
        view: freeCameraView(camera),
        channel,
        quality,
        ...(look !== undefined && { objects: look }),
        ...(relevancyPath !== undefined && { relevancyPath }),
        format: relevancyPath === undefined ? 'jpeg' : 'png',
        encodeQuality: quality === 'moving' ? 80 : 92,
      },
      { streamId: stream, signal: c.req.raw.signal },
    );
    if (outcome.status === 'superseded') return new Response(null, { status: SUPERSEDED_STATUS });
    return pictureResponse(c.req.raw, outcome.image, 'no-store');
  });

  app.get('/data/splats/:splats/scene.ply', async (c) => {
    const session = sessionOf(host);
    const row = session.splats(parseId(c.req.param('splats')));
    const etag = `"${row.artifact}"`;
    if (isUnchanged(c.req.raw, etag)) {
      return new Response(null, { status: 304, headers: { etag, 'cache-control': REVALIDATE } });
    }
    const path = await plys.get(session, row.artifact, c.req.raw.signal);
    return fileResponse(c.req.raw, { path, type: 'application/octet-stream', cacheControl: REVALIDATE, etag });
  });
}

/** @throws LiftscopeError `bad-input`, or `not-found` before the first lift */
async function membershipOf(host: HostContext, session: Session, row: SplatsRow, object: string | undefined) {
  const id = parseId(object ?? '');
  const look = await objectLook(host.memberships, session, row, { tint: 0, selected: [] });
  if (look === undefined) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'Nothing has been lifted on this model yet.',
      hint: 'Lift masks to objects first.',
    });
  }
  return { idsPath: look.idsPath, object: id };
}

function pictureResponse(request: Request, image: ViewRenderAnswer, cacheControl: string, etag?: string): Response {
  return bytesResponse(request, new Uint8Array(image.bytes), {
    type: `image/${image.format}`,
    cacheControl,
    ...(etag !== undefined && { etag }),
    headers: {
      'x-image-width': String(image.width),
      'x-image-height': String(image.height),
      'x-draw-ms': image.drawMs.toFixed(1),
      ...(image.depthRange !== undefined && {
        'x-depth-near': String(image.depthRange.near),
        'x-depth-far': String(image.depthRange.far),
      }),
    },
  });
}

/** Splat models as PLY files, made when they are asked for. */
class PlyCache {
  private readonly folder: string;
  private readonly making = new Map<string, Promise<string>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  async get(session: Session, artifact: ArtifactName, signal: AbortSignal): Promise<string> {
    const path = join(this.folder, `${artifact.slice(0, 64)}.ply`);
    if ((await stat(path).catch(() => undefined)) !== undefined) {
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return path;
    }
    let making = this.making.get(path);
    if (making === undefined) {
      making = this.make(session, artifact, path, signal).finally(() => this.making.delete(path));
      this.making.set(path, making);
    }
    return making;
  }

  private async make(session: Session, artifact: ArtifactName, path: string, signal: AbortSignal): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    const splatsPath = session.project.artifacts.path(artifact);
    await runApart(session.project.folder, 'exportSplats', { splatsPath, path }, signal);
    await this.evict(path);
    return path;
  }

  /** Oldest use first. */
  private async evict(keep: string): Promise<void> {
    const files = await Promise.all(
      (await readdir(this.folder)).map(async (name) => {
        const path = join(this.folder, name);
        return { path, info: await stat(path).catch(() => undefined) };
      }),
    );
    let total = files.reduce((sum, file) => sum + (file.info?.size ?? 0), 0);
    for (const { path, info } of files.toSorted((a, b) => (a.info?.mtimeMs ?? 0) - (b.info?.mtimeMs ?? 0))) {
      if (total <= PLY_CACHE_BYTES) return;
      if (path === keep) continue;
      await rm(path, { force: true });
      total -= info?.size ?? 0;
    }
  }
}
