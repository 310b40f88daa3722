import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { checkGradients, expectClose, expectVectorAgreement, seededRandom } from '../testing/index.ts';
import {
  averageMlp,
  type MlpLayer,
  MlpParameters,
  type MlpShape,
  MlpWorkspace,
  mlpBackward,
  mlpCost,
  mlpForward,
  mlpReference,
  transposeMlp,
} from './index.ts';

const SEED = 64;

function network({ inputs, width, outputs, layers }: MlpShape, seed = SEED): MlpLayer[] {
  const random = seededRandom(seed);
  return Array.from({ length: layers }, (_, l) => {
    const ins = l === 0 ? inputs : width;
    const outs = l === layers - 1 ? outputs : width;
    const draw = (count: number, scale: number) => random.fill(count, (r) => Math.fround(scale * r.normal()));
    return { weights: draw(ins * outs, 1 / Math.sqrt(ins)), bias: draw(outs, 0.1) };
  });
}

test('reference: two layers by hand', () => {
  // 2·1 + 0.5 = 2.5 and −1·1 → 0 after the ReLU; 2.5·3 + 1 = 8.5.
  const layers = [
    { weights: Float64Array.of(2, -1), bias: Float64Array.of(0.5, 0) },
    { weights: Float64Array.of(3, 7), bias: Float64Array.of(1) },
  ];
  const { outputs, layers: gradients } = mlpReference([1], layers, [1]);
  expect([...outputs]).toEqual([8.5]);
  expect(gradients.map((layer) => [...layer.weights, ...layer.bias])).toEqual([
    [3, 0, 3, 0],
    [2.5, 0, 1],
  ]);
});

test('reference: gradients', () => {
  const shape = { inputs: 3, width: 5, outputs: 2, layers: 3 };
  const layers = network(shape);
  const inputs = seededRandom(1).fill(7 * 3, (r) => r.normal());
  const upstream = seededRandom(2).fill(7 * 2, (r) => r.normal());
  const build = (at: Record<string, Float64Array>) =>
    layers.map((_, l) => ({ weights: at[`weights ${l}`]!, bias: at[`bias ${l}`]! }));
  checkGradients<string>({
    ...{ label: 'network', seed: SEED },
    inputs: Object.fromEntries([
      ['inputs', inputs],
      ...layers.flatMap(({ weights, bias }, l) => [
        [`weights ${l}`, weights],
        [`bias ${l}`, bias],
      ]),
    ]),
    loss: (at) => mlpReference(at.inputs!, build(at)).outputs.reduce((sum, value, i) => sum + value * upstream[i]!, 0),
    gradient: (at) => {
      const gradients = mlpReference(at.inputs!, build(at), upstream);
      return Object.fromEntries([
        ['inputs', gradients.inputs],
        ...gradients.layers.flatMap(({ weights, bias }, l) => [
          [`weights ${l}`, weights],
          [`bias ${l}`, bias],
        ]),
      ]);
    },
  });
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  async function run(backend: WasmBackend, shape: MlpShape, count: number, total = count + 3) {
    const layers = network(shape);
    const parameters = new MlpParameters(backend, shape);
    parameters.upload(layers);
    const workspace = new MlpWorkspace(backend);
    const random = seededRandom(SEED + count);
    const inputs = random.fill(total * shape.inputs, (r) => Math.fround(r.normal()));
    const ids = Uint32Array.from({ length: count }, () => random.integer(total));
    const upstream = random.fill(count * shape.outputs, (r) => Math.fround(r.normal()));
    const rowsOf = (values: Float64Array, columns: number, stride: number) => {
      const rows = new Float32Array((values.length / columns) * stride);
      values.forEach((value, i) => {
        rows[Math.floor(i / columns) * stride + (i % columns)] = value;
      });
      return rows;
    };
    const upload = (label: string, data: ArrayBufferView) => {
      const buffer = backend.createBuffer(label, data.byteLength);
      backend.write(buffer, data);
      return buffer;
    };
    const buffers = {
      inputs: upload('inputs', rowsOf(inputs, shape.inputs, parameters.inputStride)),
      ids: upload('ids', ids),
      outputs: upload('outputs', new Float32Array(count * parameters.outputStride).fill(Number.NaN)),
      upstream: upload('upstream', rowsOf(upstream, shape.outputs, parameters.outputStride)),
      gradients: upload('gradients', new Float32Array(parameters.count)),
      inputGradients: upload('gradients of inputs', new Float32Array(count * parameters.inputStride)),
    };
    const args = { parameters, workspace, count };
    backend.run(mlpForward, { ...args, inputs: buffers.inputs, ids: buffers.ids, outputs: buffers.outputs });
    // Twice: gradients are added.
    const { upstream: given, gradients: summed, inputGradients } = buffers;
    const wanted = shape.inputGradients === true ? { inputGradients } : {};
    backend.run(mlpBackward, { ...args, upstream: given, gradients: summed, ...wanted });
    backend.run(mlpBackward, { ...args, upstream: given, gradients: summed, ...wanted });
    const inputRows = new Float32Array(await backend.read(inputGradients));
    const rows = new Float32Array(await backend.read(buffers.outputs));
    const outputs = Float32Array.from({ length: count * shape.outputs }, (_, i) => {
      return rows[Math.floor(i / shape.outputs) * parameters.outputStride + (i % shape.outputs)]!;
    });
    const gradients = await parameters.download(buffers.gradients);
    const roundTrip = await parameters.download();
    for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
    parameters.dispose();
    workspace.dispose();
    const chosen = Float64Array.from({ length: count * shape.inputs }, (_, i) => {
      return inputs[ids[Math.floor(i / shape.inputs)]! * shape.inputs + (i % shape.inputs)]!;
    });
    const byInputs = Float32Array.from({ length: count * shape.inputs }, (_, i) => {
      return inputRows[Math.floor(i / shape.inputs) * parameters.inputStride + (i % shape.inputs)]!;
    });
    return { layers, outputs, gradients, byInputs, roundTrip, expected: mlpReference(chosen, layers, upstream) };
  }

  test.each([
    { inputs: 3, width: 8, outputs: 3, layers: 2, count: 1 },
    { inputs: 3, width: 16, outputs: 3, layers: 3, count: 15 },
    { inputs: 5, width: 20, outputs: 9, layers: 4, count: 16 },
    { inputs: 39, width: 32, outputs: 16, layers: 3, count: 17 },
    { inputs: 5, width: 12, outputs: 7, layers: 2, count: 33, inputGradients: true },
    { inputs: 20, width: 24, outputs: 10, layers: 3, count: 70, inputGradients: true },
    { inputs: 3, width: 64, outputs: 24, layers: 5, count: 150 },
  ])('$count rows through $layers layers of $width agree with the reference', async ({ count, ...shape }) => {
    const backend = await backendPromise;
    const { layers, outputs, gradients, byInputs, roundTrip, expected } = await run(backend, shape, count);
    expectClose('outputs', outputs, expected.outputs, { abs: 2e-6, rel: 2e-6, scale: 'largest' });
    for (const [l, layer] of layers.entries()) {
      expectClose(`parameters ${l}`, roundTrip[l]!.weights, layer.weights, { abs: 1e-12 });
      const limits = { minCosine: 1 - 1e-9, normRel: 1e-5 };
      const twice = (values: Float64Array) => values.map((value) => 2 * value);
      expectVectorAgreement(`weights ${l}`, gradients[l]!.weights, twice(expected.layers[l]!.weights), limits);
      expectVectorAgreement(`bias ${l}`, gradients[l]!.bias, twice(expected.layers[l]!.bias), limits);
    }
    if (shape.inputGradients === true) {
      expectClose('gradients of inputs', byInputs, expected.inputs, { rel: 3e-6, scale: 'largest' });
    }
    expect(backend.memory.usedBytes).toBe(0);
  });

  test('a gradient by the inputs that the shape leaves out is refused', async () => {
    const backend = await backendPromise;
    const parameters = new MlpParameters(backend, { inputs: 3, width: 8, outputs: 2, layers: 2 });
    const workspace = new MlpWorkspace(backend);
    const buffer = backend.createBuffer('any', 4096);
    const args = { parameters, workspace, count: 4, upstream: buffer, gradients: buffer, inputGradients: buffer };
    expect(() => backend.run(mlpBackward, args)).toThrow(/leaves out the gradient of the inputs/);
    backend.destroyBuffer(buffer);
    parameters.dispose();
    workspace.dispose();
  });

  test('the same bits as one thread', async () => {
    const shape = { inputs: 3, width: 32, outputs: 3, layers: 4 };
    const single = await WasmBackend.create({ threads: 1 });
    const one = await run(single, shape, 150);
    const many = await run(await backendPromise, shape, 150);
    expect(many.gradients).toEqual(one.gradients);
    expect(many.outputs).toEqual(one.outputs);
    await single.dispose();
  });

  test('averages follow the values', async () => {
    const backend = await backendPromise;
    const shape = { inputs: 3, width: 8, outputs: 2, layers: 2 };
    const [values, averages] = [new MlpParameters(backend, shape), new MlpParameters(backend, shape)];
    const [a, b] = [network(shape, 1), network(shape, 2)];
    values.upload(a);
    averages.upload(b);
    backend.run(averageMlp, { values, averages, decay: 0.9 });
    backend.run(transposeMlp, { parameters: averages });
    const mixed = await averages.download();
    for (const [l, layer] of mixed.entries()) {
      const expected = a[l]!.weights.map((value, i) => 0.1 * value + 0.9 * b[l]!.weights[i]!);
      expectClose(`layer ${l}`, layer.weights, expected, { abs: 1e-6 });
    }
    values.dispose();
    averages.dispose();
  });
});

test('cost of the published network', () => {
  // 3·256 + 3·256² + 256·3 products per row; the first layer passes no gradient on.
  const { flops } = mlpCost({ inputs: 3, width: 256, outputs: 3, layers: 5 }, 1000);
  expect(flops).toBe(1000 * (6 * (768 + 196_608 + 768) - 2 * 768));
});
