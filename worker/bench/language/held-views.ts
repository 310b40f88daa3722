/** Held-out views of a room: what is truly there, and the blending weights that every field is rendered with. */
import type { TrainingFrame } from '../../../contract/index.ts';
import type { Backend } from '../../compute/index.ts';
import { createSparseMatrix, type OwnedSparseMatrix, type PinholeView } from '../../kernels/index.ts';
import { LEAST_ALPHA } from '../../language/index.ts';
import type { WeightReader } from '../../objects/index.ts';
import type { SceneTruth } from '../../scenes/index.ts';
import { viewOf } from '../../splats/index.ts';

export interface HeldView {
  readonly width: number;
  readonly height: number;
  /** [H·W] */
  readonly instance: Uint16Array;
  readonly part: Uint16Array;
  readonly alpha: Float32Array;
  /** W [H·W, N], each row divided by its alpha; empty where too little covers the pixel, as in the maps of the studio. */
  readonly weights: OwnedSparseMatrix;
}

/** The caller disposes of the weights. @throws OutOfMemoryError, SceneTruthError */
export async function readHeldViews(
  backend: Backend,
  reader: WeightReader,
  gaussians: number,
  truth: SceneTruth,
  frames: readonly TrainingFrame[],
): Promise<HeldView[]> {
  const views: HeldView[] = [];
  try {
    for (const frame of frames) {
      const { instance, part, width, height } = await truth.readFrame(frame.name);
      views.push({ width, height, instance, part, ...(await heldWeights(backend, reader, gaussians, viewOf(frame))) });
    }
    return views;
  } catch (error) {
    for (const { weights } of views) weights.dispose();
    throw error;
  }
}

export async function heldWeights(
  backend: Backend,
  reader: WeightReader,
  gaussians: number,
  view: PinholeView,
): Promise<Pick<HeldView, 'alpha' | 'weights'>> {
  const { rowStart, columns, weights } = await reader.read(view);
  const rows = rowStart.length - 1;
  const alpha = new Float32Array(rows);
  const kept = {
    rowStart: new Uint32Array(rows + 1),
    columns: new Uint32Array(columns.length),
    weights: weights.slice(),
  };
  let to = 0;
  for (let row = 0; row < rows; row++) {
    const [begin, end] = [rowStart[row]!, rowStart[row + 1]!];
    let sum = 0;
    for (let e = begin; e < end; e++) sum += weights[e]!;
    alpha[row] = sum;
    for (let e = begin; e < end && sum >= LEAST_ALPHA; e++, to++) {
      kept.columns[to] = columns[e]!;
      kept.weights[to] = weights[e]! / sum;
    }
    kept.rowStart[row + 1] = to;
  }
  const matrix = createSparseMatrix(backend, {
    ...{ rowStart: kept.rowStart, columns: kept.columns.subarray(0, to), weights: kept.weights.subarray(0, to) },
    columnCount: gaussians,
  });
  return { alpha, weights: matrix };
}
