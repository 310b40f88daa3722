/** The part of W that a batch needs, over the Gaussians that contribute to it. */
import type { Backend } from '../compute/index.ts';
import type { SparseMatrix } from '../kernels/index.ts';
import type { FieldBatch } from './field.ts';

export interface BatchContributors {
  /** [U] Gaussians that contribute, in the order in which the batch meets them. */
  readonly ids: Uint32Array;
  /** W of the batch with columns numbered as in `ids`. */
  readonly rowStart: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
}

export class RowReader {
  readonly #backend: Backend;
  #last: { matrix: SparseMatrix; rowStart: Uint32Array; columns: Uint32Array; weights: Float32Array } | undefined;
  #position = new Int32Array(0);

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  async contributors(batch: FieldBatch, gaussians: number): Promise<BatchContributors> {
    const host = await this.#read(batch.matrix);
    if (this.#position.length !== gaussians) this.#position = new Int32Array(gaussians).fill(-1);
    const position = this.#position;
    const rowStart = new Uint32Array(batch.rowCount + 1);
    batch.hostRows.forEach((row, b) => {
      rowStart[b + 1] = rowStart[b]! + host.rowStart[row + 1]! - host.rowStart[row]!;
    });
    const columns = new Uint32Array(rowStart[batch.rowCount]!);
    const weights = new Float32Array(columns.length);
    const ids = new Uint32Array(Math.min(gaussians, columns.length));
    let count = 0;
    let to = 0;
    for (const row of batch.hostRows) {
      for (let e = host.rowStart[row]!; e < host.rowStart[row + 1]!; e++, to++) {
        const gaussian = host.columns[e]!;
        if (position[gaussian]! < 0) {
          position[gaussian] = count;
          ids[count++] = gaussian;
        }
        columns[to] = position[gaussian]!;
        weights[to] = host.weights[e]!;
      }
    }
    for (let i = 0; i < count; i++) position[ids[i]!] = -1;
    return { ids: ids.slice(0, count), rowStart, columns, weights };
  }

  /** A copy of a view's W: both halves of a batch read the same one. */
  async #read(matrix: SparseMatrix) {
    if (this.#last?.matrix === matrix) return this.#last;
    this.#last = {
      matrix,
      rowStart: new Uint32Array(await this.#backend.read(matrix.rowStart, 0, 4 * (matrix.rowCount + 1))),
      columns: new Uint32Array(await this.#backend.read(matrix.columns, 0, 4 * matrix.entryCount)),
      weights: new Float32Array(await this.#backend.read(matrix.weights, 0, 4 * matrix.entryCount)),
    };
    return this.#last;
  }
}
