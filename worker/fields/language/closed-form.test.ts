import { afterAll, beforeAll, expect, test } from 'vitest';
import { LiftscopeError } from '../../../contract/index.ts';
import { WasmBackend } from '../../compute/index.ts';
import { type LevelsField, trainLanguage } from './index.ts';
import type { ClosedFormLanguageParameters } from './parameters.ts';
import { indexSegments, LanguageSampler } from './segment-index.ts';
import { type NamedWorld, namedWorld, nearest } from './testing.ts';

const PARAMETERS: ClosedFormLanguageParameters = {
  kind: 'closed-form',
  levels: 1,
  visibilityGate: 0.05,
  medianPasses: 8,
};

let backend: WasmBackend;
let world: NamedWorld;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
  world = await namedWorld(backend);
});
afterAll(() => backend.dispose());

const train = async (parameters: ClosedFormLanguageParameters, frames = world.languageFrames) => {
  const { cache, means } = world;
  return (await trainLanguage({ backend, cache, frames, means, extent: 3, parameters, seed: 1 })) as LevelsField;
};

/** Share of the seen Gaussians whose embedding is nearest to that of their ball. */
function agreement({ embeddings }: { embeddings: Float32Array }, candidates: readonly Float32Array[]) {
  const length = candidates[0]!.length;
  let [seen, right] = [0, 0];
  world.balls.forEach((ball, g) => {
    const row = embeddings.subarray(g * length, (g + 1) * length);
    if (!row.some((value) => value !== 0)) return;
    seen++;
    if (nearest(row, candidates) === ball) right++;
    expect(Math.hypot(...row)).toBeCloseTo(1, 5);
  });
  expect(seen).toBeGreaterThan(0.8 * world.balls.length);
  return right / seen;
}

test('three levels: parts on the smallest, whole balls on the largest', async () => {
  const field = await train({ ...PARAMETERS, levels: 3 });
  expect(field.levels.map(({ name }) => name)).toEqual(['small', 'middle', 'large']);
  expect(agreement(field.levels[2]!, world.wholes)).toBeGreaterThan(0.97);
  const smallest = field.levels[0]!.embeddings;
  const ids = [...world.balls.keys()];
  const top = (ball: number) =>
    Math.min(...ids.filter((g) => world.balls[g] === ball).map((g) => world.means[3 * g + 1]!));
  let [upper, parts] = [0, 0];
  world.balls.forEach((ball, g) => {
    if (!(world.means[3 * g + 1]! < top(ball) + 0.2)) return;
    upper++;
    const row = smallest.subarray(12 * g, 12 * (g + 1));
    if (nearest(row, [...world.parts, ...world.wholes]) === ball) parts++;
  });
  expect(upper).toBeGreaterThan(5);
  expect(parts / upper).toBeGreaterThan(0.9);
});

test('the median is not moved by a few wrong images where the mean is', async () => {
  // A third of the images call every ball by the name of the next one, with a segment as sure as any.
  const frames = world.languageFrames.map((frame, f) => ({
    ...frame,
    segments: frame.segments
      .filter(({ scale }) => scale >= 1)
      .map((segment, s) => (f % 3 === 2 ? { ...segment, embedding: world.wholes[(s + 1) % 3]! } : segment)),
  }));
  const cosine = ({ levels }: LevelsField) => {
    const values = [...world.balls].map((ball, g) =>
      world.wholes[ball]!.reduce((sum, value, d) => sum + value * levels[0]!.embeddings[12 * g + d]!, 0),
    );
    return values.toSorted((a, b) => a - b)[values.length >> 1]!;
  };
  const mean = cosine(await train({ ...PARAMETERS, medianPasses: 0 }, frames));
  const median = cosine(await train(PARAMETERS, frames));
  expect(median).toBeGreaterThan(0.97);
  expect(median).toBeGreaterThan(mean + 0.01);
});

test('a gate that nothing passes leaves zeros, and counts them', async () => {
  const field = await train({ ...PARAMETERS, visibilityGate: 1 });
  expect(field.report.unseenGaussians).toBe(world.balls.length);
  expect(field.levels[0]!.embeddings.every((value) => value === 0)).toBe(true);
});

test('bad input is named', async () => {
  const none = world.languageFrames.map((frame) => ({ ...frame, segments: [] }));
  await expect(train(PARAMETERS, none)).rejects.toThrow(/has a segment/);
  const short = world.languageFrames.map((frame, f) =>
    f === 1 ? { ...frame, segments: [{ ...frame.segments[0]!, embedding: new Float32Array(3) }] } : frame,
  );
  await expect(train(PARAMETERS, short)).rejects.toThrow(/frame 1 has an embedding of 3 values/);
  const beyond = world.languageFrames.map((frame) => ({
    ...frame,
    segments: [{ ...frame.segments[0]!, pixels: Uint32Array.of(100_000) }],
  }));
  await expect(train(PARAMETERS, beyond)).rejects.toBeInstanceOf(LiftscopeError);
  await expect(train({ ...PARAMETERS, medianPasses: -1 })).rejects.toThrow(/medianPasses/);
});

test('a pixel of several segments picks one by 1 / log(area), small ones more often', () => {
  const index = indexSegments(world.cache, world.languageFrames);
  const sampler = new LanguageSampler(index, 64, 3);
  let [small, large, expected, count] = [0, 0, 0, 0];
  for (let step = 1; step <= 200; step++) {
    const { view, rows, segments } = sampler.draw(step);
    expect(new Set(rows).size).toBe(rows.length);
    const own = index.views[view]!;
    rows.forEach((row, i) => {
      const [begin, end] = [own.rowStart[row]!, own.rowStart[row + 1]!];
      if (end - begin !== 2) return;
      const [first, second] = [own.segments[begin]!, own.segments[begin + 1]!];
      expect(index.scales[first]!).toBeLessThanOrEqual(index.scales[second]!);
      expected += index.preferences[first]! / (index.preferences[first]! + index.preferences[second]!);
      count++;
      if (segments[i] === first) small++;
      else large++;
    });
  }
  expect(count).toBeGreaterThan(2000);
  expect(small + large).toBe(count);
  expect(Math.abs(small - expected)).toBeLessThan(4 * Math.sqrt(count / 4));
  // Not as often as a fair coin would.
  expect(expected / count).toBeGreaterThan(0.53);
});
