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

/** ‖a·scale − b‖² of vectors of one length. */
export function squaredDistance(a: Float64Array, scale: number, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) {
    const difference = a[k]! * scale - b[k]!;
    sum += difference * difference;
  }
  return sum;
}
