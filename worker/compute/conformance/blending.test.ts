import { expect, it } from 'vitest';
import {
  BlendState,
  binReference,
  binTiles,
  blendBackward,
  blendChannels,
  blendChannelsBackward,
  blendForward,
  blendingReference,
  blendingWeights,
  PROJECTED,
  PROJECTED_FLOATS,
  reduceSlots,
  SCREEN_GRADIENT_BYTES,
  SCREEN_GRADIENT_FLOATS,
  SLOT_BYTES,
  SLOT_FLOATS,
  screenGradientsOf,
  TileLists,
} from '../../kernels/index.ts';
import {
  expectClose,
  expectCloseOutsideBand,
  expectVectorAgreement,
  seededRandom,
} from '../../kernels/testing/index.ts';
import { BACKGROUND, COUNTS, planar, referenceOf, SIZES } from './scenes.ts';
import { conformance, type JunkFilledBackend } from './suite.ts';

const SEED = 7300;

interface Case {
  readonly seed: number;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** Channels of features. */
  readonly dim: number;
}

/** Every count at one size, every size at one count, and feature channels around the width of a vector. */
const CASES: readonly Case[] = [
  ...COUNTS.map((count, i) => ({ seed: SEED + count, count, width: 33, height: 47, dim: [0, 1, 3, 4, 5, 2][i]! })),
  ...SIZES.map(([width, height], i) => {
    const [count, dim] = width === 64 ? [300, 0] : [40, [15, 16, 17, 1][i]!];
    return { seed: SEED + 1000 + width, count, width, height, dim };
  }),
];
const TITLE = '$count Gaussians on $width x $height, $dim features (seed $seed)';

/** One scene on the device, tiles binned, and what the definition makes of it. */
async function prepare(backend: JunkFilledBackend, { seed, count, width, height, dim }: Case) {
  const reference = referenceOf(seed, count, width, height, dim);
  const lists = new TileLists(backend);
  const state = new BlendState(backend);
  const projected = backend.upload('projected', reference.records);
  backend.run(binTiles, { projected, count, width, height, lists });
  await backend.synchronise();
  const pixels = width * height;
  // Pixels that rounding decides may differ, by as much as a contribution; there must be few.
  const band = { inBand: (i: number) => reference.ambiguous.has(i % pixels), jump: 10, maxShare: 0.02 };
  const view = { projected, lists, state, width, height, background: BACKGROUND };
  return { ...reference, band, view, pixels, featureBuffer: backend.upload('features', reference.features) };
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** dL/d(images), interleaved, zero where rounding decides. */
function randomUpstream({ scene, pixels, ambiguous }: Prepared, seed: number, colourOnly: boolean) {
  const random = seededRandom(seed);
  const draw = (channels: number, used = true) =>
    Float64Array.from({ length: channels * pixels }, (_, i) => {
      const value = Math.fround(random.normal());
      return used && !ambiguous.has(Math.floor(i / channels)) ? value : 0;
    });
  return {
    rgb: draw(3),
    depth: draw(1, !colourOnly),
    alpha: draw(1, !colourOnly),
    features: draw(scene.featureDim, !colourOnly),
  };
}

const GROUPS = [
  ['colour', 0, 3],
  ['depth', 3, 1],
  ['opacity', 4, 1],
  ['mean', 5, 2],
  ['conic', 7, 3],
] as const;

/** Compares [N, 12] gradients of records group by group: their sizes differ by orders of magnitude. */
function expectScreenGradients(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const rows = expected.length / SCREEN_GRADIENT_FLOATS;
  for (const [name, first, size] of GROUPS) {
    const column = (values: ArrayLike<number>) =>
      Float64Array.from(
        { length: rows * size },
        (_, i) => values[Math.floor(i / size) * SCREEN_GRADIENT_FLOATS + first + (i % size)]!,
      );
    const [got, wanted] = [column(actual), column(expected)];
    if (wanted.every((value) => value === 0)) {
      expect(
        got.every((value) => value === 0),
        name,
      ).toBe(true);
      continue;
    }
    expectClose(name, got, wanted, { rel: 1e-3, scale: 'largest' });
    expectVectorAgreement(name, got, wanted, { minCosine: 1 - 1e-6, normRel: 1e-3 });
  }
}

conformance('binTiles', (on) => {
  it.each(CASES)('$count Gaussians on $width x $height (seed $seed)', async (given) => {
    const { records, view } = await prepare(on(), given);
    const { count, width, height } = given;
    const { lists } = view;
    const { required, allowed } = binReference(records, count, width, height);
    expect([lists.tilesX, lists.tilesY]).toEqual([Math.ceil(width / 16), Math.ceil(height / 16)]);
    const tileStart = await on().integers(lists.tileStart, lists.tileCount + 1);
    const slotStart = await on().integers(lists.slotStart, count + 1);
    const instances = await on().integers(lists.instances, 2 * lists.instanceCount);
    expect([tileStart[0], tileStart.at(-1)]).toEqual([0, lists.instanceCount]);
    expect([slotStart[0], slotStart.at(-1)]).toEqual([0, lists.instanceCount]);
    const depth = (g: number) => records[g * PROJECTED_FLOATS + PROJECTED.depth]!;
    const slots = new Set<number>();
    for (let tile = 0; tile < lists.tileCount; tile++) {
      const listed: number[] = [];
      const elsewhere: number[] = [];
      for (let i = tileStart[tile]!; i < tileStart[tile + 1]!; i++) {
        const [gaussian, slot] = [instances[2 * i]!, instances[2 * i + 1]!];
        listed.push(gaussian);
        if (!(slot >= slotStart[gaussian]! && slot < slotStart[gaussian + 1]!)) elsewhere.push(slot);
        slots.add(slot);
      }
      expect(elsewhere).toEqual([]);
      expect(listed).toEqual([...new Set(listed)].sort((g, h) => depth(g) - depth(h) || g - h));
      expect(required[tile]!.filter((g) => !listed.includes(g))).toEqual([]);
      expect(listed.filter((g) => !allowed[tile]!.has(g))).toEqual([]);
    }
    expect(slots.size).toBe(lists.instanceCount);
    if (count >= 300) expect(lists.instanceCount).toBeGreaterThan(count);
  });
});

conformance('blendForward', (on) => {
  it.each(CASES)('$count Gaussians on $width x $height (seed $seed)', async (given) => {
    const { images, view, pixels, band } = await prepare(on(), given);
    const expected = planar(images.rgb, 3);
    const rendered: Float32Array[] = [];
    for (const record of [false, true]) {
      const rgb = on().createBuffer('rgb', 12 * pixels);
      on().run(blendForward, { ...view, rgb, record });
      rendered.push(await on().floats(rgb));
      expectCloseOutsideBand('rgb', rendered.at(-1)!, expected, { abs: 1e-4 }, band);
    }
    expect(rendered[1]).toEqual(rendered[0]);
  });

  it('renders a larger view and then a smaller one with the same working memory', async () => {
    const large = await prepare(on(), { seed: SEED, count: 300, width: 64, height: 48, dim: 0 });
    const small = await prepare(on(), { seed: SEED, count: 17, width: 17, height: 15, dim: 0 });
    const { lists, state } = large.view;
    for (const { view, records, images, pixels, band } of [large, small]) {
      const rgb = on().createBuffer('rgb', 12 * pixels);
      const { projected, width, height } = view;
      on().run(binTiles, { projected, count: records.length / PROJECTED_FLOATS, width, height, lists });
      on().run(blendForward, { ...view, lists, state, rgb, record: true });
      expectCloseOutsideBand('rgb', await on().floats(rgb), planar(images.rgb, 3), { abs: 1e-4 }, band);
    }
  });
});

conformance(
  'blendBackward and reduceSlots',
  (on) => {
    it.each(CASES)('$count Gaussians on $width x $height (seed $seed)', async (given) => {
      const prepared = await prepare(on(), given);
      const { scene, view, pixels } = prepared;
      const { count } = given;
      const upstream = randomUpstream(prepared, given.seed, true);
      const rgb = on().createBuffer('rgb', 12 * pixels);
      on().run(blendForward, { ...view, rgb, record: true });
      const slots = on().createBuffer('slots', view.lists.instanceCount * SLOT_BYTES);
      on().run(blendBackward, { ...view, upstream: on().upload('upstream', planar(upstream.rgb, 3)), slots });
      const gradients = on().createBuffer('gradients', count * SCREEN_GRADIENT_BYTES);
      const none = on().createBuffer('no features', 0);
      const features = { featureSlots: none, featureDim: 0, featureGradients: none };
      const { projected, lists } = view;
      on().run(reduceSlots, { projected, count, lists, slots, gradients, ...features });
      expectScreenGradients(await on().floats(gradients), blendingReference.blendBackward(scene, upstream).records);
    });
  },
  ['least', 'all'],
);

conformance('blendChannels', (on) => {
  it.each(CASES)(TITLE, async (given) => {
    const { images, view, pixels, featureBuffer: features, band } = await prepare(on(), given);
    const { dim: featureDim } = given;
    const output = on().createBuffer('output', 4 * (4 + featureDim) * pixels);
    const alpha = on().createBuffer('alpha', 4 * pixels);
    const contributors = on().createBuffer('contributors', 4 * pixels);
    on().run(blendChannels, { ...view, features, featureDim, output, alpha, contributors });
    const planes = [...planar(images.rgb, 3), ...images.depth, ...planar(images.features, featureDim)];
    const image = { abs: 1e-4, rel: 1e-5 };
    expectCloseOutsideBand('output', await on().floats(output), planes, image, { ...band, jump: 100 });
    expectCloseOutsideBand('alpha', await on().floats(alpha), images.alpha, { abs: 1e-4 }, band);
    expectCloseOutsideBand('contributors', await on().integers(contributors), images.contributors, { abs: 0.5 }, band);
  });
});

conformance(
  'blendChannelsBackward',
  (on) => {
    it.each(CASES)(TITLE, async (given) => {
      const prepared = await prepare(on(), given);
      const { scene, view, pixels, featureBuffer: features } = prepared;
      const { count, dim: featureDim } = given;
      const upstream = randomUpstream(prepared, given.seed, false);
      const output = on().createBuffer('output', 4 * (4 + featureDim) * pixels);
      const alpha = on().createBuffer('alpha', 4 * pixels);
      const contributors = on().createBuffer('contributors', 4 * pixels);
      on().run(blendChannels, { ...view, features, featureDim, output, alpha, contributors });
      const { projected, lists } = view;
      const slots = on().createBuffer('slots', lists.instanceCount * SLOT_BYTES);
      const featureSlots = on().createBuffer('feature slots', 4 * lists.instanceCount * featureDim);
      const planes = [...planar(upstream.rgb, 3), ...upstream.depth, ...planar(upstream.features, featureDim)];
      on().run(blendChannelsBackward, {
        ...{ ...view, features, featureDim, slots, featureSlots },
        upstream: on().uploadFloats('upstream', planes),
        upstreamAlpha: on().uploadFloats('upstream alpha', upstream.alpha),
      });
      const gradients = on().createBuffer('gradients', count * SCREEN_GRADIENT_BYTES);
      const featureGradients = on().createBuffer('feature gradients', 4 * count * featureDim);
      const reduced = { projected, count, lists, slots, featureSlots, featureDim };
      on().run(reduceSlots, { ...reduced, gradients, featureGradients });
      const expected = blendingReference.blendBackward(scene, upstream);
      expectScreenGradients(await on().floats(gradients), expected.records);
      if (expected.features.some((value) => value !== 0)) {
        const actual = await on().floats(featureGradients);
        expectClose('features', actual, expected.features, { rel: 1e-3, scale: 'largest' });
      }
    });
  },
  ['least', 'all'],
);

conformance('reduceSlots', (on) => {
  it.each(CASES)(TITLE, async (given) => {
    const { records, view } = await prepare(on(), given);
    const random = seededRandom(given.seed);
    const { count, dim: featureDim } = given;
    const { projected, lists } = view;
    const slots = random.fill(SLOT_FLOATS * lists.instanceCount, (r) => Math.fround(r.normal()));
    const featureSlots = random.fill(featureDim * lists.instanceCount, (r) => Math.fround(r.normal()));
    const gradients = on().createBuffer('gradients', count * SCREEN_GRADIENT_BYTES);
    const featureGradients = on().createBuffer('feature gradients', 4 * count * featureDim);
    on().run(reduceSlots, {
      ...{ projected, count, lists, featureDim, gradients, featureGradients },
      slots: on().uploadFloats('slots', slots),
      featureSlots: on().uploadFloats('feature slots', featureSlots),
    });
    const slotStart = await on().integers(lists.slotStart, count + 1);
    expectScreenGradients(await on().floats(gradients), screenGradientsOf(records, slotStart, slots));
    const expected = new Float64Array(count * featureDim);
    for (let g = 0; g < count; g++) {
      for (let i = slotStart[g]! * featureDim; i < slotStart[g + 1]! * featureDim; i++) {
        expected[g * featureDim + (i % featureDim)]! += featureSlots[i]!;
      }
    }
    if (expected.length > 0) expectClose('features', await on().floats(featureGradients), expected, { abs: 1e-5 });
  });
});

conformance('blendingWeights', (on) => {
  const chosen = (pixels: number, rows: number) =>
    Array.from({ length: Math.min(rows, pixels) }, (_, i) => (i * 7 + 3) % pixels).filter(
      (pixel, i, all) => all.indexOf(pixel) === i,
    );

  it.each(CASES.map((given, i) => ({ ...given, rows: [300, 17, 0, 1, 16, 15, 1][i % 7]! })))(
    '$rows pixels of $width x $height, $count Gaussians (seed $seed)',
    async (given) => {
      const { scene, view, pixels, ambiguous } = await prepare(on(), given);
      on().run(blendForward, { ...view, rgb: on().createBuffer('rgb', 12 * pixels), record: true });
      const rows = chosen(pixels, given.rows).filter((pixel) => !ambiguous.has(pixel));
      const before = on().buffersAlive;
      const actual = await blendingWeights(on(), view, rows);
      const expected = blendingReference.blendingWeights(scene, rows);
      expect(actual).toMatchObject({ rowCount: rows.length, entryCount: expected.columns.length });
      expect([...(await on().integers(actual.rowStart))]).toEqual([...expected.rowStart]);
      expect([...(await on().integers(actual.columns))]).toEqual([...expected.columns]);
      if (actual.entryCount > 0) {
        expectClose('weights', await on().floats(actual.weights), expected.weights, { abs: 1e-4 });
      }
      actual.dispose();
      expect(on().buffersAlive).toBe(before);
    },
  );

  it('refuses pixels outside the image and pixels given twice, and leaves nothing behind', async () => {
    const { view } = await prepare(on(), { seed: SEED, count: 16, width: 17, height: 15, dim: 0 });
    on().run(blendForward, { ...view, rgb: on().createBuffer('rgb', 12 * 17 * 15), record: true });
    const before = on().buffersAlive;
    await expect(blendingWeights(on(), view, [0, 17 * 15])).rejects.toThrow(/255 lies outside 17 x 15/);
    await expect(blendingWeights(on(), view, [4, 4])).rejects.toThrow(/4 was chosen twice/);
    expect(on().buffersAlive).toBe(before);
  });
});
