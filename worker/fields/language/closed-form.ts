/**
 * Language without training: the embedding of a Gaussian is the robust mean of those of the segments that show it,
 * weighted by how much of their pixels it is (methods section 3, closed-form lift).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cancelled, type WeightCache } from '../weight-cache.ts';
import type { ClosedFormLanguageParameters } from './parameters.ts';
import { placeInOrder, type SegmentIndex } from './segment-index.ts';

/** Nearer than this (as a chord) a segment counts as if it were this far: the median would divide by zero. */
const LEAST_CHORD = 0.05;
const LEVEL_PLACES = { 1: [undefined], 3: [0, 0.5, 1] } as const;

export interface ClosedFormLevels {
  /** [N, E] unit rows; zeros where no segment counts. */
  readonly levels: readonly Float32Array[];
  readonly unseenGaussians: number;
}

/** Of each segment the Gaussians that it shows and how much of them, Gaussian by Gaussian. */
interface Sightings {
  /** [N + 1] */
  readonly start: Uint32Array;
  readonly segments: Uint32Array;
  readonly weights: Float32Array;
}

/** @throws LiftscopeError 'cancelled' */
export async function closedFormLevels(
  cache: WeightCache,
  index: SegmentIndex,
  parameters: ClosedFormLanguageParameters,
  control: { readonly signal?: AbortSignal | undefined; readonly onProgress?: (done: number, total: number) => void },
): Promise<ClosedFormLevels> {
  const places = LEVEL_PLACES[parameters.levels];
  const total = places.length * (cache.views.length + 1);
  const levels: Float32Array[] = [];
  let unseen = 0;
  for (const [level, place] of places.entries()) {
    const done = (part: number) => control.onProgress?.(level * (cache.views.length + 1) + part, total);
    const sightings = await gatherSightings(cache, index, parameters.visibilityGate, place, control.signal, done);
    const embeddings = robustMeans(sightings, index, parameters.medianPasses);
    levels.push(embeddings);
    for (let g = 0; g < cache.gaussians; g++) {
      if (sightings.start[g + 1] === sightings.start[g]) unseen++;
    }
    done(cache.views.length + 1);
    await nextTurn();
  }
  return { levels, unseenGaussians: Math.round(unseen / places.length) };
}

async function gatherSightings(
  cache: WeightCache,
  index: SegmentIndex,
  gate: number,
  place: number | undefined,
  signal: AbortSignal | undefined,
  done: (views: number) => void,
): Promise<Sightings> {
  const { gaussians } = cache;
  const found: { gaussians: Uint32Array; segments: Uint32Array; weights: Float32Array }[] = [];
  const start = new Uint32Array(gaussians + 1);
  for (let view = 0; view < cache.views.length; view++) {
    if (signal?.aborted) throw cancelled();
    const own = await sightingsOfView(cache, index, view, gate, place);
    for (const gaussian of own.gaussians) start[gaussian + 1]!++;
    found.push(own);
    done(view + 1);
    await nextTurn();
  }
  for (let g = 0; g < gaussians; g++) start[g + 1]! += start[g]!;
  const next = start.slice();
  const segments = new Uint32Array(start[gaussians]!);
  const weights = new Float32Array(segments.length);
  for (const own of found) {
    for (let i = 0; i < own.gaussians.length; i++) {
      const at = next[own.gaussians[i]!]!++;
      segments[at] = own.segments[i]!;
      weights[at] = own.weights[i]!;
    }
  }
  return { start, segments, weights };
}

/** Σ over pixels of W_pi times the share of the pixel that belongs to the segment, for Gaussians that pass the gate. */
async function sightingsOfView(
  cache: WeightCache,
  index: SegmentIndex,
  view: number,
  gate: number,
  place: number | undefined,
) {
  const host = await cache.host(view);
  const { rowStart, segments, labelled } = index.views[view]!;
  const largest = new Float32Array(cache.gaussians);
  for (let e = 0; e < host.columns.length; e++) {
    const gaussian = host.columns[e]!;
    if (host.weights[e]! > largest[gaussian]!) largest[gaussian] = host.weights[e]!;
  }
  // Rows of a segment, and the share of each row that is the segment's.
  const rowsOf = new Map<number, { rows: number[]; shares: number[] }>();
  const add = (segment: number, row: number, share: number) => {
    let own = rowsOf.get(segment);
    if (own === undefined) {
      own = { rows: [], shares: [] };
      rowsOf.set(segment, own);
    }
    own.rows.push(row);
    own.shares.push(share * index.confidences[segment]!);
  };
  for (const row of labelled) {
    const [begin, end] = [rowStart[row]!, rowStart[row + 1]!];
    if (place !== undefined) {
      add(segments[placeInOrder(begin, end, place)]!, row, 1);
      continue;
    }
    let total = 0;
    for (let i = begin; i < end; i++) total += index.preferences[segments[i]!]!;
    for (let i = begin; i < end; i++) add(segments[i]!, row, index.preferences[segments[i]!]! / total);
  }
  const sums = new Float64Array(cache.gaussians);
  const [outGaussians, outSegments, outWeights]: [number[], number[], number[]] = [[], [], []];
  for (const [segment, { rows, shares }] of rowsOf) {
    const touched: number[] = [];
    for (let i = 0; i < rows.length; i++) {
      const share = shares[i]!;
      for (let e = host.rowStart[rows[i]!]!; e < host.rowStart[rows[i]! + 1]!; e++) {
        const gaussian = host.columns[e]!;
        if (largest[gaussian]! < gate) continue;
        if (sums[gaussian] === 0) touched.push(gaussian);
        sums[gaussian]! += share * host.weights[e]!;
      }
    }
    for (const gaussian of touched) {
      const sum = sums[gaussian]!;
      sums[gaussian] = 0;
      if (!(sum > 0)) continue;
      outGaussians.push(gaussian);
      outSegments.push(segment);
      outWeights.push(sum);
    }
  }
  return {
    gaussians: Uint32Array.from(outGaussians),
    segments: Uint32Array.from(outSegments),
    weights: Float32Array.from(outWeights),
  };
}

/** [N, E]: geometric medians on the sphere (Weiszfeld's passes over chords), from the weighted mean. */
function robustMeans({ start, segments, weights }: Sightings, index: SegmentIndex, passes: number): Float32Array {
  const { dimensions, embeddings } = index;
  const gaussians = start.length - 1;
  const means = new Float32Array(gaussians * dimensions);
  const mean = new Float64Array(dimensions);
  for (let g = 0; g < gaussians; g++) {
    const [begin, end] = [start[g]!, start[g + 1]!];
    if (begin === end) continue;
    const out = means.subarray(g * dimensions, (g + 1) * dimensions);
    for (let pass = 0; pass <= passes; pass++) {
      mean.fill(0);
      for (let i = begin; i < end; i++) {
        const at = segments[i]! * dimensions;
        let weight = weights[i]!;
        if (pass > 0) {
          let cosine = 0;
          for (let d = 0; d < dimensions; d++) cosine += out[d]! * embeddings[at + d]!;
          weight /= Math.max(LEAST_CHORD, Math.sqrt(Math.max(0, 2 - 2 * cosine)));
        }
        for (let d = 0; d < dimensions; d++) mean[d]! += weight * embeddings[at + d]!;
      }
      let squares = 0;
      for (let d = 0; d < dimensions; d++) squares += mean[d]! * mean[d]!;
      // Opposite embeddings may cancel: then the last pass stands.
      if (!(squares > 1e-24)) break;
      const scale = 1 / Math.sqrt(squares);
      for (let d = 0; d < dimensions; d++) out[d] = mean[d]! * scale;
      if (end - begin === 1) break;
    }
  }
  return means;
}
