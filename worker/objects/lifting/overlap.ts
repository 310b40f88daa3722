/** Overlap of segments of different views on the Gaussians that both views see. */
import type { SegmentEvidence, SparseRows } from './evidence.ts';

/** What agglomeration adds up. */
export interface SegmentOverlap {
  /** [nodes, views] mass of the node on Gaussians that the view sees: sum over i of f_ai · min(V_ui, V_vi). */
  readonly areaInView: Float32Array;
  /** Rows: nodes; partners ascending, each pair in both rows. */
  readonly start: Uint32Array;
  readonly partners: Uint32Array;
  /** Shared mass of the pair: sum over i of f_ai · f_bi · min(V_ui, V_vi). */
  readonly shared: Float32Array;
}

/**
 * V_ui is how much of view u's image Gaussian i is (its column sum of W), f_ai = w_ai / V_ui the part of that inside segment
 * a of view u. min(V_ui, V_vi) is the visibility that both views have of i: what one of them does not see is no evidence for
 * or against a link. Pairs within one view are never listed.
 * @param leastSight Gaussians that are less of a view's image (in pixels) are taken as not seen by it
 * @param leastIou pairs whose IoU on common Gaussians is below are not listed; their areas still count
 */
export function segmentOverlap(evidence: SegmentEvidence, leastIou: number, leastSight = 0): SegmentOverlap {
  const { nodes, views, byNode, byGaussian } = evidence;
  const visibility = atLeast(evidence.visibility, leastSight);
  const areaInView = new Float32Array(nodes.length * views);
  const shared = new Float64Array(nodes.length);
  const viewOf = Int32Array.from(nodes, ({ view }) => view);
  const start = new Uint32Array(nodes.length + 1);
  const rows: { partners: Uint32Array; shared: Float32Array }[] = [];
  // All pairs first, because the IoU needs both areas.
  for (let a = 0; a < nodes.length; a++) {
    const touched: number[] = [];
    const view = nodes[a]!.view;
    const area = areaInView.subarray(a * views, (a + 1) * views);
    for (let entry = byNode.start[a]!; entry < byNode.start[a + 1]!; entry++) {
      const gaussian = byNode.ids[entry]!;
      const from = visibility.start[gaussian]!;
      const end = visibility.start[gaussian + 1]!;
      let own = 0;
      for (let k = from; k < end; k++) if (visibility.ids[k] === view) own = visibility.weights[k]!;
      if (own === 0) continue;
      const part = byNode.weights[entry]! / own;
      let other = byGaussian.start[gaussian]!;
      const lastOther = byGaussian.start[gaussian + 1]!;
      for (let k = from; k < end; k++) {
        const seenBy = visibility.ids[k]!;
        const total = visibility.weights[k]!;
        const mass = part * Math.min(own, total);
        area[seenBy]! += mass;
        if (seenBy === view) continue;
        while (other < lastOther && viewOf[byGaussian.ids[other]!]! < seenBy) other++;
        for (; other < lastOther; other++) {
          const b = byGaussian.ids[other]!;
          if (viewOf[b] !== seenBy) break;
          if (shared[b] === 0) touched.push(b);
          shared[b]! += (mass * byGaussian.weights[other]!) / total;
        }
      }
    }
    touched.sort((x, y) => x - y);
    rows.push({ partners: Uint32Array.from(touched), shared: Float32Array.from(touched, (b) => shared[b]!) });
    for (const b of touched) shared[b] = 0;
  }
  const keep = rows.map(({ partners, shared: mass }, a) => {
    const kept: number[] = [];
    for (let k = 0; k < partners.length; k++) {
      const b = partners[k]!;
      const union = areaInView[a * views + nodes[b]!.view]! + areaInView[b * views + nodes[a]!.view]! - mass[k]!;
      if (mass[k]! > leastIou * union) kept.push(k);
    }
    return kept;
  });
  for (let a = 0; a < nodes.length; a++) start[a + 1] = start[a]! + keep[a]!.length;
  const partners = new Uint32Array(start[nodes.length]!);
  const mass = new Float32Array(start[nodes.length]!);
  for (let a = 0; a < nodes.length; a++) {
    for (const [k, from] of keep[a]!.entries()) {
      partners[start[a]! + k] = rows[a]!.partners[from]!;
      mass[start[a]! + k] = rows[a]!.shared[from]!;
    }
  }
  return { areaInView, start, partners, shared: mass };
}

/** The entries that weigh enough. */
function atLeast({ start, ids, weights }: SparseRows, least: number): SparseRows {
  if (least <= 0) return { start, ids, weights };
  const kept = {
    start: new Uint32Array(start.length),
    ids: new Uint32Array(ids.length),
    weights: new Float32Array(ids.length),
  };
  let at = 0;
  for (let row = 0; row + 1 < start.length; row++) {
    for (let k = start[row]!; k < start[row + 1]!; k++) {
      if (weights[k]! < least) continue;
      kept.ids[at] = ids[k]!;
      kept.weights[at++] = weights[k]!;
    }
    kept.start[row + 1] = at;
  }
  return kept;
}
