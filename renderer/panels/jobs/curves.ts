import type { CurvePoint } from '../../../contract/index.ts';

export type CurveField = 'loss' | 'psnr' | 'gaussians';

/** Points drawn at most: more than a chart has pixels only slows it down. */
const MAX_DRAWN = 1200;

/** x (iterations) and y of the points that have the field, thinned evenly; the newest is always kept. */
export function seriesOf(points: readonly CurvePoint[], field: CurveField): [number[], number[]] {
  const known = points.filter((point) => point[field] !== null);
  const step = Math.max(1, Math.ceil(known.length / MAX_DRAWN));
  const x: number[] = [];
  const y: number[] = [];
  known.forEach((point, index) => {
    if (index % step !== 0 && index !== known.length - 1) return;
    x.push(point.iteration);
    y.push(point[field] as number);
  });
  return [x, y];
}

export function newest(points: readonly CurvePoint[], field: CurveField): number | null {
  for (let i = points.length - 1; i >= 0; i--) {
    const value = points[i]?.[field] ?? null;
    if (value !== null) return value;
  }
  return null;
}
