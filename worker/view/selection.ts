/** Which blocks a view sees, and at which level each is drawn. */
import { jacobianBounds, nearPlane, type PinholeView } from '../kernels/index.ts';
import type { SplatBlocks } from './blocks.ts';
import { GROUP_FLOATS, GROUPS, type LaneArrays, laneArrays } from './merge.ts';

/** What rounding up, the low-pass filter (3.33 sqrt 0.3) and float32 may add to a box, pixels. */
const MARGIN_PX = 3.5;

/**
 * Calls `visit(block, x, y, distance)` for every block that may put a pixel into the rectangle [x0, x1] x [y0, y1]: none
 * that does is left out. `distance` is the least depth of a mean, at least the near plane.
 */
export function visitBlocks(
  model: SplatBlocks,
  view: PinholeView,
  rectangle: { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number },
  visit: (block: number, distance: number) => void,
): void {
  const m = view.cameraFromWorld;
  const near = nearPlane(view);
  const bounds = jacobianBounds(view);
  // The Jacobian's rows are (f / z) (1, 0, -u) with the slope u held inside its bounds.
  const stretchX = Math.hypot(1, Math.max(-bounds.minX, bounds.maxX));
  const stretchY = Math.hypot(1, Math.max(-bounds.minY, bounds.maxY));
  const { centres, radii, reaches } = model.bounds;
  for (let block = 0; block < model.blocks; block++) {
    const cx = centres[3 * block]!;
    const cy = centres[3 * block + 1]!;
    const cz = centres[3 * block + 2]!;
    const z = m[8]! * cx + m[9]! * cy + m[10]! * cz + m[11]!;
    const radius = radii[block]!;
    if (z + radius < near) continue;
    const distance = z - radius;
    if (distance <= near) {
      visit(block, near);
      continue;
    }
    const u = (m[0]! * cx + m[1]! * cy + m[2]! * cz + m[3]!) / z;
    const v = (m[4]! * cx + m[5]! * cy + m[6]! * cz + m[7]!) / z;
    const reach = reaches[block]! / distance;
    // A mean at c + d, |d| <= radius, has slope (x + dx) / (z + dz): it differs from u by (dx - u dz) / (z + dz).
    const spanX = view.fx * ((radius * Math.hypot(1, u)) / distance + reach * stretchX) + MARGIN_PX;
    const x = view.fx * u + view.cx;
    if (x + spanX < rectangle.x0 || x - spanX > rectangle.x1) continue;
    const spanY = view.fy * ((radius * Math.hypot(1, v)) / distance + reach * stretchY) + MARGIN_PX;
    const y = view.fy * v + view.cy;
    if (y + spanY < rectangle.y0 || y - spanY > rectangle.y1) continue;
    visit(block, distance);
  }
}

export interface Selection {
  /** Blocks in view, and the level of each. */
  readonly blocks: Int32Array;
  readonly levels: Uint8Array;
  /** Gaussians in total. */
  readonly count: number;
}

/** Finest detail that is worth drawing, pixels. */
const FINEST_ERROR_PX = 0.35;
const ERROR_STEP = 1.25;
/** The coarsest errors tried are beyond any screen: then everything is at its last level. */
const MAX_STEPS = 40;

/**
 * Blocks in view, each at the coarsest level whose merging moves nothing by more than e pixels; e is the smallest for which
 * at most `budget` Gaussians are drawn (or all levels are at their coarsest).
 */
export function select(model: SplatBlocks, view: PinholeView, budget: number): Selection {
  const blocks = new Int32Array(model.blocks);
  /** Pixels per scene unit at the block. */
  const scales = new Float32Array(model.blocks);
  let seen = 0;
  const focal = Math.max(view.fx, view.fy);
  visitBlocks(model, view, { x0: 0, y0: 0, x1: view.widthPixels, y1: view.heightPixels }, (block, distance) => {
    blocks[seen] = block;
    scales[seen] = focal / (distance + 0.5 * model.bounds.radii[block]!);
    seen += 1;
  });
  const levels = new Uint8Array(seen);
  const finest = seen * model.sizes[0]!;
  if (finest <= budget) return { blocks: blocks.subarray(0, seen), levels, count: finest };
  const errors = model.sizes.map((_, level) => model.level(level).errors);
  const last = errors.length - 1;
  let error = FINEST_ERROR_PX;
  for (let step = 0; ; step++) {
    let count = 0;
    for (let i = 0; i < seen; i++) {
      let level = last;
      while (level > 0 && errors[level]![blocks[i]!]! * scales[i]! > error) level--;
      levels[i] = level;
      count += model.sizes[level]!;
    }
    if (count <= budget || step === MAX_STEPS) return { blocks: blocks.subarray(0, seen), levels, count };
    error *= ERROR_STEP;
  }
}

/** Copies of the selected Gaussians, one after the other; reused from view to view. */
export class Staging {
  arrays: LaneArrays = laneArrays(0);
  #capacity = 0;

  /** @returns the arrays, of which the first `selection.count` Gaussians are those of the selection. */
  fill(model: SplatBlocks, { blocks, levels, count }: Selection): LaneArrays {
    if (count > this.#capacity) {
      this.#capacity = Math.ceil(count * 1.25);
      this.#capacity += 4 - (this.#capacity % 4);
      this.arrays = laneArrays(this.#capacity);
    }
    for (const group of GROUPS) {
      const floats = GROUP_FLOATS[group];
      const target = this.arrays[group];
      let at = 0;
      for (let i = 0; i < blocks.length; i++) {
        const level = levels[i]!;
        const length = model.sizes[level]! * floats;
        const from = blocks[i]! * length;
        target.set(model.level(level).arrays[group].subarray(from, from + length), at);
        at += length;
      }
    }
    return this.arrays;
  }
}
