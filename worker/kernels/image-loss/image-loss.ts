import { type Backend, type DeviceBuffer, GrowingBuffers, type Kernel } from '../../compute/index.ts';
import { imageLossOnWebgpu, targetMeansOnWebgpu } from './kernel.wgsl.ts';
import { WINDOW_RADIUS } from './reference.ts';

/** Per thread: constants, 8 temporary rows and two windows of 46, each row of 4 planes of 336 floats (kernel.as.ts). */
const SCRATCH_BYTES_PER_THREAD = 64 + (8 + 2 * 46) * 4 * 336 * 4;
/** float32 pairs per row of a channel: sum of |x - y|, sum of SSIM. */
const ROW_SUM_BYTES = 8;

/** Working memory of {@link imageLoss}; its size hardly depends on the image's. One object serves every view. */
export class ImageLossWorkspace extends GrowingBuffers {
  constructor(backend: Backend) {
    super(backend, 'image loss');
  }
}

export interface ImageLossArgs {
  readonly width: number;
  readonly height: number;
  /** [3, H, W] float32. */
  readonly rendered: DeviceBuffer;
  /** [3, H, W] uint8; compared as value / 255. */
  readonly target: DeviceBuffer;
  /** [3, H, W] float32 from {@link targetMeans} of the same target: saves one of seven blurs. */
  readonly means?: DeviceBuffer;
  /** Weight of 1 - SSIM against the mean absolute difference; 0.2 in Kerbl et al. 2023. */
  readonly lambda: number;
  /** Out: [3, H, W] float32, dLoss/dRendered. */
  readonly gradient: DeviceBuffer;
  /** Out: float64 {mean absolute difference, mean SSIM}; the loss is (1 - lambda) L1 + lambda (1 - SSIM). */
  readonly sums: DeviceBuffer;
  readonly workspace: ImageLossWorkspace;
}

/** Bytes of {@link ImageLossArgs.sums}. */
export const IMAGE_LOSS_SUMS_BYTES = 16;

/** Training loss and its gradient; imageLossReference is the definition. */
export const imageLoss: Kernel<ImageLossArgs> = {
  name: 'imageLoss',
  wasm(backend, args) {
    const { width, height, lambda, workspace } = args;
    const values = requireImages(args);
    if (values === 0) {
      backend.write(args.sums, Float64Array.of(0, 1));
      return;
    }
    const rowSums = workspace.ensure('row sums', 3 * height * ROW_SUM_BYTES);
    const scratch = workspace.ensure('scratch', backend.threads * SCRATCH_BYTES_PER_THREAD);
    backend.dispatch(
      'image-loss.gradient',
      backend.address(args.rendered),
      backend.address(args.target),
      args.means === undefined ? 0 : backend.address(args.means),
      backend.address(args.gradient),
      backend.address(rowSums),
      width,
      height,
      (-4 * lambda) / values,
      (1 - lambda) / values,
      backend.address(scratch),
      SCRATCH_BYTES_PER_THREAD,
      backend.counters,
      backend.address(args.sums),
    );
  },
  webgpu(backend, args) {
    if (requireImages(args) === 0) backend.write(args.sums, Float64Array.of(0, 1));
    else imageLossOnWebgpu(backend, args);
  },
};

function requireImages(args: ImageLossArgs): number {
  const { width, height } = args;
  requireSize(width, height, 'rendered', args.rendered, 4);
  requireSize(width, height, 'target', args.target, 1);
  if (args.means !== undefined) requireSize(width, height, 'means', args.means, 4);
  return requireSize(width, height, 'gradient', args.gradient, 4);
}

export interface TargetMeansArgs {
  readonly width: number;
  readonly height: number;
  /** [3, H, W] uint8. */
  readonly target: DeviceBuffer;
  /** Out: [3, H, W] float32. */
  readonly means: DeviceBuffer;
  readonly workspace: ImageLossWorkspace;
}

/** The window's mean of target / 255 at every pixel, zero-padded: what {@link ImageLossArgs.means} caches per photo. */
export const targetMeans: Kernel<TargetMeansArgs> = {
  name: 'targetMeans',
  wasm(backend, args) {
    requireSize(args.width, args.height, 'target', args.target, 1);
    const values = requireSize(args.width, args.height, 'means', args.means, 4);
    if (values === 0) return;
    const scratch = args.workspace.ensure('scratch', backend.threads * SCRATCH_BYTES_PER_THREAD);
    backend.dispatch(
      'image-loss.means',
      backend.address(args.target),
      backend.address(args.means),
      args.width,
      args.height,
      backend.address(scratch),
      SCRATCH_BYTES_PER_THREAD,
    );
  },
  webgpu(backend, args) {
    requireSize(args.width, args.height, 'target', args.target, 1);
    const values = requireSize(args.width, args.height, 'means', args.means, 4);
    if (values > 0) targetMeansOnWebgpu(backend, args);
  },
};

/** Least work and traffic of one call: arithmetic, and each input and output moved once. */
export function imageLossCost(args: { width: number; height: number; hasMeans: boolean }): {
  flops: number;
  bytes: number;
} {
  const values = 3 * args.width * args.height;
  // A separable blur by a symmetric window: radius additions and radius + 1 multiply-adds per direction.
  const blurFlops = 2 * (WINDOW_RADIUS + 2 * WINDOW_RADIUS + 1);
  const blurs = args.hasMeans ? 6 : 7;
  const pointwiseFlops = 5 + 28 + 10;
  return {
    flops: values * (blurs * blurFlops + pointwiseFlops),
    bytes: values * (4 + 1 + 4 + (args.hasMeans ? 4 : 0)),
  };
}

/** Number of values; refuses a buffer too small for the image, which a kernel would read or write past. */
function requireSize(width: number, height: number, name: string, buffer: DeviceBuffer, bytesPerValue: number): number {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 0 || height < 0) {
    throw new RangeError(`image size ${width}x${height} is not a number of pixels`);
  }
  const values = 3 * width * height;
  if (buffer.sizeBytes < values * bytesPerValue) {
    throw new RangeError(
      `${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes; 3x${height}x${width} needs ${values * bytesPerValue}`,
    );
  }
  return values;
}
