/** What COLMAP's binary and text readers have in common. */
import { maxCoordinate, maxSparsePoints, type Pose } from '../../contract/index.ts';
import { CaptureError } from './errors.ts';
import type { Observations, SparsePoints, Warnings } from './model.ts';
import { normalisedQuaternion } from './pose.ts';

/** One sampled observation: `[pixel x, pixel y, COLMAP point id]`. */
export type RawObservation = readonly [number, number, number];

export function poseFromColmap(
  source: { file: string; field: string },
  q: readonly [number, number, number, number],
  t: readonly [number, number, number],
): Pose {
  const quaternion = normalisedQuaternion(q);
  if (quaternion === undefined) {
    throw new CaptureError({
      code: 'invalid',
      file: source.file,
      field: `${source.field}.qvec`,
      problem: `is not a rotation: [${q.join(', ')}].`,
      advice: 'The model is damaged: export it again.',
    });
  }
  if (!t.every((value) => Math.abs(value) <= maxCoordinate)) {
    throw new CaptureError({
      code: 'invalid',
      file: source.file,
      field: `${source.field}.tvec`,
      problem: `is not a position within ±${maxCoordinate}: [${t.join(', ')}].`,
      advice: 'The model is damaged or far from its origin: export it again, centred.',
    });
  }
  return { quaternion, translation: [t[0], t[1], t[2]] };
}

/** Grows as points arrive, so that text files without a trustworthy count need none. */
export class PointBuilder {
  readonly #file: string;
  readonly #warnings: Warnings;
  /** COLMAP ids that some frame's observation sample refers to, with their index once met. */
  readonly #wanted: Map<number, number>;
  #positions: Float64Array;
  #colors: Uint8Array;
  #errors: Float32Array;
  #count = 0;

  constructor(file: string, warnings: Warnings, wanted: Map<number, number>, capacity: number) {
    this.#file = file;
    this.#warnings = warnings;
    this.#wanted = wanted;
    this.#positions = new Float64Array(capacity * 3);
    this.#colors = new Uint8Array(capacity * 3);
    this.#errors = new Float32Array(capacity);
  }

  add(id: number, x: number, y: number, z: number, r: number, g: number, b: number, error: number): void {
    if (!(Math.abs(x) <= maxCoordinate && Math.abs(y) <= maxCoordinate && Math.abs(z) <= maxCoordinate)) {
      this.#warnings.add(
        'point-invalid',
        `Point ${id} lies at [${x}, ${y}, ${z}] and was left out.`,
        this.#file,
        `points3D[${this.#count}].xyz`,
      );
      return;
    }
    if (this.#count >= maxSparsePoints) {
      throw new CaptureError({
        code: 'too-large',
        file: this.#file,
        problem: `holds more than ${maxSparsePoints} points.`,
        advice: 'Thin the point cloud first.',
      });
    }
    if (this.#count === this.#errors.length) this.#grow();
    const i = this.#count++;
    this.#positions.set([x, y, z], i * 3);
    this.#colors.set([r, g, b], i * 3);
    this.#errors[i] = error;
    if (this.#wanted.has(id)) this.#wanted.set(id, i);
  }

  #grow(): void {
    const capacity = Math.max(1024, this.#errors.length * 2);
    const [positions, colors, errors] = [
      new Float64Array(capacity * 3),
      new Uint8Array(capacity * 3),
      new Float32Array(capacity),
    ];
    positions.set(this.#positions);
    colors.set(this.#colors);
    errors.set(this.#errors);
    [this.#positions, this.#colors, this.#errors] = [positions, colors, errors];
  }

  finish(): SparsePoints {
    const n = this.#count;
    return {
      count: n,
      positions: this.#positions.slice(0, n * 3),
      colors: this.#colors.slice(0, n * 3),
      errors: this.#errors.slice(0, n),
    };
  }
}

export function wantedIds(samples: Iterable<readonly RawObservation[]>): Map<number, number> {
  const wanted = new Map<number, number>();
  for (const sample of samples) for (const [, , id] of sample) wanted.set(id, -1);
  return wanted;
}

export function resolveObservations(sample: readonly RawObservation[], indexOf: Map<number, number>): Observations {
  const known = sample.filter(([, , id]) => (indexOf.get(id) ?? -1) >= 0);
  const pointIndices = new Uint32Array(known.length);
  const pixels = new Float32Array(known.length * 2);
  known.forEach(([x, y, id], i) => {
    pointIndices[i] = indexOf.get(id)!;
    pixels[i * 2] = x;
    pixels[i * 2 + 1] = y;
  });
  return { pointIndices, pixels };
}
