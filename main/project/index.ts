/** @public door of main/project */

export type { FieldRow, MaskSetRow, ModelRow, QueryRow, RelevancyMapRow } from './analysis.ts';
export { type ArtifactName, ArtifactStore, parseArtifactName } from './artifacts.ts';
export type { BackupReport, ProjectCheck } from './backup.ts';
export type { CaptureOverview, StoredCapture } from './captures.ts';
export type { EditResult } from './edits.ts';
export type { JobWriteReport, SkipReason } from './job-records.ts';
export type { JobOptions, JobRow } from './jobs.ts';
export { lockForQueue, lockForTraining } from './lock.ts';
export { openProject, type Project } from './project.ts';
export type { ObservationBatch, Revision } from './records.ts';
export type { MissingFiles, RelinkReport } from './relink.ts';
export type { SplatsRow } from './splats.ts';
export { createSyntheticProject, type SyntheticOptions, type SyntheticProject } from './synthetic.ts';
export type { ObjectGeometry, ObjectSpan } from './views.ts';
