import { DEFAULT_NEAR_PLANE, JACOBIAN_MARGIN } from './layout.ts';

/** A pinhole camera and the image it fills. OpenCV axes, pixel centres at +0.5. */
export interface PinholeView {
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** Focal lengths and principal point in pixels. */
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
  /** [4, 4] or [3, 4] row-major rigid transform: x_camera = R x_world + t. */
  readonly cameraFromWorld: ArrayLike<number>;
  /** Default 0.01 scene units. */
  readonly nearPlane?: number;
}

/** Where x/z and y/z are held for the Jacobian: the image enlarged by 0.3 tan(fov/2) on each side. */
export interface JacobianBounds {
  readonly minX: number;
  readonly maxX: number;
  readonly minY: number;
  readonly maxY: number;
}

export function jacobianBounds(view: PinholeView): JacobianBounds {
  const marginX = (JACOBIAN_MARGIN * 0.5 * view.widthPixels) / view.fx;
  const marginY = (JACOBIAN_MARGIN * 0.5 * view.heightPixels) / view.fy;
  return {
    minX: -(view.cx / view.fx + marginX),
    maxX: (view.widthPixels - view.cx) / view.fx + marginX,
    minY: -(view.cy / view.fy + marginY),
    maxY: (view.heightPixels - view.cy) / view.fy + marginY,
  };
}

export function nearPlane(view: PinholeView): number {
  return view.nearPlane ?? DEFAULT_NEAR_PLANE;
}

/** Position of the camera in the world: -R^T t. */
export function cameraCentre(view: PinholeView): [number, number, number] {
  const m = view.cameraFromWorld;
  const centre = (axis: number) => -(m[axis] * m[3] + m[4 + axis] * m[7] + m[8 + axis] * m[11]);
  return [centre(0), centre(1), centre(2)];
}
