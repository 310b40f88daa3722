/** Training's inner loops in WebAssembly (`kernels.as.ts`): their memory, and convolutions made of them. */
import { readFileSync } from 'node:fs';

type Numbers = readonly number[];
/** The exports of `kernels.as.ts`, where their arguments are described. */
export type Loops = Readonly<
  Record<
    'products' | 'filterSlopes' | 'pack' | 'transpose' | 'pad' | 'rmsRelu' | 'rmsReluSlopes' | 'sum' | 'adam',
    (...numbers: Numbers) => void
  >
>;

const SOURCE = new URL('./kernels.as.ts', import.meta.url);
const OPTIONS = [
  ...['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--importMemory'],
  ...['--initialMemory', '1', '--maximumMemory', '65536', '--enable', 'simd,relaxed-simd'],
];

/** Memory that is taken in order and given back all at once. */
class Arena {
  readonly memory: WebAssembly.Memory;
  #top = 64;

  constructor(bytes: number) {
    const pages = Math.ceil(bytes / 65536);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  }

  /** Not cleared. */
  take(length: number): Float32Array {
    const from = this.#top;
    const bytes = Math.ceil((4 * length) / 64) * 64;
    if (from + bytes > this.memory.buffer.byteLength) throw new RangeError('the memory of the training loops is full');
    this.#top = from + bytes;
    return new Float32Array(this.memory.buffer, from, length);
  }

  /** Where the numbers lie; arrays from elsewhere are copied in. */
  pointer(values: Float32Array): number {
    if (values.buffer === this.memory.buffer) return values.byteOffset;
    const copy = this.take(values.length);
    copy.set(values);
    return copy.byteOffset;
  }

  /** What `work` takes is free again when it returns. */
  scratch<T>(work: () => T): T {
    const top = this.#top;
    try {
      return work();
    } finally {
      this.#top = top;
    }
  }
}

let compiled: Promise<WebAssembly.Module> | undefined;
async function compile(): Promise<WebAssembly.Module> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const source = readFileSync(SOURCE, 'utf8');
  const { error, stderr } = await asc.main(['kernels.as.ts', '--outFile', 'kernels.wasm', ...OPTIONS], {
    readFile: (name) => (name === 'kernels.as.ts' ? source : null),
    writeFile: (_, contents) => {
      binary = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error !== null || !binary) throw new Error(`kernels.as.ts does not compile:\n${stderr.toString()}\n${error}`);
  return await WebAssembly.compile(binary);
}

/** An instance of the loops with memory of its own. */
export async function openLoops(bytes: number): Promise<{ arena: Arena; loops: Loops }> {
  compiled ??= compile();
  const arena = new Arena(bytes);
  const { exports } = await WebAssembly.instantiate(await compiled, { env: { memory: arena.memory } });
  return { arena, loops: exports as unknown as Loops };
}

const TRAINING_BYTES = 640 * 2 ** 20;
let training: Promise<{ arena: Arena; loops: Loops }> | undefined;

/** The instance that TensorFlow.js's kernels use. Tensors of a step live in its memory: `arena.scratch` around the step frees them. */
export function openTrainingLoops(): Promise<{ arena: Arena; loops: Loops }> {
  training ??= openLoops(TRAINING_BYTES);
  return training;
}

/** The loops work on whole vectors. @throws RangeError */
export function vectors(channels: number, of = 4): number {
  if (channels % of !== 0) throw new RangeError(`${channels} channels are no multiple of ${of}`);
  return channels;
}

/** Square or 1 x n windows over [N, H, W, C], zeros outside. */
export interface Windows {
  readonly batchSize: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly top: number;
  readonly left: number;
}

/** The input with the zeros that its windows see, and windows without padding over it. */
export function padded(arena: Arena, loops: Loops, x: Float32Array, w: Windows): { pointer: number; windows: Windows } {
  const { batchSize, inHeight, inWidth, inChannels, top, left } = w;
  const high = Math.max((w.outHeight - 1) * w.strideHeight + w.filterHeight, top + inHeight);
  const wide = Math.max((w.outWidth - 1) * w.strideWidth + w.filterWidth, left + inWidth);
  const windows = { ...w, inHeight: high, inWidth: wide, top: 0, left: 0 };
  const pointer = arena.pointer(x);
  if (high === inHeight && wide === inWidth) return { pointer, windows };
  const out = arena.take(batchSize * high * wide * inChannels);
  loops.pad(pointer, batchSize, inHeight, inWidth, inChannels, top, left, high, wide, out.byteOffset);
  return { pointer: out.byteOffset, windows };
}

/** Where each window starts in its unpadded input, in numbers. */
export function windowTable(arena: Arena, w: Windows): { first: number; count: number } {
  const count = w.batchSize * w.outHeight * w.outWidth;
  const { byteOffset } = arena.take(count);
  const table = new Uint32Array(arena.memory.buffer, byteOffset, count);
  let k = 0;
  for (let n = 0; n < w.batchSize; n++) {
    for (let y = 0; y < w.outHeight; y++) {
      const row = (n * w.inHeight + y * w.strideHeight) * w.inWidth;
      for (let x = 0; x < w.outWidth; x++) table[k++] = (row + x * w.strideWidth) * w.inChannels;
    }
  }
  return { first: byteOffset, count };
}

function rowTable(arena: Arena, count: number, pitch: number): number {
  const { byteOffset } = arena.take(count);
  const table = new Uint32Array(arena.memory.buffer, byteOffset, count);
  for (let k = 0; k < count; k++) table[k] = k * pitch;
  return byteOffset;
}

/** Windows without padding. @param filter [height, width, in, out] */
export function convolve(arena: Arena, loops: Loops, x: number, w: Windows, filter: number, out: number): void {
  const { filterHeight, filterWidth, inChannels, outChannels } = w;
  const run = filterWidth * inChannels;
  const packed = arena.take(filterHeight * run * vectors(outChannels, 8)).byteOffset;
  loops.pack(filter, filterHeight * run, outChannels, packed);
  const { first, count } = windowTable(arena, w);
  const to = rowTable(arena, count, outChannels);
  loops.products(x, first, filterHeight, run, w.inWidth * inChannels, packed, out, to, count, outChannels);
}

/** The gradient of a convolution to its input. Strides of 1, or windows that tile the input without padding. */
export function inputSlopes(
  arena: Arena,
  loops: Loops,
  dy: Float32Array,
  filter: number,
  w: Windows,
  out: number,
): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } = w;
  const turned = arena.take(filterHeight * filterWidth * inChannels * outChannels).byteOffset;
  if (w.strideHeight === 1 && w.strideWidth === 1) {
    // A convolution of the slopes with the filter's taps reversed.
    loops.transpose(filter, filterHeight * filterWidth, inChannels, outChannels, 1, turned);
    const back: Windows = {
      ...{ batchSize, filterHeight, filterWidth, strideHeight: 1, strideWidth: 1 },
      ...{ inHeight: outHeight, inWidth: outWidth, inChannels: outChannels },
      ...{ outHeight: inHeight, outWidth: inWidth, outChannels: inChannels },
      ...{ top: filterHeight - 1 - w.top, left: filterWidth - 1 - w.left },
    };
    const slopes = padded(arena, loops, dy, back);
    convolve(arena, loops, slopes.pointer, slopes.windows, turned, out);
    return;
  }
  const tiles = w.strideHeight === filterHeight && w.strideWidth === filterWidth;
  if (!tiles || outHeight * filterHeight !== inHeight || outWidth * filterWidth !== inWidth) {
    throw new RangeError('windows with strides must tile the input here');
  }
  const run = filterWidth * inChannels;
  const { first, count } = windowTable(arena, w);
  const from = rowTable(arena, count, outChannels);
  const slope = arena.pointer(dy);
  const packed = arena.take(run * outChannels).byteOffset;
  for (let row = 0; row < filterHeight; row++) {
    loops.transpose(filter + 4 * row * run * outChannels, 1, vectors(run, 8), outChannels, 0, turned);
    loops.pack(turned, outChannels, run, packed);
    const to = out + 4 * row * inWidth * inChannels;
    loops.products(slope, from, 1, outChannels, 0, packed, to, first, count, run);
  }
}
