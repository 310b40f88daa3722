/** Bottom-up merging of fine regions into a tree, the most alike neighbours first. */
import type { DepthJumps } from './features.ts';

/** Histogram bins per colour channel; colours between two bin centres count in both, in proportion. */
const BINS = 16;
const CHANNELS = 3;
const HISTOGRAM = BINS * CHANNELS;
/** Lower end and bin width of L, a, b: saturated colours beyond the range fall into the outer bins. */
const RANGES = [
  [0, 100 / (BINS - 1)],
  [-50, 110 / (BINS - 1)],
  [-50, 110 / (BINS - 1)],
] as const;

export interface MergeWeights {
  /** Of the three channels in colour distances: light and shadow change L on one surface. */
  readonly channels: readonly [number, number, number];
  /** Of the colour distance of two regions, Lab units. */
  readonly colour: number;
  /** Of the mean colour contrast across the common border, Lab units. */
  readonly border: number;
  /** Of the mean jump of log depth across the common border. */
  readonly jump: number;
  /** The mean jump counts up to here: a far wall behind a table must not outweigh everything. */
  readonly maxJump: number;
  /** Distances grow with (smaller area / image area) to this power: small regions join first. */
  readonly sizePower: number;
}

export interface MergeTree {
  /** Leaves (fine regions) are nodes 0 … leaves − 1; inner nodes follow in the order in which they were made. */
  readonly leaves: number;
  /** [nodes] index of the parent; −1 for a root. A connected image has one root, the last node. */
  readonly parent: Int32Array;
  /** [nodes] the two children; −1 for leaves. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** [nodes] distance at which the node was made, never below its children's; 0 for leaves. */
  readonly height: Float64Array;
  /** [nodes] pixels. */
  readonly area: Float64Array;
}

interface Border {
  length: number;
  contrast: number;
  /** Sum of the jumps from the region with the lower index to the other, and how many are known. */
  jump: number;
  jumps: number;
}

export interface RegionImage {
  readonly width: number;
  readonly height: number;
  /** [H, W] fine regions. */
  readonly labels: Int32Array;
  readonly count: number;
  /** [3, H, W] CIELAB. */
  readonly lab: Float32Array;
  /** Absent without geometry. */
  readonly jumps?: DepthJumps;
}

export function mergeTree(image: RegionImage, weights: MergeWeights): MergeTree {
  const { width, height, count } = image;
  const nodes = Math.max(1, 2 * count - 1);
  const parent = new Int32Array(nodes).fill(-1);
  const left = new Int32Array(nodes).fill(-1);
  const right = new Int32Array(nodes).fill(-1);
  const heights = new Float64Array(nodes);
  const area = new Float64Array(nodes);
  const histograms: (Float64Array | undefined)[] = leafHistograms(image, area);
  const borders = borderMaps(image, weights, nodes);

  const distance = (a: number, b: number, border: Border): number => {
    const colour = colourDistance(histograms[a]!, area[a]!, histograms[b]!, area[b]!, weights.channels);
    const contrast = border.contrast / border.length;
    const jump = border.jumps === 0 ? 0 : Math.min(weights.maxJump, Math.abs(border.jump) / border.jumps);
    const smaller = Math.min(area[a]!, area[b]!) / (width * height);
    return (
      Math.hypot(weights.colour * colour, weights.border * contrast, weights.jump * jump) * smaller ** weights.sizePower
    );
  };

  const heap = new PairHeap();
  for (let a = 0; a < count; a++) {
    for (const [b, border] of borders[a]!) if (a < b) heap.push(distance(a, b, border), a, b);
  }
  let made = count;
  for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
    const { a, b } = pair;
    if (parent[a] !== -1 || parent[b] !== -1) continue;
    const node = made++;
    parent[a] = parent[b] = node;
    left[node] = a;
    right[node] = b;
    area[node] = area[a]! + area[b]!;
    // A merge may make two regions more alike than any were before; the tree stays monotone all the same.
    heights[node] = Math.max(pair.key, heights[a]!, heights[b]!);
    const histogram = histograms[a]!;
    const other = histograms[b]!;
    for (let k = 0; k < HISTOGRAM; k++) histogram[k]! += other[k]!;
    histograms[node] = histogram;
    histograms[a] = histograms[b] = undefined;
    const merged = joinBorders(borders, a, b);
    borders[node] = merged;
    for (const [neighbour, border] of merged) {
      const around = borders[neighbour]!;
      around.delete(a);
      around.delete(b);
      around.set(node, border);
      heap.push(distance(node, neighbour, border), neighbour, node);
    }
  }
  return { leaves: count, parent, left, right, height: heights, area };
}

function leafHistograms({ width, height, labels, count, lab }: RegionImage, area: Float64Array): Float64Array[] {
  const pixels = width * height;
  const out = Array.from({ length: count }, () => new Float64Array(HISTOGRAM));
  for (let i = 0; i < pixels; i++) {
    const histogram = out[labels[i]!]!;
    area[labels[i]!]!++;
    for (let c = 0; c < CHANNELS; c++) {
      const [low, step] = RANGES[c]!;
      const at = Math.min(BINS - 1, Math.max(0, (lab[c * pixels + i]! - low) / step));
      const bin = Math.min(BINS - 2, Math.floor(at));
      histogram[c * BINS + bin]! += 1 - (at - bin);
      histogram[c * BINS + bin + 1]! += at - bin;
    }
  }
  return out;
}

/** Earth mover's distance per channel (the L1 distance of the cumulative histograms), Lab units, combined by the weights. */
function colourDistance(
  a: Float64Array,
  areaA: number,
  b: Float64Array,
  areaB: number,
  channels: readonly [number, number, number],
): number {
  let squares = 0;
  for (let c = 0; c < CHANNELS; c++) {
    let moved = 0;
    let ahead = 0;
    for (let k = c * BINS; k < (c + 1) * BINS; k++) {
      ahead += a[k]! / areaA - b[k]! / areaB;
      moved += Math.abs(ahead);
    }
    squares += (moved * RANGES[c]![1] * channels[c]!) ** 2;
  }
  return Math.sqrt(squares);
}

/** Length, summed contrast and summed jumps of the border between every two neighbours, entered on both sides. */
function borderMaps(image: RegionImage, weights: MergeWeights, nodes: number): Map<number, Border>[] {
  const { width, height, labels, count, lab, jumps } = image;
  const pixels = width * height;
  const borders: Map<number, Border>[] = Array.from({ length: nodes }, (_, i) => (i < count ? new Map() : NO_BORDERS));
  const visit = (i: number, j: number, jumpTo: Float32Array | undefined): void => {
    const [a, b] = [labels[i]!, labels[j]!];
    if (a === b) return;
    let border = borders[a]!.get(b);
    if (border === undefined) {
      border = { length: 0, contrast: 0, jump: 0, jumps: 0 };
      borders[a]!.set(b, border);
      borders[b]!.set(a, border);
    }
    let squares = 0;
    for (let c = 0; c < CHANNELS; c++) {
      squares += ((lab[c * pixels + i]! - lab[c * pixels + j]!) * weights.channels[c]!) ** 2;
    }
    border.length++;
    border.contrast += Math.sqrt(squares);
    const jump = jumpTo?.[i] ?? Number.NaN;
    if (Number.isNaN(jump)) return;
    border.jumps++;
    border.jump += a < b ? jump : -jump;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x + 1 < width) visit(i, i + 1, jumps?.right);
      if (y + 1 < height) visit(i, i + width, jumps?.down);
    }
  }
  return borders;
}

const NO_BORDERS: Map<number, Border> = new Map();

/** Borders of the union of two neighbours; their own is gone, and so are their maps. */
function joinBorders(borders: Map<number, Border>[], a: number, b: number): Map<number, Border> {
  const merged = new Map<number, Border>();
  for (const part of [a, b]) {
    for (const [neighbour, border] of borders[part]!) {
      if (neighbour === a || neighbour === b) continue;
      // The union has a higher index than any neighbour: its jumps are those towards it.
      const jump = neighbour < part ? border.jump : -border.jump;
      const sum = merged.get(neighbour);
      if (sum === undefined) merged.set(neighbour, { ...border, jump });
      else {
        sum.length += border.length;
        sum.contrast += border.contrast;
        sum.jump += jump;
        sum.jumps += border.jumps;
      }
    }
    borders[part] = NO_BORDERS;
  }
  return merged;
}

/** Smallest key first; equal keys by the pair's indices, so that the order never depends on chance. */
class PairHeap {
  private readonly items: { readonly key: number; readonly a: number; readonly b: number }[] = [];

  push(key: number, a: number, b: number): void {
    const { items } = this;
    const item = { key, a, b };
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!isBefore(item, items[up]!)) break;
      items[at] = items[up]!;
      at = up;
    }
    items[at] = item;
  }

  pop(): { readonly key: number; readonly a: number; readonly b: number } | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && isBefore(items[down + 1]!, items[down]!)) down++;
      if (!isBefore(items[down]!, last)) break;
      items[at] = items[down]!;
      at = down;
    }
    items[at] = last;
    return top;
  }
}

interface Pair {
  readonly key: number;
  readonly a: number;
  readonly b: number;
}

function isBefore(x: Pair, y: Pair): boolean {
  if (x.key !== y.key) return x.key < y.key;
  return x.a !== y.a ? x.a < y.a : x.b < y.b;
}
