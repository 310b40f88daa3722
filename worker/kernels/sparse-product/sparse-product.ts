import type { Backend, DeviceBuffer, Kernel, WasmBackend } from '../../compute/index.ts';
import { sparseProductOnWebgpu, transposeOnWebgpu } from './kernel.wgsl.ts';

/** Sparse matrix on a device: row r has the entries rowStart[r] … rowStart[r + 1] - 1. BlendingWeights is one. */
export interface SparseMatrix {
  readonly rowCount: number;
  readonly entryCount: number;
  /** No entry names this column or a later one, where that is known. */
  readonly columnBound?: number;
  /** [rowCount + 1] uint32 */
  readonly rowStart: DeviceBuffer;
  /** [entryCount] uint32 */
  readonly columns: DeviceBuffer;
  /** [entryCount] float32 */
  readonly weights: DeviceBuffer;
}

export interface SparseProductArgs {
  readonly matrix: SparseMatrix;
  /** [columns of the matrix, channels] float32; must hold every column that an entry names. */
  readonly input: DeviceBuffer;
  /** Out: [rowCount, channels] float32. */
  readonly output: DeviceBuffer;
  readonly channels: number;
  /** Add to `output` rather than overwrite it. */
  readonly accumulate?: boolean;
}

/** W·F. For Wᵀ·U give it the matrix of {@link transposeSparse}; sparseProductReference is the definition. */
export const sparseProduct: Kernel<SparseProductArgs> = {
  name: 'sparseProduct',
  wasm(backend, args) {
    requireProduct(args);
    const { matrix, input, output, channels, accumulate = false } = args;
    backend.dispatch(
      'sparse-product.product',
      ...[matrix.rowStart, matrix.columns, matrix.weights].map((buffer) => backend.address(buffer)),
      matrix.rowCount,
      ...[backend.address(input), backend.address(output), channels, accumulate ? 1 : 0],
    );
  },
  webgpu(backend, args) {
    requireProduct(args);
    sparseProductOnWebgpu(backend, args);
  },
};

function requireProduct({ matrix, output, channels }: SparseProductArgs): void {
  if (!Number.isInteger(channels) || channels < 0) throw new RangeError(`${channels} is not a number of channels`);
  requireMatrix(matrix);
  requireBytes('output', output, matrix.rowCount * channels * 4);
}

/** A sparse matrix that owns its buffers. */
export interface OwnedSparseMatrix extends SparseMatrix {
  dispose(): void;
}

interface TransposeArgs {
  readonly matrix: SparseMatrix;
  readonly columnCount: number;
  readonly out: SparseMatrix;
}

const transpose: Kernel<TransposeArgs> = {
  name: 'transposeSparse',
  wasm(backend, { matrix, columnCount, out }) {
    // A histogram per thread, so that none waits for another.
    const counts = backend.createBuffer('sparse matrix: counts', backend.threads * (columnCount + 1) * 4);
    try {
      fillTranspose(backend, { matrix, columnCount, out }, counts);
    } finally {
      backend.destroyBuffer(counts);
    }
  },
  webgpu(backend, args) {
    // The device could tell only later: what is known here is told here.
    if ((args.matrix.columnBound ?? 0) > args.columnCount) throw badColumn(args.columnCount);
    transposeOnWebgpu(backend, args);
  },
};

const badColumn = (columnCount: number) =>
  new RangeError(`sparse matrix: an entry names a column beyond the last, ${columnCount - 1}`);

function fillTranspose(backend: WasmBackend, { matrix, columnCount, out }: TransposeArgs, counts: DeviceBuffer): void {
  const columns = backend.address(matrix.columns);
  const places = backend.address(counts);
  backend.dispatch('sparse-product.countColumns', columns, matrix.entryCount, columnCount, places);
  const perThread = backend.integers(counts);
  for (let thread = 0; thread < backend.threads; thread++) {
    const bad = perThread[thread * (columnCount + 1) + columnCount]!;
    if (bad !== 0) throw badColumn(columnCount);
  }
  backend.dispatch('sparse-product.columnPlaces', columnCount, places, backend.address(out.rowStart));
  backend.dispatch(
    'sparse-product.scatterColumns',
    ...[backend.address(matrix.rowStart), columns, backend.address(matrix.weights)],
    ...[matrix.rowCount, matrix.entryCount, columnCount, places],
    ...[backend.address(out.columns), backend.address(out.weights)],
  );
}

/**
 * Wᵀ as a sparse matrix [columnCount, rowCount], built once per W; products with it gather, so they need no atomics and
 * sum in one order. Within a row of Wᵀ the entries ascend.
 * @throws RangeError when an entry names a column that does not exist, OutOfMemoryError.
 */
export function transposeSparse(backend: Backend, matrix: SparseMatrix, columnCount: number): OwnedSparseMatrix {
  if (!Number.isInteger(columnCount) || columnCount < 0) {
    throw new RangeError(`${columnCount} is not a number of columns`);
  }
  requireMatrix(matrix);
  return build(backend, columnCount, matrix.entryCount, (out) => backend.run(transpose, { matrix, columnCount, out }));
}

/**
 * Uploads a matrix from host memory, checked: offsets ascend from 0 to the number of entries.
 * @throws RangeError naming the first bad offset or column.
 */
export function createSparseMatrix(
  backend: Backend,
  host: { rowStart: Uint32Array; columns: Uint32Array; weights: Float32Array; columnCount: number },
): OwnedSparseMatrix {
  const { rowStart, columns, weights, columnCount } = host;
  const rowCount = rowStart.length - 1;
  if (rowCount < 0) throw new RangeError('sparse matrix: rowStart needs at least one offset, 0');
  if (columns.length !== weights.length) {
    throw new RangeError(`sparse matrix: ${columns.length} columns for ${weights.length} weights`);
  }
  for (let r = 0; r <= rowCount; r++) {
    const least = r === 0 ? 0 : rowStart[r - 1]!;
    const most = r === 0 ? 0 : columns.length;
    if (rowStart[r]! < least || rowStart[r]! > most || (r === rowCount && rowStart[r] !== columns.length)) {
      throw new RangeError(
        `sparse matrix: rowStart[${r}] is ${rowStart[r]}; offsets ascend from 0 to ${columns.length}`,
      );
    }
  }
  const bad = columns.findIndex((column) => column >= columnCount);
  if (bad >= 0) throw new RangeError(`sparse matrix: columns[${bad}] is ${columns[bad]}, of ${columnCount} columns`);
  const columnBound = columns.reduce((most, column) => Math.max(most, column + 1), 0);
  const matrix = build(backend, rowCount, columns.length, (out) => {
    backend.write(out.rowStart, rowStart);
    backend.write(out.columns, columns);
    backend.write(out.weights, weights);
  });
  return { ...matrix, columnBound };
}

/** Least work and traffic: every entry once, the dense matrices moved once. */
export function sparseProductCost(args: { rows: number; columns: number; entries: number; channels: number }): {
  flops: number;
  bytes: number;
} {
  return {
    flops: 2 * args.entries * args.channels,
    bytes: 8 * args.entries + 4 * (args.rows + 1) + 4 * args.channels * (args.rows + args.columns),
  };
}

/** Creates the three buffers and fills them; whatever was created is freed when that fails. */
function build(
  backend: Backend,
  rowCount: number,
  entryCount: number,
  fill: (out: SparseMatrix) => void,
): OwnedSparseMatrix {
  const owned: DeviceBuffer[] = [];
  const create = (label: string, values: number) => {
    const buffer = backend.createBuffer(`sparse matrix: ${label}`, values * 4);
    owned.push(buffer);
    return buffer;
  };
  const dispose = () => {
    for (const buffer of owned.splice(0)) backend.destroyBuffer(buffer);
  };
  try {
    const rowStart = create('row starts', rowCount + 1);
    const columns = create('columns', entryCount);
    const weights = create('weights', entryCount);
    const out: SparseMatrix = { rowCount, entryCount, rowStart, columns, weights };
    fill(out);
    return { ...out, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function requireMatrix({ rowCount, entryCount, rowStart, columns, weights }: SparseMatrix): void {
  requireBytes('rowStart', rowStart, (rowCount + 1) * 4);
  requireBytes('columns', columns, entryCount * 4);
  requireBytes('weights', weights, entryCount * 4);
}

function requireBytes(name: string, buffer: DeviceBuffer, bytes: number): void {
  if (buffer.sizeBytes >= bytes) return;
  throw new RangeError(`${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${bytes} are needed`);
}
