import { expect, it } from 'vitest';
import {
  sampleTriplane,
  TriplanePoints,
  triplaneGradients,
  triplaneGradientsReference,
  triplaneReference,
} from '../../kernels/index.ts';
import { expectClose, seededRandom } from '../../kernels/testing/index.ts';
import { conformance } from './suite.ts';

const SEED = 8100;
const COUNTS = [0, 1, 15, 16, 17, 150, 3000] as const;
const CASES = COUNTS.flatMap((count) =>
  (['sum', 'product', 'concatenate'] as const).map((combination) => ({ count, combination, seed: SEED + count })),
);

conformance('triplane', (on) => {
  it.each(CASES)('$count points, $combination (seed $seed)', async ({ count, combination, seed }) => {
    const random = seededRandom(seed);
    const [resolution, stride] = [count > 1000 ? 40 : 7, count > 1000 ? 4 : 20];
    const grid = { resolution, lower: [-1, 0, 2], upper: [1, 5, 2.5] };
    const positions = Float32Array.from({ length: 3 * count }, (_, i) => {
      const [low, high] = [grid.lower[i % 3]!, grid.upper[i % 3]!];
      return low + random.uniform(-0.1, 1.1) * (high - low);
    });
    const draw = (length: number) => Float32Array.from(random.fill(length, (r) => r.uniform(-1, 1)));
    const planes = draw(3 * resolution ** 2 * stride);
    const upstream = draw(count * stride * (combination === 'concatenate' ? 3 : 1));
    const before = on().buffersAlive;
    const points = new TriplanePoints(on(), positions, grid);
    const output = on().createBuffer('output', upstream.byteLength);
    const gradients = on().createBuffer('gradients', planes.byteLength);
    const shared = { points, planes: on().upload('planes', planes), stride, combination };
    on().run(sampleTriplane, { ...shared, output });
    on().run(triplaneGradients, { ...shared, upstream: on().upload('upstream', upstream), gradients });
    const given = [positions, grid, planes, stride, combination] as const;
    const features = triplaneReference(...given);
    const actual = await on().floats(output);
    expect(actual.length).toBe(features.length);
    if (count > 0) expectClose('features', actual, features, { abs: 3e-6 });
    const expected = triplaneGradientsReference(...given, upstream);
    expectClose('gradients', await on().floats(gradients), expected, { abs: 3e-6, rel: 3e-6 });
    points.dispose();
    // Planes, upstream, output and gradients; the workspace of the backend is its own.
    expect(on().buffersAlive).toBe(before + 4);
  });
});
