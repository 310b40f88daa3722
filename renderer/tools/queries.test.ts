import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiftscopeError, type ProcedureOutput, type QueryAnswer, type QueryView } from '../../contract/index.ts';
import { createStudio, followHost } from '../state/index.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { sampleAnswer, sampleAppState, sampleFrames, sampleProject, sampleQuery } from '../testing/samples.ts';
import {
  askQuery,
  changeQuery,
  closeQuery,
  jumpToObject,
  MAX_LAYERS,
  openQuery,
  runQueries,
  saveQuery,
  setThreshold,
} from './queries.ts';

/** A host that keeps queries in memory. Words decide what happens: `slow` waits, `broken` fails, `nothing` is not found. */
function studioWith() {
  const kept = new Map<number, QueryView>();
  const waiting: (() => void)[] = [];
  const answerTo = (query: QueryView): QueryAnswer =>
    sampleAnswer({ found: query.text !== 'nothing', negatives: query.negatives, map: `${query.id} ${query.scale}` });
  const fake = new FakeTransport({
    'app.state': () => sampleAppState({ project: sampleProject() }),
    'capture.frames': () => sampleFrames(8),
    'queries.list': () => ({ queries: [...kept.values()].reverse() }),
    'queries.fields': () => ({ fields: [], models: [] }),
    'queries.ask': async ({ text, negatives = [], scale = 'auto', threshold = 0.5 }) => {
      if (text === 'slow') await new Promise<void>((resolve) => waiting.push(resolve));
      if (text === 'broken') throw new LiftscopeError({ code: 'not-found', message: 'The text model is gone.' });
      const same = [...kept.values()].find((one) => one.text === text);
      const query = same ?? sampleQuery({ id: kept.size + 1, text, negatives, scale, threshold });
      kept.set(query.id, query);
      return { query, answer: answerTo(query) };
    },
    'queries.answer': ({ queryId }) => {
      const query = kept.get(queryId)!;
      return { query, answer: answerTo(query) };
    },
    'queries.frames': () => ({
      frames: [{ frameId: 'f3', maximum: 0.7, best: { x: 1, y: 2 } }],
      objects: [{ id: 2, frameIds: ['f5', 'f3'] }],
      ...{ lookedAt: 8, totalMs: 3 },
    }),
    'queries.change': ({ queryId, change }): ProcedureOutput<'queries.change'> => {
      const query = { ...kept.get(queryId)!, ...JSON.parse(JSON.stringify(change)) } as QueryView;
      kept.set(queryId, query);
      return { project: sampleProject(), query };
    },
  });
  const studio = createStudio(fake);
  const stops = [followHost(studio), runQueries(studio)];
  const tell = () => fake.push({ type: 'records-changed', tables: ['queries'], revision: 13 });
  const layers = () => studio.queries.getState().layers;
  return { studio, fake, kept, layers, tell, waiting, stop: () => stops.map((stop) => stop()) };
}

let host: ReturnType<typeof studioWith>;
beforeEach(async () => {
  host = studioWith();
  await expect.poll(() => host.studio.records.getState().queries.status, { interval: 2 }).toBe('ready');
});
afterEach(() => {
  host.stop();
  vi.useRealTimers();
});
const settled = () => expect.poll(() => host.layers().every(({ busy }) => !busy), { interval: 2 }).toBe(true);

describe('asking', () => {
  it('opens a layer, shows the answer, then where it is seen best', async () => {
    const { studio, layers } = host;
    askQuery(studio, '  ');
    expect(layers()).toEqual([]);
    askQuery(studio, ' red mug ');
    expect(layers()).toMatchObject([{ text: 'red mug', busy: true, answer: null, visible: true, threshold: 0.5 }]);
    await settled();
    expect(layers()[0]).toMatchObject({ query: { id: 1, text: 'red mug' }, answer: { found: true }, failure: null });
    await expect.poll(() => layers()[0]?.frames?.lookedAt, { interval: 2 }).toBe(8);
  });

  it('replaces the active one, or stands beside it in a colour of its own, up to a number', async () => {
    const { studio, layers } = host;
    askQuery(studio, 'a');
    askQuery(studio, 'b');
    expect(layers().map(({ text }) => text)).toEqual(['b']);
    for (let i = 0; i < MAX_LAYERS + 2; i++) askQuery(studio, `more ${i}`, true);
    expect(layers()).toHaveLength(MAX_LAYERS);
    expect(new Set(layers().map(({ color }) => color)).size).toBe(MAX_LAYERS);
    expect(studio.ui.getState().toasts.at(-1)?.text).toMatch(/queries are open/);
    await settled();
    // The same again is the same entry of the project: it is not open twice.
    closeQuery(studio, layers().at(-1)!.key);
    askQuery(studio, 'more 1', true);
    await settled();
    expect(layers().filter(({ text }) => text === 'more 1')).toHaveLength(1);
  });

  it('gives up a question that another one has replaced, and says what failed', async () => {
    const { studio, layers, waiting, fake } = host;
    askQuery(studio, 'slow');
    askQuery(studio, 'nothing');
    await settled();
    for (const resolve of waiting) resolve();
    await Promise.resolve();
    expect(layers()).toMatchObject([{ text: 'nothing', answer: { found: false }, frames: null }]);
    expect(fake.calls.some(({ name }) => name === 'queries.frames')).toBe(false);
    askQuery(studio, 'broken');
    await settled();
    expect(layers()[0]).toMatchObject({ answer: null, failure: { message: 'The text model is gone.' } });
  });
});

describe('what is kept', () => {
  it('is changed in place, and follows what undo does', async () => {
    const { studio, layers, kept, tell, fake } = host;
    askQuery(studio, 'mug');
    await settled();
    const { key } = layers()[0]!;
    changeQuery(studio, key, { scale: 4 });
    await expect.poll(() => layers()[0]?.answer?.map, { interval: 2 }).toBe('1 4');
    changeQuery(studio, key, { negatives: ['stuff'] });
    await expect.poll(() => layers()[0]?.answer?.negatives, { interval: 2 }).toEqual(['stuff']);
    expect(kept.get(1)).toMatchObject({ scale: 4, negatives: ['stuff'] });
    expect(fake.calls.filter(({ name }) => name === 'queries.ask')).toHaveLength(1);

    // Undo of the first change, as the host tells it.
    kept.set(1, { ...kept.get(1)!, scale: 'auto' });
    tell();
    await expect.poll(() => layers()[0]?.answer?.map, { interval: 2 }).toBe('1 auto');
    saveQuery(studio, layers()[0]!.query!, true);
    await expect.poll(() => kept.get(1)?.saved, { interval: 2 }).toBe(true);
    tell();
    await expect.poll(() => layers()[0]?.query?.saved, { interval: 2 }).toBe(true);
    kept.delete(1);
    tell();
    await expect.poll(() => layers(), { interval: 2 }).toEqual([]);
  });

  it('stores a threshold when its slider rests, once', async () => {
    const { studio, layers, kept, fake } = host;
    askQuery(studio, 'mug');
    await settled();
    vi.useFakeTimers();
    for (const value of [0.51, 0.52, 0.6]) setThreshold(studio, layers()[0]!.key, value);
    expect([layers()[0]?.threshold, kept.get(1)?.threshold]).toEqual([0.6, 0.5]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(kept.get(1)?.threshold).toBe(0.6);
    expect(fake.calls.filter(({ name }) => name === 'queries.change')).toHaveLength(1);
    openQuery(studio, kept.get(1)!);
    expect(layers()).toHaveLength(1);
  });
});

describe('jumping', () => {
  it('takes selection, frame and camera to an object', async () => {
    const { studio, layers } = host;
    await expect.poll(() => studio.selection.getState().frameCount, { interval: 2 }).toBe(8);
    askQuery(studio, 'mug');
    await expect.poll(() => layers()[0]?.frames !== null, { interval: 2 }).toBe(true);
    const focused: number[] = [];
    studio.handlers.set('scene.focus', () => focused.push(studio.selection.getState().frame));
    jumpToObject(studio, layers()[0]!, 2);
    expect(studio.selection.getState()).toMatchObject({ frame: 5, objects: [2], subject: 'objects' });
    expect(focused).toEqual([5]);
    jumpToObject(studio, layers()[0]!, 2, 'f3');
    expect(studio.selection.getState().frame).toBe(3);
  });
});
