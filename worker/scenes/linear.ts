/** Small vectors, quaternions (wxyz) and rigid transforms in float64; positions in metres, world z up. */

export type Vec3 = readonly [number, number, number];
export type Quaternion = readonly [w: number, x: number, y: number, z: number];

/** x_world = rotation · x_local + translation. */
export interface Pose {
  readonly rotation: Quaternion;
  readonly translation: Vec3;
}

export const IDENTITY_POSE: Pose = { rotation: [1, 0, 0, 0], translation: [0, 0, 0] };

export const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scaleBy = (a: Vec3, s: number): Vec3 => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const norm = (a: Vec3): number => Math.hypot(a[0], a[1], a[2]);
export const normalise = (a: Vec3): Vec3 => {
  const length = norm(a);
  return length > 0 ? scaleBy(a, 1 / length) : [0, 0, 1];
};
export const mix = (a: Vec3, b: Vec3, t: number): Vec3 => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];

export const quaternionFromAxisAngle = (axis: Vec3, radians: number): Quaternion => {
  const [x, y, z] = normalise(axis);
  const s = Math.sin(radians / 2);
  return [Math.cos(radians / 2), x * s, y * s, z * s];
};

export const multiplyQuaternions = (a: Quaternion, b: Quaternion): Quaternion => [
  a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
  a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
  a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
  a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
];

const conjugate = (q: Quaternion): Quaternion => [q[0], -q[1], -q[2], -q[3]];

/** Row-major 3x3 rotation matrix of a unit quaternion. */
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

/** Unit quaternion (w ≥ 0) of a row-major rotation matrix (Shepperd's method). */
export function quaternionFromMatrix(m: readonly number[]): Quaternion {
  const [a, b, c, d, e, f, g, h, i] = m as [number, number, number, number, number, number, number, number, number];
  const trace = a + e + i;
  let q: [number, number, number, number];
  if (trace > 0) {
    const s = Math.sqrt(trace + 1) * 2;
    q = [s / 4, (h - f) / s, (c - g) / s, (d - b) / s];
  } else if (a > e && a > i) {
    const s = Math.sqrt(1 + a - e - i) * 2;
    q = [(h - f) / s, s / 4, (b + d) / s, (c + g) / s];
  } else if (e > i) {
    const s = Math.sqrt(1 + e - a - i) * 2;
    q = [(c - g) / s, (b + d) / s, s / 4, (f + h) / s];
  } else {
    const s = Math.sqrt(1 + i - a - e) * 2;
    q = [(d - b) / s, (c + g) / s, (f + h) / s, s / 4];
  }
  const length = Math.hypot(...q) * (q[0] < 0 ? -1 : 1);
  return [q[0] / length, q[1] / length, q[2] / length, q[3] / length];
}

export const rotate = (q: Quaternion, v: Vec3): Vec3 => {
  const m = matrixFromQuaternion(q);
  return [
    m[0]! * v[0] + m[1]! * v[1] + m[2]! * v[2],
    m[3]! * v[0] + m[4]! * v[1] + m[5]! * v[2],
    m[6]! * v[0] + m[7]! * v[1] + m[8]! * v[2],
  ];
};

export const applyPose = (pose: Pose, v: Vec3): Vec3 => add(rotate(pose.rotation, v), pose.translation);

/** outer ∘ inner: first inner, then outer. */
export const composePoses = (outer: Pose, inner: Pose): Pose => ({
  rotation: multiplyQuaternions(outer.rotation, inner.rotation),
  translation: applyPose(outer, inner.translation),
});

export const invertPose = (pose: Pose): Pose => {
  const rotation = conjugate(pose.rotation);
  return { rotation, translation: scaleBy(rotate(rotation, pose.translation), -1) };
};

/** worldFromCamera of an OpenCV camera (x right, y down, z forward) at `eye` looking at `target`, world z up. */
export function lookAt(eye: Vec3, target: Vec3, rollRadians = 0): Pose {
  const forward = normalise(subtract(target, eye));
  const up: Vec3 = Math.abs(forward[2]) > 0.999 ? [0, 1, 0] : [0, 0, 1];
  const right = normalise(cross(forward, up));
  const down = cross(forward, right);
  const rotation = quaternionFromMatrix([
    right[0],
    down[0],
    forward[0],
    right[1],
    down[1],
    forward[1],
    right[2],
    down[2],
    forward[2],
  ]);
  return {
    rotation:
      rollRadians === 0 ? rotation : multiplyQuaternions(rotation, quaternionFromAxisAngle([0, 0, 1], rollRadians)),
    translation: eye,
  };
}

/** Spherical interpolation of unit quaternions along the shorter arc. */
export function slerp(a: Quaternion, b: Quaternion, t: number): Quaternion {
  let cosine = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  const sign = cosine < 0 ? -1 : 1;
  cosine *= sign;
  let wa = 1 - t;
  let wb = t * sign;
  if (cosine < 0.9995) {
    const angle = Math.acos(cosine);
    wa = Math.sin((1 - t) * angle) / Math.sin(angle);
    wb = (Math.sin(t * angle) / Math.sin(angle)) * sign;
  }
  const q = [0, 1, 2, 3].map((k) => wa * a[k]! + wb * b[k]!);
  const length = Math.hypot(...q);
  return [q[0]! / length, q[1]! / length, q[2]! / length, q[3]! / length];
}
