import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrameChannel, type ProcedureName, procedures, routes } from '../../contract/index.ts';
import { readMessages, startHost, type TestHost } from '../host/testing.ts';
import { whyNoWindow } from './desktop.ts';
import { whyBuild } from './page.ts';
import { type RunningServer, serveHost } from './serve.ts';

let test: TestHost;
let server: RunningServer;
let origin = '';

beforeAll(async () => {
  test = await startHost();
  server = await serveHost(test.host);
  origin = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server.close();
  await test[Symbol.asyncDispose]();
});

/** Every address that the host answers. */
const ADDRESSES: readonly (readonly [string, string])[] = [
  ...(Object.keys(procedures) as ProcedureName[]).map((name) => ['POST', routes.procedure(name)] as const),
  ...(['colour', 'depth', 'alpha', 'residual'] satisfies FrameChannel[]).map(
    (channel) => ['GET', routes.render(1, 1, 'f', channel)] as const,
  ),
  ['GET', '/'],
  ['GET', '/index.html'],
  ['GET', routes.events()],
  ['GET', routes.events('e', 1)],
  ['GET', routes.photo(1, 'f')],
  ['GET', routes.previewPhoto('/p', 'f', 160)],
  ['POST', routes.view(1)],
  ['GET', routes.splatsPly(1)],
  ['GET', routes.points(1)],
  ['GET', routes.preview(1, 1)],
  ['GET', routes.observations(1, 1)],
  ['GET', routes.masks(1, 'f', 's', 1)],
  ['HEAD', '/'],
  ['GET', '/start'],
  ['GET', '/nowhere'],
];

describe('browser shell', () => {
  it('answers nothing without the token, whatever the address', async () => {
    expect(ADDRESSES.length).toBeGreaterThan(Object.keys(procedures).length + Object.keys(routes).length);
    for (const [method, path] of ADDRESSES) {
      const post = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
      const response = await fetch(`${origin}${path}`, { method, redirect: 'manual', ...post });
      expect(response.status, `${method} ${path}`).toBe(401);
      expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      if (method !== 'HEAD')
        expect(Object.keys((await response.json()) as object)).toEqual(['code', 'message', 'hint']);
    }
  });

  it('knows a browser by the cookie of the start address, and answers it', async () => {
    const start = await fetch(server.url, { redirect: 'manual' });
    expect([start.status, start.headers.get('location')]).toEqual([303, '/']);
    const cookie = start.headers.get('set-cookie')?.split(';')[0] ?? '';
    const post = { method: 'POST', body: '{}', headers: { cookie, 'content-type': 'application/json' } };
    const state = await fetch(`${origin}/api/app.state`, post);
    expect(state.status).toBe(200);
    expect(await state.json()).toMatchObject({ version: '1.2.3' });
    expect(server.token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('refuses a host name that was made to point here', async () => {
    const status = await new Promise((resolve) => {
      const headers = { host: 'evil.example', authorization: `Bearer ${server.token}` };
      request(`${origin}/`, { headers }, (response) => resolve(response.statusCode)).end();
    });
    expect(status).toBe(403);
  });

  it('survives garbage on the socket', async () => {
    for (const text of ['\0\0\0', 'GET / HTTP/1.1\r\nHost: [::\r\n\r\n', 'GET http://x y z HTTP/9\r\n\r\n']) {
      await new Promise<void>((resolve) => {
        const socket = connect(server.port, '127.0.0.1', () => socket.end(text));
        socket.on('close', () => resolve());
        socket.on('error', () => resolve());
        socket.resume();
      });
    }
    expect((await fetch(`${origin}/`)).status).toBe(401);
  });

  it('streams events, and forgets the reader that hangs up', async () => {
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${server.token}` };
    const response = await fetch(`${origin}${routes.events()}`, { headers, signal: stop.signal });
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const messages = readMessages(response.body);
    expect((await messages.next()).value).toMatchObject({ lane: 'hello' });
    const folder = join(test.folder, 'p.liftscope');
    await test.call('project.create', { folder });
    const next = async () => {
      for (;;) {
        const { value } = await messages.next();
        if (value?.lane !== 'ping') return value;
      }
    };
    expect(await next()).toMatchObject({ event: { type: 'project-changed', project: { folder } } });
    stop.abort();
    await expect(next()).rejects.toThrow();
  });

  it('says that a port is taken', async () => {
    await expect(serveHost(test.host, { port: server.port })).rejects.toMatchObject({ code: 'usage' });
  });

  it('ends open streams when it is closed', async () => {
    await using own = await startHost();
    const other = await serveHost(own.host);
    const headers = { authorization: `Bearer ${other.token}` };
    const response = await fetch(`http://127.0.0.1:${other.port}${routes.events()}`, { headers });
    const messages = readMessages(response.body);
    await messages.next();
    const end = messages.next().catch(() => ({ done: true }));
    await other.close();
    expect((await end).done).toBe(true);
    await expect(fetch(`http://127.0.0.1:${other.port}/`)).rejects.toThrow();
  });
});

describe('start', () => {
  it('builds the page when it is missing or older than what it is made of', async () => {
    const program = await mkdtemp(join(tmpdir(), 'liftscope-page-'));
    const page = join(program, 'build', 'renderer');
    try {
      await mkdir(page, { recursive: true });
      // Nothing to build from: what is installed is used.
      expect(await whyBuild({ program, page })).toBeUndefined();
      await mkdir(join(program, 'renderer', 'panels'), { recursive: true });
      await writeFile(join(program, 'renderer', 'index.html'), '');
      await writeFile(join(program, 'renderer', 'panels', 'panel.tsx'), '');
      expect(await whyBuild({ program, page })).toContain('not been built');
      await writeFile(join(page, 'index.html'), '');
      await utimes(join(page, 'index.html'), 2e9, 2e9);
      expect(await whyBuild({ program, page })).toBeUndefined();
      await utimes(join(program, 'renderer', 'panels', 'panel.tsx'), 3e9, 3e9);
      expect(await whyBuild({ program, page })).toContain('renderer is newer');
    } finally {
      await rm(program, { recursive: true, force: true });
    }
  });

  it('opens the window only where there is Electron and a display', () => {
    const place = { binary: '/electron', platform: 'linux', environment: { DISPLAY: ':0' } } as const;
    expect(whyNoWindow(place)).toBeUndefined();
    expect(whyNoWindow({ ...place, environment: { WAYLAND_DISPLAY: 'wayland-0' } })).toBeUndefined();
    expect(whyNoWindow({ ...place, environment: {} })).toBe('there is no display');
    expect(whyNoWindow({ ...place, platform: 'darwin', environment: {} })).toBeUndefined();
    expect(whyNoWindow({ ...place, binary: undefined })).toContain('Electron binary is not installed');
  });
});
