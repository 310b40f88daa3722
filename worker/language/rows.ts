/** Relevancy of rows that are kept at half their size and brought to the device in pieces that its caches hold. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { NestedEmbeddings, nestedNorms, relevancyOfRows } from '../kernels/index.ts';
import { type Bfloat16Rows, fromBfloat16 } from './bfloat16.ts';

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
  readonly #values: Float32Array;
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
    this.#values = new Float32Array(this.#pieceRows * stride);
    this.#device = backend.createBuffer('packed rows', this.#values.byteLength);
    backend.write(this.#device, this.#values);
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
    if (stride === this.#dimensions) {
      const part = this.#rows.subarray(first * stride, (first + rows) * stride);
      fromBfloat16(part, this.#values.subarray(0, part.length));
    } else {
      for (let r = 0; r < rows; r++) {
        const from = (first + r) * this.#dimensions;
        const own = this.#values.subarray(r * stride, r * stride + this.#dimensions);
        fromBfloat16(this.#rows.subarray(from, from + this.#dimensions), own);
      }
    }
    this.#backend.write(this.#device, this.#values.subarray(0, rows * stride));
  }

  dispose(): void {
    this.#embeddings.dispose();
    this.#backend.destroyBuffer(this.#device);
    this.#backend.destroyBuffer(this.#output);
  }
}
