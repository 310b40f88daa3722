import { describe, expect, it } from 'vitest';
import { benchLanguage } from './language-bench.ts';
import type { Cells } from './room-cells.ts';

/** Mean IoU of every mode of a recipe, in percent, at every threshold; the first threshold is the best one. */
const IOU = { n2f2: 60, lerf: 50, langsplat: 55, 'language-closed-form': 61 } as const;
type Recipe = keyof typeof IOU;
type Given = {
  recipe: Recipe;
  rate: number;
  temperatures?: number[];
  searches?: boolean;
  parameters: { nesting?: string };
};
const asked: { seed: number; given: Given }[] = [];

let nothingFound = false;
/** Calibration rooms, seeds from 100 on, know a better order than the splatted one of this recipe. */
let betterRendered: Recipe | undefined;
function mode(given: number, highest: number) {
  const [iou, maximum] = nothingFound ? [0, 0.5] : [given, highest];
  const own = { maximum, iou: [iou, iou / 2] };
  return { views: 2, answered: maximum > 0.5 ? 1 : 0, inBox: 1, inMask: 1, iou: own.iou, byView: [own, own] };
}

function cellOf(given: Given, seed: number) {
  asked.push({ seed, given });
  const { recipe, temperatures = [], searches = true, rate } = given;
  const modesOf = (maximum: number, gain = 0) => {
    // The rate 3 is the best one; ablations are worse than what they leave something out of.
    const iou = IOU[recipe] + gain + (rate === 3 ? 2 : 0) - (searches ? 0 : 10);
    const names = [
      ...(searches ? ['explicit, S = 3, splatted', 'explicit, S = 30, splatted', 'explicit, S = D, splatted'] : []),
      ...temperatures.map((temperature) => `composite, T = ${temperature}, splatted`),
      ...(recipe === betterRendered ? ['explicit, S = D, rendered'] : []),
    ];
    // What is better in calibration is what counts, even where it turns out to be worse.
    const order = seed >= 100 ? 10 : -1;
    const gainOf = (name: string): number => (name.endsWith('rendered') ? order : name.includes('S = 30') ? 0.2 : 0);
    const modes = Object.fromEntries(names.map((name) => [name, mode(iou + gainOf(name), maximum)]));
    const strict = temperatures.map((temperature) => [
      `composite, T = ${temperature}, closed vocabulary`,
      mode(iou - 5, maximum < 0.7 ? 0.5 : maximum),
    ]);
    return { ...modes, ...Object.fromEntries(strict) };
  };
  return {
    ...{ recipe, segments: 1, seconds: { field: 1 }, peakMemoryBytes: 1, parameters: {} },
    teacher: { presentAnswered: 1, absentAnswered: 1 },
    queries: [
      { text: 'mug', kind: 'simple', rank: 1, modes: modesOf(0.9) },
      { text: 'red mug', kind: 'compound', rank: 2, modes: modesOf(0.8, recipe === 'n2f2' ? 1 : 0) },
      { text: 'handle of the red mug', kind: 'partitive', rank: 9, modes: modesOf(0.55) },
      { text: 'kettle', kind: 'absent', rank: null, modes: modesOf(0.6) },
    ],
  };
}

const speed = {
  ...{ totalMs: 8, encodeMs: 1, relevancyMs: 1, renderMs: 6, worstMs: 9 },
  floorBytes: 1e6,
  floorMs: 0.1,
};
/** Makes nothing, and answers at once. */
const cellsIn = () =>
  ({
    room: async (objects: number, seed: number) => ({ objects, seed, psnr: 30, gaussians: 10 }),
    cells: async (_name: string, { seed }: { seed: number }, _shared: object, given: Given[]) =>
      given.map((own) => cellOf(own, seed)),
    cell: async (_name: string, _room: object, { size }: { size: string }) =>
      size === '20k'
        ? { ...speed, peakMemoryBytes: 1e8, explicit: [3, 30, 64].map((scales) => ({ scales, totalMs: 8 + scales })) }
        : { ...speed, totalMs: 2500, peakMemoryBytes: 1e9, explicit: [] },
  }) as unknown as Cells;

const never = new AbortController().signal;
const context = { signal: never, killSignal: never, note: () => undefined, onEvent: () => undefined };

async function targetsOf(given: Parameters<typeof benchLanguage>[0]) {
  asked.length = 0;
  const result = await benchLanguage(given, false, context, cellsIn);
  const targets = new Map(result.targets.map((target) => [target.name, target]));
  return { result, one: (start: string) => [...targets].find(([name]) => name.startsWith(start))?.[1] };
}

describe('bench language', () => {
  it('reports every line of the protocol as met or missed', async () => {
    const { one, result } = await targetsOf({});
    expect(one('mIoU, composite − explicit')).toMatchObject({ met: true, value: expect.stringContaining('-0.20 (') });
    expect(one('composite faster')).toMatchObject({ met: true, value: '8.0; S = 3: 11.0, S = 30: 38.0, S = 64: 72.0' });
    expect(one('mIoU, LangSplat-style − LERF-style')).toMatchObject({
      met: true,
      value: expect.stringMatching(/^5.00/),
    });
    expect(one('mIoU of compound')).toMatchObject({ met: true, value: expect.stringMatching(/^6.00.*3 queries/) });
    expect(one('false answers')).toMatchObject({ met: false, value: 100 });
    expect(one('closed form')).toMatchObject({ value: '61.0 (composite 60.3); it wins' });
    expect(one('one query cold')).toMatchObject({ met: true });
    expect(one('one query, 1M')).toMatchObject({ met: false });
    expect(one('1M x 512, peak')).toMatchObject({ met: true, value: 1 });
    // What calibration saw of absent queries is 0.6; against everything else that can be named nothing is left of them.
    const gated = { met: true, value: expect.stringMatching(/^0.0 \(gate 0.600: 66.7 % .* mIoU 40.3\)/) };
    expect(one('the same with a gate')).toMatchObject(gated);
    expect(one('the same against a closed')).toMatchObject({
      met: true,
      value: expect.stringMatching(/^0.0 \(66.7 %/),
    });
    expect(result.targets.length).toBe(11);
  });

  it('takes each method in the order that was better on the calibration rooms', async () => {
    betterRendered = 'langsplat';
    const { one } = await targetsOf({});
    betterRendered = undefined;
    expect(one('mIoU, LangSplat-style − LERF-style')).toMatchObject({ value: expect.stringMatching(/^4.00/) });
  });

  it('meets nothing with fields that find nothing', async () => {
    nothingFound = true;
    const { one } = await targetsOf({});
    nothingFound = false;
    for (const name of [
      'mIoU, composite',
      'mIoU, LangSplat',
      'mIoU of compound',
      'false answers',
      'the same with',
      'the same against',
    ]) {
      expect(one(name)?.met).toBe(false);
    }
  });

  it('chooses on calibration rooms alone, and gives ablations the rate of what they ablate', async () => {
    const { result } = await targetsOf({ rates: [1, 3], seeds: [5], calibration: [100, 101] });
    expect(result).toMatchObject({ chosenRates: { N2F2: 3, 'LERF-style': 3, 'closed form': 1, 'N2F2, k = 8': 3 } });
    const tested = asked.filter(({ seed }) => seed === 5);
    expect(tested.length).toBe(8);
    // One temperature is left when there is one order.
    for (const { given } of tested) expect(given.temperatures?.length ?? 1).toBe(1);
    expect(asked.filter(({ seed }) => seed !== 5).every(({ given }) => (given.temperatures?.length ?? 6) === 6)).toBe(
      true,
    );
    await expect(benchLanguage({ seeds: [100] }, false, context)).rejects.toThrow('cannot both choose thresholds');
    await expect(benchLanguage({ variants: ['magic'] }, false, context)).rejects.toThrow('no variant "magic"');
  });
});
