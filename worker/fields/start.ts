/** What a table starts from: noise, and, where the recipe asks for it, a linear function of where a Gaussian's segments are. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fieldRandom, type LiftFrame, normals } from './frames.ts';
import type { WeightCache } from './weight-cache.ts';

/** Places are cut off here, in standard deviations: a stray Gaussian must not start out of everybody's reach. */
const FARTHEST = 4;

/** Where Gaussians are according to the segments that they are seen in. */
interface SegmentPlaces {
  /** [N, 3] the mean of their segments' centres, by how much of a segment's pixels they are; their own centre where they are none. */
  readonly places: Float32Array;
  /** Of all pixels, and the root mean square distance from it. */
  readonly centre: readonly number[];
  readonly spread: number;
  /** Median distance of a segment's pixels from its centre: the median over segments. */
  readonly segmentRadius: number;
}

/**
 * [N, D] noise of standard deviation `sigma` plus `positions` times a function of place, in units of the radius of the median
 * segment: linear (three dimensions or fewer are the axes themselves, more are random directions), or with `reach` random waves,
 * unit vectors on average, whose product falls as exp(-distance² / (2 reach²)) (Rahimi, Recht 2007). Waves leave all objects of any
 * scene at about the same distance, so that a pixel that is partly of others stays nearest to what it mostly is.
 * The place of a Gaussian is that of the segments it is seen in, not its own: where few views see an object its Gaussians are
 * spread along the rays. Neighbouring objects then start apart and all of an object starts together.
 */
export async function startOfTable(
  cache: WeightCache,
  frames: readonly LiftFrame[],
  means: Float32Array,
  dimensions: number,
  { sigma, positions, reach }: { readonly sigma: number; readonly positions: number; readonly reach: number },
  seed: number,
): Promise<Float32Array> {
  const random = fieldRandom(seed, 'initial', 0);
  const start = normals(cache.gaussians * dimensions, sigma, random);
  if (positions === 0) return start;
  const { places, centre, segmentRadius, spread } = await segmentPlaces(cache, frames, means);
  if (!(segmentRadius > 0)) return start;
  const axes = reach === 0 && dimensions <= 3;
  const directions = axes
    ? Float32Array.from({ length: 3 * dimensions }, (_, i) => (i % 3 === Math.floor(i / 3) ? 1 : 0))
    : normals(3 * dimensions, reach === 0 ? Math.sqrt(1 / 3) : 1 / reach, random);
  const phases = Float64Array.from({ length: dimensions }, () => 2 * Math.PI * random());
  const height = positions * Math.sqrt(2 / dimensions);
  const limit = FARTHEST * spread;
  for (let i = 0; i < cache.gaussians; i++) {
    const place = [0, 1, 2].map((axis) => {
      const offset = places[3 * i + axis]! - centre[axis]!;
      return Math.max(-limit, Math.min(limit, offset)) / segmentRadius;
    });
    for (let d = 0; d < dimensions; d++) {
      let value = 0;
      for (let axis = 0; axis < 3; axis++) value += place[axis]! * directions[3 * d + axis]!;
      start[i * dimensions + d]! += reach === 0 ? positions * value : height * Math.cos(value + phases[d]!);
    }
  }
  return start;
}

async function segmentPlaces(
  cache: WeightCache,
  frames: readonly LiftFrame[],
  means: Float32Array,
): Promise<SegmentPlaces> {
  const sums = new Float64Array(3 * cache.gaussians);
  const masses = new Float64Array(cache.gaussians);
  const radii: number[] = [];
  const total = new Moments();
  for (let view = 0; view < cache.views.length; view++) {
    const { rowStart, columns, weights } = await cache.host(view);
    const { pixels } = cache.views[view]!;
    const rowsOf = new Map<number, number[]>();
    for (let row = 0; row < pixels.length; row++) {
      const segment = frames[view]!.segments[pixels[row]!]!;
      if (segment === 0 || rowStart[row] === rowStart[row + 1]) continue;
      const own = rowsOf.get(segment);
      if (own === undefined) rowsOf.set(segment, [row]);
      else own.push(row);
    }
    for (const rows of rowsOf.values()) {
      const points = rows.map((row) => {
        const point: [number, number, number] = [0, 0, 0];
        let sum = 0;
        for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) {
          sum += weights[e]!;
          for (let axis = 0; axis < 3; axis++) point[axis]! += weights[e]! * means[3 * columns[e]! + axis]!;
        }
        return point.map((value) => value / sum) as [number, number, number];
      });
      for (const point of points) total.add(point);
      // Medians: a stray Gaussian in front of a few pixels must not move the whole segment.
      const centre = [0, 1, 2].map((axis) => median(points.map((point) => point[axis]!)));
      radii.push(median(points.map((point) => Math.hypot(...point.map((value, axis) => value - centre[axis]!)))));
      for (const row of rows) {
        for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) {
          const [gaussian, weight] = [columns[e]!, weights[e]!];
          masses[gaussian]! += weight;
          for (let axis = 0; axis < 3; axis++) sums[3 * gaussian + axis]! += weight * centre[axis]!;
        }
      }
    }
    await nextTurn();
  }
  const places = means.map((own, at) => {
    const mass = masses[Math.floor(at / 3)]!;
    return mass > 0 ? sums[at]! / mass : own;
  });
  return { places, centre: total.mean, spread: total.spread, segmentRadius: radii.length === 0 ? 0 : median(radii) };
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
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
