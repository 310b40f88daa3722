/** @public door of worker/lifting */
export { type Lift, readLift } from './artifact.ts';
export { evaluateLift, liftObjects, type OpenedSplats, withSplats } from './job.ts';
export { readMasksFile } from './masks-file.ts';
export { mergedParameters } from './parameters.ts';
export { liftQuality, type ScoredFrame, scoreLift } from './quality.ts';
export { recipeNamed } from './recipes.ts';
export { readSceneFrames, type SceneFrames } from './scene-frames.ts';
