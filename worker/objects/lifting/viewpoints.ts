/** Random viewpoints that are not only training views: between a training camera and one of its neighbours. */
import type { PinholeView } from '../../kernels/index.ts';

/** A camera is mixed with one of this many nearest ones, so that the mix still looks at the scene. */
const NEIGHBOURS = 6;

/**
 * `count` views: position interpolated between a random camera and one of its nearest, orientation by spherical interpolation,
 * intrinsics of the first.
 */
export function randomViewpoints(views: readonly PinholeView[], count: number, random: () => number): PinholeView[] {
  if (views.length === 0) return [];
  const centres = views.map(({ cameraFromWorld }) => centreOf(cameraFromWorld));
  return Array.from({ length: count }, () => {
    const a = Math.floor(random() * views.length);
    const near = centres
      .map((centre, index) => ({ index, distance: distance(centre, centres[a]!) }))
      .filter(({ index }) => index !== a)
      .sort((x, y) => x.distance - y.distance || x.index - y.index)
      .slice(0, NEIGHBOURS);
    const pick = near[Math.floor(random() * near.length)];
    const t = random();
    return pick === undefined ? views[a]! : between(views[a]!, views[pick.index]!, t);
  });
}

function between(a: PinholeView, b: PinholeView, t: number): PinholeView {
  const rotation = matrixOf(slerp(quaternionOf(a.cameraFromWorld), quaternionOf(b.cameraFromWorld), t));
  const [ca, cb] = [centreOf(a.cameraFromWorld), centreOf(b.cameraFromWorld)];
  const centre = ca.map((value, axis) => (1 - t) * value + t * cb[axis]!);
  const pose: number[] = [];
  for (let row = 0; row < 3; row++) {
    const r = rotation.slice(3 * row, 3 * row + 3);
    pose.push(...r, -(r[0]! * centre[0]! + r[1]! * centre[1]! + r[2]! * centre[2]!));
  }
  return { ...a, cameraFromWorld: pose };
}

/** @param pose [3, 4] row-major, cameraFromWorld */
export function centreOf(pose: ArrayLike<number>): number[] {
  return [0, 1, 2].map((axis) => -(pose[axis]! * pose[3]! + pose[4 + axis]! * pose[7]! + pose[8 + axis]! * pose[11]!));
}

export function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!);
}

/** wxyz of the rotation part. */
function quaternionOf(m: ArrayLike<number>): number[] {
  const [xx, yy, zz] = [m[0]!, m[5]!, m[10]!];
  const squares = [1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz];
  const largest = squares.indexOf(Math.max(...squares));
  const s = 2 * Math.sqrt(squares[largest]!);
  const [a, b, c] = [m[9]! - m[6]!, m[2]! - m[8]!, m[4]! - m[1]!];
  const [d, e, f] = [m[1]! + m[4]!, m[2]! + m[8]!, m[6]! + m[9]!];
  switch (largest) {
    case 0:
      return [s / 4, a / s, b / s, c / s];
    case 1:
      return [a / s, s / 4, d / s, e / s];
    case 2:
      return [b / s, d / s, s / 4, f / s];
    default:
      return [c / s, e / s, f / s, s / 4];
  }
}

function slerp(a: readonly number[], b: readonly number[], t: number): number[] {
  const dot = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const sign = dot < 0 ? -1 : 1;
  const angle = Math.acos(Math.min(1, Math.abs(dot)));
  const [p, q] =
    angle < 1e-6 ? [1 - t, t] : [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  const mixed = a.map((value, i) => p * value + sign * q * b[i]!);
  const length = Math.hypot(...mixed);
  return mixed.map((value) => value / length);
}

function matrixOf([w, x, y, z]: readonly number[]): number[] {
  return [
    ...[1 - 2 * (y! * y! + z! * z!), 2 * (x! * y! - w! * z!), 2 * (x! * z! + w! * y!)],
    ...[2 * (x! * y! + w! * z!), 1 - 2 * (x! * x! + z! * z!), 2 * (y! * z! - w! * x!)],
    ...[2 * (x! * z! - w! * y!), 2 * (y! * z! + w! * x!), 1 - 2 * (x! * x! + y! * y!)],
  ];
}
