/** Cameras of an import preview in the plane of a map. World coordinates; camera axes are OpenCV's (x right, y down, z forward). */
import type { Vector3 } from '../../../contract/index.ts';

/** Numbers per pose: qw qx qy qz tx ty tz of cameraFromWorld. */
const POSE_NUMBERS = 7;

export interface PlacedCamera {
  readonly centre: Vector3;
  /** Unit vector along the optical axis. */
  readonly forward: Vector3;
}

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(a: Vector3): Vector3 {
  const length = Math.hypot(...a);
  return length > 0 ? [a[0] / length, a[1] / length, a[2] / length] : [0, 0, 1];
}

/** Columns of the transpose of the rotation: `v` in camera axes to world axes. `q` is wxyz of cameraFromWorld, of any length. */
export function toWorld(q: readonly [number, number, number, number], v: Vector3): Vector3 {
  const length = Math.hypot(...q) || 1;
  const [w, x, y, z] = [q[0] / length, -q[1] / length, -q[2] / length, -q[3] / length];
  const u: Vector3 = [x, y, z];
  const s = cross(u, v);
  const t: Vector3 = [s[0] + w * v[0], s[1] + w * v[1], s[2] + w * v[2]];
  const r = cross(u, t);
  return [v[0] + 2 * r[0], v[1] + 2 * r[1], v[2] + 2 * r[2]];
}

/** [F * 7] poses to where the cameras stand and look. */
export function placeCameras(poses: readonly number[]): PlacedCamera[] {
  const cameras: PlacedCamera[] = [];
  for (let at = 0; at + POSE_NUMBERS <= poses.length; at += POSE_NUMBERS) {
    const [qw = 1, qx = 0, qy = 0, qz = 0, tx = 0, ty = 0, tz = 0] = poses.slice(at, at + POSE_NUMBERS);
    const q = [qw, qx, qy, qz] as const;
    const back = toWorld(q, [tx, ty, tz]);
    cameras.push({ centre: [-back[0], -back[1], -back[2]], forward: toWorld(q, [0, 0, 1]) });
  }
  return cameras;
}

export interface MapAxes {
  /** Unit vectors in world coordinates: right and up on the map. */
  readonly right: Vector3;
  readonly up: Vector3;
}

/** `top` looks along -up, `side` has up upwards. Both share `right`, so that they line up. */
export function mapAxes(view: 'top' | 'side', up: Vector3): MapAxes {
  const u = unit(up);
  // The world axis that is most level is drawn to the right.
  const axes: Vector3[] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const level = axes.reduce((best, axis) => (Math.abs(dot(axis, u)) < Math.abs(dot(best, u)) - 1e-9 ? axis : best));
  const lean = dot(level, u);
  const right = unit([level[0] - lean * u[0], level[1] - lean * u[1], level[2] - lean * u[2]]);
  return view === 'side' ? { right, up: u } : { right, up: cross(u, right) };
}

export function onMap(point: Vector3, axes: MapAxes): readonly [number, number] {
  return [dot(point, axes.right), dot(point, axes.up)];
}

/**
 * Where the optical axes come closest to meeting, least squares over the lines; null when they are parallel. And the share of
 * cameras that have that point in front of them: near 1 for a capture around something, near 0 when the axes are flipped.
 */
export function convergence(cameras: readonly PlacedCamera[]): { point: Vector3; inFront: number } | null {
  if (cameras.length < 2) return null;
  // Sum of (I - d d^T) p = sum of (I - d d^T) c, solved by Cramer's rule.
  const m = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  const b = [0, 0, 0];
  for (const { centre, forward } of cameras) {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const value = (i === j ? 1 : 0) - (forward[i] as number) * (forward[j] as number);
        m[i * 3 + j] = (m[i * 3 + j] as number) + value;
        b[i] = (b[i] as number) + value * (centre[j] as number);
      }
    }
  }
  const column = (j: number): Vector3 => [m[j] as number, m[3 + j] as number, m[6 + j] as number];
  const [c0, c1, c2] = [column(0), column(1), column(2)];
  const right: Vector3 = [b[0] as number, b[1] as number, b[2] as number];
  const determinant = dot(c0, cross(c1, c2));
  if (!(Math.abs(determinant) > 1e-9 * cameras.length ** 3)) return null;
  const point: Vector3 = [
    dot(right, cross(c1, c2)) / determinant,
    dot(c0, cross(right, c2)) / determinant,
    dot(c0, cross(c1, right)) / determinant,
  ];
  const front = cameras.filter(
    ({ centre, forward }) => dot([point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]], forward) > 0,
  );
  return { point, inFront: front.length / cameras.length };
}

/**
 * Mean share of the sparse points that a camera sees: in front of it and inside its image. Null without points.
 * At most `maxCameras` cameras and 400 points, evenly spread, so that it takes a few milliseconds.
 */
export function visibleShare(
  poses: readonly number[],
  intrinsics: readonly number[],
  points: readonly number[],
  maxCameras = 64,
): number | null {
  const cameraCount = Math.floor(poses.length / POSE_NUMBERS);
  const pointCount = Math.floor(points.length / 3);
  if (cameraCount === 0 || pointCount === 0) return null;
  const cameraStep = Math.max(1, Math.floor(cameraCount / maxCameras));
  const pointStep = Math.max(1, Math.floor(pointCount / 400));
  let seen = 0;
  let tried = 0;
  for (let c = 0; c < cameraCount; c += cameraStep) {
    const [qw = 1, qx = 0, qy = 0, qz = 0, tx = 0, ty = 0, tz = 0] = poses.slice(c * POSE_NUMBERS);
    const [width = 0, height = 0, fx = 1, fy = 1, cx = 0, cy = 0] = intrinsics.slice(c * 6, c * 6 + 6);
    for (let p = 0; p < pointCount; p += pointStep) {
      const world: Vector3 = [points[p * 3] as number, points[p * 3 + 1] as number, points[p * 3 + 2] as number];
      // The inverse of the camera's inverse rotation.
      const turned = toWorld([qw, -qx, -qy, -qz], world);
      const z = turned[2] + tz;
      tried += 1;
      if (z <= 0) continue;
      const u = (fx * (turned[0] + tx)) / z + cx;
      const v = (fy * (turned[1] + ty)) / z + cy;
      if (u >= 0 && u < width && v >= 0 && v < height) seen += 1;
    }
  }
  return tried === 0 ? null : seen / tried;
}

/** The world axis nearest to a direction: `+Z`, and how well it fits (cosine). */
export function nearestAxis(direction: Vector3): { name: string; cosine: number } {
  const d = unit(direction);
  const index = [0, 1, 2].reduce((best, i) => (Math.abs(d[i] as number) > Math.abs(d[best] as number) ? i : best), 0);
  const value = d[index] as number;
  return { name: `${value < 0 ? '-' : '+'}${'XYZ'[index]}`, cosine: Math.abs(value) };
}
