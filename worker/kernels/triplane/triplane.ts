import type { Backend, DeviceBuffer, Kernel } from '../../compute/index.ts';
import { gradientsOnWebgpu, sampleOnWebgpu } from './kernel.wgsl.ts';
import { locateTexel, PLANE_AXES, type TriplaneCombination, type TriplaneGrid } from './reference.ts';

/** Lists of points by cell, what gradients gather from. */
interface CellLists {
  /** [3 (R − 1)² + 1] uint32: where the list of each cell [3, R − 1, R − 1] begins, and the end of the last. */
  readonly cellStart: DeviceBuffer;
  /** [3 N] uint32 points, ascending within a cell. */
  readonly order: DeviceBuffer;
  /** [3 N, 2] float32 fractions of those points in their cell, along columns and rows. */
  readonly places: DeviceBuffer;
}

export interface TriplanePointsOptions {
  /** Points that are only sampled need no lists: 24 bytes per point in place of 60. Default false. */
  readonly forwardOnly?: boolean;
}

/**
 * N fixed points in a grid, located once: Gaussian centres of a frozen geometry, or those that one batch touches. The
 * lists make the gradient a gather, so that it needs no atomics and sums in one order. No gradient reaches positions.
 */
export class TriplanePoints {
  readonly count: number;
  readonly resolution: number;
  /** [N, 3] uint32 cells and float32 fractions along x, y, z. */
  readonly cells: DeviceBuffer;
  readonly fractions: DeviceBuffer;
  readonly #lists: CellLists | undefined;
  readonly #backend: Backend;
  readonly #owned: DeviceBuffer[] = [];

  /**
   * @param positions [N, 3] in the coordinates of the grid's box
   * @throws RangeError on a bad grid or a position that is not finite, OutOfMemoryError
   */
  constructor(backend: Backend, positions: ArrayLike<number>, grid: TriplaneGrid, options: TriplanePointsOptions = {}) {
    requireGrid(grid);
    if (positions.length % 3 !== 0) throw new RangeError(`triplane: ${positions.length} values are not rows of 3`);
    this.#backend = backend;
    this.count = positions.length / 3;
    this.resolution = grid.resolution;
    const cells = new Uint32Array(positions.length);
    const fractions = new Float32Array(positions.length);
    for (let i = 0; i < positions.length; i++) {
      if (!Number.isFinite(positions[i]!)) {
        throw new RangeError(`triplane: position ${Math.floor(i / 3)} is not finite (${positions[i]})`);
      }
      const { cell, fraction } = locateTexel(positions[i]!, i % 3, grid);
      cells[i] = cell;
      fractions[i] = fraction;
    }
    try {
      this.cells = this.#create('cells', cells);
      this.fractions = this.#create('fractions', fractions);
      if (options.forwardOnly !== true) {
        const lists = listPoints(cells, fractions, grid.resolution);
        this.#lists = {
          cellStart: this.#create('lists', lists.cellStart),
          order: this.#create('order', lists.order),
          places: this.#create('places', lists.places),
        };
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  lists(): CellLists {
    if (this.#lists === undefined) throw new TypeError('triplane: these points were made for sampling only');
    return this.#lists;
  }

  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#backend.destroyBuffer(buffer);
  }

  #create(label: string, data: ArrayBufferView): DeviceBuffer {
    const buffer = this.#backend.createBuffer(`triplane points: ${label}`, data.byteLength);
    this.#owned.push(buffer);
    this.#backend.write(buffer, data);
    return buffer;
  }
}

function requireGrid({ resolution, lower, upper }: TriplaneGrid): void {
  // 32-bit cell numbers: 3 R² below 2³¹.
  if (!Number.isInteger(resolution) || resolution < 2 || resolution > 16_384) {
    throw new RangeError(`triplane: resolution ${resolution} is not in 2 … 16384`);
  }
  for (const axis of [0, 1, 2]) {
    const extent = upper[axis]! - lower[axis]!;
    if (!(extent > 0 && Number.isFinite(extent))) {
      throw new RangeError(`triplane: box from ${lower[axis]} to ${upper[axis]} along ${'xyz'[axis]} has no extent`);
    }
  }
}

/** Counting sort of the points by cell, for each of the three planes. */
function listPoints(cells: Uint32Array, fractions: Float32Array, resolution: number) {
  const count = cells.length / 3;
  const side = resolution - 1;
  const cellStart = new Uint32Array(3 * side * side + 1);
  const cellOf = (plane: number, i: number, [column, row]: readonly [number, number]) =>
    (plane * side + cells[i * 3 + row]!) * side + cells[i * 3 + column]!;
  for (const [plane, axes] of PLANE_AXES.entries()) {
    for (let i = 0; i < count; i++) cellStart[cellOf(plane, i, axes) + 1]!++;
  }
  for (let cell = 1; cell < cellStart.length; cell++) cellStart[cell]! += cellStart[cell - 1]!;
  const next = cellStart.slice();
  const order = new Uint32Array(3 * count);
  const places = new Float32Array(6 * count);
  for (const [plane, axes] of PLANE_AXES.entries()) {
    const [column, row] = axes;
    for (let i = 0; i < count; i++) {
      const at = next[cellOf(plane, i, axes)]!++;
      order[at] = i;
      places[2 * at] = fractions[i * 3 + column]!;
      places[2 * at + 1] = fractions[i * 3 + row]!;
    }
  }
  return { cellStart, order, places };
}

interface TriplaneArgs {
  readonly points: TriplanePoints;
  /** [3, R, R, stride] float32: planes xy, xz, yz; rows along the second axis of each; padding 0. */
  readonly planes: DeviceBuffer;
  /** Floats per texel: channels rounded up to a multiple of 4. */
  readonly stride: number;
  /** Default 'sum'. */
  readonly combination?: TriplaneCombination;
}

export interface TriplaneSampleArgs extends TriplaneArgs {
  /** [N, stride] out; [N, 3, stride] when concatenated. */
  readonly output: DeviceBuffer;
}

const CODES: { readonly [Key in TriplaneCombination]: number } = { sum: 0, product: 1, concatenate: 2 };

/** Features of the points; triplaneReference is the definition. */
export const sampleTriplane: Kernel<TriplaneSampleArgs> = {
  name: 'sampleTriplane',
  wasm(backend, args) {
    requireArgs(args, 'output', args.output);
    const { points, planes, stride, combination = 'sum', output } = args;
    backend.dispatch(
      'triplane.forward',
      ...[backend.address(points.cells), backend.address(points.fractions), points.count, backend.address(planes)],
      ...[points.resolution, stride * 4, CODES[combination], backend.address(output)],
    );
  },
  webgpu(backend, args) {
    requireArgs(args, 'output', args.output);
    sampleOnWebgpu(backend, args);
  },
};

export interface TriplaneGradientsArgs extends TriplaneArgs {
  /** In the shape of the features; padding 0. */
  readonly upstream: DeviceBuffer;
  /** [3, R, R, stride] out: overwritten, texels without a point with 0. */
  readonly gradients: DeviceBuffer;
}

/** Gradient of Σ upstream·features by the planes; triplaneGradientsReference is the definition. */
export const triplaneGradients: Kernel<TriplaneGradientsArgs> = {
  name: 'triplaneGradients',
  wasm(backend, args) {
    requireArgs(args, 'upstream', args.upstream);
    requireBytes('gradients', args.gradients, args.points.resolution ** 2 * 3 * args.stride * 4);
    const { points, planes, stride, combination = 'sum', upstream, gradients } = args;
    const { cellStart, order, places } = points.lists();
    const gather = (rows: DeviceBuffer, rowsPerPoint: number) =>
      backend.dispatch(
        'triplane.backward',
        ...[cellStart, order, places, rows].map((buffer) => backend.address(buffer)),
        ...[rowsPerPoint, points.resolution, stride * 4, backend.address(gradients)],
      );
    if (combination !== 'product') {
      gather(upstream, combination === 'sum' ? 1 : 3);
      return;
    }
    const samples = backend.createBuffer('triplane: gradients of samples', points.count * 3 * stride * 4);
    try {
      backend.dispatch(
        'triplane.productGradients',
        ...[backend.address(points.cells), backend.address(points.fractions), points.count, backend.address(planes)],
        ...[points.resolution, stride * 4, backend.address(upstream), backend.address(samples)],
      );
      gather(samples, 3);
    } finally {
      backend.destroyBuffer(samples);
    }
  },
  webgpu(backend, args) {
    requireArgs(args, 'upstream', args.upstream);
    requireBytes('gradients', args.gradients, args.points.resolution ** 2 * 3 * args.stride * 4);
    gradientsOnWebgpu(backend, args);
  },
};

/**
 * Both directions of a sum. Least traffic: points, features and planes (and their gradients) moved once; a scene whose
 * points are not in order moves up to 12 rows of texels per point instead.
 */
export function triplaneCost(shape: { points: number; resolution: number; channels: number }): {
  flops: number;
  bytes: number;
} {
  const { points, resolution, channels } = shape;
  return {
    flops: 2 * 24 * points * channels,
    bytes: points * (24 + 36 + 8 * channels) + 4 * 3 * resolution ** 2 * (2 * channels + 1),
  };
}

function requireArgs({ points, planes, stride, combination }: TriplaneArgs, name: string, rows: DeviceBuffer): void {
  if (!(Number.isInteger(stride) && stride > 0 && stride % 4 === 0)) {
    throw new RangeError(`triplane: ${stride} floats per texel are not whole vectors of 4`);
  }
  requireBytes('planes', planes, points.resolution ** 2 * 3 * stride * 4);
  requireBytes(name, rows, points.count * (combination === 'concatenate' ? 3 : 1) * stride * 4);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`triplane: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
