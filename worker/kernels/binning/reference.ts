import { PROJECTED, PROJECTED_FLOATS, TILE } from '../shared/index.ts';

export interface BinnedReference {
  /** Gaussians that a tile must list, front to back: those with alpha >= 1/255 at some pixel of it. */
  readonly required: number[][];
  /** Gaussians that a tile may list: whose box of half-width extent (+ 1 px) touches it. */
  readonly allowed: Set<number>[];
}

/** The definition of binning, by looking at every pixel. `projected` is [N, 16]. */
export function binReference(
  projected: ArrayLike<number>,
  count: number,
  width: number,
  height: number,
): BinnedReference {
  const tilesX = Math.ceil(width / TILE);
  const tilesY = Math.ceil(height / TILE);
  const required: number[][] = [];
  const allowed: Set<number>[] = [];
  const field = (g: number, name: keyof typeof PROJECTED) => projected[g * PROJECTED_FLOATS + PROJECTED[name]]!;
  const order = Array.from({ length: count }, (_, g) => g)
    .filter((g) => field(g, 'extentX') > 0)
    .sort((g, h) => field(g, 'depth') - field(h, 'depth') || g - h);
  for (let ty = 0; ty < tilesY; ty++) {
    for (let tx = 0; tx < tilesX; tx++) {
      const x1 = Math.min(width, (tx + 1) * TILE);
      const y1 = Math.min(height, (ty + 1) * TILE);
      const touches = (g: number) => {
        const [centreX, centreY, opacity] = [field(g, 'x'), field(g, 'y'), field(g, 'opacity')];
        const [a, b, c] = [field(g, 'conicA'), field(g, 'conicB'), field(g, 'conicC')];
        for (let y = ty * TILE; y < y1; y++) {
          for (let x = tx * TILE; x < x1; x++) {
            const dx = x + 0.5 - centreX;
            const dy = y + 0.5 - centreY;
            const sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy;
            if (opacity * Math.exp(-sigma) >= 1 / 255) return true;
          }
        }
        return false;
      };
      const near = (g: number) =>
        field(g, 'x') + field(g, 'extentX') + 1 >= tx * TILE &&
        field(g, 'x') - field(g, 'extentX') - 1 <= x1 &&
        field(g, 'y') + field(g, 'extentY') + 1 >= ty * TILE &&
        field(g, 'y') - field(g, 'extentY') - 1 <= y1;
      required.push(order.filter(touches));
      allowed.push(new Set(order.filter(near)));
    }
  }
  return { required, allowed };
}
