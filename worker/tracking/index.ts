/** @public door of worker/tracking */
export { evaluateTracks } from './evaluate.ts';
export { plainFigures, scoreTracks, type TrackingScore } from './figures.ts';
export { trackObjects } from './job.ts';
export { type ObservedScene, observeScene } from './observed-scene.ts';
export { createAssociator, trackingParametersOf } from './recipes.ts';
