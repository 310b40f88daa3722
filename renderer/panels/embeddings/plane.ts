/** Where the points of a projection lie in the panel. */

export interface Plane {
  /** CSS pixels per unit of the embedding, equal along both axes: distances can be compared. */
  readonly scale: number;
  /** Embedding coordinates of the panel's middle. */
  readonly x: number;
  readonly y: number;
}

/** Room around the outermost points, CSS pixels. */
const PADDING_PX = 24;
const MAX_ZOOM = 1e6;

/** The plane on which all points [S * 2] are seen; second axis up. Points that are not finite are not looked at. */
export function fitPlane(points: readonly number[], width: number, height: number): Plane {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += 2) {
    const [x, y] = [points[i]!, points[i + 1]!];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    left = Math.min(left, x);
    right = Math.max(right, x);
    bottom = Math.min(bottom, y);
    top = Math.max(top, y);
  }
  if (!(right >= left)) return { scale: 1, x: 0, y: 0 };
  // Points that all lie in one place, or on one line, have a size of their own choosing.
  const across = (span: number, room: number): number => Math.max(room - 2 * PADDING_PX, 1) / Math.max(span, 1e-9);
  const scale = Math.min(across(right - left, width), across(top - bottom, height), MAX_ZOOM);
  return { scale, x: (left + right) / 2, y: (bottom + top) / 2 };
}

export function toPixel(plane: Plane, width: number, height: number, x: number, y: number): [number, number] {
  return [width / 2 + (x - plane.x) * plane.scale, height / 2 - (y - plane.y) * plane.scale];
}

export function movedPlane(plane: Plane, dx: number, dy: number): Plane {
  return { ...plane, x: plane.x - dx / plane.scale, y: plane.y + dy / plane.scale };
}

/** Zoomed around a pixel, which keeps its point. */
export function zoomedPlane(plane: Plane, width: number, height: number, x: number, y: number, factor: number): Plane {
  const scale = Math.min(MAX_ZOOM, Math.max(1e-9, plane.scale * factor));
  const [ux, uy] = [plane.x + (x - width / 2) / plane.scale, plane.y - (y - height / 2) / plane.scale];
  return { scale, x: ux - (x - width / 2) / scale, y: uy + (y - height / 2) / scale };
}

/** Index of the point nearest to a pixel, within `reach` pixels; -1 where there is none. */
export function nearestPoint(
  points: readonly number[],
  plane: Plane,
  width: number,
  height: number,
  x: number,
  y: number,
  reach: number,
): number {
  const [ux, uy] = [plane.x + (x - width / 2) / plane.scale, plane.y - (y - height / 2) / plane.scale];
  let best = -1;
  let least = (reach / plane.scale) ** 2;
  for (let i = 0; i + 1 < points.length; i += 2) {
    const distance = (points[i]! - ux) ** 2 + (points[i + 1]! - uy) ** 2;
    if (distance <= least) [best, least] = [i / 2, distance];
  }
  return best;
}
