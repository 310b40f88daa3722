/** From associated segments to object ids per Gaussian, by votes with W. */
import type { SegmentEvidence, SparseRows } from './evidence.ts';

/** Who belongs to what. Object ids are 1 … objects; 0 is background. */
export interface GaussianVotes {
  readonly objects: number;
  /** Rows: Gaussians; ids: objects; weights: share of the Gaussian's sight that voted so, in [0, 1]; they sum to at most 1. */
  readonly shares: SparseRows;
  /** [N] share of the Gaussian's sight that lies in any segment: the closed-form semantic field. 0 where never seen. */
  readonly foreground: Float32Array;
}

/**
 * One pass: share of object k at Gaussian i = sum over segments a of k of w_ai / sum over views of V_vi.
 * @param objectOfNode [nodes] 1 … objects, 0 = casts no vote for an object (but is foreground all the same)
 */
export function voteOnGaussians(evidence: SegmentEvidence, objectOfNode: Int32Array, objects: number): GaussianVotes {
  const { gaussians, byGaussian, visibility } = evidence;
  const start = new Uint32Array(gaussians + 1);
  const ids: number[] = [];
  const weights: number[] = [];
  const foreground = new Float32Array(gaussians);
  const sum = new Float64Array(objects + 1);
  for (let i = 0; i < gaussians; i++) {
    let seen = 0;
    for (let k = visibility.start[i]!; k < visibility.start[i + 1]!; k++) seen += visibility.weights[k]!;
    const touched: number[] = [];
    let inside = 0;
    for (let k = byGaussian.start[i]!; k < byGaussian.start[i + 1]!; k++) {
      const weight = byGaussian.weights[k]!;
      const object = objectOfNode[byGaussian.ids[k]!]!;
      inside += weight;
      if (object === 0) continue;
      if (sum[object] === 0) touched.push(object);
      sum[object]! += weight;
    }
    if (seen > 0) foreground[i] = Math.min(1, inside / seen);
    touched.sort((x, y) => x - y);
    for (const object of touched) {
      ids.push(object);
      weights.push(sum[object]! / seen);
      sum[object] = 0;
    }
    start[i + 1] = ids.length;
  }
  return { objects, shares: { start, ids: Uint32Array.from(ids), weights: Float32Array.from(weights) }, foreground };
}

export interface GaussianObjects {
  /** [N] object 1 … objects, 0 = background. */
  readonly objectOfGaussian: Uint32Array;
  /** [N] share of its sight that agrees, in [0, 1]. */
  readonly confidence: Float32Array;
}

/** The object with most votes where the Gaussian is more foreground than background. */
export function decideGaussians(votes: GaussianVotes, foregroundShare = 0.5): GaussianObjects {
  const gaussians = votes.foreground.length;
  const objectOfGaussian = new Uint32Array(gaussians);
  const confidence = new Float32Array(gaussians);
  const { start, ids, weights } = votes.shares;
  for (let i = 0; i < gaussians; i++) {
    let best = -1;
    for (let k = start[i]!; k < start[i + 1]!; k++) if (best < 0 || weights[k]! > weights[best]!) best = k;
    if (best >= 0 && votes.foreground[i]! > foregroundShare) {
      objectOfGaussian[i] = ids[best]!;
      confidence[i] = weights[best]!;
    } else confidence[i] = 1 - votes.foreground[i]!;
  }
  return { objectOfGaussian, confidence };
}
