/** A network on the position of each Gaussian, evaluated at the contributors of a batch (the field of Contrastive Lift). */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import {
  adam,
  averageMlp,
  createSparseMatrix,
  MlpParameters,
  MlpWorkspace,
  mlpBackward,
  mlpForward,
  type OwnedSparseMatrix,
  sparseProduct,
  transposeMlp,
  transposeSparse,
  unpadded,
} from '../kernels/index.ts';
import type { FieldBatch, TrainableField } from './field.ts';
import { fieldRandom } from './frames.ts';
import type { FieldShape } from './parameters.ts';
import { RowReader } from './row-reader.ts';

/** Rows per pass when the features of all Gaussians are asked for: bounds the memory of activations. */
const ROWS_PER_PASS = 8192;
/** Share of the Gaussians on either side of an axis that the scaling to [−1, 1] ignores: strays lie far outside. */
const STRAY_SHARE = 0.005;

export class MlpField implements TrainableField {
  readonly dimensions: number;
  readonly stride: number;
  readonly #backend: Backend;
  readonly #gaussians: number;
  readonly #fast: MlpParameters;
  readonly #slow: MlpParameters | undefined;
  readonly #slowDecay: number;
  readonly #reader: RowReader;
  readonly #fastWork: MlpWorkspace;
  readonly #slowWork: MlpWorkspace;
  readonly #inputs: DeviceBuffer;
  readonly #gradients: DeviceBuffer;
  readonly #moments: readonly [DeviceBuffer, DeviceBuffer];
  /** Of the last `forward`, for `backward`. */
  #contributors: Contributors | undefined;
  #averagedStep = 0;

  /** @param means [N, 3] @param slowDecay keep a running average; default none. */
  constructor(
    backend: Backend,
    means: Float32Array,
    dimensions: number,
    shape: Extract<FieldShape, { kind: 'mlp' }>,
    options: { readonly seed: number; readonly slowDecay?: number },
  ) {
    const encoded = encodePositions(means, shape.frequencies);
    const size = { inputs: 3 + 6 * shape.frequencies, width: shape.width, outputs: dimensions, layers: shape.layers };
    const layers = initialLayers(size, fieldRandom(options.seed, 'initial', 0));
    this.#backend = backend;
    this.#gaussians = means.length / 3;
    this.dimensions = dimensions;
    this.#fast = new MlpParameters(backend, size);
    this.#fast.upload(layers);
    this.#slowDecay = options.slowDecay ?? 0;
    this.#slow = options.slowDecay === undefined ? undefined : new MlpParameters(backend, size);
    this.#slow?.upload(layers);
    this.stride = this.#fast.outputStride;
    this.#reader = new RowReader(backend);
    this.#fastWork = new MlpWorkspace(backend);
    this.#slowWork = new MlpWorkspace(backend);
    const create = (label: string, data: Float32Array) => {
      const buffer = backend.createBuffer(`network field: ${label}`, data.byteLength);
      backend.write(buffer, data);
      return buffer;
    };
    this.#inputs = create('inputs', encoded);
    const zeros = new Float32Array(this.#fast.count);
    this.#gradients = create('gradients', zeros);
    this.#moments = [create('first moments', zeros), create('second moments', zeros)];
  }

  async forward(batch: FieldBatch, output: DeviceBuffer): Promise<void> {
    this.#contributors?.dispose();
    this.#contributors = undefined;
    this.#contributors = await this.#render(batch, output, this.#fast, this.#fastWork);
  }

  async forwardSlow(batch: FieldBatch, step: number, output: DeviceBuffer): Promise<void> {
    if (this.#slow === undefined) throw new RangeError('network field: it has no slow copy');
    if (this.#averagedStep < step) {
      this.#averagedStep = step;
      this.#backend.run(averageMlp, { values: this.#fast, averages: this.#slow, decay: this.#slowDecay });
    }
    (await this.#render(batch, output, this.#slow, this.#slowWork)).dispose();
  }

  async backward(_batch: FieldBatch, upstream: DeviceBuffer, _step: number): Promise<void> {
    const own = this.#contributors;
    if (own === undefined) throw new RangeError('network field: backward without forward');
    const transposed = transposeSparse(this.#backend, own.matrix, own.count);
    try {
      const { stride } = this;
      this.#backend.run(sparseProduct, { matrix: transposed, input: upstream, output: own.features, channels: stride });
      this.#backend.run(mlpBackward, {
        ...{ parameters: this.#fast, workspace: this.#fastWork, count: own.count },
        ...{ upstream: own.features, gradients: this.#gradients },
      });
    } finally {
      transposed.dispose();
    }
  }

  update(step: number, rate: number): void {
    const { count } = this.#fast;
    const [firstMoments, secondMoments] = this.#moments;
    this.#backend.run(adam, {
      ...{ parameters: this.#fast.values, gradients: this.#gradients, firstMoments, secondMoments },
      ...{ count, rate, step, epsilon: 1e-8 },
    });
    this.#backend.run(transposeMlp, { parameters: this.#fast });
    this.#backend.write(this.#gradients, new Float32Array(count));
  }

  async features(): Promise<Float32Array> {
    const all = new Float32Array(this.#gaussians * this.dimensions);
    for (let first = 0; first < this.#gaussians; first += ROWS_PER_PASS) {
      const count = Math.min(ROWS_PER_PASS, this.#gaussians - first);
      const ids = this.#backend.createBuffer('network field: ids', count * 4);
      const outputs = this.#backend.createBuffer('network field: outputs', count * this.stride * 4);
      try {
        this.#backend.write(
          ids,
          Uint32Array.from({ length: count }, (_, i) => first + i),
        );
        const network = { parameters: this.#fast, workspace: this.#fastWork };
        this.#backend.run(mlpForward, { ...network, inputs: this.#inputs, ids, count, outputs });
        const rows = new Float32Array(await this.#backend.read(outputs));
        all.set(unpadded(rows, this.dimensions, this.stride), first * this.dimensions);
      } finally {
        this.#backend.destroyBuffer(ids);
        this.#backend.destroyBuffer(outputs);
      }
    }
    return all;
  }

  /** Features of the batch's contributors, then W of the batch times those. */
  async #render(
    batch: FieldBatch,
    output: DeviceBuffer,
    parameters: MlpParameters,
    workspace: MlpWorkspace,
  ): Promise<Contributors> {
    const { ids, ...local } = await this.#reader.contributors(batch, this.#gaussians);
    const count = ids.length;
    const matrix = createSparseMatrix(this.#backend, { ...local, columnCount: count });
    const idBuffer = this.#backend.createBuffer('network field: contributors', ids.byteLength);
    this.#backend.write(idBuffer, ids);
    const features = this.#backend.createBuffer('network field: features', count * this.stride * 4);
    const inputs = this.#inputs;
    this.#backend.run(mlpForward, { parameters, workspace, count, inputs, ids: idBuffer, outputs: features });
    this.#backend.run(sparseProduct, { matrix, input: features, output, channels: this.stride });
    this.#backend.destroyBuffer(idBuffer);
    const dispose = () => {
      matrix.dispose();
      this.#backend.destroyBuffer(features);
    };
    return { matrix, features, count, dispose };
  }

  dispose(): void {
    this.#contributors?.dispose();
    this.#contributors = undefined;
    for (const owner of [this.#fast, this.#slow, this.#fastWork, this.#slowWork]) owner?.dispose();
    for (const buffer of [this.#inputs, this.#gradients, ...this.#moments]) this.#backend.destroyBuffer(buffer);
  }
}

interface Contributors {
  /** [pixels, count] */
  readonly matrix: OwnedSparseMatrix;
  /** [count, stride]; reused for their gradient. */
  readonly features: DeviceBuffer;
  readonly count: number;
  dispose(): void;
}

/** Uniform in ±1/√inputs, weights and biases: what the released network starts from. */
function initialLayers(
  { inputs, width, outputs, layers }: { inputs: number; width: number; outputs: number; layers: number },
  random: () => number,
): { weights: Float32Array; bias: Float32Array }[] {
  return Array.from({ length: layers }, (_, l) => {
    const ins = l === 0 ? inputs : width;
    const outs = l === layers - 1 ? outputs : width;
    const bound = 1 / Math.sqrt(ins);
    const draw = (count: number) => Float32Array.from({ length: count }, () => bound * (2 * random() - 1));
    return { weights: draw(ins * outs), bias: draw(outs) };
  });
}

/** [N, 3] positions to [N, 3 + 6 frequencies, padded to 4]: x in about [−1, 1], then sin and cos of 2^k x per octave. */
export function encodePositions(means: Float32Array, frequencies: number): Float32Array {
  const count = means.length / 3;
  const bounds = [0, 1, 2].map((axis) => {
    const sorted = Float32Array.from({ length: count }, (_, i) => means[3 * i + axis]!).sort();
    const low = sorted[Math.floor(STRAY_SHARE * (count - 1))] ?? 0;
    const high = sorted[Math.ceil((1 - STRAY_SHARE) * (count - 1))] ?? 0;
    return { centre: (low + high) / 2, half: (high - low) / 2 };
  });
  // One scale for all axes: the network sees the room's proportions.
  const scale = 1 / Math.max(...bounds.map(({ half }) => half), 1e-6);
  const stride = Math.ceil((3 + 6 * frequencies) / 4) * 4;
  const encoded = new Float32Array(count * stride);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) {
      const x = (means[3 * i + axis]! - bounds[axis]!.centre) * scale;
      encoded[i * stride + axis] = x;
      for (let k = 0; k < frequencies; k++) {
        encoded[i * stride + 3 + 6 * k + axis] = Math.sin(2 ** k * x);
        encoded[i * stride + 6 + 6 * k + axis] = Math.cos(2 ** k * x);
      }
    }
  }
  return encoded;
}
