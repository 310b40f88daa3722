import { describe, expect, it } from 'vitest';
import { LiftscopeError } from '../../contract/index.ts';
import { benchMessyRooms } from './messy-rooms.ts';
import type { Cells } from './room-cells.ts';

type Given = {
  recipe?: string;
  mode?: string;
  noise?: string;
  alone?: boolean;
  parameters?: { rate?: number; dimensions?: number; steps?: number; kind?: string };
};
const asked: { objects: number; seed: number; given: Given }[] = [];

/** PQ of things by recipe; a larger room costs ten points, masks without noise give ten, three times the rate one. */
const PQ: Readonly<Record<string, number>> = { 'contrastive-lift': 80, vanilla: 70, 'linear-assignment': 76 };

function cellOf(given: Given, objects: number, seed: number) {
  asked.push({ objects, seed, given });
  if (given.mode === 'stability') {
    const row = { checkpoint: 1, loss: 'vanilla', relativeVariance: 2, meanNorm: 1, varianceOverMean: null };
    return { rows: [row], remark: 'none' };
  }
  if (given.recipe === 'margin') throw new LiftscopeError({ code: 'out-of-memory', message: 'too large' });
  const own = PQ[given.recipe!] ?? 60;
  const pq = own - (objects > 25 ? 10 : 0) + (given.noise === 'none' ? 10 : 0) + 0.1 * seed;
  const figures = { pq, sq: pq, rq: 100, truePositives: 1, falsePositives: 0, falseNegatives: 0 };
  const ms = given.recipe === 'linear-assignment' ? (given.parameters?.dimensions ?? 500) / 25 : 2;
  return {
    quality: {
      ...{ frames: 2, things: figures, twoClass: figures, perFrame: { before: objects > 500 ? 85 : 60, after: pq } },
      allOneInstance: { ...figures, twoClassPq: 50 },
    },
    selectionPq: given.parameters?.rate === 0.03 ? 90 : 80,
    ...{ objectsFound: objects, objectsTrue: objects, seconds: given.alone === true ? 2 : 20, threads: 2 },
    ...{ peakMemoryBytes: 1e9, peakBackendBytes: 1e8, stages: { field: 1 }, parameters: {} },
    report: { field: { millisecondsPerStep: { total: ms, forward: ms, loss: 0, backward: 0, update: 0 } } },
  };
}

/** Makes nothing, and answers at once. */
const cellsIn = () =>
  ({
    room: async (objects: number, seed: number) => ({ objects, seed, psnr: 30, gaussians: 10, checks: null }),
    cell: async (_name: string, { objects, seed }: { objects: number; seed: number }, given: Given) =>
      cellOf(given, objects, seed),
  }) as unknown as Cells;

const never = new AbortController().signal;
const notes: string[] = [];
const context = {
  signal: never,
  killSignal: never,
  note: (text: string) => notes.push(text),
  onEvent: () => undefined,
};

async function targetsOf(given: Parameters<typeof benchMessyRooms>[0]) {
  asked.length = 0;
  const result = await benchMessyRooms(given, false, context, cellsIn);
  const one = (start: string) => result.targets.find(({ name }) => name.startsWith(start));
  return { result, one };
}

describe('bench messy-rooms', () => {
  it('reports every line of the protocol as met or missed', async () => {
    const { result, one } = await targetsOf({ sizes: [25, 500], seeds: [0, 1, 2] });
    expect(one('slow-fast over its oracle, N = 25')).toMatchObject({ met: true, value: expect.closeTo(88.9, 1) });
    expect(one('input per-frame PQ_things, N = 25')).toMatchObject({ met: true, value: 60 });
    // (80.1 − 60) / (90.1 − 60), and (70.1 − 60) / (80.1 − 60).
    expect(one('per-frame gap closed, N = 25')).toMatchObject({ met: true, value: expect.closeTo(66.8, 1) });
    expect(one('per-frame gap closed, N = 500')).toMatchObject({ met: false, value: expect.closeTo(50.2, 1) });
    expect(one('slow-fast PQ_things, mean')).toMatchObject({ met: true, value: expect.closeTo(75.1, 1) });
    expect(one('slow-fast − vanilla, mean')).toMatchObject({ met: true, value: expect.stringMatching(/^10.00/) });
    expect(one('slow-fast − linear assignment, K = 500')).toMatchObject({ met: true, value: expect.closeTo(4, 6) });
    expect(one('slow-fast, loss and field ms')).toMatchObject({ met: true, value: 1 });
    expect(one('linear assignment K = N')).toMatchObject({ met: true, value: 20 });
    expect(result).toMatchObject({ failures: Array.from({ length: 9 }, () => ({ variant: 'margin' })) });
    expect(notes.at(-1)).toContain('too large');
  });

  it('says so where oracle ids gain nothing over the masks as given', async () => {
    const { one } = await targetsOf({ sizes: [25, 501], seeds: [0] });
    expect(one('per-frame gap closed, N = 501')).toMatchObject({
      met: false,
      value: expect.stringMatching(/^none to close/),
    });
  });

  it('keeps a recipe’s own rate where no try of the sweep came to an end', async () => {
    const { result } = await targetsOf({ sizes: [25], seeds: [0], variants: ['margin', 'vanilla'] });
    expect(result).toMatchObject({ rates: { 'vanilla, 25 objects': 0.03 } });
    const tries = asked.filter(({ given }) => given.recipe === 'margin').map(({ given }) => given.parameters?.rate);
    expect(tries).toEqual([expect.closeTo(0.01 / 3, 9), 0.01, 0.03, undefined]);
  });

  it('takes times from cells that ran alone, and the published network once', async () => {
    const { one } = await targetsOf({ sizes: [25, 50], seeds: [0, 1] });
    expect(one('closed form, 25 objects, seconds')).toMatchObject({ met: true, value: 2 });
    expect(one('slow-fast, 25 objects, seconds')).toMatchObject({ met: true, value: 2 });
    const network = asked.filter(({ given }) => given.recipe === 'contrastive-lift-network');
    expect(network).toMatchObject([{ objects: 25, seed: 0, given: { alone: true } }]);
    expect(asked.find(({ given }) => given.mode === 'stability')).toMatchObject({ objects: 25, seed: 0 });
    const firstAlone = asked.findIndex(({ given }) => given.alone === true);
    expect(asked.slice(firstAlone).every(({ given }) => given.alone ?? (given.mode || given.parameters?.steps))).toBe(
      true,
    );
  });

  it('sweeps rates on the smallest rooms of the first seed, by training masks, and keeps what it chose for larger ones', async () => {
    const { result } = await targetsOf({ sizes: [25, 100], seeds: [3, 4], variants: ['slow-fast', 'closed-form'] });
    expect(result).toMatchObject({ rates: { 'slow-fast, 25 objects': 0.03, 'slow-fast, 100 objects': 0.03 } });
    const rates = asked.map(({ objects, seed, given }) => [objects, seed, given.parameters?.rate]);
    expect(rates.filter(([, , rate]) => rate !== undefined && rate !== 0.03).map(([n, s]) => [n, s])).toEqual([
      [25, 3],
      [25, 3],
    ]);
    const large = asked.filter(({ objects, given }) => objects === 100 && given.parameters?.rate === 0.03);
    expect(large.map(({ seed, given }) => [seed, given.noise]).sort()).toEqual([
      [3, 'default'],
      [3, 'none'],
      [4, 'default'],
      [4, 'none'],
    ]);
    const { one } = await targetsOf({ sizes: [10, 25], seeds: [3], variants: ['slow-fast', 'closed-form'] });
    expect(one('closed form, 25 objects, seconds')).toMatchObject({ met: true, value: 2 });
    // Nothing is said of a rival that was not asked for.
    expect(result.targets.find(({ name }) => name.includes('vanilla'))).toMatchObject({ value: null, met: false });
    await expect(benchMessyRooms({ variants: ['magic'] }, false, context)).rejects.toThrow('no variant "magic"');
  });
});
