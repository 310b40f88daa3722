import { afterAll, describe, expect, it } from 'vitest';
import { type DeviceBuffer, WasmBackend } from '../../compute/index.ts';
import { binTiles, TileLists } from '../binning/index.ts';
import { blendSceneOf, loadSplatCases, parametersOf, upstreamOf, viewOf } from '../golden/index.ts';
import { projectGaussians } from '../projection/index.ts';
import { SCREEN_GRADIENT_FLOATS, SLOT_BYTES } from '../shared/index.ts';
import { expectClose, expectCloseOutsideBand, expectVectorAgreement } from '../testing/index.ts';
import {
  BlendState,
  blendBackward,
  blendChannels,
  blendChannelsBackward,
  blendForward,
  blendingReference,
  blendingWeights,
  reduceSlots,
} from './index.ts';

const backends = [await WasmBackend.create({ threads: 1 }), await WasmBackend.create({ threads: 2 })] as const;
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

/** [P, C] to [C, P]. */
function planar(interleaved: ArrayLike<number>, channels: number): Float32Array {
  const pixels = channels === 0 ? 0 : interleaved.length / channels;
  return Float32Array.from(
    { length: interleaved.length },
    (_, i) => interleaved[(i % pixels) * channels + Math.floor(i / pixels)],
  );
}

describe.each(loadSplatCases())('wasm blending on golden case $name', ({ golden }) => {
  const { width, height, N: count, featureDim } = golden;
  const pixels = width * height;
  const records = Float32Array.from(projectGaussians(parametersOf(golden), viewOf(golden)));
  const scene = blendSceneOf(golden, records);
  const upstream = upstreamOf(golden);
  const background = [...golden.inputs.background] as [number, number, number];
  const ambiguous = new Set(golden.ambiguousPixels);
  const band = { inBand: (index: number) => ambiguous.has(index % pixels), jump: 1e3, maxShare: 0.05 };

  async function run(backend: WasmBackend) {
    const used: DeviceBuffer[] = [];
    const create = (label: string, bytes: number) => {
      const buffer = backend.createBuffer(label, bytes);
      backend.bytes(buffer).fill(0x7f);
      used.push(buffer);
      return buffer;
    };
    const upload = (label: string, data: Float32Array) => {
      const buffer = create(label, data.byteLength);
      backend.write(buffer, data);
      return buffer;
    };
    const floats = async (buffer: DeviceBuffer) => new Float32Array(await backend.read(buffer));
    const lists = new TileLists(backend);
    const state = new BlendState(backend);
    const projected = upload('projected', records);
    backend.run(binTiles, { projected, count, width, height, lists });
    const features = upload('features', Float32Array.from(golden.inputs.features));
    const view = { projected, lists, state, width, height, background };

    const output = create('output', (4 + featureDim) * pixels * 4);
    const alpha = create('alpha', pixels * 4);
    const contributors = create('contributors', pixels * 4);
    backend.run(blendChannels, { ...view, features, featureDim, output, alpha, contributors });
    const pixelsOfW = Array.from({ length: Math.ceil(pixels / 3) }, (_, i) => (i * 3 + 1) % pixels);
    const w = await blendingWeights(backend, view, pixelsOfW);
    const sparse = {
      rowStart: new Uint32Array(await backend.read(w.rowStart)),
      columns: new Uint32Array(await backend.read(w.columns)),
      weights: await floats(w.weights),
    };
    w.dispose();

    const slots = create('slots', lists.instanceCount * SLOT_BYTES);
    const featureSlots = create('feature slots', lists.instanceCount * featureDim * 4);
    const gradients = create('gradients', count * SCREEN_GRADIENT_FLOATS * 4);
    const featureGradients = create('feature gradients', count * featureDim * 4);
    const up = new Float32Array((4 + featureDim) * pixels);
    up.set(planar(upstream.rgb, 3));
    up.set(Float32Array.from(upstream.depth), 3 * pixels);
    up.set(planar(upstream.features, featureDim), 4 * pixels);
    const upstreamAlpha = upload('upstream alpha', Float32Array.from(upstream.alpha));
    backend.run(blendChannelsBackward, {
      ...view,
      features,
      featureDim,
      upstream: upload('upstream', up),
      upstreamAlpha,
      slots,
      featureSlots,
    });
    backend.run(reduceSlots, { projected, count, lists, slots, featureSlots, featureDim, gradients, featureGradients });
    const channels = {
      output: await floats(output),
      alpha: await floats(alpha),
      contributors: new Int32Array(await backend.read(contributors)),
    };
    const backward = { gradients: await floats(gradients), features: await floats(featureGradients) };

    const rgb = create('rgb', 3 * pixels * 4);
    backend.run(blendForward, { ...view, rgb, record: false });
    const unrecorded = await floats(rgb);
    backend.run(blendForward, { ...view, rgb, record: true });
    backend.run(blendBackward, { ...view, upstream: upload('upstream rgb', planar(upstream.rgb, 3)), slots });
    backend.run(reduceSlots, {
      projected,
      count,
      lists,
      slots,
      featureSlots,
      featureDim: 0,
      gradients,
      featureGradients,
    });
    const colour = { rgb: await floats(rgb), unrecorded, gradients: await floats(gradients) };

    for (const buffer of used) backend.destroyBuffer(buffer);
    lists.dispose();
    state.dispose();
    expect(backend.memory.usedBytes).toBe(0);
    return { channels, sparse, backward, colour };
  }

  it('agrees with the float64 reference in images, gradients and weights', async () => {
    const { channels, sparse, backward, colour } = await run(backends[1]);
    const expected = blendingReference.blend(scene);
    const image = (first: number, size: number) => channels.output.subarray(first * pixels, (first + size) * pixels);
    expectCloseOutsideBand('rgb', image(0, 3), planar(expected.rgb, 3), { abs: 1e-4 }, band);
    expectCloseOutsideBand('depth', image(3, 1), expected.depth, { abs: 1e-4, rel: 1e-5 }, band);
    expectCloseOutsideBand(
      'features',
      image(4, featureDim),
      planar(expected.features, featureDim),
      { abs: 1e-4 },
      band,
    );
    expectCloseOutsideBand('alpha', channels.alpha, expected.alpha, { abs: 1e-4 }, band);
    expectCloseOutsideBand('contributors', channels.contributors, expected.contributors, { abs: 0.5 }, band);
    expectCloseOutsideBand('rgb, colour path', colour.rgb, planar(expected.rgb, 3), { abs: 1e-4 }, band);
    expect(colour.unrecorded).toEqual(colour.rgb);

    const gradients = blendingReference.blendBackward(scene, upstream);
    expectClose('features', backward.features, gradients.features, { rel: 1e-3, scale: 'largest' });
    const column = (values: ArrayLike<number>, first: number, size: number) =>
      Float64Array.from(
        { length: count * size },
        (_, i) => values[Math.floor(i / size) * SCREEN_GRADIENT_FLOATS + first + (i % size)],
      );
    const groups = [
      ['rgb', 0, 3],
      ['depth', 3, 1],
      ['opacity', 4, 1],
      ['mean', 5, 2],
      ['conic', 7, 3],
    ] as const;
    for (const [name, first, size] of groups) {
      const [actual, wanted] = [column(backward.gradients, first, size), column(gradients.records, first, size)];
      expectClose(name, actual, wanted, { rel: 1e-3, scale: 'largest' });
      expectVectorAgreement(name, actual, wanted, { minCosine: 1 - 1e-6, normRel: 1e-3 });
    }
    const only = {
      ...upstream,
      depth: new Float64Array(pixels),
      alpha: new Float64Array(pixels),
      features: new Float64Array(featureDim * pixels),
    };
    const colourOnly = blendingReference.blendBackward(scene, only);
    for (const [name, first, size] of groups) {
      const wanted = column(colourOnly.records, first, size);
      expectClose(`${name}, colour path`, column(colour.gradients, first, size), wanted, {
        abs: 1e-6,
        rel: 1e-3,
        scale: 'largest',
      });
    }

    const rows = Array.from({ length: Math.ceil(pixels / 3) }, (_, i) => (i * 3 + 1) % pixels);
    const w = blendingReference.blendingWeights(scene, rows);
    rows.forEach((pixel, row) => {
      if (ambiguous.has(pixel)) return;
      const [begin, end] = [sparse.rowStart[row], sparse.rowStart[row + 1]];
      const [from, to] = [w.rowStart[row], w.rowStart[row + 1]];
      expect([...sparse.columns.subarray(begin, end)]).toEqual([...w.columns.subarray(from, to)]);
      if (to > from)
        expectClose(`W row ${row}`, sparse.weights.subarray(begin, end), w.weights.subarray(from, to), { abs: 1e-4 });
    });
    expect(sparse.weights.length).toBeGreaterThan(0);
  });

  it('gives the same bits on one thread and two', async () => {
    expect(await run(backends[1])).toEqual(await run(backends[0]));
  });
});
