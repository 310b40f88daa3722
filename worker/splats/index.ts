export { startBackend } from './backend.ts';
export { readSplats, type SplatArrays, splatsHash, writeSplats } from './file.ts';
export { evaluateSplats, renderSplats } from './jobs.ts';
export { SplatModel } from './model.ts';
export { randomFor, shuffled } from './random.ts';
export { type DepthRange, greyImage, type RenderedChannels, SplatRenderer } from './render.ts';
export { sceneExtentOf } from './schedule.ts';
export { viewOf } from './targets.ts';
export { type TrainingContext, trainSplats } from './trainer.ts';
