import { expect, it } from 'vitest';
import {
  anchorsWithPositive,
  averageMlp,
  averageReference,
  createSparseMatrix,
  FeatureTable,
  type FeatureTableState,
  featureStepReference,
  gatherFeatures,
  MlpParameters,
  MlpWorkspace,
  marginLoss,
  marginReference,
  mlpBackward,
  mlpForward,
  mlpReference,
  rowsOf,
  scatterGradients,
  slowFastLoss,
  slowFastReference,
  sparseProductReference,
  TouchedRows,
  transposeMlp,
  updateFeatures,
  vanillaLoss,
  vanillaReference,
} from '../../kernels/index.ts';
import { expectClose, expectVectorAgreement, seededRandom } from '../../kernels/testing/index.ts';
import { conformance } from './suite.ts';

const SEED = 7900;
const COUNTS = [1, 15, 16, 17, 150] as const;
const LIMITS = { minCosine: 1 - 1e-9, normRel: 1e-5 };

const strided = (values: ArrayLike<number>, columns: number, stride: number): Float32Array => {
  const rows = new Float32Array((values.length / columns) * stride);
  for (let i = 0; i < values.length; i++) rows[Math.floor(i / columns) * stride + (i % columns)] = values[i]!;
  return rows;
};
const dense = (rows: Float32Array, columns: number, stride: number): Float32Array =>
  rows.filter((_, i) => i % stride < columns);

conformance('pair losses', (on) => {
  const cases = COUNTS.flatMap((count) => [2, 3, 16].map((dimensions) => ({ count, dimensions, seed: SEED + count })));
  it.each(cases)('$count pixels in $dimensions dimensions (seed $seed)', async ({ count, dimensions, seed }) => {
    const stride = Math.ceil(dimensions / 4) * 4;
    const random = seededRandom(seed);
    const pixels = (size: number) => ({
      labels: Int32Array.from({ length: size }, () => random.integer(5)),
      features: Float64Array.from(random.fill(size * dimensions, (r) => Math.fround(0.6 * r.normal()))),
    });
    const [own, other] = [pixels(count), pixels(count + 2)];
    const rows = ({ features, labels }: typeof own) => ({
      features: on().upload('features', strided(features, dimensions, stride)),
      labels,
    });
    const losses = on().createBuffer('losses', 4 * count);
    const gradients = on().createBuffer('gradients', 4 * count * stride);
    const shared = { dimensions, stride, weight: 3, losses, gradients };
    const check = async (name: string, terms: number, expected: { value: number; gradient: Float64Array }) => {
      const sum = (await on().floats(losses)).reduce((total, value) => total + value, 0);
      expectClose(name, [sum / Math.max(1, terms)], [expected.value], { abs: 1e-6, rel: 1e-6 });
      const gradient = dense(await on().floats(gradients), dimensions, stride);
      if (expected.gradient.every((value) => value === 0)) expect(gradient.every((value) => value === 0)).toBe(true);
      else
        expectVectorAgreement(
          name,
          gradient,
          expected.gradient.map((value) => 3 * value),
          LIMITS,
        );
    };
    const [first, second] = [rows(own), rows(other)];
    for (const similarity of ['squared', 'released'] as const) {
      on().run(slowFastLoss, { ...shared, fast: first, slow: second, gamma: 1.2, similarity });
      const expected = slowFastReference(own, other, dimensions, 1.2, similarity);
      await check(`slow-fast, ${similarity}`, anchorsWithPositive(own.labels, other.labels), expected);
    }
    on().run(vanillaLoss, { ...shared, pixels: first, gamma: 0.7 });
    await check('vanilla', anchorsWithPositive(own.labels), vanillaReference(own, dimensions, 0.7));
    on().run(marginLoss, { ...shared, pixels: first, margin: 1.5 });
    await check('margin', count * (count - 1), marginReference(own, dimensions, 1.5));
  });
});

conformance('featureTable', (on) => {
  const cases = COUNTS.flatMap((count) => [3, 16].map((channels) => ({ count, channels, seed: SEED + count })));
  it.each(cases)('$count rows of $channels, three steps (seed $seed)', async ({ count, channels, seed }) => {
    const random = seededRandom(seed);
    const rowStart = new Uint32Array(41);
    for (let r = 0; r < 40; r++) rowStart[r + 1] = rowStart[r]! + random.integer(6);
    const host = {
      ...{ rowCount: 40, columnCount: count, rowStart },
      columns: Uint32Array.from({ length: rowStart[40]! }, () => random.integer(count)),
      weights: Float32Array.from({ length: rowStart[40]! }, () => random.uniform(0.1, 1)),
    };
    const start = Float32Array.from(random.fill(count * channels, (r) => r.normal()));
    const matrix = createSparseMatrix(on(), host);
    const table = new FeatureTable(on(), start, channels, { slowDecay: 0.8 });
    const touched = new TouchedRows(on());
    const zeros = new Float64Array(start.length);
    let expected: FeatureTableState = {
      ...{ table: Float64Array.from(start), slow: Float64Array.from(start), updates: new Int32Array(count) },
      ...{ firstMoments: zeros, secondMoments: zeros },
    };
    const adam = { rate: 0.03, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    for (let step = 1; step <= 3; step++) {
      const rows = Uint32Array.from({ length: 13 }, () => random.integer(40));
      const batch = { matrix, rows: on().upload('rows', rows), rowCount: 13 };
      const output = on().createBuffer('output', 13 * table.stride * 4);
      expected = { ...expected, slow: averageReference(expected, 0.8).slow };
      const own = rowsOf(host, rows);
      for (const [source, slow] of [
        [expected.table, {}],
        [expected.slow, { slowAtStep: step }],
      ] as const) {
        on().run(gatherFeatures, { table, batch, output, ...slow });
        const actual = dense(await on().floats(output), channels, table.stride);
        expectClose('W f', actual, sparseProductReference(own, source, channels), { abs: 5e-6 });
      }
      const upstream = random.fill(13 * channels, (r) => Math.fround(r.normal()));
      on().run(scatterGradients, {
        ...{ table, touched, batch, step },
        upstream: on().upload('upstream', strided(upstream, channels, table.stride)),
      });
      on().run(updateFeatures, { table, touched, step, rate: adam.rate });
      const next = featureStepReference(expected, { w: host, rows, ...adam }, upstream, channels);
      expected = { ...expected, ...next };
      expectClose('features', await table.features(), expected.table, { abs: 5e-6 });
    }
    touched.dispose();
    table.dispose();
  });
});

/** Small ones, one that fills the workgroup memory of many GPUs, and one whose layers are too wide for it. */
const NETWORKS = [
  ...COUNTS.map((count) => ({ count, width: 20, depth: 4 })),
  { count: 600, width: 20, depth: 4 },
  { count: 33, width: 256, depth: 3 },
  { count: 21, width: 1100, depth: 2 },
].map((given) => ({ ...given, seed: SEED + given.count + given.width }));

conformance('mlp', (on) => {
  it.each(NETWORKS)('$count rows, $depth layers of $width (seed $seed)', async ({ count, width, depth, seed }) => {
    const shape = { inputs: 5, width, outputs: 3, layers: depth, inputGradients: true };
    const random = seededRandom(seed);
    const layers = Array.from({ length: depth }, (_, l) => {
      const [ins, outs] = [l === 0 ? 5 : width, l === depth - 1 ? 3 : width];
      const size = 0.4 * Math.sqrt(20 / Math.max(ins, 20));
      const draw = (count: number) => random.fill(count, (r) => Math.fround(size * r.normal()));
      return { weights: draw(ins * outs), bias: draw(outs) };
    });
    const parameters = new MlpParameters(on(), shape);
    parameters.upload(layers);
    const workspace = new MlpWorkspace(on());
    const inputs = random.fill(count * 5, (r) => Math.fround(r.normal()));
    const upstream = random.fill(count * 3, (r) => Math.fround(r.normal()));
    const outputs = on().createBuffer('outputs', 4 * count * parameters.outputStride);
    const gradients = on().upload('gradients', new Float32Array(parameters.count));
    const inputGradients = on().createBuffer('gradients of inputs', 4 * count * parameters.inputStride);
    on().run(mlpForward, {
      ...{ parameters, workspace, count, outputs },
      inputs: on().upload('inputs', strided(inputs, 5, parameters.inputStride)),
      ids: on().upload(
        'ids',
        Uint32Array.from({ length: count }, (_, i) => i),
      ),
    });
    on().run(mlpBackward, {
      ...{ parameters, workspace, count, gradients, inputGradients },
      upstream: on().upload('upstream', strided(upstream, 3, parameters.outputStride)),
    });
    const expected = mlpReference(inputs, layers, upstream);
    const actual = dense(await on().floats(outputs), 3, parameters.outputStride);
    expectClose('outputs', actual, expected.outputs, { abs: 1e-5 });
    const byInputs = dense(await on().floats(inputGradients), 5, parameters.inputStride);
    expectVectorAgreement('gradients of inputs', byInputs, expected.inputs, LIMITS);
    for (const [l, layer] of (await parameters.download(gradients)).entries()) {
      expectVectorAgreement(`weights ${l}`, layer.weights, expected.layers[l]!.weights, LIMITS);
      expectVectorAgreement(`bias ${l}`, layer.bias, expected.layers[l]!.bias, LIMITS);
    }
    const averages = new MlpParameters(on(), shape);
    on().run(averageMlp, { values: parameters, averages, decay: 0.75 });
    on().run(transposeMlp, { parameters: averages });
    const [mean] = await averages.download();
    expectClose(
      'average',
      mean!.weights,
      layers[0]!.weights.map((value) => value / 4),
      { abs: 1e-6 },
    );
  });
});
