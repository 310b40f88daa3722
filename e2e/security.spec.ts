/** What the browser shell answers on the wire, asked without a browser: no client tidies the path before it is sent. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type FrameChannel, OBJECT_MASKS, type ProcedureName, procedures, routes } from '../contract/index.ts';
import { expect, test } from './fixtures.ts';
import type { Studio } from './studio.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Question {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Sends the path as it is written. */
function ask(studio: Studio, { path, method = 'GET', headers = {}, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const port = studio.server?.port ?? 0;
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const authority = (studio: Studio) => ({ authorization: `Bearer ${studio.server?.token}` });

function call(studio: Studio, name: ProcedureName, input: object): Promise<Answer> {
  const headers = { ...authority(studio), 'content-type': 'application/json' };
  return ask(studio, { path: routes.procedure(name), method: 'POST', headers, body: JSON.stringify(input) });
}

test.beforeEach(({ shell }) => {
  test.skip(shell === 'electron', 'the desktop listens on no port');
});

test('without a token nothing is answered, whatever the address', async ({ launch, room }) => {
  const studio = await launch({ project: room });
  const { project } = await studio.call('app.state', {});
  const captureId = project?.currentCaptureId as number;
  const splatsId = project?.currentSplatsId as number;
  const { ids } = await studio.call('capture.frames', { captureId });
  const frame = ids[0] as string;
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  const questions: Question[] = [
    ...Object.keys(procedures).map((name) => ({ path: routes.procedure(name), ...post })),
    ...(['colour', 'depth', 'alpha', 'residual'] satisfies FrameChannel[]).map((channel) => ({
      path: routes.render(splatsId, captureId, frame, channel),
    })),
    { path: '/' },
    { path: '/index.html' },
    { path: '/', method: 'HEAD' },
    { path: routes.events() },
    { path: routes.photo(captureId, frame) },
    { path: routes.photo(captureId, frame, 160) },
    { path: routes.points(captureId) },
    { path: routes.splatsPly(splatsId) },
    { path: routes.masks(captureId, frame, OBJECT_MASKS, 1) },
    { path: routes.observations(captureId, 1) },
    { path: routes.view(splatsId), ...post },
    { path: routes.preview(1, 1) },
    { path: '/start' },
    { path: '/start?token=' },
    { path: `/start?token=${'A'.repeat(43)}` },
  ];
  expect(questions.length).toBeGreaterThan(Object.keys(procedures).length + 10);
  for (const question of questions) {
    const { status, body } = await ask(studio, question);
    expect(status, `${question.method ?? 'GET'} ${question.path}`).toBe(401);
    expect(body.length).toBeLessThan(300);
  }
  // The photo is there for who may see it.
  const allowed = await ask(studio, { path: routes.photo(captureId, frame), headers: authority(studio) });
  expect(allowed.status).toBe(200);
  expect(allowed.body.length).toBeGreaterThan(500);
  const rebound = await ask(studio, { path: '/', headers: { ...authority(studio), host: 'evil.example' } });
  expect(rebound.status).toBe(403);
  const foreign = await ask(studio, { path: '/', headers: { ...authority(studio), origin: 'http://evil.example' } });
  expect(foreign.status).toBe(403);
});

test('no path leads out of the project, its captures and the roots', async ({ launch, folder, room }) => {
  const inside = join(folder, 'inside');
  const outside = join(folder, 'outside');
  await mkdir(inside);
  await mkdir(outside);
  const secret = 'the-secret-that-nobody-may-read';
  await writeFile(join(outside, 'secret.txt'), secret);
  await writeFile(join(outside, 'transforms.json'), JSON.stringify({ secret }));
  await writeFile(join(outside, 'photo.png'), secret);
  await symlink(outside, join(inside, 'way-out'));
  await symlink(join(outside, 'secret.txt'), join(inside, 'secret.png'));
  const studio = await launch({ project: room, roots: [inside] });
  const { project } = await studio.call('app.state', {});
  const [captureId, splatsId] = [project?.currentCaptureId as number, project?.currentSplatsId as number];
  const headers = authority(studio);

  const up = ['..', '%2e%2e', '.%2e', '%252e%252e', '..%5c', '..%2f', '..%c0%af', '%2e%2e%2f', '....//'];
  const deep = (step: string) => Array.from({ length: 8 }, () => step).join('/');
  const addresses = up.flatMap((step) => [
    `/${deep(step)}/etc/hostname`,
    `/assets/${deep(step)}/etc/hostname`,
    `/data/captures/${captureId}/photos/${deep(step)}${encodeURIComponent('/etc/hostname')}`,
    `/data/captures/${captureId}/photos/${encodeURIComponent(`${deep(step)}/etc/hostname`)}`,
    `/data/splats/${splatsId}/frames/${captureId}/${encodeURIComponent(deep(step))}?channel=colour`,
    `/data/captures/${captureId}/masks/${encodeURIComponent(deep(step))}/x?revision=1`,
  ]);
  const photos = [
    [join(outside), 'photo.png'],
    [inside, '../outside/photo.png'],
    [join(inside, 'way-out'), 'photo.png'],
    [inside, 'secret.png'],
    [inside, join(outside, 'photo.png')],
    ['/etc', 'hostname'],
    ['C:\\Windows', 'win.ini'],
    ['\\\\server\\share', 'x'],
    [`${inside}\0`, 'secret.png'],
  ].map(([path, frame]) => routes.previewPhoto(path as string, frame as string, 160));
  for (const path of [...addresses, ...photos]) {
    const { status, body } = await ask(studio, { path, headers });
    expect(status, path).toBeGreaterThanOrEqual(400);
    expect(status, path).toBeLessThan(500);
    expect(body, path).not.toContain(secret);
  }

  const paths = [
    outside,
    `${inside}/../outside`,
    `${inside}/%2e%2e/outside`,
    join(inside, 'way-out'),
    `${inside}-else`,
    '/',
    '/etc',
    'C:\\',
    '\\\\server\\share',
    '//server/share',
    '..',
    '',
    `${inside}\0/x`,
  ];
  for (const path of paths) {
    const asked: [ProcedureName, object][] = [
      ['files.list', { path }],
      ['files.createFolder', { parent: path, name: 'made' }],
      ['capture.preview', { path }],
      ['project.open', { folder: path }],
      ['project.create', { folder: `${path}/made.liftscope` }],
      ['splats.import', { path: `${path}/x.ply` }],
      ['splats.export', { splatsId, path: `${path}/x.ply` }],
      ['project.backup', { path: `${path}/copy.liftscope` }],
      ['capture.relinkCheck', { captureId, folder: path }],
      ['jobs.start', { spec: { kind: 'import-capture', path } }],
    ];
    for (const [name, input] of asked) {
      const { status, body } = await call(studio, name, input);
      expect(status, `${name} ${path}: ${body}`).toBeGreaterThanOrEqual(400);
      expect(body, `${name} ${path}`).not.toContain(secret);
    }
  }
  // Links that lead out are not even listed.
  const { entries } = await studio.call('files.list', { path: inside });
  expect(entries).toEqual([]);
});
