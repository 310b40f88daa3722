import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { scaleRanks } from './conditioned.ts';
import {
  type ConditionedParameters,
  type DecodedField,
  embeddingsOfLevel,
  type LanguageParameters,
  type LatentParameters,
  levelNames,
  trainLanguage,
} from './index.ts';
import { type NamedWorld, namedWorld, nearest } from './testing.ts';

const LERF: ConditionedParameters = {
  ...{ kind: 'conditioned', layers: 3, width: 32, scales: 6, scaleFrequencies: 2 },
  backbone: { kind: 'triplane', resolution: 24, channels: 8, sigma: 0.1 },
  loss: { squared: 1, cosine: 0.001 },
  ...{ steps: 250, batchPixels: 192, networkRate: 4e-3, planeRate: 2e-2 },
  ...{ planeRateTimesExtent: true, finalRateShare: 0.1 },
};
const LANGSPLAT: LatentParameters = {
  ...{ kind: 'latent', latent: 4, levels: 3 },
  autoencoder: {
    ...{ layers: 3, width: 32, epochs: 150, batch: 16, rate: 4e-3 },
    loss: { squared: 1, cosine: 0.1 },
  },
  ...{ steps: 120, batchPixels: 192, rate: 5e-2, finalRateShare: 0.1, sigma: 0.1 },
};

let backend: WasmBackend;
let world: NamedWorld;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
  world = await namedWorld(backend);
});
afterAll(() => backend.dispose());

async function train(parameters: LanguageParameters, seed = 5): Promise<DecodedField> {
  const { cache, languageFrames: frames, means } = world;
  return (await trainLanguage({ backend, cache, frames, means, extent: 1, parameters, seed })) as DecodedField;
}

/** Share of the Gaussians whose embedding of a level is nearest to that of their ball. */
async function wholes(field: DecodedField, level: number): Promise<number> {
  const rows = await embeddingsOfLevel(backend, field, level);
  const names = [...world.wholes, ...world.parts];
  return share((ball, g) => nearest(rows.subarray(12 * g, 12 * (g + 1)), names) === ball);
}

/** Share of the Gaussians of the top of each ball that a level calls by the name of the part. */
async function parts(field: DecodedField, level: number): Promise<number> {
  const rows = await embeddingsOfLevel(backend, field, level);
  const names = [...world.parts, ...world.wholes];
  const heights = (ball: number) =>
    [...world.balls.keys()].filter((g) => world.balls[g] === ball).map((g) => world.means[3 * g + 1]!);
  const limits = [0, 1, 2].map((ball) => heights(ball).toSorted((a, b) => a - b)[3]!);
  return share(
    (ball, g) => nearest(rows.subarray(12 * g, 12 * (g + 1)), names) === ball,
    (ball, g) => world.means[3 * g + 1]! <= limits[ball]!,
  );
}

function share(right: (ball: number, g: number) => boolean, counts: (ball: number, g: number) => boolean = () => true) {
  const own = [...world.balls.entries()].filter(([g, ball]) => counts(ball, g));
  return own.filter(([g, ball]) => right(ball, g)).length / own.length;
}

test('one field conditioned on scale: balls at large scales, parts at small ones', async () => {
  const before = backend.memory.usedBytes;
  const field = await train(LERF);
  expect(backend.memory.usedBytes).toBe(before);
  expect(levelNames(field).length).toBe(6);
  expect(new Set(field.levels.map(({ features }) => features)).size).toBe(1);
  expect(await wholes(field, 5)).toBeGreaterThan(0.9);
  expect(await parts(field, 0)).toBeGreaterThan(0.7);
  expect(field.report.losses.at(-1)!.loss).toBeLessThan(0.2);
});

test('three levels of codes: balls on the largest, parts on the smallest', async () => {
  const before = backend.memory.usedBytes;
  const field = await train(LANGSPLAT);
  expect(backend.memory.usedBytes).toBe(before);
  expect(field.report.figures.autoencoderMeanCosine).toBeGreaterThan(0.95);
  expect(levelNames(field)).toEqual(['small', 'middle', 'large']);
  expect(await wholes(field, 2)).toBeGreaterThan(0.95);
  expect(await parts(field, 0)).toBeGreaterThan(0.7);
});

test('seeds repeat', async () => {
  for (const parameters of [
    { ...LERF, steps: 3 },
    { ...LANGSPLAT, steps: 3, autoencoder: { ...LANGSPLAT.autoencoder, epochs: 2 } },
  ]) {
    const [a, b, c] = [await train(parameters), await train(parameters), await train(parameters, 6)];
    expect(a.network).toEqual(b.network);
    expect(a.levels[0]!.features).toEqual(b.levels[0]!.features);
    expect(a.levels[0]!.features).not.toEqual(c.levels[0]!.features);
  }
});

test('ranks of scales are evenly spread, equal ones equal', () => {
  expect([...scaleRanks(Float64Array.of(5, 1, 5, 9))]).toEqual([0.5, 0.125, 0.5, 0.875]);
});
