export { type DepthNoise, type DepthSpace, depthNoise, type SimulatedDepth, simulateDepth } from './depth.ts';
export { TeacherInputError } from './label-images.ts';
export { measureSegmenter, panopticFrame, type SegmenterQuality, trackingFrame } from './measure.ts';
export { NOISE_PRESETS, type NoisePreset } from './presets.ts';
export { type Segment, type SegmentedImage, type SegmenterNoise, segmenterNoise, segmentImage } from './segmenter.ts';
export {
  type Detection,
  SimulatedTracker,
  type TrackedImage,
  type TrackerFrame,
  type TrackerNoise,
  type TrackerObject,
  trackerNoise,
} from './tracker.ts';
