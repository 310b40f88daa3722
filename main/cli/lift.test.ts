import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { openProject } from '../project/index.ts';
import { main } from './index.ts';
import { formatLiftQuality } from './lift.ts';
import { roomPlan, spreadOf } from './room-cells.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-lift-'));
afterAll(() => rm(directory, { recursive: true }));

async function run(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const sink = () =>
    new Writable({
      write: (chunk, _encoding, done) => {
        text += String(chunk);
        done();
      },
    });
  const code = await main(argv, { stdout: sink(), stderr: sink() } as unknown as typeof process);
  return { code, text };
}

describe('lift', () => {
  it('says what is missing: the project, the capture, the recipe', async () => {
    expect(await run('lift', join(directory, 'nowhere'))).toMatchObject({ code: 3 });
    const empty = join(directory, 'empty.liftscope');
    (await openProject(empty, { create: true })).close();
    const { code, text } = await run('lift', empty);
    expect(code).toBe(3);
    expect(text).toContain('no capture');
    const unknown = await run('lift', empty, '--recipe', 'magic');
    expect(unknown.code).toBe(2);
    expect(unknown.text).toContain('closed-form');
  });

  it('writes figures for people', () => {
    const figures = { pq: 90, sq: 90, rq: 100 };
    const [line] = formatLiftQuality({
      things: { ...figures, truePositives: 25, falsePositives: 1, falseNegatives: 0 },
      twoClass: figures,
      perFrame: { before: null, after: 88 },
      allOneInstance: { ...figures, pq: 0, twoClassPq: 49 },
      frames: 12,
    });
    expect(line).toContain('PQ_things 90.0');
    expect(line).toContain('per frame unknown before, 88.0 after');
  });
});

describe('benchmarks on rooms', () => {
  it('refuse what they do not know before anything is made', async () => {
    const cache = `cache=${join(directory, 'cache')}`;
    const variant = await run('bench', 'messy-rooms', '--set', cache, 'variants=["best"]');
    expect(variant.code).toBe(3);
    expect(variant.text).toContain('slow-fast');
    expect(await run('bench', 'messy-rooms', '--set', cache, 'size=[25]')).toMatchObject({ code: 3 });
    expect(await run('bench', 'instances-click', '--set', cache, 'recipe=magic')).toMatchObject({ code: 3 });
  });

  it('grow rooms as the protocol says', () => {
    expect(roomPlan(25)).toEqual({ objects: 25, views: 60, size: 160, iterations: 3000, maxGaussians: 45_000 });
    expect(roomPlan(500).views).toBe(268);
  });

  it('give the sample deviation, and none for one value', () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([3])).toEqual({ mean: 3, deviation: null });
    expect(spreadOf([1, 3])).toEqual({ mean: 2, deviation: Math.SQRT2 });
  });
});
