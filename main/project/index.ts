/** @public door of main/project */
export { type ArtifactName, ArtifactStore, parseArtifactName } from './artifacts.ts';
export type { StoredCapture } from './captures.ts';
export type { JobOptions, JobRow } from './jobs.ts';
export { lockForQueue, lockForTraining } from './lock.ts';
export { openProject, type Project } from './project.ts';
export type { SplatsRow } from './splats.ts';
