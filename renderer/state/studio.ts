/** Every store of the window and the actions on them, made once (and once per test). No DOM in here. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Failure } from '../../contract/index.ts';
import type { Transport } from '../transport/index.ts';
import { type CameraState, initialCamera } from './camera.ts';
import {
  type DialogState,
  type FileRequest,
  type InterfaceState,
  initialInterface,
  type PanelId,
  type Toast,
  toastOf,
  withToast,
} from './interface.ts';
import { failureOf, isAbort } from './loadable.ts';
import { initialQueries, type QueriesState } from './queries.ts';
import { initialRecords, type RecordsState } from './records.ts';
import { initialSegment, type SegmentState } from './segment.ts';
import {
  initialSelection,
  type PickedPoint,
  type SelectionState,
  type SelectMode,
  withFrame,
  withObjects,
} from './selection.ts';
import { initialSession, type SessionState } from './session.ts';
import { initialView, type ViewState } from './view.ts';

export interface Studio {
  readonly transport: Transport;
  readonly session: StoreApi<SessionState>;
  readonly records: StoreApi<RecordsState>;
  readonly selection: StoreApi<SelectionState>;
  readonly view: StoreApi<ViewState>;
  readonly camera: StoreApi<CameraState>;
  readonly segment: StoreApi<SegmentState>;
  readonly queries: StoreApi<QueriesState>;
  readonly ui: StoreApi<InterfaceState>;

  /** Goes to a frame, clamped to the capture; the frame becomes the subject of the Inspector. */
  goToFrame(frame: number): void;
  step(frames: number): void;
  setPlaying(playing: boolean): void;
  selectObjects(ids: readonly number[], mode?: SelectMode): void;
  hoverObject(id: number | null): void;
  selectPoint(point: PickedPoint | null): void;
  setFramesView(change: Partial<ViewState['frames']>): void;
  setSceneView(change: Partial<ViewState['scene']>): void;

  openDialog(dialog: DialogState): void;
  /** Closes the topmost dialog. */
  closeDialog(): void;
  toast(level: Toast['level'], text: string, hint?: string): void;
  toastFailure(failure: Failure): void;
  dismissToast(id: number): void;
  /** Runs something that may fail; a failure becomes a toast and `undefined`. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** Asks for a path in the shell's own way; null when cancelled. */
  choosePath(request: FileRequest): Promise<string | null>;
  /** Handlers that mounted panels offer to commands, by command id. */
  readonly handlers: Map<string, () => void>;
  showPanel(panel: PanelId): void;
}

export function createStudio(transport: Transport): Studio {
  const session = createStore<SessionState>(() => initialSession);
  const records = createStore<RecordsState>(() => initialRecords);
  const selection = createStore<SelectionState>(() => initialSelection);
  const view = createStore<ViewState>(() => initialView);
  const camera = createStore<CameraState>(() => initialCamera);
  const segment = createStore<SegmentState>(() => initialSegment);
  const queries = createStore<QueriesState>(() => initialQueries);
  const ui = createStore<InterfaceState>(() => initialInterface);
  const handlers = new Map<string, () => void>();
  let toasts = 0;

  const studio: Studio = {
    transport,
    session,
    records,
    selection,
    view,
    camera,
    segment,
    queries,
    ui,
    handlers,

    goToFrame(frame) {
      selection.setState((state) => ({ ...withFrame(state, frame), subject: 'frame' as const }), true);
    },
    step(frames) {
      studio.goToFrame(selection.getState().frame + frames);
    },
    setPlaying(playing) {
      selection.setState((state) => ({ playing: playing && state.frameCount > 1 }));
    },
    selectObjects(ids, mode = 'replace') {
      selection.setState((state) => withObjects(state, ids, mode), true);
    },
    hoverObject(id) {
      if (selection.getState().hoveredObject !== id) selection.setState({ hoveredObject: id });
    },
    selectPoint(point) {
      selection.setState((state) => ({ point, subject: point === null ? state.subject : ('point' as const) }));
      if (point !== null && point.objectId !== null) studio.selectObjects([point.objectId]);
    },
    setFramesView(change) {
      view.setState((state) => ({ frames: { ...state.frames, ...change } }));
    },
    setSceneView(change) {
      view.setState((state) => ({ scene: { ...state.scene, ...change } }));
    },

    openDialog(dialog) {
      ui.setState((state) => ({ dialogs: [...state.dialogs.filter(({ kind }) => kind !== dialog.kind), dialog] }));
    },
    closeDialog() {
      const top = ui.getState().dialogs.at(-1);
      ui.setState((state) => ({ dialogs: state.dialogs.slice(0, -1) }));
      if (top?.kind === 'files') top.settle(null);
    },
    toast(level, text, hint) {
      toasts += 1;
      const toast: Toast = hint === undefined ? { id: toasts, level, text } : { id: toasts, level, text, hint };
      ui.setState((state) => withToast(state, toast), true);
    },
    toastFailure(failure) {
      toasts += 1;
      ui.setState((state) => withToast(state, toastOf(toasts, failure)), true);
    },
    dismissToast(id) {
      ui.setState((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) }));
    },
    async attempt(work) {
      try {
        return await work();
      } catch (error) {
        if (!isAbort(error)) studio.toastFailure(failureOf(error));
        return undefined;
      }
    },
    choosePath(request) {
      const desktop = globalThis.liftscopeDesktop;
      if (desktop !== undefined) {
        if (request.choose === 'file') return desktop.chooseFile(request.title, request.extensions ?? []);
        if (request.choose === 'folder') return desktop.chooseFolder(request.title);
        return desktop.chooseSavePath(request.title, request.suggestedName ?? '');
      }
      return new Promise((resolve) => {
        studio.openDialog({ kind: 'files', request, settle: resolve });
      });
    },
    showPanel(panel) {
      handlers.get(`panel.${panel}`)?.();
    },
  };
  return studio;
}
