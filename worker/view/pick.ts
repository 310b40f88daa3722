/** What lies under one pixel, by the definition of the rasteriser in float64 (kernels: projection and blending references). */
import type { ViewPickAnswer } from '../../contract/index.ts';
import {
  blendingReference,
  LANES,
  type PinholeView,
  PROJECTED,
  PROJECTED_FLOATS,
  projectGaussians,
} from '../kernels/index.ts';
import type { SplatBlocks } from './blocks.ts';
import { GROUP_FLOATS, GROUPS } from './merge.ts';
import { visitBlocks } from './selection.ts';

/** The Gaussian with the largest blending weight at (x, y) of those that are not hidden; null where nothing is drawn or outside the image. */
export function pickAt(
  model: SplatBlocks,
  view: PinholeView,
  x: number,
  y: number,
  /** [N] 1 = looked through */
  hidden?: Uint8Array,
): ViewPickAnswer {
  const { widthPixels, heightPixels } = view;
  if (!(x >= 0 && y >= 0 && x < widthPixels && y < heightPixels)) return null;
  const [column, line] = [Math.floor(x), Math.floor(y)];
  const [px, py] = [column + 0.5, line + 0.5];
  const slots: number[] = [];
  visitBlocks(model, view, { x0: px, y0: py, x1: px, y1: py }, (block) =>
    nearbySlots(model, view, block, px, py, slots),
  );
  const drawn = hidden === undefined ? slots : slots.filter((slot) => hidden[model.order[slot]!] !== 1);
  // Equal depths are drawn in the order of the file.
  drawn.sort((a, b) => model.order[a]! - model.order[b]!);
  const records = projectGaussians({ ...rowsOf(model, drawn), shDegree: 0 }, view);
  const scene = { widthPixels, heightPixels, records, features: [], featureDim: 0, background: [0, 0, 0] };
  const { columns, weights } = blendingReference.blendingWeights(scene, [line * widthPixels + column]);
  let best = -1;
  let alpha = 0;
  for (let i = 0; i < weights.length; i++) {
    alpha += weights[i]!;
    if (best < 0 || weights[i]! > weights[best]!) best = i;
  }
  if (best < 0) return null;
  const row = columns[best]!;
  const slot = drawn[row]!;
  const depth = records[row * PROJECTED_FLOATS + PROJECTED.depth]!;
  const m = view.cameraFromWorld;
  const moved = [
    ((px - view.cx) / view.fx) * depth - m[3]!,
    ((py - view.cy) / view.fy) * depth - m[7]!,
    depth - m[11]!,
  ] as const;
  const world = (axis: number) => m[axis]! * moved[0] + m[4 + axis]! * moved[1] + m[8 + axis]! * moved[2];
  const means = model.level(0).arrays.means;
  const lane = 3 * (slot - (slot % LANES)) + (slot % LANES);
  return {
    ...{ gaussian: model.order[slot]!, weight: weights[best]!, alpha, depth },
    position: [world(0), world(1), world(2)],
    mean: [means[lane]!, means[lane + LANES]!, means[lane + 2 * LANES]!],
  };
}

/** Slots of a block whose Gaussians may reach the pixel: a cheap test that lets none through too few. */
function nearbySlots(
  model: SplatBlocks,
  view: PinholeView,
  block: number,
  px: number,
  py: number,
  slots: number[],
): void {
  const m = view.cameraFromWorld;
  const { means, logScales } = model.level(0).arrays;
  const size = model.sizes[0]!;
  // Bounds |(1, 0, -u)| and |(0, 1, -v)| of the Jacobian's rows; the kernels hold u and v at 1.3 times the image's edge.
  const stretch = 1.4 * Math.hypot(1, view.widthPixels / view.fx, view.heightPixels / view.fy);
  const focal = Math.max(view.fx, view.fy) * stretch;
  for (let slot = block * size; slot < (block + 1) * size; slot++) {
    if (model.order[slot]! < 0) continue;
    const at = 3 * (slot - (slot % LANES)) + (slot % LANES);
    const x = means[at]!;
    const y = means[at + LANES]!;
    const z = means[at + 2 * LANES]!;
    const depth = m[8]! * x + m[9]! * y + m[10]! * z + m[11]!;
    if (!(depth > 0)) continue;
    const dx = px - view.cx - (view.fx * (m[0]! * x + m[1]! * y + m[2]! * z + m[3]!)) / depth;
    const dy = py - view.cy - (view.fy * (m[4]! * x + m[5]! * y + m[6]! * z + m[7]!)) / depth;
    const widest = Math.max(logScales[at]!, logScales[at + LANES]!, logScales[at + 2 * LANES]!);
    const reach = (3.34 * focal * Math.exp(widest)) / depth + 3;
    if (dx * dx + dy * dy <= reach * reach) slots.push(slot);
  }
}

/** The Gaussians of `slots` in rows. */
function rowsOf(model: SplatBlocks, slots: readonly number[]) {
  const rows = {} as Record<(typeof GROUPS)[number], Float32Array>;
  for (const group of GROUPS) {
    const floats = GROUP_FLOATS[group];
    const lanes = model.level(0).arrays[group];
    rows[group] = new Float32Array(slots.length * floats);
    slots.forEach((slot, row) => {
      const at = floats * (slot - (slot % LANES)) + (slot % LANES);
      for (let k = 0; k < floats; k++) rows[group][row * floats + k] = lanes[at + LANES * k]!;
    });
  }
  return rows;
}
