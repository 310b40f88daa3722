/** Rigid transforms in float64. Matrices are row-major; quaternions are wxyz. */
import type { Pose, Quaternion, Vector3 } from '../../contract/index.ts';

/** `[9]` row-major rotation matrix of a unit quaternion. */
export function matrixFromQuaternion([w, x, y, z]: Quaternion): number[] {
  return [
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  ];
}

/** Unit quaternion of a `[9]` row-major rotation matrix (Shepperd's method: the largest component is the divisor). */
export function quaternionFromMatrix(m: readonly number[]): Quaternion {
  const [m00 = 0, m01 = 0, m02 = 0, m10 = 0, m11 = 0, m12 = 0, m20 = 0, m21 = 0, m22 = 0] = m;
  const trace = m00 + m11 + m22;
  let q: Quaternion;
  if (trace >= m00 && trace >= m11 && trace >= m22) {
    q = [1 + trace, m21 - m12, m02 - m20, m10 - m01];
  } else if (m00 >= m11 && m00 >= m22) {
    q = [m21 - m12, 1 + m00 - m11 - m22, m01 + m10, m02 + m20];
  } else if (m11 >= m22) {
    q = [m02 - m20, m01 + m10, 1 + m11 - m00 - m22, m12 + m21];
  } else {
    q = [m10 - m01, m02 + m20, m12 + m21, 1 + m22 - m00 - m11];
  }
  const length = Math.hypot(...q);
  const sign = q[0] < 0 ? -1 : 1;
  return [(sign * q[0]) / length, (sign * q[1]) / length, (sign * q[2]) / length, (sign * q[3]) / length];
}

/** Undefined when the length is not a finite positive number. */
export function normalisedQuaternion(q: readonly [number, number, number, number]): Quaternion | undefined {
  const length = Math.hypot(...q);
  if (!Number.isFinite(length) || length < 1e-12) return undefined;
  return [q[0] / length, q[1] / length, q[2] / length, q[3] / length];
}

export function transformPoint(pose: Pose, p: Readonly<Vector3>): Vector3 {
  const m = matrixFromQuaternion(pose.quaternion);
  const [tx, ty, tz] = pose.translation;
  return [
    m[0]! * p[0] + m[1]! * p[1] + m[2]! * p[2] + tx,
    m[3]! * p[0] + m[4]! * p[1] + m[5]! * p[2] + ty,
    m[6]! * p[0] + m[7]! * p[1] + m[8]! * p[2] + tz,
  ];
}

export function invertPose(pose: Pose): Pose {
  const [w, x, y, z] = pose.quaternion;
  const quaternion: Quaternion = [w, -x, -y, -z];
  const moved = transformPoint({ quaternion, translation: [0, 0, 0] }, pose.translation);
  return { quaternion, translation: [0 - moved[0], 0 - moved[1], 0 - moved[2]] };
}

/** Position of the camera in world coordinates. */
export function cameraCentre(cameraFromWorld: Pose): Vector3 {
  return invertPose(cameraFromWorld).translation;
}

/** Largest deviation from a rotation that is taken for rounding: exporters print as few as three digits. */
const rotationTolerance = 1e-2;

/**
 * Camera pose from a camera-to-world matrix in OpenGL axes (x right, y up, z backward), as transforms.json stores it.
 * Returns what is wrong with the matrix as a string.
 *
 * @param m `[4][4]` or `[3][4]` rows
 */
export function poseFromOpenglMatrix(m: readonly (readonly number[])[]): Pose | string {
  const rows = m.slice(0, 3);
  for (const row of rows) {
    if (row.some((value) => !Number.isFinite(value))) return 'has a value that is not a finite number';
  }
  const last = m[3];
  if (last !== undefined && (Math.hypot(last[0]!, last[1]!, last[2]!) > 1e-6 || Math.abs(last[3]! - 1) > 1e-6)) {
    return 'has a last row other than [0, 0, 0, 1]';
  }
  const column = (j: number): Vector3 => [rows[0]![j]!, rows[1]![j]!, rows[2]![j]!];
  const [a, b, c] = [column(0), column(1), column(2)];
  const dot = (p: Vector3, q: Vector3): number => p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
  const lengths = [Math.hypot(...a), Math.hypot(...b), Math.hypot(...c)];
  if (lengths.some((length) => !(Math.abs(length - 1) <= rotationTolerance))) {
    return `is not a rotation: its columns have lengths ${lengths.map((l) => l.toPrecision(4)).join(', ')}`;
  }
  const skew = Math.max(Math.abs(dot(a, b)), Math.abs(dot(a, c)), Math.abs(dot(b, c)));
  if (!(skew <= rotationTolerance))
    return `is not a rotation: its columns are not perpendicular (${skew.toPrecision(3)})`;
  const determinant =
    a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1]);
  if (determinant < 0) return 'mirrors the scene (negative determinant)';
  const quaternion = quaternionFromMatrix([a[0], -b[0], -c[0], a[1], -b[1], -c[1], a[2], -b[2], -c[2]]);
  return invertPose({ quaternion, translation: column(3) });
}

/** `[4][4]` camera-to-world matrix in OpenGL axes: the inverse of `poseFromOpenglMatrix`. */
export function openglMatrixFromPose(cameraFromWorld: Pose): number[][] {
  const { quaternion, translation } = invertPose(cameraFromWorld);
  const r = matrixFromQuaternion(quaternion);
  return [
    [r[0]!, -r[1]!, -r[2]!, translation[0]],
    [r[3]!, -r[4]!, -r[5]!, translation[1]],
    [r[6]!, -r[7]!, -r[8]!, translation[2]],
    [0, 0, 0, 1],
  ];
}
