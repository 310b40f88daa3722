/** A small world for tests: balls of Gaussians before a wall, cameras on an arc, label images with the errors that masks have. */
import { type Backend, WasmBackend } from '../../compute/index.ts';
import type { PinholeView } from '../../kernels/index.ts';
import { seededRandom } from '../../kernels/testing/index.ts';
import { type SplatArrays, SplatModel } from '../../splats/index.ts';
import { type PixelWeights, WeightReader } from './weights.ts';

export const OBJECTS = 5;
const PER_OBJECT = 40;
const WALL = 400;
const SIDE = 56;

export interface LabelledWorld {
  readonly backend: Backend;
  readonly splats: SplatArrays;
  readonly model: SplatModel;
  readonly reader: WeightReader;
  /** [N] 1 … OBJECTS, 0 = wall */
  readonly objectOf: Int32Array;
  readonly views: readonly PinholeView[];
  /** True label image of each view. */
  readonly truth: readonly Uint16Array[];
}

/** @param start what it is on; default wasm, one thread */
export async function labelledWorld(
  viewCount = 10,
  start: () => Promise<Backend> = () => WasmBackend.create({ threads: 1 }),
): Promise<LabelledWorld> {
  const random = seededRandom(23);
  const count = OBJECTS * PER_OBJECT + WALL;
  const objectOf = Int32Array.from({ length: count }, (_, i) =>
    i < OBJECTS * PER_OBJECT ? 1 + Math.floor(i / PER_OBJECT) : 0,
  );
  const means = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    const object = objectOf[i]!;
    const centre = object === 0 ? [0, 0, 1] : [-1.2 + 0.6 * (object - 1), object % 2 === 0 ? 0.35 : -0.3, 0];
    const spread = object === 0 ? [1.2, 0.9, 0.02] : [0.09, 0.09, 0.09];
    for (let axis = 0; axis < 3; axis++) {
      means[3 * i + axis] =
        centre[axis]! + spread[axis]! * (object === 0 ? random.uniform(-1.5, 1.5) : random.normal());
    }
  }
  const splats: SplatArrays = {
    ...{ count, shDegree: 0, means },
    quaternions: Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 === 0 ? 1 : 0)),
    logScales: Float32Array.from({ length: 3 * count }, (_, i) =>
      Math.log(objectOf[Math.floor(i / 3)] === 0 ? 0.13 : 0.07),
    ),
    logitOpacities: new Float32Array(count).fill(2),
    sh: new Float32Array(3 * count),
  };
  const backend = await start();
  const model = new SplatModel(backend, count, 0, { trainable: false });
  model.upload(splats);
  const reader = new WeightReader(backend, model);
  const views = Array.from({ length: viewCount }, (_, v) => viewAt(0.12 * (v - (viewCount - 1) / 2)));
  const truth: Uint16Array[] = [];
  for (const view of views) truth.push(labelsOf(await reader.read(view), objectOf));
  return { backend, splats, model, reader, objectOf, views, truth };
}

/** The object with most of a pixel's weight. */
function labelsOf({ rowStart, columns, weights }: PixelWeights, objectOf: Int32Array): Uint16Array {
  return Uint16Array.from({ length: rowStart.length - 1 }, (_, pixel) => {
    const shares = new Float64Array(OBJECTS + 1);
    for (let e = rowStart[pixel]!; e < rowStart[pixel + 1]!; e++) shares[objectOf[columns[e]!]!]! += weights[e]!;
    return shares.indexOf(Math.max(...shares));
  });
}

/** A camera on a circle of radius 4 around the origin, looking at it. */
export function viewAt(angle: number, side = SIDE): PinholeView {
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  return {
    ...{ widthPixels: side, heightPixels: side, fx: side, fy: side, cx: side / 2, cy: side / 2 },
    // biome-ignore format: one row of the matrix per line
    cameraFromWorld: [
      cos, 0, -sin, 0,
      0, 1, 0, 0,
      sin, 0, cos, 4,
    ],
  };
}

/** Ids mean nothing across images: object k of view v gets the id 1 + (k · 3 + v) mod 7, times 5. */
export function relabelled(labels: Uint16Array, view: number): Uint16Array {
  return labels.map((label) => (label === 0 ? 0 : 5 * (1 + ((label * 3 + view) % 7))));
}
