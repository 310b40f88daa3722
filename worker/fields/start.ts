/** What a table starts from: noise, and, where the recipe asks for it, a linear function of the Gaussian's position. */
import { fieldRandom, type LiftFrame, normals } from './frames.ts';
import type { WeightCache } from './weight-cache.ts';

/** The size of segments is measured in at most this many views. */
const MEASURED_VIEWS = 12;
/** Positions are cut off here, in standard deviations: a stray Gaussian must not start out of everybody's reach. */
const FARTHEST = 4;

/** Where the segments of the frames lie, as their pixels are rendered from centres of Gaussians. */
interface SegmentExtent {
  readonly centre: readonly [number, number, number];
  /** Root mean square distance of a segment's pixels from their mean: the median over segments. */
  readonly segmentRadius: number;
  /** Root mean square distance of all pixels from `centre`. */
  readonly spread: number;
}

/**
 * [N, D] noise of standard deviation `sigma` plus `positions` times a linear function of position, whose unit is the radius of the
 * median segment. Three dimensions or fewer are the axes themselves; more are random directions. Neighbouring objects then start
 * apart and every Gaussian of an object starts near the others, as in a network that is a smooth function of position.
 */
export async function startOfTable(
  cache: WeightCache,
  frames: readonly LiftFrame[],
  means: Float32Array,
  dimensions: number,
  { sigma, positions }: { readonly sigma: number; readonly positions: number },
  seed: number,
): Promise<Float32Array> {
  const random = fieldRandom(seed, 'initial', 0);
  const start = normals(cache.gaussians * dimensions, sigma, random);
  if (positions === 0) return start;
  const { centre, segmentRadius, spread } = await segmentExtent(cache, frames, means);
  if (!(segmentRadius > 0)) return start;
  const directions =
    dimensions <= 3
      ? Float32Array.from({ length: 3 * dimensions }, (_, i) => (i % 3 === Math.floor(i / 3) ? 1 : 0))
      : normals(3 * dimensions, Math.sqrt(1 / 3), random);
  const limit = FARTHEST * spread;
  for (let i = 0; i < cache.gaussians; i++) {
    for (let axis = 0; axis < 3; axis++) {
      const offset = Math.max(-limit, Math.min(limit, means[3 * i + axis]! - centre[axis]!));
      const value = (positions * offset) / segmentRadius;
      for (let d = 0; d < dimensions; d++) start[i * dimensions + d]! += value * directions[3 * d + axis]!;
    }
  }
  return start;
}

async function segmentExtent(
  cache: WeightCache,
  frames: readonly LiftFrame[],
  means: Float32Array,
): Promise<SegmentExtent> {
  const radii: number[] = [];
  const total = new Moments();
  const stride = Math.max(1, Math.ceil(cache.views.length / MEASURED_VIEWS));
  for (let view = 0; view < cache.views.length; view += stride) {
    const { rowStart, columns, weights } = await cache.host(view);
    const { pixels } = cache.views[view]!;
    const bySegment = new Map<number, Moments>();
    for (let row = 0; row < pixels.length; row++) {
      const segment = frames[view]!.segments[pixels[row]!]!;
      if (segment === 0) continue;
      const position: [number, number, number] = [0, 0, 0];
      let sum = 0;
      for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) {
        const weight = weights[e]!;
        sum += weight;
        for (let axis = 0; axis < 3; axis++) position[axis]! += weight * means[3 * columns[e]! + axis]!;
      }
      if (!(sum > 0)) continue;
      for (let axis = 0; axis < 3; axis++) position[axis]! /= sum;
      let moments = bySegment.get(segment);
      if (moments === undefined) {
        moments = new Moments();
        bySegment.set(segment, moments);
      }
      moments.add(position);
      total.add(position);
    }
    for (const moments of bySegment.values()) radii.push(moments.spread);
  }
  radii.sort((a, b) => a - b);
  return {
    centre: total.mean,
    segmentRadius: radii[Math.floor(radii.length / 2)] ?? 0,
    spread: total.spread,
  };
}

/** Mean and spread of points, summed about the first one so that a far origin costs no digits. */
class Moments {
  #count = 0;
  #origin: readonly number[] = [0, 0, 0];
  readonly #sum = [0, 0, 0];
  #square = 0;

  add(point: readonly [number, number, number]): void {
    if (this.#count++ === 0) this.#origin = [...point];
    for (let axis = 0; axis < 3; axis++) {
      const offset = point[axis]! - this.#origin[axis]!;
      this.#sum[axis]! += offset;
      this.#square += offset * offset;
    }
  }

  get mean(): [number, number, number] {
    const count = Math.max(1, this.#count);
    return [0, 1, 2].map((axis) => this.#origin[axis]! + this.#sum[axis]! / count) as [number, number, number];
  }

  get spread(): number {
    const count = Math.max(1, this.#count);
    const offset = this.#sum.reduce((sum, value) => sum + (value / count) ** 2, 0);
    return Math.sqrt(Math.max(0, this.#square / count - offset));
  }
}
