/** Records of the open project that panels share, each fetched once by `sync.ts` and kept until it changes. */
import type { FrameColumns, FrameMetrics, LanguageFieldSummary, ObjectView, QueryView } from '../../contract/index.ts';
import { IDLE, type Loadable } from './loadable.ts';

export interface ObjectsRecord {
  readonly objects: readonly ObjectView[];
  /** Part of the URLs of masks: they are fetched again when it grows. */
  readonly revision: number;
  /** Part of the URL of the observations. */
  readonly observationsRevision: number;
}

export interface RecordsState {
  /** Of the current capture; `idle` without one. */
  readonly frames: Loadable<FrameColumns>;
  /** Of the current splat model. */
  readonly metrics: Loadable<FrameMetrics>;
  readonly objects: Loadable<ObjectsRecord>;
  /** Of the current capture, saved ones and the history, newest first. */
  readonly queries: Loadable<readonly QueryView[]>;
  /** Language fields of the current splat model, newest first. */
  readonly language: Loadable<readonly LanguageFieldSummary[]>;
}

export const initialRecords: RecordsState = {
  frames: IDLE,
  metrics: IDLE,
  objects: IDLE,
  queries: IDLE,
  language: IDLE,
};
