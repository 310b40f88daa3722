/**
 * Cameras of the Scene panel as plain arithmetic. World and camera axes are the project's own (OpenCV: x right, y down,
 * z forward); three.js only ever sees position, target and up.
 */
import type { Bounds, FrameColumns, ViewImageRequest } from '../../../contract/index.ts';
import type { CameraState } from '../../state/index.ts';

export type Vec3 = readonly [number, number, number];

export const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const sub = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a: Vec3, by: number): Vec3 => [a[0] * by, a[1] * by, a[2] * by];
export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const length = (a: Vec3): number => Math.hypot(...a);
export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
/** The zero vector has no direction: `otherwise` stands in. */
export function unit(a: Vec3, otherwise: Vec3 = [0, 0, 1]): Vec3 {
  const size = length(a);
  return size > 1e-12 ? scale(a, 1 / size) : otherwise;
}

/** Rows of the rotation of a unit quaternion [w, x, y, z]. */
function rotationRows([w, x, y, z]: readonly number[]): [Vec3, Vec3, Vec3] {
  const [qw, qx, qy, qz] = [w ?? 1, x ?? 0, y ?? 0, z ?? 0];
  return [
    [1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy - qw * qz), 2 * (qx * qz + qw * qy)],
    [2 * (qx * qy + qw * qz), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz - qw * qx)],
    [2 * (qx * qz - qw * qy), 2 * (qy * qz + qw * qx), 1 - 2 * (qx * qx + qy * qy)],
  ];
}

export interface FrameCamera {
  /** World coordinates of the camera's centre. */
  readonly centre: Vec3;
  /** The camera's axes in world coordinates. */
  readonly right: Vec3;
  readonly down: Vec3;
  readonly forward: Vec3;
  readonly width: number;
  readonly height: number;
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
}

/** Camera of frame `index`. */
export function frameCamera({ poses, intrinsics }: FrameColumns, index: number): FrameCamera {
  const [right, down, forward] = rotationRows(poses.slice(7 * index, 7 * index + 4));
  const [tx, ty, tz] = poses.slice(7 * index + 4, 7 * index + 7) as [number, number, number];
  // centre = -R^T t
  const centre = scale(add(add(scale(right, tx), scale(down, ty)), scale(forward, tz)), -1);
  const [width, height, fx, fy, cx, cy] = intrinsics.slice(6 * index, 6 * index + 6) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { centre, right, down, forward, width, height, fx, fy, cx, cy };
}

/** Mean of the cameras' up axes: what a person who took the photos would call up. */
export function sceneUp(frames: FrameColumns): Vec3 {
  let sum: Vec3 = [0, 0, 0];
  for (let i = 0; i < frames.ids.length; i++) sum = sub(sum, frameCamera(frames, i).down);
  return unit(sum, [0, -1, 0]);
}

/** Where the photos look: the point closest to all viewing rays, in the least-squares sense; the bounds' centre when they are parallel. */
export function lookedAt(frames: FrameColumns, bounds: Bounds): Vec3 {
  const middle = scale(add(bounds.min, bounds.max), 0.5);
  // Sum over rays of (I - d d^T) (x - c) = 0; solved by Cramer's rule.
  const m = [0, 0, 0, 0, 0, 0];
  let b: Vec3 = [0, 0, 0];
  const count = frames.ids.length;
  const step = Math.max(1, Math.floor(count / 1000));
  for (let i = 0; i < count; i += step) {
    const { centre, forward: d } = frameCamera(frames, i);
    m[0]! += 1 - d[0] * d[0];
    m[1]! -= d[0] * d[1];
    m[2]! -= d[0] * d[2];
    m[3]! += 1 - d[1] * d[1];
    m[4]! -= d[1] * d[2];
    m[5]! += 1 - d[2] * d[2];
    b = add(b, sub(centre, scale(d, dot(d, centre))));
  }
  const [xx, xy, xz, yy, yz, zz] = m as [number, number, number, number, number, number];
  const rows: [Vec3, Vec3, Vec3] = [
    [xx, xy, xz],
    [xy, yy, yz],
    [xz, yz, zz],
  ];
  const determinant = dot(rows[0], cross(rows[1], rows[2]));
  if (!(Math.abs(determinant) > 1e-6 * Math.max(1, count) ** 3)) return middle;
  const column = (k: number): Vec3 => {
    const replaced = rows.map((row, i) => row.map((value, j) => (j === k ? b[i]! : value))) as unknown as [
      Vec3,
      Vec3,
      Vec3,
    ];
    return [dot(replaced[0], cross(replaced[1], replaced[2])) / determinant, 0, 0];
  };
  const point: Vec3 = [column(0)[0], column(1)[0], column(2)[0]];
  // Cameras that look outwards meet behind themselves.
  const inFront = dot(sub(point, frameCamera(frames, 0).centre), frameCamera(frames, 0).forward) > 0;
  return inFront ? point : middle;
}

/** The free camera exactly where a frame's camera was, turning around what it looks at. */
export function followCamera(camera: FrameCamera, towards: Vec3): CameraState {
  const distance = Math.max(dot(sub(towards, camera.centre), camera.forward), 0.05);
  return {
    position: camera.centre,
    target: add(camera.centre, scale(camera.forward, distance)),
    up: scale(camera.down, -1),
    fovYDegrees: (2 * Math.atan(camera.height / 2 / camera.fy) * 180) / Math.PI,
  };
}

/** A view from outside on everything: behind the first camera, a little above. */
export function overviewCamera(frames: FrameColumns, bounds: Bounds): CameraState {
  const up = sceneUp(frames);
  const target = lookedAt(frames, bounds);
  const first = frames.ids.length > 0 ? frameCamera(frames, 0).centre : add(target, [0, 0, -1]);
  const away = sub(first, target);
  const level = unit(sub(away, scale(up, dot(away, up))), [0, 0, -1]);
  let reach = 0;
  for (let i = 0; i < frames.ids.length; i++)
    reach = Math.max(reach, length(sub(frameCamera(frames, i).centre, target)));
  const distance = 1.8 * (reach > 0 ? reach : Math.max(length(sub(bounds.max, bounds.min)) / 2, 0.1));
  return {
    position: add(target, add(scale(level, distance), scale(up, 0.45 * distance))),
    target,
    up,
    fovYDegrees: 50,
  };
}

/** The camera's axes in the project's convention. */
export function axes({ position, target, up }: CameraState): { right: Vec3; down: Vec3; forward: Vec3 } {
  const forward = unit(sub(target, position));
  // Looking along `up` leaves the roll open: any other axis does.
  const spare: Vec3 = Math.abs(forward[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0];
  const side = cross(forward, up);
  const right = unit(length(side) > 1e-6 ? side : cross(forward, spare));
  return { right, down: cross(forward, right), forward };
}

/** Quaternion [w, x, y, z] of the rotation with these rows (Shepperd's method: the largest component first). */
function quaternionOf(rows: readonly [Vec3, Vec3, Vec3]): [number, number, number, number] {
  const [[m00, m01, m02], [m10, m11, m12], [m20, m21, m22]] = rows;
  const candidates = [1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22];
  const largest = candidates.indexOf(Math.max(...candidates));
  const s = 2 * Math.sqrt(Math.max(candidates[largest] ?? 1, 1e-12));
  if (largest === 0) return [s / 4, (m21 - m12) / s, (m02 - m20) / s, (m10 - m01) / s];
  if (largest === 1) return [(m21 - m12) / s, s / 4, (m01 + m10) / s, (m02 + m20) / s];
  if (largest === 2) return [(m02 - m20) / s, (m01 + m10) / s, s / 4, (m12 + m21) / s];
  return [(m10 - m01) / s, (m02 + m20) / s, (m12 + m21) / s, s / 4];
}

function focalOf(camera: CameraState, height: number): number {
  return height / 2 / Math.tan((camera.fovYDegrees * Math.PI) / 360);
}

/** What the rasteriser is asked for: this camera, an image of this size. */
export function viewRequest(
  camera: CameraState,
  width: number,
  height: number,
): Pick<ViewImageRequest, 'width' | 'height' | 'focal' | 'cameraFromWorld'> {
  const { right, down, forward } = axes(camera);
  const p = camera.position;
  return {
    width,
    height,
    focal: focalOf(camera, height),
    cameraFromWorld: {
      quaternion: quaternionOf([right, down, forward]),
      translation: [-dot(right, p), -dot(down, p), -dot(forward, p)],
    },
  };
}

/** Pixel that a world point falls on, and its depth; null behind the camera. */
export function projectPoint(
  camera: CameraState,
  width: number,
  height: number,
  point: Vec3,
): { x: number; y: number; depth: number } | null {
  const { right, down, forward } = axes(camera);
  const way = sub(point, camera.position);
  const depth = dot(way, forward);
  if (depth <= 1e-6) return null;
  const focal = focalOf(camera, height);
  return { x: width / 2 + (focal * dot(way, right)) / depth, y: height / 2 + (focal * dot(way, down)) / depth, depth };
}

/** Edges of the pyramid from a camera's centre to its image at `depth`: 8 segments, 16 points, [48] floats, written at `offset`. */
export function writeFrustum(camera: FrameCamera, depth: number, out: Float32Array, offset: number): void {
  const corner = (x: number, y: number): Vec3 =>
    add(
      camera.centre,
      scale(
        add(
          add(scale(camera.right, (x - camera.cx) / camera.fx), scale(camera.down, (y - camera.cy) / camera.fy)),
          camera.forward,
        ),
        depth,
      ),
    );
  const corners = [
    corner(0, 0),
    corner(camera.width, 0),
    corner(camera.width, camera.height),
    corner(0, camera.height),
  ] as const;
  let at = offset;
  const put = (point: Vec3): void => {
    out.set(point, at);
    at += 3;
  };
  for (let k = 0; k < 4; k++) {
    put(camera.centre);
    put(corners[k]!);
    put(corners[k]!);
    put(corners[(k + 1) % 4]!);
  }
}

/** Side of a frustum that neither clutters nor vanishes: a share of the distance between cameras and subject. */
export function frustumDepth(frames: FrameColumns, bounds: Bounds): number {
  const target = lookedAt(frames, bounds);
  const count = frames.ids.length;
  if (count === 0) return 0.1;
  const step = Math.max(1, Math.floor(count / 200));
  const distances: number[] = [];
  for (let i = 0; i < count; i += step) distances.push(length(sub(frameCamera(frames, i).centre, target)));
  distances.sort((a, b) => a - b);
  return 0.08 * Math.max(distances[distances.length >> 1] ?? 1, 1e-3);
}

/** The camera turned by pixels of pointer movement around its target; it stops short of looking straight along `up`. */
export function orbited(camera: CameraState, dx: number, dy: number, radiansPerPixel: number): CameraState {
  const up = unit(camera.up);
  const offset = sub(camera.position, camera.target);
  const distance = length(offset);
  const height = Math.max(-1, Math.min(1, dot(offset, up) / Math.max(distance, 1e-9)));
  const elevation = Math.asin(height);
  const limit = Math.PI / 2 - 0.02;
  const next = Math.max(-limit, Math.min(limit, elevation + dy * radiansPerPixel));
  const level = unit(sub(offset, scale(up, dot(offset, up))), axes(camera).right);
  const angle = -dx * radiansPerPixel;
  const side = cross(up, level);
  const turned = add(scale(level, Math.cos(angle)), scale(side, Math.sin(angle)));
  const direction = add(scale(turned, Math.cos(next)), scale(up, Math.sin(next)));
  return { ...camera, position: add(camera.target, scale(direction, distance)) };
}

/** Camera and target moved together, so that the point under the pointer stays under it. */
export function panned(camera: CameraState, dx: number, dy: number, heightPx: number): CameraState {
  const { right, down } = axes(camera);
  const perPixel = length(sub(camera.target, camera.position)) / focalOf(camera, heightPx);
  const move = add(scale(right, -dx * perPixel), scale(down, -dy * perPixel));
  return { ...camera, position: add(camera.position, move), target: add(camera.target, move) };
}

/** Closer (factor < 1) or farther along the line to the target. */
export function zoomed(camera: CameraState, factor: number): CameraState {
  const offset = sub(camera.position, camera.target);
  const distance = Math.max(1e-4, Math.min(1e7, length(offset) * factor));
  return { ...camera, position: add(camera.target, scale(unit(offset), distance)) };
}

/** Looks around from where it stands. */
export function looked(camera: CameraState, dx: number, dy: number, radiansPerPixel: number): CameraState {
  // Orbiting position around target by an angle, and target around position by the opposite one, are the same turn.
  const mirrored = orbited({ ...camera, position: camera.target, target: camera.position }, dx, -dy, radiansPerPixel);
  return { ...camera, target: mirrored.position };
}

/** Flies along its own axes: `move` in units of right, up, forward. */
export function flown(camera: CameraState, move: Vec3, distance: number): CameraState {
  const { right, down, forward } = axes(camera);
  const way = add(add(scale(right, move[0]), scale(down, -move[1])), scale(forward, move[2]));
  const step = scale(way, distance);
  return { ...camera, position: add(camera.position, step), target: add(camera.target, step) };
}
