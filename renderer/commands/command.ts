import type { menuCommandSchema } from '../../contract/index.ts';
import type { Studio } from '../state/index.ts';

export type CommandMenu = (typeof menuCommandSchema)['shape']['menu']['options'][number];

/**
 * Where a key works. `scene`: while the Scene panel has the keyboard, where hands rest on WASD. `frames`: while it has not.
 * `timeline`: while the Timeline
 * has it; there its keys go before all others. `global`: always. Elsewhere a key means one thing, but for `scene` and `frames`.
 */
export type CommandScope = 'global' | 'scene' | 'frames' | 'timeline';

export interface Command {
  readonly id: string;
  readonly title: string;
  /** Menu of the top bar and the native menu; absent: palette and keys alone. */
  readonly menu?: CommandMenu;
  /** Starts a new group in its menu. */
  readonly group?: true;
  readonly keys: readonly string[];
  readonly scope: CommandScope;
  /** Works while a text field has the focus, and over dialogs. */
  readonly always?: true;
  /** Held rather than pressed: listed here, read by the panel that flies. */
  readonly hold?: true;
  /**
   * What it does to the undo history. `none`: nothing recorded changes. `step`: one undoable step. `history`: walks the history.
   */
  readonly undo: 'none' | 'step' | 'history';
  readonly enabled: (studio: Studio) => boolean;
  readonly run: (studio: Studio) => void;
}
