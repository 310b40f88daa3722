import type { Studio } from '../state/index.ts';
import { type KeyPress, matches } from './chord.ts';
import type { Command } from './command.ts';
import { commands } from './table.ts';

/** What has the focus, as far as keys care. `text`: typing. `control`: Space, Enter, arrows, Home and End belong to it. */
export type FocusKind = 'text' | 'control' | 'none';

const CONTROL_KEYS = new Set([' ', 'Enter', 'Home', 'End', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight']);

/** The command a key press means now, or null. */
export function commandForKey(studio: Studio, press: KeyPress, focus: FocusKind, mac: boolean): Command | null {
  const { dialogs, activePanel } = studio.ui.getState();
  const inScene = activePanel === 'scene';
  const inTimeline = activePanel === 'timeline';
  const own = (command: Command): boolean => command.scope === 'timeline';
  const inOrder = inTimeline ? [...commands.filter(own), ...commands] : commands;
  for (const command of inOrder) {
    if (command.hold === true) continue;
    if (!command.keys.some((chord) => matches(chord, press, mac))) continue;
    if (command.scope === 'scene' && !inScene) continue;
    if (command.scope === 'frames' && inScene) continue;
    if (own(command) && !inTimeline) continue;
    if (command.always !== true && (focus === 'text' || dialogs.length > 0)) continue;
    if (focus === 'control' && CONTROL_KEYS.has(press.key) && !press.ctrlKey && !press.metaKey && !press.shiftKey)
      continue;
    if (command.enabled(studio)) return command;
  }
  return null;
}

function focusKind(target: EventTarget | null): FocusKind {
  if (!(target instanceof HTMLElement)) return 'none';
  if (target.isContentEditable) return 'text';
  if (target instanceof HTMLTextAreaElement) return 'text';
  if (target instanceof HTMLInputElement)
    return ['checkbox', 'radio', 'range', 'button', 'color'].includes(target.type) ? 'control' : 'text';
  if (target instanceof HTMLSelectElement) return 'control';
  const control = target.closest(
    'button, a, summary, [role=slider], [role=grid], [role=listbox], [role=tab], [role=menu], [role=tree]',
  );
  return control === null ? 'none' : 'control';
}

/** Listens for the keys of every command until the returned function is called. */
export function listenForKeys(studio: Studio, target: Window): () => void {
  const mac = isMac();
  const listener = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const command = commandForKey(studio, event, focusKind(event.target), mac);
    if (command === null) return;
    event.preventDefault();
    command.run(studio);
  };
  target.addEventListener('keydown', listener);
  return () => target.removeEventListener('keydown', listener);
}

export function isMac(): boolean {
  return globalThis.navigator?.platform?.startsWith('Mac') ?? false;
}
