/** What lies under one pixel, by the definition of the rasteriser in float64 (kernels: projection and blending references). */
import type { ViewPickAnswer } from '../../contract/index.ts';
import {
  ALPHA_MAX,
  ALPHA_MIN,
  LANES,
  type PinholeView,
  PROJECTED,
  PROJECTED_FLOATS,
  projectGaussians,
  STOP_TRANSMITTANCE,
} from '../kernels/index.ts';
import type { SplatBlocks } from './blocks.ts';
import { GROUP_FLOATS, GROUPS } from './merge.ts';
import { visitBlocks } from './selection.ts';

interface Hit {
  readonly gaussian: number;
  readonly slot: number;
  readonly depth: number;
  readonly alpha: number;
}

/** The Gaussian with the largest blending weight at (x, y); null where nothing is drawn or outside the image. */
export function pickAt(model: SplatBlocks, view: PinholeView, x: number, y: number): ViewPickAnswer {
  if (!(x >= 0 && y >= 0 && x < view.widthPixels && y < view.heightPixels)) return null;
  const px = Math.floor(x) + 0.5;
  const py = Math.floor(y) + 0.5;
  const hits = hitsAt(model, view, px, py).sort((a, b) => a.depth - b.depth || a.gaussian - b.gaussian);
  let transmittance = 1;
  let best: Hit | undefined;
  let bestWeight = 0;
  for (const hit of hits) {
    const after = transmittance * (1 - hit.alpha);
    if (!(after > STOP_TRANSMITTANCE)) break;
    const weight = transmittance * hit.alpha;
    if (weight > bestWeight) {
      best = hit;
      bestWeight = weight;
    }
    transmittance = after;
  }
  if (best === undefined) return null;
  const { gaussian, slot, depth } = best;
  const camera = [((px - view.cx) / view.fx) * depth, ((py - view.cy) / view.fy) * depth, depth];
  const m = view.cameraFromWorld;
  const moved = camera.map((value, row) => value - m[4 * row + 3]!);
  const axis = (k: number) => m[k]! * moved[0]! + m[4 + k]! * moved[1]! + m[8 + k]! * moved[2]!;
  const means = model.levels[0]!.means;
  const lane = 3 * (slot - (slot % LANES)) + (slot % LANES);
  return {
    ...{ gaussian, depth, weight: bestWeight, alpha: 1 - transmittance },
    position: [axis(0), axis(1), axis(2)],
    mean: [means[lane]!, means[lane + LANES]!, means[lane + 2 * LANES]!],
  };
}

function hitsAt(model: SplatBlocks, view: PinholeView, px: number, py: number): Hit[] {
  const slots: number[] = [];
  visitBlocks(model, view, { x0: px, y0: py, x1: px, y1: py }, (block) =>
    nearbySlots(model, view, block, px, py, slots),
  );
  const parameters = { ...rowsOf(model, slots), shDegree: 0 } as const;
  const records = projectGaussians(parameters, view);
  const hits: Hit[] = [];
  for (let i = 0; i < slots.length; i++) {
    const record = records.subarray(i * PROJECTED_FLOATS, (i + 1) * PROJECTED_FLOATS);
    if (record[PROJECTED.extentX]! < 0) continue;
    const dx = px - record[PROJECTED.x]!;
    const dy = py - record[PROJECTED.y]!;
    const square = record[PROJECTED.conicA]! * dx * dx + record[PROJECTED.conicC]! * dy * dy;
    const alpha = record[PROJECTED.opacity]! * Math.exp(-0.5 * square - record[PROJECTED.conicB]! * dx * dy);
    if (!(alpha >= ALPHA_MIN)) continue;
    const slot = slots[i]!;
    const gaussian = model.order[slot]!;
    hits.push({ gaussian, slot, depth: record[PROJECTED.depth]!, alpha: Math.min(ALPHA_MAX, alpha) });
  }
  return hits;
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
  const { means, logScales } = model.levels[0]!;
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
    const lanes = model.levels[0]![group];
    rows[group] = new Float32Array(slots.length * floats);
    slots.forEach((slot, row) => {
      const at = floats * (slot - (slot % LANES)) + (slot % LANES);
      for (let k = 0; k < floats; k++) rows[group][row * floats + k] = lanes[at + LANES * k]!;
    });
  }
  return rows;
}
