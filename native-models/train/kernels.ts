/**
 * TensorFlow.js kernels for training on a CPU. The stock JavaScript backend multiplies matrices at about 1 GFLOP/s and has no fused
 * normalisation; here its matrix products and convolutions are replaced, through TensorFlow.js's own registry, by onnxruntime's
 * matrix product (50-80 GFLOP/s on one core), and one kernel is added: root-mean-square normalisation with gain, bias and ReLU.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { encodeModel } from '../onnx-writer.ts';

interface SyncSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: object, fetches: object, options: object): { readonly c: { readonly data: Float32Array } };
}
interface RuntimeBinding {
  initOrt(): void;
  readonly binding: { readonly InferenceSession: new () => SyncSession };
}

const require = createRequire(import.meta.url);

/** Kernels must answer at once; the runtime's public API only answers later, its native part (same pinned version) does not. */
function openProducts(): (a: Float32Array, b: Float32Array, sizes: Sizes) => Float32Array {
  const runtime = require('onnxruntime-node/dist/binding.js') as RuntimeBinding;
  const { Tensor } = require('onnxruntime-node') as typeof import('onnxruntime-node');
  runtime.initOrt();
  const sessions = new Map<string, SyncSession>();
  const sessionFor = (transA: boolean, transB: boolean): SyncSession => {
    const key = `${transA}${transB}`;
    const found = sessions.get(key);
    if (found) return found;
    const bytes = encodeModel({
      name: 'product',
      inputs: [
        { name: 'a', type: 'float', shape: ['p', 'q'] },
        { name: 'b', type: 'float', shape: ['r', 's'] },
      ],
      outputs: [{ name: 'c', type: 'float', shape: ['m', 'n'] }],
      constants: [],
      nodes: [
        {
          op: 'Gemm',
          inputs: ['a', 'b'],
          outputs: ['c'],
          attributes: { transA: Number(transA), transB: Number(transB) },
        },
      ],
    });
    const session = new runtime.binding.InferenceSession();
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    sessions.set(key, session);
    return session;
  };
  return (a, b, { m, k, n, transA, transB }) => {
    const feeds = {
      a: new Tensor('float32', a, transA ? [k, m] : [m, k]),
      b: new Tensor('float32', b, transB ? [n, k] : [k, n]),
    };
    return sessionFor(transA, transB).run(feeds, { c: null }, {}).c.data;
  };
}

interface Sizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Square or 1 x n windows over [N, H, W, C], zeros outside. */
interface Windows {
  readonly batchSize: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly top: number;
  readonly left: number;
}

/** Calls `visit(column offset, input offset or -1)` for each window and tap. */
function walk(w: Windows, visit: (column: number, input: number) => void): void {
  let column = 0;
  for (let n = 0; n < w.batchSize; n++) {
    for (let y = 0; y < w.outHeight; y++) {
      for (let x = 0; x < w.outWidth; x++) {
        for (let dy = 0; dy < w.filterHeight; dy++) {
          const iy = y * w.strideHeight + dy - w.top;
          for (let dx = 0; dx < w.filterWidth; dx++) {
            const ix = x * w.strideWidth + dx - w.left;
            const inside = iy >= 0 && iy < w.inHeight && ix >= 0 && ix < w.inWidth;
            visit(column, inside ? ((n * w.inHeight + iy) * w.inWidth + ix) * w.inChannels : -1);
            column += w.inChannels;
          }
        }
      }
    }
  }
}

const columnCount = (w: Windows): number =>
  w.batchSize * w.outHeight * w.outWidth * w.filterHeight * w.filterWidth * w.inChannels;

/** Scratch for columns, by size: they are large, and the same sizes return in every step. */
const scratch = new Map<number, Float32Array>();
function scratchOf(length: number): Float32Array {
  let found = scratch.get(length);
  if (!found) {
    found = new Float32Array(length);
    scratch.set(length, found);
  }
  return found;
}

function columnsOf(input: Float32Array, w: Windows): Float32Array {
  const columns = scratchOf(columnCount(w));
  const channels = w.inChannels;
  walk(w, (column, at) => {
    if (at < 0) for (let c = 0; c < channels; c++) columns[column + c] = 0;
    else for (let c = 0; c < channels; c++) columns[column + c] = input[at + c]!;
  });
  return columns;
}

type Padding = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
interface ConvolutionAttributes {
  readonly strides: [number, number] | number;
  readonly pad: Padding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dilations?: [number, number] | number;
}

function windowsOf(
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dataFormat, dimRoundingMode, dilations = 1 }: ConvolutionAttributes,
): Windows {
  if (dataFormat !== 'NHWC' || [dilations].flat().some((d) => d !== 1)) {
    throw new RangeError('convolutions are NHWC without dilation here');
  }
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return { ...info, top: info.padInfo.top, left: info.padInfo.left };
}

export interface RmsReluInputs {
  readonly x: tf.Tensor; // [..., C]
  readonly gain: tf.Tensor; // [C]
  readonly bias: tf.Tensor; // [C]
}
const RMS_RELU = 'RmsRelu';
const RMS_RELU_GRADIENT = 'RmsReluGradient';
const EPSILON = 1e-5;

type KernelInfo = { readonly dataId: tf.TensorInfo['dataId']; readonly shape: number[] };
interface JavascriptBackend {
  readonly data: { get(id: object): { readonly values: Float32Array } };
  makeTensorInfo(shape: number[], dtype: 'float32', values: Float32Array): tf.TensorInfo;
}

/** Registers the kernels on TensorFlow.js's JavaScript backend and selects it. Repeated calls change nothing. */
export async function useFastKernels(): Promise<void> {
  await tf.setBackend('cpu');
  await tf.ready();
  if (tf.getKernel(RMS_RELU, 'cpu')) return;
  const product = openProducts();
  const backend = tf.backend() as unknown as JavascriptBackend;
  const values = (tensor: KernelInfo): Float32Array => backend.data.get(tensor.dataId).values;
  const made = (shape: readonly number[], data: Float32Array): tf.TensorInfo =>
    backend.makeTensorInfo([...shape], 'float32', data);
  const replace = (
    kernelName: string,
    run: (inputs: Record<string, KernelInfo>, attributes: Record<string, unknown>) => tf.TensorInfo | tf.TensorInfo[],
  ): void => {
    if (tf.getKernel(kernelName, 'cpu')) tf.unregisterKernel(kernelName, 'cpu');
    tf.registerKernel({
      kernelName,
      backendName: 'cpu',
      kernelFunc: ({ inputs, attrs }) =>
        run(inputs as Record<string, KernelInfo>, (attrs ?? {}) as Record<string, unknown>),
    });
  };

  replace('BatchMatMul', ({ a, b }, { transposeA, transposeB }) => {
    const [transA, transB] = [transposeA === true, transposeB === true];
    const [p, q] = a!.shape.slice(-2) as [number, number];
    const [m, k] = transA ? [q, p] : [p, q];
    const n = b!.shape.at(transB ? -2 : -1)!;
    const batches = [...a!.shape.slice(0, -2), ...b!.shape.slice(0, -2)];
    if (batches.some((size) => size !== 1)) throw new RangeError('matrix products have no batches here');
    const data = product(values(a!), values(b!), { m, k, n, transA, transB });
    return made([...a!.shape.slice(0, -2), m, n], data);
  });

  replace('Conv2D', ({ x, filter }, attributes) => {
    const w = windowsOf(x!.shape, filter!.shape, attributes as unknown as ConvolutionAttributes);
    const m = w.batchSize * w.outHeight * w.outWidth;
    const [k, n] = [w.filterHeight * w.filterWidth * w.inChannels, filter!.shape[3]!];
    const data = product(columnsOf(values(x!), w), values(filter!), { m, k, n, transA: false, transB: false });
    return made([w.batchSize, w.outHeight, w.outWidth, n], data);
  });

  replace('Conv2DBackpropFilter', ({ x, dy }, attributes) => {
    const filterShape = attributes.filterShape as number[];
    const w = windowsOf(x!.shape, filterShape, attributes as unknown as ConvolutionAttributes);
    const k = w.batchSize * w.outHeight * w.outWidth;
    const [m, n] = [w.filterHeight * w.filterWidth * w.inChannels, filterShape[3]!];
    return made(
      filterShape,
      product(columnsOf(values(x!), w), values(dy!), { m, k, n, transA: true, transB: false }),
    );
  });

  replace('Conv2DBackpropInput', ({ dy, filter }, attributes) => {
    const inputShape = attributes.inputShape as number[];
    const w = windowsOf(inputShape, filter!.shape, attributes as unknown as ConvolutionAttributes);
    const m = w.batchSize * w.outHeight * w.outWidth;
    const [n, k] = [w.filterHeight * w.filterWidth * w.inChannels, filter!.shape[3]!];
    const columns = product(values(dy!), values(filter!), { m, k, n, transA: false, transB: true });
    const data = new Float32Array(inputShape.reduce((a, b) => a * b));
    const channels = w.inChannels;
    walk(w, (column, at) => {
      if (at >= 0) for (let c = 0; c < channels; c++) data[at + c] = data[at + c]! + columns[column + c]!;
    });
    return made(inputShape, data);
  });

  replace(RMS_RELU, ({ x, gain, bias }) => {
    const [input, g, b] = [values(x!), values(gain!), values(bias!)];
    const channels = g.length;
    const out = new Float32Array(input.length);
    for (let at = 0; at < input.length; at += channels) {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += input[at + c]! * input[at + c]!;
      const scale = 1 / Math.sqrt(sum / channels + EPSILON);
      for (let c = 0; c < channels; c++) {
        const value = input[at + c]! * scale * g[c]! + b[c]!;
        out[at + c] = value > 0 ? value : 0;
      }
    }
    return made(x!.shape, out);
  });

  replace(RMS_RELU_GRADIENT, ({ x, gain, bias, dy }) => {
    const [input, g, b, slope] = [values(x!), values(gain!), values(bias!), values(dy!)];
    const channels = g.length;
    const dx = new Float32Array(input.length);
    const dGain = new Float32Array(channels);
    const dBias = new Float32Array(channels);
    for (let at = 0; at < input.length; at += channels) {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += input[at + c]! * input[at + c]!;
      const scale = 1 / Math.sqrt(sum / channels + EPSILON);
      let inner = 0;
      for (let c = 0; c < channels; c++) {
        const unit = input[at + c]! * scale;
        const d = unit * g[c]! + b[c]! > 0 ? slope[at + c]! : 0;
        dGain[c] = dGain[c]! + d * unit;
        dBias[c] = dBias[c]! + d;
        dx[at + c] = d * g[c]!;
        inner += d * g[c]! * unit;
      }
      // y = x / rms(x): dx = (d - unit · mean(d · unit)) / rms.
      inner /= channels;
      for (let c = 0; c < channels; c++) dx[at + c] = (dx[at + c]! - input[at + c]! * scale * inner) * scale;
    }
    return [made(x!.shape, dx), made(gain!.shape, dGain), made(bias!.shape, dBias)];
  });

  tf.registerGradient({
    kernelName: RMS_RELU,
    inputsToSave: ['x', 'gain', 'bias'],
    gradFunc: (dy, saved) => {
      const [x, gain, bias] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const results = tf.engine().runKernel(RMS_RELU_GRADIENT, { x, gain, bias, dy: dy as tf.Tensor }) as tf.Tensor[];
      return { x: () => results[0]!, gain: () => results[1]!, bias: () => results[2]! };
    },
  });
}

/** relu(gain · x / √(mean over channels of x² + 1e-5) + bias). */
export function rmsRelu(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  if (tf.getKernel(RMS_RELU, tf.getBackend())) return tf.engine().runKernel(RMS_RELU, { x, gain, bias }) as tf.Tensor;
  return rmsReluOfStandardKernels(x, gain, bias);
}

/** The same of TensorFlow.js's own operations: for its other backends, and as the reference. */
export function rmsReluOfStandardKernels(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), EPSILON));
  return tf.relu(tf.add(tf.mul(tf.mul(x, scale), gain), bias));
}
