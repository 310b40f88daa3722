/** @public door of worker/segmentation */
export { type GraphSegmentation, segmentByGraph } from './graph-segmenter.ts';
export { segmentFrames } from './jobs.ts';
export { MasksWriter } from './masks-writer.ts';
