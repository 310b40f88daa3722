export { AmodalTruth } from './amodal.ts';
export { MESSY_VISIBLE_MEAN, sceneChecks } from './checks.ts';
export { type FrameTruth, readLabels, readSceneTruth, type SceneTruth, SceneTruthError } from './read.ts';
export type { TrackState, TruthFrame, TruthObject, TruthScene, TruthTrack, TruthTracks } from './schema.ts';
export { TrackRecorder, VISIBLE_SHARE } from './tracks.ts';
export { encodeLabels, objectTable, type WriteOptions, type WriteReport, writeSceneCapture } from './write.ts';
