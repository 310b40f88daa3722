import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Kbd } from './feedback.tsx';
import { Icon, type IconName } from './icons.tsx';

export type MenuItem =
  | {
      readonly id: string;
      readonly label: string;
      readonly icon?: IconName;
      readonly keys?: string;
      readonly disabled?: boolean;
      /** A tick in front; makes it a menu item radio or checkbox. */
      readonly checked?: boolean;
      readonly run: () => void;
    }
  | { readonly id: string; readonly separator: true };

interface MenuProps {
  /** Accessible name of the menu. */
  label: string;
  /** Asked when the menu opens, so that enabled states are of that moment. */
  items: () => readonly MenuItem[];
  /** Draws the button; spread `props` onto it. */
  trigger: (props: MenuTriggerProps, open: boolean) => ReactNode;
  align?: 'start' | 'end';
}

export interface MenuTriggerProps {
  ref: React.Ref<HTMLButtonElement>;
  onClick: () => void;
  onKeyDown: (event: React.KeyboardEvent) => void;
  'aria-haspopup': 'menu';
  'aria-expanded': boolean;
  'aria-controls': string | undefined;
}

/** A menu under its button. Arrows, Home, End and first letters move; Enter and Space choose; Escape and a click elsewhere close. */
export function Menu({ label, items, trigger, align = 'start' }: MenuProps) {
  const [open, setOpen] = useState<readonly MenuItem[] | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const id = useId();

  function close(refocus: boolean) {
    setOpen(null);
    if (refocus) button.current?.focus();
  }

  useEffect(() => {
    const element = menu.current;
    const anchor = button.current?.getBoundingClientRect();
    if (open === null || element === null || anchor === undefined) return;
    element.showPopover();
    const box = element.getBoundingClientRect();
    const left = align === 'start' ? anchor.left : anchor.right - box.width;
    element.style.left = `${Math.max(8, Math.min(window.innerWidth - box.width - 8, left))}px`;
    const below = anchor.bottom + 4 + box.height <= window.innerHeight - 8;
    element.style.top = `${below ? anchor.bottom + 4 : Math.max(8, anchor.top - box.height - 4)}px`;
    element.querySelector<HTMLElement>('button:not([aria-disabled="true"])')?.focus();
  }, [open, align]);

  function move(event: React.KeyboardEvent<HTMLDivElement>) {
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('button')];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const focus = (index: number) => buttons[(index + buttons.length) % buttons.length]?.focus();
    // What is typed into a menu must not reach the commands behind it.
    // Left and right are a menu bar's.
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') return;
    event.stopPropagation();
    if (event.key === 'ArrowDown') focus(at + 1);
    else if (event.key === 'ArrowUp') focus(at - 1);
    else if (event.key === 'Home') focus(0);
    else if (event.key === 'End') focus(buttons.length - 1);
    else if (event.key === 'Escape') close(true);
    else if (event.key === 'Tab') close(false);
    else if (event.key.length === 1 && event.key !== ' ') {
      const letter = event.key.toLowerCase();
      const next = [...buttons.slice(at + 1), ...buttons].find((entry) =>
        entry.textContent?.trim().toLowerCase().startsWith(letter),
      );
      next?.focus();
    } else return;
    if (event.key !== 'Tab') event.preventDefault();
  }

  return (
    <>
      {trigger(
        {
          ref: button,
          onClick: () => setOpen(open === null ? items() : null),
          onKeyDown: (event) => {
            if (event.key !== 'ArrowDown' || open !== null) return;
            event.preventDefault();
            setOpen(items());
          },
          'aria-haspopup': 'menu',
          'aria-expanded': open !== null,
          'aria-controls': open === null ? undefined : id,
        },
        open !== null,
      )}
      {open !== null && (
        <div
          ref={menu}
          id={id}
          role="menu"
          aria-label={label}
          tabIndex={-1}
          popover="manual"
          className="ui-menu"
          onKeyDown={move}
          onBlur={(event) => {
            const next = event.relatedTarget;
            if (next === button.current) return;
            if (!(next instanceof Node) || !event.currentTarget.contains(next)) close(false);
          }}
        >
          {open.map((item) =>
            'separator' in item ? (
              <hr key={item.id} />
            ) : (
              <button
                key={item.id}
                type="button"
                role={item.checked === undefined ? 'menuitem' : 'menuitemcheckbox'}
                {...(item.checked === undefined ? {} : { 'aria-checked': item.checked })}
                aria-disabled={item.disabled === true}
                tabIndex={-1}
                onClick={() => {
                  if (item.disabled === true) return;
                  close(true);
                  item.run();
                }}
              >
                {item.checked !== undefined ? (
                  <Tick on={item.checked} />
                ) : (
                  item.icon !== undefined && <Icon name={item.icon} />
                )}
                <span>{item.label}</span>
                {item.keys !== undefined && <Kbd keys={item.keys} />}
              </button>
            ),
          )}
        </div>
      )}
    </>
  );
}

function Tick({ on }: { on: boolean }) {
  return <i style={{ width: 16, height: 16, opacity: on ? 1 : 0 }}>{<Icon name="check" />}</i>;
}
