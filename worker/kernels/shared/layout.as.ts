// Memory layouts shared by the splat kernels. The same numbers stand in layout.ts, and a test compares the two files.

/** Side of a square image tile in pixels. */
export const TILE: i32 = 16;

/** Gaussians per lane block: parameters are stored [ceil(N/4)][K][4] float32. */
export const LANES: i32 = 4;

/** Projected record, 16 float32, one cache line. */
export const PROJECTED_BYTES: usize = 64;
export const PROJECTED_X: usize = 0;
export const PROJECTED_Y: usize = 4;
export const PROJECTED_CONIC_A: usize = 8;
export const PROJECTED_CONIC_B: usize = 12;
export const PROJECTED_CONIC_C: usize = 16;
export const PROJECTED_OPACITY: usize = 20;
export const PROJECTED_RED: usize = 24;
export const PROJECTED_GREEN: usize = 28;
export const PROJECTED_BLUE: usize = 32;
export const PROJECTED_DEPTH: usize = 36;
export const PROJECTED_EXTENT_X: usize = 40;
export const PROJECTED_EXTENT_Y: usize = 44;
export const PROJECTED_CUTOFF: usize = 48;
export const PROJECTED_CONIC_DET: usize = 52;

/** Gradient record of one Gaussian on the screen, 12 float32. */
export const SCREEN_GRADIENT_BYTES: usize = 48;
export const SCREEN_GRADIENT_RED: usize = 0;
export const SCREEN_GRADIENT_DEPTH: usize = 12;
export const SCREEN_GRADIENT_OPACITY: usize = 16;
export const SCREEN_GRADIENT_X: usize = 20;
export const SCREEN_GRADIENT_Y: usize = 24;
export const SCREEN_GRADIENT_CONIC_A: usize = 28;
export const SCREEN_GRADIENT_CONIC_B: usize = 32;
export const SCREEN_GRADIENT_CONIC_C: usize = 36;

/** Gradient slot of one (tile, Gaussian) instance, 12 float32. */
export const SLOT_BYTES: usize = 48;

/** What is drawn (methods section 1). */
export const ALPHA_MIN: f32 = 0.00392156862745098;
export const ALPHA_MAX: f32 = 0.999;
export const STOP_TRANSMITTANCE: f32 = 1e-4;
