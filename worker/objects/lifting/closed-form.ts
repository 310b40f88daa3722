/** The closed-form lift (methods 2.4): associate segments through the Gaussians they cover, then vote. No training. */
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { agglomerate } from './agglomerate.ts';
import { EvidenceBuilder, type PosedSegments, type SegmentEvidence } from './evidence.ts';
import { segmentOverlap } from './overlap.ts';
import { decideGaussians, type GaussianVotes, voteOnGaussians } from './vote.ts';
import type { WeightReader } from './weights.ts';

export interface ClosedFormParameters {
  /** `inconsistent`: ids say nothing across images, segments are associated. `consistent`: equal ids are one object, one vote. */
  readonly masks: 'inconsistent' | 'consistent';
  /** Pooled IoU, on Gaussians that both views see, from which segments of different views are linked. */
  readonly linkIou: number;
  /** Groups that share more than this part of the smaller one's views are never merged. */
  readonly mostConflicts: number;
  /** An object needs segments in this many views, or in all views when there are fewer. */
  readonly leastViews: number;
  /** A segment left over votes for an object when at least this part of it lies on it. */
  readonly adoptShare: number;
  /** A segment of an object does not vote when less than this part of it lies on the object: it covers neighbours too. */
  readonly expelShare: number;
  /** Passes of vote, adopt and expel. */
  readonly rounds: number;
  /** A Gaussian (or pixel) is foreground when more than this part of its sight is. */
  readonly foregroundShare: number;
}

export const CLOSED_FORM_DEFAULTS: ClosedFormParameters = {
  masks: 'inconsistent',
  linkIou: 0.3,
  mostConflicts: 0.5,
  leastViews: 3,
  adoptShare: 0.7,
  expelShare: 0.5,
  rounds: 2,
  foregroundShare: 0.5,
};

/** For association a Gaussian counts in the views where it is at least this much of a pixel; a vote counts every sight. */
const LEAST_SIGHT_PX = 0.1;
/** Pairs of segments with less overlap are not looked at. */
const LEAST_PAIR_IOU = 0.02;

export interface ClosedFormLift {
  readonly votes: GaussianVotes;
  readonly evidence: SegmentEvidence;
  /** [nodes] object 1 … objects of each segment, 0 = none. */
  readonly objectOfNode: Int32Array;
  readonly seconds: { readonly evidence: number; readonly association: number; readonly vote: number };
}

/** What all frames say about all Gaussians; `onProgress` is called before each frame. @throws the signal's reason */
export async function gatherEvidence(
  reader: WeightReader,
  gaussians: number,
  frames: readonly PosedSegments[],
  signal?: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<SegmentEvidence> {
  const builder = new EvidenceBuilder(gaussians);
  for (const [index, frame] of frames.entries()) {
    onProgress?.(index, frames.length);
    builder.add(await reader.sums(frame.view, frame.segments), frame.segments, frame.confidences);
    // A cancellation waits in the event loop.
    await yieldToEvents();
    signal?.throwIfAborted();
  }
  return builder.finish();
}

export async function closedFormLift(
  reader: WeightReader,
  gaussians: number,
  frames: readonly PosedSegments[],
  parameters: ClosedFormParameters,
  signal?: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<ClosedFormLift> {
  const began = performance.now();
  const evidence = await gatherEvidence(reader, gaussians, frames, signal, onProgress);
  const gathered = performance.now();
  let objectOfNode =
    parameters.masks === 'consistent'
      ? byLabel(evidence, parameters.leastViews)
      : associateSegments(evidence, parameters);
  const associated = performance.now();
  const vote = () => voteOnGaussians(evidence, objectOfNode, countOf(objectOfNode));
  let votes = vote();
  if (parameters.masks === 'inconsistent') {
    for (let round = 0; round < parameters.rounds; round++) {
      signal?.throwIfAborted();
      objectOfNode = supported(
        revise(evidence, votes, objectOfNode, parameters),
        evidence.views,
        parameters.leastViews,
      );
      votes = vote();
    }
  }
  const ended = performance.now();
  const seconds = (from: number, to: number) => (to - from) / 1000;
  return {
    votes,
    evidence,
    objectOfNode,
    seconds: {
      evidence: seconds(began, gathered),
      association: seconds(gathered, associated),
      vote: seconds(associated, ended),
    },
  };
}

/** Groups of segments with support in enough views, numbered from 1 by their number of segments. */
export function associateSegments(evidence: SegmentEvidence, parameters: ClosedFormParameters): Int32Array {
  const overlap = segmentOverlap(evidence, LEAST_PAIR_IOU, LEAST_SIGHT_PX);
  const groups = agglomerate(evidence.nodes, evidence.views, overlap, {
    threshold: parameters.linkIou,
    mostConflicts: parameters.mostConflicts,
  });
  const sizes: number[] = [];
  for (const group of groups) sizes[group] = (sizes[group] ?? 0) + 1;
  const least = Math.min(parameters.leastViews, evidence.views);
  // Groups are ordered by size, so those that count come first.
  return groups.map((group) => (sizes[group]! >= least ? group + 1 : 0));
}

/** Objects that lost their segments to others are none; the rest are numbered anew, by their number of segments. */
function supported(objectOfNode: Int32Array, views: number, leastViews: number): Int32Array {
  const sizes = new Map<number, number>();
  for (const object of objectOfNode) if (object > 0) sizes.set(object, (sizes.get(object) ?? 0) + 1);
  const kept = [...sizes].filter(([, size]) => size >= Math.min(leastViews, views));
  kept.sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || a - b);
  const numbers = new Map(kept.map(([object], i) => [object, i + 1]));
  return objectOfNode.map((object) => numbers.get(object) ?? 0);
}

/** Consistent masks: objects are the ids that enough views have, in ascending order. */
function byLabel({ nodes, views }: SegmentEvidence, leastViews: number): Int32Array {
  const seen = new Map<number, number>();
  for (const { label } of nodes) seen.set(label, (seen.get(label) ?? 0) + 1);
  const labels = [...seen].filter(([, count]) => count >= Math.min(leastViews, views)).map(([label]) => label);
  const objectOf = new Map(labels.sort((a, b) => a - b).map((label, i) => [label, i + 1]));
  return Int32Array.from(nodes, ({ label }) => objectOf.get(label) ?? 0);
}

function countOf(objectOfNode: Int32Array): number {
  return objectOfNode.reduce((most, object) => Math.max(most, object), 0);
}

/**
 * Who votes for what, judged by the Gaussians' present objects: halves of split segments come back to their object, segments
 * that cover several objects, or mostly another one, abstain.
 */
function revise(
  { nodes, byNode }: SegmentEvidence,
  votes: GaussianVotes,
  objectOfNode: Int32Array,
  { adoptShare, expelShare }: ClosedFormParameters,
): Int32Array {
  // Any foreground share: a Gaussian on a rim must not keep its segment from being adopted.
  const { objectOfGaussian } = decideGaussians(votes, 0);
  const mass = new Float64Array(votes.objects + 1);
  return Int32Array.from(nodes, (_, node) => {
    mass.fill(0);
    let total = 0;
    for (let k = byNode.start[node]!; k < byNode.start[node + 1]!; k++) {
      const weight = byNode.weights[k]!;
      mass[objectOfGaussian[byNode.ids[k]!]!]! += weight;
      total += weight;
    }
    mass[0] = 0;
    let best = 0;
    for (let object = 1; object <= votes.objects; object++) if (mass[object]! > mass[best]!) best = object;
    if (best !== 0 && mass[best]! >= adoptShare * total) return best;
    const own = objectOfNode[node]!;
    return own !== 0 && mass[own]! >= expelShare * total ? own : 0;
  });
}
