/**
 * Memory layouts shared by the splat kernels and everything that fills or reads their buffers.
 * layout.as.ts holds the same numbers for the kernels.
 */

/** Side of a square image tile in pixels. */
export const TILE = 16;

/** Gaussians per lane block: a parameter of K floats is stored [ceil(N/4)][K][4] float32 (see {@link packLanes}). */
export const LANES = 4;

/**
 * Projected record: one row of 16 float32 per Gaussian, the index of each field. Lengths in pixels.
 * `extentX` and `extentY` are half-widths of the exact box in which alpha reaches 1/255; `extentX` is -1 and every
 * other field 0 when the Gaussian is culled. `cutoff` is 2 ln(255 opacity): the squared Mahalanobis radius of that
 * box. `conicDet` is the determinant a c - b^2 of the conic, computed without cancellation as 1 / det(Sigma).
 */
export const PROJECTED = {
  x: 0,
  y: 1,
  conicA: 2,
  conicB: 3,
  conicC: 4,
  opacity: 5,
  red: 6,
  green: 7,
  blue: 8,
  depth: 9,
  extentX: 10,
  extentY: 11,
  cutoff: 12,
  conicDet: 13,
} as const;
export const PROJECTED_FLOATS = 16;
export const PROJECTED_BYTES = 4 * PROJECTED_FLOATS;

/** Derivatives of the loss with respect to the fields of a projected record: one row of 12 float32 per Gaussian. */
export const SCREEN_GRADIENT = {
  red: 0,
  green: 1,
  blue: 2,
  depth: 3,
  opacity: 4,
  x: 5,
  y: 6,
  conicA: 7,
  conicB: 8,
  conicC: 9,
} as const;
export const SCREEN_GRADIENT_FLOATS = 12;
export const SCREEN_GRADIENT_BYTES = 4 * SCREEN_GRADIENT_FLOATS;

/**
 * Gradient slot of one (tile, Gaussian) instance, 12 float32, with g = dL/dsigma,
 * sigma = (a dx^2 + c dy^2) / 2 + b dx dy and (dx, dy) = pixel - mean.
 */
export const SLOT = { red: 0, green: 1, blue: 2, depth: 3, g: 4, gx: 5, gy: 6, gxx: 7, gxy: 8, gyy: 9 } as const;
export const SLOT_FLOATS = 12;
export const SLOT_BYTES = 4 * SLOT_FLOATS;

/** Contributions below this alpha are skipped. */
export const ALPHA_MIN = 1 / 255;
/** Alpha is capped here; no gradient flows at the cap. */
export const ALPHA_MAX = 0.999;
/** A Gaussian that would bring the transmittance to this or below is not blended and ends the pixel. */
export const STOP_TRANSMITTANCE = 1e-4;
/** Added to both diagonal elements of the 2D covariance, px^2: the low-pass filter of EWA splatting. */
export const LOW_PASS = 0.3;
/** Half-width of the box that decides culling, in standard deviations (rounded up to whole pixels). */
export const BOX_SIGMAS = 3.33;
/** How far x/z may leave the image before the Jacobian is held, as a multiple of tan(fov/2). */
export const JACOBIAN_MARGIN = 0.3;
export const DEFAULT_NEAR_PLANE = 0.01;
