/** @public door of worker/metrics */
export { type FloatImage, psnr, ssim } from './image.ts';
