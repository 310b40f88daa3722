import type { MenuCommand } from '../../contract/index.ts';
import type { Studio } from '../state/index.ts';
import { acceleratorOf } from './chord.ts';
import type { Command, CommandMenu } from './command.ts';
import { commands } from './table.ts';

export const MENUS: readonly CommandMenu[] = ['File', 'Edit', 'View', 'Go', 'Train', 'Help'];

export function commandsOf(menu: CommandMenu): readonly Command[] {
  return commands.filter((command) => command.menu === menu);
}

/** The native menu of the desktop shell: the same table, as of now. */
export function nativeMenu(studio: Studio): readonly MenuCommand[] {
  return MENUS.flatMap((menu) =>
    commandsOf(menu).map((command) => {
      const key = command.keys[0];
      const base = { id: command.id, title: command.title, menu, enabled: command.enabled(studio) };
      return key === undefined ? base : { ...base, accelerator: acceleratorOf(key) };
    }),
  );
}

/** Commands whose title or id contains every word, best first: a title that starts with the query, then the table's order. */
export function searchCommands(query: string, candidates: readonly Command[]): readonly Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const whole = words.join(' ');
  return candidates
    .filter(({ title, id }) => words.every((word) => `${title} ${id}`.toLowerCase().includes(word)))
    .map((command, index) => ({ command, index, first: command.title.toLowerCase().startsWith(whole) ? 0 : 1 }))
    .sort((a, b) => a.first - b.first || a.index - b.index)
    .map(({ command }) => command);
}
