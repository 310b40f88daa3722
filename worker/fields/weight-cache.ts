/**
 * Blending weights of chosen pixels of the training views, kept for the whole training: for a frozen geometry every
 * rendered quantity is W f, and its gradient Wᵀ upstream (architecture, "blending weights").
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LiftscopeError } from '../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { OutOfMemoryError } from '../compute/index.ts';
import {
  BlendState,
  binTiles,
  blendForward,
  blendingWeights,
  createSparseMatrix,
  type PinholeView,
  PROJECTED_BYTES,
  project,
  type SparseMatrix,
  TileLists,
} from '../kernels/index.ts';
import type { SplatModel } from '../splats/index.ts';

export interface WeightCacheOptions {
  /** Pixels of each view; default all. */
  readonly pixels?: (view: number) => ArrayLike<number> | undefined;
  /**
   * Keeps only the largest weights of each pixel and scales them so that their sum stays. Less memory and time; what is
   * rendered moves by at most the dropped share of the pixel's weight. Default: all contributors.
   */
  readonly maxContributors?: number;
  /**
   * Rows are divided by their sum, alpha: what is rendered is the mean along the ray, so that it does not depend on where the origin
   * of the features lies. Default: as they are blended.
   */
  readonly overAlpha?: boolean;
  /** Most bytes the weights may take; default what the backend has left. */
  readonly budgetBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CachedView {
  /** [rows] row-major pixel of each row. */
  readonly pixels: Uint32Array;
  /** W [rows, gaussians] on the device. */
  readonly matrix: SparseMatrix;
}

/** W of one view in host memory. */
export interface HostWeights {
  /** [rows + 1] */
  readonly rowStart: Uint32Array;
  /** [entries] Gaussians, front to back within a row unless contributors were dropped. */
  readonly columns: Uint32Array;
  /** [entries] */
  readonly weights: Float32Array;
}

export class WeightCache {
  /** Columns of every matrix. */
  readonly gaussians: number;
  readonly views: readonly CachedView[];
  /** Rows and entries of all views. */
  readonly rowCount: number;
  readonly entryCount: number;
  readonly sizeBytes: number;
  /** Mean over pixels of the share of a pixel's weight that `maxContributors` dropped; 0 without it. */
  readonly droppedShare: number;
  /** Wall time of the extraction. */
  readonly seconds: number;
  readonly #backend: Backend;
  readonly #dispose: () => void;

  private constructor(
    backend: Backend,
    gaussians: number,
    views: readonly CachedView[],
    measured: { readonly droppedShare: number; readonly seconds: number },
    dispose: () => void,
  ) {
    this.#backend = backend;
    this.gaussians = gaussians;
    this.views = views;
    this.rowCount = views.reduce((sum, view) => sum + view.matrix.rowCount, 0);
    this.entryCount = views.reduce((sum, view) => sum + view.matrix.entryCount, 0);
    this.sizeBytes = views.reduce((sum, { matrix }) => sum + matrixBytes(matrix), 0);
    this.droppedShare = measured.droppedShare;
    this.seconds = measured.seconds;
    this.#dispose = dispose;
  }

  /**
   * Renders every view once and keeps its weights.
   * @throws LiftscopeError 'out-of-memory' when the budget does not hold them, 'cancelled'.
   */
  static async extract(
    backend: Backend,
    model: SplatModel,
    views: readonly PinholeView[],
    options: WeightCacheOptions = {},
  ): Promise<WeightCache> {
    const started = performance.now();
    const budgetBytes = options.budgetBytes ?? Number.POSITIVE_INFINITY;
    const renderer = new WeightRenderer(backend, model);
    const cached: (CachedView & { dispose(): void })[] = [];
    const dispose = () => {
      for (const view of cached.splice(0)) view.dispose();
    };
    let sizeBytes = 0;
    let dropped = 0;
    try {
      for (const [index, view] of views.entries()) {
        if (options.signal?.aborted) throw cancelled();
        const pixels = Uint32Array.from(options.pixels?.(index) ?? allPixels(view));
        const { matrix, droppedShare } = await renderer.weights(view, pixels, options.maxContributors);
        cached.push({ pixels, matrix, dispose: matrix.dispose });
        if (options.overAlpha === true) await divideByAlpha(backend, matrix);
        dropped += droppedShare * pixels.length;
        sizeBytes += matrixBytes(matrix);
        if (sizeBytes > budgetBytes) {
          const needed = (sizeBytes / cached.length) * views.length;
          throw outOfMemory(`about ${mebibytes(needed)} for ${views.length} views, ${mebibytes(budgetBytes)} allowed`);
        }
        options.onProgress?.(index + 1, views.length);
        await nextTurn();
      }
    } catch (error) {
      dispose();
      if (error instanceof OutOfMemoryError) throw outOfMemory(error.message);
      throw error;
    } finally {
      renderer.dispose();
    }
    const rows = cached.reduce((sum, view) => sum + view.pixels.length, 0);
    const measured = { droppedShare: dropped / Math.max(1, rows), seconds: (performance.now() - started) / 1000 };
    return new WeightCache(backend, model.count, [...cached], measured, dispose);
  }

  /** A copy of one view's W. */
  async host(view: number): Promise<HostWeights> {
    const { matrix } = this.views[view]!;
    const read = (buffer: DeviceBuffer, values: number) => this.#backend.read(buffer, 0, values * 4);
    return {
      rowStart: new Uint32Array(await read(matrix.rowStart, matrix.rowCount + 1)),
      columns: new Uint32Array(await read(matrix.columns, matrix.entryCount)),
      weights: new Float32Array(await read(matrix.weights, matrix.entryCount)),
    };
  }

  dispose(): void {
    this.#dispose();
  }
}

/** Renders a view so that its weights can be read off, reusing its working memory. */
class WeightRenderer {
  readonly #backend: Backend;
  readonly #model: SplatModel;
  readonly #lists: TileLists;
  readonly #state: BlendState;
  readonly #projected: DeviceBuffer;
  #rgb: DeviceBuffer | undefined;

  constructor(backend: Backend, model: SplatModel) {
    this.#backend = backend;
    this.#model = model;
    this.#lists = new TileLists(backend);
    this.#state = new BlendState(backend);
    this.#projected = backend.createBuffer('weights: projected', Math.max(1, model.count) * PROJECTED_BYTES);
  }

  async weights(view: PinholeView, pixels: Uint32Array, maxContributors: number | undefined) {
    const { parameters, count, shDegree } = this.#model;
    const { widthPixels: width, heightPixels: height } = view;
    const rgb = this.#image(12 * width * height);
    const frame = { projected: this.#projected, lists: this.#lists, state: this.#state, width, height };
    // Colours do not matter here: degree 0 is the cheapest.
    this.#backend.run(project, { parameters, count, shDegree, activeShDegree: 0, view, projected: this.#projected });
    this.#backend.run(binTiles, { projected: this.#projected, count, width, height, lists: this.#lists });
    this.#backend.run(blendForward, { ...frame, background: [0, 0, 0], rgb, record: true });
    const matrix = await blendingWeights(this.#backend, frame, pixels);
    if (maxContributors === undefined) return { matrix, droppedShare: 0 };
    try {
      return await this.#largest(matrix, maxContributors);
    } finally {
      matrix.dispose();
    }
  }

  async #largest(matrix: SparseMatrix, keep: number) {
    const read = async (buffer: DeviceBuffer, values: number) => this.#backend.read(buffer, 0, values * 4);
    const host = {
      rowStart: new Uint32Array(await read(matrix.rowStart, matrix.rowCount + 1)),
      columns: new Uint32Array(await read(matrix.columns, matrix.entryCount)),
      weights: new Float32Array(await read(matrix.weights, matrix.entryCount)),
    };
    const { weights, droppedShare } = largestContributors(host, keep);
    return {
      matrix: createSparseMatrix(this.#backend, { ...weights, columnCount: this.#model.count }),
      droppedShare,
    };
  }

  #image(sizeBytes: number): DeviceBuffer {
    if (this.#rgb !== undefined && this.#rgb.sizeBytes >= sizeBytes) return this.#rgb;
    if (this.#rgb !== undefined) this.#backend.destroyBuffer(this.#rgb);
    this.#rgb = undefined;
    this.#rgb = this.#backend.createBuffer('weights: image', sizeBytes);
    return this.#rgb;
  }

  dispose(): void {
    this.#lists.dispose();
    this.#state.dispose();
    this.#backend.destroyBuffer(this.#projected);
    if (this.#rgb !== undefined) this.#backend.destroyBuffer(this.#rgb);
  }
}

/**
 * The `keep` largest weights of each row in their order, scaled so that the row's sum stays; of equal ones the front most.
 * `droppedShare`: mean over rows of the share of the weight that was dropped.
 */
export function largestContributors(host: HostWeights, keep: number): { weights: HostWeights; droppedShare: number } {
  if (!Number.isInteger(keep) || keep < 1) throw new RangeError(`${keep} is not a number of contributors`);
  const rowCount = host.rowStart.length - 1;
  const rowStart = new Uint32Array(rowCount + 1);
  for (let r = 0; r < rowCount; r++) {
    rowStart[r + 1] = rowStart[r]! + Math.min(keep, host.rowStart[r + 1]! - host.rowStart[r]!);
  }
  const columns = new Uint32Array(rowStart[rowCount]!);
  const weights = new Float32Array(rowStart[rowCount]!);
  const best = new Uint32Array(keep);
  let dropped = 0;
  for (let r = 0; r < rowCount; r++) {
    const [begin, end] = [host.rowStart[r]!, host.rowStart[r + 1]!];
    let [count, total, sum] = [0, 0, 0];
    for (let e = begin; e < end; e++) {
      const weight = host.weights[e]!;
      total += weight;
      if (count === keep && !(weight > host.weights[best[keep - 1]!]!)) continue;
      let place = count < keep ? count++ : keep - 1;
      for (; place > 0 && weight > host.weights[best[place - 1]!]!; place--) best[place] = best[place - 1]!;
      best[place] = e;
    }
    const kept = best.subarray(0, count).sort();
    for (const e of kept) sum += host.weights[e]!;
    if (sum > 0) dropped += 1 - sum / total;
    for (let i = 0; i < count; i++) {
      columns[rowStart[r]! + i] = host.columns[kept[i]!]!;
      weights[rowStart[r]! + i] = (host.weights[kept[i]!]! * total) / sum;
    }
  }
  return { weights: { rowStart, columns, weights }, droppedShare: dropped / Math.max(1, rowCount) };
}

async function divideByAlpha(
  backend: Backend,
  { rowStart, weights, rowCount, entryCount }: SparseMatrix,
): Promise<void> {
  const starts = new Uint32Array(await backend.read(rowStart, 0, 4 * (rowCount + 1)));
  const values = new Float32Array(await backend.read(weights, 0, 4 * entryCount));
  for (let row = 0; row < rowCount; row++) {
    const own = values.subarray(starts[row]!, starts[row + 1]!);
    let alpha = 0;
    for (let e = 0; e < own.length; e++) alpha += own[e]!;
    if (alpha > 0) for (let e = 0; e < own.length; e++) own[e]! /= alpha;
  }
  if (entryCount > 0) backend.write(weights, values);
}

function allPixels({ widthPixels, heightPixels }: PinholeView): Uint32Array {
  return Uint32Array.from({ length: widthPixels * heightPixels }, (_, i) => i);
}

function matrixBytes({ rowCount, entryCount }: SparseMatrix): number {
  return 4 * (rowCount + 1) + 8 * entryCount;
}

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;

function outOfMemory(problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'out-of-memory',
    message: `The blending weights do not fit in memory: ${problem}.`,
    hint: 'Use fewer pixels or views, keep fewer contributors per pixel, or raise the memory budget.',
  });
}

export function cancelled(): LiftscopeError {
  return new LiftscopeError({ code: 'cancelled', message: 'The training of the field was stopped.' });
}
