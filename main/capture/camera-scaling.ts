/** Intrinsics of a resized image. */
import type { Camera, PinholeCamera } from '../../contract/index.ts';

/** The same lens with separate focal lengths, which a resize by unequal ratios needs. */
function withTwoFocals(camera: Camera): Camera {
  const { id, width, height } = camera;
  const common = { id, width, height };
  switch (camera.model) {
    case 'SIMPLE_PINHOLE':
      return { ...common, model: 'PINHOLE', params: two(camera.params) };
    case 'SIMPLE_RADIAL':
      return {
        ...common,
        model: 'OPENCV',
        params: { ...two(camera.params), k1: camera.params.k, k2: 0, p1: 0, p2: 0 },
      };
    case 'RADIAL': {
      const { k1, k2 } = camera.params;
      return { ...common, model: 'OPENCV', params: { ...two(camera.params), k1, k2, p1: 0, p2: 0 } };
    }
    case 'SIMPLE_FISHEYE':
      return { ...common, model: 'FISHEYE', params: two(camera.params) };
    case 'SIMPLE_RADIAL_FISHEYE': {
      const params = { ...two(camera.params), k1: camera.params.k, k2: 0, k3: 0, k4: 0 };
      return { ...common, model: 'OPENCV_FISHEYE', params };
    }
    case 'RADIAL_FISHEYE': {
      const { k1, k2 } = camera.params;
      return { ...common, model: 'OPENCV_FISHEYE', params: { ...two(camera.params), k1, k2, k3: 0, k4: 0 } };
    }
    case 'SIMPLE_DIVISION':
      return { ...common, model: 'DIVISION', params: { ...two(camera.params), k: camera.params.k } };
    case 'PINHOLE':
    case 'OPENCV':
    case 'OPENCV_FISHEYE':
    case 'FULL_OPENCV':
    case 'FOV':
    case 'THIN_PRISM_FISHEYE':
    case 'RAD_TAN_THIN_PRISM_FISHEYE':
    case 'DIVISION':
    case 'FISHEYE':
    case 'EUCM':
      return camera;
    default:
      return camera satisfies never;
  }
}

function two({ f, cx, cy }: { f: number; cx: number; cy: number }): PinholeCamera['params'] {
  return { fx: f, fy: f, cx, cy };
}

/**
 * Camera of the same image resized to `width` x `height`. Pixel centres at +0.5 make this a plain product; distortion
 * terms act on normalised coordinates and stay.
 */
export function scaleCamera<C extends Camera>(
  camera: C,
  width: number,
  height: number,
): C extends PinholeCamera ? PinholeCamera : Camera;
export function scaleCamera(camera: Camera, width: number, height: number): Camera {
  const [sx, sy] = [width / camera.width, height / camera.height];
  const base = sx === sy ? camera : withTwoFocals(camera);
  const params: Record<string, number> = { ...base.params };
  for (const name of ['f', 'fx', 'cx']) if (name in params) params[name] = params[name]! * sx;
  for (const name of ['fy', 'cy']) if (name in params) params[name] = params[name]! * sy;
  return { ...base, width, height, params } as Camera;
}
