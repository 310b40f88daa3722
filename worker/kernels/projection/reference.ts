/**
 * Projection of 3D Gaussians to the screen and its derivative, in float64: the definition the kernels follow.
 *
 * EWA splatting (Zwicker et al. 2001) as 3D Gaussian Splatting uses it. With M = J W R(q) S, where S = diag(exp(log
 * scales)), W the rotation of the camera and J the Jacobian of the perspective at the clamped camera point,
 *   Sigma = M M^T + 0.3 I,   conic = Sigma^-1.
 * Working with M [2, 3] instead of 3 x 3 covariances gives det Sigma without cancellation (Cauchy-Binet: det M M^T is
 * the squared length of the cross product of the two rows) and a backward pass that is three small products.
 */
import {
  ALPHA_MIN,
  BOX_SIGMAS,
  cameraCentre,
  type JacobianBounds,
  jacobianBounds,
  LOW_PASS,
  nearPlane,
  type PinholeView,
  PROJECTED,
  PROJECTED_FLOATS,
  SCREEN_GRADIENT,
  SCREEN_GRADIENT_FLOATS,
} from '../shared/index.ts';
import { type ShDegree, shCoefficientCount, shColour, shColourBackward } from '../spherical-harmonics/index.ts';

/** Parameters of N Gaussians in rows; `sh` has (shDegree + 1)^2 coefficients of 3 channels. */
export interface GaussianParameters {
  /** [N, 3] in the world. */
  readonly means: ArrayLike<number>;
  /** [N, 4] wxyz, normalised inside. */
  readonly quaternions: ArrayLike<number>;
  /** [N, 3] */
  readonly logScales: ArrayLike<number>;
  /** [N] */
  readonly logitOpacities: ArrayLike<number>;
  /** [N, (shDegree + 1)^2, 3] */
  readonly sh: ArrayLike<number>;
  readonly shDegree: ShDegree;
}

/** Derivatives in the raw parameters, same shapes as {@link GaussianParameters}. */
export type GaussianGradients = Record<'means' | 'quaternions' | 'logScales' | 'logitOpacities' | 'sh', Float64Array>;

/** Where one Gaussian lands. Undefined when it is behind the near plane or its box misses the image. */
export interface ProjectedGeometry {
  readonly x: number;
  readonly y: number;
  readonly depth: number;
  /** Sigma as (xx, xy, yy), px^2. */
  readonly covariance: readonly [number, number, number];
  readonly determinant: number;
}

interface Intermediate extends ProjectedGeometry {
  /** Camera point. */
  readonly camera: readonly [number, number, number];
  /** x/z and y/z as the Jacobian sees them, and whether they were left free. */
  readonly slopeX: number;
  readonly slopeY: number;
  readonly freeX: boolean;
  readonly freeY: boolean;
  /** Unit quaternion and the length it had. */
  readonly quaternion: readonly [number, number, number, number];
  readonly quaternionLength: number;
  /** [3, 3] rotation of the Gaussian and its scales. */
  readonly rotation: readonly number[];
  readonly scales: readonly [number, number, number];
  /** [2, 3] J W and M = J W R S. */
  readonly projection: readonly number[];
  readonly shape: readonly number[];
}

/** Geometry of Gaussian `index`, or undefined when it is skipped. NaN anywhere also skips it. */
export function projectGeometry(
  parameters: GaussianParameters,
  index: number,
  view: PinholeView,
): ProjectedGeometry | undefined {
  return projectOne(parameters, index, view, jacobianBounds(view));
}

/** [N, 16] projected records (see PROJECTED). */
export function projectGaussians(
  parameters: GaussianParameters,
  view: PinholeView,
  activeShDegree: ShDegree = parameters.shDegree,
): Float64Array {
  const count = parameters.logitOpacities.length;
  const bounds = jacobianBounds(view);
  const centre = cameraCentre(view);
  const records = new Float64Array(count * PROJECTED_FLOATS);
  for (let i = 0; i < count; i++) {
    const record = records.subarray(i * PROJECTED_FLOATS, (i + 1) * PROJECTED_FLOATS);
    record[PROJECTED.extentX] = -1;
    const geometry = projectOne(parameters, i, view, bounds);
    const opacity = sigmoid(parameters.logitOpacities[i]);
    if (geometry === undefined || !(opacity >= ALPHA_MIN)) continue;
    const [xx, xy, yy] = geometry.covariance;
    const cutoff = 2 * Math.log(opacity / ALPHA_MIN);
    const colour = shColour(colourInputs(parameters, i, centre, activeShDegree));
    record[PROJECTED.x] = geometry.x;
    record[PROJECTED.y] = geometry.y;
    record[PROJECTED.conicA] = yy / geometry.determinant;
    record[PROJECTED.conicB] = -xy / geometry.determinant;
    record[PROJECTED.conicC] = xx / geometry.determinant;
    record[PROJECTED.opacity] = opacity;
    record.set(colour, PROJECTED.red);
    record[PROJECTED.depth] = geometry.depth;
    record[PROJECTED.extentX] = Math.min(Math.sqrt(cutoff * xx), Math.ceil(BOX_SIGMAS * Math.sqrt(xx)));
    record[PROJECTED.extentY] = Math.min(Math.sqrt(cutoff * yy), Math.ceil(BOX_SIGMAS * Math.sqrt(yy)));
    record[PROJECTED.cutoff] = cutoff;
    record[PROJECTED.conicDet] = 1 / geometry.determinant;
  }
  return records;
}

/** Gradients in the parameters for `upstream` [N, 12] (see SCREEN_GRADIENT); zero for culled Gaussians. */
export function projectGaussiansBackward(
  parameters: GaussianParameters,
  view: PinholeView,
  upstream: ArrayLike<number>,
  activeShDegree: ShDegree = parameters.shDegree,
): GaussianGradients {
  const count = parameters.logitOpacities.length;
  const shFloats = 3 * shCoefficientCount(parameters.shDegree);
  const bounds = jacobianBounds(view);
  const centre = cameraCentre(view);
  const gradients: GaussianGradients = {
    means: new Float64Array(3 * count),
    quaternions: new Float64Array(4 * count),
    logScales: new Float64Array(3 * count),
    logitOpacities: new Float64Array(count),
    sh: new Float64Array(shFloats * count),
  };
  for (let i = 0; i < count; i++) {
    const at = projectOne(parameters, i, view, bounds);
    const opacity = sigmoid(parameters.logitOpacities[i]);
    if (at === undefined || !(opacity >= ALPHA_MIN)) continue;
    const g = Array.from({ length: SCREEN_GRADIENT_FLOATS }, (_, k) => upstream[i * SCREEN_GRADIENT_FLOATS + k]);

    gradients.logitOpacities[i] = g[SCREEN_GRADIENT.opacity] * opacity * (1 - opacity);
    const colour = shColourBackward(colourInputs(parameters, i, centre, activeShDegree), g.slice(0, 3));
    gradients.sh.set(colour.sh, i * shFloats);

    const shape = shapeGradient(at, g);
    const shapeFrame = timesFrameTransposed(shape, at.rotation, at.scales);
    const camera = cameraGradient(at, g, shapeFrame, view);
    const m = view.cameraFromWorld;
    for (let axis = 0; axis < 3; axis++) {
      const rotated = m[axis] * camera[0] + m[4 + axis] * camera[1] + m[8 + axis] * camera[2];
      gradients.means[3 * i + axis] = rotated + colour.mean[axis];
    }

    // M = T (R S) with T = J W: d(R S) = T^T dM.
    const rotationGradient = new Array<number>(9).fill(0);
    for (let k = 0; k < 3; k++) {
      let scaleGradient = 0;
      for (let row = 0; row < 3; row++) {
        const frame = at.projection[row] * shape[k] + at.projection[3 + row] * shape[3 + k];
        scaleGradient += frame * at.rotation[3 * row + k];
        rotationGradient[3 * row + k] = frame * at.scales[k];
      }
      gradients.logScales[3 * i + k] = scaleGradient * at.scales[k];
    }
    gradients.quaternions.set(quaternionGradient(at, rotationGradient), 4 * i);
  }
  return gradients;
}

function projectOne(
  parameters: GaussianParameters,
  index: number,
  view: PinholeView,
  bounds: JacobianBounds,
): Intermediate | undefined {
  const m = view.cameraFromWorld;
  const [px, py, pz] = [0, 1, 2].map((axis) => parameters.means[3 * index + axis]);
  const toCamera = (row: number) => m[4 * row] * px + m[4 * row + 1] * py + m[4 * row + 2] * pz + m[4 * row + 3];
  const camera = [toCamera(0), toCamera(1), toCamera(2)] as const;
  const depth = camera[2];
  if (!(depth > nearPlane(view))) return undefined;

  const slopeX = Math.min(Math.max(camera[0] / depth, bounds.minX), bounds.maxX);
  const slopeY = Math.min(Math.max(camera[1] / depth, bounds.minY), bounds.maxY);

  const raw = [0, 1, 2, 3].map((k) => parameters.quaternions[4 * index + k]);
  const quaternionLength = Math.hypot(...raw);
  const [w, x, y, z] = raw.map((value) => value / quaternionLength);
  const rotation = rotationMatrix(w, x, y, z);
  const scale = (k: number) => Math.exp(parameters.logScales[3 * index + k]);
  const scales = [scale(0), scale(1), scale(2)] as const;

  const projection = new Array<number>(6).fill(0);
  const shape = new Array<number>(6).fill(0);
  for (let k = 0; k < 3; k++) {
    projection[k] = (view.fx / depth) * (m[k] - slopeX * m[8 + k]);
    projection[3 + k] = (view.fy / depth) * (m[4 + k] - slopeY * m[8 + k]);
  }
  for (let k = 0; k < 3; k++) {
    for (let row = 0; row < 3; row++) {
      shape[k] += projection[row] * rotation[3 * row + k] * scales[k];
      shape[3 + k] += projection[3 + row] * rotation[3 * row + k] * scales[k];
    }
  }
  const [a0, a1, a2, b0, b1, b2] = shape;
  const traceX = a0 * a0 + a1 * a1 + a2 * a2;
  const traceY = b0 * b0 + b1 * b1 + b2 * b2;
  const area = (a1 * b2 - a2 * b1) ** 2 + (a2 * b0 - a0 * b2) ** 2 + (a0 * b1 - a1 * b0) ** 2;
  const xx = traceX + LOW_PASS;
  const yy = traceY + LOW_PASS;
  const determinant = area + LOW_PASS * (traceX + traceY + LOW_PASS);

  const screenX = (view.fx * camera[0]) / depth + view.cx;
  const screenY = (view.fy * camera[1]) / depth + view.cy;
  const boxX = Math.ceil(BOX_SIGMAS * Math.sqrt(xx));
  const boxY = Math.ceil(BOX_SIGMAS * Math.sqrt(yy));
  const meetsImage =
    screenX + boxX > 0 && screenX - boxX < view.widthPixels && screenY + boxY > 0 && screenY - boxY < view.heightPixels;
  if (!meetsImage) return undefined;

  return {
    x: screenX,
    y: screenY,
    depth,
    covariance: [xx, a0 * b0 + a1 * b1 + a2 * b2, yy],
    determinant,
    camera,
    slopeX,
    slopeY,
    freeX: slopeX === camera[0] / depth,
    freeY: slopeY === camera[1] / depth,
    quaternion: [w, x, y, z],
    quaternionLength,
    rotation,
    scales,
    projection,
    shape,
  };
}

/** [2, 3] dL/dM. With G the symmetric conic gradient, dL/dSigma = -C G C, and Sigma = M M^T gives 2 dL/dSigma M. */
function shapeGradient(at: Intermediate, g: readonly number[]): number[] {
  const [xx, xy, yy] = at.covariance;
  const a = yy / at.determinant;
  const b = -xy / at.determinant;
  const c = xx / at.determinant;
  const ga = g[SCREEN_GRADIENT.conicA];
  const gb = g[SCREEN_GRADIENT.conicB] / 2;
  const gc = g[SCREEN_GRADIENT.conicC];
  // Rows of C G, then -C G C.
  const [p, q, r, s] = [a * ga + b * gb, a * gb + b * gc, b * ga + c * gb, b * gb + c * gc];
  const dxx = -(p * a + q * b);
  const dxy = -(p * b + q * c);
  const dyy = -(r * b + s * c);
  const m = at.shape;
  const gradient = new Array<number>(6);
  for (let k = 0; k < 3; k++) {
    gradient[k] = 2 * (dxx * m[k] + dxy * m[3 + k]);
    gradient[3 + k] = 2 * (dxy * m[k] + dyy * m[3 + k]);
  }
  return gradient;
}

/** [2, 3] dL/dT = dM (R S)^T for M = T (R S). */
function timesFrameTransposed(shape: readonly number[], rotation: readonly number[], scales: readonly number[]) {
  const gradient = new Array<number>(6).fill(0);
  for (let row = 0; row < 3; row++) {
    for (let k = 0; k < 3; k++) {
      gradient[row] += shape[k] * rotation[3 * row + k] * scales[k];
      gradient[3 + row] += shape[3 + k] * rotation[3 * row + k] * scales[k];
    }
  }
  return gradient;
}

/** dL/d(camera point) through the screen position, the depth and the Jacobian. A clamped slope passes nothing. */
function cameraGradient(
  at: Intermediate,
  g: readonly number[],
  projectionGradient: readonly number[],
  view: PinholeView,
): [number, number, number] {
  const m = view.cameraFromWorld;
  const z = at.depth;
  const dot = (offset: number, row: number) =>
    projectionGradient[offset] * m[4 * row] +
    projectionGradient[offset + 1] * m[4 * row + 1] +
    projectionGradient[offset + 2] * m[4 * row + 2];
  // T = [fx/z (W0 - u W2); fy/z (W1 - v W2)] with slopes u, v.
  const scaleX = view.fx / z;
  const scaleY = view.fy / z;
  const dScaleX = dot(0, 0) - at.slopeX * dot(0, 2);
  const dScaleY = dot(3, 1) - at.slopeY * dot(3, 2);
  const dSlopeX = at.freeX ? -scaleX * dot(0, 2) : 0;
  const dSlopeY = at.freeY ? -scaleY * dot(3, 2) : 0;
  // The screen position uses the unclamped slopes.
  const dx = (dSlopeX + view.fx * g[SCREEN_GRADIENT.x]) / z;
  const dy = (dSlopeY + view.fy * g[SCREEN_GRADIENT.y]) / z;
  const dz =
    g[SCREEN_GRADIENT.depth] - (dx * at.camera[0] + dy * at.camera[1]) / z - (dScaleX * scaleX + dScaleY * scaleY) / z;
  return [dx, dy, dz];
}

/** dL/d(raw quaternion) from dL/dR [3, 3]. */
function quaternionGradient(at: Intermediate, d: readonly number[]): number[] {
  const [w, x, y, z] = at.quaternion;
  const unit = [
    2 * (x * (d[7] - d[5]) + y * (d[2] - d[6]) + z * (d[3] - d[1])),
    2 * (w * (d[7] - d[5]) + y * (d[1] + d[3]) + z * (d[2] + d[6]) - 2 * x * (d[4] + d[8])),
    2 * (w * (d[2] - d[6]) + x * (d[1] + d[3]) + z * (d[5] + d[7]) - 2 * y * (d[0] + d[8])),
    2 * (w * (d[3] - d[1]) + x * (d[2] + d[6]) + y * (d[5] + d[7]) - 2 * z * (d[0] + d[4])),
  ];
  const along = unit[0] * w + unit[1] * x + unit[2] * y + unit[3] * z;
  return unit.map((value, k) => (value - along * at.quaternion[k]) / at.quaternionLength);
}

/** Row-major rotation of a unit quaternion. */
function rotationMatrix(w: number, x: number, y: number, z: number): number[] {
  return [
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  ];
}

function colourInputs(
  parameters: GaussianParameters,
  index: number,
  centre: readonly number[],
  activeDegree: ShDegree,
) {
  const shFloats = 3 * shCoefficientCount(parameters.shDegree);
  const row = (values: ArrayLike<number>, length: number) =>
    Float64Array.from({ length }, (_, k) => values[index * length + k]);
  return { mean: row(parameters.means, 3), cameraCentre: centre, sh: row(parameters.sh, shFloats), activeDegree };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
