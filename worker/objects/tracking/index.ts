/** @public door of worker/objects/tracking */
export { type BoxDetection, ByteTracker } from './byte-track.ts';
export { carriedMask, type SeenSurface, surfaceOf } from './carried-mask.ts';
export { type Centroid, centroidOf } from './centroid.ts';
export { locationCost, squaredDistance, visualCost } from './costs.ts';
export { type AlignedDepth, DepthAligner, type DepthSpace, fitScaleShift } from './depth-alignment.ts';
export { DESCRIPTOR_LENGTH, describeSegment, type Photo } from './descriptors.ts';
export { type TrackingNoteKind, TrackingNotes } from './notes.ts';
export { type SegmentShape, shapesOfLabels } from './segments.ts';
export { StaticDepth } from './static-depth.ts';
export { type StaticInterval, StaticIntervals } from './static-intervals.ts';
export { type Ambiguity, type FrameTracks, ObjectTracker, type TrackDetection, type TrackSummary } from './tracker.ts';
export { type Camera, cameraOf, type Vector } from './view.ts';
export { type ExpectedObject, expectedState, type Visibility } from './visibility.ts';
