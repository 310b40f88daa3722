import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { nestedProjectionReference, triplaneReference } from '../../kernels/index.ts';
import { expectClose, seededRandom } from '../../kernels/testing/index.ts';
import { texelWeights } from './backbone.ts';
import { type LanguageField, type NestedField, type NestedParameters, trainLanguage } from './index.ts';
import { NestedLevels } from './nested.ts';
import { type NamedWorld, namedWorld, nearest } from './testing.ts';

const PARAMETERS: NestedParameters = {
  ...{ kind: 'nested', layers: 3, width: 32, dimensions: 16, stepSize: 1, nesting: 'quantile' },
  backbone: { kind: 'triplane', resolution: 24, channels: 8, sigma: 0.1 },
  loss: { squared: 1, cosine: 0.001 },
  ...{ steps: 250, batchPixels: 192, networkRate: 4e-3, planeRate: 2e-2 },
  ...{ planeRateTimesExtent: false, finalRateShare: 0.1 },
};

let backend: WasmBackend;
let world: NamedWorld;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
  world = await namedWorld(backend);
});
afterAll(() => backend.dispose());

const train = (changes: Partial<NestedParameters> = {}, on = backend, { cache } = world): Promise<LanguageField> => {
  const { languageFrames: frames, means } = world;
  const parameters = { ...PARAMETERS, ...changes };
  return trainLanguage({ backend: on, cache, frames, means, extent: 3, parameters, seed: 5 });
};

/** Share of the Gaussians whose embedding of the first `used` dimensions is nearest to that of their ball. */
function agreement({ theta, projection, dimensions }: NestedField, used: number) {
  const { balls, wholes } = world;
  const rows = nestedProjectionReference(theta, new Uint32Array(balls.length).fill(used), projection, dimensions);
  const right = [...balls].filter((ball, g) => nearest(rows.subarray(12 * g, 12 * (g + 1)), wholes) === ball);
  return right.length / balls.length;
}

test('the coarse dimensions know the balls, all of them the parts', async () => {
  const field = (await train()) as NestedField;
  expect(field.levelDimensions.length).toBe(16);
  expect(field.scaleEdges.length).toBe(15);
  // Segments of whole balls have the upper half of the scales, so they use half of the dimensions at most.
  expect(agreement(field, 6)).toBeGreaterThan(0.95);
  const { losses } = field.report;
  expect(losses[0]!.loss).toBeGreaterThan(0.9);
  expect(losses.at(-1)!.loss).toBeLessThan(0.2);
  // The top of each ball lies inside the part: its name with all dimensions, the ball's with the coarse ones.
  const tops = [0, 1, 2].map((ball) =>
    [...world.balls.keys()]
      .filter((g) => world.balls[g] === ball)
      .sort((a, b) => world.means[3 * a + 1]! - world.means[3 * b + 1]!)
      .slice(0, 5),
  );
  const calledParts = (used: number) => {
    const counts = new Uint32Array(world.balls.length).fill(used);
    const rows = nestedProjectionReference(field.theta, counts, field.projection, 16);
    const names = (ball: number) => [world.parts[ball]!, world.wholes[ball]!];
    const called = (ball: number, g: number) => nearest(rows.subarray(12 * g, 12 * (g + 1)), names(ball)) === 0;
    return tops.flatMap((own, ball) => own.filter((g) => called(ball, g))).length;
  };
  expect(calledParts(16)).toBeGreaterThanOrEqual(12);
  expect(calledParts(6)).toBeLessThanOrEqual(3);
});

test('without nesting one level has all dimensions; without planes it learns too', async () => {
  const plain = (await train({ nesting: 'none', steps: 20 })) as NestedField;
  expect([...plain.levelDimensions]).toEqual([16]);
  expect(plain.scaleEdges.length).toBe(0);
  const backbone = { kind: 'positions', frequencies: 4 } as const;
  const positions = (await train({ backbone, steps: 150 })) as NestedField;
  expect(agreement(positions, 6)).toBeGreaterThan(0.9);
});

test('the same bits on any number of threads, other bits from another seed', async () => {
  const one = (await train({ steps: 6 })) as NestedField;
  const threaded = await WasmBackend.create({ threads: 3 });
  const other = await namedWorld(threaded);
  const three = (await train({ steps: 6 }, threaded, other)) as NestedField;
  await threaded.dispose();
  expect(three.theta).toEqual(one.theta);
  expect(three.projection).toEqual(one.projection);
});

test('leaves no memory behind, also when it is stopped', async () => {
  const before = backend.memory.usedBytes;
  await train({ steps: 2 });
  expect(backend.memory.usedBytes).toBe(before);
  const { cache, languageFrames: frames, means } = world;
  const options = { backend, cache, frames, means, extent: 3, parameters: PARAMETERS, seed: 1 };
  await expect(trainLanguage({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  expect(backend.memory.usedBytes).toBe(before);
});

test('levels: quantiles of scale, fewer dimensions for larger segments', () => {
  const scales = Float64Array.from({ length: 100 }, (_, i) => 1 + i);
  const shape = { ...PARAMETERS, dimensions: 10, stepSize: 2 };
  const levels = new NestedLevels(shape, scales);
  expect([...levels.dimensions]).toEqual([2, 4, 6, 8, 10]);
  expect([...levels.edges]).toEqual([21, 41, 61, 81]);
  const used = levels.dimensionsOf(Uint32Array.of(0, 19, 20, 50, 99), () => 0);
  expect([...used]).toEqual([10, 10, 8, 6, 2]);
  const drawn = new NestedLevels({ ...shape, nesting: 'random' }, scales);
  expect([...drawn.dimensionsOf(Uint32Array.of(0, 1), () => 0.99)]).toEqual([10, 10]);
});

test('planes as a table of texels are the tri-plane of its reference', () => {
  const random = seededRandom(12);
  const grid = { resolution: 5, lower: [-1, -1, -1], upper: [1, 1, 1] };
  const means = Float32Array.from(random.fill(3 * 20, (r) => r.uniform(-1.2, 1.2)));
  const planes = random.fill(3 * 25 * 4, (r) => r.normal());
  const { columns, weights } = texelWeights(means, grid);
  const sums = new Float64Array(20 * 4);
  columns.forEach((texel, e) => {
    for (let c = 0; c < 4; c++) sums[Math.floor(e / 12) * 4 + c]! += weights[e]! * planes[texel * 4 + c]!;
  });
  expectClose('features', sums, triplaneReference(means, grid, planes, 4, 'sum'), { abs: 1e-6 });
});
