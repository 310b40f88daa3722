/** @public door of worker/amodal */

export { type AmodalFrame, AmodalMasks, fitInterval, type SegmentSighting } from './intervals.ts';
export { makeAmodalMasks } from './job.ts';
