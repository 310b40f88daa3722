/** Training's inner loops in WebAssembly (`kernels.as.ts`): their memory, and convolutions made of them. */
import { readFileSync } from 'node:fs';

type Numbers = readonly number[];
/** The exports of `kernels.as.ts`, where their arguments are described. */
export type Loops = Readonly<
  Record<
    'gather' | 'scatter' | 'transpose' | 'pad' | 'rmsRelu' | 'rmsReluSlopes' | 'sum' | 'adam',
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

/** op(a) [m, k] times op(b) [k, n], written to `out`. */
export interface Sizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
}
export type Product = (a: Float32Array, b: Float32Array, out: Float32Array, sizes: Sizes) => void;

/** So many numbers of gathered windows at a time: they are multiplied while they are still in a cache. */
const CHUNK = 512 * 1024;

interface Chunk {
  /** Where each window starts in its chunk of the input, in numbers. */
  readonly table: number;
  readonly pixels: number;
  readonly runs: number;
  readonly runLength: number;
  readonly runStride: number;
  /** First number of the chunk in the input, first row of it among all windows. */
  readonly input: number;
  readonly row: number;
}

/** Windows without padding, as many images at a time as fit into a chunk. */
function eachChunk(arena: Arena, w: Windows, work: (chunk: Chunk) => void): void {
  const [runs, runLength, runStride] = [w.filterHeight, w.filterWidth * w.inChannels, w.inWidth * w.inChannels];
  const own = w.outHeight * w.outWidth;
  const images = Math.min(w.batchSize, Math.max(1, Math.floor(CHUNK / (own * runs * runLength))));
  const size = w.inHeight * runStride;
  const { byteOffset: table } = arena.take(images * own);
  const starts = new Uint32Array(arena.memory.buffer, table, images * own);
  let k = 0;
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < w.outHeight; y++) {
      for (let x = 0; x < w.outWidth; x++) {
        starts[k++] = n * size + y * w.strideHeight * runStride + x * w.strideWidth * w.inChannels;
      }
    }
  }
  for (let n = 0; n < w.batchSize; n += images) {
    const pixels = own * Math.min(images, w.batchSize - n);
    work({ table, pixels, runs, runLength, runStride, input: n * size, row: n * own });
  }
}

/** [h, w, in, out]: how many numbers a window has. */
const windowLength = ({ filterHeight, filterWidth, inChannels }: Windows): number =>
  filterHeight * filterWidth * inChannels;

/** What convolutions work with: the loops, their memory, and products of matrices. */
export interface Machine {
  readonly arena: Arena;
  readonly loops: Loops;
  readonly product: Product;
}

const gathered = ({ arena, loops }: Machine, x: number, w: Windows, work: (rows: Float32Array, c: Chunk) => void) => {
  const most = w.outHeight * w.outWidth * windowLength(w);
  const rows = arena.take(Math.max(most, Math.min(CHUNK, most * w.batchSize)));
  eachChunk(arena, w, (c) => {
    loops.gather(x + 4 * c.input, c.table, c.runs, c.runLength, c.runStride, c.pixels, rows.byteOffset);
    work(rows.subarray(0, c.pixels * windowLength(w)), c);
  });
};

/** Windows without padding. @param filter [height, width, in, out] */
export function convolve(machine: Machine, x: number, w: Windows, filter: Float32Array, out: Float32Array): void {
  const [k, n] = [windowLength(w), w.outChannels];
  gathered(machine, x, w, (rows, { row, pixels: m }) => {
    machine.product(rows, filter, out.subarray(row * n, (row + m) * n), { m, k, n });
  });
}

/** The gradient of a convolution to its filter, added to `out`. Windows without padding. */
export function filterSlopes(machine: Machine, x: number, w: Windows, dy: Float32Array, out: Float32Array): void {
  const { arena, loops, product } = machine;
  const [m, n] = [windowLength(w), w.outChannels];
  const part = arena.take(m * n);
  gathered(machine, x, w, (rows, { row, pixels: k }) => {
    product(rows, dy.subarray(row * n, (row + k) * n), part, { m, k, n, transA: true });
    loops.sum(part.byteOffset, out.byteOffset, out.byteOffset, m * n);
  });
}

/** The gradient of a convolution to its input. Strides of 1, or windows that tile the input without padding. */
export function inputSlopes(
  machine: Machine,
  dy: Float32Array,
  filter: Float32Array,
  w: Windows,
  out: Float32Array,
): void {
  const { arena, loops, product } = machine;
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } = w;
  if (w.strideHeight === 1 && w.strideWidth === 1) {
    // A convolution of the slopes with the filter's taps reversed.
    const turned = arena.take(filter.length);
    const taps = filterHeight * filterWidth;
    loops.transpose(arena.pointer(filter), taps, inChannels, outChannels, 1, turned.byteOffset);
    const back: Windows = {
      ...{ batchSize, filterHeight, filterWidth, strideHeight: 1, strideWidth: 1 },
      ...{ inHeight: outHeight, inWidth: outWidth, inChannels: outChannels },
      ...{ outHeight: inHeight, outWidth: inWidth, outChannels: inChannels },
      ...{ top: filterHeight - 1 - w.top, left: filterWidth - 1 - w.left },
    };
    const slopes = padded(arena, loops, dy, back);
    convolve(machine, slopes.pointer, slopes.windows, turned, out);
    return;
  }
  const tiles = w.strideHeight === filterHeight && w.strideWidth === filterWidth;
  if (!tiles || outHeight * filterHeight !== inHeight || outWidth * filterWidth !== inWidth) {
    throw new RangeError('windows with strides must tile the input here');
  }
  const [k, n] = [outChannels, windowLength(w)];
  eachChunk(arena, w, ({ input, row, pixels: m, table, runs, runLength, runStride }) => {
    arena.scratch(() => {
      const rows = arena.take(m * n);
      product(dy.subarray(row * k, (row + m) * k), filter, rows, { m, k, n, transB: true });
      loops.scatter(rows.byteOffset, table, runs, runLength, runStride, m, out.byteOffset + 4 * input);
    });
  });
}
