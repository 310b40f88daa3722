/** Photos of captures, as they are or smaller. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LiftscopeError } from '../../../contract/index.ts';
import { type ImageFormat, imageFormatOf } from '../../capture/index.ts';
import { realInside } from '../confinement.ts';
import { fileResponse } from '../files.ts';
import type { HostContext } from '../host.ts';
import { REVALIDATE } from '../http.ts';

const MAX_WIDTH = 8192;

/** @throws LiftscopeError `bad-input` */
export function parseWidth(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const width = Number(text);
  if (/^\d{1,5}$/.test(text) && width >= 1 && width <= MAX_WIDTH) return width;
  throw new LiftscopeError({ code: 'bad-input', message: `width must be a whole number from 1 to ${MAX_WIDTH}.` });
}

/**
 * Real path of a photo that the project's database names. The database is a file that may come from anywhere: what it
 * names is shown only when it lies in the capture's own images folder (or is an artifact of the project), and only when
 * its first bytes are an image's.
 */
export async function capturePhoto(
  host: HostContext,
  captureId: number,
  frameId: string,
): Promise<{ path: string; format: ImageFormat }> {
  const session = host.session();
  const capture = session.capture(captureId);
  const frame = capture.frames.find((candidate) => candidate.id === frameId);
  if (frame === undefined) throw new LiftscopeError({ code: 'not-found', message: 'The capture has no such frame.' });
  const artifacts = join(session.project.folder, 'artifacts');
  const what = `The photo of frame ${frame.name}`;
  const folder = frame.imagePath.startsWith(artifacts) ? artifacts : capture.imagesPath;
  const path = await realInside(folder, frame.imagePath, what);
  return { path, format: await imageFormat(path, what) };
}

/** @throws LiftscopeError `bad-input` for a file that is no image */
export async function imageFormat(path: string, what: string): Promise<ImageFormat> {
  const handle = await open(path, 'r');
  try {
    if (!(await handle.stat()).isFile())
      throw new LiftscopeError({ code: 'bad-input', message: `${what} is no file.` });
    const head = Buffer.alloc(16);
    await handle.read(head, 0, 16, 0);
    const format = imageFormatOf(head);
    if (format !== undefined) return format;
  } finally {
    await handle.close();
  }
  throw new LiftscopeError({ code: 'bad-input', message: `${what} is not an image.`, hint: 'It is not shown.' });
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
