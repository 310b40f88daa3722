/** @public door of worker/models/dual-encoder */
export { DUAL_ENCODER_ENABLES, DUAL_ENCODER_FILES, findDualEncoder, graphList } from './manifest.ts';
export { type DualEncoder, openDualEncoder, type RgbImage } from './model.ts';
export type { TextInspection } from './text.ts';
