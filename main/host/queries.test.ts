import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { routes } from '../../contract/index.ts';
import { openProject } from '../project/index.ts';
import { readMessages, startHost, type TestHost, writeProject } from './testing.ts';

afterEach(() => vi.unstubAllEnvs());

/** A project with a language field, open. @param model folder of the text model; null: it is not there */
async function start(model: string | null = 'words') {
  const test = await startHost();
  const { project, captureId, splatsId } = await writeProject(test.folder);
  const models = join(test.folder, 'models');
  vi.stubEnv('LIFTSCOPE_MODELS', models);
  if (model !== null) {
    await mkdir(join(models, model), { recursive: true });
    const manifest = { format: 'liftscope-model', kind: 'dual-encoder' };
    await writeFile(join(models, model, 'manifest.json'), JSON.stringify(manifest));
  }
  {
    using stored = await openProject(project);
    const artifact = await stored.artifacts.put(new TextEncoder().encode('not really a field'), 'language');
    const common = { splatsId, jobId: null, kind: 'language' as const, dimensions: 8, artifact };
    stored.fields.add({ ...common, recipe: 'langsplat', options: { model: { name: 'words' } } });
    stored.fields.add({ ...common, recipe: 'n2f2', options: { model: { name: 'words' } } });
    stored.fields.add({ ...common, recipe: 'of a later version', options: {} });
  }
  await test.call('project.open', { folder: project });
  return { test, captureId, splatsId };
}

/** Calls of one kind that reached the view process. */
function queriesOf({ views }: TestHost): { text: string; views?: { width: number }[]; modelDir: string }[] {
  return views.calls
    .map(({ call }) => call as { text: string; views?: { width: number }[]; modelDir: string })
    .filter(({ text }) => text !== undefined);
}

describe('asking', () => {
  test('answers, keeps question, answer and map, and answers from the project afterwards', async () => {
    const { test: host, captureId, splatsId } = await start();
    await using _ = host;
    const { query, answer } = await host.call('queries.ask', { splatsId, text: '  red mug \0' });
    expect(query).toMatchObject({ captureId, text: 'red mug', scale: 'auto', threshold: 0.5, saved: false });
    expect(query.negatives).toEqual(['object', 'things', 'stuff', 'texture']);
    expect(answer).toMatchObject({ found: true, maximum: 0.75, recipe: 'n2f2', stored: false, lifted: false });
    expect(answer.objects).toEqual([{ id: 2, relevancy: 0.7, maximum: 0.75, share: 0.9 }]);
    expect(queriesOf(host)[0]?.modelDir).toBe(join(host.folder, 'models', 'words'));

    const again = await host.call('queries.answer', { queryId: query.id, splatsId });
    expect(again.answer).toEqual({ ...answer, stored: true });
    expect(queriesOf(host)).toHaveLength(1);
    // The same question is the same entry; other negatives or another scale are another one.
    expect((await host.call('queries.ask', { splatsId, text: 'red mug' })).query.id).toBe(query.id);
    const other = await host.call('queries.ask', { splatsId, text: 'red mug', scale: 3, negatives: ['stuff'] });
    expect(other.query.id).not.toBe(query.id);
    const { queries } = await host.call('queries.list', { captureId });
    expect(queries.map(({ id }) => id)).toEqual([other.query.id, query.id]);
  });

  test('draws the map of an answer in frames and from a free camera, and no other file', async () => {
    const { test: host, captureId, splatsId } = await start();
    await using _ = host;
    const { answer } = await host.call('queries.ask', { splatsId, text: 'mug' });
    const url = routes.relevancy(splatsId, captureId, 'frame-1', answer.map, 16);
    const first = await host.get(url);
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(host.views.calls.at(-1)?.call).toMatchObject({
      ...{ channel: 'relevancy', format: 'png', view: { width: 16 } },
      relevancyPath: expect.stringMatching(new RegExp(`${answer.map}$`)),
    });
    const etag = first.headers.get('etag') ?? '';
    expect((await host.get(url, { 'if-none-match': etag })).status).toBe(304);
    const view = {
      ...{ stream: 's', width: 8, height: 6, focal: 5, quality: 'rest', channel: 'relevancy', map: answer.map },
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 2] },
    };
    const seen = await host.post(routes.view(splatsId), view);
    expect([seen.status, seen.headers.get('content-type')]).toEqual([200, 'image/png']);
    const unknown = `${'0'.repeat(64)}.relevancy`;
    for (const map of [unknown, '../../../etc/passwd', answer.map.replace('relevancy', 'splats')]) {
      expect((await host.get(routes.relevancy(splatsId, captureId, 'frame-1', map))).status).toBe(404);
      expect((await host.post(routes.view(splatsId), { ...view, map })).status).toBe(404);
    }
  });

  test('finds the best frames, each pixel in the size of its frame, once', async () => {
    const { test: host, splatsId } = await start();
    await using _ = host;
    const { query } = await host.call('queries.ask', { splatsId, text: 'mug' });
    const found = await host.call('queries.frames', { queryId: query.id, splatsId });
    expect(found).toMatchObject({ lookedAt: 2, objects: [{ id: 2, frameIds: ['frame-1', 'frame-0'] }] });
    expect(found.frames.map(({ frameId, best }) => [frameId, best])).toEqual([
      ['frame-1', { x: 1.5, y: 2.5 }],
      ['frame-0', { x: 1.5, y: 2.5 }],
    ]);
    const calls = queriesOf(host).length;
    expect(await host.call('queries.frames', { queryId: query.id, splatsId })).toEqual(found);
    expect(queriesOf(host)).toHaveLength(calls);
    const nothing = await host.call('queries.ask', { splatsId, text: 'nothing' });
    expect(nothing.answer).toMatchObject({ found: false, objects: [] });
    const none = await host.call('queries.frames', { queryId: nothing.query.id, splatsId });
    expect(none).toMatchObject({ frames: [], objects: [] });
  });

  test('says what is missing: words, a field, the text model', async () => {
    const { test: host, splatsId } = await start(null);
    await using _ = host;
    expect(await host.failure('queries.ask', { splatsId, text: ' \0 ' })).toMatchObject({ code: 'bad-input' });
    const { fields } = await host.call('queries.fields', { splatsId });
    expect(fields.map(({ recipe, model, problem }) => [recipe, model, problem?.code])).toEqual([
      ['n2f2', 'words', 'not-found'],
      ['langsplat', 'words', 'not-found'],
    ]);
    const failure = await host.failure('queries.ask', { splatsId, text: 'mug' });
    expect(failure).toMatchObject({ code: 'not-found', message: expect.stringContaining('"words"') });
    expect(failure.hint).toContain(join(host.folder, 'models'));
    expect(await host.failure('queries.ask', { splatsId, text: 'mug', fieldId: 99 })).toMatchObject({ status: 404 });
    expect(queriesOf(host)).toEqual([]);
  });
});

describe('what is kept', () => {
  test('saving, changing and removing what is saved can be undone; the history is merely forgotten', async () => {
    const { test: host, captureId, splatsId } = await start();
    await using _ = host;
    const ids: number[] = [];
    for (const text of ['mug', 'bowl', 'chair'])
      ids.push((await host.call('queries.ask', { splatsId, text })).query.id);
    const [mug, bowl, chair] = ids as [number, number, number];
    const list = async () =>
      (await host.call('queries.list', { captureId })).queries.map(({ id, saved, threshold }) => [
        id,
        saved,
        threshold,
      ]);

    const { project } = await host.call('queries.change', { queryId: mug, change: { saved: true } });
    expect(project.undo?.label).toBe('Save query “mug”');
    await host.call('queries.change', { queryId: mug, change: { threshold: 0.7 } });
    await host.call('queries.change', { queryId: bowl, change: { threshold: 0.6 } });
    expect((await host.call('edits.history', {})).edits.map(({ label }) => label)).toEqual([
      'Change query “mug”',
      'Save query “mug”',
    ]);
    await host.call('queries.remove', { ids: [mug, chair] });
    expect(await list()).toEqual([[bowl, false, 0.6]]);
    const undone = await host.call('edits.undo', {});
    expect(undone.project.redo?.label).toBe('Remove query “mug”');
    expect(await list()).toEqual([
      [bowl, false, 0.6],
      [mug, true, 0.7],
    ]);
    // Its map went with it and is made again.
    const { answer } = await host.call('queries.answer', { queryId: mug, splatsId });
    expect(answer.stored).toBe(false);
    await host.call('edits.undo', {});
    await host.call('edits.undo', {});
    expect(await list()).toEqual([
      [bowl, false, 0.6],
      [mug, false, 0.5],
    ]);
    expect(await host.failure('queries.remove', { ids: [chair] })).toMatchObject({ status: 404 });
  });

  test('the page is told', async () => {
    const { test: host, splatsId } = await start();
    await using _ = host;
    const events = await host.get(routes.events());
    await host.call('queries.ask', { splatsId, text: 'mug' });
    for await (const message of readMessages(events.body)) {
      if (message.lane !== 'event' || message.event.type !== 'records-changed') continue;
      expect(message.event.tables).toEqual(['queries']);
      break;
    }
  });
});
