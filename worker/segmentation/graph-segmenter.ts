/**
 * The built-in segmenter: class-agnostic, without weights, deterministic. Fine regions (Felzenszwalb-Huttenlocher) on smoothed
 * CIELAB; bottom-up merging by colour, border contrast and, where splats exist, jumps of their depth; then the regions that
 * stay themselves over the widest range of distances.
 */
import type { GraphSegmentation as GraphSegmenterOptions } from '../../contract/index.ts';
import type { PlanarImage } from '../images/index.ts';
import { type DepthJumps, depthJumps, labOfImage, smoothed } from './features.ts';
import { type MergeTree, mergeTree } from './merge-tree.ts';
import {
  type Candidate,
  condense,
  forEachLeaf,
  type SelectionOptions,
  selectDisjoint,
  selectNested,
  stabilityOf,
} from './selection.ts';
import { superpixels } from './superpixels.ts';

export interface GraphSegment {
  /** [K] fine regions whose pixels are the segment, ascending. */
  readonly leaves: readonly number[];
  readonly areaPx: number;
  /** 1 − birth / death of the region: near 1 for what stands out. */
  readonly confidence: number;
}

export interface GraphSegmentation {
  readonly width: number;
  readonly height: number;
  /** [H, W] fine regions, 0 … fineCount − 1. */
  readonly fine: Int32Array;
  readonly fineCount: number;
  readonly segments: readonly GraphSegment[];
  /** Whether every fine region is in exactly one segment. */
  readonly disjoint: boolean;
}

/** Longer image side for which the pixel-based settings hold; larger images scale them. */
const REFERENCE_SIDE_PX = 236;
const SMOOTHING_PX = 0.5;
/** Light and shadow change L on one surface. */
const CHANNELS: readonly [number, number, number] = [0.6, 1.2, 1.2];
const FINE_SCALE = 10;
const FINE_MIN_PX = 6;
/** Depth is compared this far on either side of a border: the outlines of splats are that soft. */
const JUMP_REACH_PX = 2;
/** Lab units that a jump of one unit of log depth is worth, and the jump beyond which more is no more different. */
const JUMP_UNITS = 400;
const MAX_JUMP = 0.15;
/**
 * Distances that count in the selection, Lab units. Without depth things of one colour are told apart by little, and a
 * segment too many is mended by lifting while two things in one segment are not: the range begins lower.
 */
const DISTANCES = { colour: [4.5, 18], depth: [5.5, 22] } as const;

/** @param depth [H, W] expected depth from the splats in the same view; absent: colour alone */
export function segmentByGraph(
  image: PlanarImage,
  options: GraphSegmenterOptions,
  depth?: Float32Array,
): GraphSegmentation {
  const { width, height } = image;
  const pixels = width * height;
  const factor = Math.max(1, Math.max(width, height) / REFERENCE_SIDE_PX);
  // Contrast between neighbours falls as an image grows, and smoothing, which noise asks for, lowers it further.
  const blur = factor ** 0.75;
  const lab = smoothed(labOfImage(image), width, height, SMOOTHING_PX * blur);
  const jumps =
    depth === undefined || options.geometry === 0
      ? undefined
      : depthJumps(depth, width, height, Math.max(1, Math.round(JUMP_REACH_PX * factor)));
  const fine = superpixels(width, height, pixelDifference(lab, width, height, jumps, JUMP_UNITS * options.geometry), {
    scale: FINE_SCALE * factor,
    minPixels: Math.round(FINE_MIN_PX * factor ** 2),
  });
  const tree = mergeTree(
    { width, height, labels: fine.labels, count: fine.count, lab, ...(jumps !== undefined && { jumps }) },
    {
      channels: CHANNELS,
      colour: 1,
      border: blur,
      jump: JUMP_UNITS * options.geometry,
      maxJump: MAX_JUMP,
      sizePower: 0.2,
    },
  );
  const [low, high] = jumps === undefined ? DISTANCES.colour : DISTANCES.depth;
  const selection: SelectionOptions = {
    minPixels: options.minArea * pixels,
    maxPixels: options.maxArea * pixels,
    distances: [low / options.detail, high / options.detail],
  };
  const disjoint = options.output === 'parts';
  const result = { width, height, fine: fine.labels, fineCount: fine.count, disjoint };
  const root = condense(tree, selection.minPixels);
  if (root === undefined) return { ...result, segments: [] };
  if (disjoint) return { ...result, segments: covering(tree, selectDisjoint(root, selection), selection) };
  const chosen = selectNested(root, selection, options.minStability);
  return { ...result, segments: chosen.map((candidate) => wholeOf(tree, candidate, selection)) };
}

/** Of neighbours, a before b in reading order: colour, and the outline between them. */
function pixelDifference(
  lab: Float32Array,
  width: number,
  height: number,
  jumps: DepthJumps | undefined,
  stepUnits: number,
): (a: number, b: number) => number {
  const pixels = width * height;
  const [wl, wa, wb] = CHANNELS;
  return (a, b) => {
    const dl = (lab[a]! - lab[b]!) * wl;
    const da = (lab[pixels + a]! - lab[pixels + b]!) * wa;
    const db = (lab[2 * pixels + a]! - lab[2 * pixels + b]!) * wb;
    const ds = jumps === undefined ? 0 : Math.min(MAX_JUMP, stepBetween(jumps, width, a, b)) * stepUnits;
    return Math.sqrt(dl * dl + da * da + db * db + ds * ds);
  };
}

/** Diagonal neighbours are apart when both ways round the corner are. */
function stepBetween({ stepRight, stepDown }: DepthJumps, width: number, a: number, b: number): number {
  if (b === a + 1) return stepRight[a]!;
  if (b === a + width) return stepDown[a]!;
  return b > a + width
    ? Math.min(Math.max(stepRight[a]!, stepDown[a + 1]!), Math.max(stepDown[a]!, stepRight[b - 1]!))
    : Math.min(Math.max(stepRight[a - 1]!, stepDown[a - 1]!), Math.max(stepDown[a]!, stepRight[b]!));
}

const confidenceOf = (candidate: Candidate, { distances }: SelectionOptions): number =>
  1 - Math.exp(-stabilityOf(candidate, distances));

function wholeOf(tree: MergeTree, candidate: Candidate, selection: SelectionOptions): GraphSegment {
  const leaves: number[] = [];
  forEachLeaf(tree, candidate.node, (leaf) => leaves.push(leaf));
  return {
    leaves: leaves.sort((a, b) => a - b),
    areaPx: candidate.area,
    confidence: confidenceOf(candidate, selection),
  };
}

/** Disjoint segments, and the small pieces between them each given to the segment that the tree reaches first. */
function covering(tree: MergeTree, chosen: readonly Candidate[], selection: SelectionOptions): GraphSegment[] {
  /** [nodes] the largest chosen segment at or below a node. */
  const nearest = new Int32Array(tree.parent.length).fill(-1);
  const owner = new Int32Array(tree.leaves).fill(-1);
  chosen.forEach(({ node }, index) => {
    forEachLeaf(tree, node, (leaf) => {
      owner[leaf] = index;
    });
    for (let at = node; at !== -1; at = tree.parent[at]!) {
      const other = nearest[at]!;
      if (other === -1 || chosen[other]!.area < chosen[index]!.area) nearest[at] = index;
    }
  });
  const leavesOf: number[][] = chosen.map(() => []);
  for (let leaf = 0; leaf < tree.leaves; leaf++) {
    for (let at = leaf; owner[leaf] === -1; at = tree.parent[at]!) owner[leaf] = nearest[at]!;
    leavesOf[owner[leaf]!]!.push(leaf);
  }
  return chosen.map((candidate, index) => {
    const leaves = leavesOf[index]!;
    const areaPx = leaves.reduce((sum, leaf) => sum + tree.area[leaf]!, 0);
    return { leaves, areaPx, confidence: confidenceOf(candidate, selection) };
  });
}
