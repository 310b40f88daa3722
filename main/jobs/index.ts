/** @public door of main/jobs */
export { type AmodalOptions, type AmodalOutcome, makeAmodal } from './amodal.ts';
export { type DemoOutcome, demoPlan, runDemo } from './demo.ts';
export { type EvaluateOptions, evaluateProject, latestSplats } from './evaluate.ts';
export { evaluateTracksOf } from './evaluate-tracks.ts';
export { framesForWorker } from './frames.ts';
export { type ImportIntoProjectOptions, type ImportSummary, importIntoProject } from './import.ts';
export {
  askProject,
  type LanguageOptions,
  type LanguageOutcome,
  type QueryOptions,
  type QueryOutcome,
  queryProject,
  trainLanguageProject,
} from './language.ts';
export {
  evaluateNewestLift,
  type LiftEvaluation,
  type LiftOptions,
  type LiftOutcome,
  liftProject,
  liftSplats,
} from './lift.ts';
export {
  type JobQueue,
  type JobQueueOptions,
  openJobQueue,
  type QueueMessage,
  type StoredTable,
} from './queue/index.ts';
export { type RenderOptions, renderProject } from './render.ts';
export { type RunJobOptions, type RunningJob, runJob, startJob } from './run-job.ts';
export { generateScene, type SceneOptions } from './scene.ts';
export { findSceneTruth, testSplitOf } from './scene-truth.ts';
export { type SegmentOptions, type SegmentOutcome, segmentProject } from './segment.ts';
export { type TrackOptions, type TrackOutcome, trackCapture, trackProject } from './track.ts';
export { type TrainOptions, type TrainOutcome, trainProject } from './train.ts';
export {
  type ViewCallOptions,
  ViewClient,
  type ViewClientOptions,
  type ViewEmbeddingInput,
  type ViewPickInput,
  type ViewQueryInput,
  type ViewRenderInput,
  type ViewRenderOptions,
  type ViewRenderOutcome,
  type ViewSegmentInput,
  type ViewThumbnailInput,
} from './view-client.ts';
