/** A network in training, and networks in host memory applied to rows. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import {
  adam,
  MlpParameters,
  type MlpShape,
  MlpWorkspace,
  mlpBackward,
  mlpForward,
  transposeMlp,
} from '../../kernels/index.ts';
import { fieldRandom } from '../frames.ts';
import { columnsOf } from './backbone.ts';
import type { LanguageNetwork, NetworkLayer } from './types.ts';

/** Rows per pass when a network is applied to all Gaussians: bounds the memory of activations. */
const ROWS_PER_PASS = 8192;
const ADAM_EPSILON = 1e-8;

/** Layers, moments and working memory; rows of a batch are given as they are. */
export class NetworkTraining {
  readonly parameters: MlpParameters;
  readonly #backend: Backend;
  readonly #workspace: MlpWorkspace;
  readonly #ids: DeviceBuffer;
  readonly #gradients: DeviceBuffer;
  readonly #moments: readonly [DeviceBuffer, DeviceBuffer];
  readonly #zeros: Float32Array;

  /** @param capacity most rows of a batch @param stream tells networks of one training apart */
  constructor(backend: Backend, shape: MlpShape, capacity: number, seed: number, stream: number) {
    this.#backend = backend;
    this.parameters = new MlpParameters(backend, shape);
    this.parameters.upload(initialLayers(shape, fieldRandom(seed, 'initial', stream)));
    this.#workspace = new MlpWorkspace(backend);
    this.#zeros = new Float32Array(this.parameters.count);
    const create = (label: string, data: ArrayBufferView) => {
      const buffer = backend.createBuffer(`network training: ${label}`, data.byteLength);
      backend.write(buffer, data);
      return buffer;
    };
    this.#ids = create('rows', identity(capacity));
    this.#gradients = create('gradients', this.#zeros);
    this.#moments = [create('first moments', this.#zeros), create('second moments', this.#zeros)];
  }

  /** inputs [count, inputStride] to outputs [count, outputStride]. */
  forward(inputs: DeviceBuffer, count: number, outputs: DeviceBuffer): void {
    const { parameters } = this;
    this.#backend.run(mlpForward, { parameters, workspace: this.#workspace, inputs, ids: this.#ids, count, outputs });
  }

  /** Of the batch that was last given to `forward`. */
  backward(count: number, upstream: DeviceBuffer, inputGradients?: DeviceBuffer): void {
    const { parameters } = this;
    this.#backend.run(mlpBackward, {
      ...{ parameters, workspace: this.#workspace, count, upstream, gradients: this.#gradients },
      ...(inputGradients === undefined ? {} : { inputGradients }),
    });
  }

  update(step: number, rate: number): void {
    const { parameters } = this;
    const [firstMoments, secondMoments] = this.#moments;
    this.#backend.run(adam, {
      ...{ parameters: parameters.values, gradients: this.#gradients, firstMoments, secondMoments },
      ...{ count: parameters.count, rate, step, epsilon: ADAM_EPSILON },
    });
    this.#backend.run(transposeMlp, { parameters });
    this.#backend.write(this.#gradients, this.#zeros);
  }

  async network(): Promise<LanguageNetwork> {
    return { layers: await this.parameters.download() };
  }

  dispose(): void {
    this.parameters.dispose();
    this.#workspace.dispose();
    for (const buffer of [this.#ids, this.#gradients, ...this.#moments]) this.#backend.destroyBuffer(buffer);
  }
}

/** Outputs [N, outputs] of rows [N, channels] with `condition` appended to each. @throws RangeError when sizes differ */
export async function applyNetwork(
  backend: Backend,
  network: LanguageNetwork,
  rows: Float32Array,
  channels: number,
  condition: readonly number[] = [],
): Promise<Float32Array> {
  const shape = shapeOf(network.layers);
  if (channels + condition.length !== shape.inputs) {
    throw new RangeError(`network of ${shape.inputs} inputs: rows of ${channels} and ${condition.length} more`);
  }
  const total = rows.length / channels;
  const result = new Float32Array(total * shape.outputs);
  const capacity = Math.min(total, ROWS_PER_PASS);
  const parameters = new MlpParameters(backend, shape);
  const workspace = new MlpWorkspace(backend);
  const stride = parameters.inputStride;
  const inputs = backend.createBuffer('network: inputs', capacity * stride * 4);
  const ids = backend.createBuffer('network: ids', capacity * 4);
  const outputs = backend.createBuffer('network: outputs', capacity * parameters.outputStride * 4);
  try {
    parameters.upload(network.layers);
    backend.write(ids, identity(capacity));
    for (let first = 0; first < total; first += ROWS_PER_PASS) {
      const count = Math.min(ROWS_PER_PASS, total - first);
      backend.write(inputs, conditioned(rows, channels, condition, stride, first, count));
      backend.run(mlpForward, { parameters, workspace, inputs, ids, count, outputs });
      const own = new Float32Array(await backend.read(outputs, 0, count * parameters.outputStride * 4));
      result.set(columnsOf(own, shape.outputs, parameters.outputStride), first * shape.outputs);
    }
  } finally {
    parameters.dispose();
    workspace.dispose();
    for (const buffer of [inputs, ids, outputs]) backend.destroyBuffer(buffer);
  }
  return result;
}

function conditioned(
  rows: Float32Array,
  channels: number,
  condition: readonly number[],
  stride: number,
  first: number,
  count: number,
): Float32Array {
  const inputs = new Float32Array(count * stride);
  for (let i = 0; i < count; i++) {
    inputs.set(rows.subarray((first + i) * channels, (first + i + 1) * channels), i * stride);
    inputs.set(condition, i * stride + channels);
  }
  return inputs;
}

function shapeOf(layers: readonly NetworkLayer[]): MlpShape {
  const [first, last] = [layers[0], layers.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('network: no layers');
  const width = first.bias.length;
  return { inputs: first.weights.length / width, width, outputs: last.bias.length, layers: layers.length };
}

/** Uniform in ±1/√inputs, weights and biases. */
function initialLayers({ inputs, width, outputs, layers }: MlpShape, random: () => number): NetworkLayer[] {
  return Array.from({ length: layers }, (_, l) => {
    const ins = l === 0 ? inputs : width;
    const outs = l === layers - 1 ? outputs : width;
    const bound = 1 / Math.sqrt(ins);
    const draw = (count: number) => Float32Array.from({ length: count }, () => bound * (2 * random() - 1));
    return { weights: draw(ins * outs), bias: draw(outs) };
  });
}

const identity = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);
