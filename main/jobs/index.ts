/** @public door of main/jobs */
export { type RunJobOptions, type RunningJob, runJob, startJob } from './run-job.ts';
