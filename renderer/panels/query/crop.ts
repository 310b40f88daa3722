/** The part of a frame that shows an object, for its thumbnail. */
import type { FrameColumns, ObjectView } from '../../../contract/index.ts';

/** Fractions of the frame's width and height. */
export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const WHOLE: Crop = { x: 0, y: 0, width: 1, height: 1 };
/** Around the object, as a share of its size; and the least width of a crop, as a share of the frame's. */
const MARGIN = 0.3;
const LEAST = 0.15;

/**
 * Around the object's box as the frame's camera sees it, in the shape of the thumbnail; the whole frame where the box is not
 * known or reaches behind the camera.
 * @param aspect width by height of the thumbnail
 */
export function cropOf(frames: FrameColumns, frame: number, extent: ObjectView['extent'], aspect: number): Crop {
  const [width = 1, height = 1, fx = 1, fy = 1, cx = 0, cy = 0] = frames.intrinsics.slice(6 * frame, 6 * frame + 6);
  const whole = shaped(WHOLE, aspect, width, height);
  if (extent === null || extent === undefined) return whole;
  const pose = frames.poses.slice(7 * frame, 7 * frame + 7);
  const [xs, ys]: [number[], number[]] = [[], []];
  for (let corner = 0; corner < 8; corner++) {
    const point = [0, 1, 2].map((axis) => (((corner >> axis) & 1) === 1 ? extent.max : extent.min)[axis]!);
    const [x, y, z] = intoCamera(pose, point);
    if (!(z > 1e-6)) return whole;
    xs.push((fx * x) / z + cx);
    ys.push((fy * y) / z + cy);
  }
  const [left, right] = [Math.max(0, Math.min(...xs)), Math.min(width, Math.max(...xs))];
  const [top, bottom] = [Math.max(0, Math.min(...ys)), Math.min(height, Math.max(...ys))];
  if (!(right > left && bottom > top)) return whole;
  const wide = Math.max((right - left) * (1 + 2 * MARGIN), LEAST * width);
  const high = Math.max((bottom - top) * (1 + 2 * MARGIN), LEAST * height);
  const box = {
    x: ((left + right) / 2 - wide / 2) / width,
    y: ((top + bottom) / 2 - high / 2) / height,
    width: wide / width,
    height: high / height,
  };
  return shaped(box, aspect, width, height);
}

/** Grown to the shape wanted, shrunk to what the frame has, and moved into it. */
function shaped(box: Crop, aspect: number, width: number, height: number): Crop {
  const [centreX, centreY] = [(box.x + box.width / 2) * width, (box.y + box.height / 2) * height];
  let wide = Math.max(box.width * width, box.height * height * aspect);
  wide = Math.min(wide, width, height * aspect);
  const high = wide / aspect;
  const x = Math.max(0, Math.min(width - wide, centreX - wide / 2));
  const y = Math.max(0, Math.min(height - high, centreY - high / 2));
  return { x: x / width, y: y / height, width: wide / width, height: high / height };
}

/** @param pose cameraFromWorld: qw qx qy qz tx ty tz */
function intoCamera(pose: readonly number[], point: readonly number[]): [number, number, number] {
  const [w = 1, x = 0, y = 0, z = 0, tx = 0, ty = 0, tz = 0] = pose;
  const [px = 0, py = 0, pz = 0] = point;
  // v + 2w(q × v) + 2q × (q × v)
  const [ax, ay, az] = [y * pz - z * py, z * px - x * pz, x * py - y * px];
  return [
    px + 2 * (w * ax + y * az - z * ay) + tx,
    py + 2 * (w * ay + z * ax - x * az) + ty,
    pz + 2 * (w * az + x * ay - y * ax) + tz,
  ];
}
