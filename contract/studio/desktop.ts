/**
 * What the desktop shell adds, as `window.liftscopeDesktop` (preload, context-isolated); absent in a browser. The renderer learns
 * which shell it runs in here and nowhere else.
 */
import type { MenuCommand } from './menu.ts';

export interface DesktopCapability {
  readonly platform: string;
  /** Null when the user cancelled. Chosen paths may be opened from then on. */
  chooseFolder(title: string): Promise<string | null>;
  chooseFile(title: string, extensions: readonly string[]): Promise<string | null>;
  chooseSavePath(title: string, suggestedName: string): Promise<string | null>;
  showInFolder(path: string): Promise<void>;
  /** The menu of the window, from the same table as the palette. */
  setMenu(menu: readonly MenuCommand[]): Promise<void>;
  /** A menu item was chosen, or a project was opened from the file manager (`open-project:PATH`). Returns the way to stop listening. */
  onCommand(listener: (command: string) => void): () => void;
}
