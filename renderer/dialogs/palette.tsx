import { useId, useRef, useState } from 'react';
import { type Command, commands, formatChord, isMac, searchCommands } from '../commands/index.ts';
import { useStudio } from '../state/index.ts';
import { Dialog, Icon, Kbd } from '../ui/index.ts';

/** Every command by name. What cannot be done now is not offered. */
export function Palette() {
  const studio = useStudio();
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const [offered] = useState(() =>
    commands.filter((command) => command.hold !== true && command.id !== 'view.palette' && command.enabled(studio)),
  );
  const found = searchCommands(query, offered);
  const at = Math.min(active, Math.max(0, found.length - 1));

  function choose(command: Command | undefined) {
    if (command === undefined) return;
    studio.closeDialog();
    command.run(studio);
  }

  function move(event: React.KeyboardEvent) {
    if (event.key === 'Enter') {
      event.preventDefault();
      choose(found[at]);
      return;
    }
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (by === 0 || found.length === 0) return;
    event.preventDefault();
    const next = (at + by + found.length) % found.length;
    setActive(next);
    list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
  }

  return (
    <Dialog title="Command palette" onClose={() => studio.closeDialog()} width={560} bare>
      <div className="palette">
        <div className="palette-field">
          <Icon name="search" />
          <input
            data-autofocus=""
            type="text"
            role="combobox"
            aria-label="Find a command"
            aria-expanded={true}
            aria-controls={`${id}-list`}
            aria-activedescendant={found.length === 0 ? undefined : `${id}-${at}`}
            placeholder="Find a command"
            autoComplete="off"
            spellCheck={false}
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setActive(0);
            }}
            onKeyDown={move}
          />
        </div>
        <div ref={list} id={`${id}-list`} role="listbox" aria-label="Commands" className="palette-list" tabIndex={-1}>
          {found.map((command, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the field, which keeps the focus
            <div
              key={command.id}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              className="palette-item"
              onPointerMove={() => setActive(index)}
              onClick={() => choose(command)}
            >
              <span>{command.title}</span>
              {command.menu !== undefined && <span className="palette-menu">{command.menu}</span>}
              {command.keys[0] !== undefined && <Kbd keys={formatChord(command.keys[0], isMac())} />}
            </div>
          ))}
        </div>
        {found.length === 0 && <p className="palette-none">No command is called that, or it cannot be used now.</p>}
      </div>
    </Dialog>
  );
}
