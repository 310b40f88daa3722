import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { webgpuTests } from '../../compute/conformance/suite.ts';
import { type Backend, type DeviceBuffer, WasmBackend, WebgpuBackend } from '../../compute/index.ts';
import { binTiles, TileLists } from '../binning/index.ts';
import { BlendState, blendChannels, blendChannelsBackward, reduceSlots } from '../blending/index.ts';
import {
  createGaussianBuffers,
  packGaussians,
  parameterFloats,
  project,
  projectBackward,
} from '../projection/index.ts';
import { PROJECTED_BYTES, SCREEN_GRADIENT_BYTES, SLOT_BYTES, unpackLanes } from '../shared/index.ts';
import { expectClose, expectCloseOutsideBand, expectVectorAgreement } from '../testing/index.ts';
import { loadSplatCases, parametersOf, type SplatCase, viewOf } from './index.ts';

const backends = [await WasmBackend.create({ threads: 1 }), await WasmBackend.create({ threads: 2 })] as const;
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

/** What every implementation owes the golden values, whole pipeline from parameters to images and back. */
const OUTPUT = { abs: 1e-4 } as const;
const GRADIENT = { rel: 1e-3, scale: 'largest' } as const;

const NAMES = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;

/** [C, P] to [P, C]. */
function interleaved(planar: Float32Array, channels: number): Float32Array {
  const pixels = planar.length / Math.max(1, channels);
  return planar.map((_, i) => planar[(i % channels) * pixels + Math.floor(i / channels)]);
}

/** [P, C] to [C, P]. */
function planar(values: readonly number[], channels: number): number[] {
  const pixels = values.length / Math.max(1, channels);
  return values.map((_, i) => values[(i % pixels) * channels + Math.floor(i / pixels)]);
}

async function render(backend: Backend, golden: SplatCase) {
  const { width, height, N: count, featureDim, shDegree, upstream } = golden;
  const pixels = width * height;
  const used: DeviceBuffer[] = [];
  const keep = <B extends DeviceBuffer>(buffer: B): B => {
    backend.write(buffer, new Uint8Array(buffer.sizeBytes).fill(0x7f));
    used.push(buffer);
    return buffer;
  };
  const create = (label: string, bytes: number) => keep(backend.createBuffer(label, bytes));
  const upload = (label: string, data: readonly number[]) => {
    const buffer = create(label, 4 * data.length);
    backend.write(buffer, Float32Array.from(data));
    return buffer;
  };
  const floats = async (buffer: DeviceBuffer) => new Float32Array(await backend.read(buffer));

  const packed = packGaussians(parametersOf(golden));
  const parameters = createGaussianBuffers(backend, 'parameters', count, shDegree);
  const gradients = createGaussianBuffers(backend, 'gradients', count, shDegree);
  for (const name of NAMES) {
    backend.write(keep(parameters[name]), packed[name]);
    keep(gradients[name]);
  }
  const projected = create('projected', count * PROJECTED_BYTES);
  const scene = { parameters, count, shDegree, activeShDegree: shDegree, view: viewOf(golden), projected };
  const lists = new TileLists(backend);
  const state = new BlendState(backend);
  const [red, green, blue] = golden.inputs.background;
  const view = { projected, lists, state, width, height, background: [red, green, blue] as const };
  const features = upload('features', golden.inputs.features);
  const output = create('output', (4 + featureDim) * pixels * 4);
  const alpha = create('alpha', pixels * 4);
  const contributors = create('contributors', pixels * 4);
  backend.run(project, scene);
  backend.run(binTiles, { projected, count, width, height, lists });
  await backend.synchronise();
  backend.run(blendChannels, { ...view, features, featureDim, output, alpha, contributors });

  const slots = create('slots', lists.instanceCount * SLOT_BYTES);
  const featureSlots = create('feature slots', lists.instanceCount * featureDim * 4);
  const screen = create('screen gradients', count * SCREEN_GRADIENT_BYTES);
  const featureGradients = create('feature gradients', count * featureDim * 4);
  const images = [...planar(upstream.rgb, 3), ...upstream.depth, ...planar(upstream.features, featureDim)];
  backend.run(blendChannelsBackward, {
    ...view,
    ...{ features, featureDim, slots, featureSlots },
    upstream: upload('upstream', images),
    upstreamAlpha: upload('upstream alpha', upstream.alpha),
  });
  const record = { projected, count, lists, slots, featureSlots, featureDim };
  backend.run(reduceSlots, { ...record, gradients: screen, featureGradients });
  backend.run(projectBackward, { ...scene, upstream: screen, gradients });

  const rendered = await floats(output);
  const image = (first: number, channels: number) =>
    interleaved(rendered.subarray(first * pixels, (first + channels) * pixels), channels);
  const widths = parameterFloats(shDegree);
  const gradientOf = async (name: (typeof NAMES)[number]) =>
    unpackLanes(await floats(gradients[name]), count, widths[name]);
  const result = {
    outputs: { rgb: image(0, 3), depth: image(3, 1), alpha: await floats(alpha), features: image(4, featureDim) },
    contributors: new Int32Array(await backend.read(contributors)),
    gradients: {
      means: await gradientOf('means'),
      quats_wxyz: await gradientOf('quaternions'),
      logScales: await gradientOf('logScales'),
      logitOpacities: await gradientOf('logitOpacities'),
      sh: await gradientOf('sh'),
      features: await floats(featureGradients),
    },
  };
  for (const buffer of used) backend.destroyBuffer(buffer);
  lists.dispose();
  state.dispose();
  return result;
}

/** The images and gradients of a golden case on one backend. */
function reproduces(golden: SplatCase, on: () => Backend): void {
  const pixels = golden.width * golden.height;
  const ambiguous = new Set(golden.ambiguousPixels);
  const bandOf = (channels: number) => ({
    inBand: (index: number) => ambiguous.has(Math.floor(index / channels)),
    jump: 1e3,
    maxShare: 0.05,
  });

  it('has the images', async () => {
    const { outputs, contributors } = await render(on(), golden);
    for (const kind of ['rgb', 'depth', 'alpha', 'features'] as const) {
      expectCloseOutsideBand(kind, outputs[kind], golden.outputs[kind], OUTPUT, bandOf(outputs[kind].length / pixels));
    }
    expectCloseOutsideBand('contributors', contributors, golden.outputs.contributors, { abs: 0.5 }, bandOf(1));
  });

  it('has the gradients', async () => {
    const { gradients } = await render(on(), golden);
    for (const kind of ['means', 'quats_wxyz', 'logScales', 'logitOpacities', 'sh', 'features'] as const) {
      expectClose(kind, gradients[kind], golden.gradients[kind], GRADIENT);
      expectVectorAgreement(kind, gradients[kind], golden.gradients[kind], { minCosine: 1 - 1e-6, normRel: 1e-3 });
    }
  });
}

describe.each(loadSplatCases())('wasm rendering of golden case $name', ({ golden }) => {
  reproduces(golden, () => backends[1]);

  it('has the same bits on one thread and on two', async () => {
    expect(await render(backends[0], golden)).toEqual(await render(backends[1], golden));
  });
});

webgpuTests('golden values', () => {
  let backend: WebgpuBackend;
  beforeAll(async () => {
    backend = await WebgpuBackend.create({ allowSoftware: true });
  });
  afterAll(() => backend.dispose());
  describe.each(loadSplatCases())('rendering of golden case $name', ({ golden }) => reproduces(golden, () => backend));
});
