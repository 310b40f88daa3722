import { expect, it } from 'vitest';
import {
  blurZeroPadded,
  IMAGE_LOSS_SUMS_BYTES,
  ImageLossWorkspace,
  imageLoss,
  imageLossReference,
  targetMeans,
} from '../../kernels/index.ts';
import { expectClose, expectVectorAgreement, seededRandom } from '../../kernels/testing/index.ts';
import { SIZES } from './scenes.ts';
import { conformance } from './suite.ts';

const SEED = 7500;
/** Around the window of 11 pixels, a vector, a workgroup's row, and wider than any of them. */
const CASES = [[0, 0], [0, 5], [16, 16], [11, 2], [309, 13], ...SIZES].map(([width, height]) => ({
  width: width!,
  height: height!,
  seed: SEED + 1000 * width! + height!,
}));

function randomImages({ width, height, seed }: (typeof CASES)[number]) {
  const random = seededRandom(seed);
  const values = 3 * width * height;
  return {
    rendered: Float32Array.from(random.fill(values, (r) => r.uniform(-0.05, 1.05))),
    target: Uint8Array.from({ length: values }, () => random.integer(256)),
  };
}

conformance('imageLoss', (on) => {
  it.each(CASES.flatMap((given) => [false, true].map((cached) => ({ ...given, cached }))))(
    '$width x $height, means of the target cached: $cached (seed $seed)',
    async (given) => {
      const { width, height, cached } = given;
      const lambda = 0.2;
      const images = randomImages(given);
      const workspace = new ImageLossWorkspace(on());
      const rendered = on().upload('rendered', images.rendered);
      const target = on().upload('target', images.target);
      const gradient = on().createBuffer('gradient', 12 * width * height);
      const sums = on().createBuffer('sums', IMAGE_LOSS_SUMS_BYTES);
      const means = on().createBuffer('means', 12 * width * height);
      if (cached) on().run(targetMeans, { width, height, target, means, workspace });
      const picture = { width, height, rendered, target, lambda, gradient, sums, workspace };
      on().run(imageLoss, cached ? { ...picture, means } : picture);
      const expected = imageLossReference({ width, height, lambda, ...images });
      const [l1, ssim] = new Float64Array(await on().read(sums));
      expectClose('mean absolute difference', [l1!], [expected.l1], { abs: 1e-6 });
      expectClose('mean SSIM', [ssim!], [expected.ssim], { abs: 2e-5 });
      if (width * height === 0) return;
      const actual = await on().floats(gradient);
      expectClose('gradient', actual, expected.gradient, { rel: 2e-4, scale: 'largest' });
      expectVectorAgreement('gradient', actual, expected.gradient, { minCosine: 1 - 1e-7, normRel: 1e-4 });
      workspace.dispose();
      expect(on().buffersAlive).toBe(5);
    },
  );

  it('adds its absolute and its structural part as lambda says', async () => {
    const [width, height] = [33, 47];
    const images = randomImages({ width, height, seed: SEED });
    for (const lambda of [0, 1]) {
      const gradient = on().createBuffer('gradient', 12 * width * height);
      on().run(imageLoss, {
        ...{ width, height, lambda, gradient, workspace: new ImageLossWorkspace(on()) },
        rendered: on().upload('rendered', images.rendered),
        target: on().upload('target', images.target),
        sums: on().createBuffer('sums', IMAGE_LOSS_SUMS_BYTES),
      });
      const expected = imageLossReference({ width, height, lambda, ...images }).gradient;
      expectClose(`lambda ${lambda}`, await on().floats(gradient), expected, { rel: 2e-4, scale: 'largest' });
    }
  });
});

conformance('targetMeans', (on) => {
  it.each(CASES)('$width x $height (seed $seed)', async (given) => {
    const { width, height } = given;
    const images = randomImages(given);
    const target = on().upload('target', images.target);
    const means = on().createBuffer('means', 12 * width * height);
    on().run(targetMeans, { width, height, target, means, workspace: new ImageLossWorkspace(on()) });
    const actual = await on().floats(means);
    const pixels = width * height;
    expect(actual.length).toBe(3 * pixels);
    for (let c = 0; c < 3 && pixels > 0; c++) {
      const plane = Float64Array.from({ length: pixels }, (_, i) => images.target[c * pixels + i]! / 255);
      const expected = blurZeroPadded(plane, width, height);
      expectClose(`channel ${c}`, actual.subarray(c * pixels, (c + 1) * pixels), expected, { abs: 1e-6 });
    }
  });
});
