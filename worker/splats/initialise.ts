/** The first Gaussians: one per sparse point, or random ones where a capture has no points. */
import { readFile, stat } from 'node:fs/promises';
import { LiftscopeError, type SparsePoints, type TrainingParameters } from '../../contract/index.ts';
import { type Backend, withWasm } from '../compute/index.ts';
import { buildPointTree, NeighbourSearch } from '../kernels/index.ts';
import type { SplatArrays } from './file.ts';
import { randomFor, shuffled } from './random.ts';

/** SH basis function of degree 0: colour = 0.5 + C0 · coefficient. */
const SH_C0 = 0.28209479177387814;
/** Distances that set a Gaussian's first size: the mean of this many, as in 3DGS. */
const NEIGHBOURS = 3;
/** Gaussians to start from where there are no points. */
const RANDOM_POINTS = 10_000;

export interface PointCloud {
  /** [M, 3] */
  readonly positions: Float32Array;
  /** [M, 3] sRGB */
  readonly colours: Uint8Array;
}

/** @throws LiftscopeError when the file is missing, of the wrong size, or holds a coordinate that is not finite. */
export async function readPoints({ path, count }: SparsePoints): Promise<PointCloud> {
  const fail = (problem: string) =>
    new LiftscopeError({
      code: 'bad-input',
      message: `sparse points ${path}: ${problem}`,
      hint: 'Import the capture again.',
    });
  const info = await stat(path).catch((error: Error) => {
    throw fail(`cannot be read (${error.message})`);
  });
  if (info.size !== 15 * count) throw fail(`has ${info.size} bytes where ${count} points need ${15 * count}`);
  const bytes = await readFile(path);
  const positions = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 12 * count));
  const bad = positions.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw fail(`point ${Math.floor(bad / 3)} is not finite`);
  return { positions, colours: new Uint8Array(bytes.subarray(12 * count)) };
}

/** Points inside the ball that the cameras look into, grey: for captures without a sparse model. */
export function randomPoints(
  { seed, maxGaussians }: TrainingParameters,
  centre: readonly [number, number, number],
  radius: number,
): PointCloud {
  const count = Math.min(RANDOM_POINTS, maxGaussians);
  const random = randomFor(seed, 'initial points', 0);
  const positions = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) positions[3 * i + axis] = centre[axis]! + (2 * random() - 1) * radius;
  }
  return { positions, colours: new Uint8Array(3 * count).fill(128) };
}

/**
 * Isotropic Gaussians at the points, as large as their distance to their neighbours.
 * More points than `maxGaussians` are thinned at random.
 */
export async function initialSplats(
  cloud: PointCloud,
  parameters: TrainingParameters,
  backend: Backend,
): Promise<SplatArrays> {
  const total = cloud.positions.length / 3;
  const count = Math.min(total, parameters.maxGaussians);
  // In index order, so that neighbours in memory stay the neighbours they were in the file.
  const kept =
    count === total
      ? undefined
      : shuffled(total, randomFor(parameters.seed, 'initial points', 1))
          .subarray(0, count)
          .sort();
  const positions = new Float32Array(3 * count);
  const coefficients = (parameters.shDegree + 1) ** 2;
  const sh = new Float32Array(3 * coefficients * count);
  for (let i = 0; i < count; i++) {
    const source = kept === undefined ? i : kept[i]!;
    for (let axis = 0; axis < 3; axis++) {
      positions[3 * i + axis] = cloud.positions[3 * source + axis]!;
      sh[3 * coefficients * i + axis] = (cloud.colours[3 * source + axis]! / 255 - 0.5) / SH_C0;
    }
  }
  const distances = await neighbourDistances(positions, backend);
  const quaternions = new Float32Array(4 * count);
  const logScales = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    quaternions[4 * i] = 1;
    logScales.fill(Math.log(Math.max(1e-7, parameters.initialScale * distances[i]!)), 3 * i, 3 * i + 3);
  }
  const { initialOpacity } = parameters;
  const logitOpacities = new Float32Array(count).fill(Math.log(initialOpacity / (1 - initialOpacity)));
  return { count, shDegree: parameters.shDegree, means: positions, quaternions, logScales, logitOpacities, sh };
}

/** Root mean square distance to the nearest three other points, per point [M]; 1 for a point without others. */
async function neighbourDistances(positions: Float32Array, backend: Backend): Promise<Float64Array> {
  const count = positions.length / 3;
  const distances = new Float64Array(count).fill(1);
  const keep = Math.min(NEIGHBOURS, count - 1);
  if (keep < 1) return distances;
  const tree = buildPointTree(positions, 3);
  const slots = await withWasm(backend, async (wasm) => {
    const search = new NeighbourSearch(wasm, tree, keep, keep);
    try {
      return (await search.nearest()).slots.slice();
    } finally {
      search.dispose();
    }
  });
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let k = 0; k < keep; k++) {
      const other = tree.pointOfSlot[slots[tree.slotOfPoint[i]! * keep + k]!]!;
      for (let axis = 0; axis < 3; axis++) sum += (positions[3 * i + axis]! - positions[3 * other + axis]!) ** 2;
    }
    distances[i] = Math.sqrt(sum / keep);
  }
  return distances;
}
