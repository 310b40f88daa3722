/** Files as HTTP answers: streams, ranges, conditional requests. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Failure, LiftscopeError } from '../../contract/index.ts';

const CHUNK_BYTES = 256 * 1024;

export interface FileAnswer {
  /** A real path: confinement has resolved its links. */
  readonly path: string;
  readonly type: string;
  readonly cacheControl: string;
  /** Absent: from size and time of change. */
  readonly etag?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A part of a file, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What a `Range` header asks of `sizeBytes` bytes. Undefined: the whole (no header, or another unit, which RFC 9110
 * lets a server ignore). Several ranges at once are refused like ones out of bounds: nobody here needs multipart answers.
 */
export function parseRange(header: string | null, sizeBytes: number): ByteRange | 'refused' | undefined {
  if (header === null || !/^bytes=/i.test(header.trim())) return undefined;
  const match = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header.trim());
  if (match === null) return 'refused';
  const [, from = '', to = ''] = match;
  if (from === '' && to === '') return 'refused';
  if (from === '') {
    const length = Number(to);
    if (length === 0 || sizeBytes === 0) return 'refused';
    return { first: Math.max(0, sizeBytes - length), last: sizeBytes - 1 };
  }
  const first = Number(from);
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  return first >= sizeBytes || last < first ? 'refused' : { first, last };
}

/** Whether the reader's copy is still good (`If-None-Match`, weak comparison as for every GET). */
export function isUnchanged(request: Request, etag: string): boolean {
  const header = request.headers.get('if-none-match');
  if (header === null) return false;
  const bare = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => bare(tag) === bare(etag));
}

/** @throws LiftscopeError `not-found` */
export async function fileResponse(request: Request, file: FileAnswer): Promise<Response> {
  const version = await versionOf(file.path);
  const { sizeBytes } = version;
  const etag = file.etag ?? version.etag;
  const headers: Record<string, string> = {
    'content-type': file.type,
    'cache-control': file.cacheControl,
    'accept-ranges': 'bytes',
    etag,
    ...file.headers,
  };
  if (isUnchanged(request, etag)) return new Response(null, { status: 304, headers });
  // A range of another version of the file would be glued to bytes that do not belong to it.
  const ifRange = request.headers.get('if-range');
  const wanted = ifRange === null || ifRange.trim() === etag ? request.headers.get('range') : null;
  const range = parseRange(wanted, sizeBytes);
  if (range === 'refused') {
    const failure: Failure = { code: 'bad-input', message: `The range is not one within ${sizeBytes} bytes.` };
    return Response.json(failure, { status: 416, headers: { 'content-range': `bytes */${sizeBytes}` } });
  }
  const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
  headers['content-length'] = String(last - first + 1);
  if (range !== undefined) headers['content-range'] = `bytes ${first}-${last}/${sizeBytes}`;
  const body = streamOf(file.path, version, first, last);
  return new Response(body, { status: range === undefined ? 200 : 206, headers });
}

interface FileVersion {
  readonly sizeBytes: number;
  readonly etag: string;
}

async function versionOf(path: string): Promise<FileVersion> {
  const handle = await openForReading(path);
  try {
    return await versionOfHandle(handle, path);
  } finally {
    await handle.close();
  }
}

async function versionOfHandle(handle: FileHandle, path: string): Promise<FileVersion> {
  const info = await handle.stat({ bigint: true });
  if (!info.isFile()) throw missing(path);
  return { sizeBytes: Number(info.size), etag: `"${info.size.toString(36)}-${info.mtimeNs.toString(36)}"` };
}

/** Bytes made here, with the same conditional requests as files. */
export function bytesResponse(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  answer: Omit<FileAnswer, 'path'>,
): Response {
  const headers: Record<string, string> = {
    'content-type': answer.type,
    'cache-control': answer.cacheControl,
    ...(answer.etag !== undefined && { etag: answer.etag }),
    ...answer.headers,
  };
  if (answer.etag !== undefined && isUnchanged(request, answer.etag)) {
    return new Response(null, { status: 304, headers });
  }
  headers['content-length'] = String(bytes.byteLength);
  return new Response(bytes, { headers });
}

/**
 * The path's links were resolved before; one that appeared since is not followed.
 * @throws LiftscopeError `not-found`
 */
export async function openForReading(path: string): Promise<FileHandle> {
  try {
    // Non-blocking, or opening a named pipe would wait for a writer for ever.
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw missing(path, error);
  }
}

function missing(path: string, cause?: unknown): LiftscopeError {
  return new LiftscopeError({ code: 'not-found', message: `There is no file to read at ${path}.` }, { cause });
}

/**
 * Reads as the other side takes, and ends the file when it stops taking. The file is opened by the first read: an answer that
 * nobody reads holds nothing open.
 */
function streamOf(
  path: string,
  version: FileVersion,
  first: number,
  last: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = first;
  let handle: FileHandle | undefined;
  const end = async (): Promise<void> => {
    const open = handle;
    handle = undefined;
    await open?.close();
  };
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const left = last - at + 1;
          if (left > 0) {
            handle ??= await openSame(path, version);
            const chunk = new Uint8Array(Math.min(left, CHUNK_BYTES));
            const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
            // The file has become shorter: the length that was promised cannot be kept.
            if (bytesRead === 0) throw new Error('the file ended early');
            at += bytesRead;
            controller.enqueue(chunk.subarray(0, bytesRead));
          }
          if (at > last) {
            await end();
            controller.close();
          }
        } catch (error) {
          await end();
          controller.error(error);
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

/** The version whose length was promised; another one ends the answer instead of completing it with the wrong bytes. */
async function openSame(path: string, version: FileVersion): Promise<FileHandle> {
  const handle = await openForReading(path);
  try {
    if ((await versionOfHandle(handle, path)).etag === version.etag) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  throw new Error('the file has changed');
}
