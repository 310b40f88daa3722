/** @public door of worker/models/depth */
export { DEPTH_ENABLES, DEPTH_FILES, readDepthManifest } from './manifest.ts';
export { DepthModel } from './model.ts';
