/**
 * A multilayer perceptron in WGSL; mlpReference is the definition. Networks whose layers fit into workgroup memory take
 * fused.wgsl.ts; wider ones one launch per layer and direction. Gradients of the weights are products of blocks in both.
 */
import { type BufferSlice, type DeviceBuffer, itemProgram, program, type WebgpuBackend } from '../../compute/index.ts';
import { fusedBackward, fusedForward, fusedRows, inputWidths, slicesBytes, slicesOf } from './fused.wgsl.ts';
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

/** A block of weights is this many inputs by as many outputs; rows pass through workgroup memory as many at a time. */
const BLOCK = 16;
const BLOCK_THREADS = 64;
/** Rows that one workgroup sums; and how often the rows are split at most. */
const ROWS_PER_SPLIT = 256;
const MAX_SPLITS = 16;

/** activations^T above, block by block; the bias is one more input that is always 1. */
const WEIGHT_GRADIENTS = program({
  name: 'mlpBackward (weights)',
  params: { ...LAYER, rows: 'u32', perSplit: 'u32', blocksOfOutputs: 'u32', floats: 'u32' },
  buffers: { activations: 'read f32', above: 'read f32', partials: 'write f32' },
  workgroup: BLOCK_THREADS,
  body: `${PANEL_WGSL}
var<workgroup> left: array<f32, ${BLOCK * BLOCK}>;
var<workgroup> right: array<vec4f, ${(BLOCK * BLOCK) / 4}>;
@compute @workgroup_size(${BLOCK_THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let firstInput = group.x / params.blocksOfOutputs * ${BLOCK}u;
  let firstOutput = group.x % params.blocksOfOutputs * ${BLOCK}u;
  // Every invocation has one input and four outputs of the block.
  let own = thread / 4u;
  let quad = thread % 4u;
  let begin = group.y * params.perSplit;
  let end = min(params.rows, begin + params.perSplit);
  var sum = vec4f(0.0);
  for (var first = begin; first < end; first += ${BLOCK}u) {
    workgroupBarrier();
    for (var i = thread; i < ${BLOCK * BLOCK}u; i += ${BLOCK_THREADS}u) {
      let row = first + i / ${BLOCK}u;
      let input = firstInput + i % ${BLOCK}u;
      var value = 0.0;
      if (row < end && input < params.inputs) { value = activations[row * params.inputs + input]; }
      if (row < end && input == params.inputs) { value = 1.0; }
      left[i] = value;
    }
    let row = first + thread / 4u;
    let output = firstOutput + 4u * quad;
    var values = vec4f(0.0);
    if (row < end && output < params.outputs) {
      let at = row * params.outputs + output;
      values = vec4f(above[at], above[at + 1u], above[at + 2u], above[at + 3u]);
    }
    right[thread] = values;
    workgroupBarrier();
    for (var r = 0u; r < ${BLOCK}u; r++) { sum += left[r * ${BLOCK}u + own] * right[r * 4u + quad]; }
  }
  let input = firstInput + own;
  for (var k = 0u; k < 4u; k++) {
    let output = firstOutput + 4u * quad + k;
    if (output >= params.outputs || input > params.inputs) { continue; }
    var at = params.bias + output;
    if (input < params.inputs) { at = weightAt(input, output); }
    partials[group.y * params.floats + at] = sum[k];
  }
}
`,
});

const ADD_PARTIALS = itemProgram({
  name: 'mlpBackward (sums)',
  params: { splits: 'u32' },
  buffers: { partials: 'read f32', gradients: 'write f32' },
  body: `
fn item(i: u32) {
  var sum = gradients[i];
  for (var s = 0u; s < params.splits; s++) { sum += partials[s * params.items + i]; }
  gradients[i] = sum;
}
`,
});

const layerParameters = ({ inputs, outputs, weights, bias }: MlpParameters['layers'][number]) => ({
  ...{ inputs, outputs, weights, bias },
});

/** [count, inputs of layer l] of every layer, and the gradients by them: laid end to end, or a buffer each for wide layers. */
function matricesOf(
  { layers }: MlpParameters,
  workspace: MlpWorkspace,
  name: 'activations' | 'gradients',
  count: number,
  isFused: boolean,
): { readonly together: DeviceBuffer | undefined; readonly each: readonly (DeviceBuffer | BufferSlice)[] } {
  const widths = inputWidths(layers);
  if (!isFused) {
    const each = widths.map((width, l) => workspace.ensure(`${name} ${l}`, count * width * 4));
    return { together: undefined, each };
  }
  const together = workspace.ensure(name, slicesBytes(widths, count));
  return { together, each: slicesOf(together, widths, count) };
}

export function mlpForwardOnWebgpu(backend: WebgpuBackend, args: MlpForwardArgs): void {
  const { parameters, workspace, inputs, ids, count, outputs } = args;
  const { layers, inputStride: stride, values } = parameters;
  if (count === 0) return;
  const rows = fusedRows(backend, layers);
  const { together, each } = matricesOf(parameters, workspace, 'activations', count, rows !== undefined);
  if (rows !== undefined && together !== undefined) {
    fusedForward(backend, parameters, rows, count, { ids, inputs, activations: together, outputs });
    return;
  }
  const params = { stride, items: count * stride };
  backend.launch(GATHER_ROWS, { params, buffers: { ids, inputs, rows: each[0]! } });
  for (const [l, layer] of layers.entries()) {
    const isLast = l === layers.length - 1;
    backend.launch(FORWARD, {
      params: { ...layerParameters(layer), relu: isLast ? 0 : 1, items: count * layer.outputs },
      buffers: { values, below: each[l]!, above: isLast ? outputs : each[l + 1]! },
    });
  }
}

export function mlpBackwardOnWebgpu(backend: WebgpuBackend, args: MlpBackwardArgs): void {
  const { parameters, workspace, count, upstream, gradients, inputGradients } = args;
  const { layers, values } = parameters;
  if (count === 0) return;
  const rows = fusedRows(backend, layers);
  const lowest = inputGradients === undefined ? 1 : 0;
  const activations = matricesOf(parameters, workspace, 'activations', count, rows !== undefined);
  const deltas = matricesOf(parameters, workspace, 'gradients', count, rows !== undefined);
  if (rows !== undefined) {
    fusedBackward(
      backend,
      parameters,
      { rows, lowest, count },
      {
        ...{ upstream, activations: activations.together!, deltas: deltas.together! },
      },
    );
  } else {
    for (let l = layers.length - 1; l >= lowest; l--) {
      const layer = layers[l]!;
      backend.launch(BACKWARD, {
        params: { ...layerParameters(layer), gated: l === 0 ? 0 : 1, items: count * layer.inputs },
        buffers: {
          ...{ values, activations: activations.each[l]!, below: deltas.each[l]! },
          above: l === layers.length - 1 ? upstream : deltas.each[l + 1]!,
        },
      });
    }
  }
  if (inputGradients !== undefined) {
    backend.copy(
      rows === undefined ? workspace.ensure('gradients 0', 0) : deltas.together!,
      inputGradients,
      count * parameters.inputStride * 4,
    );
  }
  const splits = Math.min(MAX_SPLITS, Math.ceil(count / ROWS_PER_SPLIT));
  const perSplit = Math.ceil(count / splits / BLOCK) * BLOCK;
  const partials = workspace.ensure('partial gradients', splits * parameters.count * 4);
  for (const [l, layer] of layers.entries()) {
    const blocksOfOutputs = Math.ceil(layer.outputs / BLOCK);
    backend.launch(WEIGHT_GRADIENTS, {
      params: { ...layerParameters(layer), rows: count, perSplit, blocksOfOutputs, floats: parameters.count },
      buffers: {
        ...{ activations: activations.each[l]!, partials },
        above: l === layers.length - 1 ? upstream : deltas.each[l + 1]!,
      },
      groups: [blocksOfOutputs * Math.ceil((layer.inputs + 1) / BLOCK), splits],
    });
  }
  backend.launch(ADD_PARTIALS, { params: { splits, items: parameters.count }, buffers: { partials, gradients } });
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
