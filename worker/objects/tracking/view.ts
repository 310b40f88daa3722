/** Pinhole projection in float64. */
import type { PinholeView } from '../../../contract/index.ts';

export type Vector = readonly [number, number, number];

export interface Camera {
  readonly width: number;
  readonly height: number;
  /** [u, v, z] in pixels (centres at +0.5) and scene units. */
  readonly project: (world: Vector) => Vector;
  /** World point of a pixel position at a depth along the optical axis. */
  readonly unproject: (u: number, v: number, depth: number) => Vector;
  /** Focal length in pixels, the mean of both. */
  readonly focal: number;
}

/** @returns undefined where the pose or the lens is not finite: the frame has no usable camera */
export function cameraOf(view: PinholeView): Camera | undefined {
  const { width, height, fx, fy, cx, cy } = view;
  const { quaternion, translation } = view.cameraFromWorld;
  const length = Math.hypot(...quaternion);
  const numbers = [fx, fy, cx, cy, length, ...translation];
  if (!numbers.every(Number.isFinite) || !(length > 0 && fx > 0 && fy > 0)) return undefined;
  const [w, x, y, z] = quaternion.map((value) => value / length) as [number, number, number, number];
  const r = [
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  ] as const;
  const [tx, ty, tz] = translation;
  return {
    width,
    height,
    focal: (fx + fy) / 2,
    project: ([a, b, c]) => {
      const depth = r[6] * a + r[7] * b + r[8] * c + tz;
      return [
        (fx * (r[0] * a + r[1] * b + r[2] * c + tx)) / depth + cx,
        (fy * (r[3] * a + r[4] * b + r[5] * c + ty)) / depth + cy,
        depth,
      ];
    },
    unproject: (u, v, depth) => {
      const [a, b, c] = [((u - cx) / fx) * depth - tx, ((v - cy) / fy) * depth - ty, depth - tz];
      return [r[0] * a + r[3] * b + r[6] * c, r[1] * a + r[4] * b + r[7] * c, r[2] * a + r[5] * b + r[8] * c];
    },
  };
}
