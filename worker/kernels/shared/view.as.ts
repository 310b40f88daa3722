// The camera as kernels read it, and the scratch in which the parts of one block of four Gaussians pass results to each
// other. Both are plain memory: a broadcast load costs as little as a register that had to be spilled.
// workspace.ts fills the view and allocates the scratch.

/** cameraFromWorld [3, 4] row-major. */
export const VIEW_POSE: usize = 0;
export const VIEW_FX: usize = 48;
export const VIEW_FY: usize = 52;
export const VIEW_CX: usize = 56;
export const VIEW_CY: usize = 60;
/** Bounds of x/z and y/z in the Jacobian. */
export const VIEW_MIN_X: usize = 64;
export const VIEW_MAX_X: usize = 68;
export const VIEW_MIN_Y: usize = 72;
export const VIEW_MAX_Y: usize = 76;
export const VIEW_WIDTH: usize = 80;
export const VIEW_HEIGHT: usize = 84;
export const VIEW_NEAR: usize = 88;
/** Camera centre in the world, 3 float32. */
export const VIEW_CENTRE: usize = 92;

/** Blocks that a thread takes at once: long enough to be read as a stream, short enough that all threads end together. */
export const SHARE_BLOCKS: i32 = 32;

export const SCRATCH_BYTES: usize = 2048;

// Fields of the scratch: 16 bytes, one lane per Gaussian, for each number.

/** Screen gradients: r, g, b, depth, opacity, x, y, conic a, b, c, and two unused. */
export const S_UPSTREAM: usize = 0;
/** The projected record: x, y, a, b, c, opacity, r, g, b, depth, extentX, extentY. */
export const S_RECORD: usize = 192;
/** Spherical-harmonics basis [16], and per coefficient sum over channels of coefficient * colour gradient [16]. */
export const S_BASIS: usize = 384;
export const S_SH_DOT: usize = 640;
/** Unit direction from the camera, and 1 / distance. */
export const S_DIRECTION: usize = 896;
/** Gradient of the mean through the colour. */
export const S_COLOUR_MEAN: usize = 960;
/** Gradients: mean [3], quaternion [4], log scales [3], logit opacity [1]. */
export const S_GRADIENT: usize = 1008;
export const S_GRADIENT_QUATERNION: usize = 1056;
export const S_GRADIENT_SCALE: usize = 1120;
export const S_GRADIENT_OPACITY: usize = 1168;
/** Camera point x, y, z (1 where it is not in front) and 1 / z. */
export const S_CAMERA: usize = 1184;
/** Slopes as the Jacobian sees them, and masks of those left free. */
export const S_SLOPE: usize = 1248;
/** J W [2, 3], M = J W R S [2, 3]. */
export const S_PROJECTION: usize = 1312;
export const S_SHAPE: usize = 1408;
/** Rotation of the Gaussian [3, 3] and its scales [3]. */
export const S_ROTATION: usize = 1504;
export const S_SCALES: usize = 1648;
/** Unit quaternion [4] and 1 / its raw length. */
export const S_QUATERNION: usize = 1696;
export const S_QUATERNION_INVERSE: usize = 1760;
/** Mask of the lanes beyond the near plane. */
export const S_FRONT: usize = 1776;
