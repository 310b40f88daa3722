/** One row per object: what the studio lists and a user sorts by. */
import type { LiftedObject } from '../../../contract/index.ts';
import type { GaussianObjects } from './vote.ts';

export interface TableInput extends GaussianObjects {
  readonly objects: number;
  /** [N, 3] */
  readonly means: Float32Array;
  /** [N] */
  readonly logitOpacities: Float32Array;
}

/** Share of an object's mass that its extent leaves out at each end of each axis: stray Gaussians do not count. */
const EXTENT_TAIL = 0.02;
const BEST_FRAMES = 5;

/**
 * Centroid: mean position weighted by opacity and confidence. Extent: axis-aligned box between the 2nd and the 98th percentile.
 * Best frames: those whose instance map shows most of the object. Objects without a Gaussian and without a pixel are left out.
 * @param areas pixels of each object, [objects + 1], per frame name
 */
export function objectsTable(
  input: TableInput,
  areas: readonly { readonly frame: string; readonly areaPx: Uint32Array }[],
): LiftedObject[] {
  const { objects, objectOfGaussian, confidence, means, logitOpacities } = input;
  const members: number[][] = Array.from({ length: objects + 1 }, () => []);
  for (let i = 0; i < objectOfGaussian.length; i++) members[objectOfGaussian[i]!]!.push(i);
  const rows: LiftedObject[] = [];
  for (let object = 1; object <= objects; object++) {
    const own = members[object]!;
    const seen = areas
      .filter(({ areaPx }) => areaPx[object]! > 0)
      .sort((a, b) => b.areaPx[object]! - a.areaPx[object]! || (a.frame < b.frame ? -1 : 1));
    if (own.length === 0 && seen.length === 0) continue;
    let mass = 0;
    let trust = 0;
    const centroid = [0, 0, 0];
    for (const i of own) {
      const opacity = 1 / (1 + Math.exp(-logitOpacities[i]!));
      const weight = opacity * confidence[i]!;
      mass += weight;
      trust += confidence[i]!;
      for (let axis = 0; axis < 3; axis++) centroid[axis]! += weight * means[3 * i + axis]!;
    }
    const box = [0, 1, 2].map((axis) => {
      const sorted = Float32Array.from(own, (i) => means[3 * i + axis]!).sort();
      const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
      return [at(EXTENT_TAIL), at(1 - EXTENT_TAIL)] as const;
    });
    rows.push({
      id: object,
      gaussians: own.length,
      centroid: own.length === 0 ? null : vector(centroid.map((sum) => (mass > 0 ? sum / mass : 0))),
      extent:
        own.length === 0 ? null : { min: vector(box.map(([low]) => low)), max: vector(box.map(([, high]) => high)) },
      frames: seen.length,
      bestFrames: seen.slice(0, BEST_FRAMES).map(({ frame, areaPx }) => ({ frame, areaPx: areaPx[object]! })),
      confidence: own.length === 0 ? 0 : trust / own.length,
    });
  }
  return rows;
}

function vector(values: readonly number[]): [number, number, number] {
  return [values[0]!, values[1]!, values[2]!];
}
