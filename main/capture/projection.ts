/**
 * Projection and unprojection for every camera model of the contract, in float64.
 *
 * Formulas: COLMAP's `src/colmap/sensor/models.h`; OpenCV's calib3d and fisheye pages; FOV: Devernay and Faugeras,
 * "Straight lines have to be straight" (2001); division: Fitzgibbon (2001); thin prism: Weng et al. (1992);
 * RAD_TAN_THIN_PRISM_FISHEYE: Project Aria's Fisheye624; EUCM: Khomutenko et al. (2016).
 */
import type { Camera, CameraId, PinholeCamera, Vector3 } from '../../contract/index.ts';

/** Writes the distorted `[x, y]` of an ideal `(x, y)` into `out`. */
type Warp = (x: number, y: number, out: Float64Array) => void;

interface Lens {
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
  /** What a ray becomes before `warp`: (x/z, y/z), or that direction scaled to the length of its angle. */
  readonly ideal: 'perspective' | 'equidistant' | 'division' | 'eucm';
  /** Undefined: no distortion. */
  readonly warp: Warp | undefined;
  readonly a: number;
  readonly b: number;
}

/** Polynomial radial + tangential + thin-prism terms (COLMAP's `Distortion` of the OpenCV family). */
function brownWarp(
  radial: readonly number[],
  denominator: readonly number[],
  p1: number,
  p2: number,
  sx1 = 0,
  sy1 = 0,
): Warp | undefined {
  if ([...radial, ...denominator, p1, p2, sx1, sy1].every((value) => value === 0)) return undefined;
  const [k1 = 0, k2 = 0, k3 = 0, k4 = 0] = radial;
  const [d1 = 0, d2 = 0, d3 = 0] = denominator;
  return (x, y, out) => {
    const r2 = x * x + y * y;
    const scale = (1 + r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))) / (1 + r2 * (d1 + r2 * (d2 + r2 * d3)));
    out[0] = x * scale + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + sx1 * r2;
    out[1] = y * scale + 2 * p2 * x * y + p1 * (r2 + 2 * y * y) + sy1 * r2;
  };
}

function fovWarp(omega: number): Warp | undefined {
  if (omega === 0) return undefined;
  const slope = 2 * Math.tan(omega / 2);
  return (x, y, out) => {
    const r = Math.hypot(x, y);
    const scale = r < 1e-12 ? slope / omega : Math.atan(r * slope) / (r * omega);
    out[0] = x * scale;
    out[1] = y * scale;
  };
}

function ariaWarp(k: readonly number[], p0: number, p1: number, s: readonly number[]): Warp | undefined {
  if ([...k, p0, p1, ...s].every((value) => value === 0)) return undefined;
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0, k4 = 0, k5 = 0] = k;
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
  return (x, y, out) => {
    const t2 = x * x + y * y;
    const scale = 1 + t2 * (k0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * (k4 + t2 * k5)))));
    // Unlike the thin-prism model, the further terms act on the point after its radial distortion.
    const u = x * scale;
    const v = y * scale;
    const r2 = u * u + v * v;
    out[0] = u + 2 * p1 * u * v + p0 * (r2 + 2 * u * u) + r2 * (s0 + r2 * s1);
    out[1] = v + 2 * p0 * u * v + p1 * (r2 + 2 * v * v) + r2 * (s2 + r2 * s3);
  };
}

function lensOf(camera: Camera): Lens {
  const { cx, cy } = camera.params;
  const [fx, fy] = 'f' in camera.params ? [camera.params.f, camera.params.f] : [camera.params.fx, camera.params.fy];
  const lens = (ideal: Lens['ideal'], warp?: Warp, a = 0, b = 0): Lens => ({ fx, fy, cx, cy, ideal, warp, a, b });
  switch (camera.model) {
    case 'SIMPLE_PINHOLE':
    case 'PINHOLE':
      return lens('perspective');
    case 'SIMPLE_RADIAL':
      return lens('perspective', brownWarp([camera.params.k], [], 0, 0));
    case 'RADIAL':
      return lens('perspective', brownWarp([camera.params.k1, camera.params.k2], [], 0, 0));
    case 'OPENCV': {
      const { k1, k2, p1, p2 } = camera.params;
      return lens('perspective', brownWarp([k1, k2], [], p1, p2));
    }
    case 'FULL_OPENCV': {
      const { k1, k2, k3, k4, k5, k6, p1, p2 } = camera.params;
      return lens('perspective', brownWarp([k1, k2, k3], [k4, k5, k6], p1, p2));
    }
    case 'FOV':
      return lens('perspective', fovWarp(camera.params.omega));
    case 'SIMPLE_FISHEYE':
    case 'FISHEYE':
      return lens('equidistant');
    case 'SIMPLE_RADIAL_FISHEYE':
      return lens('equidistant', brownWarp([camera.params.k], [], 0, 0));
    case 'RADIAL_FISHEYE':
      return lens('equidistant', brownWarp([camera.params.k1, camera.params.k2], [], 0, 0));
    case 'OPENCV_FISHEYE': {
      const { k1, k2, k3, k4 } = camera.params;
      return lens('equidistant', brownWarp([k1, k2, k3, k4], [], 0, 0));
    }
    case 'THIN_PRISM_FISHEYE': {
      const { k1, k2, k3, k4, p1, p2, sx1, sy1 } = camera.params;
      return lens('equidistant', brownWarp([k1, k2, k3, k4], [], p1, p2, sx1, sy1));
    }
    case 'RAD_TAN_THIN_PRISM_FISHEYE': {
      const { k0, k1, k2, k3, k4, k5, p0, p1, s0, s1, s2, s3 } = camera.params;
      return lens('equidistant', ariaWarp([k0, k1, k2, k3, k4, k5], p0, p1, [s0, s1, s2, s3]));
    }
    case 'SIMPLE_DIVISION':
    case 'DIVISION':
      return camera.params.k === 0 ? lens('perspective') : lens('division', undefined, camera.params.k);
    case 'EUCM':
      return camera.params.alpha === 0
        ? lens('perspective')
        : lens('eucm', undefined, camera.params.alpha, camera.params.beta);
    default:
      return camera satisfies never;
  }
}

/** True when the camera is a pinhole whatever its model is called (all its distortion terms are zero). */
export function isUndistorted(camera: Camera): boolean {
  const lens = lensOf(camera);
  return lens.ideal === 'perspective' && lens.warp === undefined;
}

/** The same camera as PINHOLE; only meaningful where `isUndistorted`. */
export function pinholeOf(camera: Camera, id: CameraId = camera.id): PinholeCamera {
  const { fx, fy, cx, cy } = lensOf(camera);
  return { id, model: 'PINHOLE', width: camera.width, height: camera.height, params: { fx, fy, cx, cy } };
}

export interface Projector {
  /**
   * Pixel `[2]` of a point in camera coordinates, written into `out`. False where the model has no image of the
   * point (behind a perspective camera, outside a division or unified model's domain).
   */
  project(x: number, y: number, z: number, out: Float64Array): boolean;
  /** Unit ray `[x, y, z]` through a pixel, or undefined where the model cannot be inverted. */
  unproject(u: number, v: number): Vector3 | undefined;
}

export function projectorOf(camera: Camera): Projector {
  const lens = lensOf(camera);
  const { fx, fy, cx, cy, ideal, warp, a, b } = lens;
  const finish = (x: number, y: number, out: Float64Array): boolean => {
    if (warp !== undefined) {
      warp(x, y, out);
      out[0] = fx * out[0]! + cx;
      out[1] = fy * out[1]! + cy;
    } else {
      out[0] = fx * x + cx;
      out[1] = fy * y + cy;
    }
    return Number.isFinite(out[0]) && Number.isFinite(out[1]);
  };

  const project: Projector['project'] = (x, y, z, out) => {
    switch (ideal) {
      case 'perspective':
        return z > 1e-12 && finish(x / z, y / z, out);
      case 'equidistant': {
        const r = Math.hypot(x, y);
        if (!(r > 0 || z > 0)) return false;
        const scale = r < 1e-9 * z ? 1 / z : Math.atan2(r, z) / r;
        return finish(x * scale, y * scale, out);
      }
      case 'division': {
        const discriminant = z * z - 4 * a * (x * x + y * y);
        const denominator = z + Math.sqrt(discriminant);
        return denominator > 1e-12 && finish((2 * x) / denominator, (2 * y) / denominator, out);
      }
      case 'eucm': {
        const denominator = a * Math.sqrt(b * (x * x + y * y) + z * z) + (1 - a) * z;
        return denominator > 1e-12 && finish(x / denominator, y / denominator, out);
      }
      default:
        return ideal satisfies never;
    }
  };

  const unproject: Projector['unproject'] = (u, v) => {
    const xd = (u - cx) / fx;
    const yd = (v - cy) / fy;
    const plane = warp === undefined ? ([xd, yd] as const) : unwarp(camera, warp, xd, yd);
    if (plane === undefined) return undefined;
    const [x, y] = plane;
    const r2 = x * x + y * y;
    switch (ideal) {
      case 'perspective':
        return unit(x, y, 1);
      case 'equidistant': {
        const angle = Math.sqrt(r2);
        if (angle >= Math.PI) return undefined;
        const scale = angle < 1e-9 ? 1 : Math.sin(angle) / angle;
        return unit(x * scale, y * scale, Math.cos(angle));
      }
      case 'division':
        // With k > 0 every point is imaged within r² k < 1; beyond that radius there is no ray.
        return a > 0 && a * r2 >= 1 ? undefined : unit(x, y, 1 + a * r2);
      case 'eucm': {
        const inside = 1 - (2 * a - 1) * b * r2;
        if (inside < 0) return undefined;
        return unit(x, y, (1 - b * a * a * r2) / (a * Math.sqrt(inside) + 1 - a));
      }
      default:
        return ideal satisfies never;
    }
  };
  return { project, unproject };
}

function unit(x: number, y: number, z: number): Vector3 | undefined {
  const length = Math.hypot(x, y, z);
  return Number.isFinite(length) && length > 0 ? [x / length, y / length, z / length] : undefined;
}

const maxNewtonSteps = 100;

/**
 * Inverse of a distortion: closed form for FOV, else damped Newton from the distorted point. Undefined when it does not
 * converge or lands beyond the radius where the distortion folds back over itself.
 */
function unwarp(camera: Camera, warp: Warp, xd: number, yd: number): readonly [number, number] | undefined {
  if (camera.model === 'FOV') {
    const { omega } = camera.params;
    const rd = Math.hypot(xd, yd);
    if (rd < 1e-12) return [(xd * omega) / (2 * Math.tan(omega / 2)), (yd * omega) / (2 * Math.tan(omega / 2))];
    if (Math.abs(rd * omega) >= Math.PI / 2) return undefined;
    const scale = Math.tan(rd * omega) / (2 * Math.tan(omega / 2) * rd);
    return [xd * scale, yd * scale];
  }
  const out = new Float64Array(2);
  const tolerance = 1e-13 * (1 + Math.hypot(xd, yd));
  const residual = (x: number, y: number): number => {
    warp(x, y, out);
    return Math.hypot(out[0]! - xd, out[1]! - yd);
  };
  let x = xd;
  let y = yd;
  let error = residual(x, y);
  // A start beyond the fold can point Newton to the wrong branch; the centre is always on the right one.
  if (!(error < Math.hypot(xd, yd))) {
    x = 0;
    y = 0;
    error = residual(0, 0);
  }
  for (let step = 0; step < maxNewtonSteps && error > tolerance; step++) {
    const j = jacobian(warp, x, y);
    warp(x, y, out);
    const ex = xd - out[0]!;
    const ey = yd - out[1]!;
    const dx = (j.yy * ex - j.xy * ey) / j.determinant;
    const dy = (j.xx * ey - j.yx * ex) / j.determinant;
    let damping = 1;
    let next = residual(x + dx, y + dy);
    while (!(next < error) && damping > 1e-4) {
      damping /= 2;
      next = residual(x + damping * dx, y + damping * dy);
    }
    if (!(next < error)) break;
    x += damping * dx;
    y += damping * dy;
    error = next;
  }
  if (!(error <= 1e-9 * (1 + Math.hypot(xd, yd)))) return undefined;
  for (let i = 1; i <= 8; i++) {
    if (!(jacobian(warp, (x * i) / 8, (y * i) / 8).determinant > 0)) return undefined;
  }
  return [x, y];
}

interface Jacobian {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
  readonly determinant: number;
}

function jacobian(warp: Warp, x: number, y: number): Jacobian {
  const h = 1e-6 * (1 + Math.hypot(x, y));
  const plus = new Float64Array(2);
  const minus = new Float64Array(2);
  warp(x + h, y, plus);
  warp(x - h, y, minus);
  const xx = (plus[0]! - minus[0]!) / (2 * h);
  const yx = (plus[1]! - minus[1]!) / (2 * h);
  warp(x, y + h, plus);
  warp(x, y - h, minus);
  const xy = (plus[0]! - minus[0]!) / (2 * h);
  const yy = (plus[1]! - minus[1]!) / (2 * h);
  return { xx, xy, yx, yy, determinant: xx * yy - xy * yx };
}
