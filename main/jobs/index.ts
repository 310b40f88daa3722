/** @public door of main/jobs */
export { type DemoOutcome, demoPlan, runDemo } from './demo.ts';
export { type EvaluateOptions, evaluateProject, latestSplats } from './evaluate.ts';
export { type ImportIntoProjectOptions, type ImportSummary, importIntoProject } from './import.ts';
export { type RenderOptions, renderProject } from './render.ts';
export { type RunJobOptions, type RunningJob, runJob, startJob } from './run-job.ts';
export { generateScene, type SceneOptions } from './scene.ts';
export { type TrainOptions, type TrainOutcome, trainProject } from './train.ts';
