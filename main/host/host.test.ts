import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES, type ProcedureName, procedures, routes, type StudioMessage } from '../../contract/index.ts';
import { CONTENT_SECURITY_POLICY } from './http.ts';
import { readMessages, startHost, writeCapture, writeProject } from './testing.ts';

/** Events until `count` of them have come; snapshots and pings apart. */
async function events(body: ReadableStream<Uint8Array> | null, count: number): Promise<StudioMessage[]> {
  const found: StudioMessage[] = [];
  for await (const message of readMessages(body)) {
    if (message.lane === 'event') found.push(message);
    if (found.length === count) break;
  }
  return found;
}

describe('procedures', () => {
  it('has a handler for every one that answers in JSON, even to nonsense', async () => {
    await using test = await startHost();
    for (const name of Object.keys(procedures) as ProcedureName[]) {
      const response = await test.post(`/api/${name}`, { captureId: -1, folder: 7, spec: null, key: 1, path: '' });
      expect(response.headers.get('content-type'), name).toContain('application/json');
      // Without a project, and with input that is not valid: refused in words, or answered; never a crash.
      expect(response.status, `${name}: ${await response.text()}`).toBeLessThan(500);
    }
  });

  it('refuses bodies that are no JSON, too large, of the wrong type, and names that do not exist', async () => {
    await using test = await startHost();
    expect((await test.post('/api/app.state', '{"a":')).status).toBe(400);
    expect((await test.post('/api/app.state', '{}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await test.post('/api/settings.set', { key: 'a', value: 'x'.repeat(MAX_BODY_BYTES) })).status).toBe(413);
    expect(await test.failure('nothing.here' as ProcedureName, {})).toMatchObject({ code: 'not-found', status: 404 });
    expect((await test.post('/api/constructor', {})).status).toBe(404);
    expect((await test.get('/api/app.state')).status).toBe(404);
    expect(await test.failure('jobs.cancel', { jobId: 'x' })).toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('jobs.cancel: jobId'),
    });
  });

  it('sends the security headers with every kind of answer', async () => {
    await using test = await startHost();
    const answers = [
      await test.post('/api/app.state', {}),
      await test.post('/api/app.state', 'x'),
      await test.get('/nowhere'),
      await test.get('/data/captures/1/photos/x'),
      await test.get('/api/events', {}, 'HEAD'),
    ];
    for (const { headers } of answers) {
      expect(headers.get('content-security-policy')).toBe(CONTENT_SECURITY_POLICY);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('cache-control')).toBeTruthy();
    }
  });
});

describe('projects', () => {
  it('creates, closes and opens one, remembers it, and tells every step', async () => {
    await using test = await startHost();
    const stream = await test.get('/api/events');
    const folder = join(test.folder, 'new.liftscope');
    const { project } = await test.call('project.create', { folder });
    expect(project).toMatchObject({ folder, name: 'new', captures: [], currentCaptureId: null, undo: null });
    expect(await test.failure('project.create', { folder })).toMatchObject({ code: 'bad-input' });
    await test.call('project.close', {});
    expect(test.jobs().closed).toBe(true);
    expect(await test.failure('objects.list', {})).toMatchObject({ code: 'not-found', status: 404 });
    await test.call('project.open', { folder });
    const told = await events(stream.body, 3);
    expect(told.map((message) => message.lane === 'event' && message.event.type)).toEqual(
      Array(3).fill('project-changed'),
    );
    const state = await test.call('app.state', {});
    expect(state.recent).toMatchObject([{ folder, name: 'new', exists: true }]);
    expect(state.project?.folder).toBe(folder);
    expect(state).toMatchObject({ version: '1.2.3', roots: [test.folder], jobs: [] });
    await test.call('app.forgetRecent', { folder });
    expect((await test.call('app.state', {})).recent).toEqual([]);
  });

  it('refuses a damaged and a newer project by name, and keeps the open one', async () => {
    await using test = await startHost();
    const { project } = await writeProject(test.folder);
    const damaged = join(test.folder, 'damaged.liftscope');
    const newer = join(test.folder, 'newer.liftscope');
    await cp(project, damaged, { recursive: true });
    await cp(project, newer, { recursive: true });
    await test.call('project.open', { folder: project });
    await writeFile(
      join(damaged, 'project.sqlite'),
      'SQLite format 3\0 and then nothing of the kind'.padEnd(8192, 'x'),
    );
    const db = new Database(join(newer, 'project.sqlite'));
    db.pragma('user_version = 9999');
    db.close();
    expect(await test.failure('project.open', { folder: damaged })).toMatchObject({
      code: 'damaged-project',
      status: 409,
    });
    expect(await test.failure('project.open', { folder: newer })).toMatchObject({
      code: 'newer-project',
      status: 409,
      message: expect.stringContaining('newer'),
    });
    expect(await test.failure('project.open', { folder: join(test.folder, 'none') })).toMatchObject({ status: 404 });
    const backup = join(test.folder, 'backup.liftscope');
    expect(await test.call('project.backup', { path: backup })).toMatchObject({ path: backup });
    expect(await test.failure('project.backup', { path: '/etc/backup.liftscope' })).toMatchObject({
      code: 'bad-input',
    });
    expect((await test.call('app.state', {})).project?.folder).toBe(project);
  });

  it('opens nothing outside the roots but what was granted', async () => {
    await using elsewhere = await startHost();
    const { project } = await writeProject(elsewhere.folder);
    await using test = await startHost();
    expect(await test.failure('project.open', { folder: project })).toMatchObject({ code: 'bad-input' });
    expect(await test.failure('files.list', { path: elsewhere.folder })).toMatchObject({ code: 'bad-input' });
    expect(await test.failure('files.list', { path: '/etc' })).toMatchObject({ code: 'bad-input' });
    test.host.grant(project);
    expect((await test.call('project.open', { folder: project })).project.folder).toBe(project);
    expect(await test.failure('files.list', { path: elsewhere.folder })).toMatchObject({ code: 'bad-input' });
  });

  it('tells the first listener what went wrong before anybody listened', async () => {
    await using test = await startHost();
    await expect(test.host.openProject(join(test.folder, 'gone'))).rejects.toMatchObject({ code: 'not-found' });
    const [first] = await events((await test.get('/api/events')).body, 1);
    expect(first).toMatchObject({ event: { type: 'notice', text: expect.stringContaining('gone') } });
  });

  it('gives all frames, metrics, and what is selected', async () => {
    await using test = await startHost();
    const { project, captureId, splatsId } = await writeProject(test.folder);
    const opened = await test.call('project.open', { folder: project });
    expect(opened.project).toMatchObject({ currentCaptureId: captureId, currentSplatsId: splatsId });
    expect(opened.project.captures).toMatchObject([{ frames: 2, trainFrames: 1, holdoutFrames: 1 }]);
    // What an evaluation says counts, not the training on its way.
    expect(opened.project.splats).toMatchObject([{ id: splatsId, psnr: 30, ssim: 0.9 }]);
    const frames = await test.call('capture.frames', { captureId });
    expect(frames).toEqual({
      captureId,
      ids: ['frame-0', 'frame-1'],
      names: ['0.png', '1.png'],
      poses: [1, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 1, 0, 2],
      intrinsics: [32, 24, 30, 31, 16, 12, 32, 24, 30, 31, 16, 12],
      holdout: [1, 0],
      timestampsSeconds: [null, null],
    });
    expect((await test.call('splats.metrics', { splatsId })).frames).toEqual([
      { name: '0.png', psnr: 30, ssim: 0.9, holdout: true },
    ]);
    expect(await test.failure('capture.frames', { captureId: 99 })).toMatchObject({ code: 'not-found' });
    expect(await test.failure('project.select', { splatsId: 99 })).toMatchObject({ code: 'not-found' });
    await test.call('project.select', { captureId, splatsId });
  });
});

describe('objects and jobs', () => {
  it('edits objects as undoable steps, each told to the page', async () => {
    await using test = await startHost();
    const { project } = await writeProject(test.folder);
    const { project: before } = await test.call('project.open', { folder: project });
    const stream = await test.get('/api/events');
    await test.call('objects.edit', { type: 'create-object', name: 'mug', className: 'cup' });
    const { objects, revision } = await test.call('objects.list', {});
    expect(objects).toMatchObject([{ name: 'mug', className: 'cup', provenance: 'human', frames: 0, centroid: null }]);
    expect(revision).toBeGreaterThan(before.revision);
    const renamed = await test.call('objects.edit', {
      type: 'update-objects',
      ids: [objects[0]?.id ?? -1],
      change: { name: 'red mug' },
    });
    expect(renamed.project.undo?.label).toContain('mug');
    await test.call('edits.undo', {});
    expect((await test.call('objects.list', {})).objects[0]?.name).toBe('mug');
    await test.call('edits.redo', {});
    expect((await test.call('objects.list', {})).objects[0]?.name).toBe('red mug');
    expect((await test.call('edits.history', {})).edits.map((edit) => edit.undone)).toEqual([false, false]);
    expect(await test.failure('edits.redo', {})).toMatchObject({
      code: 'bad-input',
      message: 'There is nothing to redo.',
    });
    const told = await events(stream.body, 8);
    expect(told.map((message) => message.lane === 'event' && message.event.type)).toEqual(
      [1, 2, 3, 4].flatMap(() => ['records-changed', 'project-changed']),
    );

    // The same history after a restart.
    await test.call('project.close', {});
    await test.call('project.open', { folder: project });
    await test.call('edits.undo', {});
    expect((await test.call('objects.list', {})).objects[0]?.name).toBe('mug');
  });

  it('imports a capture through the queue and shows it', async () => {
    await using test = await startHost({ jobs: 'real' });
    await writeCapture(join(test.folder, 'capture'), 3);
    const pose = (x: number) => [
      [1, 0, 0, x],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    const frames = [0, 1, 2].map((i) => ({ file_path: `images/${i}.png`, transform_matrix: pose(i) }));
    const transforms = { fl_x: 30, fl_y: 30, cx: 16, cy: 12, w: 32, h: 24, frames };
    await writeFile(join(test.folder, 'capture', 'transforms.json'), JSON.stringify(transforms));
    const stream = await test.get('/api/events');
    await test.call('project.create', { folder: join(test.folder, 'p.liftscope') });
    const spec = { kind: 'import-capture', path: join(test.folder, 'capture'), holdout: '0' } as const;
    const { job } = await test.call('jobs.start', { spec });
    const order: string[] = [];
    for await (const message of readMessages(stream.body)) {
      if (message.lane !== 'event') continue;
      const { event } = message;
      if (event.type === 'project-changed' && (event.project?.captures.length ?? 0) > 0) order.push('capture');
      if (event.type !== 'job-changed' || event.job.id !== job.id) continue;
      expect(event.job.failure).toBeNull();
      order.push(event.job.state);
      if (event.job.state === 'finished') break;
    }
    // The capture is there before the job says so.
    expect(order.slice(-2)).toEqual(['capture', 'finished']);
    const { project } = await test.call('app.state', {});
    expect(project).toMatchObject({ captures: [{ name: 'capture', frames: 3 }], currentCaptureId: 1 });
    const { ids, names } = await test.call('capture.frames', { captureId: 1 });
    expect(names).toEqual(['0.png', '1.png', '2.png']);
    expect((await test.get(routes.photo(1, ids[2] ?? ''))).status).toBe(200);
  });

  it('passes jobs on, confines their paths, and sends what they say', async () => {
    await using test = await startHost();
    const { project } = await writeProject(test.folder);
    await test.call('project.open', { folder: project });
    const stream = await test.get('/api/events');
    const outside = { spec: { kind: 'import-capture', path: '/etc' } };
    expect(await test.failure('jobs.start', outside)).toMatchObject({ code: 'bad-input' });
    const capture = join(test.folder, 'capture');
    const { job } = await test.call('jobs.start', {
      spec: { kind: 'import-capture', path: `${capture}/../capture` },
      priority: 5,
    });
    expect(job).toMatchObject({ title: `Import ${capture}`, priority: 5 });
    expect((await test.call('app.state', {})).jobs).toHaveLength(1);
    test.jobs().options.listener({
      lane: 'snapshot',
      key: 'job-progress:1',
      snapshot: { type: 'job-progress', job: { ...job, state: 'running' } },
    });
    test.jobs().options.listener({ lane: 'event', event: { type: 'job-changed', job: { ...job, state: 'finished' } } });
    test.jobs().options.onStored(['captures']);
    const told: StudioMessage[] = [];
    for await (const message of readMessages(stream.body)) {
      told.push(message);
      if (message.lane === 'snapshot' && message.key === 'saved') break;
    }
    // The finished job is not followed by the progress that was reported before it.
    expect(told.map((message) => (message.lane === 'event' ? message.event.type : message.lane))).toEqual([
      'hello',
      'job-changed',
      'job-changed',
      'records-changed',
      'project-changed',
      'snapshot',
    ]);
    expect(await test.failure('jobs.log', { jobId: 1.5 })).toMatchObject({ code: 'bad-input' });
    expect(await test.failure('jobs.remove', { jobId: 77 })).toMatchObject({ code: 'not-found' });
  });
});
