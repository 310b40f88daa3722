import { type Backend, type DeviceBuffer, GrowingBuffers, type Kernel, type WasmBackend } from '../../compute/index.ts';
import { averageOnWebgpu, mlpBackwardOnWebgpu, mlpForwardOnWebgpu } from './kernel.wgsl.ts';

const PANEL = 8;
/** Floats between two rows beyond their width: rows a power of two apart would fall into the same few sets of the cache. */
const ROW_GAP = 16;
const LAYER_WORDS = 8;

/** Layer sizes as the kernel sees them: all but the first input are whole panels. */
interface LayerPlan {
  readonly inputs: number;
  readonly outputs: number;
  /** Offsets in floats within the parameters. */
  readonly weights: number;
  readonly bias: number;
  /** Offset in floats within the transposed weights. */
  readonly transposed: number;
}

export interface MlpShape {
  /** Values per input row; padded to whole vectors. */
  readonly inputs: number;
  readonly width: number;
  readonly outputs: number;
  /** Linear layers, at least 2. */
  readonly layers: number;
  /** Whether {@link mlpBackward} can give the gradient by the inputs; their rows are then whole panels. Default false. */
  readonly inputGradients?: boolean;
}

const up = (value: number, to: number) => Math.ceil(value / to) * to;

/**
 * Parameters of a network on a device. Weights of layer l are [outputs / 8][inputs][8] at layers[l].weights, biases behind
 * them; sizes padded with zeros, which stay zero in training.
 */
export class MlpParameters {
  readonly shape: MlpShape;
  readonly layers: readonly LayerPlan[];
  /** Floats of the parameters, a multiple of 4. */
  readonly count: number;
  readonly values: DeviceBuffer;
  readonly transposed: DeviceBuffer;
  readonly #backend: Backend;

  /** Zeros until {@link upload}. @throws OutOfMemoryError */
  constructor(backend: Backend, shape: MlpShape) {
    const { inputs, width, outputs, layers, inputGradients = false } = shape;
    const sizes = { inputs, width, outputs, layers };
    for (const [name, value] of Object.entries(sizes)) {
      if (!Number.isInteger(value) || value < 1) throw new RangeError(`network: ${name} is ${value}`);
    }
    if (layers < 2) throw new RangeError(`network: ${layers} layers; it needs at least 2`);
    this.#backend = backend;
    this.shape = shape;
    const plans: LayerPlan[] = [];
    let offset = 0;
    let transposed = 0;
    for (let l = 0; l < layers; l++) {
      const ins = l === 0 ? up(inputs, inputGradients ? PANEL : 4) : up(width, PANEL);
      const outs = l === layers - 1 ? up(outputs, PANEL) : up(width, PANEL);
      plans.push({ inputs: ins, outputs: outs, weights: offset, bias: offset + ins * outs, transposed });
      offset += ins * outs + outs;
      transposed += l === 0 && !inputGradients ? 0 : ins * outs;
    }
    this.layers = plans;
    this.count = offset;
    this.values = backend.createBuffer('network: parameters', offset * 4);
    try {
      this.transposed = backend.createBuffer('network: transposed weights', transposed * 4);
    } catch (error) {
      backend.destroyBuffer(this.values);
      throw error;
    }
    backend.write(this.values, new Float32Array(offset));
  }

  /** The lowest layer that a gradient passes through. */
  get lowestLayer(): number {
    return this.shape.inputGradients === true ? 0 : 1;
  }

  /** Floats per input row and per output row. */
  get inputStride(): number {
    return this.layers[0]!.inputs;
  }
  get outputStride(): number {
    return this.layers.at(-1)!.outputs;
  }

  /** @param layers weights [inputs, outputs] and bias [outputs] of each, not padded. */
  upload(layers: readonly { readonly weights: ArrayLike<number>; readonly bias: ArrayLike<number> }[]): void {
    const values = new Float32Array(this.count);
    for (const [l, layer] of layers.entries()) {
      const plan = this.layers[l]!;
      const outs = layer.bias.length;
      for (let at = 0; at < layer.weights.length; at++) {
        values[plan.weights + panelIndex(plan, Math.floor(at / outs), at % outs)] = layer.weights[at]!;
      }
      for (let o = 0; o < outs; o++) values[plan.bias + o] = layer.bias[o]!;
    }
    this.#backend.write(this.values, values);
    this.#backend.run(transposeMlp, { parameters: this });
  }

  /** The inverse of {@link upload}, of any buffer in the layout of the parameters. */
  async download(buffer: DeviceBuffer = this.values): Promise<{ weights: Float32Array; bias: Float32Array }[]> {
    const values = new Float32Array(await this.#backend.read(buffer, 0, this.count * 4));
    const { inputs, width, outputs, layers } = this.shape;
    return this.layers.map((plan, l) => {
      const ins = l === 0 ? inputs : width;
      const outs = l === layers - 1 ? outputs : width;
      return {
        weights: Float32Array.from({ length: ins * outs }, (_, at) => {
          return values[plan.weights + panelIndex(plan, Math.floor(at / outs), at % outs)]!;
        }),
        bias: values.slice(plan.bias, plan.bias + outs),
      };
    });
  }

  dispose(): void {
    this.#backend.destroyBuffer(this.values);
    this.#backend.destroyBuffer(this.transposed);
  }
}

function panelIndex({ inputs }: LayerPlan, i: number, o: number): number {
  return (Math.floor(o / PANEL) * inputs + i) * PANEL + (o % PANEL);
}

/** Activations and their gradients for one set of rows; grows to the largest set. */
export class MlpWorkspace extends GrowingBuffers {
  constructor(backend: Backend) {
    super(backend, 'network');
  }
}

interface MlpArgs {
  readonly parameters: MlpParameters;
  readonly workspace: MlpWorkspace;
  readonly count: number;
}

export interface MlpForwardArgs extends MlpArgs {
  /** [N, inputStride] */
  readonly inputs: DeviceBuffer;
  /** [count] uint32 rows of the inputs. */
  readonly ids: DeviceBuffer;
  /** [count, outputStride] out. */
  readonly outputs: DeviceBuffer;
}

/** Outputs of chosen rows; the workspace then holds what {@link mlpBackward} needs. mlpReference is the definition. */
export const mlpForward: Kernel<MlpForwardArgs> = {
  name: 'mlpForward',
  wasm(backend, args) {
    const { parameters, inputs, ids, count, outputs } = args;
    requireBytes('ids', ids, count * 4);
    requireBytes('outputs', outputs, count * parameters.outputStride * 4);
    const plan = describe(backend, args);
    const { layers } = parameters;
    const addresses = [backend.address(inputs), backend.address(ids)];
    backend.dispatch(
      'mlp.forward',
      ...[plan.layers, layers.length, ...addresses, count, plan.rows, plan.activations, plan.rowBytes],
    );
    const last = args.workspace.ensure(`activations ${layers.length}`, 0);
    backend.write(outputs, backend.bytes(last, 0, count * parameters.outputStride * 4));
  },
  webgpu(backend, args) {
    requireBytes('ids', args.ids, args.count * 4);
    requireBytes('outputs', args.outputs, args.count * args.parameters.outputStride * 4);
    mlpForwardOnWebgpu(backend, args);
  },
};

export interface MlpBackwardArgs extends MlpArgs {
  /** [count, outputStride]; padding 0. */
  readonly upstream: DeviceBuffer;
  /** In the layout of the parameters; added to. */
  readonly gradients: DeviceBuffer;
  /** [count, inputStride] out, for a network whose shape says so. */
  readonly inputGradients?: DeviceBuffer;
}

/** Adds the gradient of Σ upstream·outputs of the rows that were last forwarded with this workspace. */
export const mlpBackward: Kernel<MlpBackwardArgs> = {
  name: 'mlpBackward',
  wasm(backend, args) {
    const { parameters, workspace, count, upstream, gradients } = args;
    const { layers, outputStride } = parameters;
    requireBytes('upstream', upstream, count * outputStride * 4);
    requireBytes('gradients', gradients, parameters.count * 4);
    requireInputGradients(args);
    const plan = describe(backend, args, gradients);
    const last = workspace.ensure(`gradients ${layers.length}`, 0);
    backend.bytes(last, 0, plan.rows * outputStride * 4).fill(0);
    backend.write(last, backend.bytes(upstream, 0, count * outputStride * 4));
    const common = [plan.layers, layers.length, plan.rows, plan.activations, plan.deltas, plan.rowBytes];
    backend.dispatch('mlp.backward', ...common, args.inputGradients === undefined ? 1 : 0);
    backend.dispatch('mlp.weightGradients', ...common);
    if (args.inputGradients === undefined) return;
    const first = workspace.ensure('gradients 0', 0);
    backend.write(args.inputGradients, backend.bytes(first, 0, count * parameters.inputStride * 4));
  },
  webgpu(backend, args) {
    requireBytes('upstream', args.upstream, args.count * args.parameters.outputStride * 4);
    requireBytes('gradients', args.gradients, args.parameters.count * 4);
    requireInputGradients(args);
    mlpBackwardOnWebgpu(backend, args);
  },
};

/** To run after every change of the parameters and before {@link mlpBackward}. */
export const transposeMlp: Kernel<{ readonly parameters: MlpParameters }> = {
  name: 'transposeMlp',
  wasm(backend, { parameters }) {
    const words = Uint32Array.from(parameters.layers.flatMap((layer) => layerWords(backend, parameters, layer, 0)));
    const table = backend.createBuffer('network: layers', words.byteLength);
    try {
      backend.write(table, words);
      backend.dispatch('mlp.transpose', backend.address(table), parameters.layers.length, parameters.lowestLayer);
    } finally {
      backend.destroyBuffer(table);
    }
  },
  /** Reads the weights as they are. */
  webgpu() {},
};

/** averages = decay·averages + (1 − decay)·values, for parameters of one shape. */
export const averageMlp: Kernel<{
  readonly values: MlpParameters;
  readonly averages: MlpParameters;
  readonly decay: number;
}> = {
  name: 'averageMlp',
  wasm(backend, { values, averages, decay }) {
    if (values.count !== averages.count) throw new RangeError('network: averages of another shape');
    const addresses = [values.values, averages.values].map((buffer) => backend.address(buffer));
    backend.dispatch('mlp.average', ...addresses, values.count, decay);
  },
  webgpu(backend, args) {
    if (args.values.count !== args.averages.count) throw new RangeError('network: averages of another shape');
    averageOnWebgpu(backend, args);
  },
};

/** Multiplications and additions of both directions, and the parameters moved once. */
export function mlpCost(shape: MlpShape, rows: number): { flops: number; bytes: number } {
  const { inputs, width, outputs, layers, inputGradients = false } = shape;
  const products = inputs * width + (layers - 2) * width * width + width * outputs;
  const passed = 6 * products - (inputGradients ? 0 : 2 * inputs * width);
  return { flops: rows * passed, bytes: 4 * (3 * products + rows * (inputs + outputs)) };
}

function layerWords(backend: WasmBackend, parameters: MlpParameters, layer: LayerPlan, gradients: number): number[] {
  const values = backend.address(parameters.values);
  return [
    ...[layer.inputs, layer.outputs, values + layer.weights * 4],
    backend.address(parameters.transposed) + layer.transposed * 4,
    ...[values + layer.bias * 4, gradients + layer.weights * 4, gradients + layer.bias * 4, 0],
  ];
}

/** Tables of addresses that the kernels read: layers, activations, gradients by activations, and bytes per row. */
function describe(
  backend: WasmBackend,
  { parameters, workspace, count }: MlpArgs,
  gradients?: DeviceBuffer,
): { layers: number; activations: number; deltas: number; rowBytes: number; rows: number } {
  const { layers } = parameters;
  const rows = up(count, 4);
  const widths = [layers[0]!.inputs, ...layers.map((layer) => layer.outputs)];
  // Inputs and outputs are packed; hidden rows are kept apart.
  const strides = widths.map((width, l) => (l === 0 || l === layers.length ? width : width + ROW_GAP));
  const activations = strides.map((stride, l) => workspace.ensure(`activations ${l}`, rows * stride * 4));
  const deltas =
    gradients === undefined
      ? []
      : strides.map((stride, l) =>
          workspace.ensure(`gradients ${l}`, l < parameters.lowestLayer ? 0 : rows * stride * 4),
        );
  const depth = layers.length + 1;
  const table = workspace.ensure('addresses', (layers.length * LAYER_WORDS + 3 * depth) * 4);
  const at = gradients === undefined ? 0 : backend.address(gradients);
  const words = [
    ...layers.flatMap((layer) => layerWords(backend, parameters, layer, at)),
    ...activations.map((buffer) => backend.address(buffer)),
    ...strides.map((stride) => stride * 4),
    ...deltas.map((buffer) => backend.address(buffer)),
  ];
  backend.write(table, Uint32Array.from(words));
  const start = backend.address(table);
  const first = start + layers.length * LAYER_WORDS * 4;
  return { layers: start, activations: first, rowBytes: first + depth * 4, deltas: first + depth * 8, rows };
}

function requireInputGradients({ parameters, count, inputGradients }: MlpBackwardArgs): void {
  if (inputGradients === undefined) return;
  if (parameters.lowestLayer > 0) throw new RangeError('network: its shape leaves out the gradient of the inputs');
  requireBytes('gradients of inputs', inputGradients, count * parameters.inputStride * 4);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`network: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
