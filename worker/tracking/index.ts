/** @public door of worker/tracking */

export { ObjectHistories } from './assemble.ts';
export { evaluateTracks } from './evaluate.ts';
export { matchesOf, plainFigures, type StateFigures, StateScore, scoreTracks, type TrackingScore } from './figures.ts';
export { TrackingInputs, trackObjects } from './job.ts';
export { TrackingNetworks } from './networks.ts';
export { type ObservedFrame, type ObservedSegment, observeFrame } from './observe.ts';
export { type ObservedScene, observeScene } from './observed-scene.ts';
export { createAssociator, trackingParametersOf } from './recipes.ts';
