/** A multilayer perceptron in WGSL, one launch per layer and direction; mlpReference is the definition. */
import { type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import type { MlpBackwardArgs, MlpForwardArgs, MlpParameters, MlpWorkspace } from './mlp.ts';

/** Weights of a layer are [outputs / 8][inputs][8], as MlpParameters keeps them. */
const LAYER = { inputs: 'u32', outputs: 'u32', weights: 'u32', bias: 'u32' } as const;
const PANEL_WGSL = `
fn weightAt(input: u32, output: u32) -> u32 {
  return params.weights + (output / 8u * params.inputs + input) * 8u + output % 8u;
}
`;

const GATHER_ROWS = itemProgram({
  name: 'mlpForward (rows)',
  params: { stride: 'u32' },
  buffers: { ids: 'read u32', inputs: 'read f32', rows: 'write f32' },
  body: 'fn item(i: u32) { rows[i] = inputs[ids[i / params.stride] * params.stride + i % params.stride]; }',
});

const FORWARD = itemProgram({
  name: 'mlpForward',
  params: { ...LAYER, relu: 'u32' },
  buffers: { values: 'read f32', below: 'read f32', above: 'write f32' },
  body: `${PANEL_WGSL}
fn item(i: u32) {
  let row = i / params.outputs;
  let output = i % params.outputs;
  var sum = values[params.bias + output];
  for (var k = 0u; k < params.inputs; k++) { sum += below[row * params.inputs + k] * values[weightAt(k, output)]; }
  above[i] = select(sum, max(sum, 0.0), params.relu == 1u);
}
`,
});

const BACKWARD = itemProgram({
  name: 'mlpBackward',
  params: { ...LAYER, gated: 'u32' },
  buffers: { values: 'read f32', activations: 'read f32', above: 'read f32', below: 'write f32' },
  body: `${PANEL_WGSL}
fn item(i: u32) {
  let row = i / params.inputs;
  let input = i % params.inputs;
  var sum = 0.0;
  for (var k = 0u; k < params.outputs; k++) { sum += above[row * params.outputs + k] * values[weightAt(input, k)]; }
  below[i] = select(0.0, sum, params.gated == 0u || activations[i] > 0.0);
}
`,
});

const WEIGHT_GRADIENTS = itemProgram({
  name: 'mlpBackward (weights)',
  params: { ...LAYER, rows: 'u32' },
  buffers: { activations: 'read f32', above: 'read f32', gradients: 'write f32' },
  // The last `outputs` items are the biases.
  body: `${PANEL_WGSL}
fn item(i: u32) {
  let input = i / params.outputs;
  let output = i % params.outputs;
  var sum = 0.0;
  if (input == params.inputs) {
    for (var r = 0u; r < params.rows; r++) { sum += above[r * params.outputs + output]; }
    gradients[params.bias + output] += sum;
    return;
  }
  for (var r = 0u; r < params.rows; r++) {
    sum += above[r * params.outputs + output] * activations[r * params.inputs + input];
  }
  gradients[weightAt(input, output)] += sum;
}
`,
});

const layerParameters = ({ inputs, outputs, weights, bias }: MlpParameters['layers'][number]) => ({
  ...{ inputs, outputs, weights, bias },
});

/** [count, inputs of layer l] and its gradient. */
const activationsOf = (workspace: MlpWorkspace, layer: number, floats: number): DeviceBuffer =>
  workspace.ensure(`activations ${layer}`, floats * 4);
const deltasOf = (workspace: MlpWorkspace, layer: number, floats: number): DeviceBuffer =>
  workspace.ensure(`gradients ${layer}`, floats * 4);

export function mlpForwardOnWebgpu(backend: WebgpuBackend, args: MlpForwardArgs): void {
  const { parameters, workspace, inputs, ids, count, outputs } = args;
  const { layers, inputStride: stride, values } = parameters;
  let below = activationsOf(workspace, 0, count * stride);
  backend.launch(GATHER_ROWS, { params: { stride, items: count * stride }, buffers: { ids, inputs, rows: below } });
  for (const [l, layer] of layers.entries()) {
    const isLast = l === layers.length - 1;
    const above = isLast ? outputs : activationsOf(workspace, l + 1, count * layer.outputs);
    backend.launch(FORWARD, {
      params: { ...layerParameters(layer), relu: isLast ? 0 : 1, items: count * layer.outputs },
      buffers: { values, below, above },
    });
    below = above;
  }
}

export function mlpBackwardOnWebgpu(backend: WebgpuBackend, args: MlpBackwardArgs): void {
  const { parameters, workspace, count, upstream, gradients, inputGradients } = args;
  const { layers, values } = parameters;
  let above = upstream;
  for (const [l, layer] of [...layers.entries()].reverse()) {
    const activations = activationsOf(workspace, l, count * layer.inputs);
    const own = layerParameters(layer);
    backend.launch(WEIGHT_GRADIENTS, {
      params: { ...own, rows: count, items: (layer.inputs + 1) * layer.outputs },
      buffers: { activations, above, gradients },
    });
    const below = l === 0 ? inputGradients : deltasOf(workspace, l, count * layer.inputs);
    if (below === undefined) break;
    const params = { ...own, gated: l === 0 ? 0 : 1, items: count * layer.inputs };
    backend.launch(BACKWARD, { params, buffers: { values, activations, above, below } });
    above = below;
  }
}

const AVERAGE = itemProgram({
  name: 'averageMlp',
  params: { decay: 'f32' },
  buffers: { values: 'read f32', averages: 'write f32' },
  body: 'fn item(i: u32) { averages[i] = params.decay * averages[i] + (1.0 - params.decay) * values[i]; }',
});

export function averageOnWebgpu(
  backend: WebgpuBackend,
  { values, averages, decay }: { values: MlpParameters; averages: MlpParameters; decay: number },
): void {
  backend.launch(AVERAGE, {
    params: { decay, items: values.count },
    buffers: { values: values.values, averages: averages.values },
  });
}
