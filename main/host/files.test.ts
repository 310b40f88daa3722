import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileResponse, parseRange } from './files.ts';

let folder = '';
let path = '';
// Larger than one chunk, so that streams have seams.
const contents = Uint8Array.from({ length: 700_001 }, (_, i) => (i * 31) % 251);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'liftscope-files-'));
  path = join(folder, 'data.bin');
  await writeFile(path, contents);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function get(headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request('http://host/file', { headers });
  return fileResponse(request, { path, type: 'application/octet-stream', cacheControl: 'no-cache' });
}

describe('parseRange', () => {
  it.each([
    [null, undefined],
    ['items=0-1', undefined],
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=5-', { first: 5, last: 99 }],
    ['bytes=-10', { first: 90, last: 99 }],
    ['bytes=-1000', { first: 0, last: 99 }],
    ['bytes=90-1000', { first: 90, last: 99 }],
    ['bytes=100-', 'refused'],
    ['bytes=7-3', 'refused'],
    ['bytes=-0', 'refused'],
    ['bytes=-', 'refused'],
    ['bytes=0-1,5-6', 'refused'],
    ['bytes=a-b', 'refused'],
  ])('%s', (header, expected) => {
    expect(parseRange(header, 100)).toEqual(expected);
  });

  it('refuses every range of nothing', () => {
    for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) expect(parseRange(header, 0)).toBe('refused');
  });
});

describe('fileResponse', () => {
  it('gives the whole file with its length', async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(contents.length));
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(contents);
  });

  it('gives exactly the bytes of any range', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(contents.length - 1), fc.nat(contents.length - 1), async (a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const response = await get({ range: `bytes=${first}-${last}` });
        expect(response.status).toBe(206);
        expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${contents.length}`);
        const bytes = new Uint8Array(await response.arrayBuffer());
        expect(Buffer.compare(bytes, contents.subarray(first, last + 1))).toBe(0);
      }),
      { numRuns: 30, seed: 5 },
    );
  });

  it('refuses ranges beyond the end and several at once with the size', async () => {
    for (const range of [`bytes=${contents.length}-`, 'bytes=0-1,4-5']) {
      const response = await get({ range });
      expect(response.status).toBe(416);
      expect(response.headers.get('content-range')).toBe(`bytes */${contents.length}`);
    }
  });

  it('answers 304 to a current ETag and the whole to an If-Range of another version', async () => {
    const etag = (await get()).headers.get('etag') ?? '';
    expect(etag).toMatch(/^".+"$/);
    expect((await get({ 'if-none-match': `"x", W/${etag}` })).status).toBe(304);
    expect((await get({ 'if-none-match': '"x"' })).status).toBe(200);
    expect((await get({ range: 'bytes=0-3', 'if-range': etag })).status).toBe(206);
    expect((await get({ range: 'bytes=0-3', 'if-range': '"old"' })).status).toBe(200);
    await writeFile(path, contents);
    expect((await get({ 'if-none-match': etag })).status).toBe(200);
  });

  it('does not follow a link that appeared since its path was resolved, and serves no folder', async () => {
    await symlink(path, join(folder, 'link'));
    const request = new Request('http://host/file');
    const answer = (name: string) => ({ path: join(folder, name), type: 'x/y', cacheControl: 'no-cache' });
    await expect(fileResponse(request, answer('link'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(fileResponse(request, answer('.'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(fileResponse(request, answer('nothing'))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('ends the file when nobody reads on', async () => {
    const response = await get();
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect((await get()).status).toBe(200);
  });
});
