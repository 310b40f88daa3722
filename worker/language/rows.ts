/** Relevancy of rows that are kept at half their size and brought to the device in pieces that its caches hold. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { NestedEmbeddings, nestedNorms, relevancyOfRows, widenBfloat16 } from '../kernels/index.ts';
import type { Bfloat16Rows } from './bfloat16.ts';

/** A text against what it is compared with: unit vectors [E]. */
export interface QueryVectors {
  readonly query: ArrayLike<number>;
  readonly negatives: readonly ArrayLike<number>[];
  readonly sharpness: number;
}

/** Values of one piece on the device: 4 MiB. */
const PIECE_VALUES = 1 << 20;

/** One scale of N rows; their norms are computed once. */
export class PackedRows {
  readonly count: number;
  readonly #backend: Backend;
  readonly #rows: Bfloat16Rows;
  readonly #dimensions: number;
  readonly #pieceRows: number;
  /** [pieceRows, stride] bfloat16 and float32. */
  readonly #halves: DeviceBuffer;
  readonly #device: DeviceBuffer;
  readonly #embeddings: NestedEmbeddings;
  readonly #output: DeviceBuffer;
  /** [pieces] of [pieceRows] */
  readonly #inverseNorms: Float32Array[] = [];

  /**
   * @param rows [N, D] @param projection W [E, D]; none: rows are embeddings
   * @throws OutOfMemoryError
   */
  static async create(
    backend: Backend,
    rows: Bfloat16Rows,
    dimensions: number,
    projection?: Float32Array,
  ): Promise<PackedRows> {
    const packed = new PackedRows(backend, rows, dimensions, projection);
    await packed.#computeNorms();
    return packed;
  }

  private constructor(backend: Backend, rows: Bfloat16Rows, dimensions: number, projection: Float32Array | undefined) {
    this.#backend = backend;
    this.#rows = rows;
    this.#dimensions = dimensions;
    this.count = rows.length / dimensions;
    const stride = Math.ceil(dimensions / 4) * 4;
    this.#pieceRows = Math.max(4, Math.min(Math.floor(PIECE_VALUES / stride / 4) * 4, Math.ceil(this.count / 4) * 4));
    this.#halves = backend.createBuffer('packed rows', 2 * this.#pieceRows * stride);
    this.#device = backend.createBuffer('rows of a piece', 4 * this.#pieceRows * stride);
    backend.write(this.#device, new Float32Array(this.#pieceRows * stride));
    this.#output = backend.createBuffer('relevancy of packed rows', 4 * this.#pieceRows);
    this.#embeddings = new NestedEmbeddings(backend, {
      ...{ rows: this.#device, count: this.#pieceRows, dimensions },
      ...(projection !== undefined && { projection }),
    });
  }

  async #computeNorms(): Promise<void> {
    for (let first = 0; first < this.count; first += this.#pieceRows) {
      this.#bring(first);
      this.#backend.run(nestedNorms, { embeddings: this.#embeddings });
      this.#inverseNorms.push(new Float32Array(await this.#backend.read(this.#embeddings.inverseNorms)));
    }
  }

  /** @returns [N] */
  async relevancy({ query, negatives, sharpness }: QueryVectors): Promise<Float32Array> {
    const all = new Float32Array(this.count);
    const phrases = this.#embeddings.contrast(query, negatives, sharpness);
    try {
      for (let first = 0, piece = 0; first < this.count; first += this.#pieceRows, piece++) {
        this.#bring(first);
        this.#backend.write(this.#embeddings.inverseNorms, this.#inverseNorms[piece]!);
        this.#backend.run(relevancyOfRows, { embeddings: this.#embeddings, phrases, output: this.#output });
        const rows = Math.min(this.#pieceRows, this.count - first);
        all.set(new Float32Array(await this.#backend.read(this.#output, 0, 4 * rows)), first);
      }
      return all;
    } finally {
      phrases.dispose();
    }
  }

  /** [rows, stride] of one piece; what is beyond the last row is of no interest. */
  #bring(first: number): void {
    const rows = Math.min(this.#pieceRows, this.count - first);
    const { stride } = this.#embeddings;
    const part = this.#rows.subarray(first * this.#dimensions, (first + rows) * this.#dimensions);
    this.#backend.write(this.#halves, paddedHalves(part, this.#dimensions, stride));
    this.#backend.run(widenBfloat16, { input: this.#halves, count: rows * stride, output: this.#device });
  }

  dispose(): void {
    this.#embeddings.dispose();
    for (const buffer of [this.#halves, this.#device, this.#output]) this.#backend.destroyBuffer(buffer);
  }
}

/** [rows, columns] to [rows, stride], padding 0. */
function paddedHalves(values: Bfloat16Rows, columns: number, stride: number): Bfloat16Rows {
  if (columns === stride) return values;
  const rows = values.length / columns;
  const padded = new Uint16Array(rows * stride);
  for (let r = 0; r < rows; r++) padded.set(values.subarray(r * columns, (r + 1) * columns), r * stride);
  return padded;
}
