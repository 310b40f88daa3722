/** Training of per-Gaussian features in float64: what gather, scatter and update compute. */
import { adamReference } from '../adam/index.ts';
import { type SparseArrays, sparseTransposedProductReference } from '../sparse-product/index.ts';

export interface FeatureTableState {
  /** [N, channels] */
  readonly table: Float64Array;
  readonly firstMoments: Float64Array;
  readonly secondMoments: Float64Array;
  /** [N] how often each row was updated. */
  readonly updates: Int32Array;
  /** [N, channels] running average of the table: each step slow = decay·slow + (1 − decay)·table before anything else. */
  readonly slow: Float64Array;
}

export interface FeatureStep {
  readonly w: SparseArrays;
  /** Rows of w that the batch consists of. */
  readonly rows: ArrayLike<number>;
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** The rows of w that `rows` names, as a matrix. */
export function rowsOf(w: SparseArrays, rows: ArrayLike<number>): SparseArrays {
  const rowStart = [0];
  const columns: number[] = [];
  const weights: number[] = [];
  for (let b = 0; b < rows.length; b++) {
    for (let e = w.rowStart[rows[b]!]!; e < w.rowStart[rows[b]! + 1]!; e++) {
      columns.push(w.columns[e]!);
      weights.push(w.weights[e]!);
    }
    rowStart.push(columns.length);
  }
  return { rowCount: rows.length, columnCount: w.columnCount, rowStart, columns, weights };
}

/** slow = decay·slow + (1 − decay)·table for every row: the kernels do this lazily, for the rows they read. */
export function averageReference(state: FeatureTableState, decay: number): FeatureTableState {
  return { ...state, slow: state.slow.map((value, i) => decay * value + (1 - decay) * state.table[i]!) };
}

/**
 * One Adam step of the rows that the batch touches, each with its own step count (for the bias corrections); rows that it
 * does not touch stay, moments included. `softmax`: the features rendered were the softmax of each row.
 */
export function featureStepReference(
  state: FeatureTableState,
  step: FeatureStep,
  upstream: ArrayLike<number>,
  channels: number,
  softmax = false,
): FeatureTableState {
  const batch = rowsOf(step.w, step.rows);
  const gradients = sparseTransposedProductReference(batch, upstream, channels);
  const touched = new Set(Array.from(batch.columns));
  const table = Float64Array.from(state.table);
  const firstMoments = Float64Array.from(state.firstMoments);
  const secondMoments = Float64Array.from(state.secondMoments);
  const updates = Int32Array.from(state.updates);
  for (const g of touched) {
    const row = (values: Float64Array) => values.slice(g * channels, (g + 1) * channels);
    let gradient = row(gradients);
    if (softmax) {
      const p = softmaxReference(row(table));
      const inner = p.reduce((sum, value, c) => sum + value * gradient[c]!, 0);
      gradient = p.map((value, c) => value * (gradient[c]! - inner));
    }
    updates[g]!++;
    const next = adamReference({
      ...{ parameters: row(table), gradients: gradient, step: updates[g]! },
      ...{ firstMoments: row(firstMoments), secondMoments: row(secondMoments) },
      ...{ rate: step.rate, beta1: step.beta1, beta2: step.beta2, epsilon: step.epsilon },
    });
    table.set(next.parameters, g * channels);
    firstMoments.set(next.firstMoments, g * channels);
    secondMoments.set(next.secondMoments, g * channels);
  }
  return { table, firstMoments, secondMoments, updates, slow: state.slow };
}

export function softmaxReference(logits: ArrayLike<number>): Float64Array {
  const largest = Math.max(...Array.from(logits));
  const exponentials = Float64Array.from(logits, (value) => Math.exp(value - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
