/** Mean shift with a flat kernel (Comaniciu, Meer 2002). */
import { BallQuery } from './ball-query.ts';

export interface MeanShiftOptions {
  /** Radius of the flat kernel, inclusive. */
  readonly bandwidth: number;
  /** Steps per seed; default 300. */
  readonly maxSteps?: number;
}

export interface MeanShiftResult {
  /** Nearest mode of each point. [points] */
  readonly labels: Int32Array;
  /** [modes, dimensions] */
  readonly modes: Float64Array;
}

/**
 * Every point is a seed. A seed stops when a step is at most 1e-3 bandwidths. Modes are ordered by support, then by
 * coordinates, descending; those within a bandwidth of an earlier one are dropped.
 * @param points [points, dimensions]
 * @throws PointsError, RangeError
 */
export function meanShift(
  points: Float32Array | Float64Array,
  dimensions: number,
  options: MeanShiftOptions,
): MeanShiftResult {
  const { bandwidth, maxSteps = 300 } = options;
  if (!(bandwidth > 0 && Number.isFinite(bandwidth))) {
    throw new RangeError(`bandwidth must be a positive distance, not ${bandwidth}`);
  }
  const query = new BallQuery(points, dimensions);
  const { count } = query;
  const found = new Int32Array(count);
  const seeds = Array.from({ length: count }, (_, point) => climb(query, point, bandwidth, maxSteps, found));
  seeds.sort((a, b) => b.support - a.support || compareDescending(a.mode, b.mode));
  const modes: Float64Array[] = [];
  for (const { mode } of seeds) {
    if (!modes.some((kept) => squaredDistance(kept, 0, mode, 0, dimensions) <= bandwidth * bandwidth)) modes.push(mode);
  }
  const labels = new Int32Array(count);
  for (let point = 0; point < count; point++) {
    let best = Infinity;
    for (const [index, mode] of modes.entries()) {
      const squared = squaredDistance(query.points, point * dimensions, mode, 0, dimensions);
      if (squared >= best) continue;
      best = squared;
      labels[point] = index;
    }
  }
  const flat = new Float64Array(modes.length * dimensions);
  for (const [index, mode] of modes.entries()) flat.set(mode, index * dimensions);
  return { labels, modes: flat };
}

function climb(query: BallQuery, seed: number, bandwidth: number, maxSteps: number, found: Int32Array) {
  const { dimensions, points } = query;
  let mode = points.slice(seed * dimensions, (seed + 1) * dimensions);
  let support = 0;
  for (let step = 0; ; step++) {
    const within = query.within(mode, 0, bandwidth * bandwidth, found);
    // The ball of a mean can be empty: then the mean stays where it is.
    if (within === 0) return { mode, support };
    support = within;
    const next = new Float64Array(dimensions);
    for (let i = 0; i < support; i++) {
      const at = found[i]! * dimensions;
      for (let k = 0; k < dimensions; k++) next[k]! += points[at + k]!;
    }
    for (let k = 0; k < dimensions; k++) next[k]! /= support;
    const moved = Math.sqrt(squaredDistance(next, 0, mode, 0, dimensions));
    mode = next;
    if (moved <= 1e-3 * bandwidth || step === maxSteps) return { mode, support };
  }
}

function squaredDistance(a: Float64Array, atA: number, b: Float64Array, atB: number, dimensions: number): number {
  let sum = 0;
  for (let k = 0; k < dimensions; k++) {
    const difference = a[atA + k]! - b[atB + k]!;
    sum += difference * difference;
  }
  return sum;
}

function compareDescending(a: Float64Array, b: Float64Array): number {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return b[k]! - a[k]!;
  return 0;
}
