import { commandsOf, formatChord, isMac, MENUS } from '../commands/index.ts';
import { type Studio, useStudio } from '../state/index.ts';
import { Menu, type MenuItem } from '../ui/index.ts';

function itemsOf(studio: Studio, menu: (typeof MENUS)[number]): readonly MenuItem[] {
  return commandsOf(menu).flatMap((command): MenuItem[] => {
    const key = command.keys[0];
    const item: MenuItem = {
      id: command.id,
      label: command.title,
      disabled: !command.enabled(studio),
      run: () => command.run(studio),
      ...(key === undefined ? {} : { keys: formatChord(key, isMac()) }),
    };
    return command.group === true ? [{ id: `${command.id}-rule`, separator: true }, item] : [item];
  });
}

/** The menus of the browser shell; the desktop has native ones from the same table. */
export function MenuBar() {
  const studio = useStudio();

  function sideways(event: React.KeyboardEvent<HTMLElement>) {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('[aria-haspopup="menu"]')];
    const open = buttons.findIndex((button) => button.getAttribute('aria-expanded') === 'true');
    const at = open >= 0 ? open : buttons.indexOf(document.activeElement as HTMLButtonElement);
    const next = buttons[(at + by + buttons.length) % buttons.length];
    event.preventDefault();
    next?.focus();
    if (open >= 0) next?.click();
  }

  return (
    <nav className="menu-bar" aria-label="Menus" onKeyDown={sideways}>
      {MENUS.map((menu) => (
        <Menu
          key={menu}
          label={menu}
          items={() => itemsOf(studio, menu)}
          trigger={(props, open) => (
            <button {...props} type="button" className="menu-bar-item" data-open={open}>
              {menu}
            </button>
          )}
        />
      ))}
    </nav>
  );
}
