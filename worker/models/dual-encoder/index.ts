/** @public door of worker/models/dual-encoder */
export { type DualEncoder, openDualEncoder, type RgbImage } from './model.ts';
export type { TextInspection } from './text.ts';
