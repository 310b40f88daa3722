/** Features from three axis-aligned planes (EG3D, Chan et al. 2022, section 3; K-Planes, Fridovich-Keil et al. 2023) in float64. */

/** Planes of R x R texels over a box; the first texels' centres lie on its lower faces, the last ones' on the upper. */
export interface TriplaneGrid {
  /** R, texels per side, at least 2. */
  readonly resolution: number;
  /** [3] corners of the box. Positions outside are clamped to it. */
  readonly lower: ArrayLike<number>;
  readonly upper: ArrayLike<number>;
}

/** How the samples of the three planes become the features of a point. */
export type TriplaneCombination = 'sum' | 'product' | 'concatenate';

/** Axes of each plane, columns then rows: xy, xz, yz. */
export const PLANE_AXES = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/** Where a coordinate lies between the texels `cell` and `cell + 1`: cell in 0 … R − 2, fraction in [0, 1]. */
export function locateTexel(value: number, axis: number, grid: TriplaneGrid): { cell: number; fraction: number } {
  const { resolution, lower, upper } = grid;
  const unit = Math.min(1, Math.max(0, (value - lower[axis]!) / (upper[axis]! - lower[axis]!)));
  const at = unit * (resolution - 1);
  const cell = Math.min(Math.floor(at), resolution - 2);
  return { cell, fraction: at - cell };
}

interface Corner {
  readonly texel: number;
  readonly weight: number;
}

/** The four texels of [3, R, R] around a point in one plane, and their weights. */
function cornersOf(positions: ArrayLike<number>, point: number, plane: number, grid: TriplaneGrid): Corner[] {
  const [column, row] = PLANE_AXES[plane]!.map((axis) => locateTexel(positions[point * 3 + axis]!, axis, grid));
  const { resolution } = grid;
  return [0, 1].flatMap((dy) =>
    [0, 1].map((dx) => ({
      texel: (plane * resolution + row!.cell + dy) * resolution + column!.cell + dx,
      weight: (dx === 1 ? column!.fraction : 1 - column!.fraction) * (dy === 1 ? row!.fraction : 1 - row!.fraction),
    })),
  );
}

/** Bilinear samples of N points: [N, 3, channels] of planes [3, R, R, channels]. */
function samplesOf(
  positions: ArrayLike<number>,
  grid: TriplaneGrid,
  planes: ArrayLike<number>,
  channels: number,
): Float64Array {
  const count = positions.length / 3;
  const samples = new Float64Array(count * 3 * channels);
  for (let row = 0; row < count * 3; row++) {
    for (const { texel, weight } of cornersOf(positions, Math.floor(row / 3), row % 3, grid)) {
      for (let c = 0; c < channels; c++) samples[row * channels + c]! += weight * planes[texel * channels + c]!;
    }
  }
  return samples;
}

/** Features [N, channels] (concatenated: [N, 3, channels]) of positions [N, 3]. */
export function triplaneReference(
  positions: ArrayLike<number>,
  grid: TriplaneGrid,
  planes: ArrayLike<number>,
  channels: number,
  combination: TriplaneCombination,
): Float64Array {
  const samples = samplesOf(positions, grid, planes, channels);
  if (combination === 'concatenate') return samples;
  return Float64Array.from({ length: samples.length / 3 }, (_, i) => {
    const first = Math.floor(i / channels) * 3 * channels + (i % channels);
    const [xy, xz, yz] = [samples[first]!, samples[first + channels]!, samples[first + 2 * channels]!];
    return combination === 'sum' ? xy + xz + yz : xy * xz * yz;
  });
}

/** Gradient of Σ upstream·features by the planes [3, R, R, channels]; upstream has the shape of the features. */
export function triplaneGradientsReference(
  positions: ArrayLike<number>,
  grid: TriplaneGrid,
  planes: ArrayLike<number>,
  channels: number,
  combination: TriplaneCombination,
  upstream: ArrayLike<number>,
): Float64Array {
  const gradients = new Float64Array(planes.length);
  const samples = samplesOf(positions, grid, planes, channels);
  for (let row = 0; row < positions.length; row++) {
    const point = Math.floor(row / 3);
    const own = row % 3;
    for (const { texel, weight } of cornersOf(positions, point, own, grid)) {
      for (let c = 0; c < channels; c++) {
        let gradient = upstream[(combination === 'concatenate' ? row : point) * channels + c]!;
        if (combination === 'product') {
          for (const other of [0, 1, 2]) {
            if (other !== own) gradient *= samples[(point * 3 + other) * channels + c]!;
          }
        }
        gradients[texel * channels + c]! += weight * gradient;
      }
    }
  }
  return gradients;
}
