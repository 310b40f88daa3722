/**
 * View-dependent colour from real spherical harmonics up to degree 3, in float64: the definition the kernels follow.
 * Basis in the order and with the signs of 3D Gaussian Splatting (Kerbl et al. 2023); the direction points from the
 * camera to the Gaussian. Colour = max(SH + 0.5, 0), without gradient below 0.
 */

const C0 = 0.28209479177387814;
const C1 = 0.4886025119029199;
const C2_XY = 1.0925484305920792;
const C2_Z = 0.31539156525252005;
const C2_XX = 0.5462742152960396;
const C3_XXX = 0.5900435899266435;
const C3_XYZ = 2.890611442640554;
const C3_XZZ = 0.4570457994644658;
const C3_ZZZ = 0.3731763325901154;
const C3_XXZ = 1.445305721320277;

export type ShDegree = 0 | 1 | 2 | 3;

/** (degree + 1)^2 coefficients per channel. */
export function shCoefficientCount(degree: ShDegree): number {
  return (degree + 1) ** 2;
}

/** Basis values at the unit direction (x, y, z), (degree + 1)^2 of them. */
export function shBasis(x: number, y: number, z: number, degree: ShDegree): number[] {
  const basis = [C0];
  if (degree >= 1) basis.push(-C1 * y, C1 * z, -C1 * x);
  if (degree >= 2) {
    basis.push(
      C2_XY * x * y,
      -C2_XY * y * z,
      C2_Z * (2 * z * z - x * x - y * y),
      -C2_XY * x * z,
      C2_XX * (x * x - y * y),
    );
  }
  if (degree >= 3) {
    basis.push(
      -C3_XXX * y * (3 * x * x - y * y),
      C3_XYZ * x * y * z,
      -C3_XZZ * y * (4 * z * z - x * x - y * y),
      C3_ZZZ * z * (2 * z * z - 3 * x * x - 3 * y * y),
      -C3_XZZ * x * (4 * z * z - x * x - y * y),
      C3_XXZ * z * (x * x - y * y),
      -C3_XXX * x * (x * x - 3 * y * y),
    );
  }
  return basis;
}

/** Partial derivatives of {@link shBasis} in x, y and z, each taken with the other two held. */
export function shBasisPartials(
  x: number,
  y: number,
  z: number,
  degree: ShDegree,
): readonly (readonly [number, number, number])[] {
  const partials: [number, number, number][] = [[0, 0, 0]];
  if (degree >= 1) partials.push([0, -C1, 0], [0, 0, C1], [-C1, 0, 0]);
  if (degree >= 2) {
    partials.push(
      [C2_XY * y, C2_XY * x, 0],
      [0, -C2_XY * z, -C2_XY * y],
      [-2 * C2_Z * x, -2 * C2_Z * y, 4 * C2_Z * z],
      [-C2_XY * z, 0, -C2_XY * x],
      [2 * C2_XX * x, -2 * C2_XX * y, 0],
    );
  }
  if (degree >= 3) {
    const band = 4 * z * z - x * x - y * y;
    partials.push(
      [-6 * C3_XXX * x * y, -3 * C3_XXX * (x * x - y * y), 0],
      [C3_XYZ * y * z, C3_XYZ * x * z, C3_XYZ * x * y],
      [2 * C3_XZZ * x * y, -C3_XZZ * (band - 2 * y * y), -8 * C3_XZZ * y * z],
      [-6 * C3_ZZZ * x * z, -6 * C3_ZZZ * y * z, 3 * C3_ZZZ * (2 * z * z - x * x - y * y)],
      [-C3_XZZ * (band - 2 * x * x), 2 * C3_XZZ * x * y, -8 * C3_XZZ * x * z],
      [2 * C3_XXZ * x * z, -2 * C3_XXZ * y * z, C3_XXZ * (x * x - y * y)],
      [-3 * C3_XXX * (x * x - y * y), 6 * C3_XXX * x * y, 0],
    );
  }
  return partials;
}

/** One Gaussian's colour and what it depends on. */
export interface ShColourInputs {
  /** [3] in the world. */
  readonly mean: ArrayLike<number>;
  /** [3] in the world. */
  readonly cameraCentre: ArrayLike<number>;
  /** [(stored degree + 1)^2, 3]; coefficients above the active degree are ignored. */
  readonly sh: ArrayLike<number>;
  readonly activeDegree: ShDegree;
}

/** [3] colour, not clamped above. */
export function shColour(inputs: ShColourInputs): [number, number, number] {
  const { x, y, z } = direction(inputs);
  const basis = shBasis(x, y, z, inputs.activeDegree);
  const channel = (c: number) => {
    let sum = 0.5;
    for (let k = 0; k < basis.length; k++) sum += basis[k] * inputs.sh[3 * k + c];
    return Math.max(sum, 0);
  };
  return [channel(0), channel(1), channel(2)];
}

/** Gradients of a loss with colour gradient `upstream` [3] in the mean [3] and the coefficients (shape of `sh`). */
export function shColourBackward(
  inputs: ShColourInputs,
  upstream: ArrayLike<number>,
): { readonly mean: [number, number, number]; readonly sh: Float64Array } {
  const { x, y, z, length } = direction(inputs);
  const basis = shBasis(x, y, z, inputs.activeDegree);
  const partials = shBasisPartials(x, y, z, inputs.activeDegree);
  const colour = shColour(inputs);
  const sh = new Float64Array(inputs.sh.length);
  const unit = [0, 0, 0];
  for (let c = 0; c < 3; c++) {
    if (!(colour[c] > 0)) continue;
    for (let k = 0; k < basis.length; k++) {
      sh[3 * k + c] = basis[k] * upstream[c];
      for (let axis = 0; axis < 3; axis++) unit[axis] += upstream[c] * inputs.sh[3 * k + c] * partials[k][axis];
    }
  }
  // d(v / |v|)/dv = (I - d d^T) / |v|: the component along the direction does not turn it.
  const along = unit[0] * x + unit[1] * y + unit[2] * z;
  return { mean: [(unit[0] - along * x) / length, (unit[1] - along * y) / length, (unit[2] - along * z) / length], sh };
}

function direction({ mean, cameraCentre }: ShColourInputs): { x: number; y: number; z: number; length: number } {
  const x = mean[0] - cameraCentre[0];
  const y = mean[1] - cameraCentre[1];
  const z = mean[2] - cameraCentre[2];
  const length = Math.hypot(x, y, z);
  return { x: x / length, y: y / length, z: z / length, length };
}
