/**
 * Depth of the static scene from sparse points: every point is a small disc as wide as the points around it are apart, drawn with
 * a depth buffer. [ours] The published method meshes the points once; discs need no consistent surface, leave holes where nothing
 * was triangulated, and hide what is behind them just the same.
 */
import type { Camera } from './view.ts';

const NEIGHBOURS = 4;
/** A disc is at most so wide, in pixels: it is flat to the camera and would cut into what is around. */
const MAX_RADIUS_PX = 4;

export class StaticDepth {
  readonly #points: Float32Array;
  readonly #radii: Float32Array;

  /** @param points [M, 3] world coordinates; points that are not finite are left out */
  constructor(points: Float32Array) {
    const finite: number[] = [];
    for (let i = 0; i + 2 < points.length; i += 3) {
      const [x, y, z] = [points[i]!, points[i + 1]!, points[i + 2]!];
      if (Number.isFinite(x + y + z)) finite.push(x, y, z);
    }
    this.#points = Float32Array.from(finite);
    this.#radii = spacing(this.#points);
  }

  /** [H, W] z of the nearest disc, 0 = none. */
  render(camera: Camera): Float32Array {
    const { width, height, focal } = camera;
    const depth = new Float32Array(width * height);
    for (let i = 0; i < this.#radii.length; i++) {
      const at = 3 * i;
      const [u, v, z] = camera.project([this.#points[at]!, this.#points[at + 1]!, this.#points[at + 2]!]);
      if (!(z > 1e-6)) continue;
      const radius = Math.min(MAX_RADIUS_PX, Math.max(0.5, (this.#radii[i]! * focal) / z));
      if (!(u >= -radius && v >= -radius && u < width + radius && v < height + radius)) continue;
      const right = Math.min(width - 1, Math.ceil(u + radius - 0.5));
      const bottom = Math.min(height - 1, Math.ceil(v + radius - 0.5));
      for (let y = Math.max(0, Math.floor(v - radius)); y <= bottom; y++) {
        for (let x = Math.max(0, Math.floor(u - radius)); x <= right; x++) {
          if ((x + 0.5 - u) ** 2 + (y + 0.5 - v) ** 2 > Math.max(0.5, radius * radius)) continue;
          const pixel = y * width + x;
          if (depth[pixel] === 0 || z < depth[pixel]!) depth[pixel] = z;
        }
      }
    }
    return depth;
  }
}

/** Distance to the fourth nearest point, looked for in the cells around a point; the cell's size where there are fewer. [M] */
function spacing(points: Float32Array): Float32Array {
  const count = points.length / 3;
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i++) {
    low[i % 3] = Math.min(low[i % 3]!, points[i]!);
    high[i % 3] = Math.max(high[i % 3]!, points[i]!);
  }
  const extent = Math.max(1e-9, ...high.map((value, k) => value - low[k]!));
  // Points lie on surfaces: about six in a cell of this size.
  const cell = extent * Math.sqrt(6 / Math.max(6, count));
  const key = (x: number, y: number, z: number): string => `${x},${y},${z}`;
  const cells = new Map<string, number[]>();
  const cellOf = (i: number): [number, number, number] => [
    Math.floor((points[3 * i]! - low[0]!) / cell),
    Math.floor((points[3 * i + 1]! - low[1]!) / cell),
    Math.floor((points[3 * i + 2]! - low[2]!) / cell),
  ];
  for (let i = 0; i < count; i++) {
    const name = key(...cellOf(i));
    const known = cells.get(name);
    if (known === undefined) cells.set(name, [i]);
    else known.push(i);
  }
  return Float32Array.from({ length: count }, (_, i) => {
    const [cx, cy, cz] = cellOf(i);
    const squares: number[] = [];
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (let dz = -1; dz <= 1; dz++) {
          for (const other of cells.get(key(cx + dx, cy + dy, cz + dz)) ?? []) {
            if (other === i) continue;
            let sum = 0;
            for (let k = 0; k < 3; k++) sum += (points[3 * i + k]! - points[3 * other + k]!) ** 2;
            squares.push(sum);
          }
        }
      }
    }
    squares.sort((a, b) => a - b);
    return Math.min(cell, Math.sqrt(squares[Math.min(NEIGHBOURS, squares.length) - 1] ?? cell * cell));
  });
}
