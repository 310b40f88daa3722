/** What changes over a training run, as functions of the iteration (0-based). */
import type { TrainingParameters } from '../../contract/index.ts';
import type { ShDegree } from '../kernels/index.ts';
import { randomFor, shuffled } from './random.ts';

/** Which of `frameCount` training frames an iteration shows: every epoch a new permutation. */
export class FrameOrder {
  readonly #seed: number;
  readonly #frameCount: number;
  #epoch = -1;
  #order: Int32Array = new Int32Array(0);

  constructor(seed: number, frameCount: number) {
    this.#seed = seed;
    this.#frameCount = frameCount;
  }

  at(iteration: number): number {
    const epoch = Math.floor(iteration / this.#frameCount);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = shuffled(this.#frameCount, randomFor(this.#seed, 'frame order', epoch));
    }
    return this.#order[iteration % this.#frameCount]!;
  }

  /** What the iterations after this one show, to the end of the epoch. */
  rest(iteration: number): number[] {
    this.at(iteration);
    return [...this.#order.subarray((iteration % this.#frameCount) + 1)];
  }
}

/** How often the image is halved at an iteration: coarse to fine. */
export function downscaleLevel(parameters: TrainingParameters, iteration: number): number {
  return Math.max(0, parameters.downscales - Math.floor(iteration / parameters.downscaleEvery));
}

/** Degree of the spherical harmonics that is being optimised. */
export function activeShDegree(parameters: TrainingParameters, iteration: number): ShDegree {
  return Math.min(parameters.shDegree, Math.floor(iteration / parameters.shDegreeEvery)) as ShDegree;
}

/** Rate of the means, in scene units: exponential decay between the two ends. */
export function positionRate(parameters: TrainingParameters, iteration: number, sceneExtent: number): number {
  const { positionRate: start, positionRateEnd: end, iterations } = parameters;
  if (start === 0 || end === 0) return start * sceneExtent;
  return start * (end / start) ** (iteration / iterations) * sceneExtent;
}

/** True at the iterations after which Gaussians are relocated and added. */
export function densifiesAfter(parameters: TrainingParameters, iteration: number): boolean {
  const done = iteration + 1;
  return (
    done >= parameters.densifyFrom &&
    done < parameters.densifyUntil * parameters.iterations &&
    done % parameters.densifyEvery === 0
  );
}

/** Largest distance of a camera from the mean of all, plus a tenth: the length that position rates are relative to. */
export function sceneExtentOf(cameraCentres: readonly (readonly [number, number, number])[]): number {
  const mean = [0, 1, 2].map(
    (axis) => cameraCentres.reduce((sum, centre) => sum + centre[axis]!, 0) / cameraCentres.length,
  );
  const radius = Math.max(
    ...cameraCentres.map((centre) => Math.hypot(...centre.map((value, axis) => value - mean[axis]!))),
  );
  // A single camera, or a pure rotation, has no extent of its own.
  return radius > 0 ? 1.1 * radius : 1;
}
