import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { LiftscopeError, type PinholeView } from '../../contract/index.ts';
import { emptySplats } from '../capture/splat-ply.ts';
import { writeSplatsFile } from '../capture/splats-file.ts';
import { ViewClient, type ViewClientOptions, type ViewRenderOptions } from './view-client.ts';

const workerPath = fileURLToPath(new URL('./fixtures/view-worker.ts', import.meta.url));

const clients: ViewClient[] = [];
afterEach(() => Promise.all(clients.splice(0).map((client) => client.dispose())));

function start(options: ViewClientOptions = {}): ViewClient {
  const client = new ViewClient({ workerPath, restartMs: 1, ...options });
  clients.push(client);
  return client;
}

/** The width tells the pictures apart. */
function viewOf(width: number): PinholeView {
  const cameraFromWorld: PinholeView['cameraFromWorld'] = { quaternion: [1, 0, 0, 0], translation: [0, 0, 3] };
  return { width, height: 8, fx: width, fy: width, cx: width / 2, cy: 4, cameraFromWorld };
}

/** `done 3`, `superseded`, or the code of the failure. */
async function draw(
  client: ViewClient,
  width: number,
  options: ViewRenderOptions & { path?: string; quality?: 'moving' | 'rest' } = {},
): Promise<string> {
  const { path = 'a', quality = 'moving', ...rest } = options;
  try {
    const outcome = await client.render({ splatsPath: path, view: viewOf(width), quality }, rest);
    return outcome.status === 'done' ? `done ${outcome.image.width}` : outcome.status;
  } catch (error) {
    return error instanceof LiftscopeError ? error.code : String(error);
  }
}

describe('ViewClient', () => {
  test('draws what it is asked, in one process', async () => {
    const client = start();
    expect(await draw(client, 3)).toBe('done 3');
    const { count: pid } = await client.info('a');
    expect((await client.info('a')).count).toBe(pid);
    expect(await client.thumbnail({ splatsPath: 'a' })).toMatchObject({ width: 256 });
    expect(await client.pick({ splatsPath: 'a', view: viewOf(4), x: 1, y: 1 })).toMatchObject({ gaussian: 1 });
  });

  test('of a stream, the newest replaces what has not begun, at once; other streams and calls without one stay', async () => {
    const client = start();
    const held = draw(client, 1, { path: 'hold', streamId: 's' });
    const settled: string[] = [];
    const all = [2, 3, 4].map((width) =>
      draw(client, width, { streamId: 's' }).then((outcome) => {
        settled.push(outcome);
        return outcome;
      }),
    );
    const others = [draw(client, 5, { streamId: 't' }), draw(client, 6), draw(client, 7)];
    await sleep(0);
    expect(settled).toEqual(['superseded', 'superseded']);
    // The moving picture in the making is not given up.
    expect(await Promise.race([held, sleep(100).then(() => 'waits')])).toBe('waits');
    await client.dispose();
    expect(await held).toBe('cancelled');
    expect(await Promise.all(all)).toEqual(['superseded', 'superseded', 'cancelled']);
    expect(await Promise.all(others)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  test('a stream of moves shows the first and the last, and never queues up', async () => {
    const client = start();
    const outcomes = await Promise.all(Array.from({ length: 30 }, (_, i) => draw(client, i + 1, { streamId: 's' })));
    expect(outcomes[0]).toBe('done 1');
    expect(outcomes.at(-1)).toBe('done 30');
    expect(outcomes.slice(1, -1)).toEqual(Array(28).fill('superseded'));
  });

  test('an exact picture in the making is given up for a newer one of its stream, and for no other', async () => {
    const client = start();
    const exact = draw(client, 1, { path: 'hold', quality: 'rest', streamId: 's' });
    await sleep(0);
    const other = draw(client, 2, { streamId: 't' });
    expect(await Promise.race([exact, sleep(50).then(() => 'waits')])).toBe('waits');
    const newer = draw(client, 3, { streamId: 's' });
    expect(await exact).toBe('superseded');
    expect(await Promise.all([other, newer])).toEqual(['done 2', 'done 3']);
  });

  test('picks overtake pictures that wait', async () => {
    const client = start();
    await client.info('a');
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    await Promise.all([
      draw(client, 1).then(note('first')),
      draw(client, 2).then(note('second')),
      client.pick({ splatsPath: 'a', view: viewOf(4), x: 1, y: 1 }).then(note('pick')),
    ]);
    expect(order).toEqual(['first', 'pick', 'second']);
  });

  test('a signal cancels what waits and what is being drawn, at once, and the next call is answered', async () => {
    const client = start();
    const abort = new AbortController();
    const drawing = draw(client, 1, { path: 'hold', signal: abort.signal });
    const waiting = draw(client, 2, { signal: abort.signal });
    await sleep(20);
    abort.abort();
    expect(await Promise.all([drawing, waiting])).toEqual(['cancelled', 'cancelled']);
    expect(await draw(client, 3)).toBe('done 3');
    expect(await draw(client, 4, { signal: abort.signal })).toBe('cancelled');
  });

  test('refusals, wrong requests and wrong answers are errors of that call alone', async () => {
    const notices: string[] = [];
    const client = start({ onNotice: (_level, text) => notices.push(text) });
    expect(await draw(client, 1, { path: 'refuse' })).toBe('bad-input');
    expect(await draw(client, -1)).toBe('bad-input');
    expect(await draw(client, 1, { path: 'nonsense' })).toBe('protocol');
    expect(await draw(client, 2)).toBe('done 2');
    expect(notices).toEqual([]);
  });

  test('when the process dies, pending calls say so, and the next call starts it again and tells', async () => {
    const notices: string[] = [];
    const client = start({ onNotice: (level, text) => notices.push(`${level}: ${text}`) });
    const before = (await client.info('a')).count;
    const dying = client.render({ splatsPath: 'die', view: viewOf(1) });
    const waiting = client.info('a');
    for (const call of await Promise.allSettled([dying, waiting])) {
      const error: unknown = call.status === 'rejected' ? call.reason : undefined;
      expect(error).toBeInstanceOf(LiftscopeError);
      expect(error).toMatchObject({
        code: 'crashed',
        message: expect.stringMatching(/splats has ended.*the last words/s),
      });
    }
    const after = (await client.info('a')).count;
    expect(after).not.toBe(before);
    expect(notices).toHaveLength(2);
    expect(notices[0]).toMatch(/^warning: .*ended/);
    expect(notices[1]).toMatch(/^info: .*started again/);
  });

  test('a process that keeps dying is started less and less often', async () => {
    const client = start({ restartMs: 40 });
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      const at = performance.now();
      expect(await draw(client, 1, { path: 'die' })).toBe('crashed');
      waits.push(performance.now() - at);
    }
    // 40, then 80 ms of pause before a start that itself takes some time.
    expect(waits[2]!).toBeGreaterThan(80);
    expect(await draw(client, 2)).toBe('done 2');
  });

  test('without calls the process ends, and the next call starts another', async () => {
    const notices: string[] = [];
    const client = start({ idleMs: 30, onNotice: (_level, text) => notices.push(text) });
    const before = (await client.info('a')).count;
    await sleep(60);
    for (let i = 0; i < 100 && isAlive(before); i++) await sleep(20);
    expect(isAlive(before)).toBe(false);
    expect((await client.info('a')).count).not.toBe(before);
    expect(notices).toEqual([]);
  });

  test('after it was disposed of every call is cancelled', async () => {
    const client = start();
    client.warm();
    await client.dispose();
    expect(await draw(client, 1)).toBe('cancelled');
  });

  test('the real worker opens a file, draws it and picks in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'liftscope-view-client-'));
    try {
      const splatsPath = join(folder, 'one.splats');
      const splats = emptySplats(1, 0);
      splats.quaternions[0] = 1;
      splats.logScales.fill(-1);
      splats.logitOpacities[0] = 4;
      splats.sh.set([1.5, -1.5, -1.5]);
      await writeSplatsFile(splatsPath, splats);
      const client = new ViewClient({ threads: 1 });
      clients.push(client);
      const view = { ...viewOf(40), height: 30, cy: 15 };
      const outcome = await client.render({ splatsPath, view, format: 'rgba' });
      if (outcome.status !== 'done') throw new Error(outcome.status);
      const at = 4 * (15 * 40 + 20);
      const [red, green] = [outcome.image.bytes[at]!, outcome.image.bytes[at + 1]!];
      expect(red).toBeGreaterThan(200);
      expect(green).toBeLessThan(30);
      expect(await client.pick({ splatsPath, view, x: 20.5, y: 15.5 })).toMatchObject({ gaussian: 0, depth: 3 });
      expect(await client.info(splatsPath)).toMatchObject({ count: 1, loadMs: 0 });
      await expect(client.info(join(folder, 'none'))).rejects.toThrow(/none/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
