/**
 * Segments of posed images as weight vectors over Gaussians (methods 2.4): the nodes that a closed-form lift associates.
 */
import type { LabelWeights, PinholeView } from '../../kernels/index.ts';

/** The segments of one posed image. Ids are not consistent with those of other images; 0: background or not labelled. */
export interface PosedSegments {
  readonly view: PinholeView;
  /** [H, W] */
  readonly segments: Uint16Array | Uint32Array;
  /** Confidence in [0, 1] by id; ids that are not listed have 1. */
  readonly confidences?: ReadonlyMap<number, number>;
}

/** Sparse rows in compressed form: row r has the entries start[r] … start[r + 1] - 1. */
export interface SparseRows {
  readonly start: Uint32Array;
  readonly ids: Uint32Array;
  readonly weights: Float32Array;
}

/** A segment of one image. */
export interface SegmentNode {
  /** Index of the view. */
  readonly view: number;
  /** Its id in that image. */
  readonly label: number;
  readonly areaPx: number;
  readonly confidence: number;
}

/** What all views say about which Gaussian is in which segment. */
export interface SegmentEvidence {
  readonly gaussians: number;
  readonly views: number;
  readonly nodes: readonly SegmentNode[];
  /** Rows: nodes; ids: Gaussians; weights: sum of W over the segment's pixels. */
  readonly byNode: SparseRows;
  /** The same, transposed. Rows: Gaussians; ids: nodes, ascending. */
  readonly byGaussian: SparseRows;
  /** Rows: Gaussians; ids: views, ascending; weights: sum of W over all pixels of the view. */
  readonly visibility: SparseRows;
}

/** Less than this much of a pixel is no sight of a Gaussian. */
const LEAST_WEIGHT = 0.01;

class Triples {
  rows = new Uint32Array(1 << 16);
  ids = new Uint32Array(1 << 16);
  weights = new Float32Array(1 << 16);
  length = 0;

  push(row: number, id: number, weight: number): void {
    if (this.length === this.rows.length) {
      this.rows = grown(this.rows, new Uint32Array(2 * this.length));
      this.ids = grown(this.ids, new Uint32Array(2 * this.length));
      this.weights = grown(this.weights, new Float32Array(2 * this.length));
    }
    this.rows[this.length] = row;
    this.ids[this.length] = id;
    this.weights[this.length++] = weight;
  }

  /** Rows by the triples' rows, or by their ids with `transposed`. Order within a row is that of pushing. */
  compressed(rowCount: number, transposed = false): SparseRows {
    const rows = transposed ? this.ids : this.rows;
    const ids = transposed ? this.rows : this.ids;
    const start = new Uint32Array(rowCount + 1);
    for (let i = 0; i < this.length; i++) start[rows[i]! + 1]!++;
    for (let r = 0; r < rowCount; r++) start[r + 1]! += start[r]!;
    const next = start.slice(0, rowCount);
    const out = { start, ids: new Uint32Array(this.length), weights: new Float32Array(this.length) };
    for (let i = 0; i < this.length; i++) {
      const at = next[rows[i]!]!++;
      out.ids[at] = ids[i]!;
      out.weights[at] = this.weights[i]!;
    }
    return out;
  }
}

function grown<T extends Uint32Array | Float32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Collects evidence view by view; nothing of W is kept. */
export class EvidenceBuilder {
  readonly #gaussians: number;
  readonly #nodes: SegmentNode[] = [];
  readonly #segments = new Triples();
  readonly #visibility = new Triples();
  readonly #sum: Float32Array;
  readonly #total: Float32Array;
  readonly #touched: Uint32Array;
  #views = 0;

  constructor(gaussians: number) {
    this.#gaussians = gaussians;
    this.#sum = new Float32Array(gaussians);
    this.#total = new Float32Array(gaussians);
    this.#touched = new Uint32Array(gaussians);
  }

  /**
   * Adds the next view.
   * @param sums of the labels `segments` of all its pixels
   */
  add(sums: LabelWeights, segments: ArrayLike<number>, confidences?: ReadonlyMap<number, number>): void {
    const view = this.#views++;
    const seen: number[] = [];
    const areas = new Map<number, number>();
    for (let i = 0; i < segments.length; i++) areas.set(segments[i]!, (areas.get(segments[i]!) ?? 0) + 1);
    for (const [row, label] of sums.labels.entries()) {
      const touched = this.#gather(sums, row);
      if (label !== 0) {
        const confidence = confidences?.get(label) ?? 1;
        const node = this.#nodes.push({ view, label, areaPx: areas.get(label)!, confidence }) - 1;
        for (const gaussian of touched) {
          if (this.#sum[gaussian]! >= LEAST_WEIGHT) this.#segments.push(node, gaussian, this.#sum[gaussian]!);
        }
      }
      for (const gaussian of touched) {
        if (this.#total[gaussian] === 0) seen.push(gaussian);
        this.#total[gaussian]! += this.#sum[gaussian]!;
        this.#sum[gaussian] = 0;
      }
    }
    for (const gaussian of seen) {
      if (this.#total[gaussian]! >= LEAST_WEIGHT) this.#visibility.push(gaussian, view, this.#total[gaussian]!);
      this.#total[gaussian] = 0;
    }
  }

  /** Adds up what the tiles say; returns the Gaussians that got something, until the next call. */
  #gather({ rowStart, columns, weights }: LabelWeights, row: number): Uint32Array {
    const sum = this.#sum;
    const touched = this.#touched;
    let count = 0;
    const end = rowStart[row + 1]!;
    for (let entry = rowStart[row]!; entry < end; entry++) {
      const gaussian = columns[entry]!;
      const before = sum[gaussian]!;
      if (before === 0) touched[count++] = gaussian;
      sum[gaussian] = before + weights[entry]!;
    }
    return touched.subarray(0, count);
  }

  finish(): SegmentEvidence {
    return {
      gaussians: this.#gaussians,
      views: this.#views,
      nodes: this.#nodes,
      byNode: this.#segments.compressed(this.#nodes.length),
      byGaussian: this.#segments.compressed(this.#gaussians, true),
      visibility: this.#visibility.compressed(this.#gaussians),
    };
  }
}
