/** The window's own state: which dialog is open, toasts, which panel has the keyboard. */
import type { Failure, FileEntry } from '../../contract/index.ts';

export type PanelId =
  | 'frames'
  | 'scene'
  | 'timeline'
  | 'objects'
  | 'inspector'
  | 'jobs'
  | 'query'
  | 'metrics'
  | 'embeddings'
  | 'models';

export interface FileRequest {
  readonly title: string;
  /** Text of the button that chooses. */
  readonly action: string;
  readonly choose: 'folder' | 'file' | 'new-folder' | 'save';
  /** Entries that can be chosen; absent: every one of the chosen sort. */
  readonly kinds?: readonly FileEntry['kind'][];
  readonly extensions?: readonly string[];
  readonly suggestedName?: string;
}

export type DialogState =
  | { readonly kind: 'palette' }
  | { readonly kind: 'shortcuts' }
  | { readonly kind: 'import'; readonly path: string }
  | { readonly kind: 'train' }
  | { readonly kind: 'lift' }
  | { readonly kind: 'segment' }
  | { readonly kind: 'track' }
  | { readonly kind: 'train-language' }
  | { readonly kind: 'export' }
  | { readonly kind: 'layouts' }
  | { readonly kind: 'relink'; readonly captureId: number }
  | { readonly kind: 'about' }
  | { readonly kind: 'files'; readonly request: FileRequest; readonly settle: (path: string | null) => void };

export interface Toast {
  readonly id: number;
  readonly level: 'info' | 'success' | 'warning' | 'error';
  readonly text: string;
  readonly hint?: string;
}

export interface InterfaceState {
  /** Dialogs stack: choosing a file from within one returns to it. */
  readonly dialogs: readonly DialogState[];
  readonly toasts: readonly Toast[];
  readonly activePanel: PanelId | null;
  readonly openPanels: readonly PanelId[];
  /** The arrangement of panels, where there is one. `capture` gives JSON; `apply` says whether it could. */
  readonly dock: { readonly capture: () => unknown; readonly apply: (layout: unknown) => boolean } | null;
}

export const initialInterface: InterfaceState = {
  dialogs: [],
  toasts: [],
  activePanel: null,
  openPanels: [],
  dock: null,
};

/** Toasts beyond this many push the oldest out. */
const MAX_TOASTS = 4;

export function withToast(state: InterfaceState, toast: Toast): InterfaceState {
  const others = state.toasts.filter(({ text }) => text !== toast.text);
  return { ...state, toasts: [...others, toast].slice(-MAX_TOASTS) };
}

export function toastOf(id: number, failure: Failure): Toast {
  const base = { id, level: 'error' as const, text: failure.message };
  return failure.hint === undefined ? base : { ...base, hint: failure.hint };
}
