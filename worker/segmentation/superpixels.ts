/**
 * Fine regions: Felzenszwalb and Huttenlocher, "Efficient graph-based image segmentation", IJCV 2004. Pixels are vertices,
 * neighbours (8) are joined by edges weighted by their difference; edges are taken in ascending order, and two components
 * join when the edge is no heavier than the heaviest inside either plus k / size.
 */

export interface SuperpixelOptions {
  /** k: larger makes larger regions. In units of the edge weights times pixels. */
  readonly scale: number;
  /** Regions below this many pixels join the neighbour across their lightest edge. */
  readonly minPixels: number;
}

export interface Superpixels {
  /** [H, W], 0 … count − 1, numbered in reading order. */
  readonly labels: Int32Array;
  readonly count: number;
}

/** Edge weights are sorted by counting: steps of 1/16, everything from 256 on in the last bin. */
const STEPS_PER_UNIT = 16;
const BINS = 4096;

/** @param differenceOf weight of the edge between two pixels, ≥ 0 */
export function superpixels(
  width: number,
  height: number,
  differenceOf: (a: number, b: number) => number,
  { scale, minPixels }: SuperpixelOptions,
): Superpixels {
  const pixels = width * height;
  // Edge 4 i + d leads from pixel i to its right, lower left, lower, lower right neighbour.
  const offsets = [1, width - 1, width, width + 1];
  const binOf = new Uint16Array(4 * pixels).fill(BINS);
  const starts = new Uint32Array(BINS + 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let d = 0; d < 4; d++) {
        if ((d !== 0 && y === height - 1) || (d === 1 && x === 0) || ((d === 0 || d === 3) && x === width - 1))
          continue;
        const i = y * width + x;
        const bin = Math.min(BINS - 1, Math.floor(differenceOf(i, i + offsets[d]!) * STEPS_PER_UNIT));
        binOf[4 * i + d] = bin;
        starts[bin + 1]!++;
      }
    }
  }
  for (let bin = 1; bin <= BINS; bin++) starts[bin]! += starts[bin - 1]!;
  const sorted = new Uint32Array(starts[BINS]!);
  const next = starts.slice();
  for (let edge = 0; edge < binOf.length; edge++) {
    const bin = binOf[edge]!;
    if (bin < BINS) sorted[next[bin]!++] = edge;
  }

  const parent = Int32Array.from({ length: pixels }, (_, i) => i);
  const size = new Int32Array(pixels).fill(1);
  const threshold = new Float64Array(pixels).fill(scale);
  const find = (start: number): number => {
    let i = start;
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]!]!;
      i = parent[i]!;
    }
    return i;
  };
  const join = (a: number, b: number): number => {
    // The lower index stays the root, whatever the sizes: numbering then follows reading order.
    const [root, other] = a < b ? [a, b] : [b, a];
    parent[other] = root;
    size[root]! += size[other]!;
    return root;
  };
  for (const edge of sorted) {
    const a = find(edge >> 2);
    const b = find((edge >> 2) + offsets[edge & 3]!);
    if (a === b) continue;
    const weight = binOf[edge]! / STEPS_PER_UNIT;
    if (weight > threshold[a]! || weight > threshold[b]!) continue;
    const root = join(a, b);
    threshold[root] = weight + scale / size[root]!;
  }
  for (const edge of sorted) {
    const a = find(edge >> 2);
    const b = find((edge >> 2) + offsets[edge & 3]!);
    if (a !== b && (size[a]! < minPixels || size[b]! < minPixels)) join(a, b);
  }

  const labels = new Int32Array(pixels);
  const numberOf = new Int32Array(pixels).fill(-1);
  let count = 0;
  for (let i = 0; i < pixels; i++) {
    const root = find(i);
    if (numberOf[root]! < 0) numberOf[root] = count++;
    labels[i] = numberOf[root]!;
  }
  return { labels, count };
}
