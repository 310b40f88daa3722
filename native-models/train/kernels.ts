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

/** For each window and tap, in order: copies the input into the columns, or adds the columns to the input. */
function moveColumns(columns: Float32Array, input: Float32Array, w: Windows, back: boolean): void {
  const { inHeight, inWidth, inChannels: channels, filterHeight, filterWidth } = w;
  let column = 0;
  for (let n = 0; n < w.batchSize; n++) {
    for (let y = 0; y < w.outHeight; y++) {
      for (let x = 0; x < w.outWidth; x++) {
        const ix = x * w.strideWidth - w.left;
        // Taps of one row lie side by side in the input as well as in the columns.
        const from = Math.max(0, -ix);
        const to = Math.min(filterWidth, inWidth - ix);
        for (let dy = 0; dy < filterHeight; dy++) {
          const iy = y * w.strideHeight + dy - w.top;
          const inside = iy >= 0 && iy < inHeight && to > from;
          const [first, last] = inside ? [column + from * channels, column + to * channels] : [column, column];
          const end = column + filterWidth * channels;
          const shift = ((n * inHeight + iy) * inWidth + ix) * channels - column;
          if (back) for (let k = first; k < last; k++) input[k + shift] = input[k + shift]! + columns[k]!;
          else {
            for (let k = column; k < first; k++) columns[k] = 0;
            for (let k = first; k < last; k++) columns[k] = input[k + shift]!;
            for (let k = last; k < end; k++) columns[k] = 0;
          }
          column = end;
        }
      }
    }
  }
}

function columnsOf(input: Float32Array, w: Windows): Float32Array {
  const columns = scratchOf(columnCount(w));
  moveColumns(columns, input, w, false);
  return columns;
}

/** Columns of this many numbers stay in the cache between being written and being multiplied. */
const CHUNK_NUMBERS = 1 << 18;

/** Some images at a time: calls `run` with their windows, their input and their output of `channels`. */
function forChunks(
  w: Windows,
  input: Float32Array,
  output: Float32Array,
  channels: number,
  run: (chunk: Windows, input: Float32Array, output: Float32Array) => void,
): void {
  const images = Math.max(1, Math.floor((CHUNK_NUMBERS * w.batchSize) / columnCount(w)));
  const [inSize, outSize] = [w.inHeight * w.inWidth * w.inChannels, w.outHeight * w.outWidth * channels];
  for (let first = 0; first < w.batchSize; first += images) {
    const last = Math.min(first + images, w.batchSize);
    const chunk = { ...w, batchSize: last - first };
    run(chunk, input.subarray(first * inSize, last * inSize), output.subarray(first * outSize, last * outSize));
  }
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
export async function selectFastKernels(): Promise<void> {
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

  for (const name of ['Add', 'Multiply'] as const) {
    const stock = tf.getKernel(name, 'cpu').kernelFunc;
    tf.unregisterKernel(name, 'cpu');
    tf.registerKernel({
      kernelName: name,
      backendName: 'cpu',
      kernelFunc: (call) => {
        const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
        const same = a.dtype === 'float32' && b.dtype === 'float32' && a.shape.join() === b.shape.join();
        if (!same) return stock(call);
        const [left, right] = [values(a), values(b)];
        const out = new Float32Array(left.length);
        if (name === 'Add') for (let i = 0; i < out.length; i++) out[i] = left[i]! + right[i]!;
        else for (let i = 0; i < out.length; i++) out[i] = left[i]! * right[i]!;
        return made(a.shape, out);
      },
    });
  }

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
    const [k, n] = [w.filterHeight * w.filterWidth * w.inChannels, filter!.shape[3]!];
    const out = new Float32Array(w.batchSize * w.outHeight * w.outWidth * n);
    const [from, weights] = [values(x!), values(filter!)];
    forChunks(w, from, out, n, (chunk, input, output) => {
      const m = output.length / n;
      output.set(product(columnsOf(input, chunk), weights, { m, k, n, transA: false, transB: false }));
    });
    return made([w.batchSize, w.outHeight, w.outWidth, n], out);
  });

  replace('Conv2DBackpropFilter', ({ x, dy }, attributes) => {
    const filterShape = attributes.filterShape as number[];
    const w = windowsOf(x!.shape, filterShape, attributes as unknown as ConvolutionAttributes);
    const [m, n] = [w.filterHeight * w.filterWidth * w.inChannels, filterShape[3]!];
    const sum = new Float32Array(m * n);
    forChunks(w, values(x!), values(dy!), n, (chunk, input, slope) => {
      const part = product(columnsOf(input, chunk), slope, { m, k: slope.length / n, n, transA: true, transB: false });
      for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + part[i]!;
    });
    return made(filterShape, sum);
  });

  replace('Conv2DBackpropInput', ({ dy, filter }, attributes) => {
    const inputShape = attributes.inputShape as number[];
    const w = windowsOf(inputShape, filter!.shape, attributes as unknown as ConvolutionAttributes);
    const [n, k] = [w.filterHeight * w.filterWidth * w.inChannels, filter!.shape[3]!];
    const data = new Float32Array(inputShape.reduce((a, b) => a * b));
    const weights = values(filter!);
    forChunks(w, data, values(dy!), k, (chunk, input, slope) => {
      const columns = product(slope, weights, { m: slope.length / k, k, n, transA: false, transB: true });
      moveColumns(columns, input, chunk, true);
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
