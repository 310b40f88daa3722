/** Where a segment is in the world (methods 4). */
import type { TrackingParameters } from '../../../contract/index.ts';
import type { SegmentShape } from './segments.ts';
import type { Camera, Vector } from './view.ts';

export interface Centroid {
  readonly location: Vector;
  /** Depth that it was lifted with. */
  readonly depth: number;
  /** The mean pixel is not on the segment: its depth may be another thing's. */
  readonly outside: boolean;
}

/**
 * l = worldFromCamera·(depth · K⁻¹[x, y, 1]) at the mean pixel, with the depth of that pixel or the median over the segment.
 * @param depth [H, W] z, 0 = none
 * @returns undefined where there is no depth
 */
export function centroidOf(
  shape: SegmentShape,
  labels: ArrayLike<number>,
  depth: ArrayLike<number>,
  camera: Camera,
  mode: TrackingParameters['centroid'],
): Centroid | undefined {
  const pixel = Math.floor(shape.v) * camera.width + Math.floor(shape.u);
  const outside = labels[pixel] !== shape.id;
  const z = mode === 'mean-pixel' ? depth[pixel]! : medianDepth(shape, labels, depth, camera.width);
  if (!(z > 0 && z < Infinity)) return undefined;
  return { location: camera.unproject(shape.u, shape.v, z), depth: z, outside };
}

function medianDepth(shape: SegmentShape, labels: ArrayLike<number>, depth: ArrayLike<number>, width: number): number {
  const values: number[] = [];
  for (let y = shape.top; y < shape.bottom; y++) {
    for (let x = shape.left; x < shape.right; x++) {
      const i = y * width + x;
      if (labels[i] === shape.id && depth[i]! > 0) values.push(depth[i]!);
    }
  }
  values.sort((a, b) => a - b);
  return values[values.length >> 1] ?? 0;
}
