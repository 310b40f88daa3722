/** Photos of captures, as they are or smaller. */
import { join } from 'node:path';
import { LiftscopeError } from '../../../contract/index.ts';
import { type ImageFormat, imageFormatOf } from '../../capture/index.ts';
import { isInside, realInside } from '../confinement.ts';
import type { HostContext } from '../context.ts';
import { fileResponse, openForReading } from '../files.ts';
import { REVALIDATE } from '../http.ts';
import type { Session } from '../session.ts';

/**
 * Real path of a photo that the project's database names. The database is a file that may come from anywhere: what it
 * names is shown only when it lies in the capture's own images folder (or is an artifact of the project), and only when
 * its first bytes are an image's.
 */
export async function capturePhoto(
  session: Session,
  captureId: number,
  frameId: string,
): Promise<{ path: string; format: ImageFormat }> {
  const { frame } = await session.frame(captureId, frameId);
  const what = `The photo of frame ${frame.name}`;
  const artifacts = join(session.project.folder, 'artifacts');
  const folder = isInside(artifacts, frame.imagePath) ? artifacts : session.requireCapture(captureId).imagesPath;
  const path = await realInside(folder, frame.imagePath, what);
  return { path, format: await imageFormat(path, what) };
}

/** @param path a real path that may be read @throws LiftscopeError `bad-input` for a file that is no image */
export async function imageFormat(path: string, what: string): Promise<ImageFormat> {
  const handle = await openForReading(path);
  try {
    if ((await handle.stat()).isFile()) {
      const head = Buffer.alloc(16);
      await handle.read(head, 0, head.length, 0);
      const format = imageFormatOf(head);
      if (format !== undefined) return format;
    }
  } finally {
    await handle.close();
  }
  throw new LiftscopeError({ code: 'bad-input', message: `${what} is not an image and is not shown.` });
}

export async function photoResponse(
  host: HostContext,
  request: Request,
  photo: { path: string; format: ImageFormat; orient: boolean; width: number | undefined },
): Promise<Response> {
  // Browsers show every format that is imported but TIFF.
  if (photo.width === undefined && photo.format !== 'tiff') {
    return fileResponse(request, { path: photo.path, type: `image/${photo.format}`, cacheControl: REVALIDATE });
  }
  const { path, etag } = await host.thumbnails.get(photo);
  return fileResponse(request, { path, type: 'image/jpeg', cacheControl: REVALIDATE, etag });
}
