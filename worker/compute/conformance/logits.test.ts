import { expect, it } from 'vitest';
import {
  crossEntropyLogits,
  crossEntropyReference,
  segmentSums,
  softmaxLogits,
  softmaxRows,
} from '../../kernels/index.ts';
import { expectClose, seededRandom } from '../../kernels/testing/index.ts';
import { conformance } from './suite.ts';

const SEED = 8100;
const CASES = [1, 15, 16, 17, 70].flatMap((count) =>
  [1, 3, 4, 5, 17, 64].map((classes) => ({ count, classes, seed: SEED + count })),
);

conformance('logits', (on) => {
  it.each(CASES)('$count rows of $classes (seed $seed)', async ({ count, classes, seed }) => {
    const stride = Math.ceil(classes / 4) * 4;
    const random = seededRandom(seed);
    const logits = random.fill(count * classes, (r) => Math.fround(8 * r.normal()));
    const rows = new Float32Array(count * stride).fill(Number.NaN);
    logits.forEach((value, i) => {
      rows[Math.floor(i / classes) * stride + (i % classes)] = value;
    });
    // Padding of the logits may hold anything finite; NaN would poison whole vectors of a row.
    const input = on().upload(
      'logits',
      rows.map((value) => (Number.isNaN(value) ? 1e9 : value)),
    );
    const probabilities = on().createBuffer('probabilities', rows.byteLength);
    on().run(softmaxLogits, { count, classes, stride, logits: input, probabilities });
    const all = await on().floats(probabilities);
    const dense = (values: Float32Array) => values.filter((_, i) => i % stride < classes);
    const p = softmaxRows(logits, classes);
    expectClose('softmax', dense(all), p, { abs: 1e-6 });
    expect(all.every((value, i) => i % stride < classes || value === 0)).toBe(true);

    const segments = 4;
    const segmentOf = Uint32Array.from({ length: count }, () => random.integer(segments));
    const sums = on().createBuffer('sums', segments * stride * 4);
    on().run(segmentSums, {
      ...{ count, stride, rows: probabilities, segments, sums },
      segmentOf: on().upload('segments', segmentOf),
    });
    const expectedSums = new Float64Array(segments * classes);
    p.forEach((value, i) => {
      expectedSums[segmentOf[Math.floor(i / classes)]! * classes + (i % classes)]! += value;
    });
    expectClose('sums', dense(await on().floats(sums)), expectedSums, { abs: 1e-5 });

    const targets = Uint32Array.from({ length: count }, () => random.integer(classes));
    const weights = Float32Array.from({ length: count }, (_, u) => (u % 3 === 2 ? 0 : random.uniform(0, 1)));
    const losses = on().createBuffer('losses', 4 * count);
    on().run(crossEntropyLogits, {
      ...{ count, stride, probabilities, losses, gradients: probabilities },
      ...{ targets: on().upload('targets', targets), weights: on().upload('weights', weights) },
    });
    const expected = crossEntropyReference(logits, targets, weights, classes);
    const sum = (await on().floats(losses)).reduce((total, value) => total + value, 0);
    expectClose('loss', [sum], [expected.value], { abs: 1e-5, rel: 1e-5 });
    expectClose('gradient', dense(await on().floats(probabilities)), expected.gradient, { abs: 1e-6 });
  });
});
