import { nativeMenu, openProject, runCommand } from '../commands/index.ts';
import type { Studio } from '../state/index.ts';

const OPEN = 'open-project:';

/** Keeps the native menu in step with the commands and runs what is chosen there. Nothing in a browser. */
export function followDesktop(studio: Studio): () => void {
  const desktop = globalThis.liftscopeDesktop;
  if (desktop === undefined) return () => undefined;
  let sent = '';
  let timer: ReturnType<typeof setTimeout> | null = null;
  function update() {
    timer = null;
    const menu = nativeMenu(studio);
    const text = JSON.stringify(menu);
    if (text === sent) return;
    sent = text;
    void desktop?.setMenu(menu).catch(() => undefined);
  }
  const soon = () => {
    timer ??= setTimeout(update, 200);
  };
  const stops = [
    studio.session.subscribe(soon),
    studio.selection.subscribe(soon),
    studio.records.subscribe(soon),
    studio.ui.subscribe(soon),
    desktop.onCommand((command) => {
      if (command.startsWith(OPEN)) void openProject(studio, command.slice(OPEN.length));
      else if (studio.ui.getState().dialogs.length === 0) runCommand(studio, command);
    }),
  ];
  soon();
  return () => {
    for (const stop of stops) stop();
    if (timer !== null) clearTimeout(timer);
  };
}
