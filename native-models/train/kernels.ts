/**
 * TensorFlow.js kernels for training on a CPU. The stock JavaScript backend multiplies matrices at about 1 GFLOP/s and has no fused
 * normalisation; here, through TensorFlow.js's own registry, its matrix products are replaced by onnxruntime's, its convolutions by these
 * products of windows that loops in WebAssembly gather (`loops.ts`), and kernels are added: root-mean-square normalisation with gain,
 * bias and ReLU.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { encodeModel } from '../onnx-writer.ts';
import {
  convolve,
  filterSlopes,
  inputSlopes,
  type Machine,
  openTrainingLoops,
  type Product,
  padded,
  vectors,
  type Windows,
} from './loops.ts';

interface SyncSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: object, fetches: object, options: object): unknown;
}
interface RuntimeBinding {
  initOrt(): void;
  readonly binding: { readonly InferenceSession: new () => SyncSession };
}

const require = createRequire(import.meta.url);

/** Kernels must answer at once; the runtime's public API only answers later, its native part (same pinned version) does not. */
function openProducts(): Product {
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
  return (a, b, out, { m, k, n, transA = false, transB = false }) => {
    const feeds = {
      a: new Tensor('float32', a, transA ? [k, m] : [m, k]),
      b: new Tensor('float32', b, transB ? [n, k] : [k, n]),
    };
    sessionFor(transA, transB).run(feeds, { c: new Tensor('float32', out, [m, n]) }, {});
  };
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
  const { arena, loops } = await openTrainingLoops();
  const machine: Machine = { arena, loops, product };
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

  const stockAdd = tf.getKernel('Add', 'cpu').kernelFunc;
  tf.unregisterKernel('Add', 'cpu');
  tf.registerKernel({
    kernelName: 'Add',
    backendName: 'cpu',
    kernelFunc: (call) => {
      const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
      const same = a.dtype === 'float32' && b.dtype === 'float32' && a.shape.join() === b.shape.join();
      if (!same) return stockAdd(call);
      const [left, right] = [values(a), values(b)];
      const out = arena.take(left.length);
      loops.sum(arena.pointer(left), arena.pointer(right), out.byteOffset, left.length);
      return made(a.shape, out);
    },
  });

  replace('BatchMatMul', ({ a, b }, { transposeA, transposeB }) => {
    const [transA, transB] = [transposeA === true, transposeB === true];
    const [p, q] = a!.shape.slice(-2) as [number, number];
    const [m, k] = transA ? [q, p] : [p, q];
    const n = b!.shape.at(transB ? -2 : -1)!;
    const batches = [...a!.shape.slice(0, -2), ...b!.shape.slice(0, -2)];
    if (batches.some((size) => size !== 1)) throw new RangeError('matrix products have no batches here');
    const out = arena.take(m * n);
    product(values(a!), values(b!), out, { m, k, n, transA, transB });
    return made([...a!.shape.slice(0, -2), m, n], out);
  });

  replace('Conv2D', ({ x, filter }, attributes) => {
    const w = windowsOf(x!.shape, filter!.shape, attributes as unknown as ConvolutionAttributes);
    const out = arena.take(w.batchSize * w.outHeight * w.outWidth * w.outChannels);
    arena.scratch(() => {
      const input = padded(arena, loops, values(x!), w);
      convolve(machine, input.pointer, input.windows, values(filter!), out);
    });
    return made([w.batchSize, w.outHeight, w.outWidth, w.outChannels], out);
  });

  replace('Conv2DBackpropFilter', ({ x, dy }, attributes) => {
    const filterShape = attributes.filterShape as number[];
    const w = windowsOf(x!.shape, filterShape, attributes as unknown as ConvolutionAttributes);
    const out = arena.take(filterShape.reduce((a, b) => a * b)).fill(0);
    arena.scratch(() => {
      const { pointer, windows } = padded(arena, loops, values(x!), w);
      filterSlopes(machine, pointer, windows, values(dy!), out);
    });
    return made(filterShape, out);
  });

  replace('Conv2DBackpropInput', ({ dy, filter }, attributes) => {
    const inputShape = attributes.inputShape as number[];
    const w = windowsOf(inputShape, filter!.shape, attributes as unknown as ConvolutionAttributes);
    const out = arena.take(inputShape.reduce((a, b) => a * b));
    arena.scratch(() => {
      inputSlopes(machine, values(dy!), values(filter!), w, out);
    });
    return made(inputShape, out);
  });

  replace(RMS_RELU, ({ x, gain, bias }) => {
    const input = values(x!);
    const channels = vectors(gain!.shape[0]!);
    const out = arena.take(input.length);
    const [g, b] = [arena.pointer(values(gain!)), arena.pointer(values(bias!))];
    loops.rmsRelu(arena.pointer(input), g, b, out.byteOffset, input.length / channels, channels, EPSILON);
    return made(x!.shape, out);
  });

  replace(RMS_RELU_GRADIENT, ({ x, gain, bias, dy }) => {
    const input = values(x!);
    const channels = vectors(gain!.shape[0]!);
    const dx = arena.take(input.length);
    const [dGain, dBias] = [arena.take(channels).fill(0), arena.take(channels).fill(0)];
    const [from, slope] = [arena.pointer(input), arena.pointer(values(dy!))];
    const [g, b] = [arena.pointer(values(gain!)), arena.pointer(values(bias!))];
    const [to, toGain, toBias] = [dx.byteOffset, dGain.byteOffset, dBias.byteOffset];
    loops.rmsReluSlopes(from, g, b, slope, to, toGain, toBias, input.length / channels, channels, EPSILON);
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
