/** Sparse products in float64. */

/** A sparse matrix [rowCount, columnCount] in host memory; row r has the entries rowStart[r] … rowStart[r + 1] - 1. */
export interface SparseArrays {
  readonly rowCount: number;
  readonly columnCount: number;
  /** [rowCount + 1] */
  readonly rowStart: ArrayLike<number>;
  /** [E] */
  readonly columns: ArrayLike<number>;
  /** [E] */
  readonly weights: ArrayLike<number>;
}

/** W·F: [rowCount, channels] from F [columnCount, channels]. */
export function sparseProductReference(w: SparseArrays, input: ArrayLike<number>, channels: number): Float64Array {
  const out = new Float64Array(w.rowCount * channels);
  for (let r = 0; r < w.rowCount; r++) {
    for (let e = w.rowStart[r]!; e < w.rowStart[r + 1]!; e++) {
      for (let c = 0; c < channels; c++) out[r * channels + c]! += w.weights[e]! * input[w.columns[e]! * channels + c]!;
    }
  }
  return out;
}

/** Wᵀ·U: [columnCount, channels] from U [rowCount, channels]; the gradient of W·F by F for the upstream gradient U. */
export function sparseTransposedProductReference(
  w: SparseArrays,
  upstream: ArrayLike<number>,
  channels: number,
): Float64Array {
  const out = new Float64Array(w.columnCount * channels);
  for (let r = 0; r < w.rowCount; r++) {
    for (let e = w.rowStart[r]!; e < w.rowStart[r + 1]!; e++) {
      for (let c = 0; c < channels; c++) {
        out[w.columns[e]! * channels + c]! += w.weights[e]! * upstream[r * channels + c]!;
      }
    }
  }
  return out;
}
