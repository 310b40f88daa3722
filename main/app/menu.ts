import type { MenuItemConstructorOptions } from 'electron';
import type { MenuCommand } from '../../contract/index.ts';

const MENUS = ['File', 'Edit', 'View', 'Go', 'Train', 'Help'] as const satisfies readonly MenuCommand['menu'][];

export interface MenuContext {
  readonly platform: NodeJS.Platform;
  readonly name: string;
  readonly run: (commandId: string) => void;
}

/**
 * The menu bar from the page's table of commands. Accelerators are shown and not registered: the page handles keys itself, so that
 * they mean the same in both shells and nothing fires while somebody types.
 */
export function applicationMenu(
  commands: readonly MenuCommand[],
  { platform, name, run }: MenuContext,
): MenuItemConstructorOptions[] {
  const menus = MENUS.map((menu): MenuItemConstructorOptions => {
    const items = commands
      .filter((command) => command.menu === menu)
      .map(
        (command): MenuItemConstructorOptions => ({
          id: command.id,
          label: command.title,
          enabled: command.enabled,
          registerAccelerator: false,
          ...(command.accelerator !== undefined && { accelerator: command.accelerator }),
          click: () => run(command.id),
        }),
      );
    return { label: menu, submenu: [...items, ...extras(menu, items.length > 0, platform)] };
  });
  return platform === 'darwin' ? [{ label: name, role: 'appMenu' }, ...menus] : menus;
}

/** What every desktop program has there, done by Electron. */
function extras(menu: (typeof MENUS)[number], after: boolean, platform: NodeJS.Platform): MenuItemConstructorOptions[] {
  const line: MenuItemConstructorOptions[] = after ? [{ type: 'separator' }] : [];
  if (menu === 'File') return [...line, platform === 'darwin' ? { role: 'close' } : { role: 'quit' }];
  if (menu === 'Edit') return [...line, { role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }];
  if (menu === 'View') return [...line, { role: 'togglefullscreen' }];
  return [];
}
