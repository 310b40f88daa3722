/** One selection and one current frame for every panel. */
import type { ViewPickResult } from '../../contract/index.ts';

export type PickedPoint = NonNullable<ViewPickResult>;

export interface SelectionState {
  /** Index into `FrameColumns` of the current capture; 0 without frames. */
  readonly frame: number;
  readonly frameCount: number;
  readonly playing: boolean;
  /** Ids of `objects.list`, in the order they were selected; the last one is the primary. */
  readonly objects: readonly number[];
  /** Under the pointer in some panel; the others highlight it too. */
  readonly hoveredObject: number | null;
  /** Surface point picked in the scene. */
  readonly point: PickedPoint | null;
  /** What was selected last: the Inspector shows it. */
  readonly subject: 'frame' | 'objects' | 'point';
}

export const initialSelection: SelectionState = {
  frame: 0,
  frameCount: 0,
  playing: false,
  objects: [],
  hoveredObject: null,
  point: null,
  subject: 'frame',
};

function clampFrame(frame: number, frameCount: number): number {
  return Math.max(0, Math.min(frameCount - 1, Number.isFinite(frame) ? Math.round(frame) : 0));
}

export function withFrame(state: SelectionState, frame: number): SelectionState {
  const next = clampFrame(frame, state.frameCount);
  return next === state.frame ? state : { ...state, frame: next };
}

/** Another capture: the same index where it exists, so that switching models of one video keeps the place. */
export function withFrameCount(state: SelectionState, frameCount: number): SelectionState {
  return { ...state, frameCount, frame: clampFrame(state.frame, frameCount), playing: state.playing && frameCount > 1 };
}

export type SelectMode = 'replace' | 'toggle' | 'add';

export function withObjects(state: SelectionState, ids: readonly number[], mode: SelectMode): SelectionState {
  const rest = state.objects.filter((id) => !ids.includes(id));
  const objects =
    mode === 'replace'
      ? [...ids]
      : mode === 'add'
        ? [...rest, ...ids]
        : [...rest, ...ids.filter((id) => !state.objects.includes(id))];
  return { ...state, objects, subject: objects.length > 0 ? 'objects' : 'frame' };
}

/** Objects that no longer exist leave the selection. */
export function withExistingObjects(state: SelectionState, existing: ReadonlySet<number>): SelectionState {
  const objects = state.objects.filter((id) => existing.has(id));
  if (objects.length === state.objects.length) return state;
  const subject = objects.length === 0 && state.subject === 'objects' ? 'frame' : state.subject;
  return { ...state, objects, subject };
}
