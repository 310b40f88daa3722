/** Costs between a segment and a track (methods 4). */
import type { TrackingParameters } from '../../../contract/index.ts';

/**
 * δ_l of a distance in scene units. `published`: −log((1/α)·exp(−d)) = d + log α, in which α only shifts the threshold. `scaled`:
 * d/α + log α, the negative logarithm of an exponential density with mean α, so that α sets how far a thing may have moved.
 */
export function locationCost(distance: number, parameters: TrackingParameters): number {
  const { locationCost: form, locationScale, alphaLocation } = parameters;
  const scaled = distance * locationScale;
  return (form === 'published' ? scaled : scaled / alphaLocation) + Math.log(alphaLocation);
}

/** The distance that costs so much; below 0 where none costs as little. The inverse of {@link locationCost}. */
export function distanceOf(cost: number, parameters: TrackingParameters): number {
  const { locationCost: form, locationScale, alphaLocation } = parameters;
  const scaled = cost - Math.log(alphaLocation);
  return (form === 'published' ? scaled : scaled * alphaLocation) / locationScale;
}

/** δ_v = −log(1/(1 + α_v‖Δv‖²)). */
export function visualCost(squaredDistance: number, alphaVisual: number): number {
  return Math.log1p(alphaVisual * squaredDistance);
}

/** The squared distance that costs so much; the inverse of {@link visualCost}, infinite where appearance costs nothing. */
export function squaredDistanceOf(cost: number, alphaVisual: number): number {
  return alphaVisual > 0 ? Math.expm1(cost) / alphaVisual : Infinity;
}

/** Values that are added up between two looks at the limit. */
const BLOCK = 16;

/** ‖a·scale − b‖² of vectors of one length; of one beyond the limit, as much of it as is beyond. */
export function squaredDistance(a: Float64Array, scale: number, b: ArrayLike<number>, limit = Infinity): number {
  let sum = 0;
  for (let start = 0; start < a.length && sum <= limit; start += BLOCK) {
    const end = Math.min(a.length, start + BLOCK);
    for (let k = start; k < end; k++) {
      const difference = a[k]! * scale - b[k]!;
      sum += difference * difference;
    }
  }
  return sum;
}
