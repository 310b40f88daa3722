export type { CameraState } from './camera.ts';
export type { DialogState, FileRequest, PanelId, Toast } from './interface.ts';
export { failureOf, isAbort, type Loadable } from './loadable.ts';
export type { QueriesState, QueryLayer } from './queries.ts';
export {
  StudioProvider,
  useCamera,
  useCommandHandler,
  useInterface,
  useQueries,
  useRecords,
  useSegment,
  useSelection,
  useSession,
  useStudio,
  useView,
} from './react.tsx';
export type { ObjectsRecord, RecordsState } from './records.ts';
export type { SegmentPoint, SegmentState } from './segment.ts';
export type { PickedPoint, SelectionState, SelectMode } from './selection.ts';
export { isActive, type SessionState } from './session.ts';
export { createStudio, type Studio } from './studio.ts';
export { followHost, loadJob } from './sync.ts';
export type { CompareMode, FrameLayer, Theme, ViewState } from './view.ts';
export { parseView } from './view-settings.ts';
